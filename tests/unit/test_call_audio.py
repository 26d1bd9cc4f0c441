from __future__ import annotations

import functools
import gc
import struct
import wave
from array import array
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

import c2c
from c2c import Call, CallFailed, Clip, ClipError, DtlsFailed, NoActiveCall, WebRTCClient, WrongState
from c2c._c2c import CallEnd, Event
from support.client import Recorder, answered_call

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable
    from pathlib import Path

    from c2c import AudioFrame, AudioStream
    from support.fake_engine import FakeEngine


# the test clock would jump while a thread reads
real_time = pytest.mark.parametrize("anyio_backend", [("trio", {})])


def value(frame: AudioFrame) -> int:
    """Returns what all samples of the frame are."""
    (only,) = set(memoryview(frame).tolist())
    return int(only)


async def collect(stream: AudioStream, values: list[int]) -> None:
    async for frame in stream:
        values.append(value(frame))


async def test_frames(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await answered_call(client, engine)
        stream = call.audio(rate=16_000)
        (reader,) = engine.readers
        engine.hear(reader, 7)
        engine.hear(reader, 8)
        first, second = await anext(stream), await anext(stream)
        assert (value(first), value(second)) == (7, 8)
        assert (first.rate, first.samples, len(first), first.position) == (16_000, 320, 320, 0)
        assert (second.position, stream.rate) == (320, 16_000)


async def test_each_reader_gets_its_own_copy(client: WebRTCClient, engine: FakeEngine) -> None:
    heard: list[list[int]] = [[], []]
    async with client, trio.open_nursery() as nursery:
        call = await answered_call(client, engine)
        for values in heard:
            nursery.start_soon(collect, call.audio(), values)
        await trio.testing.wait_all_tasks_blocked()
        for reader in engine.readers:
            engine.hear(reader, 7)
            engine.hear(reader, 8)
            reader.ended = True
            engine.tell(Event.RingReady(reader.ring))
    assert heard == [[7, 8], [7, 8]]


async def test_a_stream_ends_with_the_call_after_its_last_frame(client: WebRTCClient, engine: FakeEngine) -> None:
    values: list[int] = []
    async with client:
        call = await answered_call(client, engine)
        async with trio.open_nursery() as nursery:
            stream = call.audio()
            nursery.start_soon(collect, stream, values)
            await trio.testing.wait_all_tasks_blocked()
            (reader,) = engine.readers
            reader.push(7)
            reader.ended = True
            engine.hang_up()
            engine.tell(Event.RingReady(reader.ring))
        assert values == [7]
        with pytest.raises(StopAsyncIteration):
            await anext(stream)


async def test_a_late_reader_loses_the_oldest_frames(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await answered_call(client, engine)
        stream = call.audio()
        (reader,) = engine.readers
        for number in range(12):
            reader.push(number)
        assert value(await anext(stream)) == 2
        assert stream.dropped == 2


async def test_closing_ends_a_waiting_reader(client: WebRTCClient, engine: FakeEngine) -> None:
    values: list[int] = []
    async with client:
        call = await answered_call(client, engine)
        async with trio.open_nursery() as nursery:
            with call.audio() as stream:
                nursery.start_soon(collect, stream, values)
                await trio.testing.wait_all_tasks_blocked()
        (reader,) = engine.readers
        assert reader.is_closed


async def test_a_cancelled_reader_loses_no_frame(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await answered_call(client, engine)
        stream = call.audio()
        (reader,) = engine.readers
        with trio.CancelScope() as scope:
            reader.push(7)
            scope.cancel()
            await anext(stream)
        assert value(await anext(stream)) == 7


async def test_streams_that_nobody_holds_are_let_go(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await answered_call(client, engine)
        stream: AudioStream | None = call.audio()
        (reader,) = engine.readers
        engine.hear(reader, 1)
        await trio.testing.wait_all_tasks_blocked()
        assert stream is not None
        audio: Any = call._record.audio
        assert len(audio._manager._rings) == 1
        stream = None
        gc.collect()
        assert len(audio._manager._rings) == 0


async def test_audio_after_the_call(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await answered_call(client, engine)
        await client.end_call()
        assert [frame async for frame in call.audio()] == []


async def test_capture_audio(make_client: Callable[..., WebRTCClient], engine: FakeEngine) -> None:
    client = make_client(capture_audio=True)
    told = Recorder(client)
    async with client:
        await answered_call(client, engine)
        assert told.names[-2:] == ["captureAudio", "answered"]
        (stream,) = told.payload("captureAudio")
        (reader,) = engine.readers
        engine.hear(reader, 7)
        assert value(await anext(stream)) == 7
        assert stream.rate == 48_000


async def test_no_capture_audio_unless_asked_for(client: WebRTCClient, engine: FakeEngine, told: Recorder) -> None:
    async with client:
        await answered_call(client, engine)
        assert "captureAudio" not in told.names
        assert engine.readers == []


@pytest.fixture
def wav(tmp_path: Path) -> Path:
    path = tmp_path / "hello.wav"
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(16_000)
        file.writeframes(struct.pack("<1600h", *range(1600)))
    return path


@real_time
async def test_play_a_file(client: WebRTCClient, engine: FakeEngine, wav: Path) -> None:
    async with client:
        call = await answered_call(client, engine)
        for path in (wav, str(wav)):
            await call.play(path)
            clip = engine.commands[-1][-1]
            assert (clip.rate, clip.duration) == (16_000, 0.1)


async def test_play_samples(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await answered_call(client, engine)
        for samples in (bytes(320), bytearray(320), array("h", [0] * 160), memoryview(bytes(320))):
            await call.play(samples, rate=8_000)
            assert engine.commands[-1][-1].duration == 0.02


async def test_play_a_clip(client: WebRTCClient, engine: FakeEngine) -> None:
    clip = Clip(bytes(320), 8_000)
    async with client:
        call = await answered_call(client, engine)
        await call.play(clip)
        assert engine.commands[-1] == ("play", 1, 1, clip)


@pytest.mark.parametrize(
    ("sound", "rate", "kind", "named"),
    [
        (bytes(320), None, TypeError, "rate"),
        (bytes(320), 7_999, ValueError, "sound"),
        (bytes(320), 8_000.0, TypeError, "rate"),
        (bytes(3), 8_000, ValueError, "sound"),
        (array("f", [0.0]), 8_000, TypeError, "sound"),
        (memoryview(array("h", [0] * 4))[::2], 8_000, TypeError, "sound"),
        (7, 8_000, TypeError, "sound"),
    ],
)
async def test_what_cannot_be_played(
    client: WebRTCClient, engine: FakeEngine, sound: Any, rate: Any, kind: type[Exception], named: str
) -> None:
    async with client:
        call = await answered_call(client, engine)
        with pytest.raises(kind, match=f"^{named}: "):
            await call.play(sound, rate=rate)
        assert "play" not in engine.names()


@real_time
@pytest.mark.parametrize("content", [None, b"", b"RIFF....WAVE", b"ID3 not a wave at all"], ids=repr)
async def test_a_file_that_is_no_clip_is_named(
    client: WebRTCClient, engine: FakeEngine, tmp_path: Path, content: bytes | None
) -> None:
    path = tmp_path / "sound.wav"
    if content is not None:
        path.write_bytes(content)
    async with client:
        call = await answered_call(client, engine)
        with pytest.raises(ClipError, match=r"sound\.wav: ") as caught:
            await call.play(path)
        assert (caught.value.stage, caught.value.__cause__) == ("media", None)
        await call.play(bytes(320), rate=8_000)


async def test_play_waits_until_sound_flows(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await client.connect_and_call()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call.play, Clip(bytes(320), 8_000))
            await trio.testing.wait_all_tasks_blocked()
            assert "play" not in engine.names()
            engine.answer()


async def test_play_returns_when_the_last_sample_has_left(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent.add("play")
    async with client:
        call = await answered_call(client, engine)
        played = trio.Event()

        async def play() -> None:
            await call.play(bytes(320), rate=8_000)
            played.set()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(play)
            await trio.testing.wait_all_tasks_blocked()
            assert not played.is_set()
            engine.tell(Event.PlayEnded(1, 1, True))
        assert played.is_set()


async def test_a_cancelled_play_is_stopped(client: WebRTCClient, engine: FakeEngine) -> None:
    engine.silent.add("play")
    async with client:
        call = await answered_call(client, engine)
        with trio.move_on_after(1):
            await call.play(bytes(320), rate=8_000)
        assert engine.commands[-1] == ("stop_playing", 1, 1)
        engine.silent.clear()
        await call.play(bytes(320), rate=8_000)
        assert engine.commands[-1][:3] == ("play", 1, 2)


async def test_a_play_that_the_end_of_the_call_stops(client: WebRTCClient, engine: FakeEngine) -> None:
    """The clip's end may come a batch of events before the call's."""
    engine.silent.add("play")
    caught: list[str] = []
    async with client:
        call = await answered_call(client, engine)

        async def play() -> None:
            with pytest.raises(NoActiveCall) as error:
                await call.play(bytes(320), rate=8_000)
            caught.append(str(error.value))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(play)
            await trio.testing.wait_all_tasks_blocked()
            engine.tell(Event.PlayEnded(1, 1, False))
            await trio.testing.wait_all_tasks_blocked()
            assert not caught
            engine.hang_up()
    assert caught == ["The call is over: Terminated"]


@pytest.mark.parametrize("speak", ["play", "write"])
async def test_one_speaker_at_a_time(client: WebRTCClient, engine: FakeEngine, speak: str) -> None:
    engine.silent.add("play")
    async with client, trio.open_nursery() as nursery:
        call = await answered_call(client, engine)
        nursery.start_soon(lambda: getattr(call, speak)(bytes(96_000), rate=48_000))
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(WrongState, match=r"Another play\(\) or write\(\)"):
            await call.play(bytes(320), rate=8_000)
        with pytest.raises(WrongState, match=r"Another play\(\) or write\(\)"):
            await call.write(bytes(320), rate=8_000)
        nursery.cancel_scope.cancel()


async def interrupted(call: Call, speak: str, end: Callable[[], None]) -> Exception:
    caught: list[Exception] = []

    async def run() -> None:
        try:
            await getattr(call, speak)(bytes(96_000), rate=48_000)
        except c2c.C2CError as error:
            caught.append(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run)
        await trio.testing.wait_all_tasks_blocked()
        end()
    (error,) = caught
    return error


@pytest.mark.parametrize("speak", ["play", "write"])
async def test_a_call_that_ends_meanwhile(client: WebRTCClient, engine: FakeEngine, speak: str) -> None:
    engine.silent.add("play")
    async with client:
        call = await answered_call(client, engine)
        error = await interrupted(call, speak, engine.hang_up)
        assert type(error) is NoActiveCall
        assert str(error) == "The call is over: Terminated"
        with pytest.raises(NoActiveCall):
            await getattr(call, speak)(bytes(96_000), rate=48_000)


@pytest.mark.parametrize("speak", ["play", "write"])
async def test_a_call_whose_sound_breaks(client: WebRTCClient, engine: FakeEngine, speak: str) -> None:
    async with client:
        call = await client.connect_and_call()
        engine.call.answered = True
        engine.tell(Event.Answered(engine.call.state("answered")))
        end = CallEnd("local", "WebRTC Error", None, None, "dtls", "use another far side")
        error = await interrupted(call, speak, lambda: engine.finish(end))
        assert type(error) is DtlsFailed
        assert error.hint == "use another far side"


@pytest.mark.parametrize("speak", ["play", "write"])
async def test_a_call_that_is_never_answered(client: WebRTCClient, engine: FakeEngine, speak: str) -> None:
    async with client:
        call = await client.connect_and_call()
        error = await interrupted(call, speak, lambda: engine.reject(486, "Busy"))
        assert type(error) is CallFailed


async def test_write_waits_for_room(client: WebRTCClient, engine: FakeEngine) -> None:
    samples = array("h", range(1000))
    sent: list[int] = []
    async with client:
        call = await answered_call(client, engine)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: call.write(samples, rate=8_000))
            await trio.testing.wait_all_tasks_blocked()
            (writer,) = engine.writers
            while frame := engine.send_frame(writer):
                sent += frame
                await trio.testing.wait_all_tasks_blocked()
        assert sent == samples.tolist()


async def test_writes_join(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await answered_call(client, engine)
        await call.write(array("h", [1] * 100), rate=8_000)
        await call.write(array("h", [2] * 60), rate=8_000)
        (writer,) = engine.writers
        assert engine.send_frame(writer) == [1] * 100 + [2] * 60
        assert not writer.is_closed


@pytest.mark.parametrize("then", [Call.play, functools.partial(Call.write, rate=16_000)], ids=["play", "write"])
async def test_what_was_written_leaves_before_anything_else(
    client: WebRTCClient, engine: FakeEngine, then: Callable[..., Awaitable[None]]
) -> None:
    clip = Clip(bytes(320), 8_000) if then is Call.play else bytes(320)
    async with client:
        call = await answered_call(client, engine)
        await call.write(bytes(320), rate=8_000)
        (writer,) = engine.writers
        with trio.move_on_after(1) as scope:
            await then(call, clip)
        assert scope.cancelled_caught
        assert writer.is_closed
        async with trio.open_nursery() as nursery:
            nursery.start_soon(then, call, clip)
            await trio.testing.wait_all_tasks_blocked()
            assert "play" not in engine.names()
            assert len(engine.writers) == 1
            engine.send_frame(writer)
        await call.write(bytes(2), rate=16_000)
        assert len(engine.writers) == 2


async def test_a_call_that_ends_before_what_was_written_has_left(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await answered_call(client, engine)
        await call.write(bytes(320), rate=8_000)
        error = await interrupted(call, "play", engine.hang_up)
        assert type(error) is NoActiveCall


@pytest.mark.parametrize(
    ("pcm", "rate", "kind"), [(bytes(3), 8_000, ValueError), ("text", 8_000, TypeError), (bytes(2), 7, ValueError)]
)
async def test_what_cannot_be_written(
    client: WebRTCClient, engine: FakeEngine, pcm: Any, rate: int, kind: type[Exception]
) -> None:
    async with client:
        call = await answered_call(client, engine)
        with pytest.raises(kind):
            await call.write(pcm, rate=rate)
        assert engine.writers == []


async def test_a_bad_rate_of_audio(client: WebRTCClient, engine: FakeEngine) -> None:
    async with client:
        call = await answered_call(client, engine)
        with pytest.raises(ValueError, match=r"^rate: 7 Hz is none of"):
            call.audio(rate=7)
