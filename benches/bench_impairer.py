"""How late the user-space impairer sends what it delays: the error of every delay that tests ask it for.

    tests/interop/in_namespace python benches/bench_impairer.py [--json] [--seconds 5] [--busy 4]

Paced datagrams cross a link of 50 ms both ways, on an idle machine and beside processes that compute all the time; with
the impairer scheduled ahead of others (where allowed) and not. How late it is are figures of its own, from the time a
packet was due to the end of the write that delivered it; the round trips over 50 ms each way, without and with a jitter
of 20 ms, are seen from outside: their median should be 100 ms, and with jitter nine in ten within 63 to 137 ms.
"""

from __future__ import annotations

import argparse
import json
import os
import socket
import subprocess
import sys
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from statistics import quantiles
from typing import TYPE_CHECKING, Any

sys.path.insert(0, str(Path(__file__).parents[1] / "tests"))

from interop.impairer import Impairer

if TYPE_CHECKING:
    from collections.abc import Iterator

PACKETS_A_SECOND = 500
PAYLOAD = bytes(172)
"""20 ms of G.711 with its RTP header."""


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--seconds", type=float, default=5.0, help="for each of the four rows")
    parser.add_argument("--busy", type=int, default=4, help="processes that compute")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    rows = []
    for normal_priority in (False, True):
        for busy in (0, options.busy):
            with computing(busy), Impairer("delay=50ms", normal_priority=normal_priority) as impairer:
                rows.append(measured(impairer, busy, options.seconds))
    trips = [round_trips(settings, options.seconds) for settings in ("delay=50ms", "delay=50ms jitter=20ms")]
    print(json.dumps({"late": rows, "round_trips": trips}) if options.json else f"{table(rows)}\n\n{trip_table(trips)}")


def measured(impairer: Impairer, busy: int, seconds: float) -> dict[str, Any]:
    link = impairer.link
    with ExitStack() as stack:
        with impairer.near.entered():
            near = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        with impairer.far.entered():
            far = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        near.bind((link.near_address, 5000))
        far.bind((link.far_address, 5000))
        send_both_ways(near, far, seconds)
        late = [link.statistics()[direction]["late"] for direction in ("to_far", "to_near")]
    return {
        "scheduling": impairer.scheduling,
        "busy_processes": busy,
        "load": round(os.getloadavg()[0], 1),
        "packets": sum(one["packets"] for one in late),
        **{name: max(one[name] for one in late) for name in ("p50_ms", "p99_ms", "longest_ms")},
        "over_5ms": sum(one["over_5ms"] for one in late),
    }


def round_trips(settings: str, seconds: float) -> dict[str, Any]:
    """Times datagrams that the far namespace sends back, one after the other."""
    took = []
    with Impairer(settings) as impairer, ExitStack() as stack:
        with impairer.near.entered():
            near = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        with impairer.far.entered():
            far = stack.enter_context(socket.socket(socket.AF_INET, socket.SOCK_DGRAM))
        near.bind((impairer.link.near_address, 5000))
        far.bind((impairer.link.far_address, 5000))
        for end in (near, far):
            end.settimeout(5.0)
        until = time.monotonic() + seconds
        while (start := time.monotonic()) < until:
            near.sendto(PAYLOAD, far.getsockname())
            far.sendto(far.recv(2048), near.getsockname())
            near.recv(2048)
            took.append((time.monotonic() - start) * 1000)
    cuts = quantiles(took, n=20, method="inclusive")
    return {
        "settings": settings,
        "round_trips": len(took),
        **{name: round(cuts[index], 1) for name, index in (("p5_ms", 0), ("p50_ms", 9), ("p95_ms", 18))},
    }


def send_both_ways(near: socket.socket, far: socket.socket, seconds: float) -> None:
    start = time.monotonic()
    for number in range(int(seconds * PACKETS_A_SECOND / 2)):
        time.sleep(max(0.0, start + number * 2 / PACKETS_A_SECOND - time.monotonic()))
        near.sendto(PAYLOAD, far.getsockname())
        far.sendto(PAYLOAD, near.getsockname())
    time.sleep(0.2)


@contextmanager
def computing(processes: int) -> Iterator[None]:
    started = [subprocess.Popen([sys.executable, "-c", "while True: sum(range(1000))"]) for _ in range(processes)]
    try:
        yield
    finally:
        for process in started:
            process.kill()
            process.wait()


def table(rows: list[dict[str, Any]]) -> str:
    lines = ["scheduling    busy   load  packets  p50 ms  p99 ms  worst ms  over 5 ms"]
    for row in rows:
        lines.append(
            "{scheduling:<13} {busy_processes:>4} {load:>6} {packets:>8} {p50_ms:>7} {p99_ms:>7} {longest_ms:>9} "
            "{over_5ms:>10}".format(**row)
        )
    return "\n".join(lines)


def trip_table(rows: list[dict[str, Any]]) -> str:
    lines = ["settings                round trips   p5 ms  p50 ms  p95 ms"]
    lines += ["{settings:<23} {round_trips:>11} {p5_ms:>7} {p50_ms:>7} {p95_ms:>7}".format(**row) for row in rows]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
