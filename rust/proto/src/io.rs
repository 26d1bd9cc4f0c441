//! What goes in and out of a [`crate::user_agent::UserAgent`]: commands, transport and datagram events, outputs, events.
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant, SystemTime};

use crate::media::servers::IceConfig;

mod command;
mod event;
mod keep_alive;
mod network;

pub use command::Command;
pub use event::{CallEnd, CallState, CallStatus, Event, Originator, ReceivedDtmf, Stage};
pub use keep_alive::{KeepAlive, KeepAliveKind};
pub use network::{NetworkInput, NetworkRequest, StreamId};

/// One call of one client, never used twice in a client. The owner chooses those of the calls that it places, below
/// [`CallId::FIRST_INCOMING`]; the agent those of calls that come, from there on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct CallId(pub u64);

impl CallId {
    /// The first call that comes.
    pub const FIRST_INCOMING: Self = Self(1 << 63);
}

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
#[derive(Clone)]
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
    /// Whether MD5 digests are refused, which are answered otherwise when the server offers nothing better (RFC 8760 §2.4).
    pub refuse_md5: bool,
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
    /// How long calls wait for a lost connection to come back (60 s by default).
    pub reconnect_limit: Duration,
    /// How a dead connection is noticed.
    pub keep_alive: KeepAlive,
    /// What its calls do where the SDK leaves no choice.
    pub policy: CallPolicy,
}

/// What calls do where the SDK leaves no choice; the default keeps them.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct CallPolicy {
    /// 408 or 481 to an INFO ends the call (`Dialog Error`), as in the SDK (RFC 6086 §4.2.2).
    pub end_on_info_rejected: bool,
    /// An INFO that nobody answers ends the call (`Request Timeout`), as in the SDK.
    pub end_on_info_timeout: bool,
    /// Calls to us ring instead of being refused with 403.
    pub accept_incoming: bool,
}

/// Shows whose settings they are and where the server is, not the path of its URI, which may hold a token.
impl fmt::Debug for SipSettings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let origin: Vec<&str> = self.websocket_uri.splitn(4, '/').take(3).collect();
        f.debug_struct("SipSettings")
            .field("server", &origin.join("/"))
            .field("realm", &self.realm)
            .field("register", &self.register)
            .finish_non_exhaustive()
    }
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
    /// The machine's addresses are others now, or were asked for (`Output::ListAddresses`).
    Addresses {
        /// The one that routes to the SIP server; `None` when none does.
        route: Option<IpAddr>,
        /// Addresses of all interfaces that are up.
        interfaces: Vec<IpAddr>,
    },
    /// One whole text or binary message.
    Message(&'a [u8]),
    /// A ping or a pong came: the peer is there.
    Alive,
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
            Self::Addresses { route, interfaces } => write!(f, "Addresses {route:?} {interfaces:?}"),
            Self::Message(bytes) => write!(f, "Message of {} bytes", bytes.len()),
            Self::Alive => f.write_str("Alive"),
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
#[derive(Clone, Copy)]
pub struct Datagram<'a> {
    /// The local socket's address.
    pub local: SocketAddr,
    /// Where it came from.
    pub remote: SocketAddr,
    /// Its payload.
    pub payload: &'a [u8],
}

/// Shows the payload's length only.
impl fmt::Debug for Datagram<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes from {} to {}", self.payload.len(), self.remote, self.local)
    }
}

/// A UDP datagram to be sent.
#[derive(Clone, PartialEq, Eq)]
pub struct Transmit {
    /// The local socket to send it from.
    pub local: SocketAddr,
    /// Where it goes.
    pub remote: SocketAddr,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// Shows the payload's length only.
impl fmt::Debug for Transmit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} bytes from {} to {}", self.payload.len(), self.local, self.remote)
    }
}

/// The answer to [`Output::BindUdp`].
#[derive(Clone, Debug)]
pub enum UdpInput {
    /// Sockets are bound, in the order asked for; addresses that could not be bound are left out.
    Bound(Vec<SocketAddr>),
    /// None could be bound.
    Failed(String),
    /// The system cannot send a datagram: the address or the way is gone. Told now and then while it lasts.
    Unsendable {
        /// The socket.
        local: SocketAddr,
        /// Where it was to go.
        remote: SocketAddr,
    },
}

/// What an agent wants done. Generic over its event type, as the gateway's agent has its own.
pub enum Output<E> {
    /// Open a WebSocket (subprotocol `sip`) to this URI; answered by [`TransportInput`].
    OpenWebSocket(String),
    /// Send one text message.
    Send(Vec<u8>),
    /// Send a WebSocket ping; the pong comes back as [`TransportInput::Alive`].
    Ping,
    /// Close the WebSocket with this code; no more input comes from it but one `Closed`. Code 1006, which never goes on the
    /// wire (RFC 6455 §7.4.1), drops the connection without a close frame.
    CloseWebSocket(u16),
    /// Look which addresses the machine has now; answered by [`TransportInput::Addresses`].
    ListAddresses,
    /// Bind one UDP socket per address (port 0) for this call.
    BindUdp {
        /// The call.
        call: CallId,
        /// Local addresses.
        addresses: Vec<IpAddr>,
    },
    /// Close these UDP sockets of the call; it goes on with others.
    CloseUdp {
        /// The call.
        call: CallId,
        /// Their local addresses.
        sockets: Vec<SocketAddr>,
    },
    /// Send a datagram.
    Transmit(CallId, Transmit),
    /// Look a name up for this call, or open, write or close one of its connections; answered by [`NetworkInput`].
    Network(CallId, NetworkRequest),
    /// Give the call a 20 ms slot: `tick` is called until `StopTicking`.
    StartTicking(CallId),
    /// Take the slot back.
    StopTicking(CallId),
    /// The call's sound is over: end its rings. Comes before `Release` when relays have to be given back first.
    EndAudio(CallId),
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
            Self::Ping => f.write_str("Ping"),
            Self::CloseWebSocket(code) => write!(f, "CloseWebSocket {code}"),
            Self::BindUdp { call, addresses } => write!(f, "BindUdp {call:?} {addresses:?}"),
            Self::ListAddresses => f.write_str("ListAddresses"),
            Self::CloseUdp { call, sockets } => write!(f, "CloseUdp {call:?} {sockets:?}"),
            Self::Transmit(call, transmit) => write!(f, "Transmit {call:?} to {}", transmit.remote),
            Self::Network(call, request) => write!(f, "Network {call:?} {request:?}"),
            Self::StartTicking(call) => write!(f, "StartTicking {call:?}"),
            Self::StopTicking(call) => write!(f, "StopTicking {call:?}"),
            Self::EndAudio(call) => write!(f, "EndAudio {call:?}"),
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
    /// Rates in Hz at which readers want what this side sends as well, without duplicates.
    fn sent_rates(&self) -> Vec<u32> {
        Vec::new()
    }
    /// Hands 20 ms of what this side sends, at one of `sent_rates`, before the `push` of the same tick.
    fn push_sent(&mut self, _rate: u32, _samples: &[i16]) {}
    /// Hands 20 ms at `rate` to its readers; `position` is its first sample's number since the answer, at that rate.
    fn push(&mut self, rate: u32, samples: &[i16], position: u64);
}

/// Period of the audio tick.
pub const FRAME: Duration = Duration::from_millis(20);
