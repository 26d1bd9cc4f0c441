//! Media of one call: SDP, ICE, DTLS-SRTP, RTP, codecs, jitter buffer.
pub mod clip;
pub mod codec;
pub mod description;
pub mod dtls;
pub mod error;
pub mod g711;
pub mod receiver;
pub mod reception;
pub mod reports;
pub mod sender;
pub mod session;
pub mod stats;
