"""The verdict over a soak's samples."""

from __future__ import annotations

import pytest

from soak.footprint import Sample, judge


def samples(slope: float = 0, descriptors: int = 10, more: int = 0) -> list[Sample]:
    """Samples that grow wildly in the first half, and as asked for in the second."""
    first = [Sample(calls, calls * 1_000_000, calls, 3, 5) for calls in range(10)]
    second = [Sample(calls, round(calls * slope), descriptors + more * (calls > 15), 3, 5) for calls in range(10, 20)]
    return first + second


def test_the_first_half_does_not_count() -> None:
    assert judge(samples()).broken(1024) == []


def test_memory_that_grows() -> None:
    assert judge(samples(slope=1000)).broken(1024) == []
    assert judge(samples(slope=2000)).broken(1024) == ["memory grew by 2000 bytes a call, 1024 are allowed"]


def test_descriptors_that_grow() -> None:
    assert judge(samples(more=2)).broken(1024) == ["descriptors grew by 2 over the second half"]


def test_too_few_samples() -> None:
    with pytest.raises(ValueError, match="four samples"):
        judge(samples()[:6])
