from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

import c2c
from c2c import ConfigError, TLSConfig, UnsupportedPlatform, WebRTCClient, create_webrtc_client
from support.fake_endpoint import URL

if TYPE_CHECKING:
    from pathlib import Path

    from support.fake_endpoint import FakeEndpoint
    from support.fake_engine import FakeEngine


@pytest.mark.parametrize("url", ["", None])
def test_the_endpoint_url_is_required(url: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        create_webrtc_client(url)
    assert str(caught.value) == "endpointUrl is required"


def test_the_endpoint_url_may_be_left_out_only_by_mistake() -> None:
    with pytest.raises(ConfigError, match="endpointUrl is required"):
        create_webrtc_client(user_id="user-123")


@pytest.mark.parametrize("url", ["token", "http://endpoint.example/token", "ftp://endpoint.example/token"])
def test_a_bad_url_is_no_matter_yet(url: str) -> None:
    assert create_webrtc_client(url)


async def test_creating_and_opening_touch_no_network(
    client: WebRTCClient, engine: FakeEngine, endpoint: FakeEndpoint
) -> None:
    async with client:
        assert engine.commands == []
    assert endpoint.requests == []


@pytest.mark.parametrize(
    ("option", "value", "kind"),
    [
        ("endpoint_url", 7, TypeError),
        ("user_id", 7, TypeError),
        ("capture_audio", 1, TypeError),
        ("tls", "ca.pem", TypeError),
        ("on_handler_error", "ignore", ValueError),
        ("config_timeout", 0, ValueError),
        ("config_timeout", "10", TypeError),
        ("connect_timeout", float("inf"), ValueError),
        ("connect_timeout", True, TypeError),
        ("register_expires", 1.5, TypeError),
        ("session_expires", -1, ValueError),
        ("local_address", "localhost", ValueError),
        ("pc_config", [], TypeError),
    ],
)
def test_bad_options_are_named(option: str, value: object, kind: type[Exception]) -> None:
    options: dict[str, Any] = {"endpoint_url": URL, option: value}
    with pytest.raises(kind, match=f"^{option}: "):
        create_webrtc_client(**options)


def test_what_is_missing_fails_the_creation(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("c2c._support._has_ipv4", lambda: False)
    assert c2c.check_webrtc_support() == c2c.WebRTCSupport(supported=False, missing=("socket.AF_INET",))
    assert not c2c.is_webrtc_supported()
    with pytest.raises(UnsupportedPlatform) as caught:
        create_webrtc_client(URL)
    assert str(caught.value) == "WebRTC is not supported in this environment"
    assert caught.value.cause == "missing: socket.AF_INET"


def test_the_support_check_never_raises(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken() -> bool:
        raise OSError("no such device")

    monkeypatch.setattr("c2c._support._has_platform", broken)
    assert "platform" in c2c.check_webrtc_support().missing


def test_the_url_is_checked_before_the_support(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("c2c._support._has_ipv4", lambda: False)
    with pytest.raises(ConfigError, match="endpointUrl is required"):
        create_webrtc_client("")


def test_own_roots_replace_missing_ones(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "absent.pem"))
    assert c2c.check_webrtc_support().missing == ("trust roots",)
    assert create_webrtc_client(URL, tls=TLSConfig(ca_pem="..."))
    with pytest.raises(UnsupportedPlatform):
        create_webrtc_client(URL)
