"""A c2c call in a process of its own (place_call.py), so that it can be made in another network namespace."""

from __future__ import annotations

import json
import os
import socket
import sys
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .peer import Peer, PeerError, wait_until
from .tone import Tone, wait_for_tone

if TYPE_CHECKING:
    from collections.abc import Sequence

SETUP_STAGES = (
    "invite_sent",
    "ringing",
    "answered",
    "ice_connected",
    "dtls_connected",
    "first_packet_out",
    "first_packet_in",
)
"""In the order in which a call goes through them; seconds since `start_call()`."""


@dataclass(frozen=True)
class CallPlan:
    """A call to make: where, what is played, how patiently, and how long it may last before the far side hangs up."""

    url: str
    ca_file: str
    clip: str
    patience: float = 60.0
    seconds: float = 120.0
    user_id: str = "c2c-interop"
    options: dict[str, Any] = field(default_factory=dict)
    """More of `create_webrtc_client()`'s."""


class CallerProcess(Peer):
    """Makes a call in the namespace that the thread is in when it is started; `wait_for` tells what happened."""

    def __init__(self, directory: Path, plan: CallPlan, name: str = "caller") -> None:
        self.name = name
        super().__init__(directory)
        self._plan = plan
        self._socket = directory / f"{name}.socket"

    def command(self) -> Sequence[str]:
        tests = Path(__file__).parents[1]
        environment = ["env", f"PYTHONPATH={tests}:{os.environ.get('PYTHONPATH', '')}"]
        return [
            *environment,
            sys.executable,
            "-m",
            "interop.place_call",
            str(self._socket),
            json.dumps(asdict(self._plan)),
        ]

    def ready(self) -> bool:
        return "ready" in self.events()

    def told(self) -> list[dict[str, Any]]:
        """What has happened so far, in order; what the client told has the event's name."""
        lines = self.log(1000).splitlines()
        return [json.loads(line) for line in lines if line.startswith('{"event"') and line.endswith("}")]

    def names(self) -> list[str]:
        """The names of what has happened."""
        return [one["event"] for one in self.told()]

    def events(self) -> dict[str, dict[str, Any]]:
        """The last of each name."""
        return {one["event"]: one for one in self.told()}

    def ask(self, command: str, *arguments: object) -> Any:
        """Gives one of place_call.py's commands and returns its result; raises PeerError if it failed."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.settimeout(30)
            connection.connect(str(self._socket))
            connection.sendall(json.dumps([command, *arguments]).encode() + b"\n")
            answer = json.loads(connection.makefile().readline())
        if "error" in answer:
            raise PeerError(f"{command}: {answer['error']}")
        return answer["result"]

    def wait_for_tone(self, hz: float, seconds: float = 30.0) -> Tone:
        """Returns the tone once c2c clearly hears it; raises PeerError with what it heard instead."""
        return wait_for_tone(lambda: Tone(*self.ask("heard")), hz, seconds, window=0.4)

    def wait_for(self, event: str, seconds: float = 120.0) -> dict[str, Any]:
        """Returns an event once it has happened; raises PeerError with the log if it does not or the call failed."""
        try:
            wait_until(lambda: event in self.events() or "failed" in self.events(), f"{event} at the caller", seconds)
            return self.events()[event]
        except (PeerError, KeyError) as error:
            raise PeerError(f"{error}\n{self.log()}") from None
