"""One `connect()` on its way, shared by all who wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from c2c._errors import C2CError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


class Connecting:
    """Runs `operation` in the client's nursery until it is done or the last waiter has gone.

    `give_up` undoes what was begun; it is called at once when the operation fails, is aborted or abandoned.
    """

    def __init__(
        self, operation: Callable[[], Awaitable[None]], give_up: Callable[[], None], nursery: trio.Nursery
    ) -> None:
        self._operation = operation
        self._give_up = give_up
        self._waiters = 0
        self._scope = trio.CancelScope()
        self._done = trio.Event()
        self._error: C2CError | None = None
        nursery.start_soon(self._run)

    @property
    def is_over(self) -> bool:
        """Whether it has succeeded or failed."""
        return self._done.is_set()

    async def wait(self) -> None:
        """Waits for the end and raises what went wrong; the last one who stops waiting ends it."""
        self._waiters += 1
        try:
            await self._done.wait()
        finally:
            self._waiters -= 1
            if not self._waiters and not self.is_over:
                self._end(None)
        if self._error is not None:
            # its own copy for each waiter, as each adds its own traceback
            raise self._error.prefixed("Failed to connect: ") from self._error.__cause__

    def abort(self, error: C2CError) -> None:
        """Ends it; who waits gets `error`."""
        if not self.is_over:
            self._end(error)

    async def _run(self) -> None:
        with self._scope:
            try:
                await self._operation()
                self._done.set()
            except C2CError as error:
                self._end(error)

    def _end(self, error: C2CError | None) -> None:
        self._error = error
        self._done.set()
        self._scope.cancel()
        self._give_up()
