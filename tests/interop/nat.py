"""A NAT in miniature: what is sent to it reaches a server from another port."""

from __future__ import annotations

import select
import socket
import threading
from typing import TYPE_CHECKING, Self

if TYPE_CHECKING:
    from types import TracebackType


class Nat:
    """Forwards one client's datagrams to a port of 127.0.0.1, and the answers back."""

    def __init__(self, server_port: int) -> None:
        self._server = ("127.0.0.1", server_port)
        self._inside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._outside = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        for each in (self._inside, self._outside):
            each.bind(("127.0.0.1", 0))
        self.port: int = self._inside.getsockname()[1]
        self.seen_port: int = self._outside.getsockname()[1]
        """What the server sees."""
        self._stopping = threading.Event()
        self._thread = threading.Thread(target=self._forward)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stopping.set()
        self._thread.join()
        self._inside.close()
        self._outside.close()

    def _forward(self) -> None:
        client = None
        while not self._stopping.is_set():
            for readable in select.select([self._inside, self._outside], [], [], 0.05)[0]:
                datagram, source = readable.recvfrom(2048)
                if readable is self._inside:
                    client = source
                    self._outside.sendto(datagram, self._server)
                elif client is not None:
                    self._inside.sendto(datagram, client)
