"""What is wrong with one direction of a link."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable

LONGEST_DELAY = 60.0
"""Seconds; bounds how long a packet stays in memory."""


@dataclass(frozen=True)
class GilbertElliott:
    """Loss in bursts: a line that is good or bad, and changes with some probability at each packet."""

    enter: float
    """Probability, at each packet, that a good line turns bad."""
    leave: float
    """Probability, at each packet, that a bad line turns good: bursts are 1/leave packets long in the mean."""
    loss_bad: float = 1.0
    loss_good: float = 0.0

    def __post_init__(self) -> None:
        for name in ("enter", "leave", "loss_bad", "loss_good"):
            _check_share(name, getattr(self, name))

    @classmethod
    def of(cls, loss: float, mean_length: float) -> GilbertElliott:
        """Returns the line that loses this share of all packets, in bursts of this many in the mean."""
        if not 0 <= loss < 1 or mean_length < 1:
            raise ValueError(f"no such line: loss {loss}, mean length {mean_length}")
        leave = 1 / mean_length
        return cls(enter=min(1.0, leave * loss / (1 - loss)), leave=leave)


@dataclass(frozen=True)
class Impairment:
    """Shares are from 0 to 1, times in seconds. Raises ValueError for what is out of range."""

    loss: float = 0.0
    burst: GilbertElliott | None = None
    """Comes on top of `loss`."""
    delay: float = 0.0
    jitter: float = 0.0
    """Each packet's delay is uniform in delay ± jitter, never below 0."""
    keep_order: bool = True
    """Whether a packet with a short delay waits for those before it, as in a queue, or overtakes them."""
    reorder: float = 0.0
    """Share of packets that are held back until `reorder_gap` later ones have left."""
    reorder_gap: int = 1
    reorder_wait: float = 0.2
    """The longest that a packet is held back."""
    rate: float | None = None
    """Bits a second of the IP packets; None is without limit."""
    queue: int = 65_536
    """Bytes that wait for their turn at `rate`; what comes when it is full is dropped."""

    def __post_init__(self) -> None:
        for name in ("loss", "reorder"):
            _check_share(name, getattr(self, name))
        for name in ("delay", "jitter", "reorder_wait"):
            if not 0 <= getattr(self, name) <= LONGEST_DELAY:
                raise ValueError(f"{name} is not from 0 to {LONGEST_DELAY:g} s: {getattr(self, name)}")
        if self.rate is not None and not self.rate >= 1000:
            raise ValueError(f"rate is less than 1000 bit/s: {self.rate}")
        if not 1 <= self.reorder_gap <= 1000 or self.queue < 1:
            raise ValueError(f"reorder_gap is not from 1 to 1000, or queue is empty: {self.reorder_gap}, {self.queue}")

    def changed(self, words: list[str]) -> Impairment:
        """Returns it with some fields replaced, given as people write them: loss=5% delay=50ms rate=2M burst=none."""
        values: dict[str, Any] = {}
        for word in words:
            name, equals, text = word.partition("=")
            if not equals or name not in _READERS:
                raise ValueError(f"no setting {word!r}; there are {', '.join(_READERS)}, each as name=value")
            try:
                values[name] = _READERS[name](text)
            except (TypeError, ValueError, OverflowError):
                raise ValueError(f"{name} cannot be {text!r}") from None
        return replace(self, **values)


def written(name: str, value: object) -> str:
    """Returns a field as `Impairment.changed` reads it."""
    if isinstance(value, GilbertElliott):
        value = f"{value.enter!r}/{value.leave!r}/{value.loss_bad!r}/{value.loss_good!r}"
    return f"{name}={'none' if value is None else value}"


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        raise ValueError(f"{name} is not from 0 to 1: {value}")


def _share(text: str) -> float:
    return float(text[:-1]) / 100 if text.endswith("%") else float(text)


def _seconds(text: str) -> float:
    if text.endswith("ms"):
        return float(text[:-2]) / 1000
    return float(text.removesuffix("s"))


def _number(text: str) -> float:
    scale = {"k": 1e3, "M": 1e6, "G": 1e9}.get(text[-1:], 1.0)
    return float(text.rstrip("kMG")) * scale


def _rate(text: str) -> float | None:
    return None if text == "none" else _number(text)


def _burst(text: str) -> GilbertElliott | None:
    return None if text == "none" else GilbertElliott(*map(_share, text.split("/")))


def _yes_or_no(text: str) -> bool:
    if text.lower() not in {"true", "false", "yes", "no"}:
        raise ValueError(f"neither yes nor no: {text!r}")
    return text.lower() in {"true", "yes"}


_READERS: dict[str, Callable[[str], object]] = {
    "loss": _share,
    "burst": _burst,
    "delay": _seconds,
    "jitter": _seconds,
    "keep_order": _yes_or_no,
    "reorder": _share,
    "reorder_gap": int,
    "reorder_wait": _seconds,
    "rate": _rate,
    "queue": lambda text: int(_number(text)),
}
