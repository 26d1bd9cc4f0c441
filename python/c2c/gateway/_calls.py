"""A record of each call that the gateway got, and a handle on it while it lives."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import trio

from ._script import InfoStep, Metadata, SendInfo, Transcription
from ._sound import Heard, Sound, clip_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from c2c._c2c import CallStats, Gateway

    from ._script import Codec


@dataclass(frozen=True)
class Info:
    """An INFO that the client sent."""

    content_type: str
    body: bytes

    def json(self) -> Any:  # noqa: ANN401 (whatever the client sent)
        """Its body read as JSON. Raises ValueError."""
        return json.loads(self.body)


@dataclass(frozen=True)
class ReceivedTone:
    """A DTMF tone that the client sent; `duration` in seconds, if it said so."""

    tone: str
    duration: float | None
    transport_type: Literal["INFO", "RFC2833"]


@dataclass(frozen=True)
class End:
    """How a call ended, seen from the gateway."""

    by: Literal["local", "remote", "system"]
    answered: bool
    how: str
    status: int | None
    reason: str | None


class GatewayCall:
    """One call: what came of it so far, ways to wait for more, and what the agent may do beside its script."""

    def __init__(self, gateway: Gateway, number: int, target: str, caller: str, headers: list[tuple[str, str]]) -> None:
        self._gateway = gateway
        self._number = number
        self._changed = trio.Event()
        self.target = target
        self.caller = caller
        self.headers = headers
        self.answered = False
        self.media_connected = False
        self.script_ended = False
        self.infos: list[Info] = []
        self.tones: list[ReceivedTone] = []
        self.responses: list[tuple[str, int]] = []
        self.refreshes: list[Literal["gateway", "client"]] = []
        self.end: End | None = None
        self.stats: CallStats | None = None
        self.heard: Heard | None = None

    def __repr__(self) -> str:
        state = "ended" if self.end else "answered" if self.answered else "ringing"
        return f"GatewayCall({self.target!r}, {state}, infos={len(self.infos)})"

    def header(self, name: str) -> str | None:
        """The first value of a header of the INVITE, whose name may be in any case."""
        return next((value for key, value in self.headers if key.lower() == name.lower()), None)

    async def wait_until(self, condition: Callable[[GatewayCall], bool]) -> None:
        """Wait until `condition(call)` holds. Raises RuntimeError when the call ends first."""
        while not condition(self):
            if self.end:
                raise RuntimeError(f"the call ended before: {self.end}")
            await self._changed.wait()

    async def wait_answered(self) -> None:
        """Wait for the ACK."""
        await self.wait_until(lambda call: call.answered)

    async def wait_media(self) -> None:
        """Wait until sound can flow (ICE and DTLS are up)."""
        await self.wait_until(lambda call: call.media_connected)

    async def wait_info(self, number: int = 0) -> Info:
        """The `number`th INFO from the client."""
        await self.wait_until(lambda call: len(call.infos) > number)
        return self.infos[number]

    async def wait_tones(self, tones: str) -> None:
        """Wait until the client has sent these tones, whatever the transport."""
        await self.wait_until(lambda call: tones in "".join(received.tone for received in call.tones))

    async def wait_script(self) -> None:
        """Wait until the agent's last step is done."""
        await self.wait_until(lambda call: call.script_ended)

    async def wait_ended(self) -> End:
        """Wait for the end; `heard` and `stats` are there then."""
        while self.end is None:
            await self._changed.wait()
        return self.end

    def answer(self) -> None:
        """Answer, whatever the script waits for."""
        self._gateway.answer(self._number)

    def play(self, sound: Sound) -> None:
        """Play a sound, unless one plays."""
        self._gateway.play(self._number, clip_of(sound))

    def send_info(self, body: bytes | str, content_type: str = "application/json") -> None:
        """Send INFO; its response comes into `responses`."""
        self._send(SendInfo(body, content_type))

    def send_metadata(self, data: Mapping[str, object]) -> None:
        """Send INFO with a JSON body."""
        self._send(Metadata(data))

    def send_transcription(self, text: str, originator: str = "bot") -> None:
        """Send INFO with a transcription."""
        self._send(Transcription(text, originator))

    def hold(self) -> None:
        """Put the client on hold."""
        self._gateway.hold(self._number)

    def resume(self) -> None:
        """Take the client off hold."""
        self._gateway.resume(self._number)

    def change_codec(self, codec: Codec) -> None:
        """Offer only this codec from now on."""
        self._gateway.change_codecs(self._number, [codec])

    def send_dtmf(self, tones: str) -> None:
        """Send tones as telephone-events in RTP."""
        self._gateway.send_dtmf(self._number, tones)

    def refresh(self) -> None:
        """Refresh the session by UPDATE."""
        self._gateway.refresh(self._number)

    def hang_up(self, cause: int | None = None, text: str = "", *, protocol: str = "SIP") -> None:
        """Send BYE (480 before the answer), with a `Reason` header when `cause` is given."""
        self._gateway.hang_up(self._number, cause, text, protocol)

    def note(self, change: Callable[[GatewayCall], None]) -> None:
        """Apply what an event says and wake those who wait (for the event pump)."""
        change(self)
        self._changed.set()
        self._changed = trio.Event()

    def _send(self, info: InfoStep) -> None:
        self._gateway.send_info(self._number, *info.info())
