//! SDP offers and answers: text to values and back (RFC 8866, RFC 3264, RFC 8829).

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
