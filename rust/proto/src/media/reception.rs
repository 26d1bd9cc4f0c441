//! What is known of one RTP source: validity, losses and jitter (RFC 3550 A.1, A.3, A.8).

/// What a report block says of a source (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReceptionNumbers {
    /// The source.
    pub ssrc: u32,
    /// Loss since the last report, in 1/256.
    pub fraction_lost: u8,
    /// Packets lost since the beginning; negative when there were duplicates.
    pub cumulative_lost: i32,
    /// Highest sequence number with its cycles.
    pub extended_highest_sequence: u32,
    /// Interarrival jitter in timestamp units.
    pub jitter: u32,
}
