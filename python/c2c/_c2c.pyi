"""The border: everything that crosses between Python and Rust. No member blocks; all are safe from any thread."""

from typing import Final, final

from typing_extensions import Buffer

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
    ) -> SipSettings: ...

@final
class TlsSettings:
    """Roots (PEM bytes replace the platform's) and an optional client certificate and key (PEM)."""

    def __new__(
        cls, *, ca_pem: bytes | None = None, client_cert_pem: bytes | None = None, client_key_pem: bytes | None = None
    ) -> TlsSettings: ...

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

@final
class CallEnd:
    originator: str  # local remote system
    cause: str
    description: str | None
    sip_status: int | None
    stage: str | None  # websocket register invite ice dtls media
    hint: str

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
    level_out: float
    level_in: float
    seconds_heard: float
    mean_level_in: float

class Event:
    """One of its nested classes; `match` on them."""

    @final
    class Connecting(Event): ...
    @final
    class Connected(Event): ...

    @final
    class ConnectFailed(Event):
        step: str  # resolve connect tls upgrade
        cause: str
        http_status: int | None
        is_final: bool

    @final
    class Registered(Event): ...

    @final
    class RegistrationFailed(Event):
        cause: str
        status: int | None
        reason: str | None

    @final
    class Unregistered(Event): ...

    @final
    class Disconnected(Event):
        code: int | None
        reason: str | None

    @final
    class CallCreated(Event):
        state: CallState

    @final
    class Ringing(Event):
        state: CallState

    @final
    class TrackAdded(Event):
        call: int

    @final
    class Answered(Event):
        state: CallState

    @final
    class MediaConnected(Event):
        call: int

    @final
    class Muted(Event):
        state: CallState

    @final
    class Unmuted(Event):
        state: CallState

    @final
    class HoldChanged(Event):
        state: CallState

    @final
    class InfoSent(Event):
        call: int
        request: int

    @final
    class InfoFailed(Event):
        call: int
        request: int
        status: int | None
        cause: str

    @final
    class InfoReceived(Event):
        call: int
        content_type: str
        body: bytes

    @final
    class PlayEnded(Event):
        call: int
        play: int
        completed: bool

    @final
    class Ended(Event):
        state: CallState
        end: CallEnd
        stats: CallStats

    @final
    class Failed(Event):
        state: CallState
        end: CallEnd
        stats: CallStats

    @final
    class Warning(Event):
        stage: str
        text: str

    @final
    class RingReady(Event):
        """A reader's ring has a frame, or a writer's ring has room (or either has ended)."""

        ring: int

    @final
    class Log(Event):
        level: int  # of the logging module
        target: str
        message: str

    @final
    class EngineFailed(Event):
        """A panic or a full queue ended this client; always followed by Closed."""

        cause: str

    @final
    class Closed(Event):
        """The last event."""

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
    """One client's half of the border. Raises EngineClosed, UsedAfterFork or UnsupportedPlatform of c2c's error tree, or ValueError."""

    def __new__(cls, *, tls: TlsSettings | None = None) -> Engine: ...
    def take_wake_fd(self) -> int: ...  # once; the caller owns and closes it
    def poll_events(self) -> list[Event]: ...
    def connect(self, settings: SipSettings) -> None: ...
    def disconnect(self) -> None: ...
    def start_call(self, call: int, target: str, headers: list[tuple[str, str]]) -> None: ...
    def end_call(self, call: int, status: int | None = None, text: str = "") -> None: ...
    def send_info(self, call: int, request: int, content_type: str, body: bytes) -> None: ...
    def set_muted(self, call: int, muted: bool) -> None: ...
    def play(self, call: int, play: int, clip: Clip) -> None: ...
    def stop_playing(self, call: int, play: int) -> None: ...
    def open_reader(self, call: int, rate: int) -> AudioReader: ...
    def open_writer(self, call: int, rate: int) -> AudioWriter: ...
    def stats(self, call: int) -> CallStats | None: ...
    def close(self) -> None: ...
