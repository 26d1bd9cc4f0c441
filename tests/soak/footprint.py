"""What a process holds on to, and how that grows."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import linear_regression, median
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Sequence

FLAT = ("descriptors", "threads", "tasks")


@dataclass(frozen=True)
class Sample:
    """This process after so many calls; `resident` in bytes."""

    calls: int
    resident: int
    descriptors: int
    threads: int
    tasks: int

    @classmethod
    def take(cls, calls: int) -> Sample:
        """Measures now, inside of a Trio run."""
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        return cls(
            calls=calls,
            resident=pages * os.sysconf("SC_PAGE_SIZE"),
            descriptors=len(os.listdir("/proc/self/fd")),
            threads=len(os.listdir("/proc/self/task")),
            tasks=trio.lowlevel.current_statistics().tasks_living,
        )


@dataclass(frozen=True)
class Verdict:
    """`slope` is in bytes a call, by least squares over the second half; `grown` names what else grew in it."""

    slope: float
    grown: dict[str, float]

    def broken(self, limit: float) -> list[str]:
        """Returns a sentence for each broken limit."""
        sentences = [f"{name} grew by {by:g} over the second half" for name, by in self.grown.items()]
        if self.slope >= limit:
            sentences.append(f"memory grew by {self.slope:.0f} bytes a call, {limit:.0f} are allowed")
        return sentences


def judge(samples: Sequence[Sample]) -> Verdict:
    """Judges the second half of a run; `ValueError` if that is less than four samples."""
    half = samples[len(samples) // 2 :]
    if len(half) < 4:
        raise ValueError("four samples in the second half are needed")
    slope = linear_regression([sample.calls for sample in half], [sample.resident for sample in half]).slope
    return Verdict(slope, {name: by for name in FLAT if (by := _growth(half, name)) > 0})


def _growth(samples: Sequence[Sample], name: str) -> float:
    """By how much the median of the last quarter is above that of the first: one that lingers is no leak."""
    values: list[int] = [asdict(sample)[name] for sample in samples]
    quarter = max(len(values) // 4, 1)
    return float(median(values[-quarter:]) - median(values[:quarter]))
