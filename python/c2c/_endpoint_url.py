"""Which URLs an endpoint may have, and how they may be shown: the path is the endpoint's token."""

from __future__ import annotations

import ipaddress
from urllib.parse import SplitResult, quote, urlencode, urlsplit, urlunsplit

from c2c._errors import ConfigError
from c2c._secret import SecretText


def request_url(endpoint_url: str, user_id: str | None) -> str:
    """Returns the URL to GET: the endpoint's own, with `userId` added; `ConfigError` for one that may not be asked."""
    parts = _split(endpoint_url)
    query = "&".join(part for part in (parts.query, _user_query(user_id)) if part)
    return SecretText(urlunsplit((parts.scheme, parts.netloc, parts.path, query, "")))


def redacted(url: str) -> str:
    """Returns scheme and host of `url`; everything that may be a secret is `***`."""
    try:
        parts = urlsplit(url)
        host, port = parts.hostname, parts.port
    except ValueError:
        return "***"
    if parts.scheme not in {"https", "http", "wss", "ws"} or not host:
        return "***"
    shown = f"[{host}]" if ":" in host else host
    return f"{parts.scheme}://{shown}{f':{port}' if port else ''}/***"


def is_loopback(host: str) -> bool:
    """Whether `host` names this machine and so needs no TLS."""
    name = host.rstrip(".").lower()
    if name == "localhost" or name.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return False


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if not host or any(character <= " " for character in url):
        raise _bad("endpoint_url is not a URL of the form https://host/token")
    if parts.scheme not in {"https", "http"}:
        raise _bad("endpoint_url must begin with https://")
    if parts.scheme == "http" and not is_loopback(host):
        raise _bad("endpoint_url must be https:// unless its host is this machine")
    if "@" in parts.netloc:
        raise _bad("endpoint_url must not hold a user name or password")
    return parts


def _bad(what: str) -> ConfigError:
    return ConfigError(f"Configuration fetch failed: {what}", cause=what)


def _user_query(user_id: str | None) -> str:
    return urlencode({"userId": user_id}, quote_via=quote, safe="") if user_id else ""
