"""The one GET that c2c makes: h11 over a stream of Trio's."""

from __future__ import annotations

import string
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import quote, urljoin, urlsplit

import h11
import trio

from c2c._dial import MAX_HEAD, dial, failure_of, next_event
from c2c._errors import ConfigFetchError

if TYPE_CHECKING:
    import ssl

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
    for _ in range(MAX_REDIRECTS):
        answer = await _exchange(_Target.of(url), context, route)
        if isinstance(answer, HTTPResponse):
            return answer
        url = _redirected(url, answer)
    raise _refused("more than 5 redirects")


@dataclass(frozen=True)
class _Target:
    """A URL, taken apart."""

    scheme: str
    host: str
    port: int
    path: str

    @classmethod
    def of(cls, url: str) -> _Target:
        parts = urlsplit(url)
        host = (parts.hostname or "").rstrip(".")
        path = f"{parts.path or '/'}{'?' if parts.query else ''}{parts.query}"
        port = parts.port or (443 if parts.scheme == "https" else 80)
        return cls(parts.scheme, _ascii(host), port, quote(path, safe=string.punctuation))

    @property
    def authority(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.scheme == "https" else 80) else f"{host}:{self.port}"


async def _exchange(target: _Target, context: ssl.SSLContext, route: Route) -> HTTPResponse | str:
    """Returns the response, or where it redirects to."""
    stream = await dial(target.host, target.port, context if target.scheme == "https" else None, route)
    try:
        return await _ask(stream, target)
    except (OSError, trio.BrokenResourceError, h11.ProtocolError) as error:
        failure = failure_of(error)
    finally:
        await trio.aclose_forcefully(stream)
    # raised out here: the chain would keep what was read
    raise failure


async def _ask(stream: trio.abc.Stream, target: _Target) -> HTTPResponse | str:
    http = h11.Connection(h11.CLIENT, max_incomplete_event_size=MAX_HEAD)
    headers = [("Host", target.authority), ("Accept", "application/json"), ("Connection", "close")]
    request = h11.Request(method="GET", target=target.path, headers=headers)
    await stream.send_all(http.send(request) + http.send(h11.EndOfMessage()))
    head = await next_event(stream, http)
    if not isinstance(head, h11.Response):
        raise ConfigFetchError(_NO_ANSWER, cause=_NO_ANSWER)
    location = next((value for name, value in head.headers if name == b"location"), None)
    if head.status_code in _REDIRECTS and location is not None:
        return location.decode("latin-1")
    return HTTPResponse(head.status_code, head.reason.decode("latin-1"), await _body(stream, http))


async def _body(stream: trio.abc.Stream, http: h11.Connection) -> bytes:
    body = bytearray()
    while isinstance(event := await next_event(stream, http), h11.Data):
        body += event.data
        if len(body) > MAX_BODY:
            raise _refused(f"the response is longer than {MAX_BODY} bytes")
    return bytes(body)


def _redirected(url: str, location: str) -> str:
    try:
        redirected = urljoin(url, location)
        here, there = _Target.of(url), _Target.of(redirected)
    except ValueError:
        raise _refused("redirected to what is no URL") from None
    if (there.scheme, there.host, there.port) != (here.scheme, here.host, here.port):
        raise _refused("redirected to another origin")
    return redirected


def _refused(what: str) -> ConfigFetchError:
    return ConfigFetchError(what, cause=what, hint="check that the URL is the endpoint's own")


def _ascii(host: str) -> str:
    try:
        return host if host.isascii() else host.encode("idna").decode()
    except UnicodeError:
        raise _refused("the URL's host is no name") from None


_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_NO_ANSWER = "the connection was closed without an answer"
