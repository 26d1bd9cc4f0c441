"""The one GET that c2c makes. httpx is imported nowhere else, so that its successor is a change of this module."""

from __future__ import annotations

import logging
from contextvars import ContextVar
from dataclasses import dataclass
from typing import TYPE_CHECKING, Self, cast

import httpcore
import httpx
import trio

from c2c._dial import Network, failure_of
from c2c._errors import ConfigFetchError

if TYPE_CHECKING:
    import ssl
    from collections.abc import AsyncIterable, AsyncIterator

    from c2c._route import Route

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


async def get(url: str, context: ssl.SSLContext, route: Route) -> HTTPResponse:
    """GETs `url`, following redirects within its origin only; `ConfigFetchError` for what goes wrong on the way.

    The caller limits the time. Nothing raised or logged holds the URL: its path is the endpoint's token.
    """
    # a bare transport: httpx's client logs each URL and takes proxies and netrc from the environment
    token = _quiet.set(True)
    try:
        async with _Transport(context, route) as transport:
            return await _follow(transport, httpx.URL(url))
    except ConfigFetchError as error:
        failure = error.with_traceback(None)
    except (httpx.InvalidURL, httpx.StreamError, *_CORE_ERRORS) as error:
        failure = failure_of(error)
    finally:
        _quiet.reset(token)
    # raised out here: the chain would keep the request, and with it the URL
    raise failure


class _Transport(httpx.AsyncBaseTransport):
    """httpx's, with a way to the server of our own: its public one takes no network backend."""

    def __init__(self, context: ssl.SSLContext, route: Route) -> None:
        self._pool = httpcore.AsyncConnectionPool(ssl_context=context, network_backend=Network(route))

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        url = request.url
        asked = httpcore.Request(
            method=request.method,
            url=httpcore.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=_NoBody(),
        )
        answer = await self._pool.handle_async_request(asked)
        return httpx.Response(
            status_code=answer.status, headers=answer.headers, stream=_Body(answer), extensions=answer.extensions
        )

    async def aclose(self) -> None:
        await self._pool.aclose()


class _NoBody:
    """What a GET sends. Not httpcore's own: a request that is cancelled abandons that generator."""

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> bytes:
        raise StopAsyncIteration


class _Body(httpx.AsyncByteStream):
    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for chunk in cast("AsyncIterable[bytes]", self._answer.stream):
            yield chunk

    async def aclose(self) -> None:
        await self._answer.aclose()


async def _follow(transport: httpx.AsyncBaseTransport, url: httpx.URL) -> HTTPResponse:
    for _ in range(MAX_REDIRECTS):
        request = httpx.Request("GET", url, headers={"Accept": "application/json", "Accept-Encoding": "identity"})
        response = await transport.handle_async_request(request)
        response.request = request
        try:
            if not response.has_redirect_location:
                return HTTPResponse(response.status_code, response.reason_phrase, await _body(response))
            url = _redirected(url, response.headers["location"])
        finally:
            await response.aclose()
    raise _refused("more than 5 redirects")


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


def _redirected(url: httpx.URL, location: str) -> httpx.URL:
    target = url.join(location)
    if (target.scheme, target.host, _port(target)) != (url.scheme, url.host, _port(url)):
        raise _refused("redirected to another origin")
    return target


def _port(url: httpx.URL) -> int | None:
    return url.port or {"https": 443, "http": 80}.get(url.scheme)


def _refused(what: str) -> ConfigFetchError:
    return ConfigFetchError(what, cause=what, hint="check that the URL is the endpoint's own")


class _NotOurs(logging.Filter):
    """Keeps out what httpcore tells about our request: a redirect's headers repeat the endpoint's token."""

    def filter(self, _: logging.LogRecord) -> bool:
        return not _quiet.get()


# those of the pool: the transport, unlike httpx's own, does not rename them
_CORE_ERRORS = (httpcore.NetworkError, httpcore.ProtocolError, httpcore.UnsupportedProtocol)
_quiet: ContextVar[bool] = ContextVar("c2c_http_quiet", default=False)
logging.getLogger("httpcore.http11").addFilter(_NotOurs())
logging.getLogger("httpcore.connection").addFilter(_NotOurs())
