"""A gateway and a client that trusts it, for tests over real loopback sockets."""

from __future__ import annotations

from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import c2c
import c2c.gateway
from support.client import Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from c2c.gateway import GatewayCall, RunningGateway

RATE = 16_000


@dataclass
class Caller:
    """A client, what it told, and the gateway it talks to."""

    gateway: RunningGateway
    client: c2c.WebRTCClient
    told: Recorder
    pcm: bytearray = field(default_factory=bytearray)

    @property
    def heard(self) -> memoryview:
        """What `listen` kept: signed 16-bit mono at 16 kHz."""
        return memoryview(bytes(self.pcm)).cast("h")

    async def listen(self, call: c2c.Call) -> None:
        """Keeps what the call's far side says, until the call ends."""
        async for frame in call.audio(rate=RATE):
            self.pcm += memoryview(frame).cast("B")

    async def answered(self) -> tuple[c2c.Call, GatewayCall]:
        """A call that is answered and has sound, at both ends."""
        call = await self.client.connect_and_call()
        await call.wait_answered()
        far_side = await self.gateway.wait_call(len(self.gateway.calls) - 1 if self.gateway.calls else 0)
        await far_side.wait_media()
        return call, far_side

    def ended(self) -> tuple[c2c.CallSession, c2c.CallEndInfo]:
        """What `ended` brought."""
        session, end_info = self.told.payload("ended")
        return session, end_info

    def failed(self) -> tuple[c2c.CallSession, c2c.CallEndInfo]:
        """What `failed` brought."""
        session, end_info = self.told.payload("failed")
        return session, end_info


@asynccontextmanager
async def caller(gateway: RunningGateway, **options: Any) -> AsyncIterator[Caller]:
    """A client of this gateway."""
    options.setdefault("user_id", "user-1")
    client = c2c.create_webrtc_client(gateway.endpoint_url, tls=gateway.tls, **options)
    told = Recorder(client)
    async with client:
        yield Caller(gateway, client, told)


@asynccontextmanager
async def served(
    *steps: c2c.gateway.Step,
    codecs: tuple[c2c.gateway.Codec, ...] = ("opus", "PCMU", "PCMA"),
    options: dict[str, Any] | None = None,
    **gateway_options: Any,
) -> AsyncIterator[Caller]:
    """A gateway whose agent follows these steps, and a client of it; `options` are the client's."""
    agent = c2c.gateway.Agent(*steps, codecs=codecs)
    async with c2c.gateway.serve(agent, **gateway_options) as gateway, caller(gateway, **(options or {})) as one:
        yield one
