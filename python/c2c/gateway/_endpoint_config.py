"""The configuration document that an endpoint serves: legacy (REGISTER, digest) or runtime (neither)."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from ._misbehaviour import ConfigInactive, ConfigMisbehaviour, ConfigValue, ConfigWithout

if TYPE_CHECKING:
    from collections.abc import Iterable


@dataclass(frozen=True)
class EndpointConfig:
    """What the document says; the WebSocket's URI is the gateway's own."""

    kind: Literal["legacy", "runtime"] = "legacy"
    organisation_id: str = "64a000000000000000000001"
    project_id: str = "64a000000000000000000002"
    endpoint_name: str = "Gateway"
    endpoint_id: str = "64a000000000000000000003"
    url_token: str = field(default="c2c0c2c0c2c0c2c0", repr=False)
    realm: str = "realm-gateway.example"
    username: str = field(default="widget-gateway", repr=False)
    password: str = field(default="gateway-password", repr=False)
    application_sid: str = "5f0c9a52-0000-4000-8000-00000000c2c0"

    def document(self, websocket_uri: str, misbehave: Iterable[ConfigMisbehaviour] = ()) -> dict[str, object]:
        """The JSON document as a dict, with what the misbehaviours change in it."""
        document = self._proper(websocket_uri)
        for misbehaviour in misbehave:
            if isinstance(misbehaviour, ConfigWithout):
                _remove(document, misbehaviour.path)
            elif isinstance(misbehaviour, ConfigValue):
                _put(document, misbehaviour.path, misbehaviour.value)
            elif isinstance(misbehaviour, ConfigInactive):
                _put(document, "endpointSettings.webrtcWidgetConfig.active", False)
        return document

    def _proper(self, websocket_uri: str) -> dict[str, object]:
        settings: dict[str, object] = {
            "snapshotId": None,
            "endpointUrlToken": self.url_token,
            "endpointName": self.endpoint_name,
            "channel": "voiceGateway2",
            "localeReferenceId": "64a000000000000000000004",
            "collectAnalytics": True,
            "active": True,
            "version": "2026.9.0",
            "sipConnectivityInfo": self._connectivity(websocket_uri),
            "webrtcWidgetConfig": {"active": True, "label": self.endpoint_name, "transcription": {"enabled": True}},
        }
        if self.kind == "runtime":
            settings["endpointId"] = self.endpoint_id
        return {
            "organisationId": self.organisation_id,
            "projectId": self.project_id,
            "endpointSettings": settings,
            "settings": {"transcription": {"enabled": True}},
        }

    def _connectivity(self, websocket_uri: str) -> dict[str, object]:
        if self.kind == "runtime":
            return {"wsUri": websocket_uri}
        return {
            "wsUri": websocket_uri,
            "realm": self.realm,
            "username": self.username,
            "password": self.password,
            "applicationSid": self.application_sid,
        }


def _remove(document: dict[str, object], path: str) -> None:
    parent, name = _parent(document, path)
    parent.pop(name, None)


def _put(document: dict[str, object], path: str, value: object) -> None:
    parent, name = _parent(document, path)
    parent[name] = copy.deepcopy(value)


def _parent(document: dict[str, object], path: str) -> tuple[dict[str, object], str]:
    *outer, name = path.split(".")
    for key in outer:
        inner = document.get(key)
        if not isinstance(inner, dict):
            raise ValueError(f"the configuration has no object at {key!r} of {path!r}")
        document = inner
    return document, name
