//! Digest authentication of both sides (RFC 3261 §22, RFC 7616, RFC 8760): MD5, SHA-256 and SHA-512-256, `qop=auth` or none.
mod authorization;
mod challenge;
mod hash;
mod session;

pub use authorization::Authorization;
pub use challenge::{Challenge, Qop};
pub use hash::Algorithm;
pub use session::{Attempts, DigestError, DigestSession};

use crate::io::Secret;

/// Name and password of a user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Credentials {
    /// Digest user, which need not be the user of the address.
    pub username: String,
    /// Never shown.
    pub password: Secret,
}

#[cfg(test)]
mod tests;
