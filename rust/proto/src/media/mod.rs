//! Media of one call: SDP, ICE, DTLS-SRTP, RTP, codecs, jitter buffer.
pub mod candidate;
pub mod clip;
pub mod codec;
pub mod conceal;
mod delay;
pub mod description;
pub mod dtls;
pub mod error;
pub mod fingerprint;
pub mod g711;
pub mod gather;
pub mod ice;
pub mod jitter;
pub mod level;
pub mod playout;
pub mod readers;
pub mod receiver;
pub mod reception;
pub mod reports;
pub mod resample;
pub mod rtp;
pub mod sender;
pub mod session;
mod source;
pub mod srtp;
pub mod stats;
pub mod survival;
#[cfg(test)]
mod test_port;
mod timeline;
pub mod timing_random;
#[cfg(test)]
mod tone;
pub mod transport;
