"""Calls that the far side places: answered or rejected."""

from __future__ import annotations

from typing import TYPE_CHECKING

import trio

from c2c._errors import WrongState

if TYPE_CHECKING:
    from c2c._c2c import Engine
    from c2c._call_record import CallRecord


class Answering:
    """Answers and rejects calls of one client, each once."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    async def answer(self, record: CallRecord) -> None:
        """Answers and waits until that is so. Ends the call when cancelled."""
        _decide(record)
        try:
            self._engine.answer_call(record.number)
            await record.answered.wait()
        except trio.Cancelled:
            self._engine.end_call(record.number)
            raise
        if not record.was_answered:
            raise record.failure()

    async def reject(self, record: CallRecord, status: int) -> None:
        """Rejects and waits for the call's end."""
        _decide(record)
        self._engine.reject_call(record.number, status, _REASONS.get(status, "Rejected"))
        await record.ended.wait()


def check_status(status: object) -> int:
    """Returns `status`; `TypeError` or `ValueError` if it rejects no call."""
    if type(status) is not int:
        raise TypeError(f"status: must be int, not {type(status).__name__}")
    if not 400 <= status <= 699:
        raise ValueError(f"status: must be from 400 to 699, not {status}")
    return status


def _decide(record: CallRecord) -> None:
    if record.direction != "incoming":
        raise WrongState(
            "The call is ours: only calls that come are answered or rejected", hint="wait_answered() waits"
        )
    if record.is_over:
        raise record.interruption()
    if record.is_decided:
        raise WrongState("The call was answered or rejected already")
    record.is_decided = True


BUSY = 486
_REASONS = {
    403: "Forbidden",
    404: "Not Found",
    480: "Temporarily Unavailable",
    BUSY: "Busy Here",
    488: "Not Acceptable Here",
    600: "Busy Everywhere",
    603: "Decline",
    606: "Not Acceptable",
}
