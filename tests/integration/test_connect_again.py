"""A second `connect()`: the last server's WebSocket is opened beside the request, and used, or closed unused."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio

import c2c
from c2c.gateway import ConfigSlow
from support.gateway import served

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from support.gateway import Caller

SLOW = ConfigSlow(1.0)  # seconds: the WebSocket is open long before


@asynccontextmanager
async def connected_before() -> AsyncIterator[Caller]:
    """A client that has been connected, and has forgotten what it told."""
    async with served(misbehave=[SLOW]) as one:
        await one.client.connect()
        await one.client.disconnect()
        await one.gateway.wait_until(lambda gateway: not gateway.connections)
        one.told.events.clear()
        yield one


async def opened_ahead(one: Caller) -> int:
    await one.gateway.wait_until(lambda gateway: bool(gateway.connections))
    (connection,) = one.gateway.connections
    assert one.told.names == []
    return connection


async def test_what_was_opened_is_used_when_the_configuration_names_its_server() -> None:
    async with connected_before() as one:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.client.connect)
            connection = await opened_ahead(one)
        assert one.told.names == ["connecting", "connected", "registered"]
        assert one.gateway.connections == {connection}
        assert len(one.gateway.requests) == 2
        _, far_side = await one.answered()
        await one.client.end_call()
        await far_side.wait_ended()


async def test_what_was_opened_is_closed_when_the_configuration_names_another_server() -> None:
    async with connected_before() as one:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.client.connect)
            connection = await opened_ahead(one)
            assert one.gateway._endpoint is not None
            one.gateway._endpoint._websocket_uri += "/other"
        await one.gateway.wait_until(lambda gateway: connection not in gateway.connections)
        assert len(one.gateway.connections) == 1
        assert one.told.names == ["connecting", "connected", "registered"]


async def test_what_was_opened_is_closed_when_the_connect_is_cancelled() -> None:
    async with connected_before() as one:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(one.client.connect)
            await opened_ahead(one)
            nursery.cancel_scope.cancel()
        await one.gateway.wait_until(lambda gateway: not gateway.connections)
        assert one.told.names == ["audioEnded"]


async def test_what_was_opened_is_closed_when_the_client_is_destroyed() -> None:
    async with connected_before() as one, trio.open_nursery() as nursery:

        async def connect() -> None:
            with pytest.raises(c2c.ConnectFailed, match="Disconnected"):
                await one.client.connect()

        nursery.start_soon(connect)
        await opened_ahead(one)
        await one.client.destroy()
        await one.gateway.wait_until(lambda gateway: not gateway.connections)
