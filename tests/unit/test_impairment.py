"""The impairer's settings: what people write, and what is refused."""

from __future__ import annotations

import pytest

from interop.impairer.impairment import GilbertElliott, Impairment, written


def test_settings_as_people_write_them() -> None:
    words = ["loss=5%", "delay=50ms", "jitter=0.01", "reorder=0.25", "rate=2M", "queue=64k", "keep_order=no"]
    words.append("burst=2%/0.25")
    assert Impairment().changed(words) == Impairment(
        loss=0.05,
        delay=0.05,
        jitter=0.01,
        reorder=0.25,
        rate=2_000_000,
        queue=64_000,
        keep_order=False,
        burst=GilbertElliott(0.02, 0.25),
    )


def test_what_is_not_named_stays() -> None:
    before = Impairment(loss=0.1, rate=64_000, burst=GilbertElliott(0.1, 0.5))
    assert before.changed(["delay=1s"]) == Impairment(loss=0.1, rate=64_000, burst=GilbertElliott(0.1, 0.5), delay=1.0)
    assert before.changed(["rate=none", "burst=none"]) == Impairment(loss=0.1)


@pytest.mark.parametrize(
    "changed",
    [
        {"loss": 1 / 3, "burst": GilbertElliott.of(0.1, 3), "keep_order": False},
        {"rate": None, "burst": None, "reorder_gap": 4, "delay": 0.1},
    ],
)
def test_what_is_written_is_read_as_it_was(changed: dict[str, object]) -> None:
    words = [written(name, value) for name, value in changed.items()]
    assert Impairment(rate=5000).changed(words) == Impairment(**({"rate": 5000} | changed))  # type: ignore[arg-type]


NONSENSE = (
    "loss=2 loss=-1% loss=nan loss=much loss speed=1 delay=-1ms delay=61s jitter=nan rate=10 rate=nan queue=0 "
    "queue=inf reorder_gap=0 reorder_gap=1.5 burst=1 burst=1/2/3 burst=1/1/1/1/1 keep_order=perhaps"
)


@pytest.mark.parametrize("word", NONSENSE.split())
def test_refused(word: str) -> None:
    with pytest.raises(ValueError, match=r".+"):
        Impairment().changed([word])


def test_bursts_of_a_mean_length_lose_the_share_asked_for() -> None:
    line = GilbertElliott.of(0.1, 4)
    assert line.leave == 0.25
    assert line.enter / (line.enter + line.leave) == pytest.approx(0.1)
    with pytest.raises(ValueError, match="no such line"):
        GilbertElliott.of(0.5, 0.5)
