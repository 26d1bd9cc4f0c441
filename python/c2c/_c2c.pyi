"""The border: everything that crosses between Python and Rust. No member blocks; all are safe from any thread."""

from typing import Final, final

from typing_extensions import Buffer, disjoint_base

VERSION: Final[str]

@final
class SipSettings:
    """What the server and the user are; `repr` shows no secret."""

    def __new__(
        cls,
        *,
        websocket_uri: str,
        user: str,
        realm: str,
        username: str = "",
        password: str = "",
        register: bool = True,
        user_agent: str = ...,
        register_expires: int = 600,
        session_expires: int = 90,
        local_address: str | None = None,
        ice: IceSettings | None = None,
        reconnect_limit: float = 60.0,  # seconds that calls wait for a lost connection to come back
        keep_alive: float = 7.0,  # seconds of silence; 0 = off
        keep_alive_kind: str = "ping",  # or crlf
        end_on_info_rejected: bool = False,  # by 408 or 481
        end_on_info_timeout: bool = False,
        accept_incoming: bool = False,  # 403 to calls otherwise
        refuse_md5: bool = False,
    ) -> SipSettings: ...
    @property
    def user(self) -> str: ...  # not for logs

@final
class IceSettings:
    """STUN and TURN servers, each (urls, username, credential), and `all` or `relay`; `repr` shows no secret.

    `ValueError` that begins with the element in the browser's spelling, `iceServers[0].urls[1]: ...`.
    """

    def __new__(
        cls, *, servers: list[tuple[list[str], str | None, str | None]], policy: str = "all"
    ) -> IceSettings: ...

@final
class TlsSettings:
    """Roots (PEM bytes replace the platform's) and an optional client certificate and key (PEM)."""

    def __new__(
        cls, *, ca_pem: bytes | None = None, client_cert_pem: bytes | None = None, client_key_pem: bytes | None = None
    ) -> TlsSettings: ...

@final
class ProxySettings:
    """An HTTP proxy; `authorization` is the value of `Proxy-Authorization`. `repr` shows no secret."""

    def __new__(cls, *, host: str, port: int, authorization: str | None = None) -> ProxySettings: ...

@final
class CallState:
    call: int
    status: str  # init ringing answered ended failed
    incoming: bool
    start_time: float  # seconds since the epoch
    answer_time: float | None
    muted: bool
    local_hold: bool
    remote_hold: bool
    def __new__(
        cls,
        call: int,
        status: str,
        incoming: bool,
        start_time: float,
        answer_time: float | None,
        muted: bool,
        local_hold: bool,
        remote_hold: bool,
    ) -> CallState: ...

@final
class CallEnd:
    originator: str  # local remote system
    cause: str
    description: str | None
    sip_status: int | None
    stage: str | None  # websocket register invite ice dtls media
    hint: str
    def __new__(
        cls,
        originator: str,
        cause: str,
        description: str | None,
        sip_status: int | None,
        stage: str | None,
        hint: str,
    ) -> CallEnd: ...

@final
class CallStats:
    """Seconds, dBFS and counts of one call; attributes as in `c2c_proto::media::stats::CallStats`."""

    invite_sent: float | None
    ringing: float | None
    answered: float | None
    ice_connected: float | None
    dtls_connected: float | None
    first_packet_out: float | None
    first_packet_in: float | None
    codec: str
    srtp_profile: str
    packets_sent: int
    bytes_sent: int
    packets_received: int
    bytes_received: int
    packets_lost: int
    packets_discarded: int
    packets_rejected: int
    jitter: float
    round_trip: float | None
    remote_loss: float | None
    frames_played: int
    frames_concealed: int
    jitter_buffer_delay: float
    frames_late: int
    ticks: int
    ticks_late: int
    ice_restarts: int  # how often the call moved to another path
    level_out: float
    level_in: float
    seconds_heard: float
    mean_level_in: float
    def __new__(
        cls,
        invite_sent: float | None,
        ringing: float | None,
        answered: float | None,
        ice_connected: float | None,
        dtls_connected: float | None,
        first_packet_out: float | None,
        first_packet_in: float | None,
        codec: str,
        srtp_profile: str,
        packets_sent: int,
        bytes_sent: int,
        packets_received: int,
        bytes_received: int,
        packets_lost: int,
        packets_discarded: int,
        packets_rejected: int,
        jitter: float,
        round_trip: float | None,
        remote_loss: float | None,
        frames_played: int,
        frames_concealed: int,
        jitter_buffer_delay: float,
        frames_late: int,
        ticks: int,
        ticks_late: int,
        ice_restarts: int,
        level_out: float,
        level_in: float,
        seconds_heard: float,
        mean_level_in: float,
    ) -> CallStats: ...

@disjoint_base
class Event:
    """One of its nested classes; `match` on them."""

    @final
    class Connecting(Event):
        __match_args__ = ()
        def __new__(cls) -> Event.Connecting: ...

    @final
    class Connected(Event):
        __match_args__ = ()
        def __new__(cls) -> Event.Connected: ...

    @final
    class ConnectFailed(Event):
        step: str  # resolve connect tls upgrade
        cause: str
        http_status: int | None
        is_final: bool
        __match_args__ = ("step", "cause", "http_status", "is_final")
        def __new__(cls, step: str, cause: str, http_status: int | None, is_final: bool) -> Event.ConnectFailed: ...

    @final
    class Registered(Event):
        __match_args__ = ()
        def __new__(cls) -> Event.Registered: ...

    @final
    class RegistrationFailed(Event):
        cause: str
        status: int | None
        reason: str | None
        __match_args__ = ("cause", "status", "reason")
        def __new__(cls, cause: str, status: int | None, reason: str | None) -> Event.RegistrationFailed: ...

    @final
    class Unregistered(Event):
        __match_args__ = ()
        def __new__(cls) -> Event.Unregistered: ...

    @final
    class Disconnected(Event):
        code: int | None
        reason: str | None
        __match_args__ = ("code", "reason")
        def __new__(cls, code: int | None, reason: str | None) -> Event.Disconnected: ...

    @final
    class Reconnecting(Event):
        """The connection was lost and is opened again; once for each loss."""

        cause: str
        __match_args__ = ("cause",)
        def __new__(cls, cause: str) -> Event.Reconnecting: ...

    @final
    class Reconnected(Event):
        """The connection is back, and registered again where that is needed."""

        __match_args__ = ()
        def __new__(cls) -> Event.Reconnected: ...

    @final
    class SettingsRefused(Event):
        """The server refused the credentials: `renew` is awaited; once until it takes newer ones."""

        cause: str
        status: int | None  # SIP, or HTTP of the WebSocket's upgrade
        reason: str | None
        __match_args__ = ("cause", "status", "reason")
        def __new__(cls, cause: str, status: int | None, reason: str | None) -> Event.SettingsRefused: ...

    @final
    class CallCreated(Event):
        state: CallState
        __match_args__ = ("state",)
        def __new__(cls, state: CallState) -> Event.CallCreated: ...

    @final
    class Ringing(Event):
        state: CallState
        __match_args__ = ("state",)
        def __new__(cls, state: CallState) -> Event.Ringing: ...

    @final
    class TrackAdded(Event):
        call: int
        __match_args__ = ("call",)
        def __new__(cls, call: int) -> Event.TrackAdded: ...

    @final
    class Answered(Event):
        state: CallState
        __match_args__ = ("state",)
        def __new__(cls, state: CallState) -> Event.Answered: ...

    @final
    class MediaConnected(Event):
        call: int
        __match_args__ = ("call",)
        def __new__(cls, call: int) -> Event.MediaConnected: ...

    @final
    class Muted(Event):
        state: CallState
        __match_args__ = ("state",)
        def __new__(cls, state: CallState) -> Event.Muted: ...

    @final
    class Unmuted(Event):
        state: CallState
        __match_args__ = ("state",)
        def __new__(cls, state: CallState) -> Event.Unmuted: ...

    @final
    class HoldChanged(Event):
        state: CallState
        __match_args__ = ("state",)
        def __new__(cls, state: CallState) -> Event.HoldChanged: ...

    @final
    class InfoSent(Event):
        call: int
        request: int
        __match_args__ = ("call", "request")
        def __new__(cls, call: int, request: int) -> Event.InfoSent: ...

    @final
    class InfoFailed(Event):
        call: int
        request: int
        status: int | None
        cause: str
        __match_args__ = ("call", "request", "status", "cause")
        def __new__(cls, call: int, request: int, status: int | None, cause: str) -> Event.InfoFailed: ...

    @final
    class InfoReceived(Event):
        call: int
        content_type: str
        body: bytes
        __match_args__ = ("call", "content_type", "body")
        def __new__(cls, call: int, content_type: str, body: bytes) -> Event.InfoReceived: ...

    @final
    class DtmfSent(Event):
        call: int
        request: int
        __match_args__ = ("call", "request")
        def __new__(cls, call: int, request: int) -> Event.DtmfSent: ...

    @final
    class DtmfFailed(Event):
        call: int
        request: int
        cause: str
        __match_args__ = ("call", "request", "cause")
        def __new__(cls, call: int, request: int, cause: str) -> Event.DtmfFailed: ...

    @final
    class DtmfReceived(Event):
        call: int
        tone: str
        duration: float | None
        transport: str
        __match_args__ = ("call", "tone", "duration", "transport")
        def __new__(cls, call: int, tone: str, duration: float | None, transport: str) -> Event.DtmfReceived: ...

    @final
    class PlayEnded(Event):
        call: int
        play: int
        completed: bool
        __match_args__ = ("call", "play", "completed")
        def __new__(cls, call: int, play: int, completed: bool) -> Event.PlayEnded: ...

    @final
    class Ended(Event):
        state: CallState
        end: CallEnd
        stats: CallStats
        __match_args__ = ("state", "end", "stats")
        def __new__(cls, state: CallState, end: CallEnd, stats: CallStats) -> Event.Ended: ...

    @final
    class Failed(Event):
        state: CallState
        end: CallEnd
        stats: CallStats
        __match_args__ = ("state", "end", "stats")
        def __new__(cls, state: CallState, end: CallEnd, stats: CallStats) -> Event.Failed: ...

    @final
    class Warning(Event):
        stage: str
        text: str
        __match_args__ = ("stage", "text")
        def __new__(cls, stage: str, text: str) -> Event.Warning: ...

    @final
    class RingReady(Event):
        """A reader's ring has a frame, or a writer's ring has room (or either has ended)."""

        ring: int
        __match_args__ = ("ring",)
        def __new__(cls, ring: int) -> Event.RingReady: ...

    @final
    class Log(Event):
        level: int  # of the logging module
        target: str
        message: str
        __match_args__ = ("level", "target", "message")
        def __new__(cls, level: int, target: str, message: str) -> Event.Log: ...

    @final
    class EngineFailed(Event):
        """A panic or a full queue ended this client; always followed by Closed."""

        cause: str
        __match_args__ = ("cause",)
        def __new__(cls, cause: str) -> Event.EngineFailed: ...

    @final
    class Closed(Event):
        """The last event."""

        __match_args__ = ()
        def __new__(cls) -> Event.Closed: ...

@final
class Clip:
    """A sound in memory; `from_wav` raises ValueError for what is no WAV it can read (mixes down to mono)."""

    def __new__(cls, samples: Buffer, rate: int) -> Clip: ...  # signed 16-bit mono
    @staticmethod
    def from_wav(data: bytes) -> Clip: ...
    @property
    def rate(self) -> int: ...
    @property
    def duration(self) -> float: ...  # seconds

@final
class AudioFrame(Buffer):
    """20 ms of signed 16-bit mono; the buffer protocol gives its samples (format 'h', read-only) without a copy."""

    def __new__(cls, samples: Buffer, rate: int, position: int) -> AudioFrame: ...
    @property
    def rate(self) -> int: ...
    @property
    def samples(self) -> int: ...
    @property
    def position(self) -> int: ...  # samples since the answer
    def __len__(self) -> int: ...
    def __buffer__(self, flags: int, /) -> memoryview: ...

@final
class AudioReader:
    @property
    def ring(self) -> int: ...
    @property
    def rate(self) -> int: ...
    @property
    def dropped(self) -> int: ...  # frames lost because Python was late
    @property
    def ended(self) -> bool: ...  # no frame will follow those that take() still gives
    def take(self) -> AudioFrame | None: ...
    def close(self) -> None: ...

@final
class AudioWriter:
    @property
    def ring(self) -> int: ...
    @property
    def rate(self) -> int: ...
    @property
    def late(self) -> int: ...  # frames of silence sent because Python was late
    @property
    def ended(self) -> bool: ...
    def write(self, samples: Buffer, offset: int = 0) -> int: ...  # samples taken, from sample `offset` on; 0 = full
    def close(self) -> None: ...  # what was written still goes out

@final
class Engine:
    """One client's half of the border.

    Raises EngineClosed, EngineFailed or UsedAfterFork of c2c's error tree, or ValueError.
    """

    def __new__(
        cls,
        *,
        tls: TlsSettings | None = None,
        ip_version: int | None = None,  # 4 or 6: of all connections and sockets
        port_range: tuple[int, int] | None = None,  # first and last UDP port of calls
    ) -> Engine: ...
    def take_wake_fd(self) -> int: ...  # once; the caller owns and closes it
    def poll_events(self) -> list[Event]: ...
    def connect(
        self, settings: SipSettings, *, proxy: ProxySettings | None = None, public_only: bool = False
    ) -> None: ...  # public_only: refuses addresses of this machine and of private networks
    # opens a WebSocket ahead of `connect`, which uses it if URI, proxy and rule are the same; it is closed unused, and
    # nothing is told, after 15 s, by another `prepare` or `connect`, by `discard_prepared` and `close`
    def prepare(self, websocket_uri: str, *, proxy: ProxySettings | None = None, public_only: bool = False) -> None: ...
    def discard_prepared(self) -> None: ...
    def disconnect(self) -> None: ...
    # answers SettingsRefused; the way is the new server's; None gives up
    def renew(
        self, settings: SipSettings | None, *, proxy: ProxySettings | None = None, public_only: bool = False
    ) -> None: ...
    def retry(self) -> None: ...  # skips the rest of the back-off while reconnecting
    def network_changed(self) -> None: ...  # looks at the addresses now; calls move if theirs is gone
    def start_call(self, call: int, target: str, headers: list[tuple[str, str]]) -> None: ...
    def answer_call(self, call: int) -> None: ...
    def reject_call(self, call: int, status: int, reason: str) -> None: ...
    def end_call(self, call: int, status: int | None = None, text: str = "") -> None: ...
    def send_info(self, call: int, request: int, content_type: str, body: bytes) -> None: ...
    def send_dtmf(
        self, call: int, request: int, tones: str, transport: str, duration: float | None, inter_tone_gap: float | None
    ) -> None: ...
    def set_muted(self, call: int, muted: bool) -> None: ...
    def play(self, call: int, play: int, clip: Clip) -> None: ...
    def stop_playing(self, call: int, play: int) -> None: ...
    def open_reader(self, call: int, rate: int, both_sides: bool = False) -> AudioReader: ...  # stereo: near, far
    def open_writer(self, call: int, rate: int) -> AudioWriter: ...
    def stats(self, call: int) -> CallStats | None: ...
    def close(self) -> None: ...

@final
class GatewayStep:
    """One step of an agent's script; seconds are from 0 to a day."""

    @staticmethod
    def ring(seconds: float) -> GatewayStep: ...
    @staticmethod
    def progress(seconds: float, clip: Clip | None) -> GatewayStep: ...
    @staticmethod
    def reject(status: int, reason: str) -> GatewayStep: ...
    @staticmethod
    def answer() -> GatewayStep: ...
    @staticmethod
    def play(clip: Clip, background: bool) -> GatewayStep: ...
    @staticmethod
    def wait(seconds: float) -> GatewayStep: ...
    @staticmethod
    def listen(at_most: float, silence: float | None) -> GatewayStep: ...
    @staticmethod
    def echo(seconds: float) -> GatewayStep: ...
    @staticmethod
    def send_info(content_type: str, body: bytes) -> GatewayStep: ...
    @staticmethod
    def await_info(at_most: float) -> GatewayStep: ...
    @staticmethod
    def hold() -> GatewayStep: ...
    @staticmethod
    def resume() -> GatewayStep: ...
    @staticmethod
    def change_codecs(codecs: list[str]) -> GatewayStep: ...
    @staticmethod
    def send_dtmf(tones: str, duration: float | None, inter_tone_gap: float | None) -> GatewayStep: ...
    @staticmethod
    def refresh() -> GatewayStep: ...
    @staticmethod
    def hang_up(cause: int | None, text: str, protocol: str) -> GatewayStep: ...

@final
class GatewayMisbehaviour:
    """One thing that the gateway does wrong."""

    @staticmethod
    def plain(name: str) -> GatewayMisbehaviour: ...
    @staticmethod
    def refuse_upgrade(status: int) -> GatewayMisbehaviour: ...
    @staticmethod
    def reject_register(status: int, reason: str) -> GatewayMisbehaviour: ...
    @staticmethod
    def interval_too_brief(min_expires: int) -> GatewayMisbehaviour: ...
    @staticmethod
    def bad_answer(kind: str) -> GatewayMisbehaviour: ...
    @staticmethod
    def reject_info(status: int) -> GatewayMisbehaviour: ...
    @staticmethod
    def drop_websocket(at: str) -> GatewayMisbehaviour: ...
    @staticmethod
    def media_loss(share: float) -> GatewayMisbehaviour: ...
    @staticmethod
    def media_jitter(seconds: float) -> GatewayMisbehaviour: ...

@final
class GatewaySettings:
    """Everything a gateway is told before it starts; `repr` shows no secret. Raises ValueError."""

    def __new__(
        cls,
        *,
        realm: str,
        users: list[tuple[str, str]],  # name and password; none: nobody is challenged
        steps: list[GatewayStep],
        misbehaviours: list[GatewayMisbehaviour],
        codecs: list[str],
        algorithms: list[str],
        qop: bool,
        wrong_credentials_status: int,
        challenge_as_proxy: bool,
        nonce_lifetime: float,
        register_expires: int,
        session_expires: int,
        refreshed_by_gateway: bool,
        hearing_rate: int,
        hearing_seconds: float,
    ) -> GatewaySettings: ...

@disjoint_base
class GatewayEvent:
    """One of its nested classes; `match` on them. Connections and calls are told apart by number."""

    @final
    class Opened(GatewayEvent):
        connection: int
        remote: str
        __match_args__ = ("connection", "remote")
        def __new__(cls, connection: int, remote: str) -> GatewayEvent.Opened: ...

    @final
    class Disconnected(GatewayEvent):
        connection: int
        code: int | None
        __match_args__ = ("connection", "code")
        def __new__(cls, connection: int, code: int | None) -> GatewayEvent.Disconnected: ...

    @final
    class Registered(GatewayEvent):
        connection: int
        aor: str
        expires: int  # 0: taken back or expired
        __match_args__ = ("connection", "aor", "expires")
        def __new__(cls, connection: int, aor: str, expires: int) -> GatewayEvent.Registered: ...

    @final
    class Refused(GatewayEvent):
        connection: int
        method: str
        status: int
        __match_args__ = ("connection", "method", "status")
        def __new__(cls, connection: int, method: str, status: int) -> GatewayEvent.Refused: ...

    @final
    class CallStarted(GatewayEvent):
        call: int
        target: str
        caller: str
        headers: list[tuple[str, str]]
        __match_args__ = ("call", "target", "caller", "headers")
        def __new__(
            cls, call: int, target: str, caller: str, headers: list[tuple[str, str]]
        ) -> GatewayEvent.CallStarted: ...

    @final
    class CallAnswered(GatewayEvent):
        call: int
        __match_args__ = ("call",)
        def __new__(cls, call: int) -> GatewayEvent.CallAnswered: ...

    @final
    class MediaConnected(GatewayEvent):
        call: int
        __match_args__ = ("call",)
        def __new__(cls, call: int) -> GatewayEvent.MediaConnected: ...

    @final
    class InfoReceived(GatewayEvent):
        call: int
        content_type: str
        body: bytes
        __match_args__ = ("call", "content_type", "body")
        def __new__(cls, call: int, content_type: str, body: bytes) -> GatewayEvent.InfoReceived: ...

    @final
    class DtmfReceived(GatewayEvent):
        call: int
        tone: str
        duration: float | None
        transport: str
        __match_args__ = ("call", "tone", "duration", "transport")
        def __new__(cls, call: int, tone: str, duration: float | None, transport: str) -> GatewayEvent.DtmfReceived: ...

    @final
    class Responded(GatewayEvent):
        call: int
        method: str
        status: int
        __match_args__ = ("call", "method", "status")
        def __new__(cls, call: int, method: str, status: int) -> GatewayEvent.Responded: ...

    @final
    class SessionRefreshed(GatewayEvent):
        call: int
        by_us: bool
        __match_args__ = ("call", "by_us")
        def __new__(cls, call: int, by_us: bool) -> GatewayEvent.SessionRefreshed: ...

    @final
    class Played(GatewayEvent):
        call: int
        __match_args__ = ("call",)
        def __new__(cls, call: int) -> GatewayEvent.Played: ...

    @final
    class ScriptEnded(GatewayEvent):
        call: int
        __match_args__ = ("call",)
        def __new__(cls, call: int) -> GatewayEvent.ScriptEnded: ...

    @final
    class CallEnded(GatewayEvent):
        call: int
        by: str  # local remote system
        answered: bool
        how: str
        status: int | None
        reason: str | None
        stats: CallStats
        heard: bytes  # signed 16-bit mono in native order
        heard_rate: int
        __match_args__ = ("call", "by", "answered", "how", "status", "reason", "stats", "heard", "heard_rate")
        def __new__(
            cls,
            call: int,
            by: str,
            answered: bool,
            how: str,
            status: int | None,
            reason: str | None,
            stats: CallStats,
            heard: bytes,
            heard_rate: int,
        ) -> GatewayEvent.CallEnded: ...

    @final
    class Failed(GatewayEvent):
        """The driver or the agent of a connection failed."""

        cause: str
        __match_args__ = ("cause",)
        def __new__(cls, cause: str) -> GatewayEvent.Failed: ...

    @final
    class Log(GatewayEvent):
        level: int  # of the logging module
        target: str
        message: str
        __match_args__ = ("level", "target", "message")
        def __new__(cls, level: int, target: str, message: str) -> GatewayEvent.Log: ...

    @final
    class Closed(GatewayEvent):
        """The last event."""

        __match_args__ = ()
        def __new__(cls) -> GatewayEvent.Closed: ...

@final
class Gateway:
    """A stand-in for the voice gateway on a driver of its own, by Engine's rules; OSError when it cannot listen."""

    def __new__(cls, settings: GatewaySettings, *, host: str, secure: bool) -> Gateway: ...
    @property
    def port(self) -> int: ...
    @property
    def ca_pem(self) -> str: ...
    @property
    def certificate_pem(self) -> str: ...
    @property
    def key_pem(self) -> str: ...
    def take_wake_fd(self) -> int: ...  # once; the caller owns and closes it
    def poll_events(self) -> list[GatewayEvent]: ...
    def answer(self, call: int) -> None: ...
    def play(self, call: int, clip: Clip) -> None: ...
    def send_info(self, call: int, content_type: str, body: bytes) -> None: ...
    def hold(self, call: int) -> None: ...
    def resume(self, call: int) -> None: ...
    def change_codecs(self, call: int, codecs: list[str]) -> None: ...
    def send_dtmf(self, call: int, tones: str) -> None: ...
    def refresh(self, call: int) -> None: ...
    def hang_up(self, call: int, cause: int | None, text: str, protocol: str) -> None: ...
    def send_raw(self, connection: int, message: bytes) -> None: ...
    def drop_websocket(self, connection: int) -> None: ...
    def close_websocket(self, connection: int, code: int) -> None: ...
    def close(self) -> None: ...
