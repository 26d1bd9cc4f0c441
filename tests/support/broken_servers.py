"""Servers on loopback that go wrong in one way each: real sockets, real TLS, nothing in between."""

from __future__ import annotations

import base64
import hashlib
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, TypeAlias

import trio
import trustme

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Handler: TypeAlias = Callable[[trio.abc.Stream], Awaitable[None]]

AUTHORITY = trustme.CA()
CA_PEM = AUTHORITY.cert_pem.bytes()


@asynccontextmanager
async def listening(
    handler: Handler, *, name: str | None = None, context: ssl.SSLContext | None = None
) -> AsyncIterator[int]:
    """Serves connections on 127.0.0.1 with `handler`, behind TLS as `name` or by `context`; gives the port."""
    if name is not None:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        AUTHORITY.issue_cert(name).configure_cert(context)

    async def serve(stream: trio.SocketStream) -> None:
        chosen: trio.abc.Stream = stream
        try:
            if context is not None:
                chosen = secured = trio.SSLStream(stream, context, server_side=True, https_compatible=True)
                await secured.do_handshake()
            await handler(chosen)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass  # the client left; its side of it is what the test looks at
        finally:
            await trio.aclose_forcefully(chosen)

    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, serve, listeners)
        yield listeners[0].socket.getsockname()[1]
        nursery.cancel_scope.cancel()


async def closed_port() -> int:
    """Returns a port of 127.0.0.1 on which nobody listens."""
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    return int(port)


async def silence(_: trio.abc.Stream) -> None:
    """Accepts and says nothing."""
    await trio.sleep_forever()


async def banner(stream: trio.abc.Stream) -> None:
    """Talks first, as SSH does."""
    await stream.send_all(b"SSH-2.0-OpenSSH_9.9\r\n")
    await stream.receive_some()


def saying(answer: bytes) -> Handler:
    """Reads a request's head, gives this answer and closes."""

    async def handler(stream: trio.abc.Stream) -> None:
        await read_head(stream)
        await stream.send_all(answer)

    return handler


def upgrading(then: Handler) -> Handler:
    """Accepts a WebSocket with the subprotocol `sip`; `then` has the stream (RFC 6455 §4.2.2)."""

    async def handler(stream: trio.abc.Stream) -> None:
        head = await read_head(stream)
        key = next(line for line in head.split(b"\r\n") if line.lower().startswith(b"sec-websocket-key:")).split(b": ")[
            1
        ]
        accept = base64.b64encode(hashlib.sha1(key + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        answer = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        await stream.send_all(answer + b"Sec-WebSocket-Accept: " + accept + b"\r\nSec-WebSocket-Protocol: sip\r\n\r\n")
        await then(stream)

    return handler


async def read_head(stream: trio.abc.Stream) -> bytes:
    """Reads up to the empty line."""
    head = b""
    while b"\r\n\r\n" not in head:
        received = await stream.receive_some()
        if not received:
            raise trio.BrokenResourceError("closed before the empty line")
        head += received
    return head
