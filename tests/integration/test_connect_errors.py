"""Every way in which initialization can fail, each by its real cause: what is raised, and when."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import c2c
from c2c.gateway import (
    ConfigBody,
    ConfigInactive,
    ConfigSlow,
    ConfigStatus,
    ConfigValue,
    EndpointConfig,
    GatewaySettings,
    IgnoreRegister,
    Misbehaviour,
    NoSubprotocol,
    RefuseUpgrade,
    RejectRegister,
    serve,
)
from support.broken_servers import CA_PEM, banner, closed_port, listening, saying, silence, upgrading
from support.client import Recorder

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from contextlib import AbstractAsyncContextManager

    import trio

    from support.broken_servers import Handler

SIP = "endpointSettings.sipConnectivityInfo"
FETCH = "Failed to connect: Configuration fetch failed: "
STATUS = FETCH + "Failed to fetch config: "
TIMED_OUT = "Failed to connect: Operation timed out after "
REFUSED = "Failed to connect: Registration failed: "
RETRY_LIMIT = 3.5  # seconds; the first attempt is followed by another after 2 s


@dataclass
class Where:
    """An endpoint to connect to, and how."""

    url: str
    options: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Row:
    """What is broken, and what `connect()` makes of it; texts are regular expressions, and whole."""

    broken: Callable[[], AbstractAsyncContextManager[Where]]
    error: type[c2c.C2CError]
    text: str
    cause: str
    stage: str
    hint: str
    status: int | None = None
    tries: int = 1


def at(url: str, **options: Any) -> Callable[[], AbstractAsyncContextManager[Where]]:
    @asynccontextmanager
    async def broken() -> AsyncIterator[Where]:
        yield Where(url, options)

    return broken


def gateway(*misbehave: Misbehaviour, **options: Any) -> Callable[[], AbstractAsyncContextManager[Where]]:
    @asynccontextmanager
    async def broken() -> AsyncIterator[Where]:
        settings = options.pop("settings", None)
        async with serve(misbehave=misbehave, settings=settings) as running:
            yield Where(running.endpoint_url, {"tls": running.tls, **options})

    return broken


def endpoint(
    handler: Handler, name: str = "localhost", **options: Any
) -> Callable[[], AbstractAsyncContextManager[Where]]:
    """An HTTPS server in place of the endpoint."""

    @asynccontextmanager
    async def broken() -> AsyncIterator[Where]:
        async with listening(handler, name=name) as port:
            yield Where(f"https://localhost:{port}/token", {"tls": c2c.TLSConfig(ca_pem=CA_PEM), **options})

    return broken


@asynccontextmanager
async def no_tls() -> AsyncIterator[Where]:
    async with listening(banner) as port:
        yield Where(f"https://localhost:{port}/token")


@asynccontextmanager
async def closed_endpoint() -> AsyncIterator[Where]:
    yield Where(f"https://127.0.0.1:{await closed_port()}/token")


@asynccontextmanager
async def another_authority() -> AsyncIterator[Where]:
    async with serve() as running:
        yield Where(running.endpoint_url, {"tls": c2c.TLSConfig(ca_pem=CA_PEM)})


def sip_server(
    handler: Handler | None, name: str | None = "localhost", **options: Any
) -> Callable[[], AbstractAsyncContextManager[Where]]:
    """A good endpoint whose SIP server is this one; no handler: a closed port."""

    @asynccontextmanager
    async def broken() -> AsyncIterator[Where]:
        async with listening(handler or silence, name=name) as port:
            uri = f"wss://localhost:{port if handler else await closed_port()}"
            async with serve(misbehave=[ConfigValue(f"{SIP}.wsUri", uri)]) as running:
                assert running.tls is not None
                assert isinstance(running.tls.ca_pem, bytes)
                trust = c2c.TLSConfig(ca_pem=running.tls.ca_pem + CA_PEM)
                yield Where(running.endpoint_url, {"tls": trust, **options})

    return broken


async def close(_: trio.abc.Stream) -> None:
    """Closes at once."""


TLS_HINT = "give the server's CA with tls="
UNKNOWN_NAME = ConfigValue(f"{SIP}.wsUri", "wss://no-such-host.invalid")
WRONG_PASSWORD = ConfigValue(f"{SIP}.password", "wrong")

ROWS: dict[str, Row] = {
    "malformed URL": Row(
        at("not a url"), c2c.ConfigError,
        FETCH + "endpoint_url is not a URL of the form https://host/token", "endpoint_url is not .*", "config",
        "endpoint URL",
    ),
    "http to a host that is not local": Row(
        at("http://endpoint.example/token"), c2c.ConfigError,
        FETCH + "endpoint_url must be https:// unless .*", "endpoint_url must be https:// .*", "config",
        "endpoint URL",
    ),
    "DNS failure": Row(
        at("https://no-such-host.invalid/token"), c2c.ConfigFetchError,
        FETCH + ".+", ".+", "config", "DNS",
    ),
    "closed port": Row(
        closed_endpoint, c2c.ConfigFetchError, FETCH + ".*Connection refused", ".*Connection refused", "config", "port",
    ),
    "certificate of another authority": Row(
        another_authority, c2c.ConfigFetchError,
        FETCH + "certificate verify failed: .+", "certificate verify failed: .+", "config", TLS_HINT,
    ),
    "certificate of another name": Row(
        endpoint(silence, name="other.example"), c2c.ConfigFetchError,
        FETCH + "certificate verify failed: Hostname mismatch.+", "certificate verify failed: .+", "config", TLS_HINT,
    ),
    "no TLS": Row(no_tls, c2c.ConfigFetchError, FETCH + ".+", ".+", "config", "TLS 1.2"),
    "HTTP 401": Row(
        gateway(ConfigStatus(401)), c2c.ConfigFetchError,
        STATUS + "401 Unauthorized", "Failed to fetch config: 401 Unauthorized", "config", "token",
    ),
    "HTTP 404": Row(
        gateway(ConfigStatus(404)), c2c.ConfigFetchError,
        STATUS + "404 Not Found", "Failed to fetch config: 404 Not Found", "config", "token",
    ),
    "HTTP 500": Row(
        gateway(ConfigStatus(500)), c2c.ConfigFetchError,
        STATUS + "500 Internal Server Error", "Failed to fetch config: 500 .*", "config", "later",
    ),
    "closed without an answer": Row(
        endpoint(close), c2c.ConfigFetchError, FETCH + ".+", ".+", "config",
        "endpoint URL",
    ),
    "not HTTP": Row(
        endpoint(saying(b"SSH-2.0-OpenSSH_9.9\r\n\r\n")), c2c.ConfigFetchError, FETCH + ".+", ".+", "config",
        "endpoint URL",
    ),
    "not JSON": Row(
        gateway(ConfigBody()), c2c.ConfigFetchError,
        FETCH + "the response is not JSON: .+", "the response is not JSON: .+", "config", "demo page",
    ),
    "silence": Row(
        endpoint(silence, config_timeout=0.3), c2c.ConfigTimeout,
        FETCH + "Operation timed out after 300ms", "Operation timed out after 300ms", "config", "config_timeout",
    ),
    "a slow endpoint": Row(
        gateway(ConfigSlow(60), config_timeout=0.3), c2c.ConfigTimeout,
        FETCH + "Operation timed out after 300ms", "Operation timed out after 300ms", "config", "config_timeout",
    ),
    "silence longer than connect() may take": Row(
        endpoint(silence, connect_timeout=0.3), c2c.ConnectTimeout,
        TIMED_OUT + "300ms", "the endpoint did not answer .*", "config",
        "endpoint URL",
    ),
    "inactive widget": Row(
        gateway(ConfigInactive()), c2c.WidgetInactive,
        "Failed to connect: WebRTC widget is not active in the configuration", "", "config", "activate",
    ),
    "SIP server: unknown name": Row(
        gateway(UNKNOWN_NAME, connect_timeout=RETRY_LIMIT), c2c.ConnectTimeout,
        TIMED_OUT + "3500ms", "resolve: no-such-host.invalid: .+", "websocket", "DNS",
        tries=2,
    ),
    "SIP server: closed port": Row(
        sip_server(None, connect_timeout=RETRY_LIMIT), c2c.ConnectTimeout,
        TIMED_OUT + "3500ms", "connect: .*refused.*", "websocket", "port", tries=2,
    ),
    "SIP server: closes instead of TLS": Row(
        sip_server(close, name=None, connect_timeout=RETRY_LIMIT), c2c.ConnectTimeout,
        TIMED_OUT + "3500ms", "tls: .+", "websocket", TLS_HINT, tries=2,
    ),
    "SIP server: silent port": Row(
        sip_server(silence, name=None, connect_timeout=1.5), c2c.ConnectTimeout,
        TIMED_OUT + "1500ms", "the SIP server did not open the WebSocket", "websocket",
        "reach",
    ),
    "SIP server: silent after TLS": Row(
        sip_server(silence, connect_timeout=1.5), c2c.ConnectTimeout,
        TIMED_OUT + "1500ms", "the SIP server did not open the WebSocket", "websocket",
        "reach",
    ),
    "SIP server: certificate of another name": Row(
        sip_server(silence, name="other.example"), c2c.ConnectFailed,
        "Failed to connect: tls: .*localhost.*", ".*localhost.*", "websocket", TLS_HINT,
    ),
    "SIP server: HTTP 404 on the upgrade": Row(
        gateway(RefuseUpgrade(404)), c2c.ConnectFailed,
        "Failed to connect: upgrade: the server answered 404 .+", "the server answered 404 .+", "websocket", "wsUri",
    ),
    "SIP server: HTTP 403 on the upgrade": Row(
        gateway(RefuseUpgrade(403)), c2c.ConnectFailed,
        "Failed to connect: upgrade: the server answered 403 .+", "the server answered 403 .+", "websocket", "wsUri",
    ),
    "SIP server: HTTP 503 on the upgrade": Row(
        gateway(RefuseUpgrade(503), connect_timeout=RETRY_LIMIT), c2c.ConnectTimeout,
        TIMED_OUT + "3500ms", "upgrade: the server answered 503 .+", "websocket", "wsUri",
        tries=2,
    ),
    "SIP server: no subprotocol": Row(
        gateway(NoSubprotocol()), c2c.ConnectFailed,
        "Failed to connect: upgrade: .*subprotocol 'sip'", ".*subprotocol 'sip'", "websocket", "subprotocol sip",
    ),
    "REGISTER: 403": Row(
        gateway(RejectRegister(403, "Forbidden")), c2c.RegistrationRejected,
        REFUSED + "Rejected", "Rejected", "register", "credentials", status=403,
    ),
    "REGISTER: wrong password": Row(
        gateway(WRONG_PASSWORD), c2c.RegistrationRejected,
        REFUSED + "Rejected", "Rejected", "register", "credentials", status=403,
    ),
    "REGISTER: wrong password, challenged again": Row(
        gateway(WRONG_PASSWORD, settings=GatewaySettings(wrong_credentials_status=401)), c2c.RegistrationRejected,
        REFUSED + "Authentication Error", "Authentication Error", "register", "credentials",
        status=401,
    ),
    "REGISTER: 404": Row(
        gateway(RejectRegister(404, "Unknown realm")), c2c.RegistrationRejected,
        REFUSED + "Not Found", "Not Found", "register", "realm", status=404,
    ),
    "REGISTER: 503": Row(
        gateway(RejectRegister(503, "Max Devices Registered")), c2c.RegistrationRejected,
        REFUSED + "SIP Failure Code", "SIP Failure Code", "register", "later", status=503,
    ),
    "REGISTER: the connection is closed": Row(
        sip_server(upgrading(close)), c2c.RegistrationRejected,
        REFUSED + "Connection Error", "Connection Error", "register", "closed the connection",
    ),
    "REGISTER: never answered": Row(
        gateway(IgnoreRegister(), connect_timeout=1.5), c2c.ConnectTimeout,
        TIMED_OUT + "1500ms", "REGISTER was not answered", "register", "answers REGISTER",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", ROWS)
async def test_row(name: str) -> None:
    """What is certain ends it long before the default limit; what may pass is tried until the one given here."""
    row = ROWS[name]
    async with row.broken() as where:
        client = c2c.create_webrtc_client(where.url, **{"user_id": "user-1", **where.options})
        told = Recorder(client)
        async with client:
            with pytest.raises(c2c.C2CError) as caught:
                await client.connect()
            assert not client.is_connected()
            error = caught.value
            assert type(error) is row.error, repr(error)
            assert re.fullmatch(row.text, str(error)), str(error)
            assert re.fullmatch(row.cause, error.cause or ""), error.cause
            assert (error.stage, error.sip_status) == (row.stage, row.status)
            assert row.hint in str(error.hint)
            assert f"stage: {row.stage}; hint: {error.hint}" in error.__notes__
            assert told.names.count("connecting") == (0 if row.stage == "config" else row.tries)


@pytest.mark.parametrize("url", ["", None])
def test_a_missing_url_fails_the_creation(url: Any) -> None:
    with pytest.raises(c2c.ConfigError) as caught:
        c2c.create_webrtc_client(url)
    assert str(caught.value) == "endpointUrl is required"
    assert (caught.value.stage, bool(caught.value.hint)) == ("config", True)


CREATE = """
import c2c
print(c2c.check_webrtc_support().missing)
try:
    c2c.create_webrtc_client("https://endpoint.example/token")
except c2c.UnsupportedPlatform as error:
    print(error, error.cause, error.hint, sep="|")
"""


def test_an_extension_that_cannot_be_loaded_fails_the_creation(tmp_path: Path) -> None:
    """A real package whose compiled half is of no use to this machine."""
    package = Path(c2c.__file__).parent
    shutil.copytree(package, tmp_path / "c2c", ignore=shutil.ignore_patterns("*.so", "__pycache__"))
    (tmp_path / "c2c" / "_c2c.abi3.so").write_bytes(b"\x7fELF of another machine")
    ran = subprocess.run(
        [sys.executable, "-c", CREATE], cwd=tmp_path, env={"PYTHONPATH": str(tmp_path)}, capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    missing, refused = ran.stdout.splitlines()
    assert "c2c._c2c" in missing
    assert refused.startswith("WebRTC is not supported in this environment|missing: c2c._c2c")
    assert "check_webrtc_support()" in refused


REQUIRED = {
    "legacy": [
        "organisationId", "projectId", "endpointSettings", SIP,
        *(f"{SIP}.{name}" for name in ("wsUri", "username", "password", "realm", "applicationSid")),
    ],
    "runtime": ["organisationId", "projectId", "endpointSettings", SIP, f"{SIP}.wsUri"],
}  # fmt: skip


@pytest.mark.parametrize("value", [None, "", 7, ["value-sentinel"]], ids=["null", "empty", "number", "list"])
@pytest.mark.parametrize(("kind", "path"), [(kind, path) for kind, paths in REQUIRED.items() for path in paths])
async def test_each_required_field(kind: Any, path: str, value: object) -> None:
    config = EndpointConfig(kind=kind, password="password-sentinel", url_token="token-sentinel")
    async with serve(config=config, misbehave=[ConfigValue(path, value)]) as running:
        async with c2c.create_webrtc_client(running.endpoint_url, tls=running.tls) as client:
            with pytest.raises(c2c.ConfigInvalid) as caught:
                await client.connect()
        error = caught.value
        assert str(error) == "Failed to connect: Invalid endpoint configuration received"
        assert (error.path, error.stage) == (path, "config")
        assert path in str(error.cause)
        assert error.hint
        shown = f"{error} {error!r} {vars(error)} {error.__notes__}"
        assert "sentinel" not in shown
        assert not running.connections
