"""A small HTTP proxy that does CONNECT and nothing else."""

from __future__ import annotations

import base64
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import trio

from support.broken_servers import listening, read_head

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping

    from c2c.gateway import RunningGateway

USER, PASSWORD = "proxy-user", "proxy:password sentinel"


@dataclass
class ConnectProxy:
    """Leads tunnels to where `leads_to` says, else to where they were asked for; answers `status` if that is no 200."""

    credentials: bool = False
    status: int = 200
    leads_to: Mapping[str, int] = field(default_factory=dict)
    port: int = 0
    asked: list[str] = field(default_factory=list)
    refused: int = 0

    @property
    def url(self) -> str:
        """Its URL, with the credentials that it wants."""
        return f"http://{f'{USER}:proxy%3Apassword%20sentinel@' if self.credentials else ''}127.0.0.1:{self.port}"

    async def serve(self, stream: trio.abc.Stream) -> None:
        """Serves one tunnel."""
        head = (await read_head(stream)).decode()
        method, authority, _ = head.split(" ", 2)
        assert method == "CONNECT"
        self.asked.append(authority)
        wanted = f"Proxy-Authorization: Basic {base64.b64encode(f'{USER}:{PASSWORD}'.encode()).decode()}\r\n"
        if self.credentials and wanted.lower() not in head.lower():
            self.refused += 1
            await stream.send_all(
                b'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic realm="p"\r\n\r\n'
            )
        elif self.status != 200:
            await stream.send_all(b"HTTP/1.1 %d Refused\r\n\r\n" % self.status)
        else:
            host, _, port = authority.rpartition(":")
            known = self.leads_to.get(authority)
            there = await trio.open_tcp_stream("127.0.0.1" if known else host.strip("[]"), known or int(port))
            await stream.send_all(b"HTTP/1.1 200 Connection established\r\nVia: 1.1 proxy\r\n\r\n")
            await join(stream, there)


@asynccontextmanager
async def connect_proxy(
    *, credentials: bool = False, status: int = 200, leads_to: Mapping[str, int] | None = None
) -> AsyncIterator[ConnectProxy]:
    """A proxy on loopback that writes down what it is asked for."""
    proxy = ConnectProxy(credentials, status, leads_to or {})
    async with listening(proxy.serve) as port:
        proxy.port = port
        yield proxy


async def join(one: trio.abc.Stream, other: trio.abc.Stream) -> None:
    """Carries bytes both ways until one side closes."""
    async with other, trio.open_nursery() as nursery:

        async def carry(source: trio.abc.Stream, sink: trio.abc.Stream) -> None:
            try:
                while received := await source.receive_some():
                    await sink.send_all(received)
            except (trio.BrokenResourceError, trio.ClosedResourceError):
                pass  # the other direction sees it too
            nursery.cancel_scope.cancel()

        nursery.start_soon(carry, one, other)
        await carry(other, one)


@asynccontextmanager
async def in_public(gateway: RunningGateway) -> AsyncIterator[dict[str, int]]:
    """A gateway on loopback under names that are not this machine's, behind TLS; where tunnels have to lead."""

    def lead_to(url: str) -> Any:
        async def handler(stream: trio.abc.Stream) -> None:
            await join(stream, await trio.open_tcp_stream("127.0.0.1", int(authority(url).rpartition(":")[2])))

        return handler

    async with (
        listening(lead_to(gateway.endpoint_url), name="endpoint.example") as endpoint,
        listening(lead_to(gateway.websocket_uri), name="sip.example") as sip,
    ):
        yield {"endpoint.example:443": endpoint, "sip.example:8443": sip}


def authority(url: str) -> str:
    """Host and port of a URL."""
    return url.split("/")[2]
