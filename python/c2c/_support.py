"""Whether c2c can work on this machine."""

from __future__ import annotations

import os
import socket
import sys
from dataclasses import dataclass

from c2c._tls import has_trust_roots

TRUST_ROOTS = "trust roots"


@dataclass(frozen=True)
class WebRTCSupport:
    """The result of the support check; `missing` names what `supported` lacks."""

    supported: bool
    missing: tuple[str, ...]


def check_webrtc_support() -> WebRTCSupport:
    """Looks for what calls need and never raises.

    `missing` may hold `platform` (no POSIX sockets), `c2c._c2c` (the extension cannot be loaded), `socket.AF_INET` (no
    IPv4) and `trust roots` (no certificate authorities on this machine; they may be given with `tls=`).
    """
    checks = {
        "platform": _has_platform,
        "c2c._c2c": _has_extension,
        "socket.AF_INET": _has_ipv4,
        TRUST_ROOTS: has_trust_roots,
    }
    missing = tuple(name for name, check in checks.items() if not _holds(check))
    return WebRTCSupport(supported=not missing, missing=missing)


def is_webrtc_supported() -> bool:
    """Whether `check_webrtc_support()` misses nothing."""
    return check_webrtc_support().supported


def _holds(check: object) -> bool:
    try:
        return bool(callable(check) and check())
    except Exception:
        return False


def _has_platform() -> bool:
    return os.name == "posix" and sys.platform not in {"emscripten", "wasi"}


def _has_extension() -> bool:
    from c2c import _c2c

    return hasattr(_c2c, "Engine")


def _has_ipv4() -> bool:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM):
        return True
