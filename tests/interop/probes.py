"""Numbered datagrams through the impairer."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Self

from .peer import wait_until

if TYPE_CHECKING:
    from types import TracebackType

    from .impairer import LinkDirection, Namespace

BATCH = 50
SIZE = 100
HEADERS = 28
"""IPv4 and UDP."""


class Probes:
    """Numbered UDP datagrams from one namespace to another."""

    def __init__(self, sender: Namespace, receiver: Namespace, address: str, through: LinkDirection) -> None:
        family = socket.AF_INET6 if ":" in address else socket.AF_INET
        with receiver.entered():
            self._receiver = socket.socket(family, socket.SOCK_DGRAM)
        self._receiver.bind((address, 0))
        self._receiver.settimeout(20)
        with sender.entered():
            self._sender = socket.socket(family, socket.SOCK_DGRAM)
        self._sender.connect(self._receiver.getsockname()[:2])
        self.through = through
        self._received = through.statistics()["delivered"]

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._sender.close()
        self._receiver.close()

    def send(self, *numbers: int) -> None:
        """Sends and waits until the impairer has taken them all."""
        before = self.through.statistics()["offered"]
        for number in numbers:
            self._sender.send(number.to_bytes(SIZE - HEADERS, "big"))
        wait_until(lambda: self.through.statistics()["offered"] == before + len(numbers), "the probes to be taken")

    def receive(self, count: int) -> list[int]:
        """Returns the numbers of the next datagrams."""
        self._received += count
        return [int.from_bytes(self._receiver.recv(SIZE), "big") for _ in range(count)]

    def settled(self) -> list[int]:
        """Waits until nothing is in flight; returns the numbers that came since the last receiving."""
        wait_until(lambda: self.through.statistics()["in_flight"] == 0, "the probes to arrive")
        return self.receive(self.through.statistics()["delivered"] - self._received)

    def crossing(self, count: int) -> list[int]:
        """Sends so many, in batches that no queue of the kernel is too small for; returns those that arrive."""
        arrived: list[int] = []
        for first in range(0, count, BATCH):
            self.send(*range(first, min(first + BATCH, count)))
            arrived += self.settled()
        return arrived
