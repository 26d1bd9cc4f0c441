"""The command `c2c` with peers that are not ours: a browser calls `c2c gateway`, `c2c doctor` asks coturn."""

from __future__ import annotations

import dataclasses
import functools
import http.server
import json
import ssl
import subprocess
import sys
import threading
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from .browser import BrowserAgent, bundle
from .chromium import Chromium
from .coturn import Coturn
from .identity import TURN_PORT, TURN_TLS_PORT, TURN_USERNAME, key_hash, make_identity
from .peer import Peer, wait_until

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

GATEWAY_HZ = 440.0
BROWSER_HZ = 880.0


class GatewayCommand(Peer):
    """`c2c gateway --json`, whose lines are its log."""

    name = "c2c-gateway"

    def __init__(self, directory: Path, *steps: str) -> None:
        super().__init__(directory)
        self.ca_file = directory / "gateway-ca.pem"
        self._steps = steps

    def command(self) -> Sequence[str]:
        steps = [part for step in self._steps for part in ("--step", step)]
        return [sys.executable, "-m", "c2c", "gateway", "--json", "--ca-out", str(self.ca_file), *steps]

    def ready(self) -> bool:
        return bool(self.lines())

    def lines(self, event: str | None = None) -> list[dict[str, Any]]:
        """What it told so far."""
        whole = [line for line in self.log_file.read_text().splitlines(keepends=True) if line.endswith("}\n")]
        told = [json.loads(line) for line in whole]
        return [line for line in told if event in {None, line["event"]}]

    @property
    def endpoint_url(self) -> str:
        url: str = self.lines("listening")[0]["endpoint_url"]
        return url


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayCommand]:
    with GatewayCommand(
        tmp_path, "ring=0.2", "play=tone:440:4", "transcription=Hi", "await-info", "echo=60"
    ) as running:
        yield running


@pytest.fixture
def page(tmp_path: Path) -> Iterator[str]:
    """Where the browser's page is, over plain HTTP."""
    bundle(tmp_path)
    handler = functools.partial(http.server.SimpleHTTPRequestHandler, directory=str(tmp_path))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}/page.html"
        server.shutdown()
        thread.join()


@pytest.fixture
def chromium(tmp_path: Path, gateway: GatewayCommand) -> Iterator[Chromium]:
    """A browser that trusts the gateway's certificate."""
    port = int(gateway.endpoint_url.split(":")[2].split("/")[0])
    certificate = ssl.get_server_certificate(("127.0.0.1", port), ca_certs=str(gateway.ca_file))
    identity = dataclasses.replace(make_identity(tmp_path), key_hash=key_hash(certificate.encode()))
    with Chromium(tmp_path, identity) as running:
        yield running


def test_a_browser_calls_c2c_gateway_and_talks_to_it(gateway: GatewayCommand, chromium: Chromium, page: str) -> None:
    realm = "realm-gateway.example"
    agent = BrowserAgent(chromium, page, "browser", realm)
    settings = agent.fetch_json(f"{gateway.endpoint_url}?userId=browser")["endpointSettings"]["sipConnectivityInfo"]
    assert settings["realm"] == realm
    credentials = {"authorization_user": settings["username"], "password": settings["password"]}
    agent.start(settings["wsUri"], make_identity(gateway.directory), **credentials)
    agent.wait_until_registered()
    agent.set_tone(BROWSER_HZ)
    agent.call(f"app-{settings['applicationSid']}")
    agent.wait_for_phase("confirmed")

    assert agent.wait_for_tone(GATEWAY_HZ).rms == pytest.approx(0.1, rel=0.2)
    assert json.loads(agent.wait_for_info()["body"])["_transcription"]["messages"] == [{"text": "Hi"}]
    agent.send_info('{"text":"hello","data":{}}')
    # from now on the agent says back what it hears
    assert agent.wait_for_tone(BROWSER_HZ).rms == pytest.approx(0.177, rel=0.2)
    statistics = agent.statistics()
    assert statistics is not None
    assert statistics["inbound"]["codec"] == "audio/opus"
    assert statistics["transport"]["dtlsState"] == "connected"

    agent.hang_up()
    wait_until(lambda: bool(gateway.lines("callEnded")), "the call's end at the gateway", 30)
    (ended,) = gateway.lines("callEnded")
    assert (ended["by"], ended["how"]) == ("remote", "BYE")
    assert ended["heard_level"] == pytest.approx(-15, abs=3)
    assert gateway.lines("info")[0]["body"] == '{"text":"hello","data":{}}'
    agent.stop()
    wait_until(lambda: gateway.lines("registration")[-1]["expires"] == 0, "the un-REGISTER", 30)
    assert gateway.lines("configRequest")[0]["user_id"] == "browser"


@pytest.mark.parametrize("transport", ["udp", "tcp", "tls"])
def test_the_doctor_asks_coturn(gateway: GatewayCommand, tmp_path: Path, transport: str) -> None:
    identity = make_identity(tmp_path)
    both = tmp_path / "both.pem"
    both.write_text(identity.ca_pem + gateway.ca_file.read_text())
    account = f"{TURN_USERNAME}:{quote(identity.password)}"
    urls = {
        "udp": f"turn:{account}@127.0.0.1:{TURN_PORT}",
        "tcp": f"turn:{account}@127.0.0.1:{TURN_PORT}?transport=tcp",
        "tls": f"turns:{account}@localhost:{TURN_TLS_PORT}",
    }
    servers = ["--ice-server", f"stun:127.0.0.1:{TURN_PORT}", "--ice-server", urls[transport]]
    command = [sys.executable, "-m", "c2c", "doctor", gateway.endpoint_url, "--ca", str(both), "--json", *servers]
    with Coturn(tmp_path, identity):
        done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    assert identity.password not in done.stdout + done.stderr
    found = {line["stage"]: line for line in map(json.loads, done.stdout.splitlines()) if line["event"] == "check"}
    assert {stage: line["status"] for stage, line in found.items()} == dict.fromkeys(found, "ok")
    assert f"({transport})" in found["turn"]["detail"]
