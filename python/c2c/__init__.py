"""Voice calls to Cognigy's Voice Gateway from Python: the Click To Call SDK, on Trio."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from c2c import events
from c2c._audio_manager import AudioStream
from c2c._call import Call
from c2c._call_limit import set_call_limit
from c2c._client import WebRTCClient, create_webrtc_client
from c2c._client_config import WebRTCClientConfig
from c2c._client_state import CallStatus, ClientState, EndCause, TranscriptMessage
from c2c._config import EndpointConfig, EndpointSettings, SipConnectivityInfo, WebrtcWidgetConfig
from c2c._errors import (
    C2CError,
    CallError,
    CallFailed,
    CallLimitReached,
    ClientDestroyed,
    ClientError,
    ClientNotOpen,
    ClipError,
    ConfigError,
    ConfigFetchError,
    ConfigInvalid,
    ConfigTimeout,
    ConnectFailed,
    ConnectionLost,
    ConnectTimeout,
    DtlsFailed,
    EngineClosed,
    EngineError,
    EngineFailed,
    EventsLost,
    IceFailed,
    MediaError,
    NoActiveCall,
    NoCommonCodec,
    NotConnected,
    RecordingError,
    RegistrationRejected,
    RemoteProtocolError,
    SignalingError,
    UnsupportedPlatform,
    UsedAfterFork,
    WidgetInactive,
    WrongState,
)
from c2c._event_bus import EventStream
from c2c._ice_servers import IceServer, PeerConnectionConfig
from c2c._recording import Recording
from c2c._session import CallEndInfo, CallSession, SessionStatus
from c2c._support import WebRTCSupport, check_webrtc_support, is_webrtc_supported
from c2c._tls import TLSConfig

if TYPE_CHECKING:
    from c2c._c2c import VERSION, AudioFrame, CallStats, Clip

__all__ = [
    "SDK_END_CAUSES",
    "SDK_NAME",
    "VERSION",
    "AudioFrame",
    "AudioStream",
    "C2CError",
    "Call",
    "CallEndInfo",
    "CallError",
    "CallFailed",
    "CallLimitReached",
    "CallSession",
    "CallStats",
    "CallStatus",
    "ClientDestroyed",
    "ClientError",
    "ClientNotOpen",
    "ClientState",
    "Clip",
    "ClipError",
    "ConfigError",
    "ConfigFetchError",
    "ConfigInvalid",
    "ConfigTimeout",
    "ConnectFailed",
    "ConnectTimeout",
    "ConnectionLost",
    "DtlsFailed",
    "EndCause",
    "EndpointConfig",
    "EndpointSettings",
    "EngineClosed",
    "EngineError",
    "EngineFailed",
    "EventStream",
    "EventsLost",
    "IceFailed",
    "IceServer",
    "MediaError",
    "NoActiveCall",
    "NoCommonCodec",
    "NotConnected",
    "PeerConnectionConfig",
    "Recording",
    "RecordingError",
    "RegistrationRejected",
    "RemoteProtocolError",
    "SessionStatus",
    "SignalingError",
    "SipConnectivityInfo",
    "TLSConfig",
    "TranscriptMessage",
    "UnsupportedPlatform",
    "UsedAfterFork",
    "WebRTCClient",
    "WebRTCClientConfig",
    "WebRTCSupport",
    "WebrtcWidgetConfig",
    "WidgetInactive",
    "WrongState",
    "check_webrtc_support",
    "create_webrtc_client",
    "events",
    "is_webrtc_supported",
    "set_call_limit",
]

SDK_NAME = "click-to-call"
SDK_END_CAUSES = EndCause

logging.getLogger("c2c").addHandler(logging.NullHandler())

_OF_THE_EXTENSION = frozenset({"AudioFrame", "CallStats", "Clip", "VERSION"})


def __getattr__(name: str) -> Any:  # noqa: ANN401
    """Imports the extension when something of it is first asked for, so that a machine without it can be told so."""
    if name in _OF_THE_EXTENSION:
        from c2c import _c2c

        return getattr(_c2c, name)
    raise AttributeError(f"module 'c2c' has no attribute {name!r}")


def _show_as_public() -> None:
    """Lets the classes appear as `c2c.X` in tracebacks and reprs."""
    for name in set(__all__) - _OF_THE_EXTENSION:
        if getattr(globals()[name], "__module__", "").startswith("c2c._"):
            globals()[name].__module__ = "c2c"


_show_as_public()
