"""Where lines go: JSON for programs, plain lines for people; the live view has a file of its own."""

from __future__ import annotations

import os
import signal
import sys
import time
from typing import TYPE_CHECKING, Any, Self

from c2c.cli._line import Line

if TYPE_CHECKING:
    from types import TracebackType


FOR_PROGRAMS = frozenset({"sip", "audioEnded"})  # lines that tell people nothing, or are shown in another way


class Output:
    """Takes lines while its block runs; every `stats_every` seconds it wants the call's numbers as one."""

    stats_every = 5.0

    def __init__(self) -> None:
        self._started = time.monotonic()

    def __enter__(self) -> Self:
        """Returns itself."""
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Leaves the terminal as it was."""

    def tell(self, event: str, **fields: Any) -> None:  # noqa: ANN401
        """Shows a line of now."""
        self.show(Line(self.time, event, fields))

    @property
    def time(self) -> float:
        """Seconds since the start."""
        return time.monotonic() - self._started

    def show(self, line: Line) -> None:
        """Shows a line."""
        raise NotImplementedError

    def show_block(self, text: str) -> None:
        """Shows text of several lines, if this is for people."""

    def measure(self, numbers: dict[str, Any]) -> None:
        """Takes the call's newest numbers, a few times a second."""


class JsonOutput(Output):
    """One JSON object a line on standard output, and nothing else there; errors also as text on standard error."""

    stats_every = 1.0

    def show(self, line: Line) -> None:
        """As `Output` says."""
        _print(line.json())
        if line.event == "error" and line.fields.get("fatal"):
            print(f"c2c: {line.words()}", file=sys.stderr, flush=True)


class PlainOutput(Output):
    """A line of text for each event; errors go to standard error."""

    def show(self, line: Line) -> None:
        """As `Output` says."""
        if line.event == "error":
            print(line.text(), file=sys.stderr, flush=True)
        elif line.event not in FOR_PROGRAMS:
            _print(line.text())

    def show_block(self, text: str) -> None:
        """As `Output` says."""
        _print(text)


def people_output() -> Output:
    """Returns the live view on a terminal that can show it, plain lines elsewhere."""
    from rich.console import Console

    console = Console()
    if not console.is_terminal or console.is_dumb_terminal:
        return PlainOutput()
    from c2c.cli._live_view import LiveView

    return LiveView(console)


def _print(text: str) -> None:
    try:
        print(text, flush=True)
    except BrokenPipeError:
        # nobody reads any more: as if Ctrl-C were pressed
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        signal.raise_signal(signal.SIGINT)
