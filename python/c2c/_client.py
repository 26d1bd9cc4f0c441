"""The client: the SDK's methods, with the SDK's rules about when they may be called."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, NoReturn, Self

import trio

from c2c._client_config import WebRTCClientConfig
from c2c._client_state import StateKeeper
from c2c._dtmf import Tones
from c2c._endpoint_url import redacted
from c2c._errors import ClientDestroyed, ClientNotOpen, ConnectFailed, UnsupportedPlatform, WrongState
from c2c._event_bus import EventBus, EventStream, Handler
from c2c._lifetime import Lifetime, open_lifetime
from c2c._open_client import OpenClient, prefixed
from c2c._support import TRUST_ROOTS, check_webrtc_support
from c2c.events import StateChanged

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractAsyncContextManager
    from types import TracebackType

    from c2c import events
    from c2c._call import Call
    from c2c._client_state import ClientState
    from c2c._config import EndpointConfig
    from c2c._dtmf import DtmfTransport
    from c2c._ice_servers import PcConfig
    from c2c._session import CallSession
    from c2c._tls import TLSConfig


def create_webrtc_client(
    endpoint_url: str = "",
    *,
    user_id: str | None = None,
    capture_audio: bool = False,
    pc_config: PcConfig | None = None,
    tls: TLSConfig | None = None,
    on_handler_error: Literal["event", "raise"] = "event",
    config_timeout: float = 10.0,
    connect_timeout: float = 15.0,
    register_expires: int = 600,
    session_expires: int = 90,
    local_address: str | None = None,
    proxy: str | None = None,
    allowed_hosts: Sequence[str] | None = None,
    block_private_addresses: bool = False,
    call_setup_timeout: float | None = None,
    disconnect_after_call: bool = False,
    ip_version: Literal[4, 6] | None = None,
    port_range: tuple[int, int] | None = None,
    reconnect_limit: float = 60.0,
    keep_alive: float = 7.0,
    keep_alive_kind: Literal["ping", "crlf"] = "ping",
    end_on_info_rejected: bool = False,
    end_on_info_timeout: bool = False,
    accept_incoming: bool = False,
    refuse_md5: bool = False,
) -> WebRTCClient:
    """Returns a client to be used with `async with`; touches no network.

    Raises `ConfigError` without an endpoint URL, `TypeError` or `ValueError` naming a bad option and
    `UnsupportedPlatform`. A URL that is malformed, or not https, fails in `connect()`. Times are in seconds.
    `reconnect_limit` is how long a call waits for a lost connection to come back, `keep_alive` how long the connection
    may be silent before it is asked for life (0: never). `accept_incoming` lets calls to us ring. `refuse_md5` answers
    no MD5 challenge (RFC 8760); stronger ones go first anyway.
    """
    config = WebRTCClientConfig(
        endpoint_url=endpoint_url,
        user_id=user_id,
        capture_audio=capture_audio,
        pc_config=pc_config,
        tls=tls,
        on_handler_error=on_handler_error,
        config_timeout=config_timeout,
        connect_timeout=connect_timeout,
        register_expires=register_expires,
        session_expires=session_expires,
        local_address=local_address,
        proxy=proxy,
        allowed_hosts=allowed_hosts,
        block_private_addresses=block_private_addresses,
        call_setup_timeout=call_setup_timeout,
        disconnect_after_call=disconnect_after_call,
        ip_version=ip_version,
        port_range=port_range,
        reconnect_limit=reconnect_limit,
        keep_alive=keep_alive,
        keep_alive_kind=keep_alive_kind,
        end_on_info_rejected=end_on_info_rejected,
        end_on_info_timeout=end_on_info_timeout,
        accept_incoming=accept_incoming,
        refuse_md5=refuse_md5,
    )
    return WebRTCClient(config)


class WebRTCClient:
    """One user of one endpoint: connects, calls, and tells what happens. At most one call is live.

    All methods but `on`, `off`, `get_state` and `subscribe` raise `ClientNotOpen` outside of the `async with` block.
    Leaving it hangs up and disconnects.
    """

    def __init__(self, config: WebRTCClientConfig) -> None:
        if not isinstance(config, WebRTCClientConfig):
            raise TypeError(f"config: must be WebRTCClientConfig, not {type(config).__name__}")
        _check_support(config)
        self._config = config
        self._bus = EventBus(self._fail, raise_handler_errors=config.on_handler_error == "raise")
        self._states = StateKeeper(self._bus)
        self._context: AbstractAsyncContextManager[Lifetime] | None = None
        self._open: OpenClient | None = None
        self._is_left = False

    def __repr__(self) -> str:
        """Shows no secret."""
        state = "open" if self._open else "left" if self._is_left else "not open"
        return f"<WebRTCClient {redacted(self._config.endpoint_url)} {state}>"

    def __reduce__(self) -> NoReturn:
        """Refuses to be pickled or copied: it holds secrets and an engine."""
        raise TypeError("cannot pickle a WebRTCClient")

    async def __aenter__(self) -> Self:
        """Starts the engine; touches no network."""
        if not trio.lowlevel.in_trio_run():
            raise WrongState(_NO_TRIO, hint="run it with trio.run(main), or under asyncio in trio's guest mode")
        if self._is_left:
            raise ClientDestroyed("Client has been destroyed")
        if self._context is not None:
            raise WrongState("The client is open already")
        opened = OpenClient(self._config, self._bus, self._states)
        self._context = open_lifetime(opened.shut_down)
        opened.start(await self._context.__aenter__())
        self._open = opened
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        """Hangs up, disconnects and waits for it, 2 s at most when cancelled; one exception leaves, never a group."""
        assert self._context is not None
        try:
            return await self._context.__aexit__(exc_type, exc, traceback)
        finally:
            if self._open is not None:
                self._open.close()
            self._open, self._is_left = None, True

    def on(self, event: str | type[events.Event], handler: Handler) -> Self:
        """Calls `handler`, sync or async, with the event's positional payload, each time the event happens.

        `event` is the SDK's name or a class of `c2c.events`. A handler added twice is called twice.
        """
        self._bus.on(event, handler)
        return self

    def off(self, event: str | type[events.Event], handler: Handler) -> Self:
        """Takes back the `on` of this handler that came last, if there was one."""
        self._bus.off(event, handler)
        return self

    def get_state(self) -> ClientState:
        """Returns the client's state now, as a snapshot that never changes; also outside of the block."""
        return self._states.current

    def subscribe(self, listener: Handler) -> Callable[[], None]:
        """Calls `listener` with the new state after each change; returns what ends that."""
        if not callable(listener):
            raise TypeError(f"listener: must be callable, not {type(listener).__name__}")
        self._bus.on(StateChanged, listener)
        taken_back = False

        def unsubscribe() -> None:
            nonlocal taken_back
            if not taken_back:
                taken_back = True
                self._bus.off(StateChanged, listener)

        return unsubscribe

    def events(self) -> EventStream:
        """Returns an iterator over all events but `stateChanged` from now on, as objects of `c2c.events`."""
        self._opened()
        return self._bus.stream()

    async def connect(self) -> None:
        """Fetches the configuration, opens the WebSocket and registers; at once if that was done before.

        While a lost connection is being made again it waits for that one, without the rest of the pause.
        Raises `ConfigError`, `SignalingError` and their kinds, behind `Failed to connect: `, and `ClientDestroyed`.
        """
        await self._opened().connect()

    async def connect_and_call(self) -> Call:
        """`connect()`, then `start_call()`; hangs up when cancelled."""
        opened = self._opened()
        await opened.connect()
        if opened.sip.is_reconnecting:
            await opened.connect()  # it was lost again at once
        if not opened.sip.is_ready:
            raise ConnectFailed("Failed to connect: Canceled", cause="Canceled")
        return await opened.start_call()

    async def load_config(self) -> EndpointConfig:
        """Fetches the configuration and keeps it, or returns the kept one; secrets are left out.

        Raises `ConfigError` and its kinds, behind `Configuration fetch failed: `. What a call needs is checked by
        `connect()`, which fetches anew.
        """
        return await self._opened().load_config()

    def get_config(self) -> EndpointConfig | None:
        """Returns the configuration that was fetched last, without its secrets; `None` before the first."""
        return self._opened().configs.shown

    def set_user_id(self, user_id: str) -> None:
        """Changes the user of the next connection; `WrongState` while connecting or connected.

        It is an identification only: no personal data, no passwords, no tokens.
        """
        self._opened().set_user_id(user_id)

    async def start_call(self) -> Call:
        """Makes a call and returns it; the INVITE follows by itself. Returns the live call if there is one.

        Raises `NotConnected` before `connect()`, `CallError` when no INVITE can be made.
        """
        return await self._opened().start_call()

    async def end_call(self) -> None:
        """Hangs up, or gives up connecting before a call exists; `NoActiveCall` if there is nothing to end."""
        await self._opened().end_call()

    async def send_info(self, text: str = "", data: Mapping[str, Any] | None = None) -> None:
        """Sends text and data as INFO; returns when it has left. `NoActiveCall` without an answered call."""
        opened = self._opened()
        with prefixed("Failed to send info: "):
            await opened.sessions.send_info(text, {} if data is None else data)

    async def send_dtmf(
        self,
        tones: str,
        *,
        duration: float | None = None,
        inter_tone_gap: float | None = None,
        transport_type: DtmfTransport = "INFO",
    ) -> None:
        """Sends tones (`0-9`, `A-D`, `#`, `*`, `R` by INFO only, `,` for 2 s of pause); returns when handed over.

        Each lasts `duration` seconds (0.1; 0.07 to 6 are kept to), with `inter_tone_gap` (0.5; 0.05 at least) between
        them, as SIP INFO or, with `RFC2833`, as telephone-events in RTP. `NoActiveCall` without an answered call,
        `CallError` for tones that are none or cannot be sent.
        """
        opened = self._opened()
        checked = Tones(tones=tones, duration=duration, inter_tone_gap=inter_tone_gap, transport_type=transport_type)
        await opened.sessions.send_dtmf(checked)

    async def mute(self) -> None:
        """Sends silence from now on; `NoActiveCall` without an answered call."""
        opened = self._opened()
        with prefixed("Failed to mute call: "):
            await opened.sessions.set_muted(muted=True)

    async def unmute(self) -> None:
        """Sends sound again; does nothing without an answered call."""
        opened = self._opened()
        if opened.sessions.active is None:
            await trio.lowlevel.checkpoint()
            return
        with prefixed("Failed to unmute call: "):
            await opened.sessions.set_muted(muted=False)

    async def disconnect(self) -> None:
        """Hangs up, un-registers and closes the connection; gives up connecting; does nothing without either."""
        opened = self._opened()
        with prefixed("Failed to disconnect: "):
            await opened.disconnect()

    async def destroy(self) -> None:
        """`disconnect()`, then frees everything and removes all handlers. May be called again, and by a handler."""
        if self._open is None and self._is_left:
            return
        opened = self._opened()
        with prefixed("Failed to destroy client: "):
            await opened.destroy()

    async def aclose(self) -> None:
        """The same as `destroy()`."""
        await self.destroy()

    def network_changed(self) -> None:
        """Has the machine's addresses looked at now: for services that know of a change before it is noticed.

        A call whose address is gone, or for which there is a better one, moves there (ICE restart); one whose address
        is still the best is left alone. Without it a change is noticed within 2 s, or when sending fails.
        """
        self._opened().network_changed()

    def is_connected(self) -> bool:
        """Whether calls can be made: connected, and registered if the endpoint needs that."""
        return self._opened().sip.is_ready

    def get_current_session(self) -> CallSession | None:
        """Returns a snapshot of the answered call; `None` while there is none, also while one rings."""
        record = self._opened().sessions.active
        return None if record is None else record.snapshot()

    def _opened(self) -> OpenClient:
        if self._open is None:
            raise ClientNotOpen("The client is not open")
        return self._open

    def _fail(self, error: Exception) -> None:
        if self._open is not None:
            self._open.fail(error)


def _check_support(config: WebRTCClientConfig) -> None:
    has_own_roots = config.tls is not None and (config.tls.ca_file is not None or config.tls.ca_pem is not None)
    missing = [name for name in check_webrtc_support().missing if not (name == TRUST_ROOTS and has_own_roots)]
    if missing:
        cause = f"missing: {', '.join(missing)}"
        raise UnsupportedPlatform(
            "WebRTC is not supported in this environment", cause=cause, hint=f"{cause}; see check_webrtc_support()"
        )


_NO_TRIO = "c2c runs under Trio, and no Trio run is going on"
