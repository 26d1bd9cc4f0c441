"""How long a call is silent when its caller's address changes: ICE restart through Kamailio and rtpengine.

    tests/interop/in_namespace python benches/bench_restart.py [--rounds 10] [--rtt 0.1] [--json]

The caller is in one network namespace, everything else in another; the impairer between them delays every packet by
half of the round trip. The clock starts before the old address goes, so that what moving takes (`move`: `ip` runs some
times) counts; until the first packets of sound leave and arrive at the new one, by the kernel's time, it takes TCP,
TLS, the WebSocket's upgrade, a re-INVITE and ICE's first check.
`said` is with `client.network_changed()` at once, `noticed` without. `met` looks at the worst round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
import time
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

TESTS = Path(__file__).parents[1] / "tests"
sys.path.insert(0, str(TESTS))

from bench_setup import measured_round_trip, start_kamailio  # noqa: E402 (the tests, which it imports too, are no package)
from packets import Packets, now  # noqa: E402

from interop.caller import CallerProcess, CallPlan  # noqa: E402
from interop.conftest import running_near, write_clip  # noqa: E402
from interop.identity import FAR_ADDRESS  # noqa: E402
from interop.impairer import Impairer  # noqa: E402
from interop.roaming import Roaming  # noqa: E402

if TYPE_CHECKING:
    from bench_setup import FarSide

GOAL = 2.0
LIMIT = 60.0


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rounds", type=int, default=10)
    parser.add_argument("--rtt", type=float, default=0.1, help="seconds")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    figures = measure(options.rounds, options.rtt)
    print(json.dumps(figures) if options.json else table(figures))


def measure(rounds: int, round_trip: float) -> dict[str, Any]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        impairer = stack.enter_context(Impairer(links=2))
        roaming = Roaming(impairer)
        roaming.settle()
        with impairer.far.entered():
            side = start_kamailio(stack, folder, FAR_ADDRESS)
        for link in impairer.links:
            link.set(delay=round_trip / 2)
        measured = measured_round_trip(impairer, FAR_ADDRESS)
        clip = write_clip(folder)
        raw = {
            what: [one_round(roaming, side, clip, folder, is_said=what == "said") for _ in range(rounds)]
            for what in ("said", "noticed")
        }
    return {
        "rounds": rounds,
        "round_trip": measured,
        "nominal": round_trip,
        "goal": GOAL,
        "figures": {k: summary(v) for k, v in raw.items()},
    }


def summary(rounds: list[tuple[float, float, float]]) -> dict[str, dict[str, float]]:
    """Seconds until the address is another, and until the first packet out and in."""
    directions = dict(zip(("move", "out", "in"), zip(*rounds, strict=True), strict=True))
    return {
        name: {"best": min(values), "median": statistics.median(values), "worst": max(values)}
        for name, values in directions.items()
    }


def one_round(
    roaming: Roaming, side: FarSide, clip: Path, folder: Path, *, is_said: bool
) -> tuple[float, float, float]:
    roaming.settle()
    log = folder / "caller.log"
    log.unlink(missing_ok=True)
    (folder / "caller.socket").unlink(missing_ok=True)
    caller = CallerProcess(folder, CallPlan(side.url, str(side.ca_file), str(clip)))
    with running_near(roaming.impairer, caller):
        caller.wait_for("media")
        with Packets(roaming.impairer.near) as packets:
            time.sleep(1)
            start = now()
            roaming.move()
            moved = now() - start
            if is_said:
                caller.ask("network_changed")
            found = first_sound(packets, roaming.links[1].near_address, start)
        caller.wait_for("reconnected")
        caller.ask("end")
        caller.wait_for("over")
    return (moved, *found)


def first_sound(packets: Packets, address: str, start: float) -> tuple[float, float]:
    """Seconds until the first RTP from and to the address."""
    found: dict[str, float] = {}
    for packet in packets.read(LIMIT):
        if packet.is_rtp and packet.touches(address):
            found.setdefault("out" if packet.is_outgoing else "in", packet.at - start)
        if len(found) == 2 or packet.at > start + LIMIT:
            break
    return found["out"], found["in"]


def table(figures: dict[str, Any]) -> str:
    lines = [
        f"{figures['rounds']} rounds, round trip {figures['round_trip'] * 1e3:.1f} ms "
        f"({figures['nominal'] * 1e3:.0f} ms nominal); to the first packet there",
        f"{'':<16} {'best':>10} {'median':>10} {'worst':>10}  goal",
    ]
    for what, directions in figures["figures"].items():
        for direction, found in directions.items():
            row = f"{what + ', ' + direction:<16}" + "".join(
                f" {found[name] * 1e3:>7.0f} ms" for name in ("best", "median", "worst")
            )
            goal = f"  {GOAL:.0f} s, {'met' if found['worst'] <= GOAL else 'missed'}"
            lines.append(row if direction == "move" else row + goal)
    return "\n".join(lines)


if __name__ == "__main__":
    main()
