"""What the gateway's agent does in a call, step by step.

Steps before the first one that needs a call happen before the answer; that one implies the answer.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from ._sound import Sound

Codec: TypeAlias = Literal["opus", "PCMU", "PCMA"]


@dataclass(frozen=True)
class Ring:
    """Send 180 and ring for `seconds`."""

    seconds: float = 0.0


@dataclass(frozen=True)
class Reject:
    """Send this final response (300 to 699) and be done."""

    status: int
    reason: str = ""


@dataclass(frozen=True)
class Answer:
    """Send 200 with SDP (180 before it, if nothing rang yet) and wait for the ACK."""


@dataclass(frozen=True)
class Play:
    """Play a sound: a `Clip`, a WAV file's path, or a WAV file's bytes.

    In the background the next step begins at once; otherwise when the last sample has left.
    """

    sound: Sound
    background: bool = False


@dataclass(frozen=True)
class Wait:
    """Do nothing for `seconds` once sound flows (a sound in the background plays on)."""

    seconds: float


@dataclass(frozen=True)
class Listen:
    """Until the client was heard and then silent for `silence` seconds, at most `at_most` seconds; without `silence` all of them."""

    at_most: float = 10.0
    silence: float | None = None


@dataclass(frozen=True)
class Echo:
    """Send back what is heard, for `seconds`."""

    seconds: float


@dataclass(frozen=True)
class SendInfo:
    """Send INFO with any body and wait for its final response."""

    body: bytes | str
    content_type: str = "application/json"


@dataclass(frozen=True)
class Metadata:
    """Send INFO with a JSON body, as the Flow's "Send Metadata" node does."""

    data: Mapping[str, object]


@dataclass(frozen=True)
class Transcription:
    """Send INFO with a transcription: who said what (`originator` is "bot" or "user")."""

    text: str | Sequence[str]
    originator: str = "bot"


@dataclass(frozen=True)
class AwaitInfo:
    """Until the client sends an INFO, at most `at_most` seconds; one that came earlier and was not awaited counts."""

    at_most: float = 10.0


@dataclass(frozen=True)
class Hold:
    """Put the client on hold (re-INVITE, `a=sendonly`) and wait for the final response."""


@dataclass(frozen=True)
class Resume:
    """Take the client off hold (re-INVITE, `a=sendrecv`) and wait for the final response."""


@dataclass(frozen=True)
class Refresh:
    """Refresh the session by UPDATE and wait for the final response."""


@dataclass(frozen=True)
class HangUp:
    """Send BYE, with a `Reason` header when `cause` is given (RFC 3326)."""

    cause: int | None = None
    text: str = ""
    protocol: str = "SIP"


Step: TypeAlias = (
    Ring
    | Reject
    | Answer
    | Play
    | Wait
    | Listen
    | Echo
    | SendInfo
    | Metadata
    | Transcription
    | AwaitInfo
    | Hold
    | Resume
    | Refresh
    | HangUp
)


@dataclass(frozen=True, init=False)
class Agent:
    """Follows its steps in each call, then stays on the line until the client hangs up."""

    steps: tuple[Step, ...]
    codecs: tuple[Codec, ...] = field(default=("opus", "PCMU", "PCMA"))

    def __init__(self, *steps: Step, codecs: Sequence[Codec] = ("opus", "PCMU", "PCMA")) -> None:
        object.__setattr__(self, "steps", steps)
        object.__setattr__(self, "codecs", tuple(codecs))


def info_of(step: SendInfo | Metadata | Transcription) -> tuple[str, bytes]:
    """Content type and body of the INFO that a step sends."""
    if isinstance(step, SendInfo):
        return step.content_type, step.body.encode() if isinstance(step.body, str) else step.body
    return "application/json", _compact(step.data if isinstance(step, Metadata) else _transcription(step))


def _transcription(step: Transcription) -> Mapping[str, object]:
    texts = [step.text] if isinstance(step.text, str) else step.text
    messages = [{"text": text} for text in texts]
    return {"_transcription": {"originator": step.originator, "messages": messages}}


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
