"""A client's state as one frozen snapshot, made anew by each event that changes it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING

import trio

from c2c import events
from c2c._errors import (
    C2CError,
    ConfigError,
    ConfigInvalid,
    ConnectFailed,
    ConnectTimeout,
    RegistrationRejected,
    WidgetInactive,
)
from c2c._random import suffix
from c2c._session import CallEndInfo, CallSession

if TYPE_CHECKING:
    from c2c._event_bus import EventBus

REPEAT_LIMIT = 1  # seconds in which the same text of the same originator is a repetition
TRANSCRIPT_LIMIT = 1_000  # messages; the newest are kept


class CallStatus(StrEnum):
    """Life of a client: `idle`, `connecting` until it rings, `ringing`, `answered`, then `ended` or `failed`."""

    IDLE = "idle"
    CONNECTING = "connecting"
    RINGING = "ringing"
    ANSWERED = "answered"
    ENDED = "ended"
    FAILED = "failed"


class EndCause(StrEnum):
    """Causes of an end that are the SDK's own, beside those of JsSIP."""

    CONFIG_FETCH_FAILED = "CONFIG_FETCH_FAILED"
    CONFIG_INVALID = "CONFIG_INVALID"
    WIDGET_INACTIVE = "WIDGET_INACTIVE"
    REGISTRATION_FAILED = "REGISTRATION_FAILED"
    SETUP_TIMEOUT = "SETUP_TIMEOUT"


@dataclass(frozen=True, kw_only=True)
class TranscriptMessage:
    """Something that was said; `originator` is `bot` or `user` if the gateway said so, `timestamp` in UTC."""

    id: str
    text: str
    originator: str | None
    timestamp: datetime


@dataclass(frozen=True, kw_only=True)
class ClientState:
    """A client at one moment: its last call, or the way to it.

    `transcript` is that call's, oldest first; of more than 1,000 messages the newest are kept.
    """

    status: CallStatus = CallStatus.IDLE
    muted: bool = False
    session: CallSession | None = None
    end_info: CallEndInfo | None = None
    transcript: tuple[TranscriptMessage, ...] = ()


class StateKeeper:
    """Keeps a client's state; each change is told as `stateChanged`, before the event that made it."""

    def __init__(self, bus: EventBus) -> None:
        self._bus = bus
        self._said: dict[tuple[str, str | None], float] = {}
        self.current = ClientState()

    def begin(self) -> None:
        """A connection or a call begins; what was before is forgotten."""
        if self.current.status is not CallStatus.CONNECTING:
            self._said.clear()
            self._set(ClientState(status=CallStatus.CONNECTING))

    def give_up(self, error: C2CError | None) -> None:
        """Connecting has failed with `error`, or was cancelled; a call that exists tells its own end."""
        if self.current.status is CallStatus.CONNECTING:
            status = CallStatus.ENDED if error is None or _is_cancel(error) else CallStatus.FAILED
            self._set(replace(self.current, status=status, end_info=_end_info(error)))

    def refuse(self, reason: str) -> None:
        """No call could be made."""
        if self.current.status is CallStatus.CONNECTING:
            info = CallEndInfo(originator="local", cause="Internal Error", description=reason)
            self._set(replace(self.current, status=CallStatus.FAILED, end_info=info))

    def update(self, session: CallSession) -> None:
        """The call changed in a way that has no event of its own."""
        self._set(replace(self.current, session=session, muted=session.muted))

    def take(self, event: events.Event) -> None:
        """Takes what an event that is about to be told changes."""
        match event:
            case events.SessionCreated(session) | events.Muted(session) | events.Unmuted(session):
                self.update(session)
            case events.Ringing(session):
                self._progress(CallStatus.RINGING, session)
            case events.Answered(session):
                self._progress(CallStatus.ANSWERED, session)
            case events.Ended(session, end_info):
                self._progress(CallStatus.ENDED, session, end_info)
            case events.Failed(session, end_info):
                self._progress(CallStatus.FAILED, session, end_info)
            case events.Transcription():
                transcript = (*self.current.transcript, *self._heard(event))
                self._set(replace(self.current, transcript=transcript[-TRANSCRIPT_LIMIT:]))

    def _progress(self, status: CallStatus, session: CallSession, end_info: CallEndInfo | None = None) -> None:
        self._set(replace(self.current, status=status, session=session, muted=session.muted, end_info=end_info))

    def _heard(self, event: events.Transcription) -> tuple[TranscriptMessage, ...]:
        now = trio.current_time()
        messages: list[TranscriptMessage] = []
        for text in event.texts:
            said = (text, event.originator)
            if now - self._said.get(said, -REPEAT_LIMIT) >= REPEAT_LIMIT:
                self._said.pop(said, None)  # to its end
                self._said[said] = now
                messages.append(_message(text, event.originator))
        self._forget_old(now)
        return tuple(messages)

    def _forget_old(self, now: float) -> None:
        for said, when in list(self._said.items()):
            if now - when < REPEAT_LIMIT and len(self._said) <= TRANSCRIPT_LIMIT:
                return
            del self._said[said]

    def _set(self, state: ClientState) -> None:
        if state != self.current:
            self.current = state
            self._bus.emit(events.StateChanged(state))


def _message(text: str, originator: str | None) -> TranscriptMessage:
    return TranscriptMessage(id=f"msg-{suffix()}", text=text, originator=originator, timestamp=datetime.now(UTC))


def _is_cancel(error: C2CError) -> bool:
    return isinstance(error, ConnectFailed) and error.cause in {"Canceled", "Disconnected"}


def _end_info(error: C2CError | None) -> CallEndInfo:
    if error is None or _is_cancel(error):
        return CallEndInfo(originator="local", cause="Canceled")
    cause = _end_cause(error)
    return CallEndInfo(
        originator="local" if cause == EndCause.SETUP_TIMEOUT else None,
        cause=cause,
        sip_status=error.sip_status,
        stage=error.stage,
        hint=error.hint,
    )


def _end_cause(error: C2CError) -> str:
    match error:
        case WidgetInactive():
            return EndCause.WIDGET_INACTIVE
        case ConfigInvalid():
            # a URL that JsSIP's socket refuses is no matter of the configuration to the SDK
            return "Connection Error" if str(error).startswith("Invalid argument") else EndCause.CONFIG_INVALID
        case ConfigError():
            return EndCause.CONFIG_FETCH_FAILED
        case RegistrationRejected():
            return EndCause.REGISTRATION_FAILED
        case ConnectTimeout(cause=EndCause.SETUP_TIMEOUT):
            return EndCause.SETUP_TIMEOUT
    return "Connection Error"
