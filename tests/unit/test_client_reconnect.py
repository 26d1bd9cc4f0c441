"""A lost connection that is made again: what the client tells, and what its methods do meanwhile."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
import trio
import trio.testing

from c2c import (
    CallStatus,
    ConfigFetchError,
    ConfigTimeout,
    ConnectFailed,
    ConnectTimeout,
    NotConnected,
    RegistrationRejected,
    WebRTCClient,
    WidgetInactive,
    events,
)
from c2c._c2c import Event
from support.client import answered_call
from support.fake_endpoint import runtime

if TYPE_CHECKING:
    from collections.abc import Callable

    from c2c import Call
    from support.client import Recorder
    from support.fake_endpoint import FakeEndpoint
    from support.fake_engine import FakeEngine

REFUSED = Event.SettingsRefused("Rejected", 403, "Forbidden")


async def lost(client: WebRTCClient, engine: FakeEngine) -> None:
    """Connects and loses the connection."""
    await client.connect()
    engine.commands.clear()
    engine.lose()
    await trio.testing.wait_all_tasks_blocked()


@pytest.mark.usefixtures("endpoint")
async def test_what_is_told(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await client.connect()
        told.events.clear()
        engine.lose(1006, "reset by peer")
        engine.tell(Event.ConnectFailed("connect", "refused", None, False), Event.Connecting())
        engine.come_back()
        await trio.testing.wait_all_tasks_blocked()
        assert told.names == [
            *("disconnected", "unregistered", "reconnecting"),
            *("connecting", "disconnected", "connecting", "connected", "registered", "reconnected"),
        ]
        assert told.payload("reconnecting") == (events.Reconnecting("reset by peer"),)
        assert told.payload("reconnected") == ()
        assert client.is_connected()


def _noting(name: str, client: WebRTCClient, seen: list[tuple[str, bool]]) -> Callable[[], None]:
    return lambda: seen.append((name, client.is_connected()))


@pytest.mark.usefixtures("endpoint")
async def test_it_is_not_connected_before_reconnected(client: WebRTCClient, engine: FakeEngine) -> None:
    seen: list[tuple[str, bool]] = []
    for name in ("disconnected", "reconnecting", "connected", "registered", "reconnected"):
        client.on(name, _noting(name, client, seen))
    async with client:
        await client.connect()
        seen.clear()
        engine.lose()
        engine.come_back()
        await trio.testing.wait_all_tasks_blocked()
    assert seen[:5] == [
        ("disconnected", False), ("reconnecting", False), ("connected", False), ("registered", False),
        ("reconnected", True),
    ]  # fmt: skip


@pytest.mark.usefixtures("endpoint")
async def test_a_runtime_endpoint_is_back_without_registration(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, told: Recorder
) -> None:
    endpoint.config, engine.registers = runtime(), False
    async with client:
        await lost(client, engine)
        assert not client.is_connected()
        engine.come_back()
        await trio.testing.wait_all_tasks_blocked()
        assert client.is_connected()
        assert told.names[-2:] == ["connected", "reconnected"]


@pytest.mark.usefixtures("endpoint")
async def test_an_answered_call_goes_on(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        call = await answered_call(client, engine)
        before = client.get_state()
        told.events.clear()
        engine.lose()
        await trio.testing.wait_all_tasks_blocked()
        assert client.get_state() == before
        assert call.session.status == "answered"
        assert client.get_current_session() is not None
        engine.come_back()
        await client.connect()
        assert client.get_state() == before
        await client.send_info("still here")
        await client.end_call()
        assert "ended" in told.names


@pytest.mark.usefixtures("endpoint")
async def test_an_info_waits_for_the_connection(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent.add("send_info")
    async with client, trio.open_nursery() as nursery:
        await answered_call(client, engine)
        engine.lose()
        nursery.start_soon(client.send_info, "later")
        await trio.testing.wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        engine.come_back()
        engine.tell(Event.InfoSent(1, 1))


@pytest.mark.usefixtures("endpoint")
async def test_wait_answered_waits_on(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client, trio.open_nursery() as nursery:
        call = await client.connect_and_call()
        engine.ring()
        nursery.start_soon(call.wait_answered)
        engine.lose()
        await trio.testing.wait_all_tasks_blocked()
        assert client.get_state().status is CallStatus.RINGING
        engine.come_back()
        engine.answer()


async def test_connect_joins_and_skips_the_pause(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    async with client:
        await lost(client, engine)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(client.connect)
            nursery.start_soon(client.connect)
            await trio.testing.wait_all_tasks_blocked()
            assert engine.names() == ["retry"]
            engine.come_back()
        assert client.is_connected()
        assert len(endpoint.requests) == 1


@pytest.mark.usefixtures("endpoint")
async def test_connect_and_call_joins(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent.add("retry")
    async with client, trio.open_nursery() as nursery:
        await lost(client, engine)
        nursery.start_soon(client.connect_and_call)
        await trio.testing.wait_all_tasks_blocked()
        engine.come_back()
        await trio.testing.wait_all_tasks_blocked()
        assert engine.names() == ["retry", "start_call"]


@pytest.mark.usefixtures("endpoint")
async def test_connect_gives_up_and_reconnecting_goes_on(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        await lost(client, engine)
        engine.tell(Event.ConnectFailed("connect", "refused", None, False))
        start = trio.current_time()
        with pytest.raises(ConnectTimeout, match="Failed to connect: Operation timed out after 15000ms") as caught:
            await client.connect()
        assert trio.current_time() - start == pytest.approx(15)
        assert (caught.value.stage, caught.value.cause) == ("websocket", "connect: refused")
        assert engine.names() == ["retry"]
        engine.come_back()
        await trio.testing.wait_all_tasks_blocked()
        assert client.is_connected()


@pytest.mark.usefixtures("endpoint")
async def test_a_cancelled_connect_leaves_reconnecting_alone(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        await lost(client, engine)
        with trio.move_on_after(1):
            await client.connect()
        assert engine.names() == ["retry"]
        engine.come_back()
        await client.connect()
        assert client.is_connected()


@pytest.mark.usefixtures("endpoint")
async def test_start_call_needs_the_connection(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        await lost(client, engine)
        with pytest.raises(NotConnected, match=r"Client not connected\. Call connect\(\) first\.") as caught:
            await client.start_call()
        assert "connect() waits for it" in str(caught.value.hint)


@pytest.mark.parametrize("method", ["disconnect", "destroy", "end_call"])
@pytest.mark.usefixtures("endpoint")
async def test_what_ends_it(client: WebRTCClient, engine: FakeEngine, told: Recorder, method: str) -> None:
    async with client:
        await lost(client, engine)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(expect_given_up, client)
            await trio.testing.wait_all_tasks_blocked()
            engine.commands.clear()
            await getattr(client, method)()
        assert engine.names()[0] == "disconnect"
        assert not engine.is_closed or method == "destroy"
        assert told.names[-1] == "disconnected"


async def expect_given_up(client: WebRTCClient) -> None:
    with pytest.raises(ConnectFailed, match=r"Failed to connect: (Canceled|Disconnected)"):
        await client.connect()


@pytest.mark.usefixtures("endpoint")
async def test_leaving_the_block_ends_it(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        await lost(client, engine)
    assert engine.names() == ["disconnect", "close"]


@pytest.mark.usefixtures("endpoint")
async def test_after_disconnect_it_connects_anew(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        await lost(client, engine)
        await client.disconnect()
        await client.connect()
        assert client.is_connected()
        assert engine.names() == ["disconnect", "prepare", "connect"]


# credentials that the server no longer takes


async def test_refused_credentials_fetch_the_configuration_anew(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, told: Recorder
) -> None:
    async with client:
        await lost(client, engine)
        endpoint.config["endpointSettings"]["sipConnectivityInfo"]["realm"] = "new.example"
        endpoint.config["endpointSettings"]["endpointName"] = "Renewed"
        engine.tell(REFUSED)
        await trio.testing.wait_all_tasks_blocked()
        ((name, settings),) = engine.commands
        assert name == "renew"
        assert 'realm="new.example"' in repr(settings)
        assert len(endpoint.requests) == 2
        shown = client.get_config()
        assert shown is not None
        assert shown.endpoint_settings.endpoint_name == "Renewed"
        engine.come_back()
        await trio.testing.wait_all_tasks_blocked()
        assert client.is_connected()
        assert "error" not in told.names


async def test_the_way_to_a_renewed_server_is_decided_anew(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://proxy.example:3128")
    monkeypatch.setenv("no_proxy", "endpoint.example, sip.example")
    async with client:
        await lost(client, engine)
        for server, is_proxied in [("sip.elsewhere", True), ("sip.example", False)]:
            endpoint.config["endpointSettings"]["sipConnectivityInfo"]["wsUri"] = f"wss://{server}:8443"
            engine.tell(REFUSED)
            await trio.testing.wait_all_tasks_blocked()
            assert engine.names()[-1] == "renew"
            proxy, _ = engine.routes[-1]
            assert (proxy is not None) is is_proxied
            assert "proxy.example" in repr(proxy) or not is_proxied
    assert [proxy is None for proxy, _ in engine.routes] == [True, False, True]


@pytest.mark.parametrize(
    ("fault", "kind"),
    [("inactive", WidgetInactive), ("status", ConfigFetchError), ("silent", ConfigTimeout)],
)
async def test_without_a_fresh_configuration_it_gives_up(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, told: Recorder, fault: str, kind: type[Exception]
) -> None:
    engine.answers["renew"] = [Event.RegistrationFailed("Rejected", 403, "Forbidden")]
    async with client:
        await lost(client, engine)
        endpoint.status = 404 if fault == "status" else 200
        endpoint.is_silent = fault == "silent"
        endpoint.config["endpointSettings"]["webrtcWidgetConfig"]["active"] = fault != "inactive"
        engine.tell(REFUSED)
        with pytest.raises(RegistrationRejected):
            await client.connect()
        assert ("renew", None) in engine.commands
        errors = [payload[0] for name, payload in told.events if name == "error"]
        assert [type(error) for error in errors] == [kind, RegistrationRejected]
        assert str(errors[0]).startswith("Failed to reconnect: ")
        assert not client.is_connected()
        endpoint.status, endpoint.is_silent = 200, False
        endpoint.config["endpointSettings"]["webrtcWidgetConfig"]["active"] = True
        await client.connect()
        assert engine.names()[-1] == "connect"


async def test_events_go_on_while_the_configuration_is_fetched(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, told: Recorder
) -> None:
    async with client:
        await answered_call(client, engine)
        engine.lose()
        endpoint.is_silent = True
        engine.tell(REFUSED)
        await trio.testing.wait_all_tasks_blocked()
        engine.tell(Event.Warning("ice", "still here"))
        await trio.testing.wait_all_tasks_blocked()
        assert told.names[-1] == "warning"
        await client.disconnect()
        endpoint.go_on.set()
        await trio.testing.wait_all_tasks_blocked()
        assert "renew" not in engine.names()


@pytest.mark.usefixtures("endpoint")
async def test_a_final_failure_ends_it(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await lost(client, engine)
        engine.tell(Event.ConnectFailed("tls", "the certificate has expired", None, True))
        await trio.testing.wait_all_tasks_blocked()
        assert isinstance(told.payload("error")[0], ConnectFailed)
        engine.commands.clear()
        await client.connect()
        assert engine.names() == ["prepare", "connect"]


@pytest.mark.usefixtures("endpoint")
async def test_a_refusal_closes_the_connection_before_the_next(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client, trio.open_nursery() as nursery:
        await lost(client, engine)
        engine.tell(Event.Connected(), Event.RegistrationFailed("Rejected", 403, "Forbidden"))
        await trio.testing.wait_all_tasks_blocked()
        engine.commands.clear()
        nursery.start_soon(client.connect)
        await trio.testing.wait_all_tasks_blocked()
        assert engine.names() == ["prepare"]
        engine.tell(Event.Disconnected(None, None))
        await trio.testing.wait_all_tasks_blocked()
        assert engine.names() == ["prepare", "connect"]


@pytest.mark.usefixtures("endpoint")
async def test_a_loss_that_crosses_disconnect(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    engine.silent.add("disconnect")
    async with client, trio.open_nursery() as nursery:
        await client.connect()
        engine.lose()
        nursery.start_soon(client.disconnect)
        await trio.testing.wait_all_tasks_blocked()
        engine.tell(Event.Disconnected(None, None))
        await client.connect()
        assert client.is_connected()


@pytest.mark.usefixtures("endpoint")
async def test_a_loss_at_the_moment_of_registration(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent.add("connect")
    async with client, trio.open_nursery() as nursery:
        nursery.start_soon(client.connect_and_call)
        await trio.testing.wait_all_tasks_blocked()
        engine.tell(Event.Connecting(), Event.Connected(), Event.Registered())
        engine.lose()
        await trio.testing.wait_all_tasks_blocked()
        assert engine.names() == ["connect", "retry"]
        engine.come_back()
        await trio.testing.wait_all_tasks_blocked()
        assert engine.names() == ["connect", "retry", "start_call"]


# a registration that is lost on a connection that stands


async def unregistered_call(client: WebRTCClient, engine: FakeEngine) -> Call:
    """Has a call, and loses the registration."""
    call = await answered_call(client, engine)
    engine.commands.clear()
    engine.lose_registration()
    await trio.testing.wait_all_tasks_blocked()
    assert not client.is_connected()
    return call


async def test_a_refused_refresh_fetches_the_configuration_anew(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, told: Recorder
) -> None:
    async with client:
        await answered_call(client, engine)
        engine.commands.clear()
        engine.tell(REFUSED)
        await trio.testing.wait_all_tasks_blocked()
        assert engine.names() == ["renew"]
        assert engine.commands[0][1] is not None
        assert len(endpoint.requests) == 2
        assert client.is_connected()
        endpoint.status = 404
        engine.tell(REFUSED)
        await trio.testing.wait_all_tasks_blocked()
        assert engine.commands[-1] == ("renew", None)
        assert "ended" not in told.names


async def test_connect_registers_again_and_the_call_survives(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, told: Recorder
) -> None:
    async with client:
        call = await unregistered_call(client, engine)
        with pytest.raises(NotConnected, match=r"Call connect\(\) first\."):
            await client.start_call()
        await client.connect()
        assert client.is_connected()
        assert engine.names() == ["connect"]
        assert len(endpoint.requests) == 2
        assert call.session.status == "answered"
        assert told.names[-1] == "registered"


@pytest.mark.parametrize("kind", [ConnectTimeout, RegistrationRejected, ConfigFetchError])
async def test_connect_fails_and_the_call_survives(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, told: Recorder, kind: type[Exception]
) -> None:
    async with client:
        call = await unregistered_call(client, engine)
        if kind is ConfigFetchError:
            endpoint.status = 404
        elif kind is RegistrationRejected:
            engine.answers["connect"] = [Event.RegistrationFailed("Rejected", 403, "Forbidden")]
        else:
            engine.silent.add("connect")
        with pytest.raises(kind):
            await client.connect()
        assert "disconnect" not in engine.names()
        assert call.session.status == "answered"
        assert "ended" not in told.names
        endpoint.status = 200
        engine.answers.clear()
        engine.silent.clear()
        await client.connect()
        assert client.is_connected()


@pytest.mark.usefixtures("endpoint")
async def test_connect_moves_to_another_server_with_the_call(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client, trio.open_nursery() as nursery:
        call = await unregistered_call(client, engine)
        engine.silent.add("connect")
        nursery.start_soon(client.connect)
        await trio.testing.wait_all_tasks_blocked()
        engine.lose(None, "the new settings name another server")
        await trio.testing.wait_all_tasks_blocked()
        assert len(nursery.child_tasks) == 1
        engine.come_back()
        await trio.testing.wait_all_tasks_blocked()
        assert client.is_connected()
        assert call.session.status == "answered"


@pytest.mark.usefixtures("endpoint")
async def test_disconnect_while_it_registers_again_ends_all(
    client: WebRTCClient, engine: FakeEngine, told: Recorder
) -> None:
    async with client, trio.open_nursery() as nursery:
        await unregistered_call(client, engine)
        engine.silent.add("connect")
        nursery.start_soon(expect_given_up, client)
        await trio.testing.wait_all_tasks_blocked()
        await client.disconnect()
        assert engine.names()[-1] == "disconnect"
        assert told.names[-1] == "disconnected"
