//! Where the virtual time of unit tests starts.
use std::time::Instant;

/// Some instant: the one thing that only the real clock can make.
#[allow(clippy::disallowed_methods)]
pub(crate) fn start() -> Instant {
    Instant::now()
}
