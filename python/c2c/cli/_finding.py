"""What the doctor found at one stage."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

import trio

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

Status: TypeAlias = Literal["ok", "warning", "failed", "skipped"]


@dataclass(frozen=True)
class Finding:
    """`detail` says what was found, `hint` what to do about it."""

    stage: str
    status: Status
    detail: str
    seconds: float | None = None
    hint: str | None = None


class Problem(Exception):
    """Raised by a check that found something wrong."""

    def __init__(self, detail: str, hint: str | None = None, *, status: Status = "failed") -> None:
        super().__init__(detail)
        self.hint = hint
        self.status = status


async def examined(stage: str, check: Callable[[], Awaitable[str]], limit: float, hint: str) -> Finding:
    """Runs a check that returns a detail or raises `Problem`, for at most `limit` seconds."""
    started = trio.current_time()
    try:
        with trio.fail_after(limit):
            detail = await check()
    except Problem as problem:
        return Finding(stage, problem.status, str(problem), trio.current_time() - started, problem.hint or hint)
    except trio.TooSlowError:
        return Finding(stage, "failed", f"no answer within {limit:g} s", trio.current_time() - started, hint)
    return Finding(stage, "ok", detail, trio.current_time() - started)
