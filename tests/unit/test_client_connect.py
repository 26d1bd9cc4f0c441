from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from c2c import (
    ConfigError,
    ConfigTimeout,
    ConnectFailed,
    ConnectionLost,
    ConnectTimeout,
    RegistrationRejected,
    RemoteProtocolError,
    WebRTCClient,
    WidgetInactive,
    create_webrtc_client,
    events,
)
from c2c._c2c import Event
from support.fake_endpoint import URL, runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from c2c import C2CError
    from support.client import Recorder
    from support.fake_endpoint import FakeEndpoint
    from support.fake_engine import FakeEngine

pytestmark = pytest.mark.usefixtures("endpoint")


async def failure(client: WebRTCClient) -> C2CError:
    with pytest.raises(Exception, match="Failed to connect: ") as caught:
        await client.connect()
    kinds = (ConfigError, ConnectFailed, ConnectTimeout, ConnectionLost, RegistrationRejected, RemoteProtocolError)
    assert isinstance(caught.value, kinds)
    return caught.value


async def test_a_legacy_endpoint(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        assert not client.is_connected()
        await client.connect()
        assert client.is_connected()
        assert told.names == ["connecting", "connected", "registered"]
        ((name, settings),) = engine.commands
        assert name == "connect"
        assert settings.user.startswith("webrtc-sdk-myendpoint-")
        assert repr(settings) == 'SipSettings(realm="realm.example", register=true)'


async def test_a_runtime_endpoint(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, told: Recorder
) -> None:
    endpoint.config = runtime()
    engine.registers = False
    async with client:
        await client.connect()
        assert client.is_connected()
        assert told.names == ["connecting", "connected"]
        assert repr(engine.commands[0][1]).endswith('realm="sip.example", register=false)')


async def test_the_user_id_goes_into_the_request_and_the_account(
    make_client: Callable[..., WebRTCClient], engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    async with make_client(user_id="user-123") as client:
        await client.connect()
    assert endpoint.requests == [f"{URL}?userId=user-123"]
    assert engine.commands[0][1].user == "user-123"


async def test_connecting_again_does_nothing(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    async with client:
        await client.connect()
        await client.connect()
        assert engine.names() == ["connect"]
        assert len(endpoint.requests) == 1


async def test_is_connected_in_the_handlers(client: WebRTCClient, engine: FakeEngine) -> None:
    seen: list[tuple[str, bool]] = []
    for name in ("connected", "registered", "unregistered", "disconnected"):
        client.on(name, lambda *_, name=name: seen.append((name, client.is_connected())))
    async with client:
        await client.connect()
        await client.disconnect()
    assert seen == [("connected", False), ("registered", True), ("unregistered", False), ("disconnected", False)]


async def test_concurrent_callers_share_one(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    async with client, trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(client.connect)
    assert engine.names() == ["connect", "disconnect", "close"]
    assert len(endpoint.requests) == 1


async def test_concurrent_callers_get_an_error_each(client: WebRTCClient, endpoint: FakeEndpoint) -> None:
    endpoint.config = {}
    errors: list[C2CError] = []

    async def connect() -> None:
        errors.append(await failure(client))

    async with client, trio.open_nursery() as nursery:
        nursery.start_soon(connect)
        nursery.start_soon(connect)
    assert {str(error) for error in errors} == {"Failed to connect: Invalid endpoint configuration received"}
    assert errors[0] is not errors[1]


@pytest.mark.parametrize("stage", ["config", "websocket"])
async def test_a_cancelled_connect_leaves_nothing_behind(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, told: Recorder, stage: str
) -> None:
    endpoint.is_silent = stage == "config"
    engine.silent.add("connect")
    async with client:
        with trio.move_on_after(1) as scope:
            await client.connect()
        assert scope.cancelled_caught
        assert engine.names() == ([] if stage == "config" else ["connect", "disconnect"])
        engine.tell(Event.Disconnected(None, None))
        await trio.testing.wait_all_tasks_blocked()
        assert told.names.count("audioEnded") == 1
        endpoint.is_silent = False
        engine.silent.clear()
        await client.connect()
        assert client.is_connected()


async def test_a_shared_connect_ends_with_its_last_waiter(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent.add("connect")
    first, second = trio.CancelScope(), trio.CancelScope()

    async def wait(scope: trio.CancelScope) -> None:
        with scope:
            await client.connect()

    async with client, trio.open_nursery() as nursery:
        nursery.start_soon(wait, first)
        nursery.start_soon(wait, second)
        await trio.testing.wait_all_tasks_blocked()
        first.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert engine.names() == ["connect"]
        second.cancel()
        await trio.testing.wait_all_tasks_blocked()
        assert engine.names() == ["connect", "disconnect"]


async def test_a_waiter_that_stays_is_connected(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent.add("connect")
    async with client, trio.open_nursery() as nursery:
        nursery.start_soon(client.connect)
        await trio.testing.wait_all_tasks_blocked()
        with trio.move_on_after(1):
            await client.connect()
        engine.tell(Event.Connecting(), Event.Connected(), Event.Registered())
        await trio.testing.wait_all_tasks_blocked()
        assert client.is_connected()


@pytest.mark.parametrize(
    ("url", "text"),
    [
        ("token", "endpoint_url is not a URL of the form https://host/token"),
        ("http://endpoint.example/token", "endpoint_url must be https:// unless its host is this machine"),
    ],
)
async def test_a_bad_url(engine: FakeEngine, endpoint: FakeEndpoint, url: str, text: str) -> None:
    async with create_webrtc_client(url) as client:
        error = await failure(client)
    assert type(error) is ConfigError
    assert str(error) == f"Failed to connect: Configuration fetch failed: {text}"
    assert endpoint.requests == []


async def test_an_http_error(client: WebRTCClient, endpoint: FakeEndpoint, told: Recorder) -> None:
    endpoint.status, endpoint.reason = 404, "Not Found"
    async with client:
        error = await failure(client)
        assert str(error) == "Failed to connect: Configuration fetch failed: Failed to fetch config: 404 Not Found"
        assert error.stage == "config"
        assert told.names == ["audioEnded"]


async def test_a_silent_endpoint(client: WebRTCClient, endpoint: FakeEndpoint) -> None:
    endpoint.is_silent = True
    async with client:
        error = await failure(client)
    assert type(error) is ConfigTimeout
    assert str(error) == "Failed to connect: Configuration fetch failed: Operation timed out after 10000ms"


async def test_an_inactive_widget(client: WebRTCClient, endpoint: FakeEndpoint) -> None:
    endpoint.config["endpointSettings"]["webrtcWidgetConfig"] = {"active": False}
    async with client:
        error = await failure(client)
    assert type(error) is WidgetInactive
    assert str(error) == "Failed to connect: WebRTC widget is not active in the configuration"


async def test_fifteen_seconds(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    engine.silent.add("connect")
    async with client:
        started = trio.current_time()
        error = await failure(client)
        assert trio.current_time() - started == pytest.approx(15)
        assert type(error) is ConnectTimeout
        assert str(error) == "Failed to connect: Operation timed out after 15000ms"
        assert error.stage == "websocket"
        assert engine.names() == ["connect", "disconnect"]
        await trio.testing.wait_all_tasks_blocked()
        assert told.names == ["audioEnded", "disconnected"]


async def test_the_fifteen_seconds_include_the_configuration(
    make_client: Callable[..., WebRTCClient], engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    """test for docs/differences.md: the SDK allows 10 and then another 15 seconds"""
    endpoint.is_silent = True
    async with make_client(config_timeout=20.0, connect_timeout=3.0) as client:
        error = await failure(client)
    assert str(error) == "Failed to connect: Operation timed out after 3000ms"
    assert error.stage == "config"


async def test_the_time_out_names_the_last_cause(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        refused = Event.ConnectFailed("connect", "connection refused", None, False)
        engine.answers["connect"] = [Event.Connecting(), refused, Event.Connecting(), refused]
        error = await failure(client)
        assert str(error) == "Failed to connect: Operation timed out after 15000ms"
        assert error.cause == "connect: connection refused"
        assert "port" in str(error.hint)
        assert told.names[:5] == ["connecting", "disconnected", "connecting", "disconnected", "audioEnded"]


async def test_an_unanswered_register(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.registers = False
    async with client:
        error = await failure(client)
    assert type(error) is ConnectTimeout
    assert error.stage == "register"


@pytest.mark.parametrize(
    ("step", "cause", "hint"),
    [
        ("resolve", "no such host", "host name"),
        ("connect", "connection refused", "port"),
        ("tls", "certificate unknown", "ca_file"),
        ("upgrade", "HTTP 404", "subprotocol"),
    ],
)
async def test_what_is_certain_ends_it_at_once(
    client: WebRTCClient, engine: FakeEngine, step: str, cause: str, hint: str
) -> None:
    async with client:
        started = trio.current_time()
        engine.answers["connect"] = [Event.Connecting(), Event.ConnectFailed(step, cause, None, True)]
        error = await failure(client)
        assert trio.current_time() == started
        assert type(error) is ConnectFailed
        assert str(error) == f"Failed to connect: {step}: {cause}"
        assert hint in str(error.hint)
        await client.disconnect()
        assert engine.names() == ["connect"]


async def test_a_rejected_registration(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        engine.answers["connect"] = [
            Event.Connecting(),
            Event.Connected(),
            Event.RegistrationFailed("Rejected", 403, "Forbidden"),
        ]
        error = await failure(client)
        assert type(error) is RegistrationRejected
        assert str(error) == "Failed to connect: Registration failed: Rejected"
        assert (error.stage, error.sip_status, error.cause) == ("register", 403, "Rejected")
        assert engine.names() == ["connect", "disconnect"]
        await trio.testing.wait_all_tasks_blocked()
        assert told.names == ["connecting", "connected", "registrationFailed", "error", "audioEnded", "disconnected"]
        (failed,) = told.payload("registrationFailed")
        assert (failed.cause, failed.response.status_code, failed.response.reason_phrase) == (
            "Rejected",
            403,
            "Forbidden",
        )
        (announced,) = told.payload("error")
        assert str(announced) == "Registration failed: Rejected"


@pytest.mark.parametrize(
    ("cause", "status", "hint"),
    [
        ("Authentication Error", 401, "credentials"),
        ("Not Found", 404, "realm"),
        ("SIP Failure Code", 503, "later"),
        ("Request Timeout", None, "did not answer"),
    ],
)
async def test_the_hint_of_a_rejection(
    client: WebRTCClient, engine: FakeEngine, cause: str, status: int | None, hint: str
) -> None:
    async with client:
        engine.answers["connect"] = [
            Event.Connecting(),
            Event.Connected(),
            Event.RegistrationFailed(cause, status, None),
        ]
        error = await failure(client)
    assert hint in str(error.hint)


async def test_a_connection_lost_while_registering(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        engine.answers["connect"] = [Event.Connecting(), Event.Connected(), Event.Disconnected(1006, "reset")]
        error = await failure(client)
    assert type(error) is ConnectionLost
    assert str(error) == "Failed to connect: reset"
    assert engine.names() == ["connect", "close"]


async def test_a_server_that_closes_during_the_first_register(
    client: WebRTCClient, engine: FakeEngine, told: Recorder
) -> None:
    failed = Event.RegistrationFailed("Connection Error", None, None)
    engine.answers["connect"] = [Event.Connecting(), Event.Connected(), failed, Event.Disconnected(1006, "reset")]
    engine.silent.add("disconnect")  # there is nothing left to close
    async with client:
        began = trio.current_time()
        assert isinstance(await failure(client), RegistrationRejected)
        assert not client.is_connected()
        del engine.answers["connect"]
        await client.connect()
        assert client.is_connected()
        assert trio.current_time() == began
        assert "reconnecting" not in told.names


async def test_a_server_that_breaks_the_websocket_protocol(
    client: WebRTCClient, engine: FakeEngine, told: Recorder
) -> None:
    reason = "the far side broke the WebSocket protocol: reserved bits"
    engine.answers["connect"] = [Event.Connecting(), Event.Connected(), Event.Disconnected(None, reason)]
    async with client:
        error = await failure(client)
        assert type(error) is RemoteProtocolError
        assert (error.stage, error.cause) == ("websocket", reason)
        del engine.answers["connect"]
        await client.connect()
        engine.lose(None, reason)
        await trio.testing.wait_all_tasks_blocked()
        ((error,),) = [payload for name, payload in told.events if name == "error"]
        assert type(error) is RemoteProtocolError


async def test_disconnect(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await client.connect()
        told.events.clear()
        await client.disconnect()
        assert told.names == ["audioEnded", "unregistered", "disconnected"]
        assert told.payload("disconnected")[0].code is None
        assert not client.is_connected()
        await client.disconnect()
        assert len(told.events) == 3
        await client.connect()
        assert client.is_connected()


async def test_disconnect_before_connect_does_nothing(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await client.disconnect()
        assert told.names == engine.names() == []


@pytest.mark.parametrize(("method", "cause"), [("disconnect", "Disconnected"), ("end_call", "Canceled")])
@pytest.mark.parametrize("stage", ["config", "websocket"])
@pytest.mark.parametrize("caller", ["connect", "connect_and_call"])
async def test_giving_up_a_pending_connect(
    client: WebRTCClient,
    engine: FakeEngine,
    endpoint: FakeEndpoint,
    told: Recorder,
    stage: str,
    method: str,
    cause: str,
    caller: str,
) -> None:  # fmt: skip
    endpoint.is_silent = stage == "config"
    engine.silent.add("connect")
    errors: list[ConnectFailed] = []

    async def connect() -> None:
        with pytest.raises(ConnectFailed) as caught:
            await getattr(client, caller)()
        errors.append(caught.value)

    async with client, trio.open_nursery() as nursery:
        nursery.start_soon(connect)
        await trio.testing.wait_all_tasks_blocked()
        await getattr(client, method)()
        assert engine.names() == ([] if stage == "config" else ["connect", "disconnect"])
    assert [str(error) for error in errors] == [f"Failed to connect: {cause}"]
    assert told.names.count("audioEnded") == 2  # the given up connect, and leaving the block


async def test_end_call_after_connect_and_before_a_call_disconnects(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        await client.connect()
        await client.end_call()
        assert not client.is_connected()
        assert engine.names() == ["connect", "disconnect"]


async def test_a_connection_that_does_not_close_is_left_alone_after_three_seconds(
    client: WebRTCClient, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    async with client:
        await client.connect()
        engine.silent.add("disconnect")
        started = trio.current_time()
        await client.disconnect()
        assert trio.current_time() - started == pytest.approx(3)
        assert "not closed within 3 s" in caplog.text
        await client.connect()


async def test_a_refresh_that_fails_is_an_error_event(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await client.connect()
        engine.tell(Event.RegistrationFailed("Rejected", 403, None), Event.Unregistered())
        await trio.testing.wait_all_tasks_blocked()
        assert told.names[-2:] == ["error", "unregistered"]
        assert not client.is_connected()


async def test_logs_and_warnings_of_the_engine(
    client: WebRTCClient, engine: FakeEngine, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    warned: list[events.Warned] = []
    client.on("warning", warned.append)
    async with client:
        engine.tell(Event.Log(10, "proto.sip", "100 % sent"), Event.Warning("ice", "no interface but loopback"))
        await trio.testing.wait_all_tasks_blocked()
        assert warned == [events.Warned("ice", "no interface but loopback")]
    logged: list[Any] = [(record.name, record.levelname, record.message) for record in caplog.records]
    assert ("c2c.proto.sip", "DEBUG", "100 % sent") in logged
    assert ("c2c.ice", "WARNING", "no interface but loopback") in logged


async def test_the_last_servers_websocket_is_opened_beside_the_request(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, told: Recorder
) -> None:
    async with client:
        await client.connect()
        await client.disconnect()
        assert engine.names() == ["connect", "disconnect"]
        endpoint.is_silent = True
        with trio.move_on_after(1):
            await client.connect()
        assert engine.commands[2:] == [("prepare", "wss://sip.example:8443"), ("discard_prepared",)]
        endpoint.is_silent = False
        await trio.testing.wait_all_tasks_blocked()
        await client.connect()
        assert engine.names()[4:] == ["prepare", "connect"]
        assert told.names[-3:] == ["connecting", "connected", "registered"]
    assert engine.names()[6:] == ["disconnect", "close"]


async def test_a_failed_request_closes_what_was_opened_ahead(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    async with client:
        await client.connect()
        await client.disconnect()
        endpoint.status = 503
        await failure(client)
        assert engine.names()[2:] == ["prepare", "discard_prepared"]


async def test_nothing_is_opened_ahead_to_a_server_that_did_not_work(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        await client.connect()
        await client.disconnect()
        engine.answers["connect"] = [Event.Connecting(), Event.ConnectFailed("tls", "certificate unknown", None, True)]
        await failure(client)
        del engine.answers["connect"]
        await client.connect()
        assert engine.names()[2:] == ["prepare", "connect", "connect"]
