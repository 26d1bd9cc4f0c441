from __future__ import annotations

import re
from typing import Any

import pytest
import trio

from c2c import C2CError, ConfigFetchError, ConfigInvalid, ConfigTimeout
from c2c._config import EndpointConfig
from c2c._config_manager import ConfigManager, call_target
from c2c._tls import Trust
from support.fake_endpoint import LEGACY, URL, FakeEndpoint, runtime


def manager(user_id: str | None = None) -> ConfigManager:
    return ConfigManager(URL, user_id, Trust(None), timeout=10.0)


async def load(configs: ConfigManager) -> EndpointConfig:
    """Loads, as a client does; what is raised leaves the nursery bare."""
    error: C2CError
    async with trio.open_nursery() as nursery:
        configs.start(nursery)
        try:
            return await configs.load()
        except C2CError as caught:
            error = caught
    raise error


async def test_each_load_asks_anew(endpoint: FakeEndpoint) -> None:
    """test for docs/differences.md: the SDK keeps the first answer, whose credentials are short-lived"""
    configs = manager("user-123")
    await load(configs)
    await load(configs)
    assert endpoint.requests == [f"{URL}?userId=user-123"] * 2


async def test_silence(endpoint: FakeEndpoint) -> None:
    endpoint.is_silent = True
    started = trio.current_time()
    with pytest.raises(ConfigTimeout) as caught:
        await load(manager())
    assert str(caught.value) == "Configuration fetch failed: Operation timed out after 10000ms"
    assert trio.current_time() - started == pytest.approx(10)


@pytest.mark.parametrize(
    ("status", "reason"), [(404, "Not Found"), (500, "Internal Server Error"), (301, "Moved"), (401, "")]
)
async def test_http_errors(endpoint: FakeEndpoint, status: int, reason: str) -> None:
    endpoint.status, endpoint.reason = status, reason
    with pytest.raises(ConfigFetchError) as caught:
        await load(manager())
    assert str(caught.value) == f"Configuration fetch failed: Failed to fetch config: {status} {reason}".rstrip()


@pytest.mark.parametrize("body", [b"", b"<html>body-sentinel", b"\xff\xfebody-sentinel", b"[" * 100_000], ids=len)
async def test_not_json(endpoint: FakeEndpoint, body: bytes) -> None:
    endpoint.body = body
    with pytest.raises(ConfigFetchError, match=r"^Configuration fetch failed: the response is not JSON: ") as caught:
        await load(manager())
    assert "sentinel" not in str(caught.value)
    assert caught.value.__cause__ is None


async def test_an_invalid_answer_has_no_prefix_of_the_fetch(endpoint: FakeEndpoint) -> None:
    endpoint.config = {}
    with pytest.raises(ConfigInvalid) as caught:
        await load(manager())
    assert str(caught.value) == "Invalid endpoint configuration received"


def test_a_legacy_account_and_target() -> None:
    config = EndpointConfig.from_json(LEGACY)
    account = manager("user-123").account(config)
    assert (account.user, account.realm, account.register) == ("user-123", "realm.example", True)
    target = call_target(config)
    assert target.user == "app-application-sid"
    assert target.headers == [
        ("X-Source", "webrtc"),
        ("X-Organisation-Id", "organisation"),
        ("X-Project-Id", "project"),
    ]


def test_a_runtime_account_and_target() -> None:
    config = EndpointConfig.from_json(runtime())
    account = manager("user-123").account(config)
    assert (account.user, account.realm, account.register) == ("user-123", "sip.example", False)
    target = call_target(config)
    assert target.user == "endpoint-id"
    assert target.headers == [
        ("X-Source", "webrtc"),
        ("X-Organisation-Id", "organisation"),
        ("X-Project-Id", "project"),
        ("X-Endpoint-Id", "endpoint-id"),
    ]


@pytest.mark.parametrize(
    ("name", "kept"),
    [("My Endpoint!", "myendpoint"), ("A-1 ä", "a-1"), ("äöü", "endpoint"), (None, "endpoint"), (7, "endpoint")],
)
def test_a_generated_user_id(name: Any, kept: str) -> None:
    answer = {**LEGACY, "endpointSettings": {**LEGACY["endpointSettings"], "endpointName": name}}
    config = EndpointConfig.from_json(answer)
    configs = manager()
    user = configs.account(config).user
    assert re.fullmatch(rf"webrtc-sdk-{kept}-[a-z0-9]{{8}}", user)
    assert configs.account(config).user == user
    assert manager().account(config).user != user
