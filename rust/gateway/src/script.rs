//! What the agent does in a call, step by step, as plain data.
use std::sync::Arc;
use std::time::Duration;

use c2c_proto::dtmf::DtmfRequest;
use c2c_proto::media::clip::Clip;
use c2c_proto::media::codec::Codec;

/// One step. Steps before the first that needs a call happen before the answer; the answer itself is implied by that one.
#[derive(Clone, PartialEq, Debug)]
pub enum Step {
    /// 180, then this long.
    Ring(Duration),
    /// 183 with SDP, then this long: early media.
    Progress {
        /// How long.
        time: Duration,
        /// What is played meanwhile, and goes on after the answer if it is longer.
        clip: Option<Arc<Clip>>,
    },
    /// A final response other than 2xx; ends the script.
    Reject {
        /// 300 to 699.
        status: u16,
        /// Reason phrase.
        reason: String,
    },
    /// 200 with SDP, then the ACK.
    Answer,
    /// Play a clip.
    Play {
        /// The sound.
        clip: Arc<Clip>,
        /// Go on at once with the next step while it plays.
        background: bool,
    },
    /// Do nothing (a clip in the background plays on).
    Wait(Duration),
    /// Until the far side was heard and then silent for `silence`, or until `at_most` has passed.
    Listen {
        /// How much silence ends it; `None` listens for `at_most`.
        silence: Option<Duration>,
        /// The limit.
        at_most: Duration,
    },
    /// Send back what is heard.
    Echo(Duration),
    /// INFO, then its final response.
    SendInfo {
        /// `Content-Type`.
        content_type: String,
        /// Body as it goes on the wire.
        body: Vec<u8>,
    },
    /// Until the far side sends an INFO, or until this has passed.
    AwaitInfo(Duration),
    /// Re-INVITE with `a=sendonly`, then its final response.
    Hold,
    /// Re-INVITE with `a=sendrecv`, then its final response.
    Resume,
    /// Re-INVITE that offers only these codecs from now on, then its final response.
    ChangeCodecs(Vec<Codec>),
    /// Tones as telephone-events (RFC 4733), for as long as they take.
    SendTones(DtmfRequest),
    /// UPDATE that refreshes the session, then its final response.
    Refresh,
    /// BYE; ends the script.
    HangUp(Option<HangUpReason>),
}

/// Value of the `Reason` header of a BYE (RFC 3326).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct HangUpReason {
    /// `SIP` or `Q.850`.
    pub protocol: String,
    /// Its cause number.
    pub cause: u16,
    /// Its text.
    pub text: String,
}

impl Step {
    /// Whether it happens before the answer.
    pub fn precedes_answer(&self) -> bool {
        matches!(self, Self::Ring(_) | Self::Progress { .. } | Self::Reject { .. })
    }

    /// Whether it needs sound, that is ICE and DTLS to be up.
    pub fn needs_media(&self) -> bool {
        matches!(
            self,
            Self::Play { .. } | Self::Listen { .. } | Self::Echo(_) | Self::Wait(_) | Self::SendTones(_)
        )
    }
}
