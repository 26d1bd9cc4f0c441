"""Duty 12: no secret in any log, repr, exception or pickle, whatever goes wrong."""

from __future__ import annotations

import copy
import logging
import pickle
import traceback
from contextlib import suppress
from typing import TYPE_CHECKING, Any

import pytest
import trio
import trio.testing

import c2c
from c2c import create_webrtc_client
from c2c._c2c import Event, SipSettings
from c2c._client_config import WebRTCClientConfig
from c2c._config import EndpointConfig
from c2c._config_manager import ConfigManager
from c2c._http import HTTPResponse
from c2c._tls import Trust
from support.client import answered_call
from support.fake_endpoint import LEGACY, PASSWORD, URL, USERNAME

if TYPE_CHECKING:
    from collections.abc import Callable

    from c2c import WebRTCClient
    from support.fake_endpoint import FakeEndpoint
    from support.fake_engine import FakeEngine

USER = "user-sentinel"
CREDENTIAL = "credential-sentinel"
PC_CONFIG = {"iceServers": [{"urls": "turn:turn.example", "username": "turn-user", "credential": CREDENTIAL}]}
SECRETS = (PASSWORD, USERNAME, USER, CREDENTIAL, URL.rpartition("/")[2])


def assert_clean(*texts: str) -> None:
    for text in texts:
        assert not [secret for secret in SECRETS if secret in text], text


def with_locals(error: BaseException) -> list[str]:
    return list(traceback.TracebackException.from_exception(error, capture_locals=True).format())


def holders() -> list[Any]:
    config = EndpointConfig.from_json(LEGACY)
    settings = config.endpoint_settings
    return [
        config,
        settings,
        settings.sip_connectivity_info,
        ConfigManager(URL, USER, Trust(None), 1).account(config),
        WebRTCClientConfig(endpoint_url=URL, user_id=USER, pc_config=PC_CONFIG),
        SipSettings(websocket_uri="wss://a/", user=USER, realm="b", username=USERNAME, password=PASSWORD),
        create_webrtc_client(URL, user_id=USER),
    ]


@pytest.fixture
def logged(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    for name in (None, "c2c"):
        caplog.set_level(logging.NOTSET if name else 1, name)
    return caplog


@pytest.fixture
def careful(make_client: Callable[..., WebRTCClient]) -> WebRTCClient:
    return make_client(user_id=USER, pc_config=PC_CONFIG)


async def test_duty_12_a_whole_call(
    careful: WebRTCClient, engine: FakeEngine, logged: pytest.LogCaptureFixture
) -> None:
    shown = [repr(careful)]
    seen: list[object] = []
    async with careful as client:
        stream = client.events()
        call = await answered_call(client, engine)
        shown += [repr(client), repr(call), repr(call.session)]
        await client.send_info("text", {"key": 1})
        await client.end_call()
        await client.disconnect()
    seen += [event async for event in stream]
    assert_clean(logged.text, *shown, *map(repr, seen))


def with_status(endpoint: FakeEndpoint, _: FakeEngine) -> None:
    endpoint.status, endpoint.reason = 403, "Forbidden"


def with_html(endpoint: FakeEndpoint, _: FakeEngine) -> None:
    endpoint.body = f"<html>{PASSWORD}".encode()


def with_silence(endpoint: FakeEndpoint, _: FakeEngine) -> None:
    endpoint.is_silent = True


def without_realm(endpoint: FakeEndpoint, _: FakeEngine) -> None:
    del endpoint.config["endpointSettings"]["sipConnectivityInfo"]["realm"]


def with_bad_uri(endpoint: FakeEndpoint, _: FakeEngine) -> None:
    endpoint.config["endpointSettings"]["sipConnectivityInfo"]["wsUri"] = f"http://{PASSWORD}@host/{PASSWORD}"


def with_inactive_widget(endpoint: FakeEndpoint, _: FakeEngine) -> None:
    endpoint.config["endpointSettings"]["webrtcWidgetConfig"]["active"] = False


def with_rejection(_: FakeEndpoint, engine: FakeEngine) -> None:
    failed = Event.RegistrationFailed("Authentication Error", 401, "Unauthorized")
    engine.answers["connect"] = [Event.Connecting(), Event.Connected(), failed]


def with_time_out(_: FakeEndpoint, engine: FakeEngine) -> None:
    engine.answers["connect"] = [Event.Connecting(), Event.ConnectFailed("connect", "refused", None, False)]


@pytest.mark.parametrize(
    "break_it",
    [
        with_status,
        with_html,
        with_silence,
        without_realm,
        with_bad_uri,
        with_inactive_widget,
        with_rejection,
        with_time_out,
    ],
)
async def test_duty_12_a_connect_that_fails(
    careful: WebRTCClient,
    engine: FakeEngine,
    endpoint: FakeEndpoint,
    logged: pytest.LogCaptureFixture,
    break_it: Callable[[FakeEndpoint, FakeEngine], None],
) -> None:
    break_it(endpoint, engine)
    async with careful as client:
        stream = client.events()
        with pytest.raises(c2c.C2CError) as caught:
            await client.connect()
        await trio.testing.wait_all_tasks_blocked()
        with suppress(c2c.C2CError):
            await client.load_config()
        with pytest.raises(c2c.C2CError) as again:
            await client.connect()
    error = caught.value
    assert_clean(*with_locals(error), *with_locals(again.value))
    chain = [error, error.__cause__, error.__context__]
    assert_clean(logged.text, *traceback.format_exception(error), *map(repr, chain), repr(vars(error)))
    assert_clean(pickle.dumps(error, 0).decode("latin-1"), repr(copy.copy(error)))
    assert_clean(*[repr(event) async for event in stream])


@pytest.mark.parametrize(
    "url", [f"http://example.com/{PASSWORD}", f"https://{PASSWORD}@host/", PASSWORD, f"{PASSWORD}://a/"]
)
async def test_duty_12_a_url_that_is_refused(url: str, logged: pytest.LogCaptureFixture) -> None:
    client = create_webrtc_client(url)
    async with client:
        with pytest.raises(c2c.ConfigError) as caught:
            await client.connect()
    assert_clean(logged.text, *traceback.format_exception(caught.value), repr(client))
    tb = caught.value.__traceback__
    assert tb is not None
    assert_clean(*with_locals(caught.value.with_traceback(tb.tb_next)))  # without this test's own


def test_duty_12_what_holds_secrets_does_not_show_them() -> None:
    held = [*holders(), HTTPResponse(200, "OK", PASSWORD.encode())]
    assert_clean(*map(repr, held), *map(str, held))


@pytest.mark.parametrize("holder", holders(), ids=lambda holder: type(holder).__name__)
def test_duty_12_nothing_that_holds_secrets_can_be_pickled_by_accident(holder: object) -> None:
    for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
        with pytest.raises(TypeError, match="pickle"):
            pickle.dumps(holder, protocol)


def test_duty_12_what_is_shown_of_a_configuration_can_be_pickled() -> None:
    shown = EndpointConfig.shown(LEGACY)
    assert pickle.loads(pickle.dumps(shown)) == copy.deepcopy(shown) == shown
