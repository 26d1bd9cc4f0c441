"""The one GET that c2c makes. httpx is imported nowhere else, so that its successor is a one-line change."""

from __future__ import annotations

import logging
import socket
import ssl
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx
import trio

from c2c._errors import ConfigFetchError

if TYPE_CHECKING:
    from collections.abc import Iterator

MAX_BODY = 1 << 20  # bytes; a configuration is a few kilobytes
MAX_REDIRECTS = 5


@dataclass(frozen=True)
class HTTPResponse:
    """A whole response; `body` is not shown, it holds credentials."""

    status: int
    reason: str
    body: bytes

    def __repr__(self) -> str:
        """Shows no byte of the body."""
        return f"HTTPResponse(status={self.status}, reason={self.reason!r}, body=<{len(self.body)} bytes>)"


async def get(url: str, context: ssl.SSLContext) -> HTTPResponse:
    """GETs `url`, following redirects within its origin only; `ConfigFetchError` for what goes wrong on the way.

    The caller limits the time. Nothing raised or logged holds the URL: its path is the endpoint's token.
    """
    # the bare transport: httpx's client logs each URL and takes proxies and netrc from the environment
    token = _quiet.set(True)
    try:
        async with httpx.AsyncHTTPTransport(verify=context) as transport:
            return await _follow(transport, httpx.URL(url))
    except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError) as error:
        failure = _failure(error)
    finally:
        _quiet.reset(token)
    # raised out here: the chain would keep httpx's request, and with it the URL
    raise failure


async def _follow(transport: httpx.AsyncHTTPTransport, url: httpx.URL) -> HTTPResponse:
    for _ in range(MAX_REDIRECTS):
        request = httpx.Request("GET", url, headers={"Accept": "application/json", "Accept-Encoding": "identity"})
        response = await transport.handle_async_request(request)
        response.request = request
        try:
            if not response.has_redirect_location:
                return HTTPResponse(response.status_code, response.reason_phrase, await _body(response))
            url = _redirect(url, response.headers["location"])
        finally:
            await response.aclose()
    raise _refused("more than 5 redirects")


def _redirect(url: httpx.URL, location: str) -> httpx.URL:
    target = url.join(location)
    if (target.scheme, target.host, _port(target)) != (url.scheme, url.host, _port(url)):
        raise _refused("redirected to another origin")
    return target


def _port(url: httpx.URL) -> int | None:
    return url.port or {"https": 443, "http": 80}.get(url.scheme)


async def _body(response: httpx.Response) -> bytes:
    body = bytearray()
    with trio.CancelScope() as scope:
        async for chunk in response.aiter_bytes():
            body += chunk
            if len(body) > MAX_BODY:
                # leaving the loop would abandon httpx's nested generators; cancelled, they end in order
                scope.cancel()
    if len(body) > MAX_BODY:
        raise _refused(f"the response is longer than {MAX_BODY} bytes")
    return bytes(body)


def _refused(what: str) -> ConfigFetchError:
    return ConfigFetchError(what, cause=what, hint="check that the URL is the endpoint's own")


def _failure(error: Exception) -> ConfigFetchError:
    roots = list(_chain(error))
    for kind, hint in _HINTS:
        if match := next((root for root in roots if isinstance(root, kind)), None):
            return ConfigFetchError(_text(match), cause=_text(match), hint=hint)
    return ConfigFetchError(_text(error), cause=_text(error))


def _chain(error: BaseException | None) -> Iterator[BaseException]:
    """`error` and what led to it, also inside groups (one error per address that was tried)."""
    while error is not None:
        yield error
        if isinstance(error, BaseExceptionGroup):
            for inner in error.exceptions:
                yield from _chain(inner)
        error = error.__cause__ or error.__context__


def _text(error: BaseException) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error) or type(error).__name__


class _NotOurs(logging.Filter):
    """Keeps out what httpcore tells about our request: a redirect's headers repeat the endpoint's token."""

    def filter(self, _: logging.LogRecord) -> bool:
        return not _quiet.get()


_quiet: ContextVar[bool] = ContextVar("c2c_http_quiet", default=False)
logging.getLogger("httpcore.http11").addFilter(_NotOurs())

_HINTS: tuple[tuple[type[BaseException], str], ...] = (
    (ssl.SSLCertVerificationError, "give the server's CA with tls=TLSConfig(ca_file=...) or SSL_CERT_FILE"),
    (ssl.SSLError, "check that the endpoint URL's host and port speak TLS 1.2 or later"),
    (socket.gaierror, "check the endpoint URL's host name and this machine's DNS"),
    (ConnectionRefusedError, "check the endpoint URL's port, and that the server runs"),
)
