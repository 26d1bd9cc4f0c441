"""WAV files as users have them, and paths that are none."""

from __future__ import annotations

import os
import struct
import wave
from typing import TYPE_CHECKING

import pytest

from c2c import ClipError
from c2c._clip import clip_loader

if TYPE_CHECKING:
    from pathlib import Path

# files are read in a thread, at which the test clock would jump
pytestmark = pytest.mark.parametrize("anyio_backend", [("trio", {})])


def write_wav(path: Path, rate: int, channels: int, width: int, seconds: float = 0.5) -> None:
    with wave.open(str(path), "wb") as file:
        file.setparams((channels, width, rate, 0, "NONE", ""))
        file.writeframes(bytes(round(rate * seconds) * channels * width))


@pytest.mark.parametrize("rate", [8_000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000, 96_000])
@pytest.mark.parametrize("channels", [1, 2, 6])
async def test_common_rates_and_channels(tmp_path: Path, rate: int, channels: int) -> None:
    write_wav(tmp_path / "clip.wav", rate, channels, 2)
    clip = await clip_loader(tmp_path / "clip.wav", None)()
    assert clip.rate == rate
    assert clip.duration == pytest.approx(0.5, abs=0.001)


@pytest.mark.parametrize("width", [1, 2, 3, 4])
async def test_common_sample_widths(tmp_path: Path, width: int) -> None:
    write_wav(tmp_path / "clip.wav", 16_000, 2, width)
    clip = await clip_loader(tmp_path / "clip.wav", None)()
    assert (clip.rate, clip.duration) == (16_000, 0.5)


async def test_floats(tmp_path: Path) -> None:
    samples = struct.pack("<800f", *[0.25] * 800)
    form = struct.pack("<4sIHHIIHH", b"fmt ", 16, 3, 1, 16_000, 64_000, 4, 32)
    chunks = form + struct.pack("<4sI", b"data", len(samples)) + samples
    (tmp_path / "clip.wav").write_bytes(struct.pack("<4sI4s", b"RIFF", 4 + len(chunks), b"WAVE") + chunks)
    clip = await clip_loader(tmp_path / "clip.wav", None)()
    assert (clip.rate, clip.duration) == (16_000, 0.05)


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("nothing.wav", "No such file or directory"),
        ("folder", "is a directory"),
        ("pipe", "is not a regular file"),
        ("/dev/zero", "is not a regular file"),
        ("song.mp3", "not a readable WAV file"),
        ("empty.wav", "not a readable WAV file"),
        ("cut.wav", "not a readable WAV file"),
        ("slow.wav", "a rate of 4000 Hz is not supported"),
    ],
)
async def test_what_is_no_clip_is_named(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "song.mp3").write_bytes(b"ID3\x04" + bytes(1000))
    (tmp_path / "empty.wav").write_bytes(b"")
    write_wav(tmp_path / "slow.wav", 4_000, 1, 2)
    (tmp_path / "cut.wav").write_bytes((tmp_path / "slow.wav").read_bytes()[:30])
    load = clip_loader(tmp_path / name, None)
    with pytest.raises(ClipError) as caught:
        await load()
    assert str(caught.value).startswith(f"{tmp_path / name}: {reason}")
    assert caught.value.hint
