"""The call of a client: starts it, ends it, speaks beside it, and turns what the engine tells into the SDK's events."""

from __future__ import annotations

import itertools
import logging
from typing import TYPE_CHECKING, Any, cast

import trio

from c2c import events
from c2c._answering import BUSY, Answering
from c2c._call_limit import take_place
from c2c._call_record import CallRecord
from c2c._dtmf import DtmfManager
from c2c._errors import C2CError, CallError, CallLimitReached, NoActiveCall
from c2c._info import decode_info, encode_info
from c2c._session import CallEndInfo

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from c2c._audio_manager import AudioManager
    from c2c._c2c import CallEnd, CallState, CallStats, Engine, Event
    from c2c._call import Call
    from c2c._call_limit import Place
    from c2c._client_state import StateKeeper
    from c2c._dtmf import Tones
    from c2c._event_bus import Emitter

logger = logging.getLogger("c2c.session")


class SessionManager:
    """One client's calls; at most one is live, if a call to us and ours do not cross."""

    def __init__(
        self, engine: Engine, bus: Emitter, audio: AudioManager, states: StateKeeper, *, capture_audio: bool
    ) -> None:
        self._engine = engine
        self._bus = bus
        self._audio = audio
        self._states = states
        self._capture_audio = capture_audio
        self._dtmf = DtmfManager(engine, bus)
        self._answering = Answering(engine)
        self._records: dict[int, CallRecord] = {}
        self._reserved: Place | None = None  # for the call that is about to start
        self._numbers = itertools.count(1)
        self._infos: dict[int, _PendingInfo] = {}
        self._info_numbers = itertools.count(1)

    def routes(self) -> dict[type[Event], Callable[[Any], None]]:
        """Which event of the engine goes where."""
        from c2c._c2c import Event

        return self._dtmf.routes() | {
            Event.CallCreated: self._created,
            Event.Ringing: self._ringing,
            Event.TrackAdded: self._track_added,
            Event.Answered: self._answered,
            Event.MediaConnected: self._media_connected,
            Event.Muted: self._muted,
            Event.Unmuted: self._unmuted,
            Event.HoldChanged: self._hold_changed,
            Event.InfoSent: self._info_sent,
            Event.InfoFailed: self._info_failed,
            Event.InfoReceived: self._info_received,
            Event.Ended: self._over,
            Event.Failed: self._over,
        }

    @property
    def live(self) -> CallRecord | None:
        """The call that is not over, answered or not."""
        return next(iter(self._records.values()), None)

    @property
    def active(self) -> CallRecord | None:
        """The call that is answered and not over."""
        return next((record for record in self._records.values() if record.is_active), None)

    def reserve(self) -> None:
        """Takes a place among the process's calls for the next `start`; `CallLimitReached` if there is none."""
        self._reserved = take_place()

    async def start(self, target: str, headers: list[tuple[str, str]]) -> Call:
        """Starts a call, or returns the live one; returns when it exists. Ends the call when cancelled."""
        record = self.live
        if record is None:
            record = self._begin(target, headers)
        try:
            await record.created.wait()
        except trio.Cancelled:
            self._engine.end_call(record.number, *ENDED_BY_USER)
            raise
        if not record.was_created:
            raise self._refused(record)
        return record.call

    async def end(self) -> None:
        """Cancels, rejects or hangs up, whichever the call's state asks for, and waits for its end."""
        if (record := self.live) is None:
            raise NoActiveCall("No active session to terminate")
        self._engine.end_call(record.number, *ENDED_BY_USER)
        await record.ended.wait()

    async def set_muted(self, *, muted: bool) -> None:
        """Sends silence, or sound again, and waits until that is so; nothing to do is no error, no answered call is."""
        if (record := self.active) is None:
            raise NoActiveCall("No active session to mute")
        await trio.lowlevel.checkpoint()
        if record.muted_wanted != muted:
            record.muted_wanted = muted
            self._engine.set_muted(record.number, muted)
        while record.is_active and record.muted_wanted == muted != record.snapshot().muted:
            await record.changed.park()

    async def send_info(self, text: str, data: Mapping[str, Any]) -> None:
        """Sends `{"text": ..., "data": ...}` as INFO and waits until it has left, not for its answer."""
        body = encode_info(text, data)
        if (record := self.active) is None:
            raise NoActiveCall("No active session to send info")
        number = next(self._info_numbers)
        pending = self._infos[number] = _PendingInfo(record.number, text, data)
        try:
            self._engine.send_info(record.number, number, "application/json", body)
            await pending.done.wait()
        finally:
            self._infos.pop(number, None)
        if pending.error is not None:
            raise pending.error

    async def send_dtmf(self, tones: Tones) -> None:
        """Sends tones in the answered call and waits until they were handed over."""
        await self._dtmf.send(self.active, tones)

    def abandon(self, cause: str) -> None:
        """Ends what is left in the books: the engine is gone and will tell no end."""
        for record in list(self._records.values()):
            info = CallEndInfo(originator="system", cause=cause)
            self._finish(record, None, info, None)

    def _begin(self, target: str, headers: list[tuple[str, str]]) -> CallRecord:
        number = next(self._numbers)
        place, self._reserved = self._reserved, None
        try:
            self._engine.start_call(number, target, headers)
        except BaseException:
            if place is not None:
                place.give_back()
            raise
        record = self._record(number)
        record.place = place
        return record

    def _created(self, event: Event.CallCreated) -> None:
        if (record := self._records.get(event.state.call)) is None:
            if not event.state.incoming:
                return
            self._states.begin()
            record = self._record(event.state.call)
        record.create(event.state)
        self._bus.emit(events.SessionCreated(record.snapshot()))

    def _ringing(self, event: Event.Ringing) -> None:
        if (record := self._records.get(event.state.call)) and (session := record.ring(event.state)):
            self._bus.emit(events.Ringing(session))
            if session.direction == "incoming":
                self._offer(record)

    def _offer(self, record: CallRecord) -> None:
        """Tells of a call to us, if there is a place for it."""
        try:
            record.place = take_place()
        except CallLimitReached as error:
            self._bus.emit(events.Error(error.prefixed("Failed to take call: ")))
            record.is_decided = True
            self._engine.reject_call(record.number, BUSY, "Busy Here")
            return
        self._bus.emit(events.IncomingCall(record.call))

    def _track_added(self, event: Event.TrackAdded) -> None:
        if self._capture_audio and (record := self._records.get(event.call)):
            self._audio.capture(record.audio)

    def _answered(self, event: Event.Answered) -> None:
        if (record := self._records.get(event.state.call)) and (session := record.answer(event.state)):
            self._bus.emit(events.Answered(session))

    def _media_connected(self, event: Event.MediaConnected) -> None:
        if record := self._records.get(event.call):
            record.audio.connected()

    def _muted(self, event: Event.Muted) -> None:
        if record := self._records.get(event.state.call):
            self._bus.emit(events.Muted(record.update(event.state)))

    def _unmuted(self, event: Event.Unmuted) -> None:
        if record := self._records.get(event.state.call):
            self._bus.emit(events.Unmuted(record.update(event.state)))

    def _hold_changed(self, event: Event.HoldChanged) -> None:
        if record := self._records.get(event.state.call):
            self._states.update(record.update(event.state))

    def _info_sent(self, event: Event.InfoSent) -> None:
        if pending := self._infos.pop(event.request, None):
            self._bus.emit(events.InfoSent(pending.text, pending.data))
            pending.done.set()

    def _info_failed(self, event: Event.InfoFailed) -> None:
        error = CallError(event.cause, sip_status=event.status, cause=event.cause)
        if pending := self._infos.pop(event.request, None):
            self._bus.emit(events.Error(error.prefixed("Failed to send info: ")))
            pending.fail(error)
            return
        # it had left: the SDK ignores its answer too, unless that says that the far side is gone
        logger.warning("INFO was not taken: %s", event.cause)
        if event.cause in _GONE:
            self._bus.emit(events.Error(error.prefixed("Failed to send info: ")))

    def _info_received(self, event: Event.InfoReceived) -> None:
        if event.call in self._records:
            self._bus.emit(decode_info(event.content_type, event.body))

    def _over(self, event: Event.Ended | Event.Failed) -> None:
        if record := self._records.get(event.state.call):
            self._finish(record, event.state, _end_info(event.end), event.stats)

    def _finish(self, record: CallRecord, state: CallState | None, info: CallEndInfo, stats: CallStats | None) -> None:
        del self._records[record.number]
        session = record.finish(state, info, stats)
        self._audio.stop()
        if session is not None:
            kind = events.Ended if record.was_answered else events.Failed
            self._bus.emit(kind(session, info))
        for pending in [pending for pending in self._infos.values() if pending.call == record.number]:
            pending.fail(record.interruption())
        self._dtmf.interrupt(record)
        record.audio.ended(record.interruption)
        record.release()

    def _record(self, number: int) -> CallRecord:
        record = CallRecord(number, self._audio.of_call(number), self._dtmf, self._answering)
        self._records[number] = record
        return record

    def _refused(self, record: CallRecord) -> C2CError:
        info = cast("CallEndInfo", record.end_info)
        text = str(info.description or info.cause)
        self._states.refuse(text)
        error = CallError(text, stage=info.stage, sip_status=info.sip_status, cause=info.cause, hint=info.hint)
        self._bus.emit(events.Error(error.prefixed("Failed to make call: ")))
        return error


class _PendingInfo:
    """An INFO that has not left yet."""

    def __init__(self, call: int, text: str, data: Mapping[str, Any]) -> None:
        self.call = call
        self.text = text
        self.data = data
        self.done = trio.Event()
        self.error: C2CError | None = None

    def fail(self, error: C2CError) -> None:
        self.error = error
        self.done.set()


def _end_info(end: CallEnd) -> CallEndInfo:
    return CallEndInfo(
        originator=cast("Any", end.originator),
        cause=end.cause,
        description=end.description,
        sip_status=end.sip_status,
        stage=end.stage,
        hint=end.hint or None,
    )


ENDED_BY_USER = (480, "Ended by user")
_GONE = frozenset({"Dialog Error", "Request Timeout"})
