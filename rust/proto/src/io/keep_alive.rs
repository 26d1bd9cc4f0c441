//! How a client notices that its connection is dead, and keeps NATs and proxies from closing a silent one.
use std::time::Duration;

/// What is sent on a silent connection, and when. Nothing heard for two intervals after it means that the connection is dead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct KeepAlive {
    /// How long the connection may be silent; zero turns it off.
    pub interval: Duration,
    /// What is sent.
    pub kind: KeepAliveKind,
}

/// What a keep-alive is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum KeepAliveKind {
    /// A WebSocket ping (RFC 6455 §5.5.2), which every server answers.
    Ping,
    /// CRLF CRLF (RFC 5626 §4.4.1). Not every server answers it, so silence counts only once one answer has come.
    Crlf,
}

impl Default for KeepAlive {
    /// A ping after 7 s, so that a dead connection is noticed in less than 15 s.
    fn default() -> Self {
        Self {
            interval: Duration::from_secs(7),
            kind: KeepAliveKind::Ping,
        }
    }
}
