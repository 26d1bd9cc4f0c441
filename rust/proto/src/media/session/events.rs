//! What a call's media tells.
use std::net::SocketAddr;

use crate::media::dtmf::ReceivedTone;
use crate::media::error::MediaError;

/// What a call's media tells its owner.
#[derive(Clone, PartialEq, Debug)]
pub enum MediaEvent {
    /// The servers have answered, failed or had their time: `create_offer` and `handle_offer` may be called. Without
    /// servers that is at once.
    Gathered,
    /// First validated ICE pair.
    IceConnected,
    /// DTLS up, fingerprint checked, keys in: sound flows.
    Connected,
    /// A clip ended; `completed` when its last sample has left.
    PlayEnded {
        /// The number given to `play`.
        play: u64,
        /// False when stopped.
        completed: bool,
    },
    /// A tone of the far side's is over (RFC 4733).
    ToneReceived(ReceivedTone),
    /// The far side closed the path (DTLS `close_notify`). It overtakes the BYE of a call's normal end; without one, ICE's
    /// consent checks end the call.
    Closed,
    /// The path in use answers no more, or cannot be sent on. Another one should be looked for: after 30 s without an
    /// answer this one fails.
    PathSilent,
    /// An ICE restart came to its end: its path works and is used.
    Moved,
    /// An ICE restart found no path; the last one stays in use.
    RestartFailed,
    /// Sockets that are of no more use.
    SocketsFree(Vec<SocketAddr>),
    /// It is over; nothing more is sent.
    Failed(MediaError),
    /// Something the user should know that ends nothing.
    Warning(String),
    /// A STUN or TURN server is of no use, and why.
    ServerWarning(String),
}
