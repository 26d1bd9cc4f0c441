"""A TURN server that grants any allocation to whoever knows the password, and relays nothing."""

from __future__ import annotations

import hashlib
import hmac
import struct
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterator

COOKIE = 0x2112A442
BINDING, ALLOCATE, REFRESH = 1, 3, 4
REALM, NONCE = b"realm.example", b"nonce-1"
USER, PASSWORD = "alice", "p@ss:word"
RELAYED = ("192.0.2.9", 50_000)


@dataclass
class TurnServer:
    """Answers over UDP, TCP and, with a context, TLS; `granted` lists the lifetimes of allocations."""

    udp_port: int = 0
    tcp_port: int = 0
    granted: list[int] = field(default_factory=list)
    is_silent: bool = False

    def answer(self, message: bytes, source: tuple[str, int]) -> bytes | None:
        """Returns the response to a request."""
        kind, _, cookie = struct.unpack("!HHI", message[:8])
        if self.is_silent or cookie != COOKIE:
            return None
        transaction = message[8:20]
        if kind == BINDING:
            return reply(kind | 0x100, transaction, attribute(0x20, xored(source, transaction)))
        if not is_signed(message):
            error = attribute(9, b"\0\0\4\1Unauthorized") + attribute(0x14, REALM) + attribute(0x15, NONCE)
            return reply(kind | 0x110, transaction, error)
        lifetime = attributes(message).get(0x0D)
        self.granted.append(int.from_bytes(lifetime) if lifetime else 600)
        addresses = attribute(0x16, xored(RELAYED, transaction)) + attribute(0x20, xored(source, transaction))
        return reply(kind | 0x100, transaction, addresses if kind == ALLOCATE else b"")

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Answers requests of one connection, each in two pieces."""
        received = b""
        async with stream:
            async for data in stream:
                received += data
                while len(received) >= 20 and len(received) >= 20 + int.from_bytes(received[2:4]):
                    end = 20 + int.from_bytes(received[2:4])
                    answer = self.answer(received[:end], ("192.0.2.1", 7)) or b""
                    received = received[end:]
                    await stream.send_all(answer[:10])
                    await trio.sleep(0.01)
                    await stream.send_all(answer[10:])


@asynccontextmanager
async def turn_server(context: ssl.SSLContext | None = None) -> AsyncIterator[TurnServer]:
    """Serves on 127.0.0.1 while the block runs; with a context TCP is TLS."""
    server = TurnServer()
    with trio.socket.socket(type=trio.socket.SOCK_DGRAM) as sock:
        await sock.bind(("127.0.0.1", 0))
        server.udp_port = sock.getsockname()[1]
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server.tcp_port = listeners[0].socket.getsockname()[1]
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_serve_datagrams, server, sock)
            if context is None:
                nursery.start_soon(trio.serve_listeners, server.serve_stream, listeners)
            else:
                secure = [trio.SSLListener(listener, context, https_compatible=True) for listener in listeners]
                nursery.start_soon(trio.serve_listeners, server.serve_stream, secure)
            yield server
            nursery.cancel_scope.cancel()


async def _serve_datagrams(server: TurnServer, sock: trio.socket.SocketType) -> None:
    while True:
        message, source = await sock.recvfrom(2_000)
        if answer := server.answer(message, source):
            # somebody else's answer comes first
            await sock.sendto(answer[:8] + bytes(12) + answer[20:], source)
            await sock.sendto(answer, source)


def is_signed(message: bytes) -> bool:
    found = attributes(message)
    if (found.get(6), found.get(0x14), found.get(0x15)) != (USER.encode(), REALM, NONCE):
        return False
    key = hashlib.md5(b":".join((USER.encode(), REALM, PASSWORD.encode()))).digest()
    return hmac.compare_digest(hmac.new(key, message[:-24], "sha1").digest(), message[-20:])


def attributes(message: bytes) -> dict[int, bytes]:
    found, at = {}, 20
    while at < len(message):
        kind, length = struct.unpack_from("!HH", message, at)
        found[kind] = message[at + 4 : at + 4 + length]
        at += 4 + (length + 3) // 4 * 4
    return found


def attribute(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value.ljust((len(value) + 3) // 4 * 4, b"\0")


def reply(kind: int, transaction: bytes, body: bytes) -> bytes:
    return struct.pack("!HHI", kind, len(body), COOKIE) + transaction + body


def xored(address: tuple[str, int], transaction: bytes) -> bytes:
    host = int.from_bytes(bytes(map(int, address[0].split(".")))) ^ COOKIE
    return struct.pack("!xBHI", 1, address[1] ^ (COOKIE >> 16), host)
