"""The config endpoint over HTTPS, and the web server of the browser's page."""

from __future__ import annotations

import json
import secrets
import ssl
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import TYPE_CHECKING, Any, Self
from urllib.parse import urlsplit

from .identity import ENDPOINT_PORT, LOOPBACK, REALM, USERNAME, Identity

if TYPE_CHECKING:
    from pathlib import Path
    from types import TracebackType

_CONTENT_TYPES = {".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8"}


@dataclass(frozen=True)
class ConfigRequest:
    """A GET that the endpoint has answered: path with query, and headers by lower-case name."""

    path: str
    headers: dict[str, str]


@dataclass
class Endpoint:
    """https://<address>:8444/: one URL for each configuration that a test asks for."""

    identity: Identity
    ws_uri: str
    pages: Path
    address: str = LOOPBACK
    requests: list[ConfigRequest] = field(default_factory=list)
    _configs: dict[str, bytes] = field(default_factory=dict, repr=False)

    @property
    def origin(self) -> str:
        return f"https://{self.address}:{ENDPOINT_PORT}"

    def url(self, application_sid: str, **sip: str) -> str:
        """Returns a new endpoint URL whose callers reach app-<application_sid>.

        `sip` replaces fields of sipConnectivityInfo, e.g. password="wrong" or wsUri=....
        """
        token = secrets.token_hex(16)
        self._configs[token] = json.dumps(self._config(token, application_sid, sip)).encode()
        return f"{self.origin}/{token}"

    def content(self, path: str) -> tuple[str, bytes] | None:
        """Content type and body of a path, None if nothing is there."""
        if path.strip("/") in self._configs:
            return "application/json", self._configs[path.strip("/")]
        page = self.pages / path.rpartition("/")[2]
        if page.suffix in _CONTENT_TYPES and page.is_file():
            return _CONTENT_TYPES[page.suffix], page.read_bytes()
        return None

    def __enter__(self) -> Self:
        handler = type("Handler", (_Handler,), {"endpoint": self})
        self._server = _Server((self.address, ENDPOINT_PORT), handler)
        self._server.socket = self._context().wrap_socket(
            self._server.socket, server_side=True, do_handshake_on_connect=False
        )
        self._thread = threading.Thread(target=self._server.serve_forever)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def _context(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(self.identity.certificate_file, self.identity.key_file)
        return context

    def _config(self, token: str, application_sid: str, sip: dict[str, str]) -> dict[str, Any]:
        """An EndpointConfig in the shape of the SDK's public types."""
        connectivity = {
            "wsUri": self.ws_uri,
            "realm": REALM,
            "username": USERNAME,
            "password": self.identity.password,
            "applicationSid": application_sid,
        }
        return {
            "organisationId": "64a000000000000000000001",
            "projectId": "64a000000000000000000002",
            "endpointSettings": {
                "snapshotId": None,
                "endpointUrlToken": token,
                "endpointName": "Interop rig",
                "channel": "voiceGateway2",
                "localeReferenceId": "64a000000000000000000003",
                "collectAnalytics": False,
                "active": True,
                "sipConnectivityInfo": {**connectivity, **sip},
                "webrtcWidgetConfig": {"active": True, "label": "Interop"},
            },
        }


class _Server(ThreadingHTTPServer):
    def handle_error(self, request: object, client_address: object) -> None:
        """Says nothing: that a client refuses the certificate or goes away is what some tests do."""


class _Handler(BaseHTTPRequestHandler):
    endpoint: Endpoint
    timeout = 30
    protocol_version = "HTTP/1.1"
    # Header and body are written apart: with Nagle's algorithm the body would wait for a delayed ACK.
    disable_nagle_algorithm = True

    def do_GET(self) -> None:
        headers = {name.lower(): value for name, value in self.headers.items()}
        found = self.endpoint.content(urlsplit(self.path).path)
        kind, body = found or ("text/plain", b"not found\n")
        if kind == "application/json":
            self.endpoint.requests.append(ConfigRequest(self.path, headers))
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        # As the real endpoint must: the SDK's page is of another origin.
        self.send_header("Access-Control-Allow-Origin", "*")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Keeps the URL tokens off the console."""
