"""Everything that c2c raises.

C2CError
  ConfigError               the endpoint URL is missing or bad
    ConfigFetchError        the GET failed
    ConfigTimeout           the GET took too long
    ConfigInvalid           what the endpoint sent lacks something
    WidgetInactive          the endpoint's WebRTC widget is switched off
  SignalingError
    ConnectFailed           the WebSocket could not be opened
    ConnectTimeout          connect() took too long
    ConnectionLost          the WebSocket was closed by the other side or the network
    RegistrationRejected    REGISTER was refused
    RemoteProtocolError     the far side broke the protocol
  CallError
    CallFailed              the call was not answered
    NoActiveCall            there is no call to act on
    NotConnected            connect() comes first
    CallLimitReached        this process has as many calls as set_call_limit() allows
  MediaError
    NoCommonCodec           no codec in common with the far side
    IceFailed               no path for sound was found
    DtlsFailed              the key exchange failed
    ClipError               a clip cannot be played
    RecordingError          a recording cannot be written
  ClientError
    ClientNotOpen           used outside its `async with` block
    ClientDestroyed         used after destroy()
    WrongState              not possible now
    EventsLost              an events() iterator was read too slowly
  EngineError
    EngineClosed            the engine behind the client is closed
    EngineFailed            the engine behind the client broke
    UsedAfterFork           a client of the parent process
    UnsupportedPlatform     the machine lacks something that c2c needs
"""

from __future__ import annotations

import copy
from typing import TYPE_CHECKING, ClassVar, Self

if TYPE_CHECKING:
    from c2c._session import CallEndInfo


class C2CError(Exception):
    """Base of all errors; `str` is the SDK's own text where it has one.

    `stage` (config, websocket, register, invite, ice, dtls, media) says where, `sip_status` and `cause` what, `hint`
    what to do.
    """

    default_stage: ClassVar[str | None] = None
    default_hint: ClassVar[str | None] = None

    def __init__(
        self,
        message: str = "",
        *,
        stage: str | None = None,
        sip_status: int | None = None,
        cause: str | None = None,
        hint: str | None = None,
    ) -> None:
        super().__init__(message)
        self.stage = stage or self.default_stage
        self.sip_status = sip_status
        self.cause = cause
        self.hint = hint or self.default_hint
        if note := _note(self.stage, self.hint):
            self.add_note(note)

    def prefixed(self, prefix: str) -> Self:
        """Returns a copy whose text has `prefix` in front; the traceback and context stay with the original."""
        error = copy.copy(self)
        error.args = (f"{prefix}{self}",)
        error.__notes__ = list(getattr(self, "__notes__", ()))
        return error


class ConfigError(C2CError):
    """The endpoint URL is missing or bad; base of what can be wrong with the configuration."""

    default_stage = "config"
    default_hint = "give create_webrtc_client() the endpoint URL of a Voice Gateway endpoint (https://host/token)"


class ConfigFetchError(ConfigError):
    """The configuration could not be fetched."""

    default_hint = "check that the endpoint URL opens from this machine"


class ConfigTimeout(ConfigError):
    """The endpoint did not answer in time."""

    default_hint = "check that the endpoint URL opens from this machine, or raise config_timeout"


class ConfigInvalid(ConfigError):
    """The configuration lacks something or holds what cannot be used; `path` names it."""

    default_hint = "check the endpoint's settings: it must be a Voice Gateway endpoint with its WebRTC client created"

    path: str = ""


class WidgetInactive(ConfigError):
    """The endpoint's WebRTC widget is not active."""

    default_hint = "activate the WebRTC widget in the endpoint's settings"


class SignalingError(C2CError):
    """Base of what can go wrong on the way to and with the SIP server."""

    default_stage = "websocket"


class ConnectFailed(SignalingError):
    """The connection to the SIP server could not be made, or was given up while it was being made."""

    default_hint = "check that the SIP server of the endpoint's configuration is reachable from this machine"


class ConnectTimeout(SignalingError):
    """The connection to the SIP server took too long; `cause` is what went wrong last."""

    default_hint = "check that the SIP server is reachable and answers REGISTER, or raise connect_timeout"


class ConnectionLost(SignalingError):
    """The WebSocket was closed by the far side or the network."""

    default_hint = "check the network, then call connect() again"


class RegistrationRejected(SignalingError):
    """The SIP server refused REGISTER or did not answer it; `sip_status` and `cause` say how."""

    default_stage = "register"
    default_hint = "check the credentials and the realm in the endpoint's configuration"


class RemoteProtocolError(SignalingError):
    """The far side sent what its protocol does not allow."""

    default_hint = "report it to whoever runs the SIP server"


class CallError(C2CError):
    """Base of what can go wrong with a call."""

    default_stage = "invite"


class CallFailed(CallError):
    """The call ended without an answer; `end_info` says why. Raised only in the task that waits for it."""

    def __init__(self, end_info: CallEndInfo) -> None:
        detail = f" ({end_info.description})" if end_info.description else ""
        super().__init__(
            f"Call failed: {end_info.cause}{detail}",
            stage=end_info.stage,
            sip_status=end_info.sip_status,
            cause=end_info.cause,
            hint=end_info.hint,
        )
        self.end_info = end_info

    def __reduce__(self) -> tuple[object, ...]:
        """Pickles by the end info that it was made from."""
        return type(self), (self.end_info,), self.__dict__


class NoActiveCall(CallError):
    """There is no call to act on, or it ended meanwhile."""

    default_hint = "start a call with start_call() and wait for its answer"


class NotConnected(CallError):
    """The client has no connection to the SIP server."""

    default_stage = "websocket"
    default_hint = "await client.connect() first"


class CallLimitReached(CallError):
    """As many calls are live in this process as it may have."""

    default_hint = "end calls, raise the limit with c2c.set_call_limit(), or share the calls among processes"


class MediaError(C2CError):
    """Base of what can go wrong with a call's sound."""

    default_stage = "media"


class NoCommonCodec(MediaError):
    """The far side has none of our codecs."""

    default_hint = "let the far side allow Opus, PCMU or PCMA"


class IceFailed(MediaError):
    """No path for sound was found."""

    default_stage = "ice"
    default_hint = "allow outgoing UDP, or configure a TURN server"


class DtlsFailed(MediaError):
    """Keys for the sound could not be agreed on, or not with the right peer."""

    default_stage = "dtls"
    default_hint = "the far side must speak DTLS 1.2 or 1.3 with an ECDSA certificate and extended master secret"


class ClipError(MediaError):
    """A clip cannot be read or played."""

    default_hint = "give an uncompressed WAV file, or signed 16-bit mono samples with rate="


class RecordingError(MediaError):
    """A recording cannot be written."""

    default_hint = "check the path, its permissions and the space left"


class ClientError(C2CError):
    """Base of wrong uses of a client."""


class ClientNotOpen(ClientError):
    """The client is used outside its `async with` block."""

    default_hint = "use it as `async with create_webrtc_client(...) as client:`"


class ClientDestroyed(ClientError):
    """The client was destroyed."""

    default_hint = "create a new client"


class WrongState(ClientError):
    """What was asked for is not possible now."""


class EventsLost(ClientError):
    """An `events()` iterator was not read for so long that its buffer overflowed."""

    default_hint = "read events() without pause, in a task of its own"


class EngineError(C2CError):
    """Base of what can go wrong with the compiled engine."""


class EngineClosed(EngineError):
    """The engine behind the client is closed."""

    default_hint = "create a new client"


class EngineFailed(EngineError):
    """The engine behind the client broke."""

    default_hint = "create a new client, and report the error with the log of the logger `c2c`"


class UsedAfterFork(EngineError):
    """The client belongs to the parent process."""

    default_hint = "create clients after the fork"


class UnsupportedPlatform(EngineError):
    """The machine lacks something that c2c needs; `check_webrtc_support()` lists it."""

    default_hint = "see check_webrtc_support().missing"


def _note(stage: str | None, hint: str | None) -> str | None:
    where = f"stage: {stage}" if stage else ""
    what = f"hint: {hint}" if hint else ""
    return "; ".join(part for part in (where, what) if part) or None
