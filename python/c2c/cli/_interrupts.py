"""Ctrl-C: the first one ends in order, the second one at once."""

from __future__ import annotations

import os
import signal
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from c2c.cli._output import Output

STATUS = 1  # of a process that was told twice to leave


@asynccontextmanager
async def interrupts(on_first: Callable[[], None], output: Output) -> AsyncIterator[None]:
    """While the block runs, the first SIGINT or SIGTERM calls `on_first`, the second one ends the process."""
    with trio.open_signal_receiver(signal.SIGINT, signal.SIGTERM) as signals:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_watch, signals, on_first, output)
                yield
                nursery.cancel_scope.cancel()
        except BaseExceptionGroup as group:
            # the block's own error, bare as it was raised
            raise (group.exceptions[0] if len(group.exceptions) == 1 else group) from None


async def _watch(signals: AsyncIterator[int], on_first: Callable[[], None], output: Output) -> None:
    await anext(signals)
    on_first()
    await anext(signals)
    output.__exit__(None, None, None)
    # nothing is buffered: lines are flushed, and a recording is readable at any moment
    os._exit(STATUS)
