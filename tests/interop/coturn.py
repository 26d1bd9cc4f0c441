"""coturn: the STUN and TURN server, over UDP, TCP and TLS."""

from __future__ import annotations

import os
import socket
from typing import TYPE_CHECKING

from .identity import LOOPBACK, TURN_PORT, TURN_TLS_PORT, TURN_USERNAME
from .peer import Peer, program

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from .identity import Identity

RELAY_PORTS = (49152, 49999)


class Coturn(Peer):
    """coturn with long-term credentials; `settings` are lines of turnserver.conf."""

    name = "coturn"

    def __init__(self, directory: Path, identity: Identity, *settings: str, address: str = LOOPBACK) -> None:
        super().__init__(directory)
        self.identity = identity
        self.settings = settings
        self.address = address

    def command(self) -> Sequence[str]:
        turnserver = program("turnserver", "coturn")
        configuration = self.directory / "turnserver.conf"
        lowest, highest = RELAY_PORTS
        lines = [
            f"listening-ip={self.address}",
            f"relay-ip={self.address}",
            f"listening-port={TURN_PORT}",
            f"tls-listening-port={TURN_TLS_PORT}",
            f"min-port={lowest}",
            f"max-port={highest}",
            f"cert={self.identity.certificate_file}",
            f"pkey={self.identity.key_file}",
            "realm=turn-rig.example",
            "lt-cred-mech",
            f"user={TURN_USERNAME}:{self.identity.password}",
            # The peers of these tests are on loopback, which is refused otherwise.
            "allow-loopback-peers",
            "no-cli",
            "no-dtls",
            f"userdb={self.directory / 'turn.sqlite'}",
            f"pidfile={self.directory / 'turn.pid'}",
            "log-file=stdout",
            "simple-log",
            "verbose",
            *self.settings,
        ]
        with os.fdopen(os.open(configuration, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write("\n".join(lines) + "\n")
        return [turnserver, "-c", str(configuration)]

    def ready(self) -> bool:
        """Whether a Binding request is answered over UDP, and TLS accepted."""
        request = b"\x00\x01\x00\x00\x21\x12\xa4\x42" + os.urandom(12)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as udp:
            udp.settimeout(0.5)
            try:
                udp.connect((self.address, TURN_PORT))
                udp.send(request)
                answer = udp.recv(1500)
                socket.create_connection((self.address, TURN_TLS_PORT), timeout=0.5).close()
            except OSError:
                return False
        return answer[:2] == b"\x01\x01" and answer[8:20] == request[8:20]
