"""rtpengine: the media gateway between WebRTC and plain RTP."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING

from .identity import LOOPBACK, RTPENGINE_PORT
from .peer import Peer, program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

RTP_PORTS = (30000, 30999)


class Rtpengine(Peer):
    """rtpengine in user space, commanded by Kamailio over its ng protocol."""

    name = "rtpengine"

    def __init__(self, directory: Path, address: str = LOOPBACK) -> None:
        super().__init__(directory)
        self._address = address

    def command(self) -> Sequence[str]:
        lowest, highest = RTP_PORTS
        return [
            program("rtpengine", "rtpengine-daemon"),
            "--config-file=none",
            "--foreground",
            "--log-stderr",
            "--log-level=6",
            # No kernel module: all packets are forwarded by the daemon itself.
            "--table=-1",
            "--num-threads=2",
            f"--interface={self._address}",
            f"--listen-ng=127.0.0.1:{RTPENGINE_PORT}",
            f"--port-min={lowest}",
            f"--port-max={highest}",
        ]

    def ready(self) -> bool:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as ng:
            ng.settimeout(0.5)
            try:
                ng.connect(("127.0.0.1", RTPENGINE_PORT))
                ng.send(b"1 d7:command4:pinge")
                return b"pong" in ng.recv(1500)
            except OSError:
                return False
