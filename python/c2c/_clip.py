"""Sound that Python has: WAV files, samples in buffers and clips, checked before anything is sent."""

from __future__ import annotations

import os
import stat
from pathlib import Path
from typing import TYPE_CHECKING, TypeAlias

import trio

from c2c._errors import ClipError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from typing_extensions import Buffer

    from c2c._c2c import Clip

    Sound: TypeAlias = str | os.PathLike[str] | Buffer | Clip

MAX_FILE_BYTES = 350_000_000  # what a clip may have; one byte more is read, and refused
RING_RATES = (8_000, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)


def clip_loader(sound: Sound, rate: int | None) -> Callable[[], Awaitable[Clip]]:
    """Returns what awaits the clip; wrong types and ranges are refused here, before anything is sent."""
    from c2c._c2c import Clip

    if isinstance(sound, str | os.PathLike):
        path = Path(sound)
        return lambda: trio.to_thread.run_sync(read_clip, path, abandon_on_cancel=True)
    clip = sound if isinstance(sound, Clip) else _made_clip(pcm_bytes(sound, "sound"), rate)

    async def ready() -> Clip:
        await trio.lowlevel.checkpoint()
        return clip

    return ready


def read_clip(path: Path) -> Clip:
    """Reads a WAV file; `ClipError` names the file that is none. Blocks: for a thread."""
    from c2c._c2c import Clip

    try:
        return Clip.from_wav(_content(path))
    except OSError as error:
        reason = error.strerror or str(error)
    except ValueError as error:
        reason = str(error)
    raise ClipError(f"{path}: {reason}", cause=reason)


def _content(path: Path) -> bytes:
    # asked first: opening a pipe would wait, and a device has no end
    mode = path.stat().st_mode
    if not stat.S_ISREG(mode):
        raise OSError("is a directory" if stat.S_ISDIR(mode) else "is not a regular file")
    with path.open("rb") as file:
        return file.read(MAX_FILE_BYTES + 1)


def _made_clip(samples: memoryview, rate: int | None) -> Clip:
    from c2c._c2c import Clip

    if rate is None:
        raise TypeError("rate: samples need the rate that they were made with")
    try:
        return Clip(samples, _checked_int(rate))
    except ValueError as error:
        raise ValueError(f"sound: {error}") from None


def pcm_bytes(buffer: Buffer, argument: str) -> memoryview:
    """Returns the bytes of `buffer`, which holds signed 16-bit samples or bytes of such."""
    try:
        view = memoryview(buffer)
    except TypeError:
        raise TypeError(f"{argument}: must be a buffer of samples, not {type(buffer).__name__}") from None
    if view.format not in {"h", "@h", "=h", "B", "b", "c"} or not view.c_contiguous:
        raise TypeError(f"{argument}: must be contiguous signed 16-bit samples, or bytes of such")
    if view.nbytes % 2:
        raise ValueError(f"{argument}: an odd number of bytes cannot hold 16-bit samples")
    return view.cast("B")


def check_rate(rate: int) -> int:
    """Returns `rate` if live sound can have it."""
    if _checked_int(rate) not in RING_RATES:
        raise ValueError(f"rate: {rate} Hz is none of {', '.join(map(str, RING_RATES))}")
    return rate


def _checked_int(rate: int) -> int:
    if isinstance(rate, bool) or not isinstance(rate, int):
        raise TypeError("rate: must be an int, in Hz")
    return rate
