"""One call: the record that the events of the engine write, and the object that its caller holds."""

from __future__ import annotations

import math
import os
import secrets
import string
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal, cast

import trio

from c2c._answering import check_status
from c2c._clip import check_rate, clip_loader, pcm_bytes
from c2c._dtmf import Tones
from c2c._errors import CallFailed, DtlsFailed, IceFailed, MediaError, NoActiveCall, NoCommonCodec
from c2c._recording import Recording, open_recording
from c2c._session import CallEndInfo, CallSession, SessionStatus

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from typing_extensions import Buffer

    from c2c._answering import Answering
    from c2c._audio_manager import AudioStream, CallAudio
    from c2c._c2c import CallState, CallStats
    from c2c._clip import Sound
    from c2c._dtmf import DtmfManager, DtmfTransport
    from c2c._errors import C2CError


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


class CallRecord:
    """What is known about one call. Only events of the engine change it, each by one of the methods here."""

    def __init__(self, number: int, audio: CallAudio, dtmf: DtmfManager, answering: Answering) -> None:
        self.number = number
        self.audio = audio
        self.dtmf = dtmf
        self.answering = answering
        self.call = Call(self)
        self.created = trio.Event()
        self.answered = trio.Event()  # or over
        self.ended = trio.Event()
        self.changed = trio.lowlevel.ParkingLot()
        self.was_created = False
        self.is_decided = False  # answered or rejected by us
        self.muted_wanted = False
        self.end_info: CallEndInfo | None = None
        self._session: CallSession | None = None
        self._answered_at: float | None = None
        self._last_stats: CallStats | None = None

    @property
    def is_over(self) -> bool:
        """Whether the end has come; nothing changes any more."""
        return self.end_info is not None

    @property
    def was_answered(self) -> bool:
        """Whether it is or was answered."""
        return self._answered_at is not None

    @property
    def direction(self) -> Literal["incoming", "outgoing"]:
        """Who placed it."""
        return "outgoing" if self._session is None else self._session.direction

    @property
    def is_active(self) -> bool:
        """Whether it is answered and not over."""
        return self.was_answered and not self.is_over

    def snapshot(self) -> CallSession:
        """Returns the session with its duration up to now, or up to the end."""
        assert self._session is not None
        if self._answered_at is None or self.is_over:
            return self._session
        return replace(self._session, duration=math.floor(trio.current_time() - self._answered_at))

    def create(self, state: CallState) -> None:
        """Takes the state that the call was made with."""
        self.update(state)
        self.was_created = True
        self.created.set()

    def update(self, state: CallState) -> CallSession:
        """Takes a state that the engine reported; the status stays as it is."""
        status = self._session.status if self._session else SessionStatus.INIT
        return self._take(state, status)

    def ring(self, state: CallState) -> CallSession | None:
        """Takes a provisional response; `None` if the call is past that."""
        return None if self.was_answered else self._take(state, SessionStatus.RINGING)

    def answer(self, state: CallState) -> CallSession | None:
        """Takes the answer; `None` for a second one."""
        if self.was_answered:
            return None
        self._answered_at = trio.current_time()
        session = self._take(state, SessionStatus.ANSWERED)
        self.answered.set()
        return session

    def finish(self, state: CallState | None, end_info: CallEndInfo, stats: CallStats | None) -> CallSession | None:
        """Takes the end: `ended` if the call was answered, `failed` if not, whichever the engine called it."""
        status = SessionStatus.ENDED if self.was_answered else SessionStatus.FAILED
        if state is not None:
            self._take(state, status)
        elif self._session is not None:
            self._session = replace(self.snapshot(), status=status)
        self._last_stats = stats
        self.end_info = end_info
        return self._session

    def release(self) -> None:
        """Wakes all who wait for anything but the end that was taken; called after its event was delivered."""
        self.created.set()
        self.answered.set()
        self.ended.set()
        self.changed.unpark_all()

    def stats(self) -> CallStats:
        """Returns the live numbers, or the last ones."""
        if self._last_stats is None and (stats := self.audio.stats()) is not None:
            return stats
        if self._last_stats is None:
            raise NoActiveCall("The call has no numbers", hint="ask while it is live")
        return self._last_stats

    def failure(self) -> CallFailed:
        """Returns the error for who waited for the answer, caused by what went wrong with the sound if that was it."""
        assert self.end_info is not None
        error = CallFailed(self.end_info)
        error.__cause__ = _media_error(self.end_info)
        return error

    def interruption(self) -> C2CError:
        """Returns the error for who was still busy with the call when it ended."""
        assert self.end_info is not None
        if not self.was_answered:
            return self.failure()
        info = self.end_info
        text = f"The call is over: {info.cause}"
        return _media_error(info) or NoActiveCall(text, sip_status=info.sip_status, cause=info.cause, hint=info.hint)

    def _take(self, state: CallState, status: SessionStatus) -> CallSession:
        kept = self._session
        answer_time = kept.answer_time if kept and kept.answer_time else _time(state.answer_time)
        if self.was_answered and answer_time is None:
            answer_time = datetime.now(UTC)
        self._session = CallSession(
            id=kept.id if kept else _session_id(incoming=state.incoming),
            status=status,
            direction="incoming" if state.incoming else "outgoing",
            start_time=kept.start_time if kept else datetime.fromtimestamp(state.start_time, UTC),
            answer_time=answer_time if self.was_answered else None,
            muted=state.muted,
            local_hold=state.local_hold,
            remote_hold=state.remote_hold,
        )
        self._session = self.snapshot()
        self.changed.unpark_all()
        return self._session


def _file_name(path: object) -> str:
    if not isinstance(path, str | os.PathLike):
        raise TypeError(f"path: must be a file's path, not {type(path).__name__}")
    name = os.fspath(path)
    if not isinstance(name, str):
        raise TypeError("path: must be a path of str, not of bytes")
    if not name or "\0" in name:
        raise ValueError("path: is empty or holds a null character")
    return name


def _session_id(*, incoming: bool) -> str:
    suffix = "".join(secrets.choice(string.ascii_lowercase + string.digits) for _ in range(8))
    return f"session-{suffix}" if incoming else f"call-{suffix}"


def _time(seconds: float | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def _media_error(info: CallEndInfo) -> MediaError | None:
    kinds: dict[str | None, type[MediaError]] = {"ice": IceFailed, "dtls": DtlsFailed, "media": MediaError}
    kind = kinds.get(info.stage)
    if kind is None:
        return None
    if kind is MediaError and info.cause == "Incompatible SDP":
        kind = NoCommonCodec
    return kind(str(info.cause), stage=info.stage, sip_status=info.sip_status, cause=info.cause, hint=info.hint)
