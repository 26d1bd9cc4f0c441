"""Examines an endpoint stage by stage, in the order in which a call needs them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from c2c.cli import _endpoint_checks, _signalling_checks
from c2c.cli._endpoint_checks import EndpointChecks
from c2c.cli._finding import Finding
from c2c.cli._ice_checks import IceChecks
from c2c.cli._signalling_checks import SignallingChecks

if TYPE_CHECKING:
    from collections.abc import Callable

    import c2c
STAGES = (*_endpoint_checks.STAGES, *_signalling_checks.STAGES, "stun", "turn", "udp")


class Doctor:
    """Examines what `options`, those of `create_webrtc_client`, and a client made with them lead to."""

    def __init__(self, options: dict[str, Any], client: c2c.WebRTCClient, *, limit: float, place_call: bool) -> None:
        self._options = options
        self._client = client
        self._tell: Callable[[Finding], None] = lambda _: None
        self._limit = limit
        self._place_call = place_call
        self._failed: set[str] = set()

    async def run(self, tell: Callable[[Finding], None]) -> bool:
        """Returns whether nothing failed; `tell` gets each finding at once."""
        self._tell = tell
        options, tls = self._options, self._options.get("tls")
        servers = options.get("pc_config", {}).get("iceServers", [])
        await EndpointChecks(options, self._limit).run(self._report)
        ice = IceChecks(servers, tls, self._limit)
        async with self._client as client:
            signalling = SignallingChecks(client)
            can_call = await self._connect(signalling)
            for stage in ("stun", "turn"):
                for finding in await ice.run(stage):
                    self._report(finding)
            self._report(await signalling.call() if can_call and self._place_call else self._udp(ice))
        return not self._failed

    async def _connect(self, signalling: SignallingChecks) -> bool:
        if not self._failed:
            return await signalling.connect(self._report)
        (needed,) = self._failed
        for stage in _signalling_checks.STAGES:
            self._report(Finding(stage, "skipped", f"needs {needed}"))
        return False

    def _udp(self, ice: IceChecks) -> Finding:
        if ice.mapped:
            return Finding("udp", "ok", f"answers come back to {', '.join(dict.fromkeys(ice.mapped))}")
        if ice.asked_by_udp:
            hint = "allow outgoing UDP, or give a TURN server with ?transport=tcp or turns:"
            return Finding("udp", "failed", "no server answered over UDP", hint=hint)
        return Finding("udp", "skipped", "no STUN or TURN server to ask", hint="--call places a short call to find out")

    def _report(self, finding: Finding) -> None:
        if finding.status == "failed":
            self._failed.add(finding.stage)
        self._tell(finding)
