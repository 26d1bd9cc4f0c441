"""The `async with` block: what works only inside, and what leaves it."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import trio

from c2c import (
    CallFailed,
    ClientDestroyed,
    ClientNotOpen,
    ConfigError,
    ConnectFailed,
    EngineFailed,
    NoActiveCall,
    NotConnected,
    TLSConfig,
    WebRTCClient,
    WrongState,
    create_webrtc_client,
)
from c2c._c2c import Event
from support.client import Recorder, answered_call
from support.fake_endpoint import URL

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from support.fake_engine import FakeEngine

ASYNC: list[Callable[[WebRTCClient], Awaitable[Any]]] = [
    WebRTCClient.connect,
    WebRTCClient.connect_and_call,
    WebRTCClient.start_call,
    WebRTCClient.end_call,
    WebRTCClient.send_info,
    WebRTCClient.mute,
    WebRTCClient.unmute,
    WebRTCClient.disconnect,
]
SYNC: list[Callable[[WebRTCClient], Any]] = [
    WebRTCClient.is_connected,
    WebRTCClient.get_current_session,
    WebRTCClient.events,
]


@pytest.mark.parametrize("method", [*ASYNC, WebRTCClient.destroy, WebRTCClient.aclose])
async def test_methods_before_the_block(client: WebRTCClient, method: Callable[[WebRTCClient], Awaitable[Any]]) -> None:
    with pytest.raises(ClientNotOpen, match="The client is not open"):
        await method(client)


@pytest.mark.parametrize("method", ASYNC)
async def test_methods_after_the_block(client: WebRTCClient, method: Callable[[WebRTCClient], Awaitable[Any]]) -> None:
    async with client:
        pass
    with pytest.raises(ClientNotOpen):
        await method(client)


@pytest.mark.parametrize("method", SYNC)
async def test_plain_methods_outside_the_block(client: WebRTCClient, method: Callable[[WebRTCClient], Any]) -> None:
    with pytest.raises(ClientNotOpen):
        method(client)
    async with client:
        method(client)
    with pytest.raises(ClientNotOpen):
        method(client)


async def test_on_and_off_work_everywhere(client: WebRTCClient) -> None:
    def handler() -> None: ...

    assert client.on("connecting", handler).off("connecting", handler) is client
    async with client:
        client.on("connecting", handler).off("connecting", handler)
    client.on("connecting", handler).off("connecting", handler)


async def test_destroying_after_the_block_does_nothing(client: WebRTCClient) -> None:
    async with client:
        pass
    await client.destroy()
    await client.aclose()


async def test_a_client_is_opened_once(client: WebRTCClient) -> None:
    async with client:
        with pytest.raises(WrongState, match="open already"):
            await client.__aenter__()
    with pytest.raises(ClientDestroyed, match="Client has been destroyed"):
        await client.__aenter__()


def test_asyncio_is_told_the_way(client: WebRTCClient) -> None:
    async def main() -> None:
        async with client:
            raise AssertionError("the block was entered")

    with pytest.raises(WrongState, match="c2c runs under Trio") as caught:
        asyncio.run(main())
    assert "trio.run" in str(caught.value.hint)


async def test_an_unreadable_ca_is_named(tmp_path: Path) -> None:
    client = create_webrtc_client(URL, tls=TLSConfig(ca_file=tmp_path / "absent.pem"))
    with pytest.raises(ConfigError, match=r"ca_file: .*absent\.pem: No such file"):
        await client.__aenter__()


async def test_leaving_hangs_up_and_disconnects(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await answered_call(client, engine)
        engine.commands.clear()
        told.events.clear()
    assert engine.names() == ["disconnect", "close"]
    assert told.names == ["audioEnded", "audioEnded", "audioEnded", "ended", "unregistered", "disconnected"]


async def test_the_blocks_exception_leaves_bare(client: WebRTCClient, engine: FakeEngine) -> None:
    error = LookupError("mine")
    with pytest.raises(LookupError) as caught:
        async with client:
            await answered_call(client, engine)
            raise error
    assert caught.value is error
    assert engine.names()[-2:] == ["disconnect", "close"]


async def test_a_group_of_the_blocks_own_stays_as_it_is(client: WebRTCClient) -> None:
    group = ExceptionGroup("mine", [LookupError("one"), LookupError("two")])
    with pytest.raises(ExceptionGroup) as caught:
        async with client:
            raise group
    assert caught.value is group


async def test_a_second_exception_becomes_a_note(make_client: Callable[..., WebRTCClient]) -> None:
    def handler() -> None:
        raise ValueError("the handler's")

    client = make_client(on_handler_error="raise").on("audioEnded", handler)
    with pytest.raises(LookupError) as caught:
        async with client:
            raise LookupError("mine")
    assert caught.value.__notes__ == ["while the client was closed: ValueError: the handler's"]


async def test_being_cancelled_leaves_as_being_cancelled(client: WebRTCClient, engine: FakeEngine) -> None:
    with pytest.raises(trio.TooSlowError):
        with trio.fail_after(1):
            async with client:
                await answered_call(client, engine)
                await trio.sleep_forever()
    assert engine.names()[-2:] == ["disconnect", "close"]


async def test_leaving_when_cancelled_takes_two_seconds_at_most(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent |= {"disconnect", "close"}
    with trio.CancelScope() as scope:
        async with client:
            await client.connect()
            started = trio.current_time()
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert trio.current_time() - started == pytest.approx(2)
    assert engine.is_closed


async def test_leaving_does_not_wait_for_ever(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent |= {"disconnect", "close"}
    async with client:
        await client.connect()
        started = trio.current_time()
    assert trio.current_time() - started == pytest.approx(5)
    assert engine.is_closed


async def test_a_call_whose_end_nobody_told_ends_with_the_client(
    client: WebRTCClient, engine: FakeEngine, told: Recorder
) -> None:
    engine.silent |= {"disconnect", "close"}
    async with client:
        call = await answered_call(client, engine)
    assert (await call.wait_ended()).cause == "Internal Error"
    assert call.session.status == "ended"


async def test_a_broken_engine_ends_the_block(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    with pytest.raises(EngineFailed, match="The engine failed: the queue is full"):
        async with client:
            await client.connect()
            engine.tell(Event.EngineFailed("the queue is full"), Event.Closed())
            await trio.sleep_forever()
    assert isinstance(told.payload("error")[0], EngineFailed)


async def test_a_broken_engine_fails_the_waiting_connect(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent.add("connect")
    outcome: list[Exception] = []

    async def connect() -> None:
        try:
            await client.connect()
        except EngineFailed as error:
            outcome.append(error)

    # the group is that of the nursery here
    with pytest.RaisesGroup(EngineFailed):
        async with trio.open_nursery() as nursery, client:
            nursery.start_soon(connect)
            await trio.testing.wait_all_tasks_blocked()
            engine.tell(Event.EngineFailed("a panic"))
            await trio.sleep_forever()
    assert [str(error) for error in outcome] == ["Failed to connect: The engine failed: a panic"]


async def test_an_engine_that_is_gone_ends_calls(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        call = await client.connect_and_call()
        engine.release()
        with pytest.raises(CallFailed):
            await call.wait_answered()
        assert not client.is_connected()
    assert told.names[-3:] == ["audioEnded", "failed", "audioEnded"]


async def test_destroy_in_the_block(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await client.connect()
        told.events.clear()
        await client.destroy()
        assert engine.names()[-2:] == ["disconnect", "close"]
        assert told.names == ["audioEnded", "audioEnded", "unregistered", "disconnected"]
        await client.destroy()
        with pytest.raises(ClientDestroyed, match=r"^Client has been destroyed"):
            await client.connect()
        with pytest.raises(NotConnected, match=r"^Client not connected"):
            await client.start_call()
        with pytest.raises(NoActiveCall, match=r"^Failed to end call: No active session to terminate"):
            await client.end_call()
        await client.disconnect()
        assert not client.is_connected()
        assert client.get_current_session() is None
    assert engine.names().count("close") == 1
    assert len(told.events) == 4


async def test_destroying_a_client_that_was_never_connected(
    client: WebRTCClient, engine: FakeEngine, told: Recorder
) -> None:
    async with client:
        await client.destroy()
    assert engine.names() == ["close"]
    assert told.names == ["audioEnded"]


@pytest.mark.parametrize("moment", ["connecting", "answered", "ended"])
async def test_a_handler_may_destroy(client: WebRTCClient, engine: FakeEngine, moment: str) -> None:
    async def destroy(*_: object) -> None:
        await client.destroy()

    client.on(moment, destroy)
    async with client:
        try:
            call = await answered_call(client, engine)
            engine.hang_up()
            await call.wait_ended()
        except ConnectFailed:
            assert moment == "connecting"
        await trio.testing.wait_all_tasks_blocked()
    assert engine.names().count("close") == 1


async def test_an_interrupted_destroy_is_finished_by_leaving(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent.add("disconnect")
    async with client:
        await client.connect()
        with trio.move_on_after(1):
            await client.destroy()
        assert not engine.is_closed
        engine.tell(Event.Disconnected(None, None))
    assert engine.names()[-2:] == ["disconnect", "close"]
