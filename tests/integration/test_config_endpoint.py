"""The gateway's config endpoint, and what the client makes of it."""

from __future__ import annotations

from contextlib import suppress

import pytest
import trio

import c2c
from c2c.gateway import (
    ConfigBody,
    ConfigInactive,
    ConfigRedirect,
    ConfigSlow,
    ConfigStatus,
    ConfigWithout,
    EndpointConfig,
    serve,
)
from support.broken_servers import CA_PEM, listening
from support.gateway import caller, served


@pytest.mark.parametrize("status", [401, 404, 500])
async def test_http_errors(status: int) -> None:
    async with served(misbehave=[ConfigStatus(status)]) as one:
        with pytest.raises(c2c.ConfigFetchError, match=f"Failed to fetch config: {status} "):
            await one.client.connect()
        assert [request.status for request in one.gateway.requests] == [status]


async def test_silence() -> None:
    async with served(misbehave=[ConfigSlow(30)], options={"config_timeout": 0.3}) as one:
        with pytest.raises(c2c.ConfigTimeout, match="Operation timed out after 300ms"):
            await one.client.connect()


async def test_not_json() -> None:
    async with served(misbehave=[ConfigBody()]) as one:
        with pytest.raises(c2c.ConfigError):
            await one.client.connect()


async def test_redirects_elsewhere_are_not_followed() -> None:
    async with (
        serve() as other,
        serve(misbehave=[ConfigRedirect(other.endpoint_url)]) as gateway,
        caller(gateway) as one,
    ):
        with pytest.raises(c2c.ConfigFetchError):
            await one.client.connect()
        assert not other.requests


@pytest.mark.parametrize("kind", ["legacy", "runtime"])
async def test_a_missing_server_is_named(kind: str) -> None:
    config = EndpointConfig(kind="legacy" if kind == "legacy" else "runtime")
    path = "endpointSettings.sipConnectivityInfo.wsUri"
    async with served(config=config, misbehave=[ConfigWithout(path)]) as one:
        with pytest.raises(c2c.ConfigInvalid) as caught:
            await one.client.connect()
        assert caught.value.path == path


async def test_an_inactive_widget() -> None:
    async with served(misbehave=[ConfigInactive()]) as one:
        with pytest.raises(c2c.WidgetInactive, match="WebRTC widget is not active in the configuration"):
            await one.client.connect()


async def test_plain_http_on_loopback() -> None:
    async with served(secure=False) as one:
        assert one.gateway.endpoint_url.startswith("http://127.0.0.1:")
        _, far_side = await one.answered()
        assert far_side.media_connected


async def test_ipv6_loopback() -> None:
    async with served(host="::1") as one:
        await one.answered()


@pytest.mark.parametrize("how", ["time-out", "cancelled"])
@pytest.mark.parametrize("name", ["localhost", None], ids=["in the exchange", "in the TLS handshake"])
async def test_a_request_that_takes_too_long_is_closed(name: str | None, how: str) -> None:
    gone = trio.Event()

    async def wait(stream: trio.abc.Stream) -> None:
        with suppress(trio.BrokenResourceError):
            while await stream.receive_some():
                pass
        gone.set()

    async with listening(wait, name=name) as port:
        url, trust = f"https://localhost:{port}/token", c2c.TLSConfig(ca_pem=CA_PEM)
        client = c2c.create_webrtc_client(url, tls=trust, config_timeout=0.3 if how == "time-out" else 10)
        async with client:
            with suppress(c2c.ConfigTimeout), trio.move_on_after(0.6):
                await client.connect()
            await gone.wait()
