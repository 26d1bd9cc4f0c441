"""Sounds that an agent plays and hears."""

from __future__ import annotations

import math
import sys
import wave
from array import array
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from c2c._c2c import Clip

Sound: TypeAlias = Clip | Path | str | bytes


@dataclass(frozen=True, repr=False)
class Heard:
    """What an agent heard since the answer: signed 16-bit mono `samples` at `rate` Hz."""

    samples: array[int]
    rate: int

    def __repr__(self) -> str:
        return f"Heard({self.duration:.2f} s at {self.rate} Hz, {self.level:.1f} dBFS)"

    @property
    def duration(self) -> float:
        """Its length in seconds."""
        return len(self.samples) / self.rate

    @property
    def level(self) -> float:
        """Its RMS level in dBFS; -127 is silence."""
        return level_of(self.samples)

    def between(self, start: float, end: float) -> Heard:
        """The part from second `start` to second `end`."""
        return Heard(self.samples[int(start * self.rate) : int(end * self.rate)], self.rate)

    def save(self, path: str | Path) -> None:
        """Write it as a WAV file."""
        save_wav(path, self.samples, self.rate)


def tone(frequency: float, seconds: float, *, level: float = -20.0, rate: int = 48_000) -> Clip:
    """A sine tone at `level` dBFS (RMS)."""
    peak = 32768 * math.sqrt(2) * 10 ** (level / 20)
    step = 2 * math.pi * frequency / rate
    return Clip(array("h", (round(peak * math.sin(step * n)) for n in range(int(seconds * rate)))), rate)


def clip_of(sound: Sound) -> Clip:
    """The clip to be played. Raises ValueError for what is no WAV, OSError for an unreadable file."""
    if isinstance(sound, Clip):
        return sound
    return Clip.from_wav(sound if isinstance(sound, bytes) else Path(sound).read_bytes())


def level_of(samples: array[int]) -> float:
    """RMS level in dBFS; -127 is silence."""
    energy = sum(sample * sample for sample in samples) / max(len(samples), 1)
    return max(-127.0, 10 * math.log10(energy / 32768**2)) if energy else -127.0


def save_wav(path: str | Path, samples: array[int], rate: int) -> None:
    """Write signed 16-bit mono samples as a WAV file."""
    if sys.byteorder == "big":
        samples = samples[:]
        samples.byteswap()
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(rate)
        file.writeframes(samples.tobytes())
