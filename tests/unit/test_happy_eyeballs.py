"""A name with addresses of both families, one of them a black hole; the engine's tests have the same for WebSockets."""

from __future__ import annotations

import socket
from contextlib import ExitStack
from typing import TYPE_CHECKING

import pytest
import trio

from c2c import ConfigFetchError
from c2c._dial import dial
from c2c._happy_eyeballs import addresses_of, connect_to_first
from c2c._route import Proxy, Route

if TYPE_CHECKING:
    from collections.abc import Iterator

LIMIT = 60  # more than anything here takes; a black hole that is waited for takes longer
BOTH = ["::1", "127.0.0.1"]


@pytest.fixture
def anyio_backend() -> str:
    """Real sockets need real time."""
    return "trio"


class Resolver(trio.abc.HostnameResolver):
    """Knows `both.example`, whose addresses are `::1` and `127.0.0.1`, in this order."""

    async def getaddrinfo(self, host: object, port: object, *_: object) -> list[object]:  # type: ignore[override]
        assert host == b"both.example"
        return [
            (socket.AF_INET6, socket.SOCK_STREAM, 6, "", ("::1", port, 0, 0)),
            (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port)),
        ]

    async def getnameinfo(self, *_: object) -> tuple[str, str]:
        raise NotImplementedError


@pytest.fixture
def port() -> Iterator[int]:
    """A port that answers at 127.0.0.1; at ::1 its queue is full, so that it drops what comes."""
    with ExitStack() as stack:
        good = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
        port: int = good.getsockname()[1]
        hole = stack.enter_context(socket.socket(socket.AF_INET6))
        hole.bind(("::1", port))
        hole.listen(0)
        for _ in range(4):
            queued = stack.enter_context(socket.socket(socket.AF_INET6))
            queued.setblocking(False)
            queued.connect_ex(("::1", port))
        yield port


async def test_the_first_that_answers_wins(port: int) -> None:
    with trio.fail_after(LIMIT):
        stream = await connect_to_first(BOTH, port)
    async with stream:
        assert stream.socket.getpeername() == ("127.0.0.1", port)


async def test_a_refusal_is_followed_at_once_and_told_at_the_end() -> None:
    with socket.create_server(("127.0.0.1", 0)) as closed:
        port = closed.getsockname()[1]
    with pytest.raises(OSError, match="all attempts to connect"):
        await connect_to_first(["127.0.0.1", "127.0.0.1"], port)


@pytest.mark.parametrize("ip_version", [None, 4])
async def test_a_name_with_a_black_hole(port: int, ip_version: None) -> None:
    trio.socket.set_custom_hostname_resolver(Resolver())
    assert await addresses_of("both.example", port) == BOTH
    with trio.fail_after(LIMIT):
        stream = await dial("both.example", port, Route(ip_version=ip_version))
    async with stream:
        assert stream.socket.getpeername() == ("127.0.0.1", port)


@pytest.mark.parametrize("proxy", [False, True])
async def test_one_version_of_ip_only(proxy: bool, port: int) -> None:
    route = Route(ip_version=6, proxy=Proxy(host="127.0.0.1", port=port) if proxy else None)
    with pytest.raises(ConfigFetchError, match="ip_version=6") as caught:
        await dial("127.0.0.1", port, route)
    assert "ip_version" in str(caught.value.hint)


async def test_the_other_version_is_not_tried() -> None:
    trio.socket.set_custom_hostname_resolver(Resolver())
    with socket.create_server(("127.0.0.1", 0)) as only_v4, pytest.raises(OSError, match="all attempts to connect"):
        await dial("both.example", only_v4.getsockname()[1], Route(ip_version=6))
