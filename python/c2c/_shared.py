"""One operation on its way, shared by all who wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, TypeVar, cast

import trio

from c2c._errors import C2CError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Result = TypeVar("Result")


class SharedOperation(Generic[Result]):
    """Runs `operation` in the client's nursery until it is done or the last waiter has gone.

    `give_up` undoes what was begun; it is called at once, with the error if there is one, when the operation fails, is
    aborted or abandoned. `prefix` goes before the text of what waiters get.
    """

    def __init__(
        self,
        operation: Callable[[], Awaitable[Result]],
        nursery: trio.Nursery,
        *,
        prefix: str = "",
        give_up: Callable[[C2CError | None], None] = lambda _: None,
    ) -> None:
        self._operation = operation
        self._prefix = prefix
        self._give_up = give_up
        self._waiters = 0
        self._scope = trio.CancelScope()
        self._done = trio.Event()
        self._result: Result | None = None
        self._error: C2CError | None = None
        nursery.start_soon(self._run)

    @property
    def is_over(self) -> bool:
        """Whether it has succeeded or failed."""
        return self._done.is_set()

    async def wait(self) -> Result:
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
            raise self._error.prefixed(self._prefix) from self._error.__cause__
        return cast("Result", self._result)

    def abort(self, error: C2CError) -> None:
        """Ends it; who waits gets `error`."""
        if not self.is_over:
            self._end(error)

    async def _run(self) -> None:
        with self._scope:
            try:
                self._result = await self._operation()
                self._done.set()
            except C2CError as error:
                self._end(error)

    def _end(self, error: C2CError | None) -> None:
        self._error = error
        self._done.set()
        self._scope.cancel()
        self._give_up(error)
