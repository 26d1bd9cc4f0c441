"""`get_state`, `subscribe` and `stateChanged` (SDK facts, sections 2, 9 and 13), and the limits that end in a state."""

from __future__ import annotations

import contextlib
import dataclasses
import json
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

import c2c
from c2c._c2c import CallEnd, Event
from support.client import Recorder, answered_call

if TYPE_CHECKING:
    from collections.abc import Callable

    from c2c import ClientState, WebRTCClient
    from support.fake_endpoint import FakeEndpoint
    from support.fake_engine import FakeEngine


CANCELED = c2c.CallEndInfo(originator="local", cause="Canceled")


def watched(client: WebRTCClient) -> list[ClientState]:
    states: list[ClientState] = []
    client.subscribe(states.append)
    return states


async def test_the_states_of_a_call(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    states = watched(client)
    assert client.get_state() == c2c.ClientState()
    assert states == []
    async with client:
        await answered_call(client, engine)
        await client.mute()
        await client.unmute()
        await client.end_call()
        assert client.get_state() is states[-1]
    told = [(state.status, state.muted, state.session.status if state.session else None) for state in states]
    assert told == [
        ("connecting", False, None),
        ("connecting", False, "init"),
        ("ringing", False, "ringing"),
        ("answered", False, "answered"),
        ("answered", True, "answered"),
        ("answered", False, "answered"),
        ("ended", False, "ended"),
    ]
    assert [state.end_info.cause for state in states if state.end_info] == ["Terminated"]
    with pytest.raises(dataclasses.FrozenInstanceError):
        states[0].muted = True  # type: ignore[misc]


async def test_the_change_comes_before_its_event(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    told: list[str] = []
    for name in ("ringing", "answered", "ended", "muted", "sessionCreated"):
        client.on(name, lambda *_, name=name: told.append(name))
    client.on("stateChanged", lambda state: told.append(f"-> {state.status}"))
    async with client:
        await answered_call(client, engine)
        await client.mute()
        await client.end_call()
    assert told == [
        "-> connecting", "-> connecting", "sessionCreated", "-> ringing", "ringing", "-> answered", "answered",
        "-> answered", "muted", "-> ended", "ended",
    ]  # fmt: skip


async def test_unsubscribe(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    seen: list[str] = []

    def listener(state: ClientState) -> None:
        seen.append(state.status)

    first, second = client.subscribe(listener), client.subscribe(listener)
    first()
    first()  # once more takes nothing of the second
    async with client:
        await client.connect()
        assert seen == ["connecting"]
        second()
        await client.start_call()
        assert seen == ["connecting"]


async def test_a_second_call_begins_anew(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    async with client:
        await answered_call(client, engine)
        say(engine, {"originator": "bot", "messages": [{"text": "Hi"}]})
        await client.end_call()
        assert client.get_state().transcript
        await client.start_call()
        state = client.get_state()
        assert (state.status, state.end_info, state.transcript) == ("connecting", None, ())
        assert state.session is not None
        assert state.session.status == "init"


def say(engine: FakeEngine, transcription: object) -> None:
    body = json.dumps({"_transcription": transcription}).encode()
    engine.tell(Event.InfoReceived(1, "application/json", body))


async def test_the_transcript(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    async with client:
        await answered_call(client, engine)
        say(engine, {"originator": "bot", "messages": [{"text": "Hi"}, {"text": "there"}]})
        say(engine, {"originator": "bot", "messages": [{"text": "Hi"}]})  # within a second: a repetition
        say(engine, {"originator": "user", "messages": [{"text": "Hi"}]})
        await trio.testing.wait_all_tasks_blocked()
        await trio.sleep(1)
        say(engine, {"originator": "bot", "messages": [{"text": "Hi"}]})
        say(engine, "just a string")
        await trio.testing.wait_all_tasks_blocked()
        transcript = client.get_state().transcript
    assert [(message.originator, message.text) for message in transcript] == [
        ("bot", "Hi"), ("bot", "there"), ("user", "Hi"), ("bot", "Hi"), (None, "just a string"),
    ]  # fmt: skip
    assert all(message.id.startswith("msg-") and len(message.id) == 12 for message in transcript)
    assert len({message.id for message in transcript}) == 5
    assert all(message.timestamp.tzinfo is not None for message in transcript)


async def test_the_transcript_keeps_the_newest(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    async with client:
        await answered_call(client, engine)
        for first in range(0, 1_500, 100):
            say(engine, {"originator": "bot", "messages": [{"text": str(first + n)} for n in range(100)]})
            await trio.testing.wait_all_tasks_blocked()
        transcript = client.get_state().transcript
        assert [message.text for message in transcript] == [str(number) for number in range(500, 1_500)]
        say(engine, {"originator": "bot", "messages": [{"text": "1499"}]})  # a repetition still
        await trio.testing.wait_all_tasks_blocked()
        assert client.get_state().transcript == transcript
        assert len(client._states._said) <= 1_000
        await trio.sleep(1)
        say(engine, {"originator": "bot", "messages": [{"text": "anew"}]})
        await trio.testing.wait_all_tasks_blocked()
        assert list(client._states._said) == [("anew", "bot")]


async def test_hold_is_a_change(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    async with client:
        await answered_call(client, engine)
        states = watched(client)
        engine.call.remote_hold = True
        engine.tell(Event.HoldChanged(engine.call.state("answered")))
        await trio.testing.wait_all_tasks_blocked()
        assert [state.session.remote_hold for state in states if state.session] == [True]
        engine.tell(Event.HoldChanged(engine.call.state("answered")))
        await trio.testing.wait_all_tasks_blocked()
        assert len(states) == 1  # nothing changed


async def test_a_call_that_fails(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    async with client:
        await client.connect_and_call()
        engine.reject(486, "Busy")
        await trio.testing.wait_all_tasks_blocked()
        state = client.get_state()
        assert state.status == "failed"
        assert state.end_info is not None
        assert (state.end_info.originator, state.end_info.cause, state.end_info.description) == (
            "remote",
            "Busy",
            "486",
        )


def bad_status(endpoint: FakeEndpoint, _: FakeEngine) -> None:
    endpoint.status = 404


def silence(endpoint: FakeEndpoint, _: FakeEngine) -> None:
    endpoint.is_silent = True


def no_project(endpoint: FakeEndpoint, _: FakeEngine) -> None:
    del endpoint.config["projectId"]


def bad_ws_uri(endpoint: FakeEndpoint, _: FakeEngine) -> None:
    endpoint.config["endpointSettings"]["sipConnectivityInfo"]["wsUri"] = "http://sip.example"


def inactive(endpoint: FakeEndpoint, _: FakeEngine) -> None:
    endpoint.config["endpointSettings"]["webrtcWidgetConfig"]["active"] = False


def rejected(_: FakeEndpoint, engine: FakeEngine) -> None:
    engine.answers["connect"] = [Event.Connecting(), Event.Connected(), Event.RegistrationFailed("Rejected", 403, None)]


def unreachable(_: FakeEndpoint, engine: FakeEngine) -> None:
    engine.silent.add("connect")


@pytest.mark.parametrize(
    ("break_it", "cause"),
    [
        (bad_status, "CONFIG_FETCH_FAILED"),
        (silence, "CONFIG_FETCH_FAILED"),
        (no_project, "CONFIG_INVALID"),
        (bad_ws_uri, "Connection Error"),
        (inactive, "WIDGET_INACTIVE"),
        (rejected, "REGISTRATION_FAILED"),
        (unreachable, "Connection Error"),
    ],
)
async def test_a_connect_that_fails(
    client: WebRTCClient,
    engine: FakeEngine,
    endpoint: FakeEndpoint,
    break_it: Callable[[FakeEndpoint, FakeEngine], None],
    cause: str,
) -> None:
    break_it(endpoint, engine)
    told: list[str] = []
    client.on("audioEnded", lambda: told.append("audioEnded"))
    client.on("stateChanged", lambda state: told.append(state.status))
    async with client:
        with pytest.raises(c2c.C2CError):
            await client.connect()
        assert told == ["connecting", "audioEnded", "failed"]
        info = client.get_state().end_info
        assert info is not None
        assert (info.originator, info.cause, info.description) == (None, cause, None)
        assert info.hint
    assert cause == "Connection Error" or cause in c2c.SDK_END_CAUSES.__members__


@pytest.mark.parametrize("how", ["disconnect", "end_call"])
@pytest.mark.parametrize("stage", ["connecting", "connected"])
async def test_giving_up(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, how: str, stage: str
) -> None:
    if stage == "connecting":
        engine.silent.add("connect")
    async with client, trio.open_nursery() as nursery:
        nursery.start_soon(_connect_if_possible, client)
        await trio.testing.wait_all_tasks_blocked()
        await getattr(client, how)()
        assert client.get_state().status == "ended"
        assert client.get_state().end_info == CANCELED


async def test_a_cancelled_connect(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    engine.silent.add("connect")
    async with client:
        with trio.move_on_after(1):
            await client.connect()
        assert client.get_state().end_info == CANCELED


async def _connect_if_possible(client: WebRTCClient) -> None:
    with contextlib.suppress(c2c.ConnectFailed):
        await client.connect()


async def test_a_call_that_the_stack_refuses(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    async with client:
        await client.connect()
        engine.silent.add("start_call")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_call_in_vain, client)
            await trio.testing.wait_all_tasks_blocked()
            engine.finish(CallEnd("local", "Internal Error", "no socket", None, "media", ""))
        state = client.get_state()
        assert state.status == "failed"
        info: Any = state.end_info
        assert (info.originator, info.cause, info.description) == ("local", "Internal Error", "no socket")


async def _call_in_vain(client: WebRTCClient) -> None:
    with pytest.raises(c2c.CallError, match="Failed to start call: no socket"):
        await client.start_call()


async def test_a_connection_lost_in_a_call(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    async with client:
        await answered_call(client, engine)
        engine.finish(CallEnd("local", "Connection Error", None, None, "websocket", ""))
        engine.tell(Event.Unregistered(), Event.Disconnected(1006, "reset"))
        await trio.testing.wait_all_tasks_blocked()
        state = client.get_state()
        assert (state.status, state.end_info and state.end_info.cause) == ("ended", "Connection Error")


async def test_a_connection_lost_before_a_call_changes_nothing(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    async with client:
        await client.connect()
        states = watched(client)
        engine.tell(Event.Unregistered(), Event.Disconnected(1006, "reset"))
        await trio.testing.wait_all_tasks_blocked()
        assert states == []


async def test_a_handler_that_raises_does_not_stop_the_state(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    def broken(_: ClientState) -> None:
        raise RuntimeError("broken")

    client.subscribe(broken)
    states = watched(client)
    async with client:
        await answered_call(client, engine)
    assert states[-1].status == "ended"


# call_setup_timeout and disconnect_after_call


async def test_the_setup_time_out_while_connecting(
    make_client: Callable[..., WebRTCClient], engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    engine.silent.add("connect")
    client = make_client(call_setup_timeout=5)
    async with client:
        started = trio.current_time()
        with pytest.raises(c2c.ConnectTimeout) as caught:
            await client.connect()
        assert trio.current_time() - started == pytest.approx(5)
        assert str(caught.value) == "Failed to connect: Call setup timeout"
        assert caught.value.cause == c2c.SDK_END_CAUSES.SETUP_TIMEOUT
        state = client.get_state()
        assert state.status == "failed"
        assert state.end_info is not None
        assert (state.end_info.originator, state.end_info.cause) == ("local", "SETUP_TIMEOUT")
        assert engine.names() == ["connect", "disconnect"]


async def test_the_setup_time_out_runs_until_a_call_exists(
    make_client: Callable[..., WebRTCClient], engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    client = make_client(call_setup_timeout=5)
    async with client:
        await client.connect()
        await trio.sleep(6)
        assert client.get_state().status == "failed"
        assert not client.is_connected()
        with pytest.raises(c2c.NotConnected):
            await client.start_call()
        # a call stops it, answered or not
        await client.connect_and_call()
        await trio.sleep(6)
        assert client.get_state().status == "connecting"
        await client.end_call()
        # and a second call has a time of its own
        engine.silent.add("start_call")
        with pytest.raises(c2c.CallError):
            await client.start_call()
        assert not client.is_connected()


async def test_disconnect_after_call(
    make_client: Callable[..., WebRTCClient], engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    client = make_client(disconnect_after_call=True)
    told = Recorder(client)
    async with client:
        await answered_call(client, engine)
        engine.hang_up()
        await trio.testing.wait_all_tasks_blocked()
        assert told.names[-5:] == ["audioEnded", "ended", "audioEnded", "unregistered", "disconnected"]
        assert not client.is_connected()
        assert client.get_state().status == "ended"
        info: Any = client.get_state().end_info
        assert (info.originator, info.cause) == ("remote", "Terminated")
        # and a rejected call likewise
        await client.connect_and_call()
        engine.reject(486, "Busy")
        await trio.testing.wait_all_tasks_blocked()
        assert not client.is_connected()
        assert engine.names()[-1] == "disconnect"


async def test_without_it_the_connection_stays(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    async with client:
        await answered_call(client, engine)
        engine.hang_up()
        await trio.testing.wait_all_tasks_blocked()
        assert client.is_connected()
