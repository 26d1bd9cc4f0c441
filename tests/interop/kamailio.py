"""Kamailio: WSS registrar and proxy."""

from __future__ import annotations

import re
import socket
from pathlib import Path
from typing import TYPE_CHECKING

from .identity import (
    CALLEE_USERNAME,
    LOOPBACK,
    PLAIN_SIP_PORT,
    REALM,
    RTPENGINE_PORT,
    SIP_PORT,
    USERNAME,
    WSS_PORT,
    Identity,
)
from .peer import Peer, PeerError, program

if TYPE_CHECKING:
    from collections.abc import Sequence

_TEMPLATE = Path(__file__).parent / "kamailio" / "kamailio.cfg"


class Kamailio(Peer):
    """Registrar and proxy at wss://<address>:<wss_port>.

    `digest_algorithm` is MD5 or SHA-256 (one for all challenges), `max_expires` the longest
    registration granted, in seconds. A second one beside the first needs its own name and ports.
    """

    name = "kamailio"

    def __init__(
        self,
        directory: Path,
        identity: Identity,
        *,
        name: str = "kamailio",
        address: str = LOOPBACK,
        wss_port: int = WSS_PORT,
        sip_port: int = SIP_PORT,
        digest_algorithm: str = "MD5",
        max_expires: int = 3600,
    ) -> None:
        self.name = name
        super().__init__(directory)
        self.wss_port = wss_port
        self.ws_uri = f"wss://{address}:{wss_port}"
        self._address = address
        self._sip_port = sip_port
        self._identity = identity
        self._values = {
            "REALM": REALM,
            "USERNAME": USERNAME,
            "CALLEE_USERNAME": CALLEE_USERNAME,
            "PASSWORD": identity.password,
            "ADDRESS": address,
            "WSS_PORT": str(wss_port),
            "SIP_PORT": str(sip_port),
            "PLAIN_PORT": str(PLAIN_SIP_PORT),
            "RTPENGINE_PORT": str(RTPENGINE_PORT),
            "CERTIFICATE_FILE": str(identity.certificate_file),
            "KEY_FILE": str(identity.key_file),
            "DIGEST_ALGORITHM": digest_algorithm,
            "MAX_EXPIRES": str(max_expires),
            "MODULE_PATH": str(_module_path()),
        }

    def command(self) -> Sequence[str]:
        config = self.directory / f"{self.name}.cfg"
        config.write_text(self._config(), encoding="utf-8")
        run_directory = self.directory / f"{self.name}.run"
        run_directory.mkdir(exist_ok=True)
        # -DD: all processes stay in the foreground; 64 MiB shared and 8 MiB private memory.
        options = ["-DD", "-E", "-m", "64", "-M", "8"]
        places = ["-f", str(config), "-Y", str(run_directory), "-w", str(run_directory)]
        return [program("kamailio", "kamailio"), *options, *places]

    def ready(self) -> bool:
        try:
            with socket.create_connection((self._address, self.wss_port), timeout=1):
                return True
        except OSError:
            return False

    def _config(self) -> str:
        text = _TEMPLATE.read_text(encoding="utf-8")
        return re.sub(r"@([A-Z_]+)@", lambda match: self._values[match[1]], text)


def _module_path() -> Path:
    """Debian's module folder, with the modules that come in packages of their own."""
    packages = {
        "tm.so": "kamailio",
        "websocket.so": "kamailio-websocket-modules",
        "tls.so": "kamailio-tls-modules",
        "outbound.so": "kamailio-outbound-modules",
    }
    folders = sorted(Path("/usr/lib").glob("*/kamailio/modules"))
    for module, package in packages.items():
        if not any((folder / module).exists() for folder in folders):
            raise PeerError(f"{module} is missing: install {package} (tests/interop/install.sh does)")
    return folders[0]
