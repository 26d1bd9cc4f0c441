"""A stream to a server: name look-up, TCP, a proxy's tunnel, TLS. The caller limits the time."""

from __future__ import annotations

import errno
import os
import socket
import ssl
from typing import TYPE_CHECKING

import h11
import httpcore
import trio

from c2c._errors import ConfigFetchError
from c2c._happy_eyeballs import addresses_of, connect_to_first
from c2c._route import PROXY_HINT, is_public, version_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from c2c._route import Proxy, Route

MAX_HEAD = 65_536  # bytes of a response's head


class Network(httpcore.AsyncNetworkBackend):
    """How httpx reaches a server: by a route, and with nothing left open by whatever is cancelled or fails."""

    def __init__(self, route: Route) -> None:
        self._route = route

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: object = None,
    ) -> httpcore.AsyncNetworkStream:
        """Returns a stream to `host`; `ConfigFetchError` says what went wrong."""
        try:
            return _Stream(await dial(host, port, self._route))
        except (OSError, trio.BrokenResourceError, h11.ProtocolError) as error:
            failure = failure_of(error)
        # raised out here, for an error without a chain
        raise failure


class _Stream(httpcore.AsyncNetworkStream):
    """A stream of Trio's, as httpcore wants it. The caller limits the time, so all time-outs are ignored."""

    def __init__(self, stream: trio.abc.Stream) -> None:
        self._stream = stream

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        try:
            return bytes(await self._stream.receive_some(max_bytes))
        except (OSError, trio.BrokenResourceError) as error:
            raise httpcore.ReadError(_text(next(_roots(error), error))) from error

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        try:
            await self._stream.send_all(buffer)
        except (OSError, trio.BrokenResourceError) as error:
            raise httpcore.WriteError(_text(next(_roots(error), error))) from error

    async def aclose(self) -> None:
        await trio.aclose_forcefully(self._stream)

    async def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.AsyncNetworkStream:
        stream = trio.SSLStream(self._stream, ssl_context, server_hostname=server_hostname, https_compatible=True)
        try:
            await stream.do_handshake()
        except (OSError, trio.BrokenResourceError) as error:
            await self.aclose()
            failure = failure_of(error)
        except BaseException:
            await self.aclose()
            raise
        else:
            return _Stream(stream)
        raise failure


def failure_of(error: Exception) -> ConfigFetchError:
    """Returns the error for what a socket, TLS or HTTP did wrong, with a hint by its root."""
    roots = list(_chain(error))
    for kind, hint in _HINTS:
        if match := next((root for root in roots if isinstance(root, kind)), None):
            return ConfigFetchError(_text(match), cause=_text(match), hint=hint)
    root = next(_roots(error), error)
    return ConfigFetchError(_text(root), cause=_text(root))


async def dial(host: str, port: int, route: Route) -> trio.SocketStream:
    """Returns a connection by a route, through its proxy's tunnel if it has one; nothing stays open if that fails."""
    stream = await _connect(host, port, route)
    try:
        if route.proxy is not None:
            await _open_tunnel(stream, host, port, route.proxy)
    except BaseException:
        await trio.aclose_forcefully(stream)
        raise
    return stream


async def _connect(host: str, port: int, route: Route) -> trio.SocketStream:
    if route.proxy is not None:
        if route.public_only and _is_address(host) and not is_public(host):
            raise _private(host)
        return await _connect_to_proxy(route.proxy, route.ip_version)
    if not route.public_only:
        return await _connect_by(host, port, route.ip_version)
    # to the very addresses that were looked at: a second look-up could give others
    addresses = [address for address in await _addresses(host, port, route.ip_version) if is_public(address)]
    if not addresses:
        raise _private(host)
    return await connect_to_first(addresses, port)


async def _connect_by(host: str, port: int, ip_version: int | None) -> trio.SocketStream:
    if ip_version is None:
        return await trio.open_tcp_stream(host, port)
    return await connect_to_first(await _addresses(host, port, ip_version), port)


async def _addresses(host: str, port: int, ip_version: int | None) -> list[str]:
    found = await addresses_of(host, port)
    usable = [address for address in found if ip_version in {None, version_of(address)}]
    if not usable:
        text = f"{host} has no IPv{ip_version} address, and ip_version={ip_version} allows no other"
        raise ConfigFetchError(text, cause=text, hint="leave ip_version out, or give the host such an address")
    return usable


async def _connect_to_proxy(proxy: Proxy, ip_version: int | None) -> trio.SocketStream:
    try:
        return await _connect_by(proxy.host, proxy.port, ip_version)
    except OSError as error:
        failure = _proxy_failure(proxy, _text(next(iter(_roots(error)), error)))
    raise failure


async def _open_tunnel(stream: trio.abc.Stream, host: str, port: int, proxy: Proxy) -> None:
    """Asks for a tunnel (RFC 9110 §9.3.6); afterwards the stream leads to the server."""
    authority = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    headers = [("Host", authority)]
    if proxy.authorization is not None:
        headers.append(("Proxy-Authorization", proxy.authorization))
    await stream.send_all(http.send(h11.Request(method="CONNECT", target=authority, headers=headers)))
    try:
        response = await _next_event(stream, http)
    except h11.RemoteProtocolError:
        response = None
    if not isinstance(response, h11.Response):
        raise _proxy_failure(proxy, "its answer is not HTTP")
    if response.status_code == 407:
        raise _proxy_failure(proxy, "it wants credentials, or others (407 Proxy Authentication Required)")
    if not 200 <= response.status_code < 300:
        raise _proxy_failure(proxy, f"it answered {response.status_code} instead of connecting to {authority}")


async def _next_event(stream: trio.abc.Stream, http: h11.Connection) -> h11.Event | None:
    """Returns the next event of an HTTP exchange, provisional responses passed over; `None` at its end."""
    while True:
        event = http.next_event()
        if event is h11.NEED_DATA:
            http.receive_data(bytes(await stream.receive_some(65_536)))
        elif not isinstance(event, h11.InformationalResponse):
            return None if isinstance(event, type) else event


def _proxy_failure(proxy: Proxy, what: str) -> ConfigFetchError:
    text = f"proxy {proxy.host}:{proxy.port}: {what}"
    return ConfigFetchError(text, cause=text, hint=PROXY_HINT)


def _private(host: str) -> ConfigFetchError:
    text = f"{host} is an address of this machine or of a private network"
    return ConfigFetchError(text, cause=text, hint="allow it with block_private_addresses=False")


def _is_address(host: str) -> bool:
    try:
        is_public(host)
    except ValueError:
        return False
    return True


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """`error` and what led to it, also inside groups (one error per address that was tried)."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _chain(inner)
        error = error.__cause__ or error.__context__


def _roots(error: BaseException) -> Iterator[BaseException]:
    return (root for root in _chain(error) if isinstance(root, OSError) and root.errno)


def _text(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    if isinstance(error, OSError) and error.errno is not None:
        known = error.errno in errno.errorcode and not isinstance(error, ssl.SSLError)
        return os.strerror(error.errno) if known else error.strerror or str(error)
    return str(error) or type(error).__name__


_HINTS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "give the server's CA with tls=TLSConfig(ca_file=...) or SSL_CERT_FILE"),
    (ssl.SSLError, "check that the endpoint URL's host and port speak TLS 1.2 or later"),
    (socket.gaierror, "check the endpoint URL's host name and this machine's DNS"),
    (ConnectionRefusedError, "check the endpoint URL's port, and that the server runs"),
)
