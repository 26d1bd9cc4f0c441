//! Outgoing sound of one call: chooses the source, encodes 20 ms a tick, numbers and counts the packets.
use std::sync::Arc;
use std::time::Instant;

use super::clip::Clip;
use super::codec::{Codec, CodecError, Encoder, OpusSettings};
use super::dtmf::OutgoingEvent;
use super::level;
use super::readers::Readers;
use super::source::Source;
use super::stats::CallStats;
use crate::io::AudioPort;

/// Rate in Hz at which silence is encoded until there is sound.
const SILENCE_RATE: u32 = 16_000;

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
    payload_type: u8,
    ssrc: u32,
    /// Of the next packet.
    sequence: u16,
    timestamp: u32,
    settings: OpusSettings,
    encoder: Encoder,
    source: Source,
    readers: Readers,
    silence: Vec<i16>,
    packet: Vec<u8>,
    last: Option<LastPacket>,
    /// The next packet is the first of a talkspurt.
    is_spurt: bool,
    packets: u64,
    octets: u64,
    level: f64,
}

#[derive(Clone, Copy)]
struct LastPacket {
    sent: Instant,
    timestamp: u32,
    clock_rate: u32,
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
        let settings = OpusSettings::default();
        Ok(Self {
            payload_type,
            ssrc,
            sequence: first_sequence,
            timestamp: first_timestamp,
            settings,
            encoder: Encoder::new(codec, codec.native_rate(SILENCE_RATE), settings)?,
            source: Source::default(),
            readers: Readers::default(),
            silence: Vec::new(),
            packet: Vec::new(),
            last: None,
            is_spurt: true,
            packets: 0,
            octets: 0,
            level: level::SILENCE,
        })
    }

    /// Makes the packet of the next 20 ms; `None` only when the codec failed. Called once for each 20 ms of the call.
    pub fn tick(&mut self, audio: &mut dyn AudioPort, now: Instant) -> Option<OutgoingRtp<'_>> {
        let codec = self.encoder.codec();
        let is_encoded = self.encode_next(audio).is_ok();
        let (sequence, timestamp) = (self.sequence, self.timestamp);
        self.timestamp = timestamp.wrapping_add(codec.frame_ticks());
        if !is_encoded {
            return None;
        }
        // RFC 3551 §4.1: the first packet of a talkspurt; without silence suppression only a pause begins a new one
        let marker = std::mem::take(&mut self.is_spurt);
        self.count(self.packet.len(), timestamp, now);
        Some(OutgoingRtp {
            payload_type: self.payload_type,
            marker,
            sequence,
            timestamp,
            ssrc: self.ssrc,
            payload: &self.packet,
        })
    }

    /// Lets 20 ms pass unsent: clip and writer go on, and the timestamp with them.
    pub fn skip(&mut self, audio: &mut dyn AudioPort) {
        let codec = self.encoder.codec();
        self.source.next(codec, audio);
        self.level = level::SILENCE;
        self.timestamp = self.timestamp.wrapping_add(codec.frame_ticks());
        self.is_spurt = true;
    }

    /// RTP time of the next 20 ms.
    pub fn timestamp(&self) -> u32 {
        self.timestamp
    }

    /// The packet of a telephone-event that stands in for the next 20 ms of sound; clip and writer go on.
    pub fn tick_event<'a>(
        &mut self,
        payload_type: u8,
        event: &'a OutgoingEvent,
        audio: &mut dyn AudioPort,
        now: Instant,
    ) -> OutgoingRtp<'a> {
        let (is_spurt, timestamp) = (self.is_spurt, self.timestamp);
        self.skip(audio);
        self.is_spurt = is_spurt;
        self.count(event.payload.len(), timestamp, now);
        OutgoingRtp {
            payload_type,
            marker: event.marker,
            sequence: self.sequence.wrapping_sub(1),
            timestamp: event.timestamp,
            ssrc: self.ssrc,
            payload: &event.payload,
        }
    }

    /// Goes on with another codec: sequence numbers continue, timestamps advance by its clock rate.
    pub fn set_codec(&mut self, codec: Codec, payload_type: u8) -> Result<(), CodecError> {
        if self.encoder.codec() != codec {
            self.encoder = Encoder::new(codec, codec.native_rate(SILENCE_RATE), self.settings)?;
        }
        self.payload_type = payload_type;
        Ok(())
    }

    /// Codec in use.
    pub fn codec(&self) -> Codec {
        self.encoder.codec()
    }

    /// Starts a clip; `false` when another one plays.
    pub fn play(&mut self, play: u64, clip: Arc<Clip>) -> bool {
        self.source.play(play, clip)
    }

    /// Stops a clip before the next frame; `poll_play_ended` then tells it as not completed.
    pub fn stop_playing(&mut self, play: u64) {
        self.source.stop(play);
    }

    /// Sends silence instead of sound, or sound again; a clip goes on meanwhile, a writer is still emptied.
    pub fn set_muted(&mut self, muted: bool) {
        self.source.set_muted(muted);
    }

    /// The next clip that ended, and whether its last sample has left. Asked after each tick and `stop_playing`.
    pub fn poll_play_ended(&mut self) -> Option<(u64, bool)> {
        self.source.poll_ended()
    }

    /// The numbers for a sender report made at `now`; `None` before the first packet.
    pub fn report(&self, now: Instant) -> Option<SenderNumbers> {
        let last = self.last?;
        let since = now.saturating_duration_since(last.sent).as_nanos() * u128::from(last.clock_rate) / 1_000_000_000;
        Some(SenderNumbers {
            ssrc: self.ssrc,
            rtp_timestamp: last.timestamp.wrapping_add(since as u32),
            packets: self.packets as u32,
            octets: self.octets as u32,
        })
    }

    /// Our SSRC.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Fills in codec, packets, bytes, late frames and level sent.
    pub fn fill_stats(&self, stats: &mut CallStats) {
        self.codec().name().clone_into(&mut stats.codec);
        stats.packets_sent = self.packets;
        stats.bytes_sent = self.octets;
        stats.frames_late = self.source.late();
        stats.level_out = self.level;
    }

    /// Counts a packet, whose sequence number was the next one.
    fn count(&mut self, octets: usize, timestamp: u32, now: Instant) {
        self.sequence = self.sequence.wrapping_add(1);
        self.packets += 1;
        self.octets += octets as u64;
        self.last = Some(LastPacket {
            sent: now,
            timestamp,
            clock_rate: self.encoder.codec().clock_rate(),
        });
    }

    fn encode_next(&mut self, audio: &mut dyn AudioPort) -> Result<(), CodecError> {
        let codec = self.encoder.codec();
        let wanted = audio.sent_rates();
        let Some((rate, frame)) = self.source.next(codec, audio) else {
            self.level = level::SILENCE;
            self.silence.resize(self.encoder.rate() as usize / 50, 0);
            self.readers
                .push_sent(audio, &wanted, self.encoder.rate(), &self.silence);
            return self.encoder.encode(&self.silence, &mut self.packet);
        };
        self.level = level::dbfs(frame);
        self.readers.push_sent(audio, &wanted, rate, frame);
        if self.encoder.rate() != rate {
            self.encoder = Encoder::new(codec, rate, self.settings)?;
        }
        self.encoder.encode(frame, &mut self.packet)
    }
}

#[cfg(test)]
mod tests;
