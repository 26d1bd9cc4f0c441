"""Handlers and iterators, through the client that has them."""

from __future__ import annotations

import functools
import logging
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from c2c import ClientError, EventsLost, WebRTCClient
from c2c._c2c import Event
from c2c._event_bus import EventBus
from c2c.events import (
    NAMES,
    Connected,
    Connecting,
    Disconnected,
    Error,
    Registered,
    RegistrationFailed,
    RegistrationResponse,
    Ringing,
)
from support.client import Recorder, answered_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from support.fake_engine import FakeEngine


async def test_handlers_have_run_before_the_method_returns(client: WebRTCClient, engine: FakeEngine) -> None:
    order: list[str] = []
    for name in ("registered", "muted", "infoSent", "ended", "disconnected"):
        client.on(name, lambda *_, name=name: order.append(name))
    async with client:
        await client.connect()
        order.append("connect()")
        call = await client.start_call()
        engine.answer()
        await call.wait_answered()
        await client.mute()
        order.append("mute()")
        await client.send_info("text")
        order.append("send_info()")
        await client.end_call()
        order.append("end_call()")
        await client.disconnect()
        order.append("disconnect()")
    assert order == [
        "registered", "connect()", "muted", "mute()", "infoSent", "send_info()", "ended", "end_call()", "disconnected",
        "disconnect()",
    ]  # fmt: skip


@pytest.mark.parametrize("name", ["answer", "", "Answered", "*"])
def test_an_unknown_event(client: WebRTCClient, name: Any) -> None:
    with pytest.raises(ValueError, match=r"^event: .* is none of connecting, connected"):
        client.on(name, print)
    with pytest.raises(ValueError, match=r"^event: "):
        client.off(name, print)


def test_a_handler_that_is_none(client: WebRTCClient) -> None:
    handler: Any = "text"
    with pytest.raises(TypeError, match=r"^handler: must be callable, not str"):
        client.on("ringing", handler)


async def test_handlers_run_in_their_order_and_as_often_as_added(client: WebRTCClient) -> None:
    called: list[str] = []

    def first() -> None:
        called.append("first")

    def second() -> None:
        called.append("second")

    client.on("connecting", first).on("connecting", second).on("connecting", first)
    async with client:
        await client.connect()
    assert called == ["first", "second", "first"]


async def test_off_takes_the_handler_added_last(client: WebRTCClient) -> None:
    called: list[str] = []

    def first() -> None:
        called.append("first")

    def second() -> None:
        called.append("second")

    client.on("connecting", first).on("connecting", second).on("connecting", first).off("connecting", first)
    client.off("connecting", print).off("connected", first)
    async with client:
        await client.connect()
    assert called == ["first", "second"]


async def test_off_knows_a_method_again(client: WebRTCClient) -> None:
    called: list[object] = []
    client.on("connecting", called.clear).off("connecting", called.clear)
    called.append("kept")
    async with client:
        await client.connect()
    assert called == ["kept"]


async def test_a_handler_that_is_removed_while_its_event_is_told_still_runs(client: WebRTCClient) -> None:
    called: list[str] = []

    def second() -> None:
        called.append("second")

    def first() -> None:
        called.append("first")
        client.off("connecting", second)
        client.on("connecting", first)

    client.on("connecting", first).on("connecting", second)
    async with client:
        await client.connect()
    assert called == ["first", "second"]


async def test_handlers_may_take_fewer_arguments(client: WebRTCClient, engine: FakeEngine) -> None:
    seen: list[object] = []
    client.on("ended", lambda: seen.append("none"))
    client.on("ended", lambda session: seen.append(session.status))
    client.on("ended", lambda session, end_info: seen.append((session.status, end_info.cause)))
    client.on("ended", lambda *args: seen.append(len(args)))
    client.on("ended", functools.partial(lambda tag, session: seen.append((tag, session.status)), "tag"))
    client.on("ended", seen.append)
    async with client:
        await answered_call(client, engine)
        await client.end_call()
    assert seen[:-1] == ["none", "ended", ("ended", "Terminated"), 2, ("tag", "ended")]
    assert seen[-1].status == "ended"  # type: ignore[attr-defined]


async def test_an_event_may_be_named_by_its_class(client: WebRTCClient, engine: FakeEngine) -> None:
    statuses: list[str] = []
    client.on(Ringing, lambda session: statuses.append(session.status))
    async with client:
        await answered_call(client, engine)
    assert statuses == ["ringing"]


async def test_a_failing_handler_becomes_an_error_event(
    client: WebRTCClient, engine: FakeEngine, told: Recorder, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise LookupError("mine")

    client.on("ringing", broken)
    late: list[object] = []
    client.on("ringing", late.append)
    async with client:
        await answered_call(client, engine)
        assert told.names[-3:] == ["ringing", "error", "answered"]
        assert len(late) == 1
        (error,) = told.payload("error")
        assert type(error) is ClientError
        assert str(error).endswith("broken of 'ringing' raised LookupError: mine")
        assert isinstance(error.__cause__, LookupError)
        (record,) = [record for record in caplog.records if record.name == "c2c"]
        assert record.levelno == logging.ERROR
        assert record.exc_info is not None
        assert record.exc_info[1] is error.__cause__


async def test_a_failing_error_handler_is_logged_only(
    client: WebRTCClient, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> None:
        raise LookupError("mine")

    client.on("error", broken).on("ringing", broken)
    async with client:
        await answered_call(client, engine)
    assert len([record for record in caplog.records if record.name == "c2c"]) == 2


@pytest.mark.parametrize("is_async", [False, True])
async def test_a_failing_handler_may_end_the_block(
    make_client: Callable[..., WebRTCClient], engine: FakeEngine, *, is_async: bool
) -> None:
    error = LookupError("mine")

    def broken(*_: object) -> None:
        raise error

    async def broken_later(*_: object) -> None:
        raise error

    client = make_client(on_handler_error="raise").on("answered", broken_later if is_async else broken)
    with pytest.raises(LookupError) as caught:
        async with client:
            await answered_call(client, engine)
            await trio.sleep_forever()
    assert caught.value is error
    assert engine.names()[-2:] == ["disconnect", "close"]


async def test_async_handlers_run_one_after_another(client: WebRTCClient, engine: FakeEngine) -> None:
    log: list[str] = []

    async def slow(name: str) -> None:
        log.append(f"{name} begins")
        await trio.sleep(1)
        log.append(f"{name} ends")

    for name in ("connecting", "connected", "registered"):
        client.on(name, functools.partial(slow, name))
    async with client:
        started = trio.current_time()
        await client.connect()
        assert trio.current_time() == started  # nothing waits for them
        await trio.sleep(10)
    assert log == [
        "connecting begins", "connecting ends", "connected begins", "connected ends", "registered begins",
        "registered ends",
    ]  # fmt: skip


async def test_a_function_that_returns_a_coroutine_is_an_async_handler(client: WebRTCClient) -> None:
    done = trio.Event()

    async def later() -> None:
        done.set()

    client.on("connecting", later)
    async with client:
        await client.connect()
        await done.wait()


async def test_leaving_waits_two_seconds_for_async_handlers(client: WebRTCClient) -> None:
    log: list[str] = []

    async def slow(seconds: int) -> None:
        await trio.sleep(seconds)
        log.append(f"{seconds} s")

    client.on("connecting", functools.partial(slow, 1)).on("connected", functools.partial(slow, 3))
    async with client:
        await client.connect()
        started = trio.current_time()
    assert log == ["1 s"]
    assert trio.current_time() - started == pytest.approx(2)


async def test_a_failing_async_handler_becomes_an_error_event(client: WebRTCClient, told: Recorder) -> None:
    async def broken() -> None:
        await trio.lowlevel.checkpoint()
        raise LookupError("mine")

    client.on("connecting", broken)
    async with client:
        await client.connect()
        await trio.testing.wait_all_tasks_blocked()
        assert str(told.payload("error")[0]).endswith("raised LookupError: mine")


async def test_an_async_handler_may_use_the_client(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    client.on("answered", lambda _: client.send_info("hello"))
    async with client:
        await answered_call(client, engine)
        await trio.testing.wait_all_tasks_blocked()
        assert told.payload("infoSent") == ("hello", {})


async def test_too_many_waiting_handlers_end_the_client(client: WebRTCClient, engine: FakeEngine) -> None:
    async def stuck(*_: object) -> None:
        await trio.sleep_forever()

    client.on("connecting", stuck)
    with pytest.raises(ClientError, match=r"1000 calls of asynchronous handlers are waiting.*stuck of 'connecting'"):
        async with client:
            await trio.testing.wait_all_tasks_blocked()
            engine.tell(Event.Connecting())
            await trio.testing.wait_all_tasks_blocked()
            engine.tell(*[Event.Connecting()] * 1_000)
            await trio.testing.wait_all_tasks_blocked()
            engine.tell(Event.Connecting())
            await trio.sleep_forever()
    assert engine.is_closed


async def test_too_many_events_that_handlers_cause_end_the_client() -> None:
    failures: list[Exception] = []
    bus = EventBus(failures.append)
    told: list[str | None] = []

    def cause_more(event: Disconnected) -> None:
        told.append(event.reason)
        if len(told) == 1:
            for number in range(1_001):
                bus.emit(Disconnected(None, str(number)))

    bus.on("disconnected", cause_more)
    bus.emit(Disconnected(None, "first"))
    assert told == ["first", *map(str, range(1_000))]
    (failure,) = failures
    assert isinstance(failure, ClientError)
    assert "1000 events wait" in str(failure)


async def test_events_as_objects(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        stream = client.events()
        await client.connect()
        await client.disconnect()
    seen = [event async for event in stream]
    assert seen[:3] == [Connecting(), Connected(), Registered()]
    assert seen[-2] == Disconnected(None, None)
    assert [event.name for event in seen] == [
        "connecting", "connected", "registered", "audioEnded", "unregistered", "disconnected", "audioEnded",
    ]  # fmt: skip


async def test_each_iterator_gets_all_from_its_beginning_on(client: WebRTCClient) -> None:
    async with client:
        first = client.events()
        await client.connect()
        second = client.events()
        await client.disconnect()
        assert (await anext(first)).name == "connecting"
        assert (await anext(second)).name == "audioEnded"


async def test_an_iterator_waits(client: WebRTCClient) -> None:
    async with client, trio.open_nursery() as nursery:
        stream = client.events()
        nursery.start_soon(client.connect)
        assert (await anext(stream)).name == "connecting"


async def test_a_cancelled_iterator_loses_nothing(client: WebRTCClient) -> None:
    async with client:
        stream = client.events()
        await client.connect()
        with trio.CancelScope() as scope:
            scope.cancel()
            await anext(stream)
        assert (await anext(stream)).name == "connecting"


async def test_a_slow_reader_loses_events_and_nobody_else_does(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        slow, fast = client.events(), client.events()
        for _ in range(2):
            engine.tell(*[Event.Connecting()] * 600)
            await trio.testing.wait_all_tasks_blocked()
            for _ in range(600):
                await anext(fast)
        for _ in range(1_000):
            await anext(slow)
        with pytest.raises(EventsLost, match=r"^200 events were lost"):
            await anext(slow)
        with pytest.raises(StopAsyncIteration):
            await anext(slow)
        engine.tell(Event.Connected())
        assert (await anext(fast)).name == "connected"


async def test_closing_an_iterator(client: WebRTCClient) -> None:
    async with client:
        with client.events() as stream:
            await client.connect()
        await client.disconnect()
        assert [event.name async for event in stream] == ["connecting", "connected", "registered"]


async def test_iterators_end_with_the_client(client: WebRTCClient) -> None:
    async with client:
        await client.connect()
        before = client.events()
        await client.destroy()
        assert [event.name async for event in before][-1] == "disconnected"
        assert [event async for event in client.events()] == []


async def test_error_events_carry_the_error(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        stream = client.events()
        engine.tell(Event.RegistrationFailed("Rejected", 403, None))
        assert await anext(stream) == RegistrationFailed("Rejected", RegistrationResponse(403, ""))
        event = await anext(stream)
        assert isinstance(event, Error)
        assert event.error.sip_status == 403


async def test_an_error_event_without_handlers(client: WebRTCClient, engine: FakeEngine) -> None:
    """test for docs/differences.md: the SDK's 0.0.x throws"""
    async with client:
        await client.connect()
        engine.tell(Event.RegistrationFailed("Rejected", 403, None))
        await trio.testing.wait_all_tasks_blocked()
        assert client.is_connected() is False


async def test_iterators_leave_state_changes_out(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        stream = client.events()
        await client.connect()
    assert "stateChanged" not in {event.name async for event in stream}


def test_every_event_has_a_name_of_its_own() -> None:
    assert all(kind.name == name for name, kind in NAMES.items())
