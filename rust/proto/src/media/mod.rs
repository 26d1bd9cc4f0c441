//! Media of one call: SDP, ICE, DTLS-SRTP, RTP, codecs, jitter buffer.
pub mod clip;
pub mod codec;
pub mod conceal;
mod delay;
pub mod description;
pub mod dtls;
pub mod error;
pub mod g711;
pub mod jitter;
pub mod level;
pub mod playout;
pub mod readers;
pub mod receiver;
pub mod reception;
pub mod reports;
pub mod resample;
pub mod sender;
pub mod session;
mod source;
pub mod stats;
#[cfg(test)]
mod tone;
