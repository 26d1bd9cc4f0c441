//! Outgoing sound of one call: chooses the source, encodes 20 ms a tick, numbers and counts the packets.
use std::sync::Arc;
use std::time::Instant;

use super::clip::Clip;
use super::codec::{Codec, CodecError};
use super::stats::CallStats;
use crate::io::AudioPort;

/// An RTP packet to be sent, without its framing.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutgoingRtp<'a> {
    /// Payload type.
    pub payload_type: u8,
    /// Marker bit.
    pub marker: bool,
    /// Sequence number.
    pub sequence: u16,
    /// Timestamp in units of the codec's clock rate.
    pub timestamp: u32,
    /// Our SSRC.
    pub ssrc: u32,
    /// Encoded sound.
    pub payload: &'a [u8],
}

/// What a sender report says of us (RFC 3550 §6.4.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SenderNumbers {
    /// Our SSRC.
    pub ssrc: u32,
    /// RTP time of the moment asked for.
    pub rtp_timestamp: u32,
    /// Packets sent, modulo 2^32.
    pub packets: u32,
    /// Payload bytes sent, modulo 2^32.
    pub octets: u32,
}

/// The sending half of a call's sound. Source order: muted is silence; the clip; the port's writer; silence.
pub struct AudioSender {
    ssrc: u32,
}

impl AudioSender {
    /// Starts with a random sequence number and timestamp (RFC 3550 §5.1). Errors: the codec cannot be set up.
    pub fn new(
        codec: Codec,
        payload_type: u8,
        ssrc: u32,
        first_sequence: u16,
        first_timestamp: u32,
    ) -> Result<Self, CodecError> {
        let _ = (codec, payload_type, first_sequence, first_timestamp);
        Ok(Self { ssrc })
    }

    /// Makes the packet of the next 20 ms; `None` only when the codec failed. Called once for each 20 ms of the call.
    pub fn tick(&mut self, audio: &mut dyn AudioPort, now: Instant) -> Option<OutgoingRtp<'_>> {
        let _ = (audio, now, self.ssrc);
        None
    }

    /// Goes on with another codec: sequence numbers continue, timestamps advance by its clock rate.
    pub fn set_codec(&mut self, codec: Codec, payload_type: u8) -> Result<(), CodecError> {
        let _ = (codec, payload_type);
        Ok(())
    }

    /// Codec in use.
    pub fn codec(&self) -> Codec {
        Codec::Opus
    }

    /// Starts a clip; `false` when another one plays.
    pub fn play(&mut self, play: u64, clip: Arc<Clip>) -> bool {
        let _ = (play, clip);
        false
    }

    /// Stops a clip before the next frame; `poll_play_ended` then tells it as not completed.
    pub fn stop_playing(&mut self, play: u64) {
        let _ = play;
    }

    /// Sends silence instead of sound, or sound again; a clip goes on meanwhile, a writer is still emptied.
    pub fn set_muted(&mut self, muted: bool) {
        let _ = muted;
    }

    /// The next clip that ended, and whether its last sample has left. Asked after each tick and `stop_playing`.
    pub fn poll_play_ended(&mut self) -> Option<(u64, bool)> {
        None
    }

    /// The numbers for a sender report made at `now`; `None` before the first packet.
    pub fn report(&self, now: Instant) -> Option<SenderNumbers> {
        let _ = now;
        None
    }

    /// Fills in codec, packets, bytes, late frames and level sent.
    pub fn fill_stats(&self, stats: &mut CallStats) {
        let _ = stats;
    }
}
