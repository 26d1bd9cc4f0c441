"""How good a call sounds, estimated from its numbers."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from c2c._c2c import CallStats


def mean_opinion_score(stats: CallStats) -> float:
    """Returns an estimate from 1 (bad) to 4.5 (excellent) by a simplified E-model (ITU-T G.107) for wideband speech.

    Delay counts as round trip and twice the jitter; each per cent of lost or late packets takes 2.5 off R.
    """
    delay = (stats.round_trip or 0.0) * 1000 + 2 * stats.jitter * 1000 + 10
    rating = 94.768 - (delay / 40 if delay < 160 else (delay - 120) / 10)
    rating = min(max(rating - 2.5 * loss_percent(stats), 6.52), 100.0)
    return 1 + 0.035 * rating + 7e-6 * rating * (rating - 60) * (100 - rating)


def loss_percent(stats: CallStats) -> float:
    """Returns how many of a hundred packets were lost or came too late."""
    missing = stats.packets_lost + stats.packets_discarded
    expected = stats.packets_received + stats.packets_lost
    return 100 * max(missing, 0) / expected if expected > 0 else 0.0


def verdict(score: float) -> str:
    """Returns the score in a word."""
    names = ((4.2, "excellent"), (4.0, "good"), (3.6, "fair"), (3.1, "poor"))
    return next((name for least, name in names if score >= least), "bad")
