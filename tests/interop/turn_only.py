"""A network in which datagrams between two ends are lost, and only those from and to a TURN server arrive."""

from __future__ import annotations

import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from .coturn import RELAY_PORTS
from .peer import program

if TYPE_CHECKING:
    from collections.abc import Iterator

PORT_RANGE = Path("/proc/sys/net/ipv4/ip_local_port_range")
LOWEST, HIGHEST = 32768, RELAY_PORTS[0] - 1


@contextmanager
def turn_only_network() -> Iterator[None]:
    """In this namespace the ends' own ports are below the relays'; what goes from one end to the other is dropped."""
    before = PORT_RANGE.read_text()
    PORT_RANGE.write_text(f"{LOWEST} {HIGHEST}")
    ends = f"{LOWEST}:{HIGHEST}"
    rule = ["INPUT", "--protocol", "udp", "--sport", ends, "--dport", ends, "--jump", "DROP"]
    try:
        for name in ("iptables", "ip6tables"):
            subprocess.run([program(name, "iptables"), "--append", *rule], check=True, timeout=10)
        yield
    finally:
        for name in ("iptables", "ip6tables"):
            subprocess.run([program(name, "iptables"), "--delete", *rule], check=False, timeout=10)
        PORT_RANGE.write_text(before)
