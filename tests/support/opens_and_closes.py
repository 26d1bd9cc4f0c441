"""Places calls one after the other; threads and descriptors must not grow."""

from __future__ import annotations

import os
import time
from pathlib import Path

from support.border import PATIENCE, call_echo, echoing_gateway


def in_use() -> tuple[int, int]:
    """Returns how many descriptors and threads the process has."""
    return len(os.listdir("/proc/self/fd")), len(list(Path("/proc/self/task").iterdir()))


before = in_use()
for _ in range(30):
    gateway = echoing_gateway()
    owner = call_echo(gateway)
    owner.rest()
    owner.wake.close()
    gateway.close()
    del owner, gateway
deadline = time.monotonic() + PATIENCE
while in_use() > before:
    assert time.monotonic() < deadline, f"{before} became {in_use()}"
    time.sleep(0.05)
