"""What a call looks like from outside: snapshots that nobody changes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from datetime import datetime


class SessionStatus(StrEnum):
    """Life of a call: `init`, `ringing`, `answered`, then `ended`, or `failed` if it was never answered."""

    INIT = "init"
    RINGING = "ringing"
    ANSWERED = "answered"
    FAILED = "failed"
    ENDED = "ended"


@dataclass(frozen=True, kw_only=True)
class CallSession:
    """A call at one moment; times are aware and in UTC, `duration` is whole seconds since the answer."""

    id: str
    status: SessionStatus
    direction: Literal["incoming", "outgoing"]
    start_time: datetime
    answer_time: datetime | None = None
    duration: int = 0
    muted: bool = False
    local_hold: bool = False
    remote_hold: bool = False


@dataclass(frozen=True, kw_only=True)
class CallEndInfo:
    """Why a call ended; `cause` is JsSIP's text (`Terminated`, `Busy`), `description` its number as the SDK gives it.

    `sip_status`, `stage` and `hint` are ours: what was answered, where it failed and what to do.
    """

    originator: Literal["local", "remote", "system"] | None
    cause: str | None
    description: str | None = None
    sip_status: int | None = None
    stage: str | None = None
    hint: str | None = None
