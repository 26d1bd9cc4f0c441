"""What an endpoint answers, checked: presence and type of what a call needs, and no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, ClassVar, TypeAlias
from urllib.parse import urlsplit

from c2c._endpoint_url import is_loopback, redacted
from c2c._errors import ConfigInvalid, WidgetInactive
from c2c._secret import HoldsSecrets

Json: TypeAlias = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True)
class SipConnectivityInfo(HoldsSecrets):
    """Where the SIP server is and who we are to it; credentials are not shown, and not pickled."""

    secret_fields: ClassVar[tuple[str, ...]] = ("username", "password")

    ws_uri: str = field(repr=False)
    realm: str | None = None
    username: str | None = field(default=None, repr=False)
    password: str | None = field(default=None, repr=False)
    application_sid: str | None = None


@dataclass(frozen=True, kw_only=True)
class WebrtcWidgetConfig:
    """The endpoint's widget; only `active` decides about calls."""

    active: bool
    label: str | None = None
    tagline: str | None = None


@dataclass(frozen=True, kw_only=True)
class EndpointSettings(HoldsSecrets):
    """Settings of one endpoint; its URL token is not shown, and not pickled."""

    secret_fields: ClassVar[tuple[str, ...]] = ("endpoint_url_token",)

    endpoint_name: str | None = None
    endpoint_id: str | None = None
    endpoint_url_token: str | None = field(default=None, repr=False)
    channel: str | None = None
    version: str | None = None
    sip_connectivity_info: SipConnectivityInfo
    webrtc_widget_config: WebrtcWidgetConfig


@dataclass(frozen=True, kw_only=True)
class EndpointConfig:
    """The endpoint's answer to the configuration request."""

    organisation_id: str
    project_id: str
    endpoint_settings: EndpointSettings

    @property
    def is_runtime(self) -> bool:
        """Whether calls go by headers and without REGISTER: an endpoint id, and neither realm nor application."""
        return _is_runtime(self.endpoint_settings.endpoint_id, self.endpoint_settings.sip_connectivity_info)

    @classmethod
    def from_json(cls, value: object) -> EndpointConfig:
        """Checks the decoded answer; `ConfigInvalid` names the path of what is missing, `WidgetInactive` comes last."""
        config = cls._read(_Node(value, ""))
        if not config.endpoint_settings.webrtc_widget_config.active:
            raise WidgetInactive("WebRTC widget is not active in the configuration")
        return config

    @classmethod
    def shown(cls, value: object) -> EndpointConfig:
        """Reads the decoded answer for people: nothing is demanded, and no secret is kept."""
        config = cls._read(_LenientNode(value, ""))
        settings = config.endpoint_settings
        info = replace(settings.sip_connectivity_info, username=None, password=None)
        bare = replace(settings, endpoint_url_token=None, sip_connectivity_info=info)
        return replace(config, endpoint_settings=bare)

    @classmethod
    def _read(cls, root: _Node) -> EndpointConfig:
        return cls(
            organisation_id=root.required("organisationId"),
            project_id=root.required("projectId"),
            endpoint_settings=_endpoint_settings(root.child("endpointSettings")),
        )


class _Node:
    """A JSON object and its path."""

    def __init__(self, value: object, path: str) -> None:
        if not isinstance(value, Mapping):
            raise invalid(path or "the answer", "is not an object" if value is not None else "is missing")
        self._value: Json = value
        self._path = path

    def child(self, name: str) -> _Node:
        return type(self)(self._value.get(name), self.path(name))

    def path(self, name: str) -> str:
        return f"{self._path}.{name}" if self._path else name

    def required(self, name: str) -> str:
        value = self._value.get(name)
        if value is None or value == "":
            raise invalid(self.path(name), "is missing")
        return self._text(name, value)

    def optional(self, name: str) -> str | None:
        value = self._value.get(name)
        return None if value is None or value == "" else self._text(name, value)

    def shown(self, name: str) -> str | None:
        """For what only people read: anything else than text counts as absent."""
        value = self._value.get(name)
        return value if isinstance(value, str) else None

    def websocket_uri(self, name: str) -> str:
        return _ws_uri(self.path(name), self.required(name))

    def flag(self, name: str) -> bool:
        return self._value.get(name) is True

    def _text(self, name: str, value: object) -> str:
        if not isinstance(value, str):
            raise invalid(self.path(name), "is not a string")
        if any(character < " " or character == "\x7f" for character in value):
            raise invalid(self.path(name), "holds control characters")
        return value


class _LenientNode(_Node):
    """The same, of which nothing is demanded."""

    def __init__(self, value: object, path: str) -> None:
        super().__init__(value if isinstance(value, Mapping) else {}, path)

    def required(self, name: str) -> str:
        return self.shown(name) or ""

    def optional(self, name: str) -> str | None:
        return self.shown(name)

    def websocket_uri(self, name: str) -> str:
        uri = self.shown(name)
        return redacted(uri) if uri else ""


def _endpoint_settings(node: _Node) -> EndpointSettings:
    endpoint_id = node.optional("endpointId")
    return EndpointSettings(
        endpoint_name=node.shown("endpointName"),
        endpoint_id=endpoint_id,
        endpoint_url_token=node.shown("endpointUrlToken"),
        channel=node.shown("channel"),
        version=node.shown("version"),
        sip_connectivity_info=_connectivity(node.child("sipConnectivityInfo"), endpoint_id),
        webrtc_widget_config=_widget(node),
    )


def _connectivity(node: _Node, endpoint_id: str | None) -> SipConnectivityInfo:
    info = SipConnectivityInfo(
        ws_uri=node.websocket_uri("wsUri"),
        realm=node.optional("realm"),
        username=node.optional("username"),
        password=node.optional("password"),
        application_sid=node.optional("applicationSid"),
    )
    if not _is_runtime(endpoint_id, info):
        for name in ("username", "password", "realm", "applicationSid"):
            node.required(name)
    return info


def _ws_uri(path: str, uri: str) -> str:
    try:
        parts = urlsplit(uri)
        host, _ = parts.hostname, parts.port
    except ValueError:
        host = None
    if host and (parts.scheme == "wss" or (parts.scheme == "ws" and is_loopback(host))):
        return uri
    # JsSIP's text for a URL that its socket refuses
    error = invalid(path, "is not a wss:// URL")
    error.args = (f"Invalid argument: {redacted(uri)}",)
    raise error


def _widget(node: _Node) -> WebrtcWidgetConfig:
    try:
        widget = node.child("webrtcWidgetConfig")
    except ConfigInvalid:
        return WebrtcWidgetConfig(active=False)
    return WebrtcWidgetConfig(
        active=widget.flag("active"), label=widget.shown("label"), tagline=widget.shown("tagline")
    )


def _is_runtime(endpoint_id: str | None, info: SipConnectivityInfo) -> bool:
    return bool(endpoint_id) and not info.realm and not info.application_sid


def invalid(path: str, problem: str) -> ConfigInvalid:
    """Returns the SDK's error for a bad answer, with the path of what is wrong and never its value."""
    error = ConfigInvalid("Invalid endpoint configuration received", cause=f"{path} {problem}")
    error.path = path
    error.add_note(f"{path} {problem}")
    return error
