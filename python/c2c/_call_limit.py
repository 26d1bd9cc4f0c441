"""How many calls this process may have at once, over all of its clients and threads."""

from __future__ import annotations

import os
import threading
from weakref import WeakSet

from c2c._errors import CallLimitReached

DEFAULT_CALL_LIMIT = 1_000


class Place:
    """One call's; given back at its end, or when it is forgotten, whatever becomes of its client."""

    def give_back(self) -> None:
        """Leaves it to another call."""
        with _lock:
            _places.discard(self)


def set_call_limit(limit: int | None) -> None:
    """Allows this process so many calls at once, 1,000 unless this is called; `None` sets no limit.

    Calls that are live go on under a lower limit. `start_call()` beyond it raises `CallLimitReached`.
    """
    global _limit  # noqa: PLW0603 (of the process, as the calls are)
    if limit is not None and type(limit) is not int:
        raise TypeError(f"limit: must be int or None, not {type(limit).__name__}")
    if limit is not None and limit < 0:
        raise ValueError(f"limit: must not be negative, not {limit}")
    with _lock:
        _limit = limit


def take_place() -> Place:
    """Returns the place of one more call; `CallLimitReached` if there is none."""
    with _lock:
        if _limit is not None and len(_places) >= _limit:
            cause = f"{_limit} calls are live in this process, as many as set_call_limit() allows"
            raise CallLimitReached(cause, cause=cause)
        place = Place()
        _places.add(place)
        return place


def _after_fork() -> None:
    """The calls are the parent's, and another thread may have held the lock."""
    global _lock  # noqa: PLW0603
    _lock = threading.Lock()
    _places.clear()


_limit: int | None = DEFAULT_CALL_LIMIT
_lock = threading.Lock()
_places: WeakSet[Place] = WeakSet()
os.register_at_fork(after_in_child=_after_fork)
