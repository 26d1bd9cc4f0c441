"""What the gateway's agent does in a call, step by step.

Steps before the first one that needs a call happen before the answer; that one implies the answer.
"""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

from c2c._c2c import GatewayStep

from ._sound import Sound, clip_of

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

Codec: TypeAlias = Literal["opus", "PCMU", "PCMA"]


class Step(ABC):
    """One step of a script."""

    @abstractmethod
    def to_border(self) -> GatewayStep:
        """Return it as `c2c._c2c` takes it. Raises ValueError for what is out of range."""


@dataclass(frozen=True)
class Ring(Step):
    """Send 180 and ring for `seconds`."""

    seconds: float = 0.0

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.ring(self.seconds)


@dataclass(frozen=True)
class Progress(Step):
    """Send 183 with SDP, so that sound flows before the answer, and play `sound` if there is one, for `seconds`."""

    seconds: float = 0.0
    sound: Sound | None = None

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.progress(self.seconds, None if self.sound is None else clip_of(self.sound))


@dataclass(frozen=True)
class Reject(Step):
    """Send this final response (300 to 699) and be done."""

    status: int
    reason: str = ""

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.reject(self.status, self.reason)


@dataclass(frozen=True)
class Answer(Step):
    """Send 200 with SDP (180 before it, if nothing rang yet) and wait for the ACK."""

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.answer()


@dataclass(frozen=True)
class Play(Step):
    """Play a sound: a `Clip`, a WAV file's path, or a WAV file's bytes.

    In the background the next step begins at once; otherwise when the last sample has left.
    """

    sound: Sound
    background: bool = False

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.play(clip_of(self.sound), self.background)


@dataclass(frozen=True)
class Wait(Step):
    """Do nothing for `seconds` once sound flows (a sound in the background plays on)."""

    seconds: float

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.wait(self.seconds)


@dataclass(frozen=True)
class Listen(Step):
    """Until the client was heard and then silent for `silence` seconds, or until `at_most` seconds have passed."""

    at_most: float = 10.0
    silence: float | None = None

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.listen(self.at_most, self.silence)


@dataclass(frozen=True)
class Echo(Step):
    """Send back what is heard, for `seconds`."""

    seconds: float

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.echo(self.seconds)


class InfoStep(Step):
    """A step that sends INFO and waits for its final response."""

    @abstractmethod
    def info(self) -> tuple[str, bytes]:
        """Return content type and body."""

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.send_info(*self.info())


@dataclass(frozen=True)
class SendInfo(InfoStep):
    """Send INFO with any body."""

    body: bytes | str
    content_type: str = "application/json"

    def info(self) -> tuple[str, bytes]:
        """Return content type and body."""
        return self.content_type, self.body.encode() if isinstance(self.body, str) else self.body


@dataclass(frozen=True)
class Metadata(InfoStep):
    """Send INFO with a JSON body, as the Flow's "Send Metadata" node does."""

    data: Mapping[str, object]

    def info(self) -> tuple[str, bytes]:
        """Return content type and body."""
        return "application/json", _compact(self.data)


@dataclass(frozen=True)
class Transcription(InfoStep):
    """Send INFO with a transcription: who said what (`originator` is "bot" or "user")."""

    text: str | Sequence[str]
    originator: str = "bot"

    def info(self) -> tuple[str, bytes]:
        """Return content type and body."""
        texts = [self.text] if isinstance(self.text, str) else self.text
        messages = [{"text": text} for text in texts]
        return "application/json", _compact({"_transcription": {"originator": self.originator, "messages": messages}})


@dataclass(frozen=True)
class AwaitInfo(Step):
    """Until the client sends an INFO, at most `at_most` seconds; one that came earlier and was not awaited counts."""

    at_most: float = 10.0

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.await_info(self.at_most)


@dataclass(frozen=True)
class Hold(Step):
    """Put the client on hold (re-INVITE, `a=sendonly`) and wait for the final response."""

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.hold()


@dataclass(frozen=True)
class Resume(Step):
    """Take the client off hold (re-INVITE, `a=sendrecv`) and wait for the final response."""

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.resume()


@dataclass(frozen=True)
class ChangeCodec(Step):
    """Offer only this codec from now on (re-INVITE) and wait for the final response."""

    codec: Codec

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.change_codecs([self.codec])


@dataclass(frozen=True)
class SendDtmf(Step):
    """Send tones as telephone-events in RTP, for as long as they take; times in seconds."""

    tones: str
    duration: float | None = None
    inter_tone_gap: float | None = None

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.send_dtmf(self.tones, self.duration, self.inter_tone_gap)


@dataclass(frozen=True)
class Refresh(Step):
    """Refresh the session by UPDATE and wait for the final response."""

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.refresh()


@dataclass(frozen=True)
class HangUp(Step):
    """Send BYE, with a `Reason` header when `cause` is given (RFC 3326)."""

    cause: int | None = None
    text: str = ""
    protocol: str = "SIP"

    def to_border(self) -> GatewayStep:
        """As `Step` says."""
        return GatewayStep.hang_up(self.cause, self.text, self.protocol)


class Agent:
    """Follows its steps in each call, then stays on the line until the client hangs up."""

    def __init__(self, *steps: Step, codecs: Sequence[Codec] = ("opus", "PCMU", "PCMA")) -> None:
        self.steps = steps
        self.codecs = tuple(codecs)

    def __repr__(self) -> str:
        return f"Agent({', '.join(map(repr, self.steps))}, codecs={self.codecs})"


def _compact(value: object) -> bytes:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
