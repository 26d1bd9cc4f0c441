"""TCP to the first of a name's addresses that answers (RFC 8305), where `trio.open_tcp_stream` may not choose them."""

from __future__ import annotations

import socket
from itertools import zip_longest
from typing import TYPE_CHECKING

import trio

if TYPE_CHECKING:
    from collections.abc import Iterable

ATTEMPT_DELAY = 0.25  # seconds that an attempt is alone (RFC 8305 §8)


async def addresses_of(host: str, port: int) -> list[str]:
    """Returns a name's addresses, families by turns, the system's preferred one first (RFC 8305 §4)."""
    found = await trio.socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    families: dict[int, list[str]] = {}
    for family, *_, (address, *_) in found:
        families.setdefault(family, []).append(str(address))
    turns = zip_longest(*families.values())
    return list(dict.fromkeys(address for turn in turns for address in turn if address is not None))


async def connect_to_first(addresses: Iterable[str], port: int) -> trio.SocketStream:
    """Connects to the first address that answers and closes the others; the last one's `OSError` if none does."""
    streams: list[trio.SocketStream] = []
    errors: list[OSError] = []

    async def attempt(address: str, failed: trio.Event) -> None:
        try:
            streams.append(await trio.open_tcp_stream(address, port))
            nursery.cancel_scope.cancel()
        except OSError as error:
            errors.append(error)
            failed.set()

    try:
        async with trio.open_nursery() as nursery:
            for address in addresses:
                failed = trio.Event()
                nursery.start_soon(attempt, address, failed)
                with trio.move_on_after(ATTEMPT_DELAY):
                    await failed.wait()
    except BaseException:
        _close(streams)
        raise
    _close(streams[1:])  # two may have come at once
    if not streams:
        raise errors[-1]
    return streams[0]


def _close(streams: Iterable[trio.SocketStream]) -> None:
    for stream in streams:
        stream.socket.close()
