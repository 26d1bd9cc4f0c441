"""A peer that runs as a process of its own: started, waited for, ended, and its log kept."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import time
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path
    from types import TracebackType

READY_WITHIN = 60.0
"""Seconds that a peer may take to come up: the machine may be busy with builds."""

STOPPED_WITHIN = 10.0


class PeerError(Exception):
    """A peer is missing, did not come up, or did not do what was asked of it."""


def program(name: str, package: str) -> str:
    """Returns the path of an installed program.

    Raises PeerError with the name of the missing package.
    """
    path = shutil.which(name, path=os.environ.get("PATH", os.defpath) + ":/usr/sbin:/sbin")
    if path is None:
        raise PeerError(f"{name} is missing: install {package} (tests/interop/install.sh does)")
    return path


def wait_until(condition: Callable[[], bool], what: str, seconds: float = READY_WITHIN, every: float = 0.05) -> None:
    """Polls until the condition holds; raises PeerError naming `what` after `seconds`."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise PeerError(f"{what}: not within {seconds:g} s")
        time.sleep(every)


class Peer:
    """A running peer; leaving the `with` block ends its whole process group."""

    name: str = "peer"

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log_file = directory / f"{self.name}.log"
        self._process: subprocess.Popen[bytes] | None = None

    def command(self) -> Sequence[str]:
        """The command line; raises PeerError if the program is not installed."""
        raise NotImplementedError

    def ready(self) -> bool:
        """Whether the peer is serving."""
        raise NotImplementedError

    def inherited(self) -> tuple[int, ...]:
        """File descriptors that the process inherits beside the standard ones."""
        return ()

    def start(self) -> None:
        """Starts the process and returns once it is ready; raises PeerError with its log if not."""
        with self.log_file.open("ab") as log:
            self._process = subprocess.Popen(
                self.command(),
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                cwd=self.directory,
                pass_fds=self.inherited(),
                start_new_session=True,
            )
        try:
            wait_until(self._ready_or_dead, f"{self.name} to be ready")
        except PeerError as error:
            self.stop()
            raise PeerError(f"{error}\n{self.log()}") from None

    def stop(self) -> None:
        """Ends the process and everything that it started."""
        process, self._process = self._process, None
        if process is None:
            return
        self._signal_group(process, signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(STOPPED_WITHIN)
        self._signal_group(process, signal.SIGKILL)
        process.wait(STOPPED_WITHIN)

    def kill(self) -> None:
        """Ends the process as a crash would; `start` makes a new one."""
        process, self._process = self._process, None
        if process is not None:
            self._signal_group(process, signal.SIGKILL)
            process.wait(STOPPED_WITHIN)

    def log(self, lines: int = 80) -> str:
        """The end of what the peer wrote."""
        if not self.log_file.exists():
            return ""
        text = self.log_file.read_text(encoding="utf-8", errors="replace")
        return "\n".join(text.splitlines()[-lines:])

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()

    def _ready_or_dead(self) -> bool:
        process = self._process
        if process is not None and process.poll() is not None:
            raise PeerError(f"{self.name} ended at once with code {process.returncode}")
        return self.ready()

    @staticmethod
    def _signal_group(process: subprocess.Popen[bytes], number: signal.Signals) -> None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, number)
