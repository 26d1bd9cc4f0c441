"""The object that a call's caller holds."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, cast

import trio

from c2c._answering import check_status
from c2c._clip import check_rate, clip_loader, pcm_bytes
from c2c._dtmf import Tones
from c2c._recording import Recording, open_recording

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from typing_extensions import Buffer

    from c2c._audio_manager import AudioStream
    from c2c._c2c import CallStats
    from c2c._call_record import CallRecord
    from c2c._clip import Sound
    from c2c._dtmf import DtmfTransport
    from c2c._session import CallEndInfo, CallSession


class Call:
    """A live call, made by `start_call()` or brought by `events.IncomingCall`; `session` is its snapshot now.

    A call that fails is an event; only who waits here gets an exception. Hanging up, muting and INFO are the client's,
    as in the SDK.
    """

    def __init__(self, record: CallRecord) -> None:
        self._record = record

    def __repr__(self) -> str:
        """Shows id and status."""
        return f"<Call {self.session.id} {self.session.status}>"

    @property
    def session(self) -> CallSession:
        """The call's snapshot, its duration counted up to now."""
        return self._record.snapshot()

    async def answer(self) -> CallSession:
        """Answers a call that rings here and returns when that is done; it is a call like any other from then on.

        Raises `CallFailed` if the far side gave up or no sound is possible, `NoActiveCall` after its end, `WrongState`
        for a call of ours or one that was answered or rejected before. Ends the call when cancelled.
        """
        await self._record.answering.answer(self._record)
        return self.session

    async def reject(self, status: int = 486) -> None:
        """Rejects a call that rings here with this SIP status, 400 to 699, and returns when it is over.

        Raises as `answer` does; that the far side gave up meanwhile is no error.
        """
        await self._record.answering.reject(self._record, check_status(status))

    async def wait_answered(self) -> CallSession:
        """Waits for the answer; `CallFailed` if the call is over without one. Being cancelled does not hang up."""
        await self._record.answered.wait()
        if not self._record.was_answered:
            raise self._record.failure()
        return self.session

    async def wait_ended(self) -> CallEndInfo:
        """Waits for the end and returns why it came, also for a call that was never answered."""
        await self._record.ended.wait()
        return cast("CallEndInfo", self._record.end_info)

    def audio(self, rate: int = 48_000) -> AudioStream:
        """Returns a new stream of the far side's sound: signed 16-bit mono at `rate` Hz; it ends with the call."""
        return self._record.audio.stream(check_rate(rate))

    async def play(self, sound: Sound, *, rate: int | None = None) -> None:
        """Plays a WAV file, samples (signed 16-bit mono at `rate` Hz) or a `Clip`; returns when the last one has left.

        Waits for the answer first. Raises `ClipError` for what cannot be played, `CallFailed`, `NoActiveCall` or a
        `MediaError` when the call is over before, `WrongState` while another `play` or `write` runs. Stops within a
        frame when cancelled.
        """
        await self._record.audio.play(clip_loader(sound, rate))

    async def send_dtmf(
        self,
        tones: str,
        *,
        duration: float | None = None,
        inter_tone_gap: float | None = None,
        transport_type: DtmfTransport = "INFO",
    ) -> None:
        """Sends tones in this call, as the client's `send_dtmf()` does."""
        checked = Tones(tones=tones, duration=duration, inter_tone_gap=inter_tone_gap, transport_type=transport_type)
        await self._record.dtmf.send(self._record, checked)

    async def write(self, pcm: Buffer, *, rate: int = 48_000) -> None:
        """Sends samples (signed 16-bit mono at `rate` Hz) live; waits while two frames wait to be sent.

        Waits for the answer first and raises as `play` does. While nothing is written silence goes out, and is counted.
        """
        samples = pcm_bytes(pcm, "pcm")
        check_rate(rate)
        await trio.lowlevel.checkpoint()
        await self._record.audio.write(samples, rate)

    def record(
        self, path: str | os.PathLike[str], *, rate: int = 48_000, stereo: bool = False
    ) -> AbstractAsyncContextManager[Recording, bool | None]:
        """Records the far side into a WAV file, 16-bit mono at `rate` Hz, while the block runs (`async with`).

        With `stereo` it records both sides, what is sent on the left and the far side on the right.
        The file is private (mode 0600), replaces one of that name, and can be read at any moment, also after a crash.
        Sound that was lost is silence in it, so that it keeps time. It ends with the block or with the call, whichever
        comes first. Raises `RecordingError` that names the file when it cannot be written; a full disk ends the block
        with it, and what was recorded by then is kept.
        """
        checked, name = check_rate(rate), _file_name(path)
        if not isinstance(stereo, bool):
            raise TypeError(f"stereo: must be bool, not {type(stereo).__name__}")
        channels = 2 if stereo else 1
        return open_recording(name, channels, checked, lambda: self._record.audio.stream(checked, both_sides=stereo))

    def stats(self) -> CallStats:
        """Returns the call's numbers: set-up stages, packets, loss, jitter, levels; after its end the last ones."""
        return self._record.stats()


def _file_name(path: object) -> str:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path: must be a file's path, not {type(path).__name__}")
    name = os.fspath(path)
    if not isinstance(name, str):
        raise TypeError("path: must be a path of str, not of bytes")
    if not name or "\0" in name:
        raise ValueError("path: is empty or holds a null character")
    return name
