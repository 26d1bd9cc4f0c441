"""How long a call's set-up takes over a link with a round trip of 100 ms: best, median and worst of ten.

    tests/interop/in_namespace python benches/bench_setup.py [--far gateway|kamailio] [--caller c2c|sdk] [--json]

The caller runs in one network namespace, the far side in another, and the user-space impairer (tests/interop/impairer)
between them delays every packet by half of the round trip. `gateway` is c2c.gateway; `kamailio` is Kamailio, rtpengine
and SIPp with the config endpoint of the interop tests. Each round is a new client: `connect()`, a call, `disconnect()`,
then `connect()` again. `beyond` is what the median has over the round trips that the goal allows. `--caller sdk`
measures the SDK's steps in Chromium instead, through Kamailio; its second connect() keeps the configuration.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

import c2c
from c2c import gateway

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from interop.impairer import Impairer  # noqa: E402 (the tests are no package)

if TYPE_CHECKING:
    from collections.abc import Iterator

    from interop.identity import Identity
    from interop.impairer import Namespace

LIMIT = 60.0
RINGING = 0.3
"""Seconds; the agent of c2c.gateway rings before it answers."""


@dataclass(frozen=True)
class Goal:
    """So many round trips and so many seconds more, at most."""

    title: str
    round_trips: int
    more: float


GOALS = {
    "connect": Goal("first connect()", 8, 0.020),
    "connect_again": Goal("connect() again, same client", 5, 0.020),
    "invite_sent": Goal("start_call() to INVITE", 0, 0.005),
    "ringing": Goal("INVITE to ringing", 1, 0.005),
    "first_packet_out": Goal("answered to first packet out", 2, 0.010),
}


@dataclass(frozen=True)
class FarSide:
    url: str
    ca_file: Path
    identity: Identity | None = None
    """Of Kamailio's rig."""


DETAILS = {
    "made": "start_call(), its call to its return",
    "ice": "answered to ICE connected",
    "dtls": "ICE connected to DTLS connected",
    "sound": "DTLS connected to packet out",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--far", choices=["gateway", "kamailio"], default="gateway")
    parser.add_argument("--caller", choices=["c2c", "sdk"], default="c2c", help="sdk goes through kamailio")
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--rtt", type=float, default=0.1, help="seconds")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--serve", metavar="ADDRESS", help=argparse.SUPPRESS)
    parser.add_argument("--call", nargs=2, metavar=("URL", "CA"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.serve:
        trio.run(serve_until_stdin_closes, options.serve)
    elif options.call:
        print(json.dumps(trio.run(all_rounds, options.call[0], options.call[1], options.rounds)))
    else:
        far = "kamailio" if options.caller == "sdk" else options.far
        figures = measure(far, options.caller, options.rounds, options.rtt)
        print(json.dumps(figures) if options.json else table(figures))


def measure(far: str, caller: str, rounds: int, round_trip: float) -> dict[str, Any]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        impairer = stack.enter_context(Impairer())
        with impairer.far.entered():
            start = start_gateway if far == "gateway" else start_kamailio
            side = start(stack, folder, impairer.link.far_address)
        impairer.link.set(delay=round_trip / 2)
        measured = measured_round_trip(impairer)
        raw = (rounds_of_sdk if caller == "sdk" else rounds_of_c2c)(impairer.near, side, rounds)
        late = [counts["late"] for counts in impairer.link.statistics().values()]
    return {
        "far": far,
        "caller": caller,
        "rounds": rounds,
        "round_trip": measured,
        "load": round(os.getloadavg()[0], 1),
        "line_late_ms": max(one["longest_ms"] for one in late),
        "figures": {
            name: summary(name, [one[name] for one in raw], measured) for name in [*GOALS, *DETAILS] if name in raw[0]
        },
    }


def rounds_of_c2c(near: Namespace, side: FarSide, rounds: int) -> list[dict[str, float]]:
    with near.entered():
        return run_self("--call", side.url, str(side.ca_file), "--rounds", str(rounds))


def rounds_of_sdk(near: Namespace, side: FarSide, rounds: int) -> list[dict[str, float]]:
    from sdk_in_chromium import all_rounds as all_rounds_of_sdk

    assert side.identity is not None
    return all_rounds_of_sdk(near, side.identity, side.url, rounds)


def summary(name: str, values: list[float], round_trip: float) -> dict[str, Any]:
    """Best (what a busy machine spares), median and worst in seconds; the median against the goal, if there is one."""
    found: dict[str, Any] = {"best": min(values), "median": statistics.median(values), "worst": max(values)}
    if goal := GOALS.get(name):
        beyond = found["median"] - goal.round_trips * round_trip
        found |= {"goal": asdict(goal), "beyond": beyond, "met": beyond <= goal.more}
    return found


def start_gateway(stack: ExitStack, folder: Path, address: str) -> FarSide:
    command = [sys.executable, __file__, "--serve", address]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    stack.enter_context(process)
    assert process.stdin is not None
    assert process.stdout is not None
    stack.callback(process.stdin.close)
    greeting = json.loads(process.stdout.readline())
    ca_file = folder / "ca.pem"
    ca_file.write_text(greeting["ca"])
    return FarSide(greeting["url"], ca_file)


async def serve_until_stdin_closes(address: str) -> None:
    agent = gateway.Agent(gateway.Ring(RINGING), gateway.Answer(), gateway.Play(gateway.tone(440, 30)))
    async with gateway.serve(agent, host=address) as far_side:
        assert far_side.tls is not None
        ca = far_side.tls.ca_pem
        assert isinstance(ca, bytes)
        print(json.dumps({"url": far_side.endpoint_url, "ca": ca.decode()}), flush=True)
        await trio.to_thread.run_sync(sys.stdin.read, abandon_on_cancel=True)


def start_kamailio(stack: ExitStack, folder: Path, address: str) -> FarSide:
    from interop.endpoint import Endpoint
    from interop.identity import make_identity
    from interop.kamailio import Kamailio
    from interop.rtp_peer import RtpPeer
    from interop.rtpengine import Rtpengine
    from interop.sipp import Sipp

    identity = make_identity(folder)
    kamailio = Kamailio(folder, identity, address=address)
    endpoint = Endpoint(identity, kamailio.ws_uri, folder, address)
    for peer in (Rtpengine(folder, address), kamailio, endpoint, RtpPeer(), Sipp(folder)):
        stack.enter_context(peer)
    return FarSide(endpoint.url("plain"), identity.ca_file, identity)


def measured_round_trip(impairer: Impairer) -> float:
    """The median round trip of datagrams through the link, so that the impairer's own error is not c2c's."""
    link = impairer.link
    with ExitStack() as stack:
        far, near = (stack.enter_context(udp_in(one)) for one in (impairer.far, impairer.near))
        far.bind((link.far_address, 0))
        echo = threading.Thread(target=lambda: [far.sendto(*far.recvfrom(100)) for _ in range(11)], daemon=True)
        echo.start()
        took = list(round_trips(near, far.getsockname(), 11))
        echo.join(LIMIT)
    return statistics.median(took[1:])


def udp_in(namespace: Namespace) -> socket.socket:
    with namespace.entered():
        made = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    made.settimeout(LIMIT)
    return made


def round_trips(near: socket.socket, far: tuple[str, int], count: int) -> Iterator[float]:
    for _ in range(count):
        sent = time.perf_counter()
        near.sendto(b"there and back", far)
        near.recv(100)
        yield time.perf_counter() - sent


def run_self(*arguments: str) -> list[dict[str, float]]:
    done = subprocess.run([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, check=True, timeout=600)
    found: list[dict[str, float]] = json.loads(done.stdout)
    return found


async def all_rounds(url: str, ca_file: str, rounds: int) -> list[dict[str, float]]:
    """One round is not counted: it pays what a process pays once."""
    return [await one_round(url, ca_file) for _ in range(rounds + 1)][1:]


async def one_round(url: str, ca_file: str) -> dict[str, float]:
    async with c2c.create_webrtc_client(endpoint_url=url, tls=c2c.TLSConfig(ca_file=ca_file)) as client:
        with trio.fail_after(LIMIT):
            took = {"connect": await timed_connect(client)}
            start = time.perf_counter()
            call = await client.start_call()
            took["made"] = time.perf_counter() - start
            took |= await setup_of(call)
            await client.end_call()
            await client.disconnect()
            took["connect_again"] = await timed_connect(client)
    return took


async def timed_connect(client: c2c.WebRTCClient) -> float:
    start = time.perf_counter()
    await client.connect()
    return time.perf_counter() - start


async def setup_of(call: c2c.Call) -> dict[str, float]:
    await call.wait_answered()
    while (stats := call.stats()).first_packet_out is None:  # noqa: ASYNC110 (no event tells of it)
        await trio.sleep(0.01)
    stages = (stats.invite_sent, stats.ringing, stats.answered, stats.ice_connected, stats.dtls_connected)
    invite_sent, ringing, answered, ice, dtls = (0.0 if stage is None else stage for stage in stages)
    assert 0 < ringing <= answered <= ice <= dtls, stages
    return {
        "invite_sent": invite_sent,
        "ringing": ringing - invite_sent,
        "first_packet_out": stats.first_packet_out - answered,
        "ice": ice - answered,
        "dtls": dtls - ice,
        "sound": stats.first_packet_out - dtls,
    }


def table(figures: dict[str, Any]) -> str:
    lines = [
        f"{figures['caller']} to {figures['far']}, {figures['rounds']} rounds, "
        f"round trip {figures['round_trip'] * 1e3:.1f} ms "
        f"(line at most {figures['line_late_ms']:.1f} ms late), load {figures['load']}",
        f"{'':<38} {'best':>9} {'median':>9} {'worst':>9} {'beyond':>9}  goal",
    ]
    for figure, found in figures["figures"].items():
        title = GOALS[figure].title if figure in GOALS else f"  {DETAILS[figure]}"
        row = f"{title:<38}" + "".join(f" {found[name] * 1e3:>6.1f} ms" for name in ("best", "median", "worst"))
        if "goal" in found:
            allowed = f"{found['goal']['round_trips']} RTT + {found['goal']['more'] * 1e3:.0f} ms"
            row += f" {found['beyond'] * 1e3:>6.1f} ms  {allowed}, {'met' if found['met'] else 'missed'}"
        lines.append(row)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
