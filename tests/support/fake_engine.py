"""A border without an engine: takes the commands of one client and tells what the test wants it to tell."""

from __future__ import annotations

import os
import socket
from array import array
from collections import deque
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from c2c._c2c import AudioFrame, CallEnd, CallState, CallStats, Event
from c2c._errors import EngineClosed

if TYPE_CHECKING:
    from typing_extensions import Buffer

    from c2c._c2c import Clip, ProxySettings, SipSettings

START = 1_700_000_000.0
FRAME_RATE = 50
FIRST_INCOMING = 1 << 63


class FakeEngine:
    """Has the members of `c2c._c2c.Engine`: writes commands down and answers at once, as if all went well.

    Commands in `answers` are answered by the events there instead, those in `silent` not at all.

    It checks nothing: a test may let it tell what a real engine never would.
    """

    def __init__(self) -> None:
        self.commands: list[tuple[Any, ...]] = []
        self.routes: list[tuple[ProxySettings | None, bool]] = []  # of `connect` and `renew`
        self.silent: set[str] = set()
        self.answers: dict[str, list[Event]] = {}
        self.registers = True
        self.calls: dict[int, FakeCall] = {}
        self.readers: list[FakeReader] = []
        self.writers: list[FakeWriter] = []
        self.is_closed = False
        self._is_open = self._is_registered = False
        self._events: deque[Event] = deque()
        self._theirs, self._wake = socket.socketpair()
        self._wake.setblocking(False)

    def names(self) -> list[str]:
        """Returns the names of the commands so far."""
        return [command[0] for command in self.commands]

    def tell(self, *events: Event) -> None:
        """Queues events and wakes the client, as the engine does: one byte when the queue turns non-empty."""
        was_empty = not self._events
        self._events.extend(events)
        for event in events:
            self._follow(event)
        if was_empty and events:
            with suppress(OSError):  # the client is gone, or the pair is full
                self._wake.send(b"\0")

    def release(self) -> None:
        """Closes the fake's end of the wake-up pair and, if nobody took it, the client's."""
        self._wake.close()
        self._theirs.close()

    # what the client calls

    def take_wake_fd(self) -> int:
        return self._theirs.detach()

    def poll_events(self) -> list[Event]:
        events = list(self._events)
        self._events.clear()
        return events

    def connect(self, settings: SipSettings, *, proxy: ProxySettings | None = None, public_only: bool = False) -> None:
        self.routes.append((proxy, public_only))
        if self._take("connect", settings):
            if not self._is_open:
                self.tell(Event.Connecting(), Event.Connected())
            if self.registers and not self._is_registered:
                self.tell(Event.Registered())

    def prepare(self, websocket_uri: str, *, proxy: ProxySettings | None = None, public_only: bool = False) -> None:
        self._take("prepare", websocket_uri)

    def discard_prepared(self) -> None:
        self._take("discard_prepared")

    def disconnect(self) -> None:
        if self._take("disconnect"):
            self.hang_up("local")
            if self._is_registered:
                self.tell(Event.Unregistered())
            self.tell(Event.Disconnected(None, None))

    def renew(
        self, settings: SipSettings | None, *, proxy: ProxySettings | None = None, public_only: bool = False
    ) -> None:
        self.routes.append((proxy, public_only))
        self._take("renew", settings)

    def retry(self) -> None:
        self._take("retry")

    def network_changed(self) -> None:
        self._take("network_changed")

    def start_call(self, call: int, target: str, headers: list[tuple[str, str]]) -> None:
        self.calls[call] = FakeCall(call)
        if self._take("start_call", call, target, headers):
            self.tell(Event.CallCreated(self.calls[call].state("init")))

    def answer_call(self, call: int) -> None:
        if self._take("answer_call", call):
            self.answer()

    def reject_call(self, call: int, status: int, reason: str) -> None:
        if self._take("reject_call", call, status, reason):
            self.finish(CallEnd("local", "Rejected", None, None, None, ""))

    def end_call(self, call: int, status: int | None = None, text: str = "") -> None:
        if self._take("end_call", call, status, text):
            self.hang_up("local")

    def send_info(self, call: int, request: int, content_type: str, body: bytes) -> None:
        if self._take("send_info", call, request, content_type, body):
            self.tell(Event.InfoSent(call, request))

    def send_dtmf(
        self, call: int, request: int, tones: str, transport: str, duration: float | None, inter_tone_gap: float | None
    ) -> None:
        if self._take("send_dtmf", call, request, tones, transport, duration, inter_tone_gap):
            self.tell(Event.DtmfSent(call, request))

    def set_muted(self, call: int, muted: bool) -> None:
        if self._take("set_muted", call, muted):
            self.calls[call].muted = muted
            state = self.calls[call].state("answered")
            self.tell(Event.Muted(state) if muted else Event.Unmuted(state))

    def play(self, call: int, play: int, clip: Clip) -> None:
        if self._take("play", call, play, clip):
            self.tell(Event.PlayEnded(call, play, True))

    def stop_playing(self, call: int, play: int) -> None:
        self._take("stop_playing", call, play)

    def open_reader(self, call: int, rate: int, both_sides: bool = False) -> FakeReader:
        self._take("open_reader", call, rate, both_sides)
        self.readers.append(FakeReader(2 * len(self.readers), rate, ended=call not in self.calls))
        return self.readers[-1]

    def open_writer(self, call: int, rate: int) -> FakeWriter:
        self._take("open_writer", call, rate)
        self.writers.append(FakeWriter(2 * len(self.writers) + 1, rate))
        return self.writers[-1]

    def stats(self, call: int) -> CallStats | None:
        return make_stats() if call in self.calls else None

    def close(self) -> None:
        is_answered = self._take("close")
        self.is_closed = True
        if is_answered:
            self.hang_up("local")
            self.tell(Event.Closed())

    # what the far side does

    def call_us(self) -> int:
        """Has the far side call; returns the call's number."""
        call = FakeCall(FIRST_INCOMING, incoming=True)
        self.calls[call.number] = call
        self.tell(Event.CallCreated(call.state("init")), Event.Ringing(call.state("ringing")))
        return call.number

    def ring(self) -> None:
        self.tell(Event.Ringing(self.call.state("ringing")))

    def answer(self) -> None:
        self.call.answered = True
        self.tell(Event.TrackAdded(self.call.number), Event.Answered(self.call.state("answered")))
        self.tell(Event.MediaConnected(self.call.number))

    def lose(self, code: int | None = 1006, reason: str = "reset by peer") -> None:
        """Loses the connection; calls go on."""
        self.tell(Event.Disconnected(code, reason))
        if self.registers:
            self.tell(Event.Unregistered())
        self.tell(Event.Reconnecting(reason), Event.Connecting())

    def come_back(self) -> None:
        """Brings a lost connection back."""
        self.tell(Event.Connected())
        if self.registers:
            self.tell(Event.Registered())
        self.tell(Event.Reconnected())

    def reject(self, status: int, cause: str) -> None:
        self.finish(CallEnd("remote", cause, str(status), status, "invite", "try later"))

    def hang_up(self, originator: str = "remote") -> None:
        for call in list(self.calls.values()):
            cause = "Terminated" if call.answered else "Canceled"
            self.finish(CallEnd(originator, cause, None, None, None, ""), call)

    def finish(self, end: CallEnd, call: FakeCall | None = None) -> None:
        call = call or self.call
        del self.calls[call.number]
        kind, status = (Event.Ended, "ended") if call.answered else (Event.Failed, "failed")
        self.tell(kind(call.state(status), end, make_stats()))

    def hear(self, reader: FakeReader, value: int) -> None:
        """Gives `reader` 20 ms of samples of this value."""
        reader.push(value)
        self.tell(Event.RingReady(reader.ring))

    def send_frame(self, writer: FakeWriter) -> list[int]:
        """Takes 20 ms from `writer`, as the driver does each 20 ms."""
        frame = writer.pull()
        self.tell(Event.RingReady(writer.ring))
        return frame

    @property
    def call(self) -> FakeCall:
        """The live call."""
        (call,) = self.calls.values()
        return call

    def lose_registration(self) -> None:
        """Refuses a refresh for good; the connection and its calls go on."""
        self.tell(Event.RegistrationFailed("Rejected", 403, "Forbidden"), Event.Unregistered())

    def _follow(self, event: Event) -> None:
        """Keeps what the real engine would know."""
        if isinstance(event, (Event.Connected, Event.Disconnected)):
            self._is_open = isinstance(event, Event.Connected)
        if isinstance(event, (Event.Registered, Event.Unregistered, Event.Disconnected)):
            self._is_registered = isinstance(event, Event.Registered)

    def _take(self, *command: Any) -> bool:
        """Writes the command down; whether it is to be answered as usual."""
        if self.is_closed:
            raise EngineClosed("the client is closed")
        self.commands.append(command)
        answer = self.answers.get(command[0])
        self.tell(*(answer or ()))
        return answer is None and command[0] not in self.silent


class FakeCall:
    """What the engine knows of a call."""

    def __init__(self, number: int, *, incoming: bool = False) -> None:
        self.number = number
        self.incoming = incoming
        self.answered = False
        self.muted = False
        self.remote_hold = False

    def state(self, status: str) -> CallState:
        answer_time = START + 1 if self.answered else None
        return CallState(self.number, status, self.incoming, START, answer_time, self.muted, False, self.remote_hold)


class FakeReader:
    """A ring of ten frames that drops the oldest."""

    def __init__(self, ring: int, rate: int, *, ended: bool = False) -> None:
        self.ring = ring
        self.rate = rate
        self.dropped = 0
        self.ended = ended
        self.is_closed = False
        self._position = 0
        self._frames: deque[AudioFrame] = deque()

    def take(self) -> AudioFrame | None:
        return self._frames.popleft() if self._frames else None

    def close(self) -> None:
        self.is_closed = True

    def push(self, value: int) -> None:
        samples = self.rate // FRAME_RATE
        self._frames.append(AudioFrame(array("h", [value] * samples), self.rate, self._position))
        self._position += samples
        if len(self._frames) > 10:
            self._frames.popleft()
            self.dropped += 1


class FakeWriter:
    """A ring of two frames that takes what there is room for."""

    def __init__(self, ring: int, rate: int) -> None:
        self.ring = ring
        self.rate = rate
        self.late = 0
        self.is_closed = False
        self._samples: deque[int] = deque()

    @property
    def ended(self) -> bool:
        return self.is_closed and not self._samples

    def write(self, samples: Buffer, offset: int = 0) -> int:
        if self.is_closed:
            return 0
        values = memoryview(samples).cast("B").cast("h")[offset:]
        room = 2 * self.rate // FRAME_RATE - len(self._samples)
        self._samples.extend(values[:room])
        return min(room, len(values))

    def close(self) -> None:
        self.is_closed = True

    def pull(self) -> list[int]:
        count = min(self.rate // FRAME_RATE, len(self._samples))
        return [self._samples.popleft() for _ in range(count)]


def make_stats(**values: Any) -> CallStats:
    """Returns the numbers of a call in which nothing happened but `values`."""
    return CallStats(**({name: _DEFAULTS.get(name, 0) for name in _STATS} | values))


def open_descriptors() -> set[str]:
    """Returns what this process has open, to be compared."""
    return set(os.listdir("/proc/self/fd"))


_STATS = [name for name in dir(CallStats) if not name.startswith("_")]
_DEFAULTS: dict[str, Any] = {"codec": "opus", "srtp_profile": "", "jitter": 0.0, "jitter_buffer_delay": 0.0}
