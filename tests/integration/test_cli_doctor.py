"""`c2c doctor`: healthy, and broken at each stage."""

from __future__ import annotations

import socket
import ssl
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trustme
from typer.testing import CliRunner

import c2c
from c2c import TLSConfig
from c2c.cli._app import app
from c2c.cli._doctor import STAGES, Doctor
from c2c.cli._options import ice_server
from c2c.gateway import (
    Agent,
    BadAnswer,
    ConfigInactive,
    ConfigSlow,
    ConfigStatus,
    EndpointConfig,
    IgnoreRegister,
    NoSubprotocol,
    Play,
    RefuseUpgrade,
    Reject,
    RejectRegister,
    Wait,
    serve,
    tone,
)
from support.command_line import finished, trusting
from support.connect_proxy import PASSWORD as PROXY_PASSWORD
from support.connect_proxy import authority, connect_proxy
from support.turn_server import PASSWORD, USER, turn_server

if TYPE_CHECKING:
    from pathlib import Path

    from c2c.cli._finding import Finding
    from c2c.gateway import Misbehaviour, RunningGateway

TURN_USER = f"{USER}:p%40ss%3Aword"


async def examine(
    gateway: RunningGateway, *ice_servers: str, limit: float = 5, place_call: bool = False, **options: Any
) -> dict[str, Finding]:
    """What the doctor finds; the last one of each stage."""
    options = {"endpoint_url": gateway.endpoint_url, "tls": gateway.tls, "connect_timeout": limit} | options
    if ice_servers:
        options["pc_config"] = {"iceServers": [ice_server(server) for server in ice_servers]}
    found: list[Finding] = []
    client = c2c.create_webrtc_client(**options)
    is_ok = await Doctor(options, client, limit=limit, place_call=place_call).run(found.append)
    assert is_ok == all(finding.status != "failed" for finding in found)
    assert tuple(dict.fromkeys(finding.stage for finding in found)) == STAGES
    assert all(finding.hint for finding in found if finding.status == "failed")
    return {finding.stage: finding for finding in found}


def statuses(found: dict[str, Finding]) -> dict[str, str]:
    return {stage: finding.status for stage, finding in found.items()}


def expected(failed: str | None) -> dict[str, str]:
    """All is well up to `failed`; what needs it is skipped, and there is no STUN or TURN server."""
    way = STAGES[:6]
    at = way.index(failed) if failed else len(way)
    named = {stage: "ok" if index < at else "skipped" for index, stage in enumerate(way)}
    return named | ({failed: "failed"} if failed else {}) | dict.fromkeys(("stun", "turn", "udp"), "skipped")


async def test_a_healthy_endpoint() -> None:
    async with serve() as gateway:
        found = await examine(gateway)
        assert gateway.calls == []
    assert statuses(found) == expected(None)
    assert found["dns"].detail == "127.0.0.1 is 127.0.0.1"
    assert found["tls"].detail.startswith("TLSv1.3, certificate valid for ")
    assert all(finding.seconds is not None for finding in found.values() if finding.status == "ok")


async def test_a_runtime_endpoint_needs_no_registration() -> None:
    async with serve(config=EndpointConfig(kind="runtime")) as gateway:
        found = await examine(gateway)
    assert (found["wss"].status, found["register"].status) == ("ok", "skipped")


async def test_plain_http_on_this_machine() -> None:
    async with serve(secure=False) as gateway:
        found = await examine(gateway)
    assert statuses(found) == expected(None) | {"tls": "skipped"}


@pytest.mark.parametrize(
    ("misbehave", "failed", "detail"),
    [
        (ConfigStatus(404), "config", "Failed to fetch config: 404 Not Found"),
        (ConfigInactive(), "config", "not active"),
        (ConfigSlow(20), "config", "did not answer in time"),
        (RefuseUpgrade(403), "wss", "403"),
        (NoSubprotocol(), "wss", "sip"),
        (RejectRegister(403, "Forbidden"), "register", "Rejected"),
        (IgnoreRegister(), "register", "not answered"),
    ],
)
async def test_a_broken_stage(misbehave: Misbehaviour, failed: str, detail: str) -> None:
    async with serve(misbehave=[misbehave]) as gateway:
        found = await examine(gateway, limit=2)
    assert statuses(found) == expected(failed)
    assert detail in found[failed].detail


async def test_a_name_that_does_not_resolve() -> None:
    async with serve() as gateway:
        found = await examine(gateway, endpoint_url=f"https://{'a' * 64}.example/token")
    assert statuses(found) == expected("dns")


async def test_a_closed_port() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        async with serve() as gateway:
            found = await examine(gateway, endpoint_url=f"https://127.0.0.1:{unused.getsockname()[1]}/token")
    assert statuses(found) == expected("tcp")
    assert "Connection refused" in found["tcp"].detail


async def test_a_port_that_does_not_speak_tls() -> None:
    async with serve(secure=False) as plain, serve() as gateway:
        found = await examine(gateway, endpoint_url=plain.endpoint_url.replace("http:", "https:"))
    assert statuses(found) == expected("tls")


async def test_a_certificate_of_somebody_else() -> None:
    async with serve() as gateway:
        found = await examine(gateway, tls=TLSConfig(ca_pem=trustme.CA().cert_pem.bytes()))
        assert statuses(found) == expected("tls")
        assert "certificate verify failed" in found["tls"].detail
        assert "--ca" in (found["tls"].hint or "")


async def test_through_a_proxy() -> None:
    async with connect_proxy(credentials=True) as proxy, serve() as gateway:
        found = await examine(gateway, proxy=proxy.url)
        assert statuses(found) == expected(None)
        assert found["dns"].detail == "the proxy 127.0.0.1 is 127.0.0.1"
        assert found["tcp"].detail.endswith(f"is open through the proxy 127.0.0.1:{proxy.port}")
        assert authority(gateway.websocket_uri) in proxy.asked
        found = await examine(gateway, proxy=proxy.url.replace("sentinel", "wrong"))
        assert statuses(found) == expected("tcp")
        assert "407" in found["tcp"].detail
        assert PROXY_PASSWORD not in str(found)


async def test_a_call_shows_that_udp_works() -> None:
    async with serve(Agent(Play(tone(440, 5)), Wait(5))) as gateway:
        found = await examine(gateway, place_call=True)
        assert (await gateway.calls[0].wait_ended()).how == "BYE"
    assert found["udp"].status == "ok"
    assert "sound came" in found["udp"].detail


@pytest.mark.parametrize(
    ("agent", "misbehave", "told"),
    [(Agent(Reject(486)), [], "Busy"), (Agent(), [BadAnswer("wrong-fingerprint")], "DTLS failed")],
)
async def test_a_call_that_fails(agent: Agent, misbehave: list[Misbehaviour], told: str) -> None:
    async with serve(agent, misbehave=misbehave) as gateway:
        found = await examine(gateway, place_call=True)
    assert found["udp"].status == "failed"
    assert told in f"{found['udp'].detail} {found['udp'].hint}"


async def test_stun_and_turn_over_udp_and_tcp() -> None:
    async with turn_server() as server, serve() as gateway:
        urls = [f"stun:127.0.0.1:{server.udp_port}", f"turn:{TURN_USER}@127.0.0.1:{server.udp_port}"]
        found = await examine(gateway, *urls)
        assert found["stun"].detail.startswith("127.0.0.1 sees us as 127.0.0.1:")
        assert found["turn"].detail == "127.0.0.1 relays through 192.0.2.9:50000 (udp)"
        assert found["udp"].status == "ok"
        found = await examine(gateway, f"turn:{TURN_USER}@127.0.0.1:{server.tcp_port}?transport=tcp")
        assert found["turn"].detail == "127.0.0.1 relays through 192.0.2.9:50000 (tcp)"
        assert found["udp"].status == "skipped"
        assert server.granted == [600, 0, 600, 0], "each allocation is given back"


async def test_turn_over_tls() -> None:
    authority = trustme.CA()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert("127.0.0.1").configure_cert(context)
    async with turn_server(context) as server, serve() as gateway:
        assert gateway.tls is not None
        assert isinstance(gateway.tls.ca_pem, bytes)
        url = f"turns:{TURN_USER}@127.0.0.1:{server.tcp_port}"
        both = TLSConfig(ca_pem=gateway.tls.ca_pem + authority.cert_pem.bytes())
        assert (await examine(gateway, url, tls=both))["turn"].detail.endswith("(tls)")
        found = await examine(gateway, url)
        assert (found["turn"].status, found["register"].status) == ("failed", "ok")
        assert "certificate verify failed" in found["turn"].detail


async def test_servers_that_are_wrong() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        closed = unused.getsockname()[1]
        async with turn_server() as server, serve() as gateway:
            found = await examine(gateway, f"turn:{USER}:wrong@127.0.0.1:{server.udp_port}")
            assert (found["turn"].status, found["udp"].status) == ("failed", "failed")
            assert found["turn"].detail == "127.0.0.1 answered 401 Unauthorized"
            assert "password" in (found["turn"].hint or "")
            assert PASSWORD not in str(found)
            found = await examine(gateway, f"turn:{TURN_USER}@127.0.0.1:{closed}?transport=tcp")
            assert "Connection refused" in found["turn"].detail
            server.is_silent = True
            found = await examine(gateway, f"stun:127.0.0.1:{server.udp_port}", limit=1.5)
            assert found["stun"].detail == "no answer within 1.5 s"
            assert (found["udp"].status, found["register"].status) == ("failed", "ok")


async def test_the_command(tmp_path: Path) -> None:
    async with serve() as gateway, trio.open_nursery() as nursery:
        nursery.start_soon(_people, gateway, tmp_path)
        nursery.start_soon(_program, gateway, tmp_path)


async def _people(gateway: RunningGateway, folder: Path) -> None:
    run = await finished("doctor", *trusting(gateway, folder))
    assert (run.process.returncode, run.errors) == (0, "")
    assert [line.split()[:2] for line in run.text.splitlines()[:-1]] == [[*one] for one in expected(None).items()]
    assert gateway.config.url_token not in run.text


async def _program(gateway: RunningGateway, _: Path) -> None:
    run = await finished("doctor", gateway.endpoint_url, "--json", "--ice-server", "stun:127.0.0.1:9")
    assert run.process.returncode == 1
    checks = [line for line in run.lines if line["event"] == "check"]
    assert [line["stage"] for line in checks] == list(STAGES)
    for line in checks:
        assert list(line) == ["time", "event", "stage", "status", "detail", "seconds", "hint"]
    assert {line["stage"] for line in checks if line["status"] == "failed"} == {"tls", "stun", "udp"}
    assert run.line("summary")["ok"] is False


@pytest.mark.parametrize(
    "arguments", [(), ("ftp://endpoint.example/",), ("https://endpoint.example/", "--timeout", "0")]
)
def test_wrong_usage(arguments: tuple[str, ...]) -> None:
    result = CliRunner().invoke(app, ["doctor", *arguments])
    assert (result.exit_code, result.stdout) == (2, "")
