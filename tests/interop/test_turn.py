"""TURN and STUN against coturn: a call's gatherer with real sockets, by way of an example of the engine's crate."""

from __future__ import annotations

import json
import os
import re
import socket
import subprocess
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .coturn import Coturn
from .identity import TURN_PORT, TURN_TLS_PORT, TURN_USERNAME, make_identity
from .nat import Nat

if TYPE_CHECKING:
    from collections.abc import Iterator

    from .identity import Identity

ROOT = Path(__file__).parents[2]
TRANSPORTS = {
    "udp": f"turn:127.0.0.1:{TURN_PORT}",
    "tcp": f"turn:127.0.0.1:{TURN_PORT}?transport=tcp",
    "tls": f"turns:localhost:{TURN_TLS_PORT}",
}


@pytest.fixture(scope="module")
def probe() -> Path:
    """The example, built if it is not."""
    build = ["cargo", "build", "--release", "--offline", "--quiet", "--example", "turn_probe"]
    result = subprocess.run([*build, "--message-format=json"], cwd=ROOT, check=True, capture_output=True, text=True)
    messages = [json.loads(line) for line in result.stdout.splitlines()]
    executables = [message["executable"] for message in messages if message.get("executable")]
    return Path(executables[-1])


@pytest.fixture(scope="module")
def identity(tmp_path_factory: pytest.TempPathFactory) -> Identity:
    return make_identity(tmp_path_factory.mktemp("turn"))


@pytest.fixture
def coturn(tmp_path: Path, identity: Identity) -> Iterator[Coturn]:
    """Allocations live four seconds and nonces five, so that both run out in a test."""
    with Coturn(tmp_path, identity, "max-allocate-lifetime=4", "stale-nonce=5") as running:
        yield running


def run(probe: Path, identity: Identity, url: str, *arguments: str, password: str = "") -> dict[str, list[Any]]:
    """Runs the probe and returns what it printed, by event."""
    command = [str(probe), "--url", url, "--username", TURN_USERNAME, "--ca", str(identity.ca_file), *arguments]
    environment = os.environ | {"TURN_CREDENTIAL": password or identity.password}
    result = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=90, check=False)
    assert result.returncode == 0, result.stdout + result.stderr
    assert identity.password not in result.stdout + result.stderr
    events: dict[str, list[Any]] = {}
    for line in result.stdout.splitlines():
        event = json.loads(line)
        events.setdefault(event.pop("event"), []).append(event)
    return events


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_relays_refreshes_and_gives_back(probe: Path, identity: Identity, coturn: Coturn, transport: str) -> None:
    events = run(probe, identity, TRANSPORTS[transport], "--seconds", "13")
    assert [re.sub(r"\b\d{5}\b", "PORT", event["line"]) for event in events["candidate"]] == [
        f"r0 1 udp {({'udp': 2, 'tcp': 1, 'tls': 0}[transport] << 24) + (65535 << 8) + 255} "
        "127.0.0.1 PORT typ relay raddr 0.0.0.0 rport 9"
    ]
    assert "warning" not in events
    assert "lost" not in events
    [relayed] = events["relayed"]
    assert relayed["sent"] > 50
    # Over UDP a datagram of the busy machine's may be lost, on the way there or back.
    assert relayed["echoed"] >= relayed["sent"] * 0.98
    log = coturn.log(lines=10_000)
    for done in ("ALLOCATE", "CREATE_PERMISSION", "CHANNEL_BIND"):
        assert log.count(f"incoming packet {done} processed, success") == 1
    lifetimes = re.findall(r"refreshed, realm=.* lifetime=(\d+)", log)
    assert len(lifetimes) >= 3
    assert lifetimes.index("0") == len(lifetimes) - 1, "given back at the end"
    assert "error 438: Stale nonce" in log


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_a_wrong_password_is_told_at_once(probe: Path, identity: Identity, coturn: Coturn, transport: str) -> None:
    events = run(probe, identity, TRANSPORTS[transport], password="guess")
    [warning] = events["warning"]
    assert "401: the username or the credential is wrong" in warning["text"]
    assert "candidate" not in events


def test_a_reflexive_candidate_only_behind_a_nat(probe: Path, identity: Identity, coturn: Coturn) -> None:
    events = run(probe, identity, f"stun:127.0.0.1:{TURN_PORT}")
    assert set(events) == {"complete", "closed"}
    with Nat(TURN_PORT) as nat:
        events = run(probe, identity, f"stun:localhost:{nat.port}")
    [candidate] = events["candidate"]
    assert f"127.0.0.1 {nat.seen_port} typ srflx raddr 127.0.0.1 rport" in candidate["line"]


def test_a_full_quota_is_told(probe: Path, identity: Identity, tmp_path: Path) -> None:
    with Coturn(tmp_path, identity, "user-quota=1"):
        holder = subprocess.Popen(
            [str(probe), "--url", TRANSPORTS["udp"], "--username", TURN_USERNAME, "--seconds", "30"],
            env=os.environ | {"TURN_CREDENTIAL": identity.password},
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert holder.stdout is not None
            assert "candidate" in holder.stdout.readline()
            events = run(probe, identity, TRANSPORTS["udp"])
        finally:
            holder.kill()
            holder.wait()
            assert holder.stdout is not None
            holder.stdout.close()
    [warning] = events["warning"]
    assert "486" in warning["text"]
    assert "too many allocations" in warning["text"]


def test_a_peer_that_the_server_forbids(probe: Path, identity: Identity, tmp_path: Path) -> None:
    with Coturn(tmp_path, identity, "denied-peer-ip=127.0.0.2"):
        events = run(probe, identity, TRANSPORTS["udp"], "--peer", "127.0.0.2")
    [warning] = events["warning"]
    assert "403" in warning["text"]
    [relayed] = events["relayed"]
    assert (relayed["seen_by_peer"], relayed["echoed"]) == (0, 0)


@pytest.mark.parametrize("transport", TRANSPORTS)
def test_nobody_there(probe: Path, identity: Identity, transport: str) -> None:
    events = run(probe, identity, TRANSPORTS[transport])
    [warning] = events["warning"]
    assert "candidate" not in events
    expected = {"udp": "no answer", "tcp": "the connection failed", "tls": "the connection failed"}
    assert expected[transport] in warning["text"]


def test_a_certificate_of_another_authority(probe: Path, identity: Identity, coturn: Coturn, tmp_path: Path) -> None:
    other = tmp_path / "other"
    other.mkdir()
    events = run(probe, identity, TRANSPORTS["tls"], "--ca", str(make_identity(other).ca_file))
    [warning] = events["warning"]
    assert "certificate" in warning["text"]


def test_a_server_that_takes_connections_and_says_nothing(probe: Path, identity: Identity) -> None:
    with socket.create_server(("127.0.0.1", TURN_PORT)):
        events = run(probe, identity, TRANSPORTS["tcp"])
    [warning] = events["warning"]
    assert "no answer" in warning["text"]


def test_a_server_of_another_protocol(probe: Path, identity: Identity) -> None:
    with socket.create_server(("127.0.0.1", TURN_PORT)) as server:
        child = os.fork()
        if child == 0:
            connection, _ = server.accept()
            connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
            connection.recv(10_000)
            os._exit(0)
        events = run(probe, identity, TRANSPORTS["tcp"])
        os.waitpid(child, 0)
    [warning] = events["warning"]
    assert "something other than TURN" in warning["text"]
