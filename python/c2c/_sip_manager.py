"""The connection to the SIP server: opens it, registers, closes it, and pumps what the engine tells."""

from __future__ import annotations

import logging
import socket
from contextlib import suppress
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias

import trio

from c2c import events
from c2c._errors import (
    C2CError,
    ConnectFailed,
    ConnectionLost,
    EngineClosed,
    EngineFailed,
    RegistrationRejected,
    RemoteProtocolError,
)
from c2c._route import PROXY_HINT

if TYPE_CHECKING:
    from collections.abc import Callable

    from c2c._c2c import Engine, Event, SipSettings
    from c2c._event_bus import EventBus
    from c2c._route import Route

    Routes: TypeAlias = dict[type[Event], Callable[[Any], None]]

STOP_LIMIT = 3  # seconds; the engine itself lingers for 2

logger = logging.getLogger("c2c.sip")


class Obstacle(NamedTuple):
    """Where and why connecting does not go on."""

    stage: str
    cause: str
    hint: str | None


class SipManager:
    """One client's connection; `on_failure` gets what ends the client."""

    def __init__(self, engine: Engine, bus: EventBus, on_failure: Callable[[Exception], None]) -> None:
        self._engine = engine
        self._bus = bus
        self._on_failure = on_failure
        self._attempt: _Attempt | None = None
        self._needs_registration = False
        self._is_prepared = False
        self._open = False
        self._registered = False
        self._was_ready = False
        self._stopped: trio.Event | None = None
        self.is_initialised = False
        self.is_reconnecting = False
        self.closed = trio.Event()
        self._last_failure: C2CError | None = None

    @property
    def is_ready(self) -> bool:
        """Whether calls can be made: connected, and registered unless the endpoint needs no registration."""
        usable = self.is_initialised and self._open and not self.is_reconnecting
        return usable and (self._registered or not self._needs_registration)

    @property
    def stands(self) -> bool:
        """Whether there is a connection, or one being made again, which a failed `connect` does not end."""
        return self.is_initialised and (self._open or self.is_reconnecting)

    @property
    def obstacle(self) -> Obstacle:
        """What keeps a connection that is being made from being ready."""
        if self._open:
            return Obstacle("register", "REGISTER was not answered", None)
        if (last := self._last_failure) is not None:
            return Obstacle("websocket", str(last), last.hint)
        return Obstacle("websocket", "the SIP server did not open the WebSocket", _CONNECT_HINTS["connect"])

    async def run(self, *routes: Routes) -> None:
        """Pumps the engine's events to their routes until the last one: a byte wakes it, it takes all there are."""
        table = {kind: route for part in (self._routes(), *routes) for kind, route in part.items()}
        with socket.socket(fileno=self._engine.take_wake_fd()) as wake:
            wake.setblocking(False)
            try:
                while not self.closed.is_set():
                    await trio.lowlevel.wait_readable(wake)
                    is_last = not _drain(wake)
                    for event in self._poll():
                        if route := table.get(type(event)):
                            route(event)
                    if is_last:
                        self._finish_all(EngineClosed("The engine is gone"))
            finally:
                trio.lowlevel.notify_closing(wake)

    async def connect(self, settings: SipSettings, route: Route, *, register: bool) -> None:
        """Opens the WebSocket and registers; what may pass is tried again until the caller cancels and stops.

        One that is open registers only, or gives way to another server; its calls go on.
        """
        await self.wait_stopped()
        self._needs_registration = register
        self._last_failure = None
        self._was_ready &= self.stands
        self.is_initialised = True
        if self.is_ready:
            return
        self._is_prepared = False  # the engine takes it, or closes it
        proxy = route.proxy.settings() if route.proxy else None
        await self._try(lambda: self._engine.connect(settings, proxy=proxy, public_only=route.public_only))

    async def rejoin(self) -> None:
        """Waits until the lost connection is back, without the rest of a pause; being cancelled does not end that."""
        if self.is_reconnecting:
            await self._try(self._engine.retry)
        elif not self.is_ready:
            # it came to its end before this could begin
            raise self._last_failure or ConnectionLost("the connection was lost", cause="Connection Error")

    def renew(self, settings: SipSettings, route: Route, *, register: bool) -> None:
        """Goes on with newer settings, which may name another server."""
        if self.is_initialised:
            self._needs_registration = register
            proxy = route.proxy.settings() if route.proxy else None
            self._engine.renew(settings, proxy=proxy, public_only=route.public_only)

    def give_up_renewing(self) -> None:
        """There are no newer settings: reconnecting ends, and on a connection that stands the registration."""
        if self.is_initialised:
            self._engine.renew(None)

    def prepare(self, uri: str, route: Route) -> None:
        """Opens a WebSocket ahead; `connect` uses it if it is for the same server, else it is closed untold."""
        proxy = route.proxy.settings() if route.proxy else None
        self._engine.prepare(uri, proxy=proxy, public_only=route.public_only)
        self._is_prepared = True

    def stop(self) -> None:
        """Ends calls, un-registers and closes the connection; what becomes of it comes as events."""
        if self._is_prepared:
            self._is_prepared = False
            with suppress(EngineClosed):
                self._engine.discard_prepared()
        if self.is_initialised:
            self.is_initialised = self.is_reconnecting = False
            self._stopped = trio.Event()
            self._engine.disconnect()

    async def wait_stopped(self) -> None:
        """Waits until a connection that was stopped is closed."""
        with trio.move_on_after(STOP_LIMIT) as limit:
            while (stopped := self._stopped) is not None:
                await stopped.wait()
                if stopped is self._stopped:
                    self._stopped = None
        if limit.cancelled_caught:
            logger.warning("the connection was not closed within %s s", STOP_LIMIT)
            self._stopped = None

    async def _try(self, command: Callable[[], None]) -> None:
        self._attempt = attempt = _Attempt(is_joining=self.stands)
        try:
            command()
            await attempt.done.wait()
        finally:
            if self._attempt is attempt:
                self._attempt = None
        if attempt.error is not None:
            raise attempt.error

    def _finish_attempt(self, error: C2CError | None = None) -> None:
        # a loss right behind it is one of the connection that was made
        attempt, self._attempt = self._attempt, None
        if attempt is not None:
            attempt.finish(error)

    def _poll(self) -> list[Event]:
        try:
            return self._engine.poll_events()
        except EngineClosed as error:
            self._finish_all(error)
            return []

    def _routes(self) -> Routes:
        from c2c._c2c import Event

        return {
            Event.Connecting: self._connecting,
            Event.Connected: self._connected,
            Event.ConnectFailed: self._connect_failed,
            Event.Registered: self._was_registered,
            Event.RegistrationFailed: self._registration_failed,
            Event.Unregistered: self._unregistered,
            Event.Disconnected: self._disconnected,
            Event.Reconnecting: self._begin_reconnecting,
            Event.Reconnected: self._reconnected,
            Event.Warning: self._warning,
            Event.Log: self._log,
            Event.EngineFailed: self._engine_failed,
            Event.Closed: self._was_closed,
        }

    def _connecting(self, _: Event.Connecting) -> None:
        self._bus.emit(events.Connecting())

    def _connected(self, _: Event.Connected) -> None:
        self._open = True
        self._bus.emit(events.Connected())
        if not self._needs_registration:
            self._finish_connecting()

    def _was_registered(self, _: Event.Registered) -> None:
        self._registered = True
        self._bus.emit(events.Registered())
        self._finish_connecting()

    def _finish_connecting(self) -> None:
        if not self.is_reconnecting:
            self._was_ready = True
            self._finish_attempt()

    def _connect_failed(self, event: Event.ConnectFailed) -> None:
        text = f"{event.step}: {event.cause}"
        error = ConnectFailed(text, cause=event.cause, hint=_connect_hint(event))
        logger.info("WebSocket: %s", text)
        self._last_failure = error
        self._bus.emit(events.Disconnected(None, event.cause))
        if event.is_final:
            if self.is_reconnecting:
                self._bus.emit(events.Error(error))
            self._give_up(error)

    def _registration_failed(self, event: Event.RegistrationFailed) -> None:
        self._registered = False
        error = _rejection(event)
        response = None if event.status is None else events.RegistrationResponse(event.status, event.reason or "")
        self._bus.emit(events.RegistrationFailed(event.cause, response))
        self._bus.emit(events.Error(error))
        if not self.is_reconnecting:
            self._finish_attempt(error)
            return
        if self._open:
            self._stopped = trio.Event()  # the engine closes it
        self._give_up(error)

    def _give_up(self, error: C2CError) -> None:
        self.is_initialised = self.is_reconnecting = False
        self._last_failure = error
        self._finish_attempt(error)

    def _unregistered(self, _: Event.Unregistered) -> None:
        self._registered = False
        self._bus.emit(events.Unregistered())

    def _disconnected(self, event: Event.Disconnected) -> None:
        self._open = self._registered = False
        # a connection that was ready is made again, as Reconnecting is about to say
        self.is_reconnecting |= self.is_initialised and self._was_ready
        self._bus.emit(events.Disconnected(event.code, event.reason))
        error = _loss(event)
        if isinstance(error, RemoteProtocolError) and self.is_initialised and self._attempt is None:
            self._bus.emit(events.Error(error))
        if self._stopped is not None:
            self._stopped.set()
        elif not self.is_reconnecting:
            self._give_up(error)

    def _begin_reconnecting(self, event: Event.Reconnecting) -> None:
        if not self.is_initialised:
            # the loss crossed stop(), whose own end is yet to come
            self._stopped = trio.Event()
            return
        logger.warning("the connection was lost and is made again: %s", event.cause)
        self._last_failure = None
        self._bus.emit(events.Reconnecting(event.cause))

    def _reconnected(self, _: Event.Reconnected) -> None:
        logger.info("the connection is back")
        self.is_reconnecting = False
        self._bus.emit(events.Reconnected())
        self._finish_connecting()

    def _warning(self, event: Event.Warning) -> None:
        logging.getLogger(f"c2c.{event.stage}").warning("%s", event.text)
        self._bus.emit(events.Warned(event.stage, event.text))

    def _log(self, event: Event.Log) -> None:
        logging.getLogger(f"c2c.{event.target}").log(event.level, "%s", event.message)

    def _engine_failed(self, event: Event.EngineFailed) -> None:
        error = EngineFailed(f"The engine failed: {event.cause}", cause=event.cause)
        self._bus.emit(events.Error(error))
        self._finish_attempt(error)
        self._on_failure(error)

    def _was_closed(self, _: Event.Closed) -> None:
        self._finish_all(EngineClosed("The client was closed"))

    def _finish_all(self, error: C2CError) -> None:
        self._open = self._registered = self.is_initialised = self.is_reconnecting = False
        self.closed.set()
        self._finish_attempt(error)
        if self._stopped is not None:
            self._stopped.set()


class _Attempt:
    """A `connect` that has not come to its end."""

    def __init__(self, *, is_joining: bool) -> None:
        self.is_joining = is_joining  # of a connection that stands
        self.done = trio.Event()
        self.error: C2CError | None = None

    def finish(self, error: C2CError | None = None) -> None:
        if not self.done.is_set():
            self.error = error
            self.done.set()


def _drain(wake: socket.socket) -> bool:
    """Takes all bytes; whether more may come."""
    try:
        while wake.recv(4096):
            pass
    except BlockingIOError:
        return True
    return False


def _loss(event: Event.Disconnected) -> C2CError:
    cause = event.reason or "the WebSocket was closed"
    kind = RemoteProtocolError if event.code is None and cause.startswith(_BROKE) else ConnectionLost
    return kind(cause, cause=cause)


def _rejection(event: Event.RegistrationFailed) -> RegistrationRejected:
    hint = _REGISTER_HINTS.get(event.status or event.cause)
    return RegistrationRejected(
        f"Registration failed: {event.cause}", sip_status=event.status, cause=event.cause, hint=hint
    )


def _connect_hint(event: Event.ConnectFailed) -> str | None:
    if event.cause.startswith("proxy "):
        return PROXY_HINT
    if event.cause.endswith("a private network"):
        return "allow it with block_private_addresses=False"
    return _CONNECT_HINTS.get(event.step)


_BROKE = "the far side broke the WebSocket protocol"  # the engine's words
_CONNECT_HINTS = {
    "resolve": "check the host name in the endpoint's wsUri and this machine's DNS",
    "connect": "check that the host and port of the endpoint's wsUri can be reached, also through firewalls",
    "tls": "give the server's CA with tls=TLSConfig(ca_file=...) or SSL_CERT_FILE, and check the name in it",
    "upgrade": "check that the endpoint's wsUri is that of a SIP over WebSocket server (subprotocol sip)",
}
_REGISTER_HINTS: dict[int | str, str] = {
    "Request Timeout": "the SIP server did not answer REGISTER: check its state",
    "Connection Error": "the SIP server closed the connection while REGISTER was under way: check its state and logs",
    404: "the SIP server does not know the realm or user: check the endpoint's configuration",
    503: "the SIP server is not available: try again later",
}
