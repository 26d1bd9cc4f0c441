"""An open client: its managers, and what several of them have to do together."""

from __future__ import annotations

from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import trio

from c2c import events
from c2c._audio_manager import AudioManager
from c2c._client_state import EndCause
from c2c._config_manager import ConfigManager, call_target
from c2c._errors import C2CError, ClientDestroyed, ConfigError, ConnectFailed, ConnectTimeout, NotConnected, WrongState
from c2c._ice_servers import ice_settings
from c2c._route import Routing
from c2c._session_manager import SessionManager
from c2c._shared import SharedOperation
from c2c._sip_manager import Obstacle, SipManager
from c2c._tls import Trust
from c2c._user_id import check_user_id, warn_of_personal_data

if TYPE_CHECKING:
    from collections.abc import Iterator

    from c2c._c2c import Engine, Event, SipSettings
    from c2c._call import Call
    from c2c._client_config import WebRTCClientConfig
    from c2c._client_state import StateKeeper
    from c2c._config import EndpointConfig
    from c2c._config_manager import CallTarget, SipAccount
    from c2c._event_bus import EventBus
    from c2c._lifetime import Lifetime
    from c2c._sip_manager import Routes

HANDLER_LIMIT = 2  # seconds for asynchronous handlers to finish when the block is left


class OpenClient:
    """What a client has while its block runs; its methods are the client's, with the texts of the SDK."""

    def __init__(self, config: WebRTCClientConfig, bus: EventBus, states: StateKeeper) -> None:
        trust = Trust(config.tls)
        self._config = config
        self._bus = bus
        self._states = states
        self._engine = open_engine(trust, config)
        routing = Routing(
            proxy=config.proxy,
            public_only=config.block_private_addresses,
            allowed_hosts=None if config.allowed_hosts is None else tuple(config.allowed_hosts),
            ip_version=config.ip_version,
        )
        self.configs = ConfigManager(config.endpoint_url, config.user_id, trust, config.config_timeout, routing)
        self._audio = AudioManager(self._engine, bus)
        self.sip = SipManager(self._engine, bus, self.fail)
        self.sessions = SessionManager(self._engine, self, self._audio, states, capture_audio=config.capture_audio)
        self._lifetime: Lifetime | None = None
        self._connecting: SharedOperation[None] | None = None
        self._joins = False  # it waits for a connection that stands, and its calls
        self._target: CallTarget | None = None
        self._last_server: str | None = None  # where the last connection was made to
        self._awaits_session = False
        self._setup: trio.CancelScope | None = None
        self._renewing = trio.CancelScope()
        self._is_destroyed = False
        self._is_closed = False

    def start(self, lifetime: Lifetime) -> None:
        self._lifetime = lifetime
        self.configs.start(lifetime.nursery)
        lifetime.start(self._pump)
        lifetime.start(self._bus.run_async_handlers)

    def fail(self, error: Exception) -> None:
        if self._lifetime is not None:
            self._lifetime.fail(error)

    async def connect(self) -> None:
        if self._is_destroyed:
            raise ClientDestroyed("Client has been destroyed")
        if self.sip.is_ready:
            await trio.lowlevel.checkpoint()
            return
        if self._connecting is None or self._connecting.is_over:
            assert self._lifetime is not None
            if self.sessions.live is None:
                self._awaits_session = True
                self._states.begin()
                self._begin_setup(self._lifetime.nursery)
            self._joins = self.sip.stands
            self._connecting = SharedOperation(
                self._rejoin if self.sip.is_reconnecting else self._connect,
                self._lifetime.nursery,
                prefix="Failed to connect: ",
                give_up=self._leave if self._joins else self._stop,
            )
        await self._connecting.wait()

    async def start_call(self) -> Call:
        if not self.sip.is_ready or self._target is None:
            hint = _RECONNECTING if self.sip.is_reconnecting else None
            raise NotConnected("Client not connected. Call connect() first.", hint=hint)
        self._awaits_session = False
        with prefixed("Failed to start call: "):
            if self.sessions.live is None:
                assert self._lifetime is not None
                self.sessions.reserve()
                self._states.begin()
                self._begin_setup(self._lifetime.nursery)
            return await self.sessions.start(self._target.user, self._target.headers)

    async def load_config(self) -> EndpointConfig:
        if self._is_destroyed:
            raise ClientDestroyed("Client has been destroyed")
        return await self.configs.load_shown()

    def set_user_id(self, user_id: str) -> None:
        if self._is_destroyed:
            raise ClientDestroyed("Client has been destroyed")
        check_user_id(user_id)
        if self._is_connecting or self.configs.is_fetching:
            raise WrongState("Cannot change userId while connecting", hint="wait for connect(), or disconnect() first")
        if self.sip.is_initialised:
            raise WrongState("Cannot change userId while connected", hint="disconnect() first")
        warn_of_personal_data(user_id, stacklevel=3)
        self.configs.user_id = user_id

    def network_changed(self) -> None:
        if not self._is_destroyed:
            self._engine.network_changed()

    async def end_call(self) -> None:
        if self.sessions.live is None and self._awaits_session:
            await self._cancel("Canceled")
            return
        with prefixed("Failed to end call: "):
            await self.sessions.end()

    async def disconnect(self) -> None:
        if self.sip.is_initialised or self._is_connecting:
            await self._cancel("Disconnected")
        else:
            await trio.lowlevel.checkpoint()

    async def destroy(self) -> None:
        """May be cancelled and called again: it carries on where it was."""
        if not self._is_destroyed:
            self._is_destroyed = True
            if self.sip.is_initialised or self._is_connecting:
                self._begin_cancel("Disconnected")
            self._audio.stop()
        await self.sip.wait_stopped()
        self.close()
        await self.sip.closed.wait()
        self.configs.shown = self._last_server = None
        self._bus.close()

    async def shut_down(self) -> None:
        """Leaves the block: destroys the client and lets asynchronous handlers finish."""
        await self.destroy()
        with trio.move_on_after(HANDLER_LIMIT):
            await self._bus.drain()

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._engine.close()

    @property
    def _is_connecting(self) -> bool:
        return self._connecting is not None and not self._connecting.is_over

    async def _pump(self) -> None:
        try:
            await self.sip.run(self._routes(), self.sessions.routes(), self._audio.routes())
        finally:
            self.sessions.abandon("Internal Error")

    def _routes(self) -> Routes:
        from c2c._c2c import Event

        return {Event.SettingsRefused: self._settings_refused}

    async def _connect(self) -> None:
        obstacle = _SILENT_ENDPOINT
        with trio.move_on_after(self._config.connect_timeout):
            if not self._joins:
                self._prepare()
            config = await self.configs.load()
            self._target = call_target(config)
            try:
                await self._register(config)
            finally:
                obstacle = self.sip.obstacle
            return
        raise self._timed_out(obstacle)

    async def _rejoin(self) -> None:
        with trio.move_on_after(self._config.connect_timeout):
            await self.sip.rejoin()
            return
        raise self._timed_out(self.sip.obstacle)

    def _timed_out(self, obstacle: Obstacle) -> ConnectTimeout:
        text = f"Operation timed out after {self._config.connect_timeout * 1000:.0f}ms"
        return ConnectTimeout(text, stage=obstacle.stage, cause=obstacle.cause, hint=obstacle.hint)

    def _prepare(self) -> None:
        """Opens a WebSocket to the last server beside the request; used if the new configuration names it again."""
        if self._last_server is not None:
            with suppress(ConfigError):  # of the environment; the request meets it, too
                self.sip.prepare(self._last_server, self.configs.route(self._last_server))

    async def _register(self, config: EndpointConfig) -> None:
        account = self.configs.account(config)
        route = self.configs.route(account.info.ws_uri)
        self._last_server = None
        await self.sip.connect(self._settings(account), route, register=account.register)
        self._last_server = account.info.ws_uri

    def _settings_refused(self, _: Event.SettingsRefused) -> None:
        assert self._lifetime is not None
        self._renewing = trio.CancelScope()
        self._lifetime.nursery.start_soon(self._renew, self._renewing)

    async def _renew(self, scope: trio.CancelScope) -> None:
        """Goes on with a fresh configuration, as the credentials of the last one may have expired."""
        with scope:
            try:
                config = await self.configs.load()
                account = self.configs.account(config)
                settings, route = self._settings(account), self.configs.route(account.info.ws_uri)
                self._target = call_target(config)
            except C2CError as error:
                self._bus.emit(events.Error(error.prefixed("Failed to reconnect: ")))
                self.sip.give_up_renewing()
            else:
                self._last_server = account.info.ws_uri
                self.sip.renew(settings, route, register=account.register)

    def _settings(self, account: SipAccount) -> SipSettings:
        from c2c._c2c import SipSettings

        return SipSettings(
            websocket_uri=account.info.ws_uri,
            user=account.user,
            realm=account.realm,
            username=account.info.username or "",
            password=account.info.password or "",
            register=account.register,
            register_expires=self._config.register_expires,
            session_expires=self._config.session_expires,
            local_address=self._config.local_address,
            ice=ice_settings(self._config.peer_connection),
            reconnect_limit=self._config.reconnect_limit,
            keep_alive=self._config.keep_alive,
            keep_alive_kind=self._config.keep_alive_kind,
            end_on_info_rejected=self._config.end_on_info_rejected,
            end_on_info_timeout=self._config.end_on_info_timeout,
            accept_incoming=self._config.accept_incoming,
            refuse_md5=self._config.refuse_md5,
        )

    async def _cancel(self, cause: str) -> None:
        self._begin_cancel(cause)
        await self.sip.wait_stopped()

    def emit(self, event: events.Event) -> None:
        """Tells an event of a call, behind the change of state that it makes."""
        if isinstance(event, events.SessionCreated):
            self._awaits_session = False
            self._end_setup()
        self._states.take(event)
        self._bus.emit(event)
        if isinstance(event, (events.Ended, events.Failed)) and self._config.disconnect_after_call:
            self._stop()

    def _begin_cancel(self, cause: str) -> None:
        self._give_up(ConnectFailed(cause, cause=cause, hint="it was given up by this program"))

    def _give_up(self, error: C2CError) -> None:
        stops_itself = self._is_connecting and not (self._joins or self.sip.is_reconnecting)
        if self._connecting is not None:
            self._connecting.abort(error)
        if not stops_itself:
            self._stop(error)

    def _stop(self, error: C2CError | None = None) -> None:
        self._audio.stop()
        self._leave(error)
        self._renewing.cancel()
        self.sip.stop()

    def _leave(self, error: C2CError | None = None) -> None:
        """Nobody waits for a connection any more; one that is being made again may still come."""
        self._awaits_session = False
        self._end_setup()
        if self.sessions.live is None:
            self._states.give_up(error)

    def _begin_setup(self, nursery: trio.Nursery) -> None:
        if self._config.call_setup_timeout is not None and self._setup is None:
            self._setup = trio.CancelScope()
            nursery.start_soon(self._limit_setup, self._setup, self._config.call_setup_timeout)

    def _end_setup(self) -> None:
        if self._setup is not None:
            self._setup.cancel()
            self._setup = None

    async def _limit_setup(self, scope: trio.CancelScope, limit: float) -> None:
        with scope:
            await trio.sleep(limit)
            self._setup = None
            hint = f"call start_call() within {limit:g} s of connect(), or raise call_setup_timeout"
            self._give_up(ConnectTimeout("Call setup timeout", cause=EndCause.SETUP_TIMEOUT, hint=hint))


def open_engine(trust: Trust, config: WebRTCClientConfig) -> Engine:
    """Returns a new engine: the client's half of the border."""
    from c2c._c2c import Engine

    return Engine(tls=trust.settings(), ip_version=config.ip_version, port_range=config.port_range)


@contextmanager
def prefixed(prefix: str) -> Iterator[None]:
    """Puts `prefix` before the text of what is raised inside."""
    try:
        yield
    except C2CError as error:
        raise error.prefixed(prefix) from error.__cause__


_RECONNECTING = "the connection was lost and is being made again: connect() waits for it"
_SILENT_ENDPOINT = Obstacle(
    "config", "the endpoint did not answer in time", "check that the endpoint URL opens from this machine"
)
