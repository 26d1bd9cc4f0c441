from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

from c2c import ConfigFetchError, ConfigTimeout, EndpointConfig, WebRTCClient
from support.fake_endpoint import LEGACY, PASSWORD, USERNAME

if TYPE_CHECKING:
    from support.fake_endpoint import FakeEndpoint
    from support.fake_engine import FakeEngine


async def test_the_configuration_without_its_secrets(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    endpoint.config["endpointSettings"]["sipConnectivityInfo"]["wsUri"] = "wss://sip.example:8443/uri-sentinel"
    async with client:
        assert client.get_config() is None
        config = await client.load_config()
        assert client.get_config() is config
        settings = config.endpoint_settings
        assert (config.organisation_id, settings.endpoint_name) == ("organisation", "My Endpoint!")
        info = settings.sip_connectivity_info
        assert (info.ws_uri, info.realm, info.application_sid) == (
            "wss://sip.example:8443/***", "realm.example", "application-sid",
        )  # fmt: skip
        assert "sentinel" not in repr(flat(config))
        assert engine.commands == []
        await client.destroy()


def flat(value: object) -> Any:
    """All that can be reached, past every `repr`."""
    if hasattr(value, "__dataclass_fields__"):
        return {name: flat(getattr(value, name)) for name in value.__dataclass_fields__}
    return value


async def test_it_is_kept_until_a_connection_fetches_anew(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    async with client:
        first = await client.load_config()
        assert await client.load_config() is first
        assert len(endpoint.requests) == 1
        endpoint.config["organisationId"] = "another"
        await client.connect()
        assert len(endpoint.requests) == 2
        config = client.get_config()
        assert config is not None
        assert config.organisation_id == "another"
        await client.disconnect()
        await client.connect()
        assert len(endpoint.requests) == 3


async def test_concurrent_callers_share_one_request(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    async with client, trio.open_nursery() as nursery:
        nursery.start_soon(client.connect)
        for _ in range(3):
            nursery.start_soon(client.load_config)
    assert len(endpoint.requests) == 1


async def test_a_connect_that_is_given_up_leaves_the_request_to_the_others(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    endpoint.is_silent = True
    loaded: list[EndpointConfig] = []

    async def load() -> None:
        loaded.append(await client.load_config())

    async with client, trio.open_nursery() as nursery:
        nursery.start_soon(load)
        with trio.move_on_after(1):
            await client.connect()
        endpoint.go_on.set()
    assert [config.organisation_id for config in loaded] == ["organisation"]
    assert len(endpoint.requests) == 1


@pytest.mark.parametrize(
    "value", [{}, [], None, "text", {"endpointSettings": 7}, {**LEGACY, "organisationId": 7}], ids=repr
)
async def test_what_a_call_needs_is_not_checked(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint, value: object
) -> None:
    endpoint.config = value
    async with client:
        config = await client.load_config()
        assert config.organisation_id == ""
        assert not config.endpoint_settings.webrtc_widget_config.active or value == {**LEGACY, "organisationId": 7}
    assert PASSWORD not in repr(flat(config))
    assert USERNAME not in repr(flat(config))


async def test_a_failure_is_not_kept(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    endpoint.status, endpoint.reason = 404, "Not Found"
    async with client:
        with pytest.raises(ConfigFetchError) as caught:
            await client.load_config()
        assert str(caught.value) == "Configuration fetch failed: Failed to fetch config: 404 Not Found"
        assert client.get_config() is None
        endpoint.status = 200
        await client.load_config()


async def test_silence(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    endpoint.is_silent = True
    async with client:
        with pytest.raises(ConfigTimeout, match=r"^Configuration fetch failed: Operation timed out after 10000ms"):
            await client.load_config()


async def test_it_is_gone_after_destroy(client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint) -> None:
    async with client:
        await client.load_config()
        await client.destroy()
        assert client.get_config() is None
