//! What a user agent refuses before anything is sent.
use crate::sip::uri::UriError;

/// Settings or a command that cannot be used; no text shows a secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SettingsError {
    /// The WebSocket URI is neither `ws:` nor `wss:`.
    #[error("Invalid argument: the WebSocket URI must start with wss:// (or ws:// to this host)")]
    WebSocketUri,
    /// User and realm make no SIP URI.
    #[error("Invalid value for parameter \"uri\": {0}; check the realm of the endpoint's configuration")]
    AddressOfRecord(UriError),
    /// The called user makes no SIP URI.
    #[error("Invalid target: {0}; check the application SID of the endpoint's configuration")]
    Target(UriError),
    /// A header of the caller's is no header.
    #[error("Invalid header {0:?}: a name must be a token and a value have no line ends")]
    Header(String),
    /// Something is longer than what others take.
    #[error("Invalid argument: {0} longer than {1} bytes")]
    TooLong(&'static str, usize),
}
