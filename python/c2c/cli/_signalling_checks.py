"""The configuration, the WebSocket, the registration and a call, as the client itself goes through them."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import trio

import c2c
from c2c.cli._finding import Finding, Problem, examined

if TYPE_CHECKING:
    from collections.abc import Callable

STAGES = ("config", "wss", "register")
CALL_LIMIT = 30.0  # seconds for a far side to answer and to be heard


class SignallingChecks:
    """Checks what a client, whose block runs, meets in `connect()` and in a call."""

    def __init__(self, client: c2c.WebRTCClient) -> None:
        self._client = client
        self._reached: dict[str, float] = {}
        for event in _AFTER.values():
            client.on(event, self._handler(event))

    async def connect(self, report: Callable[[Finding], None]) -> bool:
        """Reports a finding for each of `STAGES`; whether calls can be made."""
        started = trio.current_time()
        error: c2c.C2CError | None = None
        try:
            await self._client.connect()
        except c2c.C2CError as failure:
            error = failure
        failed = _OF_THE_LIBRARY.get(error.stage or "", "config") if error else None
        for stage, event in _AFTER.items():
            end = self._reached.get(event, trio.current_time())
            report(self._finding(stage, failed, error, end - started))
            started = end
        return error is None

    async def call(self) -> Finding:
        """Places a call, hangs up when sound flows, and returns what that shows of UDP."""
        finding = await examined("udp", self._heard, CALL_LIMIT, "allow outgoing UDP, or give a TURN server")
        with suppress(c2c.NoActiveCall):  # it may be over already
            await self._client.end_call()
        return finding

    def _finding(self, stage: str, failed: str | None, error: c2c.C2CError | None, seconds: float) -> Finding:
        if failed in STAGES[: STAGES.index(stage)]:
            return Finding(stage, "skipped", f"needs {failed}")
        if error is not None and stage == failed:
            return Finding(stage, "failed", error.cause or str(error), seconds, error.hint)
        if _AFTER[stage] not in self._reached:
            return Finding(stage, "skipped", "the endpoint needs no registration")
        return Finding(stage, "ok", _FINE[stage], seconds)

    def _handler(self, event: str) -> Callable[[], None]:
        def reached() -> None:
            self._reached.setdefault(event, trio.current_time())

        return reached

    async def _heard(self) -> str:
        try:
            call = await self._client.start_call()
            await call.wait_answered()
        except c2c.C2CError as error:
            raise Problem(str(error), error.hint) from None
        while (heard := call.stats().first_packet_in) is None:
            with trio.move_on_after(0.05):
                end = await call.wait_ended()
                raise Problem(f"the call ended before anything was heard: {end.cause}", end.hint)
        return f"a call's sound came {heard * 1000:.0f} ms after its INVITE"


_AFTER = {"config": "connecting", "wss": "connected", "register": "registered"}  # the event that ends each stage
_OF_THE_LIBRARY = {"config": "config", "websocket": "wss", "register": "register"}
_FINE = {"config": "fetched and complete", "wss": "open, with the subprotocol sip", "register": "registered"}
