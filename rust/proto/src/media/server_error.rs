//! Why a STUN or TURN server gave nothing; each text says what to do and repeats no credential.
use super::stun::message::StunMessage;

/// A server's failure.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ServerError {
    /// The name look-up failed.
    #[error("its name was not found ({0}); check the host in iceServers")]
    NotFound(String),
    /// No address of it can be reached from the call's sockets: no IPv6 here, for example.
    #[error("no local address reaches it; it may be IPv6 only, or not on this machine's loopback")]
    NoRoute,
    /// TCP or TLS failed, or the connection ended.
    #[error("the connection failed: {0}")]
    Connection(String),
    /// Every retransmission went unanswered.
    #[error("no answer; check its address, and that the firewall lets its port through")]
    NoAnswer,
    /// 401 to a request that carried the credential.
    #[error("401: the username or the credential is wrong, or has expired")]
    WrongCredential,
    /// An error response.
    #[error("{code} {reason}{}", hint(*code))]
    Refused {
        /// ERROR-CODE.
        code: u16,
        /// The server's own words.
        reason: String,
    },
    /// An answer that cannot be used.
    #[error("its answer makes no sense: {0}")]
    Malformed(&'static str),
    /// Redirected in a circle, or too often.
    #[error("it redirects to another server, and that one further, without end")]
    RedirectLoop,
}

impl ServerError {
    /// From an error response.
    pub(in crate::media) fn refused(message: &StunMessage) -> Self {
        match message.error_code() {
            Some(error) => Self::Refused {
                code: error.code,
                reason: error.reason,
            },
            None => Self::Malformed("an error response without ERROR-CODE"),
        }
    }
}

/// RFC 8656 §19, RFC 8489 §14.8.
fn hint(code: u16) -> &'static str {
    match code {
        300 => "; the server redirects without saying where",
        401 | 441 => "; the server wants another username and credential",
        403 => "; the server's rules forbid it",
        437 => "; the server does not know, or no longer, what this port was allotted",
        438 => "; the server calls every nonce stale",
        440 | 443 => "; the server has no address of that family",
        442 => "; the server does not relay UDP",
        486 => "; this user has too many allocations: end some, or raise the server's quota",
        508 => "; the server is full: try again later or use another",
        _ => "",
    }
}
