"""The `async with` block of a client: its tasks, its end, and what leaves it."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Iterator

LEAVE_LIMIT = 5  # seconds to leave the block in
SHIELD_LIMIT = 2  # of those, at most, when it is left by cancellation


class Lifetime:
    """The nursery of a client's tasks, and the way in which one of them ends the block."""

    def __init__(self, nursery: trio.Nursery, body: trio.CancelScope, raised: list[BaseException]) -> None:
        self.nursery = nursery
        self._body = body
        self._raised = raised
        self._tasks: list[trio.CancelScope] = []

    def start(self, task: Callable[[], Awaitable[None]]) -> None:
        """Starts a task that lives until the block was left in order: who cancels the block does not cancel it."""
        scope = trio.CancelScope(shield=True)
        self._tasks.append(scope)
        self.nursery.start_soon(self._run, task, scope)

    def fail(self, error: BaseException) -> None:
        """Ends the block with `error`."""
        self._raised.append(error)
        self._body.cancel()

    def stop(self) -> None:
        """Ends all tasks."""
        self.nursery.cancel_scope.cancel()
        for task in self._tasks:
            task.cancel()

    async def _run(self, task: Callable[[], Awaitable[None]], scope: trio.CancelScope) -> None:
        with scope:
            await task()


@asynccontextmanager
async def open_lifetime(shut_down: Callable[[], Awaitable[None]]) -> AsyncIterator[Lifetime]:
    """Runs the block and then `shut_down`, which may be called twice and must carry on where it was.

    One exception leaves, and never in a group: the block's own if it has one; others become notes on it.
    """
    raised: list[BaseException] = []
    try:
        async with trio.open_nursery() as nursery:
            body = trio.CancelScope()
            lifetime = Lifetime(nursery, body, raised)
            try:
                with body:
                    yield lifetime
            except trio.Cancelled:
                raise
            except BaseException as error:
                raised.insert(0, error)
            finally:
                try:
                    await _leave(shut_down)
                finally:
                    lifetime.stop()
    except BaseExceptionGroup as group:
        raised.extend(_leaves(group))
    if raised:
        raise _single(raised)


async def _leave(shut_down: Callable[[], Awaitable[None]]) -> None:
    try:
        with trio.move_on_after(LEAVE_LIMIT):
            await shut_down()
    except trio.Cancelled:
        with trio.move_on_after(SHIELD_LIMIT, shield=True):
            await shut_down()
        raise


def _leaves(group: BaseExceptionGroup[BaseException]) -> Iterator[BaseException]:
    for error in group.exceptions:
        if isinstance(error, BaseExceptionGroup):
            yield from _leaves(error)
        else:
            yield error


def _single(raised: list[BaseException]) -> BaseException:
    errors = [error for error in raised if not isinstance(error, trio.Cancelled)]
    if not errors:
        return raised[0]
    first = errors[0]
    for other in errors[1:]:
        if other is not first:
            first.add_note(f"while the client was closed: {type(other).__name__}: {other}")
    return first
