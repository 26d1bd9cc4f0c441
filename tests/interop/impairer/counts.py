"""What happened to the packets of one direction."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

BUCKET = 0.0001
"""Seconds; how fine lateness is counted."""

_BUCKETS = 500


@dataclass
class Counts:
    """Every packet offered is delivered, dropped for one of the reasons, or still in flight."""

    offered: int = 0
    offered_bytes: int = 0
    delivered: int = 0
    delivered_bytes: int = 0
    lost: int = 0
    """By `loss`."""
    lost_in_bursts: int = 0
    """By `burst`, and not by `loss` as well."""
    queue_full: int = 0
    """The queue before the rate limit had no room."""
    overflowed: int = 0
    """More packets in flight than the impairer keeps."""
    cut: int = 0
    """Offered or in flight while the link was down."""
    undelivered: int = 0
    """The receiving device took no packets: it was down."""
    reordered: int = 0
    """Of the packets that left: held back, and overtaken by at least one."""
    link_local: int = 0
    """Not offered: no router passes them on (RFC 4291 §2.5.6, RFC 3927 §2.7)."""


@dataclass
class Lateness:
    """How much later than due packets left, where they were due later than they came."""

    packets: int = 0
    longest: float = 0.0
    _buckets: list[int] = field(default_factory=lambda: [0] * (_BUCKETS + 1), repr=False)

    def count(self, late: float) -> None:
        """Counts one packet."""
        self.packets += 1
        self.longest = max(self.longest, late)
        self._buckets[min(int(late / BUCKET), _BUCKETS)] += 1

    def percentile(self, share: float) -> float:
        """Returns the bucket edge, in seconds, that this share of the packets stayed under; beyond 50 ms the worst."""
        wanted, seen = share * self.packets, 0
        for number, count in enumerate(self._buckets[:-1]):
            seen += count
            if seen >= wanted:
                return (number + 1) * BUCKET
        return self.longest

    def over(self, seconds: float) -> int:
        """Returns how many packets were that late or later."""
        return sum(self._buckets[round(seconds / BUCKET) :])


def report(counts: Counts, lateness: Lateness, in_flight: int) -> dict[str, Any]:
    """Returns everything as JSON takes it; times in milliseconds."""
    late = {
        "packets": lateness.packets,
        "p50_ms": round(lateness.percentile(0.5) * 1e3, 1),
        "p99_ms": round(lateness.percentile(0.99) * 1e3, 1),
        "longest_ms": round(lateness.longest * 1e3, 2),
        "over_5ms": lateness.over(0.005),
    }
    return {**asdict(counts), "in_flight": in_flight, "late": late}
