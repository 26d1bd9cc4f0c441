"""`call.record()` over real calls: what is in the file, whoever may read it, and what is left when things go wrong."""

from __future__ import annotations

import os
import signal
import stat
import subprocess
import sys
import time
import wave
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import trio

import c2c
from c2c.gateway import HangUp, Play, Wait, tone
from support.gateway import served
from support.sound import clearest_level_at, level_at

if TYPE_CHECKING:
    from collections.abc import Sequence

TESTS = Path(__file__).parent.parent


def samples_of(path: Path, rate: int) -> Sequence[int]:
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, rate)
        return memoryview(file.readframes(file.getnframes())).cast("h")


@pytest.mark.parametrize("rate", [8_000, 16_000, 44_100, 48_000])
async def test_the_far_side_is_in_the_file(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "call.wav"
    async with served(Play(tone(440, 3))) as caller:
        call, _ = await caller.answered()
        async with call.record(path, rate=rate) as recording:
            await trio.sleep(1.5)
        assert recording.duration == pytest.approx(1.5, abs=0.3)
        await caller.client.end_call()
    samples = samples_of(path, rate)
    assert len(samples) / rate == recording.duration
    middle = len(samples) // 2
    assert clearest_level_at(440, samples[middle - rate // 4 : middle + rate // 4], rate) == pytest.approx(-20, abs=1.5)


async def test_it_ends_with_the_call(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    async with served(Play(tone(440, 1)), Wait(0.2), HangUp()) as caller:
        call = await caller.client.connect_and_call()
        async with call.record(path, rate=16_000) as recording:
            await call.wait_ended()
            await trio.sleep(0.5)
            assert len(samples_of(path, 16_000)) == round(recording.duration * 16_000)
        assert recording.duration == pytest.approx(1.2, abs=0.4)


async def test_only_the_owner_may_read_it_whatever_was_there(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    path.write_bytes(b"x" * 1_000_000)
    path.chmod(0o644)
    async with served(Play(tone(440, 3))) as caller:
        call, _ = await caller.answered()
        async with call.record(str(path)):
            assert stat.S_IMODE(path.stat().st_mode) == 0o600
            await trio.sleep(0.3)
    assert len(samples_of(path, 48_000)) < 48_000


async def test_two_recordings_of_a_call(tmp_path: Path) -> None:
    async with served(Play(tone(440, 2))) as caller:
        call, _ = await caller.answered()
        async with call.record(tmp_path / "wide.wav"), call.record(tmp_path / "narrow.wav", rate=8_000):
            await trio.sleep(0.6)
    assert clearest_level_at(440, samples_of(tmp_path / "wide.wav", 48_000)[-9_600:], 48_000) == pytest.approx(
        -20, abs=1.5
    )
    assert clearest_level_at(440, samples_of(tmp_path / "narrow.wav", 8_000)[-1_600:], 8_000) == pytest.approx(
        -20, abs=1.5
    )


@pytest.mark.parametrize("rate", [8_000, 48_000])
async def test_both_sides_in_stereo(tmp_path: Path, rate: int) -> None:
    path = tmp_path / "call.wav"
    async with served(Play(tone(440, 4))) as caller:
        call, _ = await caller.answered()
        async with call.record(path, rate=rate, stereo=True) as recording:
            await call.play(tone(1000, 1))
            await caller.client.mute()
            with trio.move_on_after(0.5):
                await call.play(tone(1000, 1))
    with wave.open(str(path)) as file:
        assert (file.getnchannels(), file.getframerate()) == (2, rate)
        assert file.getnframes() / rate == recording.duration == pytest.approx(1.5, abs=0.3)
        samples = memoryview(file.readframes(file.getnframes())).cast("h").tolist()
    near, far = samples[::2], samples[1::2]
    first, last = slice(rate // 4, rate * 3 // 4), slice(-rate // 4, None)
    assert clearest_level_at(1000, near[first], rate) == pytest.approx(-20, abs=1.5)
    assert level_at(440, near[first], rate) < -50
    assert clearest_level_at(440, far[first], rate) == pytest.approx(-20, abs=1.5)
    assert level_at(1000, far[first], rate) < -50
    assert set(near[last]) == {0}, "muted"
    assert clearest_level_at(440, far[last], rate) == pytest.approx(-20, abs=1.5)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nowhere/call.wav", "No such file or directory"),
        (".", "Is a directory"),
        ("/dev/full", "No space left on device"),
        ("pipe", "No such device or address"),
    ],
)
async def test_a_path_that_cannot_be_written(tmp_path: Path, name: str, reason: str) -> None:
    os.mkfifo(tmp_path / "pipe")
    path = tmp_path / name
    async with served() as caller:
        call, _ = await caller.answered()
        with pytest.raises(c2c.RecordingError) as caught:
            async with call.record(path):
                pytest.fail("the block ran")
        assert str(caught.value) == f"{path}: {reason}"
        assert (caught.value.stage, caught.value.cause) == ("media", reason)
        assert call.session.status == "answered"


def test_a_killed_process_leaves_a_readable_file(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    command = [sys.executable, "-m", "support.records", str(path)]
    with subprocess.Popen(command, cwd=TESTS, stdout=subprocess.PIPE) as process:
        try:
            assert process.stdout is not None
            assert process.stdout.readline() == b"recording\n"
            end = time.monotonic() + 20
            while path.stat().st_size < 48_000 and time.monotonic() < end:
                time.sleep(0.01)
        finally:
            process.send_signal(signal.SIGKILL)
    samples = samples_of(path, 16_000)
    assert len(samples) > 8_000
    assert path.stat().st_size - 44 - 2 * len(samples) < 16_000, "the header lags behind"
    assert clearest_level_at(440, samples[-8_000:], 16_000) == pytest.approx(-20, abs=1.5)


def test_a_full_disk_is_told_and_what_was_recorded_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "call.wav"
    command = [sys.executable, "-m", "support.records", str(path), "20001"]
    done = subprocess.run(command, cwd=TESTS, capture_output=True, text=True, check=True, timeout=25)
    hint = "check the path, its permissions and the space left"
    assert done.stdout.splitlines() == ["recording", "RecordingError", f"{path}: File too large", hint, "answered"]
    samples = samples_of(path, 16_000)
    assert 2 * len(samples) == 20_000 - 44
    assert path.stat().st_size == 20_000
    assert clearest_level_at(440, samples, 16_000) == pytest.approx(-20, abs=1.5)
