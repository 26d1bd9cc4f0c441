"""Sines: made for one side of a call, recognised on the other."""

from __future__ import annotations

import cmath
import math
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from .peer import PeerError

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

FULL_SCALE = 32768.0
_LOWEST_HZ = 60.0


@dataclass(frozen=True)
class Tone:
    """What dominates a piece of sound.

    `hz` is the strongest frequency, `rms` the level of the whole (1.0 = full scale; a sine of
    amplitude a has a/sqrt(2)), `purity` the share of the energy that lies in the strongest peak.
    """

    hz: float
    rms: float
    purity: float

    def is_near(self, hz: float, tolerance: float = 0.02) -> bool:
        """Whether this is a clear tone of that frequency, give or take the tolerance (a ratio)."""
        return self.purity > 0.8 and abs(self.hz - hz) <= hz * tolerance


SILENCE = Tone(0.0, 0.0, 0.0)


def sine(hz: float, amplitude: float, rate: int, seconds: float) -> list[int]:
    """A sine as signed 16-bit samples; amplitude 0 to 1 of full scale."""
    step = 2 * math.pi * hz / rate
    peak = amplitude * (FULL_SCALE - 1)
    return [round(peak * math.sin(step * n)) for n in range(round(rate * seconds))]


def measure(samples: Sequence[int], rate: int) -> Tone:
    """Finds the dominant frequency in signed 16-bit mono samples.

    Looks at the last power of two of them: a third of a second is plenty.
    """
    size = 1 << max(0, len(samples).bit_length() - 1)
    if size < 256:
        return SILENCE
    window = [sample / FULL_SCALE for sample in samples[-size:]]
    rms = math.sqrt(sum(sample * sample for sample in window) / size)
    if rms < 1e-4:
        return SILENCE
    power = _power_spectrum(window)
    lowest = max(2, math.ceil(_LOWEST_HZ * size / rate))
    peak = max(range(lowest, len(power) - 4), key=power.__getitem__)
    # A Hann window spreads a sine over a few bins.
    purity = sum(power[max(1, peak - 4) : peak + 5]) / sum(power[1:])
    return Tone((peak + _offset(power, peak)) * rate / size, rms, purity)


def wait_for_tone(heard: Callable[[], Tone], hz: float, seconds: float, window: float) -> Tone:
    """Polls until a tone of that frequency has lasted for a window (s) and returns it.

    Raises PeerError with what was heard instead.
    """
    end = time.monotonic() + seconds
    while True:
        if heard().is_near(hz):
            # The first sight of it still has the silence before in its window.
            time.sleep(window)
            if (tone := heard()).is_near(hz):
                return tone
        if time.monotonic() > end:
            raise PeerError(f"no tone of {hz:g} Hz within {seconds:g} s, but {heard()}")
        time.sleep(0.1)


def _power_spectrum(window: Sequence[float]) -> list[float]:
    size = len(window)
    hann = (0.5 - 0.5 * math.cos(2 * math.pi * n / size) for n in range(size))
    spectrum = _fft([complex(sample * weight) for sample, weight in zip(window, hann, strict=True)])
    return [abs(value) ** 2 for value in spectrum[: size // 2]]


def _fft(values: list[complex]) -> list[complex]:
    """Cooley-Tukey, radix 2."""
    size = len(values)
    if size == 1:
        return values
    even, odd = _fft(values[::2]), _fft(values[1::2])
    turned = [cmath.exp(-2j * math.pi * k / size) * value for k, value in enumerate(odd)]
    sums = [a + b for a, b in zip(even, turned, strict=True)]
    return sums + [a - b for a, b in zip(even, turned, strict=True)]


def _offset(power: Sequence[float], peak: int) -> float:
    """Where between the bins the peak lies: the top of a parabola through its logarithms."""
    below, top, above = (math.log(power[peak + k] + 1e-30) for k in (-1, 0, 1))
    curvature = below - 2 * top + above
    return 0.0 if curvature == 0 else 0.5 * (below - above) / curvature
