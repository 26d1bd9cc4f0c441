//! SDP offers and answers: text to values and back (RFC 8866, RFC 3264, RFC 8829).
//!
//! The grammar is our own and not rtc-sdp's. That crate never panicked (300,000 mutated descriptions), but it refuses a
//! whole description for a line that nobody needs (`c=` after `t=`, an `o=` number over 64 bits, an unknown media or line
//! type, `b=` with a unit), and takes 0.8 ms for 64 kB of them, near the 1 ms that one item of work may take here.
use super::candidate::Candidate;
use super::codec::Codec;
use super::transport::RemoteTransport;

mod read;
#[cfg(test)]
mod tests;
mod write;

pub use read::read;
pub use write::LocalDescription;

/// Bytes of a description that is read at all.
pub const MAX_BYTES: usize = 64 * 1024;
/// Lines of a description that is read at all.
pub const MAX_LINES: usize = 512;
/// Candidates read; further ones are left out.
pub const MAX_CANDIDATES: usize = 64;

/// Payload types read; further ones are left out. Who offers most, offers under 20.
pub const MAX_FORMATS: usize = 64;

/// Who may send (RFC 8866 §6.7).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum Direction {
    /// Both.
    #[default]
    SendRecv,
    /// Only the one who wrote it.
    SendOnly,
    /// Only the one who reads it.
    RecvOnly,
    /// Nobody.
    Inactive,
}

impl Direction {
    /// Its attribute.
    pub fn name(self) -> &'static str {
        match self {
            Self::SendRecv => "sendrecv",
            Self::SendOnly => "sendonly",
            Self::RecvOnly => "recvonly",
            Self::Inactive => "inactive",
        }
    }

    /// The same as the other side sees it: the most that an answer may say (RFC 3264 §6.1).
    #[must_use]
    pub fn reversed(self) -> Self {
        match self {
            Self::SendOnly => Self::RecvOnly,
            Self::RecvOnly => Self::SendOnly,
            same => same,
        }
    }

    /// What both of two descriptions of one side allow.
    #[must_use]
    pub fn narrowed(self, other: Self) -> Self {
        match (self.sends() && other.sends(), self.receives() && other.receives()) {
            (true, true) => Self::SendRecv,
            (true, false) => Self::SendOnly,
            (false, true) => Self::RecvOnly,
            (false, false) => Self::Inactive,
        }
    }

    /// Whether the one who wrote it sends.
    pub fn sends(self) -> bool {
        matches!(self, Self::SendRecv | Self::SendOnly)
    }

    /// Whether the one who wrote it listens.
    pub fn receives(self) -> bool {
        matches!(self, Self::SendRecv | Self::RecvOnly)
    }
}

/// `a=setup` (RFC 4145 §4, RFC 8842 §5).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Setup {
    /// DTLS client.
    Active,
    /// DTLS server.
    Passive,
    /// Either, for the answerer to choose.
    Actpass,
}

impl Setup {
    /// Its value.
    pub fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Passive => "passive",
            Self::Actpass => "actpass",
        }
    }
}

/// `telephone-event` (RFC 4733): payload type and clock rate in Hz.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct TelephoneEvent {
    /// Payload type.
    pub payload_type: u8,
    /// Clock rate in Hz.
    pub clock_rate: u32,
}

/// An `m=` line that we don't use.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OtherMedia {
    /// Media type, for example `video`.
    pub kind: String,
    /// Transport and formats as they were written.
    pub protocol_and_formats: String,
    /// `a=mid`.
    pub mid: Option<String>,
}

/// What the far side's description says that concerns us.
#[derive(Clone, Debug)]
pub struct RemoteDescription {
    /// ICE and DTLS.
    pub transport: RemoteTransport,
    /// `a=setup`, if it is there.
    pub setup: Option<Setup>,
    /// Who may send.
    pub direction: Direction,
    /// Its codecs that we know, most wanted first, under its payload types.
    pub codecs: Vec<(u8, Codec)>,
    /// It takes RTCP of reduced size (RFC 5506).
    pub reduces_rtcp: bool,
    /// Its telephone-events.
    pub telephone_events: Vec<TelephoneEvent>,
    /// `a=mid` of the audio line.
    pub mid: Option<String>,
    /// `a=group:BUNDLE` names the audio line.
    pub is_bundled: bool,
    /// `m=` lines before the audio line.
    pub before: Vec<OtherMedia>,
    /// `m=` lines after the audio line.
    pub after: Vec<OtherMedia>,
}

impl RemoteDescription {
    /// Its codecs that are also among `ours`, in its own order.
    pub fn common(&self, ours: &[Codec]) -> Vec<(u8, Codec)> {
        self.codecs
            .iter()
            .copied()
            .filter(|(_, codec)| ours.contains(codec))
            .collect()
    }

    /// Its telephone-event for a codec: the one of the same clock rate, else any.
    pub fn telephone_event_for(&self, codec: Codec) -> Option<TelephoneEvent> {
        let same_clock = self
            .telephone_events
            .iter()
            .find(|event| event.clock_rate == codec.clock_rate());
        same_clock.or(self.telephone_events.first()).copied()
    }

    /// Whether the far side is the same transport as in an earlier description: no ICE restart, no other certificate.
    pub fn is_same_transport(&self, earlier: &Self) -> bool {
        let (new, old) = (&self.transport, &earlier.transport);
        new.credentials == old.credentials && new.fingerprints == old.fingerprints
    }
}

/// The default candidate's address, for `m=` and `c=`.
fn default_candidate(candidates: &[Candidate]) -> Option<&Candidate> {
    candidates.iter().max_by_key(|candidate| candidate.priority)
}
