"""The loop that moves IP packets between pairs of TUN devices."""

from __future__ import annotations

import errno
import ipaddress
import os
import select
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from .counts import Lateness, report

if TYPE_CHECKING:
    from collections.abc import Callable

    from .direction import Direction

DIRECTIONS = ("to_far", "to_near")

_PACKETS_A_TURN = 64
_LARGEST = 65_536
_LONGEST_WAIT = 1.0


@dataclass
class Way:
    """A direction with the device that packets come from and the one they go to."""

    direction: Direction
    source: int
    destination: int
    lateness: Lateness = field(default_factory=Lateness)

    def read(self) -> None:
        """Takes what has come, a bounded number so that the other direction has its turn."""
        for _ in range(_PACKETS_A_TURN):
            try:
                packet = os.read(self.source, _LARGEST)
            except OSError:  # nothing there, or the device is down
                return
            if is_link_local(packet):
                self.direction.counts.link_local += 1
            else:
                self.direction.offer(packet, time.monotonic())

    def write(self) -> None:
        """Delivers what is due."""
        now = time.monotonic()
        for departure in self.direction.take(now):
            try:
                os.write(self.destination, departure.packet)
            except OSError as error:
                if error.errno not in {errno.EIO, errno.EAGAIN, errno.EINVAL, errno.ENOBUFS}:
                    raise
                self.direction.counts.delivered -= 1
                self.direction.counts.delivered_bytes -= len(departure.packet)
                self.direction.counts.undelivered += 1
            if departure.due > departure.came:
                self.lateness.count(time.monotonic() - departure.due)

    def report(self) -> dict[str, Any]:
        """Returns counts and lateness."""
        return report(self.direction.counts, self.lateness, self.direction.in_flight)


Ways = dict[str, dict[str, Way]]
"""By the link's name, then by direction."""


def run(ways: Ways, commands: int, on_commands: Callable[[], bool], seconds: float) -> None:
    """Relays until `on_commands`, called when the descriptor `commands` is readable, says False, or time is up."""
    every = [way for link in ways.values() for way in link.values()]
    by_source = {way.source: way for way in every}
    end = time.monotonic() + seconds
    while (now := time.monotonic()) < end:
        due = min((at for way in every if (at := way.direction.next_due()) is not None), default=end)
        # select and not epoll: its time limit is in microseconds.
        wait = min(max(due - now, 0.0), _LONGEST_WAIT)
        readable, _, _ = select.select([commands, *by_source], [], [], wait)
        if commands in readable and not on_commands():
            return
        for descriptor in readable:
            if descriptor in by_source:
                by_source[descriptor].read()
        for way in every:
            way.write()


def is_link_local(packet: bytes) -> bool:
    """Whether a packet has link-local scope, or is no IP packet at all; no router passes on either."""
    if len(packet) >= 20 and packet[0] >> 4 == 4:
        source, destination = packet[12:16], packet[16:20]
    elif len(packet) >= 40 and packet[0] >> 4 == 6:
        source, destination = packet[8:24], packet[24:40]
    else:
        return True
    return _stays(source) or _stays(destination)


def schedule_ahead() -> str:
    """Asks to run before other processes, as far as allowed; returns what was granted."""
    with suppress(OSError):
        os.sched_setscheduler(0, os.SCHED_RR, os.sched_param(1))
        return "round-robin"
    with suppress(OSError):
        return f"nice {os.nice(-10)}"
    return "normal"


def _stays(address: bytes) -> bool:
    known = ipaddress.ip_address(address)
    return known.is_link_local or (address[0] == 0xFF and address[1] & 0x0F <= 2 and len(address) == 16)
