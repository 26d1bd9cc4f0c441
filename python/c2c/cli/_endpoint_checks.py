"""The way to the endpoint's host: name, port and certificate."""

from __future__ import annotations

import socket
import ssl
import time
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import trio

from c2c._dial import dial
from c2c._errors import ConfigError
from c2c._route import Routing
from c2c._tls import Trust
from c2c.cli._finding import Finding, Problem, examined

if TYPE_CHECKING:
    from collections.abc import Callable

    from c2c._route import Route

EXPIRES_SOON = 14  # days
STAGES = ("dns", "tcp", "tls")


class EndpointChecks:
    """Checks the host that options of `create_webrtc_client` name; each step has `limit` seconds and needs the last.

    With a proxy it is the proxy's name that is looked up, and its tunnel that leads to the port.
    """

    def __init__(self, options: dict[str, Any], limit: float) -> None:
        parts = urlsplit(options["endpoint_url"])
        self._secure = parts.scheme == "https"
        self._host = parts.hostname or ""
        self._port = parts.port or (443 if self._secure else 80)
        self._context = Trust(options.get("tls")).ssl_context()
        self._routing = Routing(proxy=options.get("proxy"))
        self._limit = limit
        self._stream: trio.SocketStream | None = None

    async def run(self, report: Callable[[Finding], None]) -> None:
        """Reports a finding for each of `STAGES`."""
        failed: str | None = None
        try:
            for stage, check in zip(STAGES, (self._resolve, self._connect, self._shake_hands), strict=True):
                if failed is None:
                    finding = await examined(stage, check, self._limit, _HINTS[stage])
                    failed = stage if finding.status == "failed" else None
                else:
                    finding = Finding(stage, "skipped", f"needs {failed}")
                report(finding)
        finally:
            if self._stream is not None:
                self._stream.socket.close()

    def _route(self) -> Route:
        try:
            return self._routing.to(self._host, self._port)
        except ConfigError as error:
            raise Problem(str(error), error.hint) from None

    async def _resolve(self) -> str:
        proxy = self._route().proxy
        host, kind = (proxy.host, "the proxy ") if proxy else (self._host, "")
        try:
            found = await trio.socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (socket.gaierror, UnicodeError) as error:
            raise Problem(f"{kind}{host}: {getattr(error, 'strerror', None) or error}") from None
        addresses = dict.fromkeys(str(entry[4][0]) for entry in found)
        return f"{kind}{host} is {', '.join(addresses)}"

    async def _connect(self) -> str:
        route = self._route()
        try:
            self._stream = await dial(self._host, self._port, route)
        except ConfigError as error:
            raise Problem(str(error), error.hint) from None
        except (OSError, trio.BrokenResourceError) as error:
            raise Problem(f"port {self._port}: {reason_of(error)}") from None
        through = f" through the proxy {route.proxy.host}:{route.proxy.port}" if route.proxy else ""
        return f"port {self._port} is open{through}"

    async def _shake_hands(self) -> str:
        assert self._stream is not None
        if not self._secure:
            raise Problem("the endpoint is http:// on this machine", status="skipped")
        stream = trio.SSLStream(self._stream, self._context, server_hostname=self._host, https_compatible=True)
        try:
            await stream.do_handshake()
        except trio.BrokenResourceError as error:
            raise Problem(reason_of(error)) from None
        version, certificate = str(stream.version()), stream.getpeercert() or {}
        left = (ssl.cert_time_to_seconds(str(certificate["notAfter"])) - time.time()) / 86_400
        if left < EXPIRES_SOON:
            raise Problem(f"the certificate expires in {left:.1f} days", "renew it", status="warning")
        return f"{version}, certificate valid for {left:.0f} days"


def reason_of(error: BaseException) -> str:
    """Returns the innermost cause in a few words; several addresses fail as a group."""
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    if isinstance(error, ssl.SSLCertVerificationError):
        return f"certificate verify failed: {error.verify_message}"
    if isinstance(error, ssl.SSLError):
        return str(error.reason or error)
    if isinstance(error, OSError) and error.strerror and not error.__cause__:
        return error.strerror
    return reason_of(error.__cause__) if error.__cause__ else str(error) or type(error).__name__


_HINTS = {
    "dns": "check the host name in the endpoint URL and this machine's DNS",
    "tcp": "check that the endpoint's host and port can be reached, also through firewalls",
    "tls": "give the server's CA with --ca or SSL_CERT_FILE, and check the name in its certificate",
}
