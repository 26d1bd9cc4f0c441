"""How long a call's set-up takes over a link with a round trip of 100 ms: best, median and worst of ten.

    tests/interop/in_namespace python benches/bench_setup.py [--far gateway|kamailio] [--caller c2c|sdk] [--json]

The caller runs in one network namespace, the far side in another, and the user-space impairer (tests/interop/impairer)
between them delays every packet by half of the round trip. `gateway` is c2c.gateway; `kamailio` is Kamailio, rtpengine
and SIPp with the config endpoint of the interop tests. No name is looked up: no row contains DNS.

Each round is a new process with two clients, one after the other: connect(), a call, disconnect(), connect() again.
`cold` is the median of the first clients, which pay what a process pays once; the other columns are of the second ones.
`--caller sdk` measures the SDK's steps in Chromium instead, through Kamailio: each round is a new browser whose page is
loaded, and its second connect() keeps the configuration, so that no goal is its.

`beyond` is what the median has over the round trips that the goal allows, `nominal` the same by the round trip that was
asked for and not measured; `met` looks at the median and `beyond`. When the INVITE left, and from the answer to the
first packet of sound, is seen on the wire with the kernel's time, for both callers alike; the rest is by their clocks.
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
from urllib.parse import urlsplit

import trio

import c2c
from c2c import gateway

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from packets import OnTheWire, Packets, now  # noqa: E402 (the tests are no package)

from interop.impairer import Impairer  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import TypeAlias

    from interop.identity import Identity
    from interop.impairer import Namespace

    Took: TypeAlias = dict[str, float]

LIMIT = 60.0
COLUMNS = ("cold", "best", "median", "worst")
RINGING = 0.3
"""Seconds; the agent of c2c.gateway rings before it answers."""


@dataclass(frozen=True)
class Goal:
    """So many round trips and so many seconds more, at most."""

    title: str
    round_trips: int
    more: float


GOALS = {
    "connect": Goal("first connect() of a client", 8, 0.020),
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
        print(json.dumps(trio.run(two_clients, *options.call)))
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
        cold, raw = (rounds_of_sdk if caller == "sdk" else rounds_of_c2c)(impairer.near, side, rounds)
        late = [counts["late"] for counts in impairer.link.statistics().values()]
    return {
        "far": far,
        "caller": caller,
        "rounds": rounds,
        "round_trip": measured,
        "nominal": round_trip,
        "load": round(os.getloadavg()[0], 1),
        "line_late_ms": max(one["longest_ms"] for one in late),
        "figures": {
            name: summary([one[name] for one in raw])
            | ({"cold": statistics.median(one[name] for one in cold)} if cold else {})
            | (judgement(GOALS[name], [one[name] for one in raw], measured, round_trip) if judged(name, caller) else {})
            for name in [*GOALS, *DETAILS]
            if name in raw[0]
        },
    }


def rounds_of_c2c(near: Namespace, side: FarSide, rounds: int) -> tuple[list[Took], list[Took]]:
    """What the first clients took, and the second ones."""
    with near.entered():
        pairs = [run_self("--call", side.url, str(side.ca_file)) for _ in range(rounds)]
    return [first for first, _ in pairs], [second for _, second in pairs]


def rounds_of_sdk(near: Namespace, side: FarSide, rounds: int) -> tuple[list[Took], list[Took]]:
    from sdk_in_chromium import all_rounds as all_rounds_of_sdk

    assert side.identity is not None
    return [], all_rounds_of_sdk(near, side.identity, side.url, rounds)


def summary(values: list[float]) -> dict[str, Any]:
    """Best (what a busy machine spares), median and worst in seconds."""
    return {"best": min(values), "median": statistics.median(values), "worst": max(values)}


def judged(name: str, caller: str) -> bool:
    """Whether a figure has a goal; those of the SDK's are c2c's and not its own."""
    return name in GOALS and caller != "sdk"


def judgement(goal: Goal, values: list[float], measured: float, nominal: float) -> dict[str, Any]:
    """The median against the goal."""
    beyond, by_nominal = (statistics.median(values) - goal.round_trips * one for one in (measured, nominal))
    return {"goal": asdict(goal), "beyond": beyond, "beyond_nominal": by_nominal, "met": beyond <= goal.more}


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


def measured_round_trip(impairer: Impairer, far_address: str | None = None) -> float:
    """The shortest round trip of datagrams through the link: what is longer is the pinging threads' own delay."""
    with ExitStack() as stack:
        far, near = (stack.enter_context(udp_in(one)) for one in (impairer.far, impairer.near))
        far.bind((far_address or impairer.link.far_address, 0))
        echo = threading.Thread(target=lambda: [far.sendto(*far.recvfrom(100)) for _ in range(11)], daemon=True)
        echo.start()
        took = list(round_trips(near, far.getsockname(), 11))
        echo.join(LIMIT)
    return min(took[1:])


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


def run_self(*arguments: str) -> list[Took]:
    done = subprocess.run([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, check=True, timeout=600)
    found: list[Took] = json.loads(done.stdout)
    return found


async def two_clients(url: str, ca_file: str) -> list[Took]:
    """The first one pays what a process pays once."""
    return [await one_client(url, ca_file) for _ in range(2)]


async def one_client(url: str, ca_file: str) -> Took:
    async with c2c.create_webrtc_client(endpoint_url=url, tls=c2c.TLSConfig(ca_file=ca_file)) as client:
        with trio.fail_after(LIMIT), Packets() as packets:
            took = {"connect": await timed_connect(client)}
            start = now()
            call = await client.start_call()
            took["made"] = now() - start
            took |= await setup_of(call)
            wire = OnTheWire.of(packets, sip_port(client), start)
            took |= {"invite_sent": wire.invite - start, "first_packet_out": wire.sound - wire.answer}
            await client.end_call()
            await client.disconnect()
            took["connect_again"] = await timed_connect(client)
    return took


async def timed_connect(client: c2c.WebRTCClient) -> float:
    start = time.perf_counter()
    await client.connect()
    return time.perf_counter() - start


def sip_port(client: c2c.WebRTCClient) -> int:
    config = client.get_config()
    assert config is not None
    return urlsplit(config.endpoint_settings.sip_connectivity_info.ws_uri).port or 443


async def setup_of(call: c2c.Call) -> Took:
    """The stages by the engine's clock."""
    await call.wait_answered()
    while (stats := call.stats()).first_packet_out is None:  # noqa: ASYNC110 (no event tells of it)
        await trio.sleep(0.01)
    stages = (stats.invite_sent, stats.ringing, stats.answered, stats.ice_connected, stats.dtls_connected)
    assert None not in stages, stages
    invite_sent, ringing, answered, ice, dtls = (stage for stage in stages if stage is not None)
    assert invite_sent < ringing <= answered <= ice <= dtls, stages
    return {
        "ringing": ringing - invite_sent,
        "ice": ice - answered,
        "dtls": dtls - ice,
        "sound": stats.first_packet_out - dtls,
    }


def table(figures: dict[str, Any]) -> str:
    lines = [
        f"{figures['caller']} to {figures['far']}, {figures['rounds']} rounds, "
        f"round trip {figures['round_trip'] * 1e3:.1f} ms ({figures['nominal'] * 1e3:.0f} ms nominal) "
        f"(line at most {figures['line_late_ms']:.1f} ms late), load {figures['load']}",
        f"{'':<46}" + "".join(f" {name:>9}" for name in COLUMNS) + f" {'beyond':>9} {'nominal':>9}  goal, met",
    ]
    for figure, found in figures["figures"].items():
        title = GOALS[figure].title if figure in GOALS else f"  {DETAILS[figure]}"
        if figure == "connect_again" and figures["caller"] == "sdk":
            title += " (configuration kept)"
        row = f"{title:<46}" + "".join(f" {milliseconds(found.get(name))}" for name in COLUMNS)
        if "goal" in found:
            allowed = f"{found['goal']['round_trips']} RTT + {found['goal']['more'] * 1e3:.0f} ms"
            row += f" {milliseconds(found['beyond'])} {milliseconds(found['beyond_nominal'])}"
            row += f"  {allowed}, {'met' if found['met'] else 'missed'}"
        lines.append(row)
    return "\n".join(lines)


def milliseconds(seconds: float | None) -> str:
    return f"{'-':>9}" if seconds is None else f"{seconds * 1e3:>6.1f} ms"


if __name__ == "__main__":
    main()
