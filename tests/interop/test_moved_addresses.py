"""Calls whose caller gets another address on another device, or whose far side moves: ICE restarts with real peers."""

from __future__ import annotations

import re
import socket
import subprocess
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import pytest

from .conftest import CALLER_HZ, caller_of, running_near
from .coturn import Coturn
from .identity import FAR_ADDRESS, TURN_PORT, TURN_USERNAME
from .impairer import Impairer
from .peer import program, wait_until
from .rig import CALLEE, Rig
from .roaming import Roaming

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from .browser import BrowserAgent
    from .caller import CallerProcess
    from .impairer import Namespace

CALLEE_HZ = 440.0
ETH_P_ALL = 3


@pytest.fixture(scope="module")
def impairer() -> Iterator[Impairer]:
    with Impairer(seed="moved addresses", links=2) as running:
        Roaming(running).settle()
        yield running


@pytest.fixture
def roaming(impairer: Impairer) -> Roaming:
    roaming = Roaming(impairer)
    roaming.settle()
    for link in impairer.links:
        link.reset()
    return roaming


@pytest.fixture
def callee(roaming: Roaming, far_rig: Rig) -> Iterator[BrowserAgent]:
    del roaming
    agent = far_rig.browser_agent(CALLEE)
    agent.wait_until_registered()
    yield agent
    far_rig.close(agent)


class Hellos:
    """Counts the ClientHellos of DTLS (RFC 6347 §4.2.1) that pass a near device, in either direction."""

    def __init__(self, near: Namespace) -> None:
        with near.entered():
            self._socket = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, socket.htons(ETH_P_ALL))
        self._socket.setblocking(False)
        self._found = 0

    def count(self) -> int:
        with suppress(BlockingIOError):
            while True:
                self._found += is_client_hello(self._socket.recv(65_536))
        return self._found

    def close(self) -> None:
        self._socket.close()


def is_client_hello(packet: bytes) -> bool:
    """Whether an IPv4 packet is UDP that begins with a handshake record in the clear, and that with a ClientHello."""
    record = packet[(packet[0] & 15) * 4 + 8 :]
    return (
        packet[0] >> 4 == 4 and packet[9] == socket.IPPROTO_UDP and record[:1] == b"\x16" and record[13:14] == b"\x01"
    )


@pytest.fixture
def hellos(roaming: Roaming) -> Iterator[Hellos]:
    counting = Hellos(roaming.impairer.near)
    yield counting
    counting.close()


@contextmanager
def no_datagrams(near: Namespace) -> Iterator[None]:
    """Only TCP gets through."""
    rules = [["INPUT", "--protocol", "udp", "--jump", "DROP"], ["OUTPUT", "--protocol", "udp", "--jump", "DROP"]]
    with near.entered():
        for rule in rules:
            subprocess.run([program("iptables", "iptables"), "--append", *rule], check=True, timeout=10)
    try:
        yield
    finally:
        with near.entered():
            for rule in rules:
                subprocess.run([program("iptables", "iptables"), "--delete", *rule], check=True, timeout=10)


def assert_heard_both_ways(caller: CallerProcess, callee: BrowserAgent) -> None:
    callee.wait_for_tone(CALLER_HZ)
    caller.wait_for_tone(CALLEE_HZ)


def assert_signalling_works(caller: CallerProcess, callee: BrowserAgent) -> None:
    caller.ask("info", "from elsewhere")
    assert '"from elsewhere"' in callee.wait_for_info()["body"]
    callee.hang_up()
    assert caller.wait_for("over")["originator"] == "remote"


@pytest.mark.parametrize("is_said", [True, False], ids=["said", "noticed"])
def test_the_address_moves_in_a_call_with_a_browser(
    roaming: Roaming, far_rig: Rig, callee: BrowserAgent, hellos: Hellos, tmp_path: Path, is_said: bool
) -> None:
    caller = caller_of(far_rig, tmp_path)
    with running_near(roaming.impairer, caller):
        caller.wait_for("media")
        assert_heard_both_ways(caller, callee)
        assert hellos.count() >= 1
        before = hellos.count()
        roaming.move()
        if is_said:
            caller.ask("network_changed")
        caller.wait_for("reconnected")
        assert_heard_both_ways(caller, callee)
        assert caller.ask("stats", "ice_restarts") == [1]
        assert hellos.count() == before, "the keys stay"
        assert_signalling_works(caller, callee)
    assert len(callee.received("INVITE")) == 2


def test_the_address_moves_in_a_call_through_rtpengine(
    roaming: Roaming, far_rig: Rig, hellos: Hellos, tmp_path: Path
) -> None:
    far_side = far_rig.rtp_peer
    sipp = far_rig.sipp("answer")
    with roaming.impairer.far.entered():
        sipp.start()
    caller = caller_of(far_rig, tmp_path, "plain")
    try:
        with running_near(roaming.impairer, caller):
            caller.wait_for("media")
            far_side.wait_for_tone(CALLER_HZ)
            before = hellos.count()
            roaming.move()
            caller.wait_for("reconnected")
            far_side.forget_sound()
            far_side.wait_for_tone(CALLER_HZ)
            caller.wait_for_tone(far_side.hz)
            assert caller.ask("stats", "ice_restarts") == [1]
            assert hellos.count() == before, "the keys stay"
            caller.ask("end")
            sipp.wait_for("BYE sip:")
    finally:
        sipp.stop()


def test_the_same_address_on_another_device_needs_nothing(
    roaming: Roaming, far_rig: Rig, callee: BrowserAgent, tmp_path: Path
) -> None:
    caller = caller_of(far_rig, tmp_path)
    with running_near(roaming.impairer, caller):
        caller.wait_for("media")
        assert_heard_both_ways(caller, callee)
        roaming.change_device()
        assert_heard_both_ways(caller, callee)
        assert_signalling_works(caller, callee)
    delivered = roaming.links[1].statistics()
    assert all(delivered[way]["delivered"] for way in delivered)


def test_the_browser_restarts_ice(
    roaming: Roaming, far_rig: Rig, callee: BrowserAgent, hellos: Hellos, tmp_path: Path
) -> None:
    caller = caller_of(far_rig, tmp_path)
    with running_near(roaming.impairer, caller):
        caller.wait_for("media")
        assert_heard_both_ways(caller, callee)
        before = hellos.count()
        callee.restart_ice()
        wait_until(lambda: caller.ask("stats", "ice_restarts") == [1], "the other path")
        assert_heard_both_ways(caller, callee)
        assert hellos.count() == before, "the keys stay"
        assert_signalling_works(caller, callee)


def test_a_path_that_is_lost_alone_is_found_again(
    roaming: Roaming, far_rig: Rig, callee: BrowserAgent, tmp_path: Path
) -> None:
    """Consent checks (RFC 7675) fail while the WebSocket stands: ICE is restarted, and ends when the path is back."""
    caller = caller_of(far_rig, tmp_path)
    with running_near(roaming.impairer, caller):
        caller.wait_for("media")
        assert_heard_both_ways(caller, callee)
        with no_datagrams(roaming.impairer.near):
            wait_until(lambda: len(callee.received("INVITE")) == 2, "the re-INVITE", 40)
        assert_heard_both_ways(caller, callee)
        assert "reconnecting" not in caller.names()
        assert_signalling_works(caller, callee)


def test_nothing_but_turn_on_a_bad_line_from_either_address(
    roaming: Roaming, far_rig: Rig, callee: BrowserAgent, tmp_path: Path
) -> None:
    """Each address gets an allocation of its own; the first one is given back or expires."""
    coturn = Coturn(far_rig.directory, far_rig.identity, address=FAR_ADDRESS)
    server = {
        "urls": f"turn:{FAR_ADDRESS}:{TURN_PORT}",
        "username": TURN_USERNAME,
        "credential": far_rig.identity.password,
    }
    relay_only = {"iceServers": [server], "iceTransportPolicy": "relay"}
    caller = caller_of(far_rig, tmp_path, pc_config=relay_only)
    with roaming.impairer.far.entered():
        coturn.start()
    try:
        for link in roaming.links:
            link.set(delay=0.02, loss=0.05)
        with running_near(roaming.impairer, caller):
            caller.wait_for("media")
            wait_until(lambda: callee.heard().is_near(CALLER_HZ), "the caller's tone")
            roaming.move()
            caller.wait_for("reconnected")
            wait_until(lambda: caller.ask("stats", "ice_restarts") == [1], "the other path")
            wait_until(lambda: callee.heard().is_near(CALLER_HZ), "the caller's tone from elsewhere")
            assert_signalling_works(caller, callee)
        # a lost answer is asked for again, and logged twice
        allocations = set(re.findall(r"session (\d+): .* ALLOCATE processed, success", coturn.log(lines=10_000)))
        assert len(allocations) == 2
        for invite in callee.received("INVITE"):
            assert set(re.findall(r"a=candidate:.* typ (\w+)", invite)) == {"relay"}
    finally:
        coturn.stop()
