"""The live view of a call: state, timer, levels and quality at the bottom, what happened above."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any, Self

from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from c2c.cli._output import FOR_PROGRAMS, Output
from c2c.cli._quality import verdict

if TYPE_CHECKING:
    from types import TracebackType

    from rich.console import Console

    from c2c.cli._line import Line

BAR = 24  # characters of a level's bar
QUIETEST = -60.0  # dBFS at its left end
STATES = {
    "connecting": ("connecting", "yellow"),
    "connected": ("registering", "yellow"),
    "registered": ("registered", "cyan"),
    "reconnecting": ("reconnecting", "yellow"),
    "calling": ("calling", "yellow"),
    "ringing": ("ringing", "yellow"),
    "answered": ("answered", "green"),
    "hangingUp": ("hanging up", "yellow"),
    "ended": ("ended", "blue"),
    "failed": ("failed", "red"),
}
STEPS_BACK = frozenset({"connecting", "connected", "registered"})  # of a connection that was lost
STYLES = {
    "error": "red",
    "failed": "red",
    "warning": "yellow",
    "reconnecting": "yellow",
    "answered": "green",
    "transcription": "bold",
}


class LiveView(Output):
    """Shows a call on a terminal; lines scroll by above the panel."""

    stats_every = math.inf

    def __init__(self, console: Console) -> None:
        super().__init__()
        self._console = console
        self._state = ("starting", "yellow")
        self._before_loss: tuple[str, str] | None = None
        self._answered_at: float | None = None
        self._ended_at: float | None = None
        self._numbers: dict[str, Any] = {}
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> Self:
        """Starts the panel."""
        self._live.start()
        self._refresh()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        """Takes the panel away and gives the cursor back."""
        self._live.stop()

    def show(self, line: Line) -> None:
        """As `Output` says."""
        self._follow(line.event)
        if line.event == "answered":
            self._answered_at = line.time
        elif line.event in {"ended", "failed"}:
            self._ended_at = line.time
        if line.event not in FOR_PROGRAMS:
            self._console.print(Text(line.text(), style=STYLES.get(line.event, "")))
        self._refresh()

    def show_block(self, text: str) -> None:
        """As `Output` says."""
        self._console.print(Text(text))

    def measure(self, numbers: dict[str, Any]) -> None:
        """As `Output` says."""
        self._numbers = numbers
        self._refresh()

    def _follow(self, event: str) -> None:
        if event == "reconnecting":
            self._before_loss = self._state
        elif event == "reconnected" and self._before_loss is not None:
            self._state, self._before_loss = self._before_loss, None
        if self._before_loss is None or event not in STEPS_BACK:
            self._state = STATES.get(event, self._state)

    def _refresh(self) -> None:
        grid = Table.grid(padding=(0, 2))
        grid.add_column(style="dim")
        grid.add_column()
        state, colour = self._state
        grid.add_row("state", Text(f"● {state}  {self._timer()}", style=colour))
        if numbers := self._numbers:
            grid.add_row("agent", _level(numbers["level_in"]))
            grid.add_row("you", _level(numbers["level_out"]))
            grid.add_row("quality", Text(_quality(numbers)))
        self._live.update(Panel(grid, title="c2c", subtitle="Ctrl-C hangs up", width=80), refresh=True)

    def _timer(self) -> str:
        if self._answered_at is None:
            return ""
        seconds = int((self._ended_at or self.time) - self._answered_at)
        return f"{seconds // 60:02}:{seconds % 60:02}"


def _level(level: float) -> Text:
    share = min(max((level - QUIETEST) / -QUIETEST, 0.0), 1.0)
    filled = round(share * BAR)
    bar = Text("█" * filled, style="green").append("░" * (BAR - filled), style="dim")
    return bar.append(f"  {level:6.1f} dBFS" if level > QUIETEST else "  silent", style="dim")


def _quality(numbers: dict[str, Any]) -> str:
    trip = numbers["round_trip"]
    shown = f"{trip * 1000:.0f} ms" if trip is not None else "-"
    return (
        f"MOS {numbers['mos']:.1f} {verdict(numbers['mos'])} · {numbers['codec'] or '-'} · "
        f"round trip {shown} · jitter {numbers['jitter'] * 1000:.0f} ms · lost {numbers['packets_lost']}"
    )
