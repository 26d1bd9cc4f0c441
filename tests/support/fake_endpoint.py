"""An endpoint without a network: stands where the one GET would be made."""

from __future__ import annotations

import copy
import json
from typing import TYPE_CHECKING, Any

import trio

from c2c._http import HTTPResponse

if TYPE_CHECKING:
    import ssl

    from c2c._route import Route

URL = "https://endpoint.example/url-token-sentinel"
PASSWORD = "password-sentinel"
USERNAME = "username-sentinel"

LEGACY: dict[str, Any] = {
    "organisationId": "organisation",
    "projectId": "project",
    "endpointSettings": {
        "snapshotId": None,
        "endpointUrlToken": "url-token-sentinel",
        "endpointName": "My Endpoint!",
        "channel": "voiceGateway2",
        "active": True,
        "version": "2026.9.0",
        "sipConnectivityInfo": {
            "wsUri": "wss://sip.example:8443",
            "realm": "realm.example",
            "username": USERNAME,
            "password": PASSWORD,
            "applicationSid": "application-sid",
        },
        "webrtcWidgetConfig": {"active": True, "label": "Call us"},
    },
}


def runtime() -> dict[str, Any]:
    """Returns the answer of a runtime endpoint."""
    config = copy.deepcopy(LEGACY)
    config["endpointSettings"]["endpointId"] = "endpoint-id"
    config["endpointSettings"]["sipConnectivityInfo"] = {"wsUri": "wss://sip.example:8443/path"}
    return config


class FakeEndpoint:
    """Answers with `config`, or `status`, or `body`, or never; writes down what was asked for."""

    def __init__(self) -> None:
        self.config: Any = copy.deepcopy(LEGACY)
        self.status, self.reason = 200, "OK"
        self.body: bytes | None = None
        self.error: Exception | None = None
        self.is_silent = False
        self.go_on = trio.Event()  # ends a silence
        self.requests: list[str] = []

    async def get(self, url: str, context: ssl.SSLContext, route: Route) -> HTTPResponse:
        self.requests.append(url)
        await trio.lowlevel.checkpoint()
        if self.is_silent:
            await self.go_on.wait()
        if self.error is not None:
            raise self.error
        body = json.dumps(self.config).encode() if self.body is None else self.body
        return HTTPResponse(self.status, self.reason, body)
