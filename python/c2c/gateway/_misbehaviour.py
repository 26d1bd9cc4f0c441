"""What a gateway does wrong on demand; several may be given at once."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Literal, TypeAlias

from c2c._c2c import GatewayMisbehaviour

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


class Misbehaviour(ABC):
    """One thing done wrong."""

    @abstractmethod
    def to_border(self) -> GatewayMisbehaviour | None:
        """Return it as `c2c._c2c` takes it; None for the config endpoint's. Raises ValueError."""


class ConfigMisbehaviour(Misbehaviour):
    """One thing that the config endpoint does wrong."""

    def to_border(self) -> None:
        """As `Misbehaviour` says."""


@dataclass(frozen=True)
class ConfigStatus(ConfigMisbehaviour):
    """The config endpoint answers with this HTTP status."""

    status: int


@dataclass(frozen=True)
class ConfigSlow(ConfigMisbehaviour):
    """The config endpoint answers after `seconds`."""

    seconds: float


@dataclass(frozen=True)
class ConfigBody(ConfigMisbehaviour):
    """The config endpoint's 200 carries this body instead of the configuration."""

    body: bytes = b"<html>not JSON</html>"


@dataclass(frozen=True)
class ConfigRedirect(ConfigMisbehaviour):
    """The config endpoint answers 302 to this URL."""

    location: str


@dataclass(frozen=True)
class ConfigWithout(ConfigMisbehaviour):
    """The configuration lacks this field, `endpointSettings.sipConnectivityInfo.wsUri` for example."""

    path: str


@dataclass(frozen=True)
class ConfigValue(ConfigMisbehaviour):
    """The configuration has this value at this path."""

    path: str
    value: object


@dataclass(frozen=True)
class ConfigInactive(ConfigMisbehaviour):
    """The configuration says that the widget is not active."""


@dataclass(frozen=True)
class RefuseUpgrade(Misbehaviour):
    """The WebSocket upgrade gets this HTTP status."""

    status: int = 404

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.refuse_upgrade(self.status)


@dataclass(frozen=True)
class NoSubprotocol(Misbehaviour):
    """The WebSocket upgrade names no subprotocol."""

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.plain("no-subprotocol")


@dataclass(frozen=True)
class RejectRegister(Misbehaviour):
    """REGISTER gets this final response, right credentials or not."""

    status: int = 403
    reason: str = ""

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.reject_register(self.status, self.reason)


@dataclass(frozen=True)
class IgnoreRegister(Misbehaviour):
    """REGISTER is never answered."""

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.plain("ignore-register")


@dataclass(frozen=True)
class StaleNonce(Misbehaviour):
    """The first good credentials are refused as stale."""

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.plain("stale-nonce")


@dataclass(frozen=True)
class IntervalTooBrief(Misbehaviour):
    """The first REGISTER with good credentials gets 423 with this Min-Expires, seconds."""

    min_expires: int

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.interval_too_brief(self.min_expires)


@dataclass(frozen=True)
class IgnoreInvite(Misbehaviour):
    """INVITE is never answered, not even by 100."""

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.plain("ignore-invite")


@dataclass(frozen=True)
class StallInvite(Misbehaviour):
    """INVITE gets 100 and nothing else."""

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.plain("stall-invite")


@dataclass(frozen=True)
class BadAnswer(Misbehaviour):
    """The 200 to INVITE carries this instead of a proper SDP answer."""

    kind: BadAnswerKind

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.bad_answer(self.kind)


@dataclass(frozen=True)
class IgnoreInfo(Misbehaviour):
    """INFO is never answered."""

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.plain("ignore-info")


@dataclass(frozen=True)
class RejectInfo(Misbehaviour):
    """INFO gets this final response."""

    status: int

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.reject_info(self.status)


@dataclass(frozen=True)
class IgnoreBye(Misbehaviour):
    """BYE is never answered."""

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.plain("ignore-bye")


@dataclass(frozen=True)
class DropWebSocket(Misbehaviour):
    """The TCP connection is dropped, without a close frame, when this moment is reached."""

    at: Moment

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.drop_websocket(self.at)


@dataclass(frozen=True)
class MalformedSip(Misbehaviour):
    """Malformed SIP messages are sent once a call is answered."""

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.plain("malformed-sip")


@dataclass(frozen=True)
class HostileDatagrams(Misbehaviour):
    """Datagrams that the client must drop (STUN, DTLS, SRTP, SRTCP, noise) are sent once sound flows."""

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.plain("hostile-datagrams")


@dataclass(frozen=True)
class MediaLoss(Misbehaviour):
    """So large a share of the agent's RTP and RTCP packets is lost, 0 to 1."""

    share: float

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.media_loss(self.share)


@dataclass(frozen=True)
class MediaJitter(Misbehaviour):
    """The agent's RTP and RTCP packets are delayed at random by up to `seconds`, and so reordered."""

    seconds: float

    def to_border(self) -> GatewayMisbehaviour:
        """As `Misbehaviour` says."""
        return GatewayMisbehaviour.media_jitter(self.seconds)
