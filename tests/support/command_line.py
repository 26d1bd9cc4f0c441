"""Runs of the command `c2c` as a process of its own."""

from __future__ import annotations

import json
import sys
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from c2c.gateway import RunningGateway

COMMAND = (sys.executable, "-W", "error", "-m", "c2c")
PATIENCE = 25  # seconds


@dataclass
class Run:
    """A process that runs or has ended, and what it wrote."""

    process: trio.Process
    out: bytearray = field(default_factory=bytearray)
    err: bytearray = field(default_factory=bytearray)
    grew: trio.Event = field(default_factory=trio.Event)

    @property
    def text(self) -> str:
        return self.out.decode()

    @property
    def errors(self) -> str:
        return self.err.decode()

    @property
    def words(self) -> list[str]:
        """The event's name of each line of text."""
        return [line.split()[1] for line in self.text.splitlines()]

    @property
    def lines(self) -> list[dict[str, Any]]:
        """Standard output as JSON lines; raises for anything else."""
        return [json.loads(line) for line in self.text.splitlines()]

    @property
    def events(self) -> list[str]:
        return [line["event"] for line in self.lines]

    def line(self, event: str) -> dict[str, Any]:
        """The last line of this event."""
        return [line for line in self.lines if line["event"] == event][-1]

    async def wait_for(self, text: str) -> None:
        """Waits until standard output holds `text`."""
        while text not in self.out.decode(errors="replace"):
            assert self.process.returncode is None, f"ended without {text!r}:\n{self.text}\n{self.errors}"
            await self.grew.wait()

    async def collect(self, stream: trio.abc.ReceiveStream, into: bytearray) -> None:
        with suppress(trio.ClosedResourceError):
            async for data in stream:
                into += data
                self.grew.set()
                self.grew = trio.Event()


@asynccontextmanager
async def running(*arguments: str, **options: Any) -> AsyncIterator[Run]:
    """`c2c ARGUMENTS` while the block runs, and then until it has ended by itself."""
    with trio.fail_after(PATIENCE):
        process = await trio.lowlevel.open_process(
            [*COMMAND, *arguments], stdout=-1, stderr=-1, stdin=-3, cwd=options.pop("cwd", "/"), **options
        )
        run = Run(process)
        try:
            async with trio.open_nursery() as nursery:
                assert process.stdout is not None
                assert process.stderr is not None
                nursery.start_soon(run.collect, process.stdout, run.out)
                nursery.start_soon(run.collect, process.stderr, run.err)
                yield run
                await process.wait()
        finally:
            if process.returncode is None:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()


async def finished(*arguments: str, **options: Any) -> Run:
    """`c2c ARGUMENTS`, once it has ended."""
    async with running(*arguments, **options) as run:
        pass
    return run


def trusting(gateway: RunningGateway, folder: Path) -> tuple[str, str, str]:
    """The arguments that name this gateway and its CA."""
    path = Path(folder, "ca.pem")
    assert gateway.tls is not None
    assert isinstance(gateway.tls.ca_pem, bytes)
    path.write_bytes(gateway.tls.ca_pem)
    return gateway.endpoint_url, "--ca", str(path)
