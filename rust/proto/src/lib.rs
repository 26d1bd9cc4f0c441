//! Sans-IO SIP user agent over WebSocket with WebRTC audio. Told the time, handed its randomness; no socket, clock or thread.
#![forbid(unsafe_code)]

mod call;
pub mod dtmf;
pub mod error;
pub mod io;
pub mod media;
mod registration;
pub mod sip;
#[cfg(test)]
mod test_clock;
pub mod user_agent;
