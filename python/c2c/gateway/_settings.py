"""How the gateway's SIP side behaves when it behaves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True)
class GatewaySettings:
    """Times in seconds, rates in Hz; the defaults are what most gateways do."""

    algorithms: Sequence[Literal["MD5", "SHA-256"]] = ("MD5",)
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
