from __future__ import annotations

import os
import wave
from array import array
from typing import TYPE_CHECKING, Any

import pytest
import trio

from c2c import NoActiveCall, RecordingError
from c2c._c2c import AudioFrame, Event
from c2c._wav_file import MAX_BYTES, WavFile
from support.client import answered_call

if TYPE_CHECKING:
    from pathlib import Path

    from c2c import WebRTCClient
    from support.fake_engine import FakeEngine, FakeReader

# the test clock would jump while a thread writes
pytestmark = pytest.mark.parametrize("anyio_backend", [("trio", {})])


def recorded(path: Path) -> list[int]:
    with wave.open(str(path)) as file:
        return memoryview(file.readframes(file.getnframes())).cast("h").tolist()


def hear(engine: FakeEngine, reader: FakeReader, value: int, position: int) -> None:
    reader._frames.append(AudioFrame(array("h", [value] * 160), 8_000, position))
    engine.tell(Event.RingReady(reader.ring))


async def test_what_was_lost_is_silence(client: WebRTCClient, engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    async with client:
        call = await answered_call(client, engine)
        async with call.record(path, rate=8_000) as recording:
            (reader,) = engine.readers
            for number in (5, 6, 9):
                hear(engine, reader, number, number * 160)
            # positions begin anew at the answer, after early media
            hear(engine, reader, 1, 0)
        assert recorded(path) == [5] * 160 + [6] * 160 + [0] * 320 + [9] * 160 + [1] * 160
        assert recording.duration == 6 * 0.02
        assert reader.is_closed


async def test_stereo(client: WebRTCClient, engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    async with client:
        call = await answered_call(client, engine)
        async with call.record(path, rate=8_000, stereo=True) as recording:
            (reader,) = engine.readers
            assert engine.commands[-1] == ("open_reader", 1, 8_000, True)
            for position in (0, 160):
                reader._frames.append(AudioFrame(array("h", [3, 4] * 80), 8_000, position))
        assert recorded(path) == [3, 4] * 80 + [0, 0] * 80 + [3, 4] * 80
        assert recording.duration == 240 / 8_000
        with wave.open(str(path)) as file:
            assert file.getnchannels() == 2
        with pytest.raises(TypeError, match=r"^stereo: "):
            call.record(path, stereo="yes")  # type: ignore[arg-type]


async def test_it_grows_while_the_block_runs(client: WebRTCClient, engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    async with client:
        call = await answered_call(client, engine)
        async with call.record(path, rate=8_000):
            assert recorded(path) == []
            (reader,) = engine.readers
            hear(engine, reader, 7, 0)
            with trio.fail_after(5):
                while not recorded(path):  # noqa: ASYNC110 (a thread writes it)
                    await trio.sleep(0.01)
            assert recorded(path) == [7] * 160


async def test_an_error_of_the_block_leaves_it_bare_and_the_file_whole(
    client: WebRTCClient, engine: FakeEngine, tmp_path: Path
) -> None:
    path = tmp_path / "call.wav"
    async with client:
        call = await answered_call(client, engine)
        with pytest.raises(ZeroDivisionError):
            async with call.record(path, rate=8_000):
                (reader,) = engine.readers
                hear(engine, reader, 7, 0)
                await trio.sleep(0.01)
                raise ZeroDivisionError
        assert recorded(path) == [7] * 160


async def test_a_cancelled_block_keeps_what_was_heard(client: WebRTCClient, engine: FakeEngine, tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    async with client:
        call = await answered_call(client, engine)
        with trio.move_on_after(0.05):
            async with call.record(path, rate=8_000):
                (reader,) = engine.readers
                hear(engine, reader, 7, 0)
                await trio.sleep_forever()
        assert recorded(path) == [7] * 160


async def test_stop_ends_it_before_its_block(client: WebRTCClient, engine: FakeEngine, tmp_path: Path) -> None:
    async with client:
        call = await answered_call(client, engine)
        async with call.record(tmp_path / "call.wav") as recording:
            await recording.stop()
            assert engine.readers[0].is_closed
            assert repr(recording) == f"<Recording {tmp_path / 'call.wav'} 0.00 s>"
        assert len(os.listdir(tmp_path)) == 1


async def test_a_call_that_is_over(client: WebRTCClient, engine: FakeEngine, tmp_path: Path) -> None:
    async with client:
        call = await answered_call(client, engine)
        await client.end_call()
        async with call.record(tmp_path / "call.wav"):
            pass
        assert recorded(tmp_path / "call.wav") == []
        with pytest.raises(NoActiveCall):
            await client.end_call()


@pytest.mark.parametrize(
    ("path", "rate", "kind", "named"),
    [
        (7, 8_000, TypeError, "path"),
        (b"call.wav", 8_000, TypeError, "path"),
        ("", 8_000, ValueError, "path"),
        ("call\0.wav", 8_000, ValueError, "path"),
        ("call.wav", 7_999, ValueError, "rate"),
        ("call.wav", "8000", TypeError, "rate"),
    ],
)
async def test_wrong_arguments(
    client: WebRTCClient, engine: FakeEngine, path: Any, rate: Any, kind: type[Exception], named: str
) -> None:
    async with client:
        call = await answered_call(client, engine)
        with pytest.raises(kind, match=f"^{named}: "):
            call.record(path, rate=rate)
        assert engine.readers == []


async def test_a_file_that_cannot_count_more(tmp_path: Path) -> None:
    file = WavFile(str(tmp_path / "long.wav"), 8_000, 1)
    file.append(bytes(320))
    file._length = MAX_BYTES - 100
    with pytest.raises(RecordingError, match=r"long\.wav: a WAV file ends at 4 GiB"):
        file.append(bytes(320))
    file.close()
