"""A call's sound in Python's hands: streams to listen to, clips and samples to say."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

import trio

from c2c import events
from c2c._errors import EngineError, WrongState

if TYPE_CHECKING:
    from c2c._c2c import AudioFrame, AudioReader, AudioWriter, CallStats, Clip, Engine, Event
    from c2c._errors import C2CError
    from c2c._event_bus import EventBus


class AudioManager:
    """The sound of all calls of one client: wakes whoever waits for a ring or for the end of a clip."""

    def __init__(self, engine: Engine, bus: EventBus) -> None:
        self._engine = engine
        self._bus = bus
        self._rings: weakref.WeakValueDictionary[int, AudioStream | _Writing] = weakref.WeakValueDictionary()
        self._plays: dict[int, _Playing] = {}
        self._numbers = itertools.count(1)

    def routes(self) -> dict[type[Event], Callable[[Any], None]]:
        """Which event of the engine goes where."""
        from c2c._c2c import Event

        return {Event.RingReady: self._ring_ready, Event.PlayEnded: self._play_ended}

    def of_call(self, call: int) -> CallAudio:
        """Returns the sound of a new call."""
        return CallAudio(self, call)

    def stop(self) -> None:
        """Tells that the far side's sound was stopped."""
        self._bus.emit(events.AudioEnded())

    def capture(self, audio: CallAudio) -> None:
        """Hands out the far side's sound, for clients that want to capture it."""
        self._bus.emit(events.CaptureAudio(audio.stream(48_000)))

    def open_stream(self, call: int, rate: int, *, both_sides: bool) -> AudioStream:
        """Returns a new reader's stream."""
        reader = self._engine.open_reader(call, rate, both_sides)
        self._rings[reader.ring] = stream = AudioStream(reader)
        return stream

    def open_writing(self, call: int, rate: int) -> _Writing:
        """Returns a new writer."""
        writer = self._engine.open_writer(call, rate)
        self._rings[writer.ring] = writing = _Writing(writer)
        return writing

    async def play(self, call: int, clip: Clip) -> bool:
        """Plays `clip` and waits for its last sample to leave; whether it did. Stops it when cancelled."""
        number = next(self._numbers)
        playing = self._plays[number] = _Playing(call)
        try:
            self._engine.play(call, number, clip)
            await playing.ended.wait()
        finally:
            del self._plays[number]
            if not playing.ended.is_set():
                with suppress(EngineError):  # nothing plays any more if the engine is closed
                    self._engine.stop_playing(call, number)
        return playing.completed

    def stats(self, call: int) -> CallStats | None:
        """Returns the call's numbers, if it is live."""
        return self._engine.stats(call)

    def call_ended(self, call: int) -> None:
        """Wakes whoever still waits for a clip of the call."""
        for playing in self._plays.values():
            if playing.call == call:
                playing.ended.set()

    def _ring_ready(self, event: Event.RingReady) -> None:
        if ring := self._rings.get(event.ring):
            ring.wake.unpark_all()

    def _play_ended(self, event: Event.PlayEnded) -> None:
        if playing := self._plays.get(event.play):
            playing.completed = event.completed
            playing.ended.set()


class AudioStream(AsyncIterator["AudioFrame"]):
    """The far side's sound, 20 ms a frame, in this reader's own copy; made by `call.audio()`, ends with the call.

    When the reader is late, the oldest frames are dropped and counted; `position` of the frames shows the gap.
    """

    def __init__(self, reader: AudioReader) -> None:
        self._reader = reader
        self._closed = False
        self.wake = trio.lowlevel.ParkingLot()

    @property
    def rate(self) -> int:
        """Samples per second."""
        return self._reader.rate

    @property
    def dropped(self) -> int:
        """Frames lost because they were not read in time."""
        return self._reader.dropped

    def __aiter__(self) -> AudioStream:
        """Returns itself."""
        return self

    async def __anext__(self) -> AudioFrame:
        """Waits for the next frame."""
        await trio.lowlevel.checkpoint_if_cancelled()
        while not self._closed:
            ended = self._reader.ended  # asked first: a frame may come in between
            if (frame := self._reader.take()) is not None:
                await trio.lowlevel.cancel_shielded_checkpoint()
                return frame
            if ended:
                self.close()
            else:
                await self.wake.park()
        raise StopAsyncIteration

    def take_nowait(self) -> AudioFrame | None:
        """Returns a frame that is there already, if one is."""
        return None if self._closed else self._reader.take()

    def close(self) -> None:
        """Ends the iteration, also one that waits."""
        self._closed = True
        self._reader.close()
        self.wake.unpark_all()

    def __enter__(self) -> AudioStream:
        """Returns itself; leaving the block closes it."""
        return self

    def __exit__(self, *exc_info: object) -> None:
        """Closes it."""
        self.close()


class CallAudio:
    """The sound of one call, both ways."""

    def __init__(self, manager: AudioManager, call: int) -> None:
        self._manager = manager
        self._call = call
        self._speaking = False
        self._writing: _Writing | None = None
        self._ready = trio.Event()
        self._over = trio.Event()
        self._interrupted: Callable[[], C2CError] | None = None

    def connected(self) -> None:
        """Sound flows from now on."""
        self._ready.set()

    def ended(self, interrupted: Callable[[], C2CError]) -> None:
        """The call is over; whoever still wants to say something gets what `interrupted` makes."""
        self._interrupted = interrupted
        self._ready.set()
        self._over.set()
        self._manager.call_ended(self._call)
        if self._writing is not None:
            self._writing.wake.unpark_all()

    def stream(self, rate: int, *, both_sides: bool = False) -> AudioStream:
        """Returns a new stream of the far side's sound, or of both sides' in stereo: this side left."""
        return self._manager.open_stream(self._call, rate, both_sides=both_sides)

    def stats(self) -> CallStats | None:
        """Returns the call's numbers, if it is live."""
        return self._manager.stats(self._call)

    async def play(self, load: Callable[[], Awaitable[Clip]]) -> None:
        """Plays the clip that `load` awaits, once sound flows."""
        with self._only_speaker():
            clip = await load()
            await self._ready.wait()
            self._check()
            await self._finish_writing()
            if not await self._manager.play(self._call, clip):
                # only the call's end stops a clip that nobody cancelled; its event may come a batch later
                await self._over.wait()
                self._check()

    async def write(self, samples: memoryview, rate: int) -> None:
        """Hands `samples` (bytes of signed 16-bit mono) over, waiting for room; returns when the last one is taken."""
        with self._only_speaker():
            await self._ready.wait()
            self._check()
            writing = await self._writer(rate)
            offset = 0
            while offset < len(samples) // 2:
                await trio.lowlevel.checkpoint_if_cancelled()
                taken = writing.writer.write(samples, offset)
                offset += taken
                if not taken:
                    self._check()
                    await writing.wake.park()
                    self._check()

    async def _writer(self, rate: int) -> _Writing:
        if self._writing is not None and (self._writing.is_closed or self._writing.writer.rate != rate):
            await self._finish_writing()
        if self._writing is None:
            self._writing = self._manager.open_writing(self._call, rate)
        return self._writing

    async def _finish_writing(self) -> None:
        """Lets what was written leave before anything else is said."""
        if (writing := self._writing) is not None:
            writing.close()
            while not writing.writer.ended:
                await writing.wake.park()
                self._check()
            self._writing = None

    def _check(self) -> None:
        if self._interrupted is not None:
            raise self._interrupted()

    @contextmanager
    def _only_speaker(self) -> Iterator[None]:
        if self._speaking:
            text = "Another play() or write() of this call is running"
            raise WrongState(text, stage="media", hint="wait for it, or cancel it")
        self._speaking = True
        try:
            yield
        finally:
            self._speaking = False


class _Playing:
    """A clip that plays."""

    def __init__(self, call: int) -> None:
        self.call = call
        self.completed = False
        self.ended = trio.Event()


class _Writing:
    """A writer and whoever waits for room in its ring."""

    def __init__(self, writer: AudioWriter) -> None:
        self.writer = writer
        self.is_closed = False
        self.wake = trio.lowlevel.ParkingLot()

    def close(self) -> None:
        self.is_closed = True
        self.writer.close()
