"""How loud one frequency is in a piece of sound."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


def level_at(hz: float, samples: Sequence[int], rate: int) -> float:
    """Level in dBFS (RMS) of the sine of this frequency (Goertzel); -127 is silence."""
    turn = 2 * math.cos(2 * math.pi * hz / rate)
    last = before = 0.0
    for sample in samples:
        last, before = sample / 32768 + turn * last - before, last
    power = last * last + before * before - turn * last * before
    # a sine of RMS level L has a power of L² N² / 2
    return max(-127.0, 10 * math.log10(2 * power / len(samples) ** 2)) if power > 0 else -127.0


def clearest_level_at(hz: float, samples: Sequence[int], rate: int) -> float:
    """The level in the fifth of a second that has most of it: a machine that is busy loses some of the sound."""
    size = rate // 5
    starts = range(0, max(len(samples) - size, 0) + 1, size // 2)
    return max(level_at(hz, samples[start : start + size], rate) for start in starts)
