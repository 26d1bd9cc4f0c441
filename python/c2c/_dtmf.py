"""DTMF of a client's calls: checks what is asked for, waits until it was handed over, tells what comes in."""

from __future__ import annotations

import itertools
import logging
import math
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeAlias, cast

import trio

from c2c import events
from c2c._errors import CallError, NoActiveCall

if TYPE_CHECKING:
    from collections.abc import Callable

    from c2c._c2c import Engine, Event
    from c2c._call_record import CallRecord
    from c2c._errors import C2CError
    from c2c._event_bus import Emitter

logger = logging.getLogger("c2c.session")

DtmfTransport: TypeAlias = Literal["INFO", "RFC2833"]


@dataclass(frozen=True, kw_only=True)
class Tones:
    """What to send, checked; times in seconds, `None` for the SDK's default."""

    tones: str
    duration: float | None = None
    inter_tone_gap: float | None = None
    transport_type: DtmfTransport = "INFO"

    def __post_init__(self) -> None:
        if not isinstance(self.tones, str):
            raise TypeError(f"tones: must be a str, not {type(self.tones).__name__}")
        _check_time("duration", self.duration)
        _check_time("inter_tone_gap", self.inter_tone_gap)
        if self.transport_type not in ("INFO", "RFC2833"):
            raise ValueError(f"transport_type: must be 'INFO' or 'RFC2833', not {self.transport_type!r}")

    @property
    def are_valid(self) -> bool:
        """Whether each character is a tone or the pause; `R` goes by INFO only."""
        characters = "0-9A-DR#*," if self.transport_type == "INFO" else "0-9A-D#*,"
        return re.fullmatch(f"[{characters}]+", self.tones, re.ASCII | re.IGNORECASE) is not None


class DtmfManager:
    """Sends tones in any call of one client."""

    def __init__(self, engine: Engine, bus: Emitter) -> None:
        self._engine = engine
        self._bus = bus
        self._pending: dict[int, _Pending] = {}
        self._numbers = itertools.count(1)

    def routes(self) -> dict[type[Event], Callable[[Any], None]]:
        """Which event of the engine goes where."""
        from c2c._c2c import Event

        return {Event.DtmfSent: self._sent, Event.DtmfFailed: self._failed, Event.DtmfReceived: self._received}

    async def send(self, record: CallRecord | None, tones: Tones) -> None:
        """Hands tones over; they follow each other without being waited for."""
        if record is None or not record.is_active:
            raise NoActiveCall(f"{_PREFIX}No active session to send DTMF")
        if not tones.are_valid:
            raise CallError(
                f"{_PREFIX}Invalid tones: {tones.tones}", hint="use 0-9, A-D, #, * and , for a pause of 2 s"
            )
        number = next(self._numbers)
        pending = self._pending[number] = _Pending(record.number, tones.tones)
        times = (tones.duration, tones.inter_tone_gap)
        try:
            self._engine.send_dtmf(record.number, number, tones.tones, tones.transport_type, *times)
            await pending.done.wait()
        finally:
            self._pending.pop(number, None)
        if pending.error is not None:
            raise pending.error

    def interrupt(self, record: CallRecord) -> None:
        """Fails what waits in a call that is over."""
        for pending in [pending for pending in self._pending.values() if pending.call == record.number]:
            pending.fail(record.interruption().prefixed(_PREFIX))

    def _sent(self, event: Event.DtmfSent) -> None:
        if pending := self._pending.pop(event.request, None):
            self._bus.emit(events.DtmfSent(pending.tones))
            pending.done.set()

    def _failed(self, event: Event.DtmfFailed) -> None:
        error = CallError(f"{_PREFIX}{event.cause}", cause=event.cause)
        if pending := self._pending.pop(event.request, None):
            self._bus.emit(events.Error(error))
            pending.fail(error)
            return
        # the INFO of a tone had left, and found nobody: as that of any other, see SessionManager
        logger.warning("a tone was not taken: %s; those after it are not sent", event.cause)
        self._bus.emit(events.Error(error))

    def _received(self, event: Event.DtmfReceived) -> None:
        transport = cast("DtmfTransport", event.transport)
        self._bus.emit(events.DtmfReceived(event.tone, event.duration, transport))


class _Pending:
    """Tones that were not handed over yet."""

    def __init__(self, call: int, tones: str) -> None:
        self.call = call
        self.tones = tones
        self.done = trio.Event()
        self.error: C2CError | None = None

    def fail(self, error: C2CError) -> None:
        self.error = error
        self.done.set()


def _check_time(name: str, seconds: object) -> None:
    if seconds is None:
        return
    if isinstance(seconds, bool) or not isinstance(seconds, int | float):
        raise TypeError(f"{name}: must be a number of seconds, not {type(seconds).__name__}")
    if not (math.isfinite(seconds) and 0 <= seconds <= _LONGEST):
        raise ValueError(f"{name}: {seconds} is not within 0 and {_LONGEST} seconds")


_PREFIX = "Failed to send DTMF: "
_LONGEST = 60
