"""Two network namespaces and a bad line between them.

    python -m tests.interop.impairer [--links 2] [--seed 7] [loss=5% delay=50ms ...]

Prints how to run something in each namespace, then does what lines on its input say (`help` lists them) until that
ends. Needs root, or: tests/interop/in_namespace python -m tests.interop.impairer.
"""

from __future__ import annotations

import argparse
import os
import sys
from ipaddress import ip_interface
from typing import TYPE_CHECKING, Any

from .console import Console
from .direction import Direction
from .impairment import Impairment
from .namespace import Namespace
from .relay import DIRECTIONS, Way, Ways, run, schedule_ahead

if TYPE_CHECKING:
    from collections.abc import Sequence

SIDES = ("near", "far")
MTU = 1500
_MOST_LINKS = 8


def main(arguments: Sequence[str] | None = None) -> int:
    options = _options(arguments)
    try:
        impairment = Impairment().changed(options.settings)
        near, far = Namespace.new(), Namespace.new()
        ways = _ways(near, far, options.links, options.seed, impairment)
    except (ValueError, OSError, RuntimeError) as error:
        print(f"impairer: {error}", file=sys.stderr)
        return 1
    console = Console(ways, sys.stdin.fileno(), as_json=options.json)
    scheduling = "normal" if options.normal_priority else schedule_ahead()
    greeting = _greeting(near, far, options.links, scheduling)
    console.say(greeting, _for_people(greeting))
    try:
        run(ways, sys.stdin.fileno(), console.on_readable, options.seconds)
    except KeyboardInterrupt:
        return 130
    return 0


def addresses(link: int, side: str) -> tuple[str, str]:
    """The IPv4 and the IPv6 address, with prefix length, of one end of a link."""
    host = SIDES.index(side) + 1
    return f"10.77.{link}.{host}/24", str(ip_interface(f"fd77:0:0:{link}::{host}/64"))


def _ways(near: Namespace, far: Namespace, links: int, seed: str, impairment: Impairment) -> Ways:
    ways: Ways = {}
    for number in range(links):
        name = f"link{number}"
        ends = {}
        for side, namespace in zip(SIDES, (near, far), strict=True):
            ends[side] = namespace.new_tun(name, MTU)
            for address in addresses(number, side):
                namespace.add_address(address, name)
        to_far, to_near = (Direction(f"{seed}/{name}/{direction}", impairment) for direction in DIRECTIONS)
        ways[name] = {
            "to_far": Way(to_far, ends["near"], ends["far"]),
            "to_near": Way(to_near, ends["far"], ends["near"]),
        }
    return ways


def _greeting(near: Namespace, far: Namespace, links: int, scheduling: str) -> dict[str, Any]:
    return {
        "process": os.getpid(),
        "near": near.descriptor,
        "far": far.descriptor,
        "scheduling": scheduling,
        "links": {f"link{n}": {side: addresses(n, side) for side in SIDES} for n in range(links)},
    }


def _for_people(greeting: dict[str, Any]) -> str:
    lines = [
        f"{side}: nsenter --net=/proc/{greeting['process']}/fd/{greeting[side]} "
        + "; ".join(f"{link} {' '.join(ends[side])}" for link, ends in greeting["links"].items())
        for side in SIDES
    ]
    return "\n".join([*lines, f"scheduling: {greeting['scheduling']}; help lists the commands"])


def _options(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="impairer", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("settings", nargs="*", metavar="name=value", help="as the command `set` takes them")
    parser.add_argument("--links", type=int, default=1, choices=range(1, _MOST_LINKS + 1))
    parser.add_argument("--seed", default="0", help="the same one loses the same packets")
    parser.add_argument("--seconds", type=float, default=3600.0, help="ends after this at the latest")
    parser.add_argument("--json", action="store_true", help="every answer is one line of JSON")
    parser.add_argument("--normal-priority", action="store_true", help="do not run before other processes")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
