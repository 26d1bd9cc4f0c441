"""A running gateway: where it is, whom it heard, and the pump that takes its events."""

from __future__ import annotations

import dataclasses
import logging
import socket
from array import array
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, cast

import trio

from c2c import TLSConfig
from c2c._c2c import GatewayEvent

from ._calls import End, GatewayCall, Info, ReceivedTone
from ._sound import Heard

if TYPE_CHECKING:
    from collections.abc import Callable

    from c2c import _c2c

    from ._config_endpoint import ConfigEndpoint, ConfigRequest
    from ._endpoint_config import EndpointConfig


@dataclass(frozen=True)
class Registration:
    """A REGISTER that was granted; `expires` is 0 when it was taken back or has expired."""

    aor: str
    expires: int


@dataclass(frozen=True)
class Refusal:
    """A request that was refused: wrong or missing credentials, a misbehaviour."""

    method: str
    status: int


class RunningGateway:
    """What `serve()` gives: addresses, trust, and records of all that came."""

    def __init__(self, handle: _c2c.Gateway, config: EndpointConfig, host: str, *, secure: bool) -> None:
        self._handle = handle
        self._secure = secure
        self._authority = f"[{host}]" if ":" in host else host
        self._changed = trio.Event()
        self._closed = trio.Event()
        self._by_number: dict[int, GatewayCall] = {}
        self._endpoint: ConfigEndpoint | None = None
        self.config = config
        self.endpoint_url = ""
        self.websocket_uri = f"{'wss' if secure else 'ws'}://{self._authority}:{handle.port}"
        self.tls = TLSConfig(ca_pem=handle.ca_pem.encode()) if secure else None
        self.calls: list[GatewayCall] = []
        self.registrations: list[Registration] = []
        self.refusals: list[Refusal] = []
        self.connections: set[int] = set()

    def __repr__(self) -> str:
        return f"RunningGateway({self.websocket_uri!r}, calls={len(self.calls)})"

    @property
    def requests(self) -> list[ConfigRequest]:
        """What the config endpoint was asked."""
        return self._endpoint.requests if self._endpoint else []

    async def wait_until(self, condition: Callable[[RunningGateway], bool]) -> None:
        """Wait until `condition(gateway)` holds."""
        while not condition(self):
            await self._changed.wait()

    async def wait_call(self, number: int = 0) -> GatewayCall:
        """The `number`th call, once it came."""
        await self.wait_until(lambda gateway: len(gateway.calls) > number)
        return self.calls[number]

    async def shut_down(self) -> None:
        """Close the port and all connections, and wait for the last event (for `serve`)."""
        self._handle.close()
        await self._closed.wait()

    def drop_websockets(self) -> None:
        """Drop every client's TCP connection without a close frame."""
        for connection in self.connections:
            self._handle.drop_websocket(connection)

    def close_websockets(self, code: int = 1001) -> None:
        """Close every client's WebSocket with this code."""
        for connection in self.connections:
            self._handle.close_websocket(connection, code)

    def serve_config(self, config: EndpointConfig) -> None:
        """Say this at the config endpoint from now on, other credentials for example; its URL stays."""
        assert self._endpoint is not None
        self._endpoint.config = dataclasses.replace(config, url_token=self.config.url_token)

    def send_raw(self, message: bytes) -> None:
        """Send this to every client as one WebSocket message, whatever it is."""
        for connection in self.connections:
            self._handle.send_raw(connection, message)

    def endpoint_at(self, endpoint: ConfigEndpoint, port: int) -> None:
        """Say where the config endpoint listens (for `serve`)."""
        self._endpoint = endpoint
        scheme = "https" if self._secure else "http"
        self.endpoint_url = f"{scheme}://{self._authority}:{port}/{self.config.url_token}"

    async def pump(
        self, fail: Callable[[Exception], None], task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Take events until the last one (for `serve`); `fail` gets a RuntimeError when the gateway itself fails."""
        with socket.socket(fileno=self._handle.take_wake_fd()) as wake:
            task_status.started()
            try:
                while not self._closed.is_set():
                    await trio.lowlevel.wait_readable(wake)
                    _drain(wake)
                    for event in self._handle.poll_events():
                        self._take(event, fail)
            finally:
                trio.lowlevel.notify_closing(wake)

    def _take(self, event: GatewayEvent, fail: Callable[[Exception], None]) -> None:
        match event:
            case GatewayEvent.Closed():
                self._closed.set()
            case GatewayEvent.Failed(cause):
                fail(RuntimeError(f"the gateway failed: {cause}"))
            case GatewayEvent.Log(level, target, message):
                logging.getLogger(f"c2c.gateway.{target}").log(level, "%s", message)
            case GatewayEvent.Opened(connection):
                self.connections.add(connection)
            case GatewayEvent.Disconnected(connection):
                self.connections.discard(connection)
            case GatewayEvent.Registered(_, aor, expires):
                self.registrations.append(Registration(aor, expires))
            case GatewayEvent.Refused(_, method, status):
                self.refusals.append(Refusal(method, status))
            case GatewayEvent.CallStarted(number, target, caller, headers):
                self._start_call(GatewayCall(self._handle, number, target, caller, headers), number)
            case _:
                self._take_call_event(event)
        self._changed.set()
        self._changed = trio.Event()

    def _start_call(self, call: GatewayCall, number: int) -> None:
        self._by_number[number] = call
        self.calls.append(call)

    def _take_call_event(self, event: GatewayEvent) -> None:
        match event:
            case GatewayEvent.CallAnswered(number):
                self._by_number[number].note(_set("answered"))
            case GatewayEvent.MediaConnected(number):
                self._by_number[number].note(_set("media_connected"))
            case GatewayEvent.ScriptEnded(number):
                self._by_number[number].note(_set("script_ended"))
            case GatewayEvent.InfoReceived(number, content_type, body):
                info = Info(content_type, body)
                self._by_number[number].note(lambda call: call.infos.append(info))
            case GatewayEvent.DtmfReceived():
                self._by_number[event.call].note(lambda call: _hear_tone(call, event))
            case GatewayEvent.Responded(number, method, status):
                response = (method, status)
                self._by_number[number].note(lambda call: call.responses.append(response))
            case GatewayEvent.SessionRefreshed(number, by_us):
                who: Literal["gateway", "client"] = "gateway" if by_us else "client"
                self._by_number[number].note(lambda call: call.refreshes.append(who))
            case GatewayEvent.CallEnded():
                self._by_number[event.call].note(lambda call: _end(call, event))


def _set(attribute: Literal["answered", "media_connected", "script_ended"]) -> Callable[[GatewayCall], None]:
    return lambda call: setattr(call, attribute, True)


def _hear_tone(call: GatewayCall, event: GatewayEvent.DtmfReceived) -> None:
    transport = cast("Literal['INFO', 'RFC2833']", event.transport)
    call.tones.append(ReceivedTone(event.tone, event.duration, transport))


def _end(call: GatewayCall, event: GatewayEvent.CallEnded) -> None:
    by = cast("Literal['local', 'remote', 'system']", event.by)
    call.heard = Heard(array("h", event.heard), event.heard_rate)
    call.stats = event.stats
    call.end = End(by, event.answered, event.how, event.status, event.reason)


def _drain(wake: socket.socket) -> None:
    try:
        while wake.recv(4096):
            pass
    except BlockingIOError:
        pass
