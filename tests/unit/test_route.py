"""Which proxy, which hosts, which addresses."""

from __future__ import annotations

import pytest

from c2c._route import Proxy, Routing, is_public, parse_proxy


@pytest.fixture(autouse=True)
def proxied(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("HTTPS_PROXY", "ALL_PROXY", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.example:3128")


@pytest.mark.parametrize(
    ("url", "host", "port", "authorization"),
    [
        ("http://proxy.example:3128", "proxy.example", 3128, None),
        ("proxy.example:3128", "proxy.example", 3128, None),
        ("http://proxy.example/", "proxy.example", 80, None),
        ("http://[::1]:1", "::1", 1, None),
        ("http://Aladdin:open%20sesame@p:1", "p", 1, "Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="),
        ("http://user@p:1", "p", 1, "Basic dXNlcjo="),
    ],
)
def test_a_proxy(url: str, host: str, port: int, authorization: str | None) -> None:
    proxy = parse_proxy(url, "proxy")
    assert proxy == Proxy(host=host, port=port, authorization=authorization)
    assert "Basic" not in repr(proxy)


@pytest.mark.parametrize(
    "url", ["https://p", "socks5://p", "http://", "http://p:port", "http://p:99999", "http://a b", "://p"]
)
def test_what_is_no_proxy(url: str) -> None:
    with pytest.raises(ValueError, match=r"^proxy: must be a URL of the form http://user:password@host:port$"):
        parse_proxy(url, "proxy")


@pytest.mark.parametrize(
    ("host", "no_proxy", "direct"),
    [
        ("sip.example", "", False),
        ("sip.example", "*", True),
        ("sip.example", "example", True),
        ("sip.example", ".example", True),
        ("sip.example", "*.example", True),
        ("SIP.example.", "other, Sip.Example", True),
        ("sip.example", "ip.example", False),
        ("sip.example", "sip.example:8443", True),
        ("sip.example", "sip.example:443", False),
        ("192.0.2.7", "192.0.2.0/24", True),
        ("192.0.3.7", "192.0.2.0/24 192.0.3.7", True),
        ("192.0.3.7", "192.0.2.0/24", False),
        ("2001:db8::7", "2001:db8::/32", True),
        ("localhost", "", True),
        ("127.0.0.1", "", True),
        ("::1", "", True),
    ],
)
def test_no_proxy(monkeypatch: pytest.MonkeyPatch, host: str, no_proxy: str, *, direct: bool) -> None:
    monkeypatch.setenv("NO_PROXY", no_proxy)
    assert (Routing().to(host, 8443).proxy is None) == direct


def test_the_option_goes_before_the_environment() -> None:
    assert Routing(proxy="http://other.example:1").to("localhost", 443).proxy == Proxy(host="other.example", port=1)
    assert Routing(proxy="").to("sip.example", 443).proxy is None


@pytest.mark.parametrize(
    ("host", "allowed"),
    [("a.example.com", True), ("example.com", True), ("b.org", True), ("notexample.com", False), ("c.org", False)],
)
def test_allowed_hosts(host: str, *, allowed: bool) -> None:
    assert Routing(allowed_hosts=("example.com", "b.org")).allows(host) == allowed
    assert Routing().allows(host)
    assert not Routing(allowed_hosts=()).allows(host)


# the engine has the same table for the same rule (rust/engine/src/route.rs)
@pytest.mark.parametrize(
    "address", ["8.8.8.8", "172.32.0.1", "100.128.0.1", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
)
def test_public_addresses(address: str) -> None:
    assert is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.0.0.1", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "255.255.255.255", "192.0.0.1", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1", "ff02::1",
        "::ffff:127.0.0.1", "64:ff9b::a00:1",
    ],
)  # fmt: skip
def test_addresses_of_this_machine_and_of_private_networks(address: str) -> None:
    assert not is_public(address)
