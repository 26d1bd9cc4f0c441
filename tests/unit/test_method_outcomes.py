"""Every method in every state: what becomes of it, with the SDK's own texts (SDK facts, sections 1, 4 and 13)."""

from __future__ import annotations

import contextlib
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

import c2c
from c2c._c2c import Event

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from c2c import WebRTCClient
    from support.fake_endpoint import FakeEndpoint
    from support.fake_engine import FakeEngine

NOT_CONNECTED = (c2c.NotConnected, "Client not connected. Call connect() first.")
NOTHING_TO_END = (c2c.NoActiveCall, "Failed to end call: No active session to terminate")
NOTHING_TO_MUTE = (c2c.NoActiveCall, "Failed to mute call: No active session to mute")
NOTHING_FOR_INFO = (c2c.NoActiveCall, "Failed to send info: No active session to send info")
NOTHING_FOR_DTMF = (c2c.NoActiveCall, "Failed to send DTMF: No active session to send DTMF")
DESTROYED = (c2c.ClientDestroyed, "Client has been destroyed")

# method: outcome by state; `None` is success, anything else what is raised
STATES = (
    "idle",
    "connecting",
    "registered",
    "ringing",
    "answered",
    "ended",
    "reconnecting",
    "lost",
    "disconnected",
    "destroyed",
)
OUTCOMES: dict[str, tuple[Any, ...]] = {
    "connect": (*(None,) * 9, DESTROYED),
    "start_call": (NOT_CONNECTED, NOT_CONNECTED, *(None,) * 4, *(NOT_CONNECTED,) * 4),
    "connect_and_call": (*(None,) * 9, DESTROYED),
    "end_call": (
        NOTHING_TO_END, None, None, None, None, NOTHING_TO_END, None, None, NOTHING_TO_END, NOTHING_TO_END,
    ),
    "mute": (
        *(NOTHING_TO_MUTE,) * 4, None, *(NOTHING_TO_MUTE,) * 5,
    ),
    "unmute": (None,) * 10,
    "send_info": (
        *(NOTHING_FOR_INFO,) * 4, None, *(NOTHING_FOR_INFO,) * 5,
    ),
    "send_dtmf": (
        *(NOTHING_FOR_DTMF,) * 4, None, *(NOTHING_FOR_DTMF,) * 5,
    ),
    "load_config": (*(None,) * 9, DESTROYED),
    "disconnect": (None,) * 10,
    "destroy": (None,) * 10,
    "aclose": (None,) * 10,
}  # fmt: skip
ARGUMENTS = {"send_dtmf": ("12",)}
# what the engine is asked for by each method, in each state in which it is asked for anything
COMMANDS: dict[tuple[str, str], list[str]] = {
    ("idle", "connect"): ["connect"],
    ("idle", "connect_and_call"): ["connect", "start_call"],
    ("idle", "destroy"): ["close"],
    ("idle", "aclose"): ["close"],
    ("connecting", "connect_and_call"): ["start_call"],
    ("connecting", "end_call"): ["disconnect"],
    ("connecting", "disconnect"): ["disconnect"],
    ("connecting", "destroy"): ["disconnect", "close"],
    ("connecting", "aclose"): ["disconnect", "close"],
    ("registered", "start_call"): ["start_call"],
    ("registered", "connect_and_call"): ["start_call"],
    ("registered", "end_call"): ["disconnect"],
    ("registered", "disconnect"): ["disconnect"],
    ("registered", "destroy"): ["disconnect", "close"],
    ("registered", "aclose"): ["disconnect", "close"],
    ("ringing", "end_call"): ["end_call"],
    ("ringing", "disconnect"): ["disconnect"],
    ("ringing", "destroy"): ["disconnect", "close"],
    ("ringing", "aclose"): ["disconnect", "close"],
    ("answered", "end_call"): ["end_call"],
    ("answered", "mute"): ["set_muted"],
    ("answered", "send_info"): ["send_info"],
    ("answered", "send_dtmf"): ["send_dtmf"],
    ("answered", "disconnect"): ["disconnect"],
    ("answered", "destroy"): ["disconnect", "close"],
    ("answered", "aclose"): ["disconnect", "close"],
    ("ended", "start_call"): ["start_call"],
    ("ended", "connect_and_call"): ["start_call"],
    ("ended", "disconnect"): ["disconnect"],
    ("ended", "destroy"): ["disconnect", "close"],
    ("ended", "aclose"): ["disconnect", "close"],
    ("reconnecting", "connect"): ["retry"],
    ("reconnecting", "connect_and_call"): ["retry", "start_call"],
    ("reconnecting", "end_call"): ["disconnect"],
    ("reconnecting", "disconnect"): ["disconnect"],
    ("reconnecting", "destroy"): ["disconnect", "close"],
    ("reconnecting", "aclose"): ["disconnect", "close"],
    ("lost", "connect"): ["prepare", "connect"],
    ("lost", "connect_and_call"): ["prepare", "connect", "start_call"],
    ("lost", "destroy"): ["close"],
    ("lost", "aclose"): ["close"],
    ("disconnected", "connect"): ["prepare", "connect"],
    ("disconnected", "connect_and_call"): ["prepare", "connect", "start_call"],
    ("disconnected", "destroy"): ["close"],
    ("disconnected", "aclose"): ["close"],
}


async def reach(state: str, client: WebRTCClient, engine: FakeEngine, nursery: trio.Nursery) -> None:
    if state == "connecting":
        engine.silent.add("connect")
        nursery.start_soon(_connect_or_be_given_up, client)
    elif state != "idle":
        await client.connect()
    if state in {"ringing", "answered", "ended"}:
        call = await client.start_call()
        engine.ring()
        if state != "ringing":
            engine.answer()
            await call.wait_answered()
    if state == "ended":
        await client.end_call()
    elif state == "reconnecting":
        engine.lose()
    elif state == "lost":
        engine.lose()
        engine.tell(Event.ConnectFailed("tls", "the certificate has expired", None, True))
    elif state == "disconnected":
        await client.disconnect()
    elif state == "destroyed":
        await client.destroy()
    await trio.testing.wait_all_tasks_blocked()


async def _connect_or_be_given_up(client: WebRTCClient) -> None:
    with contextlib.suppress(c2c.ConnectFailed):
        await client.connect()


async def outcome(method: Callable[[], Awaitable[object]]) -> tuple[type[BaseException], str] | None:
    try:
        await method()
    except c2c.C2CError as error:
        return type(error), str(error)
    return None


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("method", OUTCOMES)
async def test_outcome(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, method: str, state: str
) -> None:
    async with client, trio.open_nursery() as nursery:
        await reach(state, client, engine, nursery)
        engine.commands.clear()
        if state == "connecting" and method in {"connect", "connect_and_call"}:
            nursery.start_soon(_finish_connecting, engine)
        if state == "reconnecting":
            nursery.start_soon(_come_back, engine)
        expected = OUTCOMES[method][STATES.index(state)]
        assert await outcome(partial(getattr(client, method), *ARGUMENTS.get(method, ()))) == expected
        assert engine.names() == COMMANDS.get((state, method), [])
        nursery.cancel_scope.cancel()


async def _finish_connecting(engine: FakeEngine) -> None:
    await trio.testing.wait_all_tasks_blocked()
    engine.tell(Event.Connecting(), Event.Connected(), Event.Registered())


async def _come_back(engine: FakeEngine) -> None:
    await trio.testing.wait_all_tasks_blocked()
    if not engine.is_closed:
        engine.come_back()


# what needs no waiting: a value, or what is raised
CONNECTED = (c2c.WrongState, "Cannot change userId while connected")
CONNECTING = (c2c.WrongState, "Cannot change userId while connecting")
VALUES: dict[str, tuple[Any, ...]] = {
    "network_changed": (None,) * 10,
    "is_connected": (False, False, *(True,) * 4, *(False,) * 4),
    "get_current_session": (*(None,) * 4, "answered", *(None,) * 5),
    "get_state": (
        "idle", "connecting", "connecting", "ringing", "answered", "ended",
        "connecting", "connecting", "ended", "ended",
    ),
    "get_config": (None, *("My Endpoint!",) * 8, None),
    "set_user_id": (None, CONNECTING, *(CONNECTED,) * 5, None, None, DESTROYED),
    "on": (True,) * 10,
    "off": (True,) * 10,
    "subscribe": (True,) * 10,
    "events": (True,) * 10,
}  # fmt: skip


def value(client: WebRTCClient, method: str) -> Any:
    """Calls the method and returns what is of interest in its result."""
    arguments: dict[str, tuple[Any, ...]] = {
        "set_user_id": ("user-7",),
        "on": ("answered", print),
        "off": ("answered", print),
        "subscribe": (print,),
    }
    try:
        result = getattr(client, method)(*arguments.get(method, ()))
    except c2c.C2CError as error:
        return type(error), str(error)
    match result:
        case c2c.CallSession(status=status) | c2c.ClientState(status=status):
            return str(status)
        case c2c.EndpointConfig(endpoint_settings=settings):
            return settings.endpoint_name
        case c2c.WebRTCClient() | c2c.EventStream():
            return True
    return True if callable(result) else result


@pytest.mark.parametrize("state", STATES)
@pytest.mark.parametrize("method", VALUES)
async def test_value(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, method: str, state: str) -> None:
    async with client, trio.open_nursery() as nursery:
        await reach(state, client, engine, nursery)
        engine.commands.clear()
        assert value(client, method) == VALUES[method][STATES.index(state)]
        told = ["network_changed"] if method == "network_changed" and state != "destroyed" else []
        assert engine.names() == told
        nursery.cancel_scope.cancel()


def test_the_table_names_all_methods() -> None:
    methods = {name for name in vars(c2c.WebRTCClient) if not name.startswith("_")}
    assert methods == OUTCOMES.keys() | VALUES.keys()
    assert all(len(row) == len(STATES) for row in (*OUTCOMES.values(), *VALUES.values()))
