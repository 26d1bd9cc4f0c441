"""A WAV file that grows: 16-bit PCM, private to its owner, and readable whenever the process dies."""

from __future__ import annotations

import io
import os
import stat
import sys
import wave
from array import array
from contextlib import suppress

from c2c._errors import RecordingError

SAMPLE_BYTES = 2
MAX_BYTES = 0xFFFF_FF00  # a RIFF file counts its bytes in 32 bits
_HEADER_BYTES = 44


class WavFile:
    """Samples go to the disk with each `append`, then the header that counts them. Blocks: for a thread.

    The file is made with mode 0600; one that is there is emptied and gets that mode. Raises `RecordingError` that
    names the file; what was written before stays readable.
    """

    def __init__(self, path: str, rate: int, channels: int) -> None:
        self._path = path
        self._rate = rate
        self._channels = channels
        self._length = 0
        try:
            self._descriptor = _open(path)
            try:
                self._write_header()
            except OSError:
                os.close(self._descriptor)
                raise
        except OSError as error:
            raise self._error(error) from None

    def append(self, samples: bytes | bytearray) -> None:
        """Adds samples in native byte order, those of all channels of one moment side by side."""
        try:
            if self._length + len(samples) > MAX_BYTES:
                raise OSError("a WAV file ends at 4 GiB")
            self._write(_little_endian(samples))
            self._write_header()
        except OSError as error:
            self._keep_whole()
            raise self._error(error) from None

    def close(self) -> None:
        """Closes it; nothing is buffered."""
        try:
            os.close(self._descriptor)
        except OSError as error:  # some file systems tell of a full disk only now
            raise self._error(error) from None

    def _write(self, data: bytes | bytearray) -> None:
        rest = memoryview(data)
        while rest:
            written = os.pwrite(self._descriptor, rest, _HEADER_BYTES + self._length)
            self._length += written
            rest = rest[written:]

    def _write_header(self) -> None:
        header = _header(self._rate, self._channels, self._length)
        if os.pwrite(self._descriptor, header, 0) != len(header):
            raise OSError("the header could not be written")

    def _keep_whole(self) -> None:
        """After a failure: counts what did reach the disk, and cuts off the half of a sample."""
        self._length -= self._length % (SAMPLE_BYTES * self._channels)
        with suppress(OSError):
            self._write_header()
            os.ftruncate(self._descriptor, _HEADER_BYTES + self._length)

    def _error(self, error: OSError) -> RecordingError:
        reason = error.strerror or str(error)
        return RecordingError(f"{self._path}: {reason}", cause=reason)


def _open(path: str) -> int:
    # not blocking, as opening a pipe would
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.fchmod(descriptor, 0o600)
            os.ftruncate(descriptor, 0)
    except OSError:
        os.close(descriptor)
        raise
    return descriptor


def _header(rate: int, channels: int, length: int) -> bytes:
    file = io.BytesIO()
    with wave.open(file, "wb") as writer:
        writer.setparams((channels, SAMPLE_BYTES, rate, length // (SAMPLE_BYTES * channels), "NONE", ""))
        writer.writeframesraw(b"")
        # read before the close, which would count the samples that went through the writer
        return file.getvalue()


def _little_endian(samples: bytes | bytearray) -> bytes | bytearray:
    if sys.byteorder == "little":
        return samples
    swapped = array("h", bytes(samples))
    swapped.byteswap()
    return swapped.tobytes()
