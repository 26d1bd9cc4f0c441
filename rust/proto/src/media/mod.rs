//! Media of one call: SDP, ICE, DTLS-SRTP, RTP, codecs, jitter buffer.
pub mod clip;
pub mod stats;
