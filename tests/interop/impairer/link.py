"""The impairer as tests use it: a process of its own, told what to do in lines."""

from __future__ import annotations

import json
import os
import select
import subprocess
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from .impairment import written
from .namespace import Namespace

if TYPE_CHECKING:
    from types import TracebackType

_READY_WITHIN = 60.0
_ANSWER_WITHIN = 30.0
_ENDED_WITHIN = 10.0
_IMPORT_FROM = Path(__file__).parents[2]


class ImpairerError(Exception):
    """The impairer could not start, refused a command or has ended."""


class Impairer:
    """Namespaces `near` and `far` with `links` between them while the `with` block runs.

    Everything that it makes goes with its process, which also ends when this one does. Its methods, and those of its
    links, block for some milliseconds and raise ImpairerError.
    """

    near: Namespace
    far: Namespace

    def __init__(self, *settings: str, seed: object = 0, links: int = 1, normal_priority: bool = False) -> None:
        options = ["--json", "--seed", str(seed), "--links", str(links)]
        if normal_priority:
            options.append("--normal-priority")
        self._command = [sys.executable, "-m", "interop.impairer", *options, *settings]
        self._answers = b""
        self.scheduling = ""
        self.links: list[Link] = []

    @property
    def link(self) -> Link:
        """The first link."""
        return self.links[0]

    def ask(self, line: str) -> Any:
        """Gives a command and returns its result."""
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(line.encode() + b"\n")
        except OSError as error:
            raise ImpairerError(f"the impairer has ended: {error}") from None
        answer = self._answer(_ANSWER_WITHIN)
        if "error" in answer:
            raise ImpairerError(answer["error"])
        return answer.get("result")

    def move_near_address(self, source: Link, destination: Link) -> None:
        """Moves the near end's IPv4 address of one link to another one, and the way back to it, as a roaming host's."""
        address = source.near_address
        self.near.move_address(f"{address}/24", source.name, destination.name)
        self.far.set_route(f"{address}/32", destination.name)

    def __enter__(self) -> Self:
        self._process = subprocess.Popen(
            self._command,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            bufsize=0,
            env=os.environ | {"PYTHONPATH": str(_IMPORT_FROM)},
        )
        try:
            greeting = self._answer(_READY_WITHIN)
            self.near = Namespace.of_descriptor(self._process.pid, greeting["near"])
            self.far = Namespace.of_descriptor(self._process.pid, greeting["far"])
        except BaseException:
            self._end()
            raise
        self.scheduling = greeting["scheduling"]
        self.links = [Link(self, name, ends["near"], ends["far"]) for name, ends in greeting["links"].items()]
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.near.close()
        self.far.close()
        self._end()

    def _answer(self, seconds: float) -> dict[str, Any]:
        assert self._process.stdout is not None
        end = time.monotonic() + seconds
        while b"\n" not in self._answers:
            readable, _, _ = select.select([self._process.stdout], [], [], max(0.0, end - time.monotonic()))
            if not readable:
                raise ImpairerError(f"no answer within {seconds:g} s")
            chunk = self._process.stdout.read(65_536)
            if not chunk:
                raise ImpairerError("the impairer has ended; what it said is on the standard error")
            self._answers += chunk
        line, _, self._answers = self._answers.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    def _end(self) -> None:
        """Ends the process, by the end of its input or else by force."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.close()
        self._process.stdout.close()
        try:
            self._process.wait(_ENDED_WITHIN)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait(_ENDED_WITHIN)


class LinkDirection:
    """One direction of a link: `to_far` or `to_near`."""

    def __init__(self, impairer: Impairer, place: str) -> None:
        self._impairer = impairer
        self._place = place

    def set(self, **settings: object) -> None:
        """Changes fields of `Impairment`; those not named stay as they are."""
        words = " ".join(written(name, value) for name, value in settings.items())
        self._impairer.ask(f"set {self._place} {words}")

    def reset(self) -> None:
        """Makes it perfect again."""
        self._impairer.ask(f"reset {self._place}")

    def down(self) -> None:
        """Cuts it, without anything that the ends' devices would notice; what is in flight is lost too."""
        self._impairer.ask(f"down {self._place}")

    def up(self) -> None:
        """Mends it."""
        self._impairer.ask(f"up {self._place}")

    def statistics(self) -> dict[str, Any]:
        """Returns the fields of `Counts`, `in_flight`, and how `late` packets left (milliseconds)."""
        link, _, direction = self._place.partition(" ")
        found: dict[str, Any] = self._impairer.ask(f"statistics {self._place}")[link][direction]
        return found


class Link(LinkDirection):
    """A TUN device of the same name in each namespace, and both directions between them."""

    def __init__(self, impairer: Impairer, name: str, near: list[str], far: list[str]) -> None:
        super().__init__(impairer, name)
        self.name = name
        self.to_far = LinkDirection(impairer, f"{name} to_far")
        self.to_near = LinkDirection(impairer, f"{name} to_near")
        self.near_address, self.near_address6 = (address.partition("/")[0] for address in near)
        self.far_address, self.far_address6 = (address.partition("/")[0] for address in far)

    def statistics(self) -> dict[str, Any]:
        """Returns what `LinkDirection.statistics` does, under `to_far` and `to_near`."""
        found: dict[str, Any] = self._impairer.ask(f"statistics {self.name}")[self.name]
        return found
