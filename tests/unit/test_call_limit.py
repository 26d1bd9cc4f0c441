"""The limit on calls at once in this process."""

from __future__ import annotations

import gc
import os
from typing import TYPE_CHECKING, Any

import pytest
import trio.testing

import c2c
from c2c._c2c import CallEnd
from c2c._call_limit import DEFAULT_CALL_LIMIT, take_place

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from support.client import Recorder
    from support.fake_engine import FakeEngine

pytestmark = pytest.mark.usefixtures("endpoint")


@pytest.fixture(autouse=True)
def default_limit() -> Iterator[None]:
    gc.collect()  # clients of tests before that were left in a call
    yield
    c2c.set_call_limit(DEFAULT_CALL_LIMIT)


async def test_one_more_call_is_refused_and_changes_nothing(
    client: c2c.WebRTCClient, engine: FakeEngine, told: Recorder
) -> None:
    async with client:
        await client.connect()
        c2c.set_call_limit(0)
        before = list(told.names)
        with pytest.raises(c2c.CallLimitReached, match=r"^Failed to start call: 0 calls are live") as caught:
            await client.start_call()
        assert "set_call_limit" in str(caught.value.hint)
        assert engine.names() == ["connect"]
        assert (told.names, client.is_connected()) == (before, True)
        c2c.set_call_limit(1)
        await client.start_call()


@pytest.mark.parametrize("how", ["hung up", "rejected", "engine gone"])
async def test_a_place_is_given_back_at_the_calls_end(
    make_client: Callable[..., c2c.WebRTCClient], engine: FakeEngine, how: str
) -> None:
    c2c.set_call_limit(1)
    async with make_client() as client:
        for _ in range(3):
            call = await client.connect_and_call()
            assert await client.start_call() is call  # it is the same one
            with pytest.raises(c2c.CallLimitReached):
                take_place()
            if how == "hung up":
                await client.end_call()
            elif how == "rejected":
                engine.reject(486, "Busy")
                await call.wait_ended()
            else:
                break
    held = take_place()
    assert held is not None


async def test_a_call_that_could_not_start_leaves_its_place(
    client: c2c.WebRTCClient, engine: FakeEngine, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise c2c.EngineClosed("no more")

    async with client:
        await client.connect()
        c2c.set_call_limit(1)
        monkeypatch.setattr(engine, "start_call", refuse)
        with pytest.raises(c2c.EngineClosed) as kept:
            await client.start_call()
        monkeypatch.undo()
        assert take_place() is not None
    assert kept.value.__traceback__ is not None  # and with it the frames


async def test_calls_that_cross_take_a_place_each(client: c2c.WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        ours = await client.connect_and_call()
        told = client.events()
        number = engine.call_us()
        await trio.testing.wait_all_tasks_blocked()
        told.close()
        theirs = [event.call async for event in told if isinstance(event, c2c.events.IncomingCall)]
        c2c.set_call_limit(2)
        with pytest.raises(c2c.CallLimitReached):
            take_place()
        engine.finish(CallEnd("remote", "Canceled", None, None, None, ""), engine.calls[number])
        await theirs[0].wait_ended()
        held = [take_place()]
        with pytest.raises(c2c.CallLimitReached):
            take_place()
        await client.end_call()
        await ours.wait_ended()
        held.append(take_place())


def test_no_limit_and_a_limit_that_is_passed_already() -> None:
    places = [take_place() for _ in range(DEFAULT_CALL_LIMIT)]
    with pytest.raises(c2c.CallLimitReached, match=f"^{DEFAULT_CALL_LIMIT} calls are live"):
        take_place()
    c2c.set_call_limit(None)
    places.append(take_place())
    c2c.set_call_limit(5)
    del places[5:]
    with pytest.raises(c2c.CallLimitReached):
        take_place()
    del places[4:]
    take_place()


def test_the_parents_calls_are_not_the_childs() -> None:
    held = take_place()
    c2c.set_call_limit(1)
    child = os.fork()
    if child == 0:
        status = 1
        try:
            take_place()
            status = 0
        finally:
            os._exit(status)
    assert os.waitpid(child, 0)[1] == 0
    with pytest.raises(c2c.CallLimitReached):
        take_place()
    del held


@pytest.mark.parametrize(("limit", "kind"), [("1", TypeError), (1.5, TypeError), (True, TypeError), (-1, ValueError)])
def test_what_is_no_limit(limit: Any, kind: type[Exception]) -> None:
    with pytest.raises(kind, match=r"^limit: "):
        c2c.set_call_limit(limit)
