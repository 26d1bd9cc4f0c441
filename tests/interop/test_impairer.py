"""The impairer between real namespaces: probes of known number, and what it says it did with them."""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import sys
from ipaddress import ip_interface
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from .impairer import GilbertElliott, Impairer, ImpairerError, Impairment
from .impairer.direction import Direction
from .peer import wait_until
from .probes import BATCH, SIZE, Probes

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .impairer import Link

SEED = "tests"


@pytest.fixture(scope="module")
def _impairer() -> Iterator[Impairer]:
    with Impairer(seed="no test looks at what this one loses", links=2) as running:
        yield running


@pytest.fixture
def impairer(_impairer: Impairer) -> Iterator[Impairer]:
    """One for all tests that need no generator in a known state."""
    yield _impairer
    for link in _impairer.links:
        link.up()
        link.reset()


@pytest.fixture
def probes(impairer: Impairer) -> Iterator[Probes]:
    with _to_far(impairer) as opened:
        yield opened


def _to_far(impairer: Impairer) -> Probes:
    return Probes(impairer.near, impairer.far, impairer.link.far_address, impairer.link.to_far)


def _to_near(impairer: Impairer) -> Probes:
    return Probes(impairer.far, impairer.near, impairer.link.near_address, impairer.link.to_near)


def foretold(direction: str, settings: Impairment, count: int) -> list[int]:
    """The order in which the decision core, with the seed of these tests, lets probes out that follow each other."""
    core = Direction(f"{SEED}/link0/{direction}", settings)
    order: list[int] = []
    for number in range(count):
        core.offer(number.to_bytes(SIZE, "big"), number * 1e-6)
        order += [int.from_bytes(one.packet, "big") for one in core.take(number * 1e-6)]
    return order + [int.from_bytes(one.packet, "big") for one in core.take(1000.0)]


@pytest.mark.parametrize("version", [4, 6])
def test_each_direction_loses_what_its_seed_says(version: int) -> None:
    there, back = Impairment(loss=0.2), Impairment(loss=0.05, burst=GilbertElliott.of(0.1, 4))
    with Impairer(seed=SEED) as impairer:
        link = impairer.link
        link.to_far.set(loss=there.loss)
        link.to_near.set(loss=back.loss, burst=back.burst)
        far, near = (link.far_address, link.near_address) if version == 4 else (link.far_address6, link.near_address6)
        for probes, name, settings in (
            (Probes(impairer.near, impairer.far, far, link.to_far), "to_far", there),
            (Probes(impairer.far, impairer.near, near, link.to_near), "to_near", back),
        ):
            with probes:
                arrived = probes.crossing(500)
            assert arrived == foretold(name, settings, 500)
            counts = probes.through.statistics()
            assert counts["lost"] + counts["lost_in_bursts"] == 500 - len(arrived)
        assert (counts["lost"] > 0, counts["lost_in_bursts"] > 0) == (True, True)


def test_loss_may_change_while_it_runs() -> None:
    with Impairer("loss=100%", seed=SEED) as impairer, _to_far(impairer) as probes:
        assert probes.crossing(20) == []
        impairer.link.set(loss=0)
        assert probes.crossing(20) == list(range(20))


def test_held_packets_are_overtaken_as_the_seed_says() -> None:
    settings = Impairment(reorder=0.25, reorder_gap=3, reorder_wait=60)
    with Impairer(seed=SEED) as impairer, _to_far(impairer) as probes:
        impairer.link.to_far.set(reorder=0.25, reorder_gap=3, reorder_wait=60)
        expected = foretold("to_far", settings, BATCH)
        probes.send(*range(BATCH))
        still_held = impairer.link.to_far.statistics()["in_flight"]
        arrived = probes.receive(BATCH - still_held)
        assert arrived == expected[: len(arrived)]
        assert arrived != sorted(arrived)
        assert still_held < 12


def test_a_later_packet_with_a_shorter_delay(probes: Probes) -> None:
    probes.through.set(delay=2, keep_order=False)
    probes.send(1)
    probes.through.set(delay=0)
    probes.send(2)
    assert probes.receive(2) == [2, 1]


def test_a_later_packet_waits_where_order_is_kept(probes: Probes) -> None:
    probes.through.set(delay=0.5)
    probes.send(1)
    probes.through.set(delay=0)
    probes.send(2)
    assert probes.receive(2) == [1, 2]


@pytest.mark.parametrize("keep_order", [True, False])
def test_jitter(probes: Probes, keep_order: bool) -> None:
    probes.through.set(delay=0.2, jitter=0.2, keep_order=keep_order)
    arrived = probes.crossing(BATCH)
    assert sorted(arrived) == list(range(BATCH))
    assert (arrived == list(range(BATCH))) == keep_order


def test_the_rate_with_its_bounded_queue(probes: Probes) -> None:
    before = probes.through.statistics()
    probes.through.set(rate=1000, queue=10 * SIZE, delay=0)  # one packet in 0.8 s
    probes.send(*range(30))
    probes.through.set(rate=None)
    arrived = probes.settled()
    after = probes.through.statistics()
    dropped = after["queue_full"] - before["queue_full"]
    assert (len(arrived), dropped) == (30 - dropped, dropped)
    # on a busy machine packets leave while others come
    assert arrived[:10] == list(range(10))
    assert len(arrived) in range(10, 14)
    assert after["delivered_bytes"] - before["delivered_bytes"] == len(arrived) * SIZE


def test_the_rate_changes_while_packets_wait(probes: Probes) -> None:
    probes.through.set(rate=1000)
    probes.send(*range(20))
    probes.through.set(rate=1e6)
    assert probes.settled() == list(range(20))


def test_down_is_silence_and_up_is_as_before(probes: Probes, impairer: Impairer) -> None:
    link = impairer.link
    before = link.to_far.statistics()["cut"]
    link.to_far.set(delay=30)
    probes.send(1, 2, 3)
    link.down()
    probes.send(4, 5)
    assert link.to_far.statistics()["cut"] - before == 5
    link.up()
    link.to_far.set(delay=0)
    assert probes.crossing(10) == list(range(10))


def test_one_direction_down(impairer: Impairer, probes: Probes) -> None:
    with _to_near(impairer) as back:
        impairer.link.to_near.down()
        assert probes.crossing(5) == list(range(5))
        assert back.crossing(5) == []
        impairer.link.to_near.up()
        assert back.crossing(5) == list(range(5))


def test_a_device_that_is_down() -> None:
    """The far end's interface goes: packets arrive nowhere. The near end's goes: there is no way to send them."""
    with Impairer() as impairer, _to_far(impairer) as probes:
        name = impairer.link.name
        impairer.far.set_device(name, up=False)
        probes.send(1, 2, 3)
        assert probes.through.statistics()["undelivered"] == 3
        impairer.far.set_device(name, up=True)
        assert probes.crossing(5) == list(range(5))
        impairer.near.set_device(name, up=False)
        with pytest.raises(OSError, match="unreachable"):
            probes.send(1)
        impairer.near.set_device(name, up=True)
        assert probes.crossing(5) == list(range(5))


def test_addresses_come_and_go() -> None:
    with Impairer() as impairer:
        link, near = impairer.link, impairer.near
        near.add_address("10.99.0.1/24", link.name)
        near.add_address("fd99::1/64", link.name)
        assert {"10.77.0.1/24", "10.99.0.1/24", "fd77::1/64", "fd99::1/64"} == set(near.addresses(link.name))
        impairer.far.set_route("10.99.0.0/24", link.name)
        with Probes(impairer.far, near, "10.99.0.1", link.to_near) as probes:
            assert probes.crossing(5) == list(range(5))
        near.remove_address("10.99.0.1/24", link.name)
        near.remove_address("fd99::1/64", link.name)
        assert set(near.addresses(link.name)) == {"10.77.0.1/24", "fd77::1/64"}
        with pytest.raises(RuntimeError, match="ip address delete"):
            near.remove_address("10.99.0.1/24", link.name)


def test_an_address_moves_to_another_device() -> None:
    """The same sockets go on, through the other link, both ways."""
    with Impairer(links=2) as impairer:
        first, second = impairer.links
        with impairer.far.entered():
            echo = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        echo.bind((first.far_address, 0))
        with impairer.near.entered():
            talker = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        talker.connect(echo.getsockname())
        assert _echoed(talker, echo) == first.near_address
        impairer.move_near_address(first, second)
        assert _echoed(talker, echo) == first.near_address
        assert [_delivered(first), _delivered(second)] == [(1, 1), (1, 1)]
        assert [address for address in impairer.near.addresses(first.name) if "." in address] == []
        echo.close()
        talker.close()


def _echoed(talker: socket.socket, echo: socket.socket) -> str:
    """Sends there and back; returns the address that the far end saw."""
    for one in (talker, echo):
        one.settimeout(20)
    talker.send(b"there")
    data, address = echo.recvfrom(100)
    echo.sendto(data + b" and back", address)
    assert talker.recv(100) == b"there and back"
    return str(address[0])


def _delivered(link: Link) -> tuple[int, int]:
    counts = link.statistics()
    return counts["to_far"]["delivered"], counts["to_near"]["delivered"]


def test_tcp_survives_all_of_it() -> None:
    with Impairer("loss=5%", "delay=10ms", "jitter=5ms", "reorder=10%", "rate=5M", seed=SEED) as impairer:
        link = impairer.link
        with impairer.far.entered():
            server = socket.create_server((link.far_address, 0))
        with impairer.near.entered():
            talker = socket.create_connection(server.getsockname(), timeout=60)
        listener, _ = server.accept()
        with server, talker, listener, listener.makefile("rb") as heard:
            talker.sendall(b"x" * 100_000)
            talker.shutdown(socket.SHUT_WR)
            assert len(heard.read()) == 100_000
        counts = link.statistics()
        assert counts["to_far"]["lost"] + counts["to_near"]["lost"] > 0


def test_what_is_refused_changes_nothing(impairer: Impairer, probes: Probes) -> None:
    for line in ("set loss=2", "set colour=red", "fall over", "down link7", "set", "reset now"):
        with pytest.raises(ImpairerError):
            impairer.ask(line)
    assert probes.crossing(10) == list(range(10))


def test_settings_that_are_refused_at_the_start() -> None:
    with pytest.raises(ImpairerError, match="ended"), Impairer("loss=2"):
        pass


def test_nothing_is_left() -> None:
    with Impairer() as impairer:
        process = impairer._process.pid
        with impairer.far.entered():
            inside = Path("/proc/thread-self/ns/net").readlink()
        assert Path("/proc/thread-self/ns/net").readlink() != inside
        assert inside in _namespaces_in_use()
    assert not Path(f"/proc/{process}").exists()
    assert inside not in _namespaces_in_use()


def test_it_ends_when_its_owner_is_killed() -> None:
    code = (
        "import time; from interop.impairer import Impairer\n"
        "with Impairer() as i: print(i._process.pid, flush=True); time.sleep(60)"
    )
    command = [sys.executable, "-c", code]
    environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment) as owner:
        assert owner.stdout is not None
        process = int(owner.stdout.readline())
        assert Path(f"/proc/{process}").exists()
        owner.send_signal(signal.SIGKILL)
        wait_until(_is_over(process), "the impairer to end")


def _is_over(process: int) -> Callable[[], bool]:
    def is_over() -> bool:
        status = Path(f"/proc/{process}/stat")
        # without a parent, and in a process namespace whose first process does not reap, it stays as a zombie
        return not status.exists() or status.read_text().rpartition(")")[2].split()[0] == "Z"

    return is_over


def _namespaces_in_use() -> set[Path]:
    """Those of processes, and those that descriptors hold."""
    found: set[Path] = set()
    for pattern in ("[0-9]*/ns/net", "[0-9]*/fd/*"):
        for path in Path("/proc").glob(pattern):
            try:
                target = path.readlink()
            except OSError:
                continue
            if str(target).startswith("net:"):
                found.add(target)
    return found


def test_the_command_for_people() -> None:
    command = [sys.executable, "-m", "tests.interop.impairer", "--links", "2", "--seconds", "60", "loss=5%"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=Path(__file__).parents[2]
    ) as people:
        assert people.stdin is not None
        assert people.stdout is not None
        near, far, _ = (people.stdout.readline() for _ in range(3))
        enter = near.removeprefix("near: ").split(" link0 ")[0].split(";")[0].split()[:2]
        shown: list[dict[str, Any]] = _json([*enter, "ip", "-json", "address", "show", "dev", "link1"])
        local = [f"{one['local']}/{one['prefixlen']}" for one in shown[0]["addr_info"]]
        assert ip_interface("10.77.1.1/24") in map(ip_interface, local)
        assert "10.77.1.2/24" in far
        people.stdin.write("set link0 to_far delay=50ms\nset speed=1\nquit\n")
        people.stdin.close()
        answers = people.stdout.read().splitlines()
    assert answers[0] == "ok"
    assert answers[1].startswith("error: no setting 'speed=1'")
    assert people.returncode == 0


def _json(command: list[str]) -> Any:
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True, timeout=20).stdout)


def test_statistics_name_every_packet(impairer: Impairer, probes: Probes) -> None:
    probes.through.set(loss=0.3, delay=0.01)
    probes.crossing(100)
    for counts in (impairer.link.to_far.statistics(), impairer.link.to_near.statistics()):
        dropped = sum(counts[name] for name in ("lost", "lost_in_bursts", "queue_full", "overflowed", "cut"))
        assert counts["offered"] == counts["delivered"] + counts["undelivered"] + dropped + counts["in_flight"]
