//! What goes in and out of a [`crate::user_agent::UserAgent`]: commands, transport and datagram events, outputs, events.
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use crate::dtmf::{DtmfRequest, DtmfTransport, Tone};
use crate::media::clip::Clip;
use crate::media::servers::IceConfig;
use crate::media::stats::CallStats;

/// One call of one client; chosen by the caller, never used twice in a client.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CallId(pub u64);

/// A string that must never be printed; its `Debug` is `***`.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Secret(pub String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("***")
    }
}

impl Drop for Secret {
    fn drop(&mut self) {
        zeroize::Zeroize::zeroize(&mut self.0);
    }
}

/// The injected source of randomness (tags, branches, Call-IDs, SSRCs, back-off).
pub trait RandomSource: Send {
    /// Fills `bytes` with random bytes.
    fn fill(&mut self, bytes: &mut [u8]);

    /// A uniform number below `bound` (which must not be 0; 0 gives 0).
    fn below(&mut self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes).checked_rem(bound).unwrap_or(0)
    }
}

/// The moment an agent started, on both clocks, so that wall time is a sum and never a system call.
#[derive(Clone, Copy, Debug)]
pub struct ClockOrigin {
    /// On the monotonic clock.
    pub instant: Instant,
    /// On the wall clock.
    pub wall: SystemTime,
}

impl ClockOrigin {
    /// Wall time at `now`.
    pub fn wall_at(&self, now: Instant) -> SystemTime {
        self.wall + now.saturating_duration_since(self.instant)
    }
}

/// What the SIP managers know of the server and the user.
#[derive(Clone, Debug)]
pub struct SipSettings {
    /// `wss://host:port/path` (or `ws://` to loopback).
    pub websocket_uri: String,
    /// SIP user of the address-of-record, escaped by the user agent.
    pub user: String,
    /// Realm: domain of the address-of-record and of the registrar.
    pub realm: String,
    /// Digest user; empty for runtime endpoints.
    pub username: String,
    /// Digest password; empty for runtime endpoints.
    pub password: Secret,
    /// Whether to REGISTER (legacy endpoints do, runtime endpoints don't).
    pub register: bool,
    /// Value of the `User-Agent` header.
    pub user_agent: String,
    /// Seconds asked for in REGISTER (600 by default).
    pub register_expires: u32,
    /// Session-Expires offered (90 by default).
    pub session_expires: u32,
    /// The only local address to offer, if the user named one.
    pub local_address: Option<IpAddr>,
    /// STUN and TURN servers of its calls.
    pub ice: IceConfig,
}

/// What a client may ask of its user agent. None blocks; what becomes of one comes as an [`Event`].
#[derive(Clone, Debug)]
pub enum Command {
    /// Open the WebSocket and register.
    Connect(Box<SipSettings>),
    /// End calls, un-REGISTER, close the WebSocket.
    Disconnect,
    /// Send an INVITE.
    StartCall {
        /// The new call.
        call: CallId,
        /// User part of the Request-URI (the realm is the host), for example `app-<sid>`.
        target: String,
        /// Headers added after CSeq, in order (`X-Source: webrtc`, ...).
        headers: Vec<(String, String)>,
    },
    /// Cancel, reject or hang up, whichever the call's state asks for.
    EndCall {
        /// The call.
        call: CallId,
        /// `Reason: SIP ;cause=<status>; text="<text>"`; no header when absent.
        reason: Option<(u16, String)>,
    },
    /// Send INFO in the call's dialog.
    SendInfo {
        /// The call.
        call: CallId,
        /// The caller's number for this request, repeated in its events.
        request: u64,
        /// `Content-Type`.
        content_type: String,
        /// Body as it goes on the wire.
        body: Vec<u8>,
    },
    /// Send tones, after those that are still being sent.
    SendDtmf {
        /// The call.
        call: CallId,
        /// The caller's number for this request, repeated in its events.
        request: u64,
        /// What, and how.
        dtmf: DtmfRequest,
    },
    /// Send silence instead of sound, or sound again.
    SetMuted {
        /// The call.
        call: CallId,
        /// The new state.
        muted: bool,
    },
    /// Play a clip from its first sample; replaces nothing: a second one is refused while one plays.
    Play {
        /// The call.
        call: CallId,
        /// The caller's number for this clip, repeated in [`Event::PlayEnded`].
        play: u64,
        /// The sound.
        clip: Arc<Clip>,
    },
    /// Stop a clip within a frame.
    StopPlaying {
        /// The call.
        call: CallId,
        /// The number given to `Play`.
        play: u64,
    },
}

/// What happened to the agent's WebSocket.
pub enum TransportInput<'a> {
    /// The upgrade succeeded.
    Opened {
        /// Local address of the connection: the one that routes to the SIP server.
        local: SocketAddr,
        /// The server's address.
        remote: SocketAddr,
        /// Addresses of all interfaces that are up.
        interfaces: Vec<IpAddr>,
    },
    /// One whole text or binary message.
    Message(&'a [u8]),
    /// An attempt to open it failed.
    Failed(TransportFailure),
    /// It was open and is not any more.
    Closed {
        /// Close code of the peer, if it sent one.
        code: Option<u16>,
        /// Close reason of the peer, or the I/O error's text.
        reason: String,
    },
}

/// Shows a message's length only: it may hold keys and credentials.
impl fmt::Debug for TransportInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Opened { local, remote, .. } => write!(f, "Opened {local} to {remote}"),
            Self::Message(bytes) => write!(f, "Message of {} bytes", bytes.len()),
            Self::Failed(failure) => write!(f, "{failure:?}"),
            Self::Closed { code, reason } => write!(f, "Closed {code:?} {reason:?}"),
        }
    }
}

/// Why a WebSocket could not be opened.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TransportFailure {
    /// Which step: resolve, connect, tls, upgrade.
    pub step: TransportStep,
    /// What happened, without secrets.
    pub cause: String,
    /// HTTP status of a refused upgrade.
    pub http_status: Option<u16>,
    /// Certain to fail again (wrong certificate, HTTP 4xx, no subprotocol): trying again is pointless.
    pub is_final: bool,
}

/// The steps of opening a WebSocket.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum TransportStep {
    /// Name look-up.
    Resolve,
    /// TCP.
    Connect,
    /// TLS handshake and certificate.
    Tls,
    /// HTTP upgrade and subprotocol.
    Upgrade,
}

/// A UDP datagram with both its ends.
#[derive(Clone, Copy, Debug)]
pub struct Datagram<'a> {
    /// The local socket's address.
    pub local: SocketAddr,
    /// Where it came from.
    pub remote: SocketAddr,
    /// Its payload.
    pub payload: &'a [u8],
}

/// A UDP datagram to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Transmit {
    /// The local socket to send it from.
    pub local: SocketAddr,
    /// Where it goes.
    pub remote: SocketAddr,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// One TCP or TLS connection of a call to a TURN server; numbered by the call, never used twice in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct StreamId(pub u32);

/// What a call asks of the network beside its datagrams.
#[derive(Clone, PartialEq, Eq)]
pub enum NetworkRequest {
    /// Look a host name up; answered by [`NetworkInput::Resolved`].
    Resolve {
        /// The name.
        host: String,
    },
    /// Connect; answered by [`NetworkInput::StreamOpened`] or [`NetworkInput::StreamClosed`].
    OpenStream {
        /// The new connection.
        stream: StreamId,
        /// Name or address, without brackets; the engine looks it up and tries its addresses.
        host: String,
        /// TCP port.
        port: u16,
        /// The name that the certificate must have; plain TCP when absent.
        tls_name: Option<String>,
    },
    /// Write one whole message. What does not fit into the connection's queue (64 kB) is dropped if it may be, else the
    /// connection is closed.
    WriteStream {
        /// The connection.
        stream: StreamId,
        /// The bytes.
        bytes: Vec<u8>,
        /// Whether it may be lost: a relayed datagram.
        droppable: bool,
    },
    /// Write out what waits, then close; no more input comes from it.
    CloseStream {
        /// The connection.
        stream: StreamId,
    },
}

/// Shows a message's length only: it names the user.
impl fmt::Debug for NetworkRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { host } => write!(f, "Resolve {host}"),
            Self::OpenStream {
                stream,
                host,
                port,
                tls_name,
            } => write!(f, "OpenStream {} to {host}:{port}, TLS {tls_name:?}", stream.0),
            Self::WriteStream { stream, bytes, .. } => write!(f, "WriteStream {} of {} bytes", stream.0, bytes.len()),
            Self::CloseStream { stream } => write!(f, "CloseStream {}", stream.0),
        }
    }
}

/// What became of a [`NetworkRequest`].
#[derive(Clone)]
pub enum NetworkInput<'a> {
    /// A name's addresses in the system's order of preference, or why there are none.
    Resolved {
        /// The name that was looked up.
        host: &'a str,
        /// Its addresses.
        addresses: Result<Vec<IpAddr>, String>,
    },
    /// A connection stands, TLS and all.
    StreamOpened {
        /// Which.
        stream: StreamId,
        /// Our end.
        local: SocketAddr,
        /// The server's end.
        remote: SocketAddr,
    },
    /// Bytes came.
    StreamBytes {
        /// On which connection.
        stream: StreamId,
        /// As they were read.
        bytes: &'a [u8],
    },
    /// A connection could not be opened, or has ended.
    StreamClosed {
        /// Which.
        stream: StreamId,
        /// What happened, without secrets.
        reason: String,
    },
}

/// Shows a message's length only.
impl fmt::Debug for NetworkInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolved { host, addresses } => write!(f, "Resolved {host} {addresses:?}"),
            Self::StreamOpened { stream, local, remote } => {
                write!(f, "StreamOpened {} from {local} to {remote}", stream.0)
            }
            Self::StreamBytes { stream, bytes } => write!(f, "StreamBytes {}: {}", stream.0, bytes.len()),
            Self::StreamClosed { stream, reason } => write!(f, "StreamClosed {}: {reason}", stream.0),
        }
    }
}

/// The answer to [`Output::BindUdp`].
#[derive(Clone, Debug)]
pub enum UdpInput {
    /// Sockets are bound, in the order asked for; addresses that could not be bound are left out.
    Bound(Vec<SocketAddr>),
    /// None could be bound.
    Failed(String),
}

/// What an agent wants done. Generic over its event type, as the gateway's agent has its own.
pub enum Output<E> {
    /// Open a WebSocket (subprotocol `sip`) to this URI; answered by [`TransportInput`].
    OpenWebSocket(String),
    /// Send one text message.
    Send(Vec<u8>),
    /// Close the WebSocket with this code; no more input comes from it but one `Closed`. Code 1006, which never goes on the
    /// wire (RFC 6455 §7.4.1), drops the connection without a close frame.
    CloseWebSocket(u16),
    /// Bind one UDP socket per address (port 0) for this call.
    BindUdp {
        /// The call.
        call: CallId,
        /// Local addresses.
        addresses: Vec<IpAddr>,
    },
    /// Send a datagram.
    Transmit(CallId, Transmit),
    /// Look a name up for this call, or open, write or close one of its connections; answered by [`NetworkInput`].
    Network(CallId, NetworkRequest),
    /// Give the call a 20 ms slot: `tick` is called until `StopTicking`.
    StartTicking(CallId),
    /// Take the slot back.
    StopTicking(CallId),
    /// The call is over: close its sockets and connections, end its rings.
    Release(CallId),
    /// Tell the owner.
    Event(E),
}

/// Shows neither messages, which may hold keys and credentials, nor URIs, which may hold tokens.
impl<E: fmt::Debug> fmt::Debug for Output<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::OpenWebSocket(_) => f.write_str("OpenWebSocket"),
            Self::Send(bytes) => write!(f, "Send of {} bytes", bytes.len()),
            Self::CloseWebSocket(code) => write!(f, "CloseWebSocket {code}"),
            Self::BindUdp { call, addresses } => write!(f, "BindUdp {call:?} {addresses:?}"),
            Self::Transmit(call, transmit) => write!(f, "Transmit {call:?} to {}", transmit.remote),
            Self::Network(call, request) => write!(f, "Network {call:?} {request:?}"),
            Self::StartTicking(call) => write!(f, "StartTicking {call:?}"),
            Self::StopTicking(call) => write!(f, "StopTicking {call:?}"),
            Self::Release(call) => write!(f, "Release {call:?}"),
            Self::Event(event) => write!(f, "{event:?}"),
        }
    }
}

/// Where a call's PCM comes from and goes to; the engine's rings implement it. Signed 16-bit mono.
pub trait AudioPort {
    /// Rate in Hz of the open writer, if there is one.
    fn outgoing_rate(&self) -> Option<u32>;
    /// Fills 20 ms at the writer's rate; `false` when the writer is late (silence goes out then).
    fn pull(&mut self, frame: &mut [i16]) -> bool;
    /// Rates in Hz wanted by the open readers, without duplicates.
    fn incoming_rates(&self) -> Vec<u32>;
    /// How late this tick comes, by the driver's clock.
    fn lateness(&self) -> Duration {
        Duration::ZERO
    }
    /// Hands 20 ms at `rate` to its readers; `position` is its first sample's number since the answer, at that rate.
    fn push(&mut self, rate: u32, samples: &[i16], position: u64);
}

/// Life of a call as the SDK names it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CallStatus {
    /// INVITE made.
    Init,
    /// A provisional response with a To-tag came.
    Ringing,
    /// 2xx came and its SDP was applied.
    Answered,
    /// Over after being answered.
    Ended,
    /// Over without an answer.
    Failed,
}

/// What a `CallSession` is made from.
#[allow(clippy::struct_excessive_bools)] // the SDK's own snapshot has these four
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CallState {
    /// The call.
    pub call: CallId,
    /// Its status.
    pub status: CallStatus,
    /// Whether the far side placed it.
    pub incoming: bool,
    /// When it was made.
    pub started: SystemTime,
    /// When it was answered.
    pub answered: Option<SystemTime>,
    /// Local audio replaced by silence.
    pub muted: bool,
    /// Held by us.
    pub local_hold: bool,
    /// Held by the far side.
    pub remote_hold: bool,
}

/// Who ended a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Originator {
    /// This side.
    Local,
    /// The far side.
    Remote,
    /// The stack.
    System,
}

/// The step at which something failed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Stage {
    /// Opening or keeping the WebSocket.
    WebSocket,
    /// REGISTER.
    Register,
    /// INVITE up to the 2xx.
    Invite,
    /// Gathering and connectivity checks.
    Ice,
    /// DTLS handshake and fingerprint.
    Dtls,
    /// SDP, codecs, RTP.
    Media,
}

/// Why a call ended: the SDK's `CallEndInfo`, with stage, status and hint for our errors.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CallEnd {
    /// Who ended it.
    pub originator: Originator,
    /// The SDK's cause text, `Busy` or `Terminated` for example (SDK facts section 6).
    pub cause: String,
    /// SIP status or Reason cause as the SDK gives it.
    pub description: Option<String>,
    /// SIP status of the final response, if one ended it.
    pub sip_status: Option<u16>,
    /// Where it failed; `None` for a normal end.
    pub stage: Option<Stage>,
    /// What the user may do about it; empty for a normal end.
    pub hint: String,
}

/// A tone that came.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReceivedDtmf {
    /// The call.
    pub call: CallId,
    /// Which.
    pub tone: Tone,
    /// How long it was, if the far side said so.
    pub duration: Option<Duration>,
    /// How it came.
    pub transport: DtmfTransport,
}

/// What a user agent tells its client, in order.
#[derive(Clone, Debug)]
pub enum Event {
    /// A WebSocket attempt starts.
    Connecting,
    /// The WebSocket is open.
    Connected,
    /// One attempt failed; another follows unless it was final.
    ConnectFailed(TransportFailure),
    /// First 2xx to REGISTER.
    Registered,
    /// REGISTER was rejected, timed out or made no sense. `cause` is the SDK's cause text.
    RegistrationFailed {
        /// `Rejected`, `Authentication Error`, `Request Timeout`, ...
        cause: String,
        /// SIP status, absent for timeouts.
        status: Option<u16>,
        /// Reason phrase.
        reason: Option<String>,
    },
    /// Not registered any more.
    Unregistered,
    /// The WebSocket is closed; code and reason only when the peer or the network closed it.
    Disconnected {
        /// WebSocket close code.
        code: Option<u16>,
        /// Its reason.
        reason: Option<String>,
    },
    /// The INVITE is made (status `Init`).
    CallCreated(CallState),
    /// A provisional response with a To-tag (101-199).
    Ringing(CallState),
    /// Remote audio exists (SDP applied); comes before `Answered`.
    TrackAdded(CallId),
    /// 2xx received and its SDP applied.
    Answered(CallState),
    /// ICE and DTLS are up: sound flows.
    MediaConnected(CallId),
    /// Local audio is silenced.
    Muted(CallState),
    /// Local audio flows again.
    Unmuted(CallState),
    /// The far side's hold state changed.
    HoldChanged(CallState),
    /// INFO was handed to the transport.
    InfoSent {
        /// The call.
        call: CallId,
        /// The caller's number.
        request: u64,
    },
    /// INFO failed: refused, unanswered or no such call.
    InfoFailed {
        /// The call.
        call: CallId,
        /// The caller's number.
        request: u64,
        /// SIP status, if there was a response.
        status: Option<u16>,
        /// What happened.
        cause: String,
    },
    /// INFO from the far side (already answered).
    InfoReceived {
        /// The call.
        call: CallId,
        /// `Content-Type` without parameters.
        content_type: String,
        /// Its body.
        body: Vec<u8>,
    },
    /// The first tone was handed to the transport, the others follow in their time.
    DtmfSent {
        /// The call.
        call: CallId,
        /// The caller's number.
        request: u64,
    },
    /// No tone was sent.
    DtmfFailed {
        /// The call.
        call: CallId,
        /// The caller's number.
        request: u64,
        /// Why.
        cause: String,
    },
    /// A tone from the far side that is over.
    DtmfReceived(ReceivedDtmf),
    /// A clip ended; `completed` when its last sample has left.
    PlayEnded {
        /// The call.
        call: CallId,
        /// The number given to `Play`.
        play: u64,
        /// False when stopped, refused or when the call ended first.
        completed: bool,
    },
    /// Over after having been answered.
    Ended(CallState, CallEnd, Box<CallStats>),
    /// Over without having been answered.
    Failed(CallState, CallEnd, Box<CallStats>),
    /// Something the user should know that ends nothing.
    Warning {
        /// Where.
        stage: Stage,
        /// What, and what to do.
        text: String,
    },
}

/// Period of the audio tick.
pub const FRAME: Duration = Duration::from_millis(20);
