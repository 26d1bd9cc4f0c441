//! Media of whole calls in virtual time: no socket, no clock.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and its first Instant has to come from somewhere"
)]
mod consent;
mod hostile;
mod loss;
mod network;
mod reoffer;
mod restart;
mod setup;
mod sound;
