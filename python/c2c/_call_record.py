"""What is known about one call: the events of the engine write it."""

from __future__ import annotations

import math
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

import trio

from c2c._call import Call
from c2c._errors import CallFailed, DtlsFailed, IceFailed, MediaError, NoActiveCall, NoCommonCodec
from c2c._random import suffix
from c2c._session import CallEndInfo, CallSession, SessionStatus

if TYPE_CHECKING:
    from c2c._answering import Answering
    from c2c._audio_manager import CallAudio
    from c2c._c2c import CallState, CallStats
    from c2c._call_limit import Place
    from c2c._dtmf import DtmfManager
    from c2c._errors import C2CError


class CallRecord:
    """What is known about one call. Only events of the engine change it, each by one of the methods here."""

    def __init__(self, number: int, audio: CallAudio, dtmf: DtmfManager, answering: Answering) -> None:
        self.number = number
        self.audio = audio
        self.dtmf = dtmf
        self.answering = answering
        self.call = Call(self)
        self.created = trio.Event()
        self.answered = trio.Event()  # or over
        self.ended = trio.Event()
        self.changed = trio.lowlevel.ParkingLot()
        self.was_created = False
        self.is_decided = False  # answered or rejected by us
        self.muted_wanted = False
        self.place: Place | None = None  # among the process's calls
        self.end_info: CallEndInfo | None = None
        self._session: CallSession | None = None
        self._answered_at: float | None = None
        self._last_stats: CallStats | None = None

    @property
    def is_over(self) -> bool:
        """Whether the end has come; nothing changes any more."""
        return self.end_info is not None

    @property
    def was_answered(self) -> bool:
        """Whether it is or was answered."""
        return self._answered_at is not None

    @property
    def direction(self) -> Literal["incoming", "outgoing"]:
        """Who placed it."""
        return "outgoing" if self._session is None else self._session.direction

    @property
    def is_active(self) -> bool:
        """Whether it is answered and not over."""
        return self.was_answered and not self.is_over

    def snapshot(self) -> CallSession:
        """Returns the session with its duration up to now, or up to the end."""
        assert self._session is not None
        if self._answered_at is None or self.is_over:
            return self._session
        return replace(self._session, duration=math.floor(trio.current_time() - self._answered_at))

    def create(self, state: CallState) -> None:
        """Takes the state that the call was made with."""
        self.update(state)
        self.was_created = True
        self.created.set()

    def update(self, state: CallState) -> CallSession:
        """Takes a state that the engine reported; the status stays as it is."""
        status = self._session.status if self._session else SessionStatus.INIT
        return self._take(state, status)

    def ring(self, state: CallState) -> CallSession | None:
        """Takes a provisional response; `None` if the call is past that."""
        return None if self.was_answered else self._take(state, SessionStatus.RINGING)

    def answer(self, state: CallState) -> CallSession | None:
        """Takes the answer; `None` for a second one."""
        if self.was_answered:
            return None
        self._answered_at = trio.current_time()
        session = self._take(state, SessionStatus.ANSWERED)
        self.answered.set()
        return session

    def finish(self, state: CallState | None, end_info: CallEndInfo, stats: CallStats | None) -> CallSession | None:
        """Takes the end: `ended` if the call was answered, `failed` if not, whichever the engine called it."""
        status = SessionStatus.ENDED if self.was_answered else SessionStatus.FAILED
        if state is not None:
            self._take(state, status)
        elif self._session is not None:
            self._session = replace(self.snapshot(), status=status)
        self._last_stats = stats
        self.end_info = end_info
        if self.place is not None:
            self.place.give_back()
        return self._session

    def release(self) -> None:
        """Wakes all who wait for anything but the end that was taken; called after its event was delivered."""
        self.created.set()
        self.answered.set()
        self.ended.set()
        self.changed.unpark_all()

    def stats(self) -> CallStats:
        """Returns the live numbers, or the last ones."""
        if self._last_stats is None and (stats := self.audio.stats()) is not None:
            return stats
        if self._last_stats is None:
            raise NoActiveCall("The call has no numbers", hint="ask while it is live")
        return self._last_stats

    def failure(self) -> CallFailed:
        """Returns the error for who waited for the answer, caused by what went wrong with the sound if that was it."""
        assert self.end_info is not None
        error = CallFailed(self.end_info)
        error.__cause__ = _media_error(self.end_info)
        return error

    def interruption(self) -> C2CError:
        """Returns the error for who was still busy with the call when it ended."""
        assert self.end_info is not None
        if not self.was_answered:
            return self.failure()
        info = self.end_info
        text = f"The call is over: {info.cause}"
        return _media_error(info) or NoActiveCall(text, sip_status=info.sip_status, cause=info.cause, hint=info.hint)

    def _take(self, state: CallState, status: SessionStatus) -> CallSession:
        kept = self._session
        answer_time = kept.answer_time if kept and kept.answer_time else _time(state.answer_time)
        if self.was_answered and answer_time is None:
            answer_time = datetime.now(UTC)
        self._session = CallSession(
            id=kept.id if kept else _session_id(incoming=state.incoming),
            status=status,
            direction="incoming" if state.incoming else "outgoing",
            start_time=kept.start_time if kept else datetime.fromtimestamp(state.start_time, UTC),
            answer_time=answer_time if self.was_answered else None,
            muted=state.muted,
            local_hold=state.local_hold,
            remote_hold=state.remote_hold,
        )
        self._session = self.snapshot()
        self.changed.unpark_all()
        return self._session


def _session_id(*, incoming: bool) -> str:
    return f"session-{suffix()}" if incoming else f"call-{suffix()}"


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _media_error(info: CallEndInfo) -> MediaError | None:
    kinds: dict[str | None, type[MediaError]] = {"ice": IceFailed, "dtls": DtlsFailed, "media": MediaError}
    kind = NoCommonCodec if _lacks_codec(info) else kinds.get(info.stage)
    if kind is None:
        return None
    return kind(str(info.cause), stage=info.stage, sip_status=info.sip_status, cause=info.cause, hint=info.hint)


def _lacks_codec(info: CallEndInfo) -> bool:
    """Whether the offer was refused with 488 or 606, or the answer has none of our codecs (the engine's hint)."""
    return info.cause == "Incompatible SDP" or (info.hint or "").startswith("no common codec:")
