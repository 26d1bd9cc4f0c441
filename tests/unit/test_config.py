from __future__ import annotations

import copy
from typing import Any

import pytest

from c2c import ConfigInvalid, WidgetInactive
from c2c._config import EndpointConfig
from support.fake_endpoint import LEGACY, PASSWORD, USERNAME, runtime

SIP = "endpointSettings.sipConnectivityInfo"
LEGACY_ONLY = [f"{SIP}.username", f"{SIP}.password", f"{SIP}.realm", f"{SIP}.applicationSid"]
ALWAYS = ["organisationId", "projectId", "endpointSettings", SIP, f"{SIP}.wsUri"]
ABSENT = object()


def changed(config: dict[str, Any], path: str, value: object) -> dict[str, Any]:
    config = copy.deepcopy(config)
    *parents, name = path.split(".")
    node = config
    for parent in parents:
        node = node[parent]
    if value is ABSENT:
        del node[name]
    else:
        node[name] = value
    return config


def refusal(config: object) -> ConfigInvalid:
    with pytest.raises(ConfigInvalid) as caught:
        EndpointConfig.from_json(config)
    error = caught.value
    assert error.stage == "config"
    assert error.hint
    assert "sentinel" not in f"{error} {error.cause} {error.path} {error.__notes__}"
    return error


def test_a_legacy_endpoint() -> None:
    config = EndpointConfig.from_json(LEGACY)
    assert not config.is_runtime
    assert config.organisation_id == "organisation"
    info = config.endpoint_settings.sip_connectivity_info
    assert (info.realm, info.username, info.password) == ("realm.example", USERNAME, PASSWORD)
    assert "sentinel" not in repr(config)


def test_a_runtime_endpoint() -> None:
    config = EndpointConfig.from_json(runtime())
    assert config.is_runtime
    assert config.endpoint_settings.endpoint_id == "endpoint-id"


def test_an_endpoint_id_beside_legacy_data_is_legacy() -> None:
    config = changed(LEGACY, "endpointSettings.endpointId", "endpoint-id")
    assert not EndpointConfig.from_json(config).is_runtime


@pytest.mark.parametrize("value", [ABSENT, None, ""], ids=["absent", "null", "empty"])
@pytest.mark.parametrize("path", ALWAYS + LEGACY_ONLY)
def test_what_is_missing_is_named(path: str, value: object) -> None:
    error = refusal(changed(LEGACY, path, value))
    assert str(error) == "Invalid endpoint configuration received"
    assert error.path == path
    assert path in str(error.cause)


@pytest.mark.parametrize("path", ALWAYS)
def test_what_a_runtime_endpoint_needs(path: str) -> None:
    assert refusal(changed(runtime(), path, ABSENT)).path == path


@pytest.mark.parametrize("present", LEGACY_ONLY[2:])
def test_partial_legacy_data_makes_no_runtime_endpoint(present: str) -> None:
    error = refusal(changed(runtime(), present, "something"))
    assert error.path == f"{SIP}.username"


@pytest.mark.parametrize("value", [1, True, [], {"a": 1}], ids=repr)
@pytest.mark.parametrize("path", ["organisationId", f"{SIP}.wsUri", f"{SIP}.password", f"{SIP}.realm"])
def test_what_has_the_wrong_type_is_named(path: str, value: object) -> None:
    error = refusal(changed(LEGACY, path, value))
    assert error.path == path
    assert error.cause == f"{path} is not a string"


@pytest.mark.parametrize("value", ["a\r\nX-Injected: 1", "a\0b", "a\x7f"])
@pytest.mark.parametrize("path", ["organisationId", "projectId", f"{SIP}.applicationSid", f"{SIP}.realm"])
def test_control_characters_are_refused(path: str, value: str) -> None:
    assert refusal(changed(LEGACY, path, value)).path == path


@pytest.mark.parametrize("value", [None, [], "text", 1])
def test_an_answer_that_is_no_object(value: object) -> None:
    assert refusal(value).path == "the answer"


@pytest.mark.parametrize(
    ("uri", "shown"),
    [
        ("https://sip.example/uri-sentinel", "https://sip.example/***"),
        ("ws://sip.example/uri-sentinel", "ws://sip.example/***"),
        ("uri-sentinel", "***"),
        ("wss://sip.example:port/uri-sentinel", "***"),
    ],
)
def test_a_ws_uri_that_is_none(uri: str, shown: str) -> None:
    error = refusal(changed(LEGACY, f"{SIP}.wsUri", uri))
    assert str(error) == f"Invalid argument: {shown}"
    assert error.path == f"{SIP}.wsUri"


def test_a_ws_uri_on_this_machine_needs_no_tls() -> None:
    config = changed(LEGACY, f"{SIP}.wsUri", "ws://127.0.0.1:8080")
    assert EndpointConfig.from_json(config).endpoint_settings.sip_connectivity_info.ws_uri == "ws://127.0.0.1:8080"


@pytest.mark.parametrize("value", [ABSENT, False, None, 0, "true", {}], ids=repr)
def test_an_inactive_widget(value: object) -> None:
    with pytest.raises(WidgetInactive) as caught:
        EndpointConfig.from_json(changed(LEGACY, "endpointSettings.webrtcWidgetConfig.active", value))
    assert str(caught.value) == "WebRTC widget is not active in the configuration"


@pytest.mark.parametrize("value", [ABSENT, None, "text"], ids=repr)
def test_no_widget_at_all(value: object) -> None:
    with pytest.raises(WidgetInactive):
        EndpointConfig.from_json(changed(LEGACY, "endpointSettings.webrtcWidgetConfig", value))


def test_an_invalid_configuration_is_told_before_an_inactive_widget() -> None:
    config = changed(LEGACY, "endpointSettings.webrtcWidgetConfig.active", False)
    assert refusal(changed(config, "projectId", ABSENT)).path == "projectId"


def test_endpoint_settings_active_is_not_asked() -> None:
    EndpointConfig.from_json(changed(LEGACY, "endpointSettings.active", False))
