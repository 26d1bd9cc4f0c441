//! The numbers and names that a call draws once.
use std::fmt::Write;

use crate::io::RandomSource;
use crate::media::ice::ice_chars;

/// What identifies our stream.
pub(super) struct Identity {
    /// `o=` session id, below 2^63.
    pub(super) session_id: u64,
    pub(super) ssrc: u32,
    pub(super) cname: String,
    /// Stream and track.
    pub(super) msid: (String, String),
    /// Below 2^15, so that a lost first packet cannot confuse the receiver's rollover counter (RFC 3711 §3.3.1).
    pub(super) first_sequence: u16,
    pub(super) first_timestamp: u32,
}

impl Identity {
    pub(super) fn generate(random: &mut dyn RandomSource) -> Self {
        Self {
            session_id: random.below(1 << 63),
            ssrc: u32::from_le_bytes(draw(random)).max(1),
            cname: ice_chars(random, 16),
            msid: (uuid(random), uuid(random)),
            first_sequence: u16::from_le_bytes(draw(random)) & 0x7fff,
            first_timestamp: u32::from_le_bytes(draw(random)),
        }
    }
}

fn draw<const N: usize>(random: &mut dyn RandomSource) -> [u8; N] {
    let mut bytes = [0; N];
    random.fill(&mut bytes);
    bytes
}

/// A version 4 UUID (RFC 9562 §5.4).
fn uuid(random: &mut dyn RandomSource) -> String {
    let number = u128::from_be_bytes(draw(random));
    let number = number & !(0xf << 76) | 0x4 << 76;
    let number = number & !(0x3 << 62) | 0x2 << 62;
    let hex = format!("{number:032x}");
    let mut text = String::with_capacity(36);
    for (at, digit) in hex.chars().enumerate() {
        let _ = write!(text, "{}{digit}", if matches!(at, 8 | 12 | 16 | 20) { "-" } else { "" });
    }
    text
}
