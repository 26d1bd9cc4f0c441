"""How the gateway's SIP side behaves when it behaves."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from c2c import _c2c

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from ._endpoint_config import EndpointConfig
    from ._misbehaviour import Misbehaviour
    from ._script import Agent


@dataclass(frozen=True)
class GatewaySettings:
    """Times in seconds, rates in Hz; the defaults are what most gateways do."""

    algorithms: Sequence[Literal["MD5", "SHA-256", "SHA-512-256"]] = ("MD5",)
    """One challenge is sent for each, in this order."""
    qop: bool = True
    """Challenge with `qop="auth"`, else with RFC 2069's digest."""
    wrong_credentials_status: Literal[401, 403] = 403
    """403, or 401 to challenge again."""
    challenge_as_proxy: bool = False
    """Challenge INVITE by 407 instead of 401."""
    nonce_lifetime: float = 60.0
    register_expires: int = 600
    """Longest registration granted."""
    session_expires: int = 90
    """Longest session interval accepted; 0 uses no session timer."""
    refresher: Literal["client", "gateway"] = "gateway"
    """Who refreshes the session when the client leaves it open."""
    hearing_rate: int = 48_000
    """Rate at which the agent hears, keeps and echoes sound."""
    hearing_seconds: float = 60.0
    """How much of a call's sound is kept."""

    def to_border(
        self, agent: Agent, misbehave: Iterable[Misbehaviour], config: EndpointConfig
    ) -> _c2c.GatewaySettings:
        """Return everything that the Rust side is told before it starts. Raises ValueError for what is out of range."""
        is_legacy = config.kind == "legacy"
        return _c2c.GatewaySettings(
            realm=config.realm,
            users=[(config.username, config.password)] if is_legacy else [],
            steps=[step.to_border() for step in agent.steps],
            misbehaviours=[made for one in misbehave if (made := one.to_border()) is not None],
            codecs=list(agent.codecs),
            algorithms=list(self.algorithms),
            qop=self.qop,
            wrong_credentials_status=self.wrong_credentials_status,
            challenge_as_proxy=self.challenge_as_proxy,
            nonce_lifetime=self.nonce_lifetime,
            register_expires=self.register_expires,
            session_expires=self.session_expires,
            refreshed_by_gateway=self.refresher == "gateway",
            hearing_rate=self.hearing_rate,
            hearing_seconds=self.hearing_seconds,
        )
