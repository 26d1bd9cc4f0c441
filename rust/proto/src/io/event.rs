//! What a user agent tells its client.
use std::time::{Duration, SystemTime};

use super::{CallId, TransportFailure};
use crate::dtmf::{DtmfTransport, Tone};
use crate::media::stats::CallStats;

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
    /// The connection was lost and is opened again, until `Disconnect` or a final failure. Comes once for each loss, before
    /// the first attempt. Answered calls go on meanwhile.
    Reconnecting {
        /// What happened to the connection.
        cause: String,
    },
    /// The connection is back, and registered again where that is needed. Comes once for each loss that was overcome.
    Reconnected,
    /// The server refused our credentials, at a refresh or while reconnecting, at REGISTER or at the WebSocket's upgrade;
    /// `Command::Renew` is awaited. Comes once until the server takes what it answers.
    SettingsRefused {
        /// `Rejected`, `Authentication Error`, ...
        cause: String,
        /// SIP or HTTP status.
        status: Option<u16>,
        /// Reason phrase.
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
    /// No tone was sent; or, behind `DtmfSent`, the far side of a tone's INFO is gone, and those after it are not sent.
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

impl Event {
    /// The call that it is about.
    pub fn call(&self) -> Option<CallId> {
        match self {
            Self::CallCreated(state)
            | Self::Ringing(state)
            | Self::Answered(state)
            | Self::Muted(state)
            | Self::Unmuted(state)
            | Self::HoldChanged(state)
            | Self::Ended(state, ..)
            | Self::Failed(state, ..) => Some(state.call),
            Self::TrackAdded(call)
            | Self::MediaConnected(call)
            | Self::InfoSent { call, .. }
            | Self::InfoFailed { call, .. }
            | Self::InfoReceived { call, .. }
            | Self::DtmfSent { call, .. }
            | Self::DtmfFailed { call, .. }
            | Self::DtmfReceived(ReceivedDtmf { call, .. })
            | Self::PlayEnded { call, .. } => Some(*call),
            Self::Connecting
            | Self::Connected
            | Self::ConnectFailed(_)
            | Self::Registered
            | Self::RegistrationFailed { .. }
            | Self::Unregistered
            | Self::Disconnected { .. }
            | Self::Reconnecting { .. }
            | Self::Reconnected
            | Self::SettingsRefused { .. }
            | Self::Warning { .. } => None,
        }
    }
}
