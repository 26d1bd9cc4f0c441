"""What a client tells: one frozen class an event, each with the SDK's own `name` for it."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Mapping

    from c2c._audio_manager import AudioStream
    from c2c._call import Call
    from c2c._client_state import ClientState
    from c2c._dtmf import DtmfTransport
    from c2c._errors import C2CError
    from c2c._session import CallEndInfo, CallSession

__all__ = [
    "Answered",
    "AudioEnded",
    "CaptureAudio",
    "Connected",
    "Connecting",
    "Disconnected",
    "DtmfReceived",
    "DtmfSent",
    "Ended",
    "Error",
    "Event",
    "Failed",
    "IncomingCall",
    "InfoReceived",
    "InfoSent",
    "Muted",
    "Reconnected",
    "Reconnecting",
    "Registered",
    "RegistrationFailed",
    "RegistrationResponse",
    "Ringing",
    "SessionCreated",
    "SipInfo",
    "StateChanged",
    "Transcription",
    "Unmuted",
    "Unregistered",
    "Warned",
]


@dataclass(frozen=True)
class Event:
    """Base of all events."""

    name: ClassVar[str] = ""

    @property
    def payload(self) -> tuple[Any, ...]:
        """The positional arguments that a handler given to `on()` gets, as in the SDK."""
        return tuple(getattr(self, field.name) for field in fields(self))


@dataclass(frozen=True)
class Connecting(Event):
    """An attempt to open the WebSocket starts."""

    name = "connecting"


@dataclass(frozen=True)
class Connected(Event):
    """The WebSocket is open; REGISTER follows."""

    name = "connected"


@dataclass(frozen=True)
class Registered(Event):
    """The first REGISTER of this connection was accepted."""

    name = "registered"


@dataclass(frozen=True)
class RegistrationResponse:
    """What the registrar answered."""

    status_code: int
    reason_phrase: str


@dataclass(frozen=True)
class RegistrationFailed(Event):
    """REGISTER was refused or not answered (`response` is `None`); `error` follows.

    Handlers get the event itself, as the SDK's get `{cause, response}`.
    """

    name = "registrationFailed"
    cause: str
    response: RegistrationResponse | None = None

    @property
    def payload(self) -> tuple[Any, ...]:
        """The event itself."""
        return (self,)


@dataclass(frozen=True)
class Unregistered(Event):
    """The registration is gone."""

    name = "unregistered"


@dataclass(frozen=True)
class Disconnected(Event):
    """The WebSocket is closed; `code` and `reason` only when the far side or the network closed it.

    Handlers get the event itself, as the SDK's get `{code, reason}`.
    """

    name = "disconnected"
    code: int | None = None
    reason: str | None = None

    @property
    def payload(self) -> tuple[Any, ...]:
        """The event itself."""
        return (self,)


@dataclass(frozen=True)
class Reconnecting(Event):
    """The connection was lost and is made again until it is back or `disconnect()`. Ours, not the SDK's.

    Follows `disconnected` and `unregistered`, once for each loss; `connecting`, `connected`, `registered` and
    `reconnected` follow. An answered call and its sound go on. `cause` is what happened. Handlers get the event itself.
    """

    name = "reconnecting"
    cause: str

    @property
    def payload(self) -> tuple[Any, ...]:
        """The event itself."""
        return (self,)


@dataclass(frozen=True)
class Reconnected(Event):
    """The lost connection is back, and registered if the endpoint needs that. Ours, not the SDK's."""

    name = "reconnected"


@dataclass(frozen=True)
class SessionCreated(Event):
    """A call exists; its INVITE has yet to leave."""

    name = "sessionCreated"
    session: CallSession


@dataclass(frozen=True)
class Ringing(Event):
    """A provisional response came; may come more than once."""

    name = "ringing"
    session: CallSession


@dataclass(frozen=True)
class IncomingCall(Event):
    """Somebody calls us, and the client was created with `accept_incoming=True`: `call.answer()` or `call.reject()`.

    Follows its `sessionCreated` and `ringing`. Left alone it is refused after 60 s (408). Ours, not the SDK's.
    """

    name = "incomingCall"
    call: Call


@dataclass(frozen=True)
class Answered(Event):
    """The call was answered."""

    name = "answered"
    session: CallSession


@dataclass(frozen=True)
class Ended(Event):
    """A call that had been answered is over."""

    name = "ended"
    session: CallSession
    end_info: CallEndInfo


@dataclass(frozen=True)
class Failed(Event):
    """A call is over that was never answered."""

    name = "failed"
    session: CallSession
    end_info: CallEndInfo


@dataclass(frozen=True)
class Muted(Event):
    """Silence is sent from now on."""

    name = "muted"
    session: CallSession


@dataclass(frozen=True)
class Unmuted(Event):
    """Sound is sent again."""

    name = "unmuted"
    session: CallSession


@dataclass(frozen=True)
class CaptureAudio(Event):
    """The far side's sound exists, and the client was created with `capture_audio=True`."""

    name = "captureAudio"
    stream: AudioStream


@dataclass(frozen=True)
class AudioEnded(Event):
    """The far side's sound was stopped; comes before `ended` and `failed`, and in `disconnect()` and `destroy()`."""

    name = "audioEnded"


@dataclass(frozen=True)
class InfoSent(Event):
    """An INFO left; its answer is not waited for."""

    name = "infoSent"
    text: str
    data: Mapping[str, Any]


@dataclass(frozen=True)
class DtmfSent(Event):
    """Tones were handed over and follow each other from now on."""

    name = "dtmfSent"
    tones: str


@dataclass(frozen=True)
class DtmfReceived(Event):
    """A tone of the far side's is over; `duration` in seconds, if it is known. Handlers get the event itself.

    The SDK tells no tones that come.
    """

    name = "dtmfReceived"
    tone: str
    duration: float | None
    transport_type: DtmfTransport

    @property
    def payload(self) -> tuple[Any, ...]:
        """The event itself."""
        return (self,)


@dataclass(frozen=True)
class SipInfo:
    """What an INFO carried."""

    body: str
    content_type: str


@dataclass(frozen=True)
class InfoReceived(Event):
    """An INFO came that is no transcription; handlers get the event itself, as the SDK's get `{originator, info}`."""

    name = "infoReceived"
    originator: str
    info: SipInfo

    @property
    def payload(self) -> tuple[Any, ...]:
        """The event itself."""
        return (self,)


@dataclass(frozen=True)
class Transcription(Event):
    """Something was said; `transcription` is the JSON value as the gateway sent it, of whatever shape."""

    name = "transcription"
    transcription: Any

    @property
    def originator(self) -> str | None:
        """`user` or `bot`, if the gateway said so."""
        value = self.transcription.get("originator") if isinstance(self.transcription, dict) else None
        return value if isinstance(value, str) else None

    @property
    def texts(self) -> tuple[str, ...]:
        """What was said, out of any of the shapes in use; empty if it is none of them."""
        return tuple(text for text in _texts(self.transcription) if text)


@dataclass(frozen=True)
class StateChanged(Event):
    """Something in `client.get_state()` changed; comes before the event that made the change."""

    name = "stateChanged"
    state: ClientState


@dataclass(frozen=True)
class Error(Event):
    """Something failed that has no event of its own: a registration, an INFO, a handler."""

    name = "error"
    error: C2CError


@dataclass(frozen=True)
class Warned(Event):
    """Something is wrong that ends nothing: a TURN server that does not answer, for example. Ours, not the SDK's.

    `stage` is that of the errors (ice, media, ...), `text` says what to do. Handlers get the event itself.
    """

    name = "warning"
    stage: str
    text: str

    @property
    def payload(self) -> tuple[Any, ...]:
        """The event itself."""
        return (self,)


NAMES: dict[str, type[Event]] = {event.name: event for event in Event.__subclasses__()}


def _texts(value: object) -> list[str]:
    """`text`, or what lies under `messages`, `message`, `text` or `transcript`, in lists or alone."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for item in value if not isinstance(item, list) for text in _texts(item)]
    if isinstance(value, dict):
        keys = (key for key in ("messages", "message", "text", "transcript") if key in value)
        inner = value.get(next(keys, ""))
        return [] if isinstance(inner, dict) else _texts(inner)
    return []
