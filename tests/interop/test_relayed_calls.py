"""Calls of c2c through coturn to a browser: relays only, over each transport, and servers that are of no use."""

from __future__ import annotations

import re
import socket
from typing import TYPE_CHECKING, Any

import pytest
import trio
from trio.to_thread import run_sync

import c2c

from .coturn import Coturn
from .identity import TURN_PORT, TURN_TLS_PORT, TURN_USERNAME, make_identity
from .nat import Nat
from .test_calls import C2C_HZ, CALLEE_HZ, clip, heard, speak
from .turn_only import turn_only_network

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .browser import BrowserAgent
    from .rig import Rig

__all__ = ["clip"]

TRANSPORTS = {
    "udp": f"turn:127.0.0.1:{TURN_PORT}",
    "udp-by-name": f"turn:localhost:{TURN_PORT}?transport=udp",
    "tcp": f"turn:127.0.0.1:{TURN_PORT}?transport=tcp",
    "tls": f"turns:localhost:{TURN_TLS_PORT}",
}


@pytest.fixture
def coturn(tmp_path: Path, rig: Rig) -> Iterator[Coturn]:
    with Coturn(tmp_path, rig.identity) as running:
        yield running


def turn(rig: Rig, *urls: str, credential: str | None = None) -> dict[str, Any]:
    return {"urls": list(urls), "username": TURN_USERNAME, "credential": credential or rig.identity.password}


def new_client(rig: Rig, servers: list[dict[str, Any]], policy: str = "all") -> c2c.WebRTCClient:
    return c2c.create_webrtc_client(
        endpoint_url=rig.endpoint.url("callee"),
        tls=c2c.TLSConfig(ca_file=rig.identity.ca_file),
        user_id="c2c-relayed",
        pc_config={"iceServers": servers, "iceTransportPolicy": policy},
    )


def warnings_of(client: c2c.WebRTCClient) -> list[c2c.events.Warned]:
    warned: list[c2c.events.Warned] = []
    client.on("warning", warned.append)
    return warned


def offered(callee: BrowserAgent) -> list[str]:
    """The kinds of the IPv4 candidates that the browser was offered."""
    return re.findall(r"a=candidate:.* [\d.]+ \d+ typ (\w+)", callee.received("INVITE")[0])


async def talk(client: c2c.WebRTCClient, callee: BrowserAgent, clip: Path) -> c2c.Call:
    """A call in which each side hears the other's tone; it is over afterwards."""
    async with trio.open_nursery() as nursery:
        call = await client.connect_and_call()
        await call.wait_answered()
        nursery.start_soon(speak, call, clip)
        # the levels are those of test_calls; here a packet may be lost at the start
        assert (await heard(call, CALLEE_HZ)).rms == pytest.approx(0.177, rel=0.3)
        tone = await run_sync(callee.wait_for_tone, C2C_HZ)
        assert tone.rms == pytest.approx(0.177, rel=0.3)
        await client.end_call()
    ended = await run_sync(callee.wait_for_phase, "ended")
    assert ended["cause"] == "Terminated"
    return call


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_relay_only(rig: Rig, coturn: Coturn, callee: BrowserAgent, clip: Path, transport: str) -> None:
    async with new_client(rig, [turn(rig, TRANSPORTS[transport])], "relay") as client:
        warned = warnings_of(client)
        await talk(client, callee, clip)
    assert warned == []
    assert offered(callee) == ["relay"]
    offer = callee.received("INVITE")[0]
    assert "raddr 0.0.0.0 rport 9" in offer, "nothing shows where we are"
    log = coturn.log(lines=10_000)
    for done in ("ALLOCATE", "CREATE_PERMISSION", "CHANNEL_BIND"):
        assert f"incoming packet {done} processed, success" in log
    assert re.search(r"refreshed, realm=.* lifetime=0", log), "the allocation is given back"
    assert rig.identity.password not in offer


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_a_network_that_lets_nothing_through_but_turn(
    rig: Rig, coturn: Coturn, callee: BrowserAgent, clip: Path, transport: str
) -> None:
    with turn_only_network():
        async with new_client(rig, [turn(rig, TRANSPORTS[transport])]) as client:
            await talk(client, callee, clip)
    assert set(offered(callee)) == {"host", "relay"}
    assert "incoming packet CHANNEL_BIND processed, success" in coturn.log(lines=10_000)


async def test_such_a_network_without_turn_ends_the_call_at_its_stage(rig: Rig, callee: BrowserAgent) -> None:
    with turn_only_network():
        async with new_client(rig, []) as client:
            ended: list[c2c.CallEndInfo] = []
            client.on("ended", lambda _, end: ended.append(end))
            call = await client.connect_and_call()
            await call.wait_answered()
            with trio.fail_after(60):
                while not ended:  # noqa: ASYNC110 (set by a handler)
                    await trio.sleep(0.1)
    assert (ended[0].cause, ended[0].stage) == ("RTP Timeout", "ice")


async def test_what_a_stun_server_sees_is_offered(rig: Rig, coturn: Coturn, callee: BrowserAgent, clip: Path) -> None:
    with Nat(TURN_PORT) as nat:
        async with new_client(rig, [{"urls": f"stun:localhost:{nat.port}"}]) as client:
            await talk(client, callee, clip)
    assert offered(callee) == ["host", "srflx"]
    assert f"127.0.0.1 {nat.seen_port} typ srflx raddr 127.0.0.1" in callee.received("INVITE")[0]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_wrong_password_costs_the_relay_and_no_more(
    rig: Rig, coturn: Coturn, callee: BrowserAgent, clip: Path, transport: str
) -> None:
    async with new_client(rig, [turn(rig, TRANSPORTS[transport], credential="guess")]) as client:
        warned = warnings_of(client)
        await talk(client, callee, clip)
    assert [warning.stage for warning in warned] == ["ice"]
    assert "401: the username or the credential is wrong" in warned[0].text
    assert "guess" not in warned[0].text
    assert "relay" not in offered(callee)


async def test_relay_only_with_a_wrong_password_fails_and_says_why(
    rig: Rig, coturn: Coturn, callee: BrowserAgent
) -> None:
    async with new_client(rig, [turn(rig, TRANSPORTS["udp"], credential="guess")], "relay") as client:
        call = await client.connect_and_call()
        with pytest.raises(c2c.CallFailed) as caught:
            await call.wait_answered()
    assert caught.value.stage == "ice"
    assert caught.value.hint is not None
    for part in ("relay", "401", f"turn:127.0.0.1:{TURN_PORT}"):
        assert part in caught.value.hint
    assert callee.received("INVITE") == []


async def test_servers_that_say_nothing_cost_no_more_than_the_budget(
    rig: Rig, callee: BrowserAgent, clip: Path
) -> None:
    with (
        socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams,
        socket.create_server(("127.0.0.1", 0)) as connections,
    ):
        datagrams.bind(("127.0.0.1", 0))
        udp, tcp = datagrams.getsockname()[1], connections.getsockname()[1]
        servers = [{"urls": f"stun:127.0.0.1:{udp}"}]
        servers += [
            turn(rig, f"turn:127.0.0.1:{udp}", f"turn:127.0.0.1:{tcp}?transport=tcp", f"turns:localhost:{tcp}"),
            turn(rig, "turn:no-such-host.invalid"),
        ]
        async with new_client(rig, servers) as client:
            warned = warnings_of(client)
            await talk(client, callee, clip)
    assert len(warned) == 5
    assert sum("no answer" in warning.text for warning in warned) == 4
    assert sum("not found" in warning.text for warning in warned) == 1


async def test_one_good_server_among_bad_ones_is_enough(
    rig: Rig, coturn: Coturn, callee: BrowserAgent, clip: Path
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        nobody = closed.getsockname()[1]
    servers = [
        turn(rig, f"turn:127.0.0.1:{nobody}?transport=tcp", f"turns:localhost:{nobody}"),
        turn(rig, TRANSPORTS["tcp"], credential="guess"),
        turn(rig, TRANSPORTS["tls"]),
    ]
    async with new_client(rig, servers, "relay") as client:
        warned = warnings_of(client)
        await talk(client, callee, clip)
    assert offered(callee) == ["relay"]
    assert sorted("401" in warning.text for warning in warned) == [False, False, True]


async def test_several_good_servers_are_all_offered(rig: Rig, coturn: Coturn, callee: BrowserAgent, clip: Path) -> None:
    urls = [TRANSPORTS[transport] for transport in ("udp", "tcp", "tls")]
    async with new_client(rig, [{"urls": f"stun:127.0.0.1:{TURN_PORT}"}, turn(rig, *urls)]) as client:
        warned = warnings_of(client)
        await talk(client, callee, clip)
    assert warned == []
    assert sorted(offered(callee)) == ["host", "relay", "relay", "relay"]


async def test_a_certificate_of_another_authority(rig: Rig, callee: BrowserAgent, tmp_path: Path) -> None:
    with Coturn(tmp_path, make_identity(tmp_path)):
        async with new_client(rig, [turn(rig, TRANSPORTS["tls"])], "relay") as client:
            warned = warnings_of(client)
            call = await client.connect_and_call()
            with pytest.raises(c2c.CallFailed):
                await call.wait_answered()
    [warning] = warned
    assert "certificate" in warning.text


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
async def test_allocation_and_nonce_are_renewed_in_a_call(
    rig: Rig, tmp_path: Path, callee: BrowserAgent, clip: Path, transport: str
) -> None:
    """Allocations live four seconds and nonces five; the sound goes on."""
    with Coturn(tmp_path, rig.identity, "max-allocate-lifetime=4", "stale-nonce=5") as coturn:
        async with (
            new_client(rig, [turn(rig, TRANSPORTS[transport])], "relay") as client,
            trio.open_nursery() as nursery,
        ):
            warned = warnings_of(client)
            call = await client.connect_and_call()
            await call.wait_answered()
            nursery.start_soon(speak, call, clip)
            await heard(call, CALLEE_HZ)
            await trio.sleep(12)
            await heard(call, CALLEE_HZ)
            await run_sync(callee.wait_for_tone, C2C_HZ)
            await client.end_call()
        log = coturn.log(lines=10_000)
    assert warned == []
    lifetimes = re.findall(r"refreshed, realm=.* lifetime=(\d+)", log)
    assert len(lifetimes) >= 3
    assert "error 438: Stale nonce" in log
    assert "incoming packet CHANNEL_BIND processed, success" in log


async def test_an_allocation_is_given_back_though_the_nonce_is_stale(
    rig: Rig, tmp_path: Path, callee: BrowserAgent
) -> None:
    with Coturn(tmp_path, rig.identity, "stale-nonce=2") as coturn:
        async with new_client(rig, [turn(rig, TRANSPORTS["udp"])], "relay") as client:
            call = await client.connect_and_call()
            await call.wait_answered()
            await heard(call, CALLEE_HZ)
            await trio.sleep(4)
            await client.end_call()
        log = coturn.log(lines=10_000)
    assert "error 438: Stale nonce" in log
    assert re.search(r"refreshed, realm=.* lifetime=0", log)
