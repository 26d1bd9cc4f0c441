"""Fetches the endpoint's configuration, and knows what it means for SIP."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

import trio

from c2c._config import EndpointConfig, SipConnectivityInfo, invalid
from c2c._endpoint_url import request_url
from c2c._errors import ConfigError, ConfigFetchError, ConfigTimeout
from c2c._random import ALPHANUMERIC, suffix
from c2c._route import Route, Routing
from c2c._secret import HoldsSecrets
from c2c._shared import SharedOperation

if TYPE_CHECKING:
    from c2c._tls import Trust


@dataclass(frozen=True)
class SipAccount(HoldsSecrets):
    """Who the client is to the SIP server."""

    info: SipConnectivityInfo
    user: str = field(repr=False)
    realm: str
    register: bool


@dataclass(frozen=True)
class CallTarget:
    """Whom `start_call` calls: user part of the Request-URI, and the headers that the SDK adds."""

    user: str
    headers: list[tuple[str, str]]


class ConfigManager:
    """One client's configuration: fetched anew by each connection, as its credentials are short-lived."""

    def __init__(
        self, endpoint_url: str, user_id: str | None, trust: Trust, timeout: float, routing: Routing | None = None
    ) -> None:
        # not with the package: httpx's connection pool takes as long to import as all the rest
        import c2c._http  # noqa: F401

        self._endpoint_url = endpoint_url
        self._trust = trust
        self._timeout = timeout
        self._routing = routing or Routing()
        self._generated_id: str | None = None
        self._request: SharedOperation[object] | None = None
        self._nursery: trio.Nursery | None = None
        self.user_id = user_id
        self.shown: EndpointConfig | None = None  # what was fetched last, without secrets

    def start(self, nursery: trio.Nursery) -> None:
        """Requests run in `nursery`."""
        self._nursery = nursery

    @property
    def is_fetching(self) -> bool:
        """Whether a request is under way."""
        return self._request is not None and not self._request.is_over

    async def load(self) -> EndpointConfig:
        """Fetches and checks the configuration; raises `ConfigError` and its kinds. Who comes meanwhile shares it."""
        try:
            config = EndpointConfig.from_json(await self._fetch())
        except ConfigError as error:
            raise error.with_traceback(None) from error.__cause__  # the local variables of its frames are the answer
        path, uri = "endpointSettings.sipConnectivityInfo.wsUri", config.endpoint_settings.sip_connectivity_info.ws_uri
        if not self._routing.allows(urlsplit(uri).hostname or ""):
            raise invalid(path, "names a host that is not in allowed_hosts")
        return config

    async def load_shown(self) -> EndpointConfig:
        """Returns what was fetched last, without secrets and unchecked; fetches it if nothing was."""
        if self.shown is None:
            await self._fetch()
        else:
            await trio.lowlevel.checkpoint()
        assert self.shown is not None
        return self.shown

    def route(self, url: str) -> Route:
        """Returns the way to the server of `url`."""
        parts = urlsplit(url)
        return self._routing.to(parts.hostname or "", parts.port or (80 if parts.scheme in {"http", "ws"} else 443))

    def account(self, config: EndpointConfig) -> SipAccount:
        """Returns the SIP account that the configuration and the user id make."""
        info = config.endpoint_settings.sip_connectivity_info
        user = self.user_id or self._generated(config.endpoint_settings.endpoint_name)
        if config.is_runtime:
            return SipAccount(info, user, urlsplit(info.ws_uri).hostname or "", register=False)
        return SipAccount(info, user, info.realm or "", register=True)

    async def _fetch(self) -> object:
        if self._request is None or self._request.is_over:
            assert self._nursery is not None
            self._request = SharedOperation(self._fetch_in_time, self._nursery)
        return await self._request.wait()

    async def _fetch_in_time(self) -> object:
        try:
            url = request_url(self._endpoint_url, self.user_id)
        except ConfigError as error:
            raise error.with_traceback(None) from error.__cause__  # the local variables of its frames are the URL
        if not self._routing.allows(urlsplit(url).hostname or ""):
            cause = "the host of endpoint_url is not in allowed_hosts"
            raise ConfigError(f"Configuration fetch failed: {cause}", cause=cause, hint="add it, or correct the URL")
        with trio.move_on_after(self._timeout) as limit:
            try:
                value = await self._ask(url)
            except ConfigFetchError as error:
                raise error.prefixed("Configuration fetch failed: ") from None
            self.shown = EndpointConfig.shown(value)
            return value
        assert limit.cancelled_caught
        text = f"Operation timed out after {self._timeout * 1000:.0f}ms"
        raise ConfigTimeout(f"Configuration fetch failed: {text}", cause=text)

    async def _ask(self, url: str) -> object:
        from c2c import _http  # loaded by __init__

        response = await _http.get(url, self._trust.ssl_context(), self.route(url))
        if not 200 <= response.status < 300:
            text = f"Failed to fetch config: {response.status} {response.reason}".rstrip()
            raise ConfigFetchError(text, cause=text, hint=_hint(response.status))
        return _decode(response.body)

    def _generated(self, endpoint_name: str | None) -> str:
        if self._generated_id is None:
            kept = [character for character in (endpoint_name or "").lower() if character in _NAME]
            self._generated_id = f"webrtc-sdk-{''.join(kept) or 'endpoint'}-{suffix()}"
        return self._generated_id


def call_target(config: EndpointConfig) -> CallTarget:
    """Returns the call's target: the application of a legacy endpoint, the id of a runtime endpoint."""
    settings = config.endpoint_settings
    headers = [
        ("X-Source", "webrtc"),
        ("X-Organisation-Id", config.organisation_id),
        ("X-Project-Id", config.project_id),
    ]
    if config.is_runtime:
        endpoint_id = settings.endpoint_id or ""
        return CallTarget(endpoint_id, [*headers, ("X-Endpoint-Id", endpoint_id)])
    return CallTarget(f"app-{settings.sip_connectivity_info.application_sid}", headers)


def _decode(body: bytes) -> object:
    try:
        return json.loads(body)
    except RecursionError:
        reason = "nested too deeply"
    except ValueError as error:
        # neither kind of text quotes the body
        reason = error.msg if isinstance(error, json.JSONDecodeError) else "not UTF-8"
    text = f"the response is not JSON: {reason}"
    raise ConfigFetchError(text, cause=text, hint="check that the URL is the endpoint's own, not its demo page")


def _hint(status: int) -> str | None:
    if status in {401, 403, 404, 410}:
        return "check the token at the end of the endpoint URL, and that the endpoint exists"
    return "try again later, or ask whoever runs the endpoint" if status >= 500 else None


_NAME = frozenset(ALPHANUMERIC + "-")
