"""A lost WebSocket, with calls and without, over real sockets."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import pytest
import trio

import c2c
from c2c.gateway import Agent, Answer, ConfigValue, Echo, EndpointConfig, Ring, serve
from support.broken_servers import listening, upgrading
from support.front import Front, front_of
from support.gateway import Caller, caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from c2c.gateway import Step

BACK = ["reconnecting", "connecting", "connected", "registered", "reconnected"]
WS_URI = "endpointSettings.sipConnectivityInfo.wsUri"


@asynccontextmanager
async def fronted(*steps: Step, **options: Any) -> AsyncIterator[tuple[Caller, Front]]:
    """A gateway, a front of it that the configuration names, and a client."""
    async with front_of(0) as front:
        misbehave = [ConfigValue(WS_URI, front.uri)]
        async with serve(Agent(*(steps or (Answer(), Echo(60)))), misbehave=misbehave, secure=False) as gateway:
            front.gateway = int(gateway.websocket_uri.rpartition(":")[2])
            async with caller(gateway, **options) as one:
                yield one, front


async def told(one: Caller, name: str) -> None:
    """Waits until the client has told this."""
    if name not in one.told.names:
        happened = trio.Event()
        one.client.on(name, happened.set)
        await happened.wait()


async def test_a_server_that_breaks_the_websocket_protocol() -> None:
    async def reserved_opcode(stream: trio.abc.Stream) -> None:
        await stream.send_all(b"\x83\x00")
        while await stream.receive_some():
            pass

    async with listening(upgrading(reserved_opcode)) as port:
        misbehave = [ConfigValue(WS_URI, f"ws://127.0.0.1:{port}/")]
        async with serve(misbehave=misbehave, secure=False) as gateway, caller(gateway) as one:
            with pytest.raises(c2c.SignalingError):
                await one.client.connect()
            errors = [payload[0] for name, payload in one.told.events if name == "error"]
            assert any(type(error) is c2c.RemoteProtocolError for error in errors), errors


async def test_an_answered_call_goes_on() -> None:
    async with fronted() as (one, front):
        call, far_side = await one.answered()
        one.told.events.clear()
        heard = call.stats().packets_received
        await front.lose_client()
        await told(one, "reconnecting")
        assert not one.client.is_connected()
        assert one.client.get_state().status == c2c.CallStatus.ANSWERED
        sound = call.audio(rate=8_000)
        for _ in range(25):
            await anext(sound)
        assert call.stats().packets_received > heard  # the sound does not need the connection
        await one.client.send_info("still here")
        assert (await far_side.wait_info()).json()["text"] == "still here"
        await told(one, "reconnected")
        assert one.told.names[:2] == ["disconnected", "unregistered"]
        assert [name for name in one.told.names if name in BACK] == BACK
        await one.client.end_call()
        assert (await far_side.wait_ended()).how == "BYE"
        assert len(one.gateway.calls) == 1


async def test_a_call_that_rings_is_answered() -> None:
    async with fronted(Ring(60)) as (one, front):
        call = await one.client.connect_and_call()
        await told(one, "ringing")
        await front.lose_client()
        await told(one, "reconnected")
        (await one.gateway.wait_call()).answer()
        await call.wait_answered()
        await one.client.end_call()
        assert call.session.status == "ended"


async def test_hanging_up_without_a_connection() -> None:
    async with fronted() as (one, front):
        call, far_side = await one.answered()
        front.refuses = True
        await front.lose_client()
        await told(one, "reconnecting")
        await one.client.end_call()
        assert (await call.wait_ended()).cause == "Terminated"
        front.refuses = False
        await one.client.connect()
        assert (await far_side.wait_ended()).how == "BYE"


async def test_new_credentials_are_fetched() -> None:
    async with fronted() as (one, front), serve(secure=False, config=EndpointConfig(password="changed")) as other:
        await one.client.connect()
        one.gateway.serve_config(other.config)
        await front.move_to(int(other.websocket_uri.rpartition(":")[2]))
        await front.lose_client()
        await told(one, "reconnected")
        assert [request.status for request in one.gateway.requests] == [200, 200]
        assert "registrationFailed" not in one.told.names
        assert one.client.is_connected()


async def test_credentials_that_stay_wrong_end_it() -> None:
    async with fronted() as (one, front), serve(secure=False, config=EndpointConfig(password="changed")) as other:
        call, _ = await one.answered()
        await front.move_to(int(other.websocket_uri.rpartition(":")[2]))
        await front.lose_client()
        end = await call.wait_ended()
        assert (end.originator, end.cause) == ("system", "Connection Error")
        await told(one, "error")
        assert isinstance(one.told.payload("error")[0], c2c.RegistrationRejected)
        assert len(one.gateway.requests) == 2
        assert not one.client.is_connected()


async def test_a_call_waits_no_longer_than_the_limit() -> None:
    async with fronted(reconnect_limit=0.5) as (one, front):
        call, _ = await one.answered()
        front.refuses = True
        await front.lose_client()
        end = await call.wait_ended()
        assert (end.originator, end.cause, end.stage) == ("system", "Connection Error", "websocket")
        assert "reconnected" not in one.told.names
        front.refuses = False
        await one.client.connect()  # the client itself goes on
        assert one.client.is_connected()


async def test_a_dead_connection_is_noticed() -> None:
    async with fronted(keep_alive=0.3) as (one, front):
        call, far_side = await one.answered()
        front.is_deaf = True
        await told(one, "reconnecting")
        front.is_deaf = False
        await told(one, "reconnected")
        await one.client.send_info("still here")
        await far_side.wait_info()
        assert call.session.status == "answered"


async def test_connect_waits_for_no_longer_than_its_time() -> None:
    async with fronted(connect_timeout=0.5) as (one, front):
        await one.client.connect()
        front.refuses = True
        await front.lose_client()
        await told(one, "reconnecting")
        with pytest.raises(c2c.ConnectTimeout):
            await one.client.connect()
        front.refuses = False
        await told(one, "reconnected")
        assert one.client.is_connected()


async def test_leaving_while_it_reconnects() -> None:
    async with fronted() as (one, front):
        await one.answered()
        front.refuses = True
        await front.lose_client()
        await told(one, "reconnecting")
    assert one.told.names[-1] == "disconnected"
