"""`serve()`: the gateway as a context manager."""

from __future__ import annotations

import ssl
import tempfile
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import trio

from c2c import _c2c
from c2c._lifetime import open_lifetime

from ._config_endpoint import ConfigEndpoint
from ._endpoint_config import EndpointConfig
from ._misbehaviour import ConfigMisbehaviour, Misbehaviour
from ._running import RunningGateway
from ._script import Agent
from ._settings import GatewaySettings

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Sequence


@asynccontextmanager
async def serve(
    agent: Agent | None = None,
    *,
    misbehave: Sequence[Misbehaviour] = (),
    config: EndpointConfig | None = None,
    settings: GatewaySettings | None = None,
    host: str = "127.0.0.1",
    port: int = 0,
    secure: bool = True,
) -> AsyncIterator[RunningGateway]:
    """Serve config endpoint, registrar and agent on `host` until the block is left.

    `port` is the config endpoint's (0 chooses one, as always for SIP); `secure=False` serves plain http and ws.
    An exception of the block leaves it bare. Raises OSError when a port cannot be had and ValueError for
    settings out of range.
    """
    config = config or EndpointConfig()
    sip = (settings or GatewaySettings()).to_border(agent or Agent(), misbehave, config)
    handle = _c2c.Gateway(sip, host=host, secure=secure)
    running = RunningGateway(handle, config, host, secure=secure)
    async with open_lifetime(running.shut_down) as lifetime:
        await lifetime.nursery.start(running.pump, lifetime.fail)
        endpoint = ConfigEndpoint(config, running.websocket_uri, _of_the_endpoint(misbehave))
        listeners = await _listen(host, port, handle if secure else None)
        running.endpoint_at(endpoint, _port_of(listeners))
        lifetime.nursery.start_soon(trio.serve_listeners, endpoint.serve_stream, listeners)
        yield running


def _of_the_endpoint(misbehave: Iterable[Misbehaviour]) -> list[ConfigMisbehaviour]:
    return [one for one in misbehave if isinstance(one, ConfigMisbehaviour)]


async def _listen(host: str, port: int, certificates: _c2c.Gateway | None) -> list[trio.abc.Listener[trio.abc.Stream]]:
    plain = await trio.open_tcp_listeners(port, host=host)
    if certificates is None:
        return list(plain)
    context = _ssl_context(certificates.certificate_pem, certificates.key_pem)
    return [trio.SSLListener(listener, context, https_compatible=True) for listener in plain]


def _port_of(listeners: Sequence[trio.abc.Listener[trio.abc.Stream]]) -> int:
    listener = listeners[0]
    if isinstance(listener, trio.SSLListener):
        listener = listener.transport_listener
    assert isinstance(listener, trio.SocketListener)
    port = listener.socket.getsockname()[1]
    assert isinstance(port, int)
    return port


def _ssl_context(certificate_pem: str, key_pem: str) -> ssl.SSLContext:
    """`ssl` reads certificates from files only; these live for a moment, in a folder of mode 0700."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "leaf.pem")
        path.write_text(certificate_pem + key_pem)
        context.load_cert_chain(path)
    return context
