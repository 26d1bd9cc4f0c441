"""A SIP edge in front of the gateway: clients may lose it, the gateway and its calls do not.

The WebSocket is plain: only its frames pass, so that none is cut in two by a loss.
"""

from __future__ import annotations

from base64 import b64encode
from contextlib import asynccontextmanager, suppress
from hashlib import sha1
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"  # RFC 6455 §1.3
UPGRADE = (
    b"GET / HTTP/1.1\r\nHost: gateway\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: sip\r\n\r\n"
)


class Front:
    """One client at a time; `refuses` closes what comes, `is_deaf` passes nothing on any more."""

    def __init__(self, gateway: int) -> None:
        self.gateway = gateway
        self.port = 0
        self.refuses = False
        self.is_deaf = False
        self.accepted = 0
        self._client: trio.abc.Stream | None = None
        self._upstream: trio.SocketStream | None = None
        self._nursery: trio.Nursery | None = None

    @property
    def uri(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    async def lose_client(self) -> None:
        """Closes the client's connection without a word."""
        if self._client is not None:
            client, self._client = self._client, None
            await client.aclose()

    async def move_to(self, gateway: int) -> None:
        """Serves from another gateway from the next client on."""
        self.gateway = gateway
        if self._upstream is not None:
            upstream, self._upstream = self._upstream, None
            await upstream.aclose()

    async def serve(self, task_status: trio.TaskStatus[None]) -> None:
        async with trio.open_nursery() as self._nursery:
            listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
            self.port = listeners[0].socket.getsockname()[1]
            task_status.started()
            await trio.serve_listeners(self._accept, listeners)

    async def _accept(self, client: trio.SocketStream) -> None:
        self.accepted += 1
        async with client:
            if self.refuses:
                return
            try:
                await self._greet(client)
                await self._join()
                self._client = client
                await self._pump_client(client)
            except (trio.BrokenResourceError, trio.ClosedResourceError, EOFError):
                pass
            finally:
                if self._client is client:
                    self._client = None

    async def _greet(self, client: trio.SocketStream) -> None:
        head = await _head(client)
        key = next(
            line.split(b":")[1].strip() for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key")
        )
        accept = b64encode(sha1(key + GUID).digest())
        await client.send_all(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Protocol: sip\r\nSec-WebSocket-Accept: " + accept + b"\r\n\r\n"
        )

    async def _join(self) -> None:
        if self._upstream is None:
            self._upstream = await trio.open_tcp_stream("127.0.0.1", self.gateway)
            await self._upstream.send_all(UPGRADE)
            await _head(self._upstream)
            assert self._nursery is not None
            self._nursery.start_soon(self._pump_gateway, self._upstream)

    async def _pump_client(self, client: trio.SocketStream) -> None:
        async for frame in _frames(client):
            is_close = frame[0] & 0x0F == 8
            if self._upstream is not None and not is_close and not self.is_deaf:
                await self._upstream.send_all(frame)

    async def _pump_gateway(self, upstream: trio.SocketStream) -> None:
        try:
            async with upstream:
                async for frame in _frames(upstream):
                    if self._client is not None and not self.is_deaf:
                        await _pass(self._client, frame)
        except (trio.BrokenResourceError, trio.ClosedResourceError, EOFError):
            if self._upstream is upstream:
                self._upstream = None


@asynccontextmanager
async def front_of(gateway: int) -> AsyncIterator[Front]:
    """A front of the gateway at this port."""
    front = Front(gateway)
    async with trio.open_nursery() as nursery:
        await nursery.start(front.serve)
        yield front
        nursery.cancel_scope.cancel()


async def _pass(client: trio.abc.Stream, frame: bytes) -> None:
    with suppress(trio.BrokenResourceError, trio.ClosedResourceError):  # lost on the way, as it happens
        await client.send_all(frame)


async def _head(stream: trio.SocketStream) -> bytes:
    head = b""
    while not head.endswith(b"\r\n\r\n"):
        head += await _exactly(stream, 1)
    return head


async def _frames(stream: trio.SocketStream) -> AsyncIterator[bytes]:
    """Whole frames of RFC 6455 §5.2, as they came."""
    while True:
        frame = await _exactly(stream, 2)
        length = frame[1] & 0x7F
        if length >= 126:
            extended = await _exactly(stream, 2 if length == 126 else 8)
            frame, length = frame + extended, int.from_bytes(extended)
        yield frame + await _exactly(stream, length + (4 if frame[1] & 0x80 else 0))


async def _exactly(stream: trio.SocketStream, length: int) -> bytes:
    data = b""
    while len(data) < length:
        more = await stream.receive_some(length - len(data))
        if not more:
            raise EOFError
        data += bytes(more)
    return data
