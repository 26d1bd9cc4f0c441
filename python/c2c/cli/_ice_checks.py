"""STUN and TURN servers, each asked as a call would ask it."""

from __future__ import annotations

import secrets
import socket
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, Protocol, cast
from urllib.parse import parse_qs

import trio

from c2c._tls import Trust
from c2c.cli import _stun
from c2c.cli._endpoint_checks import reason_of
from c2c.cli._finding import Finding, Problem, examined

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from c2c import TLSConfig

FIRST_REPEAT = 0.5  # seconds, doubled each time (RFC 8489 §6.2.1)
MAX_MESSAGE = 1_500


@dataclass(frozen=True)
class Server:
    """Where a server is, and how it is spoken to."""

    scheme: str
    host: str
    port: int
    transport: Literal["udp", "tcp", "tls"]

    @classmethod
    def from_url(cls, url: str) -> Server:
        """Reads `stun:host:port`, `turn:host?transport=tcp`, `turns:[::1]:5349` (RFC 7064, RFC 7065)."""
        scheme, _, rest = url.partition(":")
        authority, _, query = rest.partition("?")
        host, colon, port = authority.rpartition(":")
        if not colon or authority.endswith("]"):
            host, port = authority, ""
        transport = "tls" if scheme == "turns" else parse_qs(query).get("transport", ["udp"])[0]
        number = int(port or (5349 if scheme == "turns" else 3478))
        return cls(scheme, host.strip("[]"), number, cast("Literal['udp', 'tcp', 'tls']", transport))


class Exchange(Protocol):
    """Sends requests and waits for their responses."""

    async def ask(self, request: bytes, transaction: bytes) -> _stun.Response:
        """Returns the response to the request with this transaction id."""


class IceChecks:
    """Asks the servers of a `pc_config` in the browser's spelling; each has `limit` seconds."""

    def __init__(self, servers: list[Mapping[str, str]], tls: TLSConfig | None, limit: float) -> None:
        self._servers = servers
        self._trust = Trust(tls)
        self._limit = limit
        self.mapped: list[str] = []
        """Our addresses as servers saw them over UDP."""
        self.asked_by_udp = 0

    async def run(self, stage: Literal["stun", "turn"]) -> list[Finding]:
        """Returns a finding for each server of this kind, or that there is none."""
        chosen = [server for server in self._servers if server["urls"].startswith(stage)]
        if not chosen:
            return [Finding(stage, "skipped", "no server was given with --ice-server")]
        return [await self._examine(stage, server) for server in chosen]

    async def _examine(self, stage: str, config: Mapping[str, str]) -> Finding:
        async def check() -> str:
            server = Server.from_url(config["urls"])
            async with self._open(server) as exchange:
                if stage == "stun":
                    return await self._bind(server, exchange)
                return await self._allocate(server, exchange, config)

        return await examined(stage, check, self._limit, _HINTS[stage])

    async def _bind(self, server: Server, exchange: Exchange) -> str:
        response = await _asked(exchange, _stun.BINDING)
        if response.code is not None or response.mapped is None:
            raise Problem(f"{server.host} answered {response.code} {response.reason}")
        self._note(server, response.mapped)
        return f"{server.host} sees us as {response.mapped}"

    async def _allocate(self, server: Server, exchange: Exchange, config: Mapping[str, str]) -> str:
        response = await _asked(exchange, _stun.ALLOCATE)
        credentials = None
        if response.code == 401:
            username, password = config.get("username", ""), config.get("credential", "")
            credentials = _stun.Credentials(username, password, response.realm, response.nonce)
            response = await _asked(exchange, _stun.ALLOCATE, credentials)
        if response.code is not None or response.relayed is None:
            hint = "check the user name and the password of the server" if response.code == 401 else None
            raise Problem(f"{server.host} answered {response.code} {response.reason}", hint)
        if response.mapped is not None:
            self._note(server, response.mapped)
        # gives the allocation back
        await _asked(exchange, _stun.REFRESH, credentials, lifetime=0)
        return f"{server.host} relays through {response.relayed} ({server.transport})"

    def _note(self, server: Server, mapped: str) -> None:
        if server.transport == "udp":
            self.mapped.append(mapped)

    @asynccontextmanager
    async def _open(self, server: Server) -> AsyncIterator[Exchange]:
        try:
            if server.transport == "udp":
                self.asked_by_udp += 1
                with await _datagrams(server) as sock:
                    yield _Datagrams(sock)
                return
            async with await self._stream(server) as stream:
                yield _Stream(stream)
        except (OSError, trio.BrokenResourceError) as error:
            raise Problem(f"{server.host}:{server.port}: {reason_of(error)}") from None

    async def _stream(self, server: Server) -> trio.abc.Stream:
        stream = await trio.open_tcp_stream(server.host, server.port)
        if server.transport == "tcp":
            return stream
        context = self._trust.ssl_context()
        secure = trio.SSLStream(stream, context, server_hostname=server.host, https_compatible=True)
        try:
            await secure.do_handshake()
        except BaseException:
            await trio.aclose_forcefully(stream)
            raise
        return secure


class _Datagrams:
    def __init__(self, sock: trio.socket.SocketType) -> None:
        self._sock = sock

    async def ask(self, request: bytes, transaction: bytes) -> _stun.Response:
        wait = FIRST_REPEAT
        while True:
            await self._sock.send(request)
            with trio.move_on_after(wait):
                while True:
                    if response := _stun.parsed(await self._sock.recv(MAX_MESSAGE), transaction):
                        return response
            wait *= 2


class _Stream:
    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream
        self._received = bytearray()

    async def ask(self, request: bytes, transaction: bytes) -> _stun.Response:
        await self._stream.send_all(request)
        while True:
            header = await self._take(_stun.HEADER_BYTES)
            message = header + await self._take(_stun.body_length(header))
            if response := _stun.parsed(message, transaction):
                return response

    async def _take(self, count: int) -> bytes:
        while len(self._received) < count:
            if not (data := await self._stream.receive_some(MAX_MESSAGE)):
                raise Problem("the server closed the connection")
            self._received += data
        taken, self._received = bytes(self._received[:count]), self._received[count:]
        return taken


async def _asked(
    exchange: Exchange, method: int, credentials: _stun.Credentials | None = None, *, lifetime: int | None = None
) -> _stun.Response:
    transaction = secrets.token_bytes(12)
    return await exchange.ask(_stun.request(method, transaction, credentials, lifetime=lifetime), transaction)


async def _datagrams(server: Server) -> trio.socket.SocketType:
    found = await trio.socket.getaddrinfo(server.host, server.port, type=socket.SOCK_DGRAM)
    family, kind, protocol, _, address = found[0]
    sock = trio.socket.socket(family, kind, protocol)
    try:
        await sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return sock


_HINTS = {
    "stun": "check the server's host and port, and that outgoing UDP is allowed",
    "turn": "check the server's host, port and transport; try turns: or ?transport=tcp where UDP is blocked",
}
