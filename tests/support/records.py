"""A process that records a call until somebody kills it, or until the file may not grow any more.

    python -m support.records FILE [LIMIT]

Prints a line once the recording runs. With LIMIT no file may be longer than so many bytes: prints the error's kind,
text and hint, and whether the call goes on.
"""

from __future__ import annotations

import resource
import sys

import trio

import c2c
from c2c.gateway import Play, tone
from support.gateway import served


async def record(path: str) -> None:
    async with served(Play(tone(440, 20))) as caller:
        call, _ = await caller.answered()
        try:
            async with call.record(path, rate=16_000):
                print("recording", flush=True)
                await trio.sleep(15)
        except c2c.RecordingError as error:
            print(type(error).__name__, error, error.hint, call.session.status, sep="\n", flush=True)


if __name__ == "__main__":
    if len(sys.argv) > 2:
        resource.setrlimit(resource.RLIMIT_FSIZE, (int(sys.argv[2]), resource.RLIM_INFINITY))
    trio.run(record, sys.argv[1])
