//! What a client may ask of its user agent.
use std::fmt;
use std::sync::Arc;

use super::{CallId, SipSettings};
use crate::dtmf::DtmfRequest;
use crate::media::clip::Clip;

/// What a client may ask of its user agent. None blocks; what becomes of one comes as an [`Event`](super::Event).
#[derive(Clone)]
pub enum Command {
    /// Open the WebSocket and register.
    Connect(Box<SipSettings>),
    /// End calls, un-REGISTER, close the WebSocket.
    Disconnect,
    /// Answer to [`Event::SettingsRefused`](super::Event::SettingsRefused): newer settings, or none: give up.
    Renew(Option<Box<SipSettings>>),
    /// Open a lost connection at once instead of after the back-off.
    Retry,
    /// The machine's network has changed: look at its addresses now, and move the calls whose address is gone or for which
    /// there is a better one (ICE restart).
    NetworkChanged,
    /// Send an INVITE.
    StartCall {
        /// The new call.
        call: CallId,
        /// User part of the Request-URI (the realm is the host), for example `app-<sid>`.
        target: String,
        /// Headers added after CSeq, in order (`X-Source: webrtc`, ...).
        headers: Vec<(String, String)>,
    },
    /// Answer a call that rings here.
    Answer {
        /// The call.
        call: CallId,
    },
    /// Reject a call that rings here.
    Reject {
        /// The call.
        call: CallId,
        /// Status of the final response, 300 to 699; any other becomes 480.
        status: u16,
        /// Its reason phrase.
        reason: String,
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
        /// The caller's number for this clip, repeated in [`Event::PlayEnded`](super::Event::PlayEnded).
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

/// Shows neither the values of headers nor bodies nor tones: they are the user's.
impl fmt::Debug for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(settings) => write!(f, "Connect {settings:?}"),
            Self::Disconnect => f.write_str("Disconnect"),
            Self::Renew(settings) => write!(f, "Renew {settings:?}"),
            Self::Retry => f.write_str("Retry"),
            Self::NetworkChanged => f.write_str("NetworkChanged"),
            Self::StartCall { call, target, headers } => {
                let names: Vec<&str> = headers.iter().map(|(name, _)| name.as_str()).collect();
                write!(f, "StartCall {call:?} to {target:?} with {names:?}")
            }
            Self::Answer { call } => write!(f, "Answer {call:?}"),
            Self::Reject { call, status, .. } => write!(f, "Reject {call:?} {status}"),
            Self::EndCall { call, reason } => write!(f, "EndCall {call:?} {reason:?}"),
            Self::SendInfo {
                call,
                request,
                content_type,
                body,
            } => {
                write!(
                    f,
                    "SendInfo {call:?} {request} {content_type:?} of {} bytes",
                    body.len()
                )
            }
            Self::SendDtmf { call, request, .. } => write!(f, "SendDtmf {call:?} {request}"),
            Self::SetMuted { call, muted } => write!(f, "SetMuted {call:?} {muted}"),
            Self::Play { call, play, .. } => write!(f, "Play {call:?} {play}"),
            Self::StopPlaying { call, play } => write!(f, "StopPlaying {call:?} {play}"),
        }
    }
}
