"""The one GET, against a real HTTPS server on loopback."""

from __future__ import annotations

import logging
import ssl
import traceback
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
import trio
import trustme

from c2c import ConfigFetchError, _http
from c2c._route import Route
from c2c._secret import SecretText

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

TOKEN = "/url-token-sentinel"
DIRECT = Route()


@pytest.fixture
def anyio_backend() -> str:
    """Real sockets need real time."""
    return "trio"


@pytest.fixture(scope="module")
def authority() -> trustme.CA:
    return trustme.CA()


@pytest.fixture
def context(authority: trustme.CA) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    authority.configure_trust(context)
    return context


class Server:
    """Answers each request with what is next in `responses`; the last one again and again."""

    def __init__(self, port: int) -> None:
        self.url = f"https://localhost:{port}"
        self.responses: list[bytes] = []
        self.requests: list[bytes] = []

    async def serve(self, stream: trio.SSLStream[trio.SocketStream]) -> None:
        try:
            request = b""
            while not request.endswith(b"\r\n\r\n"):
                request += await stream.receive_some()
            self.requests.append(request)
            response = self.responses.pop(0) if len(self.responses) > 1 else self.responses[0]
            await stream.send_all(response)
            await stream.aclose()
        except (trio.BrokenResourceError, ssl.SSLError):
            await trio.aclose_forcefully(stream)


@asynccontextmanager
async def serving(authority: trustme.CA, name: str = "localhost") -> AsyncIterator[Server]:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    authority.issue_cert(name).configure_cert(context)
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        server = Server(listeners[0].socket.getsockname()[1])

        async def handle(stream: trio.SocketStream) -> None:
            await server.serve(trio.SSLStream(stream, context, server_side=True, https_compatible=True))

        nursery.start_soon(trio.serve_listeners, handle, listeners)
        yield server
        nursery.cancel_scope.cancel()


def response(body: bytes = b"{}", status: str = "200 OK", *headers: str) -> bytes:
    lines = [f"HTTP/1.1 {status}", f"Content-Length: {len(body)}", "Connection: close", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


async def failure(url: str, context: ssl.SSLContext) -> ConfigFetchError:
    with pytest.raises(ConfigFetchError) as caught:
        await _http.get(SecretText(url), context, DIRECT)
    error = caught.value
    assert error.stage == "config"
    assert error.hint
    assert "sentinel" not in "".join(traceback.format_exception(error)).replace("test_http", "")
    assert (error.__cause__, error.__context__) == (None, None)
    shown = traceback.TracebackException.from_exception(error, capture_locals=True)
    ours = traceback.StackSummary.from_list([frame for frame in shown.stack if frame.filename != __file__])
    assert "sentinel" not in "".join(ours.format())
    return error


async def test_a_get(authority: trustme.CA, context: ssl.SSLContext) -> None:
    async with serving(authority) as server:
        server.responses = [response(b'{"a": 1}', "404 Not Found")]
        answer = await _http.get(f"{server.url}{TOKEN}?userId=%C3%BC", context, DIRECT)
        assert (answer.status, answer.reason, answer.body) == (404, "Not Found", b'{"a": 1}')
        (request,) = server.requests
        assert request.startswith(b"GET /url-token-sentinel?userId=%C3%BC HTTP/1.1\r\n")
        assert b"Content-Type" not in request
        assert b"Cookie" not in request
    assert "a" not in repr(answer).split("body=")[1].replace("bytes", "")


async def test_a_redirect_within_the_origin(authority: trustme.CA, context: ssl.SSLContext) -> None:
    async with serving(authority) as server:
        server.responses = [response(b"", "302 Found", "Location: /other?x=1"), response(b"[]")]
        answer = await _http.get(server.url + TOKEN, context, DIRECT)
        assert answer.body == b"[]"
        assert server.requests[1].startswith(b"GET /other?x=1 ")


@pytest.mark.parametrize(
    "location",
    ["https://localhost:1/other", "http://localhost/other", "https://endpoint.example/", "//endpoint.example/"],
)
async def test_a_redirect_to_another_origin(authority: trustme.CA, context: ssl.SSLContext, location: str) -> None:
    async with serving(authority) as server:
        server.responses = [response(b"", "307 Temporary Redirect", f"Location: {location}")]
        assert str(await failure(server.url + TOKEN, context)) == "redirected to another origin"
        assert len(server.requests) == 1


async def test_redirects_in_a_circle(authority: trustme.CA, context: ssl.SSLContext) -> None:
    async with serving(authority) as server:
        server.responses = [response(b"", "302 Found", f"Location: {TOKEN}")]
        assert str(await failure(server.url + TOKEN, context)) == "more than 5 redirects"
        assert len(server.requests) == 5


async def test_a_body_without_end(authority: trustme.CA, context: ssl.SSLContext) -> None:
    async with serving(authority) as server:
        server.responses = [response(b" " * (_http.MAX_BODY + 1))]
        assert str(await failure(server.url + TOKEN, context)) == "the response is longer than 1048576 bytes"


async def test_an_unknown_authority(authority: trustme.CA) -> None:
    async with serving(authority) as server:
        error = await failure(server.url + TOKEN, ssl.create_default_context())
        assert str(error).startswith("certificate verify failed: ")
        assert "ca_file" in str(error.hint)


async def test_a_certificate_of_another_name(authority: trustme.CA, context: ssl.SSLContext) -> None:
    async with serving(authority, "endpoint.example") as server:
        error = await failure(server.url + TOKEN, context)
        assert "Hostname mismatch" in str(error)


async def test_what_is_no_tls(context: ssl.SSLContext) -> None:
    async with trio.open_nursery() as nursery:

        async def handle(stream: trio.SocketStream) -> None:
            await stream.send_all(b"SSH-2.0-OpenSSH\r\n")
            await stream.aclose()

        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        nursery.start_soon(trio.serve_listeners, handle, listeners)
        port = listeners[0].socket.getsockname()[1]
        assert "TLS" in str((await failure(f"https://localhost:{port}{TOKEN}", context)).hint)
        nursery.cancel_scope.cancel()


async def test_a_closed_port(context: ssl.SSLContext) -> None:
    (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
    port = listener.socket.getsockname()[1]
    await listener.aclose()
    error = await failure(f"https://127.0.0.1:{port}{TOKEN}", context)
    assert "refused" in str(error).lower()
    assert "port" in str(error.hint)


async def test_a_name_that_is_none(context: ssl.SSLContext) -> None:
    error = await failure(f"https://no-such-host.invalid{TOKEN}", context)
    assert "DNS" in str(error.hint)


@pytest.mark.parametrize("sent", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nless", b"not http at all\r\n\r\n"])
async def test_a_response_that_is_none(authority: trustme.CA, context: ssl.SSLContext, sent: bytes) -> None:
    async with serving(authority) as server:
        server.responses = [sent]
        await failure(server.url + TOKEN, context)


async def test_nothing_logs_the_url(
    authority: trustme.CA, context: ssl.SSLContext, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.NOTSET)
    caplog.set_level(logging.NOTSET, "c2c")
    async with serving(authority) as server:
        server.responses = [response(b"", "302 Found", f"Location: {TOKEN}?again"), response()]
        await _http.get(server.url + TOKEN, context, DIRECT)
    assert "sentinel" not in "".join(record.getMessage() for record in caplog.records)
