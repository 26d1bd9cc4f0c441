"""Duty 13: where a client may be led by an endpoint's URL and answer. Duty 14: by what TLS."""

from __future__ import annotations

import ssl
from typing import Any

import pytest

import c2c
from c2c.gateway import ConfigRedirect, ConfigValue, serve
from support.broken_servers import AUTHORITY, CA_PEM, listening, silence
from support.connect_proxy import connect_proxy, in_public

WS_URI = "endpointSettings.sipConnectivityInfo.wsUri"


async def refusal(url: str, **options: Any) -> c2c.C2CError:
    async with c2c.create_webrtc_client(url, **options) as client:
        with pytest.raises(c2c.C2CError) as caught:
            await client.connect()
    return caught.value


async def test_duty_13_an_endpoint_in_a_private_network_is_refused_if_asked() -> None:
    """By its resolved address: `localhost` is a name, and the certificate would be right."""
    async with serve() as gateway:
        for host in ("127.0.0.1", "localhost"):
            url = gateway.endpoint_url.replace("127.0.0.1", host)
            error = await refusal(url, tls=gateway.tls, block_private_addresses=True)
            assert isinstance(error, c2c.ConfigFetchError)
            assert "an address of this machine or of a private network" in str(error)
            assert "block_private_addresses" in str(error.hint)
        assert not gateway.requests


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::1]"])
async def test_duty_13_a_sip_server_in_a_private_network_is_refused_if_asked(
    monkeypatch: pytest.MonkeyPatch, host: str
) -> None:
    """The endpoint is elsewhere, behind a proxy; what it answers leads back here."""
    async with (
        listening(silence) as port,
        serve(misbehave=[ConfigValue(WS_URI, f"wss://{host}:{port}/")], secure=False) as gateway,
        in_public(gateway) as leads_to,
        connect_proxy(leads_to=leads_to) as proxy,
    ):
        monkeypatch.setenv("HTTPS_PROXY", proxy.url)
        url = f"https://endpoint.example/{gateway.config.url_token}"
        error = await refusal(url, tls=c2c.TLSConfig(ca_pem=CA_PEM), block_private_addresses=True)
        assert isinstance(error, c2c.ConnectFailed)
        assert str(error.cause) == f"{host} is an address of this machine or of a private network"
        assert "block_private_addresses" in str(error.hint)


async def test_duty_13_hosts_may_be_named() -> None:
    async with serve(misbehave=[ConfigValue(WS_URI, "wss://elsewhere.example")]) as gateway:
        error = await refusal(gateway.endpoint_url, tls=gateway.tls, allowed_hosts=["sip.example"])
        assert type(error) is c2c.ConfigError
        assert "allowed_hosts" in str(error)
        assert not gateway.requests
        error = await refusal(gateway.endpoint_url, tls=gateway.tls, allowed_hosts=["127.0.0.1"])
        assert isinstance(error, c2c.ConfigInvalid)
        assert (error.path, error.cause) == (WS_URI, f"{WS_URI} names a host that is not in allowed_hosts")


@pytest.mark.parametrize(
    "uri", ["ws://sip.example", "http://sip.example", "https://sip.example", "file:///etc/passwd", "wss://"]
)
async def test_duty_13_only_secure_websockets_are_followed(uri: str) -> None:
    async with serve(misbehave=[ConfigValue(WS_URI, uri)]) as gateway:
        error = await refusal(gateway.endpoint_url, tls=gateway.tls)
        assert isinstance(error, c2c.ConfigInvalid)
        assert error.path == WS_URI


async def test_duty_13_no_redirect_to_another_origin_is_followed() -> None:
    async with serve() as other, serve(misbehave=[ConfigRedirect(other.endpoint_url)]) as gateway:
        error = await refusal(gateway.endpoint_url, tls=gateway.tls)
        assert "redirected to another origin" in str(error)
        assert not other.requests


def old_server(version: ssl.TLSVersion) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.set_ciphers("ALL:@SECLEVEL=0")
    context.minimum_version = ssl.TLSVersion.TLSv1
    context.maximum_version = version
    AUTHORITY.issue_cert("localhost").configure_cert(context)
    return context


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1, ssl.TLSVersion.TLSv1_1])
@pytest.mark.parametrize("which", ["endpoint", "SIP server"])
async def test_duty_14_old_tls_is_not_spoken(version: ssl.TLSVersion, which: str) -> None:
    trust = c2c.TLSConfig(ca_pem=CA_PEM)
    async with listening(silence, context=old_server(version)) as port:
        if which == "endpoint":
            error: c2c.C2CError = await refusal(f"https://localhost:{port}/token", tls=trust)
            assert isinstance(error, c2c.ConfigFetchError)
            assert "TLS 1.2" in str(error.hint)
            return
        misbehave = [ConfigValue(WS_URI, f"wss://localhost:{port}")]
        async with serve(misbehave=misbehave, secure=False) as gateway:
            error = await refusal(gateway.endpoint_url, tls=trust, connect_timeout=1.5)
            assert isinstance(error, c2c.ConnectTimeout)
            assert str(error.cause).startswith("tls: ")


@pytest.mark.parametrize("which", ["endpoint", "SIP server"])
async def test_duty_14_the_name_in_the_certificate_is_checked(which: str) -> None:
    trust = c2c.TLSConfig(ca_pem=CA_PEM)
    async with listening(silence, name="other.example") as port:
        if which == "endpoint":
            error = await refusal(f"https://localhost:{port}/token", tls=trust)
            assert isinstance(error, c2c.ConfigFetchError)
        else:
            misbehave = [ConfigValue(WS_URI, f"wss://localhost:{port}")]
            async with serve(misbehave=misbehave, secure=False) as gateway:
                error = await refusal(gateway.endpoint_url, tls=trust)
            assert isinstance(error, c2c.ConnectFailed)
        assert "TLSConfig(ca_file=" in str(error.hint)


async def test_duty_14_nothing_is_said_in_the_clear_to_another_machine() -> None:
    assert "must be https://" in str(await refusal("http://192.0.2.1/token"))
    async with serve(misbehave=[ConfigValue(WS_URI, "ws://192.0.2.1")]) as gateway:
        error = await refusal(gateway.endpoint_url, tls=gateway.tls)
        assert isinstance(error, c2c.ConfigInvalid)
        assert error.path == WS_URI


def test_duty_14_there_is_no_way_to_leave_verification_out() -> None:
    fields = c2c.TLSConfig.__dataclass_fields__
    assert set(fields) == {"ca_file", "ca_pem", "client_cert", "client_key"}
