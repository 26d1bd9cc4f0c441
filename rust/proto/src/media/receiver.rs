//! Incoming sound of one call: RTP statistics, jitter buffer, decoder, one frame per wanted rate a tick.
use std::time::Instant;

use super::codec::Codec;
use super::reception::ReceptionNumbers;
use super::stats::CallStats;
use crate::io::AudioPort;

/// An authenticated RTP packet, without its framing and padding.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct IncomingRtp<'a> {
    /// Payload type.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in units of the codec's clock rate.
    pub timestamp: u32,
    /// The sender's SSRC.
    pub ssrc: u32,
    /// Encoded sound.
    pub payload: &'a [u8],
}

/// The receiving half of a call's sound.
pub struct AudioReceiver {
    payload_types: Vec<(u8, Codec)>,
}

impl AudioReceiver {
    /// Takes the payload types that the far side may send (those of our description).
    pub fn new(payload_types: &[(u8, Codec)]) -> Self {
        Self {
            payload_types: payload_types.to_vec(),
        }
    }

    /// Replaces the payload types (a re-offer).
    pub fn set_payload_types(&mut self, payload_types: &[(u8, Codec)]) {
        self.payload_types = payload_types.to_vec();
    }

    /// Takes a packet. Comfort noise, telephone-events and unknown payload types are counted, not decoded.
    pub fn receive(&mut self, rtp: IncomingRtp<'_>, now: Instant) {
        let _ = (rtp, now);
    }

    /// Plays the next 20 ms to each reader. Called once for each 20 ms of the call.
    pub fn tick(&mut self, audio: &mut dyn AudioPort, now: Instant) {
        let _ = (audio, now);
    }

    /// Makes the next frame's position 0; called at the answer, when ticks began before it.
    pub fn restart_position(&mut self) {}

    /// Codec of the last packet that was decoded.
    pub fn codec(&self) -> Option<Codec> {
        None
    }

    /// The numbers for a report block (RFC 3550 A.3); starts the next interval. `None` before the first packet.
    pub fn report(&mut self) -> Option<ReceptionNumbers> {
        None
    }

    /// Fills in packets, bytes, losses, jitter, frames, levels heard and the buffer's delay.
    pub fn fill_stats(&self, stats: &mut CallStats) {
        let _ = stats;
    }
}
