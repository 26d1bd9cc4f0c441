"""The verdict over a soak's samples."""

from __future__ import annotations

from dataclasses import replace

import pytest

from soak.footprint import FLAT, Sample, judge


def samples(slope: float = 0, **more: int) -> list[Sample]:
    """Samples that grow wildly in the first half, and as asked for in the second."""
    first = [Sample(calls, calls * 1_000_000, calls, 3, 5) for calls in range(10)]
    second = [Sample(calls, round(calls * slope), 10, 3, 5) for calls in range(10, 20)]
    grown = [replace(one, **{name: getattr(one, name) + by for name, by in more.items()}) for one in second[6:]]
    return first + second[:6] + grown


def test_the_first_half_does_not_count() -> None:
    assert judge(samples()).broken(1024) == []


def test_memory_that_grows() -> None:
    assert judge(samples(slope=1000)).broken(1024) == []
    assert judge(samples(slope=2000)).broken(1024) == ["memory grew by 2000 bytes a call, 1024 are allowed"]


@pytest.mark.parametrize("what", FLAT)
def test_what_else_grows(what: str) -> None:
    assert judge(samples(**{what: 2})).broken(1024) == [f"{what} grew by 2 over the second half"]


def test_too_few_samples() -> None:
    with pytest.raises(ValueError, match="four samples"):
        judge(samples()[:6])
