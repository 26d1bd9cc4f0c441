//! Media of one call: SDP, ICE, DTLS-SRTP, RTP, codecs, jitter buffer.
pub mod clip;
pub mod codec;
pub mod description;
pub mod dtls;
pub mod error;
pub mod session;
pub mod stats;
