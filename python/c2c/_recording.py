"""A call's sound on its way into a file, each frame where its time is."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import trio

from c2c._errors import RecordingError
from c2c._lifetime import open_lifetime
from c2c._wav_file import SAMPLE_BYTES, WavFile

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable

    from c2c._audio_manager import AudioStream
    from c2c._c2c import AudioFrame

FLUSH_EVERY = 0.2  # seconds of sound that a killed process may lose
MAX_PENDING = 60  # seconds of sound that wait for a slow disk; what comes then is silence in the file


class Recording:
    """A recording that runs, or its result: made by `call.record()`, ends with its block or with the call."""

    def __init__(self, path: str, channels: int, file: WavFile, stream: AudioStream) -> None:
        self.path = path
        self.channels = channels
        self._second = SAMPLE_BYTES * channels * stream.rate  # in bytes
        self._file = file
        self._stream = stream
        self._timeline = _Timeline(channels)
        self._pending = bytearray()
        self._recorded = 0
        self._listened = trio.Event()
        self._closed = trio.Event()

    def __repr__(self) -> str:
        """Shows the file and its length."""
        return f"<Recording {self.path} {self.duration:.2f} s>"

    @property
    def rate(self) -> int:
        """Samples per second."""
        return self._stream.rate

    @property
    def duration(self) -> float:
        """Seconds of sound in the file so far."""
        return self._recorded / self._second

    async def stop(self) -> None:
        """Ends it and waits until all is on the disk, also what was heard and not yet taken."""
        while (frame := self._stream.take_nowait()) is not None:
            self._take(frame)
        self._stream.close()
        await self._closed.wait()

    async def _listen(self) -> None:
        """Takes the frames until the stream ends."""
        async for frame in self._stream:
            self._take(frame)
        self._listened.set()

    def _take(self, frame: AudioFrame) -> None:
        if len(self._pending) < MAX_PENDING * self._second:
            self._pending += self._timeline.placed(frame)

    async def _write(self, fail: Callable[[Exception], None]) -> None:
        """Brings what was taken to the disk until all is there; `fail` gets the `RecordingError`."""
        try:
            while not await self._is_written():
                with trio.move_on_after(FLUSH_EVERY):
                    await self._listened.wait()
        except RecordingError as error:
            fail(error)
        try:
            await trio.to_thread.run_sync(self._file.close)
        except RecordingError as error:
            fail(error)
        finally:
            self._stream.close()
            self._closed.set()

    async def _is_written(self) -> bool:
        is_last = self._listened.is_set()
        samples, self._pending = self._pending, bytearray()
        if samples:
            await trio.to_thread.run_sync(self._file.append, samples)
            self._recorded += len(samples)
        return is_last


@asynccontextmanager
async def open_recording(
    path: str, channels: int, rate: int, open_stream: Callable[[], AudioStream]
) -> AsyncIterator[Recording]:
    """Records while the block runs; raises `RecordingError`, which ends the block when it comes meanwhile."""
    file = await trio.to_thread.run_sync(WavFile, path, rate, channels)
    recording = Recording(path, channels, file, open_stream())
    async with open_lifetime(recording.stop) as lifetime:
        lifetime.start(recording._listen)
        lifetime.start(lambda: recording._write(lifetime.fail))
        yield recording


class _Timeline:
    """Where the next frame belongs: what was lost on the way becomes silence, so that the recording keeps time."""

    def __init__(self, channels: int) -> None:
        self._channels = channels
        self._next: int | None = None

    def placed(self, frame: AudioFrame) -> bytes:
        """Returns the frame's samples behind the silence that is missing before them."""
        missing = 0 if self._next is None else max(0, frame.position - self._next)
        self._next = frame.position + frame.samples // self._channels
        return bytes(missing * SAMPLE_BYTES * self._channels) + bytes(memoryview(frame).cast("B"))
