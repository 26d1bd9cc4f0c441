//! Sans-IO SIP user agent over WebSocket with WebRTC audio. Told the time, handed its randomness; no socket, clock or thread.
#![forbid(unsafe_code)]

pub mod io;
pub mod media;
pub mod sip;
