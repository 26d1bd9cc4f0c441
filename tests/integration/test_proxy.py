"""Both connections through an HTTP proxy, over real sockets."""

from __future__ import annotations

import logging
import traceback
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest

import c2c
from c2c.gateway import ConfigValue, serve
from support.broken_servers import CA_PEM, banner, closed_port, listening, silence
from support.connect_proxy import PASSWORD, USER, authority, connect_proxy, in_public
from support.gateway import caller

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    import trio

    from support.connect_proxy import ConnectProxy

VARIABLES = ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY")
WS_URI = "endpointSettings.sipConnectivityInfo.wsUri"


@pytest.fixture(autouse=True)
def no_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in VARIABLES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.mark.parametrize("credentials", [False, True], ids=["open", "basic"])
async def test_a_call_through_a_proxy(*, credentials: bool) -> None:
    async with (
        connect_proxy(credentials=credentials) as proxy,
        serve() as gateway,
        caller(gateway, proxy=proxy.url) as one,
    ):
        _, far_side = await one.answered()
        assert far_side.media_connected
        assert proxy.asked == [authority(gateway.endpoint_url), authority(gateway.websocket_uri)]
        assert proxy.refused == 0


async def test_no_secret_of_the_proxy_is_shown(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.NOTSET)
    shown: list[str] = []
    async with connect_proxy(credentials=True) as proxy, serve() as gateway:
        for url in (proxy.url, proxy.url.replace("sentinel", "other-sentinel")):
            client = c2c.create_webrtc_client(gateway.endpoint_url, tls=gateway.tls, proxy=url)
            shown += [repr(client), repr(client._config)]
            async with client:
                try:
                    await client.connect()
                except c2c.ConfigFetchError as error:
                    shown += [*traceback.format_exception(error), repr(vars(error))]
    assert len(shown) > 4, "the second one was refused"
    for text in [caplog.text, *shown]:
        assert not [
            secret for secret in (USER, PASSWORD, "sentinel", "Basic ") if secret in text.replace("test_no_", "")
        ]


async def test_a_password_that_the_proxy_does_not_take() -> None:
    async with connect_proxy(credentials=True) as proxy, serve() as gateway:
        url = f"http://127.0.0.1:{proxy.port}"
        async with c2c.create_webrtc_client(gateway.endpoint_url, tls=gateway.tls, proxy=url) as client:
            with pytest.raises(c2c.ConfigFetchError, match="407 Proxy Authentication Required") as caught:
                await client.connect()
    assert str(caught.value).startswith(
        f"Failed to connect: Configuration fetch failed: proxy 127.0.0.1:{proxy.port}: "
    )
    assert "proxy=" in str(caught.value.hint)
    assert proxy.refused == 1


@asynccontextmanager
async def tunnelling_once(status: int) -> AsyncIterator[ConnectProxy]:
    """A proxy that refuses all tunnels but the first, the endpoint's."""
    async with connect_proxy() as proxy:
        serve_all = proxy.serve

        async def serve_most(stream: trio.abc.Stream) -> None:
            proxy.status = 200 if not proxy.asked else status
            await serve_all(stream)

        async with listening(serve_most) as other:
            proxy.port = other
            yield proxy


async def test_a_tunnel_for_the_websocket_that_is_refused_is_final() -> None:
    async with serve() as gateway, tunnelling_once(403) as proxy, caller(gateway, proxy=proxy.url) as one:
        with pytest.raises(c2c.ConnectFailed) as caught:
            await one.client.connect()
        assert caught.value.cause == (
            f"proxy 127.0.0.1:{proxy.port}: it answered 403 Forbidden instead of connecting to "
            f"{authority(gateway.websocket_uri)}"
        )
        assert "proxy=" in str(caught.value.hint)


async def test_a_proxy_whose_server_is_away_is_tried_again() -> None:
    async with (
        serve() as gateway,
        tunnelling_once(502) as proxy,
        caller(gateway, proxy=proxy.url, connect_timeout=3.5) as one,
    ):
        with pytest.raises(c2c.ConnectTimeout) as caught:
            await one.client.connect()
        assert "it answered 502 Bad Gateway" in str(caught.value.cause)
        assert one.told.names.count("connecting") == 2


@pytest.mark.parametrize("kind", ["closed", "silent", "no HTTP"])
async def test_a_proxy_that_is_none(kind: str) -> None:
    async with serve() as gateway, listening(silence if kind == "silent" else banner) as port:
        where = await closed_port() if kind == "closed" else port
        async with caller(gateway, proxy=f"http://127.0.0.1:{where}", config_timeout=0.5) as one:
            with pytest.raises(c2c.ConfigError) as caught:
                await one.client.connect()
    if kind == "silent":
        assert isinstance(caught.value, c2c.ConfigTimeout)
    else:
        assert f"proxy 127.0.0.1:{where}: " in str(caught.value)


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "https_proxy", "ALL_PROXY"])
async def test_the_environment_names_the_proxy(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    misbehave = [ConfigValue(WS_URI, "wss://sip.example:8443")]
    async with (
        serve(misbehave=misbehave, secure=False) as gateway,
        in_public(gateway) as leads_to,
        connect_proxy(credentials=True, leads_to=leads_to) as proxy,
    ):
        monkeypatch.setenv(variable, proxy.url)
        url = f"https://endpoint.example/{gateway.config.url_token}"
        async with c2c.create_webrtc_client(url, tls=c2c.TLSConfig(ca_pem=CA_PEM)) as client:
            await client.connect()
            assert client.is_connected()
        assert proxy.asked == ["endpoint.example:443", "sip.example:8443"]
        monkeypatch.setenv("NO_PROXY", "example.com,.example")
        async with c2c.create_webrtc_client(url, tls=c2c.TLSConfig(ca_pem=CA_PEM)) as client:
            with pytest.raises(c2c.ConfigFetchError):  # no such name
                await client.connect()
        assert len(proxy.asked) == 2


async def test_loopback_needs_no_proxy_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    async with connect_proxy() as proxy, serve() as gateway:
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        async with caller(gateway) as one:
            await one.client.connect()
        assert not proxy.asked


async def test_a_variable_that_is_no_proxy_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("https_proxy", "socks5://user:sentinel@proxy.example")
    async with c2c.create_webrtc_client("https://endpoint.example/token") as client:
        with pytest.raises(c2c.ConfigError, match="Failed to connect: HTTPS_PROXY: must be a URL") as caught:
            await client.connect()
    assert "sentinel" not in "".join(traceback.format_exception(caught.value))
