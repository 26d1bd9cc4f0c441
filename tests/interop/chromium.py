"""Chromium, headless, commanded over the DevTools protocol on a pair of pipes."""

from __future__ import annotations

import json
import os
import queue
import threading
from collections import deque
from typing import TYPE_CHECKING, Any, TypeAlias

from .peer import READY_WITHIN, Peer, PeerError, program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .identity import Identity

Json: TypeAlias = Any
"""A value as json.loads gives it."""

_SWITCHES = [
    "--headless=new",
    "--remote-debugging-pipe",
    "--no-sandbox",
    "--no-first-run",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--log-level=3",
    # The pages are never in front; their timers and audio must run all the same.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
    "--autoplay-policy=no-user-gesture-required",
    # Candidates: 127.0.0.1, and by number instead of an mDNS name.
    "--allow-loopback-in-peer-connection",
    "--disable-features=WebRtcHideLocalIpsWithMdns",
]


class Chromium(Peer):
    """One browser process; `open` gives a page of it."""

    name = "chromium"

    def __init__(self, directory: Path, identity: Identity, *, switches: Sequence[str] = ()) -> None:
        super().__init__(directory)
        self._key_hash = identity.key_hash
        self._switches = switches
        self._child_ends: tuple[int, int] = (-1, -1)
        self._devtools: _Devtools | None = None

    def start(self) -> None:
        from_us, to_browser = os.pipe()
        from_browser, to_us = os.pipe()
        self._child_ends = (from_us, to_us)
        self._devtools = _Devtools(to_browser, from_browser)
        try:
            super().start()
        finally:
            os.close(from_us)
            os.close(to_us)

    def stop(self) -> None:
        devtools, self._devtools = self._devtools, None
        if devtools is not None:
            devtools.close()
        super().stop()

    def command(self) -> Sequence[str]:
        read, write = self._child_ends
        chromium = program("chromium", "chromium")
        switches = [
            *_SWITCHES,
            *self._switches,
            f"--user-data-dir={self.directory / 'chromium.profile'}",
            # Trusts the run's own key and no other; needs the switch before.
            f"--ignore-certificate-errors-spki-list={self._key_hash}",
        ]
        # Chromium reads commands from descriptor 3 and writes answers to 4.
        return ["bash", "-c", f'exec "$@" 3<&{read} 4>&{write}', "bash", chromium, *switches]

    def inherited(self) -> tuple[int, ...]:
        return self._child_ends

    def ready(self) -> bool:
        # With the microphone allowed, WebRTC takes every interface, here loopback, not only the default route's.
        self.send("Browser.grantPermissions", {"permissions": ["audioCapture"]}, seconds=READY_WITHIN)
        return True

    def open(self, url: str) -> Tab:
        """Opens a page in a tab of its own and waits until it is loaded."""
        target = self.send("Target.createTarget", {"url": "about:blank"})["targetId"]
        attach = {"targetId": target, "flatten": True}
        session = self.send("Target.attachToTarget", attach)["sessionId"]
        tab = Tab(self, target, session)
        tab.load(url)
        return tab

    def send(
        self, method: str, params: dict[str, Any], session: str | None = None, seconds: float = 30.0
    ) -> dict[str, Any]:
        """Gives a DevTools command and returns its result; raises PeerError if it fails."""
        if self._devtools is None:
            raise PeerError("chromium is not running")
        return self._devtools.send(method, params, session, seconds)

    def console(self) -> str:
        """What the pages have written to their consoles, and their uncaught errors."""
        return "\n".join(self._devtools.console) if self._devtools else ""

    def log(self, lines: int = 80) -> str:
        return "\n".join([super().log(lines), "console:", self.console()])


class Tab:
    """A page of the browser."""

    def __init__(self, browser: Chromium, target: str, session: str) -> None:
        self._browser = browser
        self._target = target
        self._session = session

    def load(self, url: str) -> None:
        """Loads the page anew; what ran in it before is gone."""
        self._browser.send("Runtime.enable", {}, self._session)
        self._browser.send("Page.enable", {}, self._session)
        self._browser.send("Page.navigate", {"url": url}, self._session)

    def close(self) -> None:
        """Closes the tab."""
        self._browser.send("Target.closeTarget", {"targetId": self._target})

    def evaluate(self, expression: str, seconds: float = 30.0) -> Json:
        """Runs JavaScript and returns its value as JSON has it, awaited if it is a promise."""
        params = {"expression": expression, "awaitPromise": True, "returnByValue": True}
        answer = self._browser.send("Runtime.evaluate", params, self._session, seconds)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            text = details.get("exception", {}).get("description", details.get("text"))
            raise PeerError(f"in the page: {text}")
        return answer["result"].get("value")


class _Devtools:
    """Commands and answers, JSON with a zero byte at the end; a thread reads the answers."""

    def __init__(self, write: int, read: int) -> None:
        self.console: deque[str] = deque(maxlen=200)
        self._commands = os.fdopen(write, "wb", buffering=0)
        self._answers = os.fdopen(read, "rb")
        self._lock = threading.Lock()
        self._waiting: dict[int, queue.SimpleQueue[dict[str, Any]]] = {}
        self._number = 0
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def send(self, method: str, params: dict[str, Any], session: str | None, seconds: float) -> dict[str, Any]:
        answered: queue.SimpleQueue[dict[str, Any]] = queue.SimpleQueue()
        with self._lock:
            self._number += 1
            number = self._number
            self._waiting[number] = answered
            command = {"id": number, "method": method, "params": params}
            if session is not None:
                command["sessionId"] = session
            try:
                self._commands.write(json.dumps(command).encode() + b"\0")
            except OSError as error:
                raise PeerError(f"chromium: {method}: {error}") from None
        try:
            answer = answered.get(timeout=seconds)
        except queue.Empty:
            raise PeerError(f"chromium: {method}: no answer within {seconds:g} s") from None
        finally:
            self._waiting.pop(number, None)
        if "error" in answer:
            raise PeerError(f"chromium: {method}: {answer['error'].get('message')}")
        result: dict[str, Any] = answer["result"]
        return result

    def close(self) -> None:
        """Closes the pipe, at which Chromium ends."""
        self._commands.close()

    def _read(self) -> None:
        rest = b""
        with self._answers:
            while chunk := self._answers.read1(1 << 16):
                *messages, rest = (rest + chunk).split(b"\0")
                for message in messages:
                    self._take(json.loads(message))
        for waiting in list(self._waiting.values()):
            waiting.put({"error": {"message": "the browser has ended"}})

    def _take(self, message: dict[str, Any]) -> None:
        if waiting := self._waiting.get(message.get("id", 0)):
            waiting.put(message)
        elif message.get("method") == "Runtime.consoleAPICalled":
            arguments = message["params"]["args"]
            self.console.append(" ".join(str(a.get("value", a.get("description"))) for a in arguments))
        elif message.get("method") == "Runtime.exceptionThrown":
            details = message["params"]["exceptionDetails"]
            self.console.append(details.get("exception", {}).get("description", details["text"]))
