"""The config endpoint: HTTP/1.1 over any Trio stream, by h11."""

from __future__ import annotations

import json
from dataclasses import dataclass
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeVar
from urllib.parse import parse_qs, urlsplit

import h11
import trio

from ._misbehaviour import ConfigBody, ConfigMisbehaviour, ConfigRedirect, ConfigSlow, ConfigStatus

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ._endpoint_config import EndpointConfig

_IDLE_SECONDS = 30.0
_Kind = TypeVar("_Kind", bound=ConfigMisbehaviour)


@dataclass(frozen=True)
class ConfigRequest:
    """A request that the config endpoint got; `status` is what it answered."""

    method: str
    path: str
    user_id: str | None
    headers: tuple[tuple[str, str], ...]
    status: int

    def header(self, name: str) -> str | None:
        """The first value of a header, whose name may be in any case."""
        return next((value for key, value in self.headers if key == name.lower()), None)


@dataclass(frozen=True)
class _Reply:
    status: int
    body: bytes = b""
    headers: tuple[tuple[str, str], ...] = ()


_PREFLIGHT = _Reply(204, headers=(("Access-Control-Allow-Methods", "GET"), ("Access-Control-Allow-Headers", "*")))


class ConfigEndpoint:
    """Serves one configuration document under `/<URL token>`."""

    def __init__(
        self, config: EndpointConfig, websocket_uri: str, misbehave: Sequence[ConfigMisbehaviour] = ()
    ) -> None:
        self.config = config
        self._websocket_uri = websocket_uri
        self._misbehave = tuple(misbehave)
        self.requests: list[ConfigRequest] = []

    async def serve_stream(self, stream: trio.abc.Stream) -> None:
        """Answer requests until the client closes, breaks the protocol or goes silent."""
        connection = h11.Connection(h11.SERVER)
        try:
            with trio.move_on_after(_IDLE_SECONDS):
                while await self._serve_request(stream, connection):
                    connection.start_next_cycle()
        except (trio.BrokenResourceError, h11.ProtocolError):
            pass  # the client's affair: this endpoint only serves others
        finally:
            await trio.aclose_forcefully(stream)

    async def _serve_request(self, stream: trio.abc.Stream, connection: h11.Connection) -> bool:
        event = await _next_event(stream, connection)
        if not isinstance(event, h11.Request):
            return False
        while not isinstance(await _next_event(stream, connection), h11.EndOfMessage):
            pass
        reply = _PREFLIGHT if event.method == b"OPTIONS" else await self._reply(event)
        self.requests.append(_recorded(event, reply.status))
        for piece in _events_of(reply, connection):
            await stream.send_all(piece)
        return connection.our_state is h11.DONE and connection.their_state is h11.DONE

    async def _reply(self, request: h11.Request) -> _Reply:
        if urlsplit(request.target).path != f"/{self.config.url_token}".encode():
            return _Reply(404)
        if request.method != b"GET":
            return _Reply(405, headers=(("Allow", "GET"),))
        if slow := self._first(ConfigSlow):
            await trio.sleep(slow.seconds)
        if refused := self._first(ConfigStatus):
            return _Reply(refused.status)
        if redirect := self._first(ConfigRedirect):
            return _Reply(302, headers=(("Location", redirect.location),))
        if other := self._first(ConfigBody):
            return _Reply(200, other.body)
        document = self.config.document(self._websocket_uri, self._misbehave)
        return _Reply(200, json.dumps(document).encode(), (("Content-Type", "application/json"),))

    def _first(self, kind: type[_Kind]) -> _Kind | None:
        return next((one for one in self._misbehave if isinstance(one, kind)), None)


async def _next_event(stream: trio.abc.Stream, connection: h11.Connection) -> h11.Event | None:
    """The next event; None while the client already sends its next request."""
    while True:
        event = connection.next_event()
        if not isinstance(event, type):
            return event
        if event is h11.PAUSED:
            return None
        connection.receive_data(bytes(await stream.receive_some(65536)))


def _events_of(reply: _Reply, connection: h11.Connection) -> list[bytes]:
    # any page may ask, as with the real endpoint: the SDK runs in pages of other origins
    headers = [*reply.headers, ("Access-Control-Allow-Origin", "*")]
    if reply.status != HTTPStatus.NO_CONTENT:
        headers.append(("Content-Length", str(len(reply.body))))
    head = h11.Response(status_code=reply.status, headers=headers, reason=_phrase(reply.status).encode())
    pieces = [connection.send(event) for event in (head, h11.Data(data=reply.body), h11.EndOfMessage())]
    return [piece for piece in pieces if piece]


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _recorded(request: h11.Request, status: int) -> ConfigRequest:
    target = urlsplit(request.target.decode("ascii", "replace"))
    return ConfigRequest(
        method=request.method.decode(),
        path=target.path,
        user_id=parse_qs(target.query).get("userId", [None])[0],
        headers=tuple((name.decode(), value.decode("latin-1")) for name, value in request.headers),
        status=status,
    )
