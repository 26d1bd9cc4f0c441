"""What a gateway does wrong on demand; several may be given at once."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

Moment: TypeAlias = Literal["registered", "ringing", "answered", "media-connected"]
BadAnswerKind: TypeAlias = Literal[
    "missing",
    "garbage",
    "no-common-codec",
    "no-fingerprint",
    "wrong-fingerprint",
    "no-ice-credentials",
    "audio-refused",
]


@dataclass(frozen=True)
class ConfigStatus:
    """The config endpoint answers with this HTTP status."""

    status: int


@dataclass(frozen=True)
class ConfigSlow:
    """The config endpoint answers after `seconds`."""

    seconds: float


@dataclass(frozen=True)
class ConfigBody:
    """The config endpoint's 200 carries this body instead of the configuration."""

    body: bytes = b"<html>not JSON</html>"


@dataclass(frozen=True)
class ConfigRedirect:
    """The config endpoint answers 302 to this URL."""

    location: str


@dataclass(frozen=True)
class ConfigWithout:
    """The configuration lacks this field, `endpointSettings.sipConnectivityInfo.wsUri` for example."""

    path: str


@dataclass(frozen=True)
class ConfigValue:
    """The configuration has this value at this path."""

    path: str
    value: object


@dataclass(frozen=True)
class ConfigInactive:
    """The configuration says that the widget is not active."""


@dataclass(frozen=True)
class RefuseUpgrade:
    """The WebSocket upgrade gets this HTTP status."""

    status: int = 404


@dataclass(frozen=True)
class NoSubprotocol:
    """The WebSocket upgrade names no subprotocol."""


@dataclass(frozen=True)
class RejectRegister:
    """REGISTER gets this final response, right credentials or not."""

    status: int = 403
    reason: str = ""


@dataclass(frozen=True)
class IgnoreRegister:
    """REGISTER is never answered."""


@dataclass(frozen=True)
class StaleNonce:
    """The first good credentials are refused as stale."""


@dataclass(frozen=True)
class IntervalTooBrief:
    """The first REGISTER with good credentials gets 423 with this Min-Expires, seconds."""

    min_expires: int


@dataclass(frozen=True)
class IgnoreInvite:
    """INVITE is never answered, not even by 100."""


@dataclass(frozen=True)
class StallInvite:
    """INVITE gets 100 and nothing else."""


@dataclass(frozen=True)
class BadAnswer:
    """The 200 to INVITE carries this instead of a proper SDP answer."""

    kind: BadAnswerKind


@dataclass(frozen=True)
class IgnoreInfo:
    """INFO is never answered."""


@dataclass(frozen=True)
class RejectInfo:
    """INFO gets this final response."""

    status: int


@dataclass(frozen=True)
class IgnoreBye:
    """BYE is never answered."""


@dataclass(frozen=True)
class DropWebSocket:
    """The TCP connection is dropped, without a close frame, when this moment is reached."""

    at: Moment


@dataclass(frozen=True)
class MalformedSip:
    """Malformed SIP messages are sent once a call is answered."""


@dataclass(frozen=True)
class HostileDatagrams:
    """Datagrams that the client must drop (STUN, DTLS, SRTP, SRTCP, noise) are sent once sound flows."""


@dataclass(frozen=True)
class MediaLoss:
    """This share of the agent's RTP and RTCP packets is lost, 0 to 1."""

    share: float


@dataclass(frozen=True)
class MediaJitter:
    """The agent's RTP and RTCP packets are delayed at random by up to `seconds`, and so reordered."""

    seconds: float


ConfigMisbehaviour: TypeAlias = (
    ConfigStatus | ConfigSlow | ConfigBody | ConfigRedirect | ConfigWithout | ConfigValue | ConfigInactive
)
Misbehaviour: TypeAlias = (
    ConfigMisbehaviour
    | RefuseUpgrade
    | NoSubprotocol
    | RejectRegister
    | IgnoreRegister
    | StaleNonce
    | IntervalTooBrief
    | IgnoreInvite
    | StallInvite
    | BadAnswer
    | IgnoreInfo
    | RejectInfo
    | IgnoreBye
    | DropWebSocket
    | MalformedSip
    | HostileDatagrams
    | MediaLoss
    | MediaJitter
)
