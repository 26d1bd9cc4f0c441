"""Calls that the far side places."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

import c2c
from c2c import CallFailed, NoActiveCall, WrongState, events
from c2c._c2c import CallEnd
from c2c._call_limit import DEFAULT_CALL_LIMIT
from support.client import Recorder, answered_call
from support.fake_engine import FIRST_INCOMING

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from c2c import Call, WebRTCClient
    from support.fake_engine import FakeEngine

CANCELED = CallEnd("remote", "Canceled", None, None, None, "")


@pytest.fixture(autouse=True)
def default_limit() -> Iterator[None]:
    yield
    c2c.set_call_limit(DEFAULT_CALL_LIMIT)


async def called(client: WebRTCClient, engine: FakeEngine) -> Call:
    """Connects and lets the far side call."""
    await client.connect()
    told = client.events()
    engine.call_us()
    async for event in told:
        if isinstance(event, events.IncomingCall):
            return event.call
    raise AssertionError("no call")


async def test_an_answered_call_is_one_like_any_other(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        call = await called(client, engine)
        assert told.names[3:] == ["sessionCreated", "ringing", "incomingCall"]
        assert told.payload("incomingCall") == (call,)
        assert (call.session.direction, call.session.status) == ("incoming", "ringing")
        assert call.session.id.startswith("session-")
        session = await call.answer()
        assert engine.commands[-1] == ("answer_call", FIRST_INCOMING)
        assert session.status == "answered"
        assert client.get_current_session() == session
        assert client.get_state().session == session
        await client.send_info("hello")
        await client.end_call()
        assert told.names[6:] == ["answered", "infoSent", "audioEnded", "ended"]
        assert (await call.wait_ended()).cause == "Terminated"


async def test_a_handler_may_answer(client: WebRTCClient, engine: FakeEngine) -> None:
    async def take(call: Call) -> None:
        await call.answer()

    async with client:
        client.on("incomingCall", take)
        call = await called(client, engine)
        assert (await call.wait_answered()).status == "answered"


@pytest.mark.parametrize(
    ("arguments", "status", "reason"),
    [({}, 486, "Busy Here"), ({"status": 603}, 603, "Decline"), ({"status": 499}, 499, "Rejected")],
)
async def test_a_rejected_call(
    client: WebRTCClient, engine: FakeEngine, told: Recorder, arguments: dict[str, Any], status: int, reason: str
) -> None:
    async with client:
        call = await called(client, engine)
        await call.reject(**arguments)
        assert engine.commands[-1] == ("reject_call", FIRST_INCOMING, status, reason)
        assert told.names[-2:] == ["audioEnded", "failed"]
        assert told.payload("failed")[1].cause == "Rejected"
        with pytest.raises(CallFailed, match="Rejected"):
            await call.answer()


async def test_end_call_rejects_it(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        await called(client, engine)
        await client.end_call()
        assert engine.commands[-1][0] == "end_call"
        with pytest.raises(NoActiveCall):
            await client.end_call()


async def test_the_caller_gives_up(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await called(client, engine)
        engine.finish(CANCELED)
        assert (await call.wait_ended()).cause == "Canceled"
        for act in (call.answer, call.reject):
            with pytest.raises(CallFailed, match="Canceled"):
                await act()
        assert "answer_call" not in engine.names()


async def test_the_caller_gives_up_while_it_is_answered(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent.add("answer_call")
    async with client, trio.open_nursery() as nursery:
        call = await called(client, engine)
        nursery.start_soon(fails_to_answer, call)
        await trio.testing.wait_all_tasks_blocked()
        engine.finish(CANCELED)


async def fails_to_answer(call: Call) -> None:
    with pytest.raises(CallFailed, match="Canceled"):
        await call.answer()


async def test_a_cancelled_answer_ends_the_call(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent.add("answer_call")
    async with client:
        call = await called(client, engine)
        with trio.move_on_after(1):
            await call.answer()
        assert engine.names()[-1] == "end_call"
        await call.wait_ended()


async def test_a_call_is_decided_on_once(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await called(client, engine)
        await call.answer()
        for act in (call.answer, call.reject):
            with pytest.raises(WrongState, match="answered or rejected already"):
                await act()
        await client.end_call()
        with pytest.raises(NoActiveCall, match="The call is over"):
            await call.answer()


async def test_a_call_of_ours_is_not_answered(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await answered_call(client, engine)
        for act in (call.answer, call.reject):
            with pytest.raises(WrongState, match="only calls that come"):
                await act()


async def test_a_call_beyond_the_limit_is_refused(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await client.connect()
        c2c.set_call_limit(0)
        engine.call_us()
        await trio.testing.wait_all_tasks_blocked()
        assert engine.commands[-1] == ("reject_call", FIRST_INCOMING, 486, "Busy Here")
        assert isinstance(told.payload("error")[0], c2c.CallLimitReached)
        assert "incomingCall" not in told.names


async def test_calls_are_taken_on_request_only(make_client: Callable[..., WebRTCClient], engine: FakeEngine) -> None:
    async with make_client(accept_incoming=True) as client:
        assert client is not None
    with pytest.raises(TypeError, match="accept_incoming"):
        make_client(accept_incoming=1)


async def test_the_state_begins_anew(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        await answered_call(client, engine)
        await client.end_call()
        call = await called(client, engine)
        state = client.get_state()
        assert (state.status, state.end_info, state.session) == ("ringing", None, call.session)
