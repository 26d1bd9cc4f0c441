"""How servers are reached: which proxy, which hosts, which addresses."""

from __future__ import annotations

import base64
import ipaddress
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal
from urllib.parse import unquote, urlsplit

from c2c._endpoint_url import is_loopback
from c2c._errors import ConfigError

if TYPE_CHECKING:
    from c2c._c2c import ProxySettings


@dataclass(frozen=True, kw_only=True)
class Proxy:
    """An HTTP proxy that is asked for tunnels (CONNECT); its credentials are not shown."""

    host: str
    port: int
    authorization: str | None = field(default=None, repr=False)

    def settings(self) -> ProxySettings:
        """Returns what the engine dials through."""
        from c2c._c2c import ProxySettings

        return ProxySettings(host=self.host, port=self.port, authorization=self.authorization)


@dataclass(frozen=True, kw_only=True)
class Route:
    """The way to one server; with `public_only`, addresses of this machine and of private networks are refused."""

    proxy: Proxy | None = None
    public_only: bool = False
    ip_version: Literal[4, 6] | None = None


@dataclass(frozen=True, kw_only=True)
class Routing:
    """A client's rules for all of its connections.

    `proxy` is a URL, empty for none, or `None` for what the environment says (`HTTPS_PROXY`, `ALL_PROXY`, `NO_PROXY`).
    """

    proxy: str | None = field(default=None, repr=False)
    public_only: bool = False
    allowed_hosts: tuple[str, ...] | None = None
    ip_version: Literal[4, 6] | None = None

    def allows(self, host: str) -> bool:
        """Whether `host` may be connected to, as far as names go; `.example.com` stands for all names below it."""
        return self.allowed_hosts is None or any(_is_of(host, allowed) for allowed in self.allowed_hosts)

    def to(self, host: str, port: int) -> Route:
        """Returns the way to a server; `ConfigError` when the environment names a proxy that is none."""
        try:
            proxy = _environment_proxy(host, port) if self.proxy is None else parse_proxy(self.proxy, "proxy")
        except ValueError as error:
            raise ConfigError(str(error), cause=str(error), hint="correct the variable, or give proxy=") from None
        return Route(proxy=proxy, public_only=self.public_only, ip_version=self.ip_version)


def parse_proxy(url: str, option: str) -> Proxy | None:
    """Returns the proxy at `url`; `ValueError` names the option and not the URL, which may hold a password."""
    if not url:
        return None
    try:
        parts = urlsplit(url if "://" in url else f"http://{url}")
        host, port = parts.hostname, parts.port
    except ValueError:
        host = port = None
    if not host or parts.scheme != "http" or any(character <= " " for character in url):
        raise ValueError(f"{option}: must be a URL of the form http://user:password@host:port")
    return Proxy(host=host, port=port or 80, authorization=_basic(parts.username, parts.password))


def is_public(address: str) -> bool:
    """Whether an IP address belongs to the public Internet; the engine has the same rule for what it dials."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    if isinstance(ip, ipaddress.IPv6Address):
        ip = ip.ipv4_mapped or _behind_nat64(ip) or ip
    return ip.is_global and not ip.is_multicast


def version_of(address: str) -> int:
    """Whether an IP address is of version 4 or 6."""
    return ipaddress.ip_address(address.partition("%")[0]).version


def _basic(username: str | None, password: str | None) -> str | None:
    if username is None:
        return None
    pair = f"{unquote(username)}:{unquote(password or '')}".encode()
    return f"Basic {base64.b64encode(pair).decode()}"


def _environment_proxy(host: str, port: int) -> Proxy | None:
    if is_loopback(host) or _is_exempt(host, port, _environment("NO_PROXY")):
        return None
    name = next((name for name in ("HTTPS_PROXY", "ALL_PROXY") if _environment(name)), None)
    return parse_proxy(_environment(name), name) if name else None


def _environment(name: str) -> str:
    # the lower-case one first, as everywhere
    return os.environ.get(name.lower()) or os.environ.get(name) or ""


def _is_exempt(host: str, port: int, no_proxy: str) -> bool:
    names = (_without_port(entry, port) for entry in no_proxy.replace(",", " ").split())
    return any(name == "*" or _is_of(host, name) or _is_in_network(host, name) for name in names)


def _without_port(entry: str, port: int) -> str:
    """`name:port` is of interest for that port only; what has more colons is an IPv6 address or network."""
    name, _, number = entry.rpartition(":")
    if not name or not number.isdigit() or ":" in name.strip("[]"):
        return entry
    return name if int(number) == port else ""


def _is_of(host: str, name: str) -> bool:
    """`example.com` is itself and all below; `.example.com` and `*.example.com` say the same."""
    host, name = host.rstrip(".").lower(), name.lower().removeprefix("*").strip(".")
    return bool(name) and (host == name or host.endswith(f".{name}"))


def _is_in_network(host: str, network: str) -> bool:
    try:
        return ipaddress.ip_address(host) in ipaddress.ip_network(network.strip("[]"), strict=False)
    except ValueError:
        return False


def _behind_nat64(ip: ipaddress.IPv6Address) -> ipaddress.IPv4Address | None:
    return ipaddress.IPv4Address(int(ip) & 0xFFFF_FFFF) if ip in _NAT64 else None


PROXY_HINT = "check proxy=, or HTTPS_PROXY and NO_PROXY in the environment"
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")
