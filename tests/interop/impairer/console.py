"""The lines that change links while they run, and the answers to them."""

from __future__ import annotations

import json
import os
import time
from typing import TYPE_CHECKING, Any

from .relay import DIRECTIONS

if TYPE_CHECKING:
    from .relay import Way, Ways

HELP = """\
set [link] [direction] name=value ...  change some settings, e.g. set to_far loss=5% delay=50ms jitter=10ms
reset [link] [direction]               a perfect line again (the same generators go on)
down [link] [direction]                cut it: what is in flight is lost too
up [link] [direction]                  mend it
statistics [link] [direction]          what happened to the packets
quit                                   end (as the end of the input does)
Links are link0, link1 ...; directions to_far, to_near; without them a line goes for all."""

_LONGEST_LINE = 4096


class Console:
    """Reads lines from a descriptor, does what they say and prints an answer to each."""

    def __init__(self, ways: Ways, descriptor: int, *, as_json: bool) -> None:
        self._ways = ways
        self._descriptor = descriptor
        self._as_json = as_json
        self._rest = b""

    def on_readable(self) -> bool:
        """Does what has come; returns whether to go on."""
        chunk = os.read(self._descriptor, _LONGEST_LINE)
        *lines, self._rest = (self._rest + chunk).split(b"\n")
        if not chunk or len(self._rest) > _LONGEST_LINE:
            return False
        return all([self._answered(line.decode(errors="replace").split()) for line in lines])

    def execute(self, words: list[str]) -> dict[str, Any] | None:
        """Does what a line says; returns what was asked for, if anything. Raises ValueError for what it cannot be."""
        command, words = words[0], words[1:]
        links = [words.pop(0)] if words[:1] and words[0] in self._ways else list(self._ways)
        directions = [words.pop(0)] if words[:1] and words[0] in DIRECTIONS else list(DIRECTIONS)
        if command == "statistics" and not words:
            return {link: {name: self._ways[link][name].report() for name in directions} for link in links}
        for link in links:
            for name in directions:
                _change(self._ways[link][name], command, words)
        return None

    def say(self, answer: dict[str, Any], text: str) -> None:
        """Prints an answer, as one line of JSON or for people."""
        print(json.dumps(answer) if self._as_json else text, flush=True)

    def _answered(self, words: list[str]) -> bool:
        if words == ["quit"]:
            return False
        if words in ([], ["help"]):
            self.say({"ok": True}, HELP if words else "")
            return True
        try:
            result = self.execute(words)
        except ValueError as error:
            self.say({"error": str(error)}, f"error: {error}")
        else:
            self.say({"ok": True, "result": result}, "ok" if result is None else json.dumps(result, indent=1))
        return True


def _change(way: Way, command: str, words: list[str]) -> None:
    direction = way.direction
    if command == "set" and words:
        direction.set(direction.impairment.changed(words), time.monotonic())
    elif command == "reset" and not words:
        direction.set(type(direction.impairment)(), time.monotonic())
    elif command == "down" and not words:
        direction.down()
    elif command == "up" and not words:
        direction.up()
    else:
        raise ValueError(f"not understood: {' '.join([command, *words])!r}; help lists what there is")
