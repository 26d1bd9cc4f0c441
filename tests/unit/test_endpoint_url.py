from __future__ import annotations

import pytest

from c2c import ConfigError
from c2c._endpoint_url import is_loopback, redacted, request_url


@pytest.mark.parametrize(
    ("url", "user_id", "asked"),
    [
        ("https://endpoint.example/token", None, "https://endpoint.example/token"),
        ("https://endpoint.example/token", "", "https://endpoint.example/token"),
        ("https://endpoint.example/token", "user-123", "https://endpoint.example/token?userId=user-123"),
        ("https://endpoint.example/token?a=b%20c&d", "ü &/", "https://endpoint.example/token?a=b%20c&d&userId=%C3%BC%20%26%2F"),
        ("https://endpoint.example:8443/token#part", None, "https://endpoint.example:8443/token"),
        ("http://localhost:1234/token", None, "http://localhost:1234/token"),
        ("http://127.0.0.1/token", None, "http://127.0.0.1/token"),
        ("http://[::1]:80/token", None, "http://[::1]:80/token"),
    ],
)  # fmt: skip
def test_what_is_asked_for(url: str, user_id: str | None, asked: str) -> None:
    assert request_url(url, user_id) == asked


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("endpoint.example/token-sentinel", "is not a URL"),
        ("https:///token-sentinel", "is not a URL"),
        ("https://endpoint.example:port/token-sentinel", "is not a URL"),
        ("https://[::1/token-sentinel", "is not a URL"),
        ("https://endpoint.example/token-sentinel\r\nX: y", "is not a URL"),
        (" https://endpoint.example/token-sentinel", "is not a URL"),
        ("ftp://endpoint.example/token-sentinel", "must begin with https://"),
        ("http://endpoint.example/token-sentinel", "must be https://"),
        ("http://192.0.2.1/token-sentinel", "must be https://"),
        ("http://localhost.example/token-sentinel", "must be https://"),
        ("https://user:token-sentinel@endpoint.example/", "must not hold a user name"),
    ],
)
def test_what_is_refused(url: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=problem) as caught:
        request_url(url, None)
    assert str(caught.value).startswith("Configuration fetch failed: endpoint_url ")
    assert caught.value.stage == "config"
    assert "sentinel" not in repr(vars(caught.value)) + str(caught.value)


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://endpoint.example/token?userId=me", "https://endpoint.example/***"),
        ("https://user:password@endpoint.example:8443/token", "https://endpoint.example:8443/***"),
        ("http://[::1]:1/token", "http://[::1]:1/***"),
        ("token", "***"),
        ("https://[token", "***"),
    ],
)
def test_what_is_shown(url: str, shown: str) -> None:
    assert redacted(url) == shown


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST.", "a.localhost", "127.0.0.1", "127.9.9.9", "::1"])
def test_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("host", ["", "localhost.example", "10.0.0.1", "::2", "0.0.0.0", "127.0.0.1.example"])
def test_not_loopback(host: str) -> None:
    assert not is_loopback(host)
