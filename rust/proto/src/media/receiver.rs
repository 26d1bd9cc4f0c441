//! Incoming sound of one call: RTP statistics, jitter buffer, decoder, one frame per wanted rate a tick.
use std::time::Instant;

use super::codec::Codec;
use super::jitter::Arrival;
use super::level;
use super::playout::{Playout, PlayoutCounts};
use super::readers::Readers;
use super::reception::{Reception, ReceptionNumbers};
use super::stats::CallStats;
use crate::io::{AudioPort, FRAME};

/// Decoding rate in Hz while nobody listens; enough for the levels.
const UNHEARD_RATE: u32 = 8_000;

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
    source: Option<Source>,
    /// Another SSRC that the last packet had; it takes over when its next packet comes before one of the old.
    rival: Option<u32>,
    readers: Readers,
    levels: Levels,
    totals: Totals,
    codec: Option<Codec>,
}

/// What is known of the SSRC that we play.
struct Source {
    reception: Reception,
    playout: Playout,
    latest: u16,
}

/// Sums over the call; those of the present source are added when asked for.
#[derive(Default)]
struct Totals {
    packets: u64,
    bytes: u64,
    lost: i64,
    discarded: u64,
    counts: PlayoutCounts,
}

#[derive(Default)]
struct Levels {
    last: Option<f64>,
    frames_heard: u64,
    power_heard: f64,
}

impl AudioReceiver {
    /// Takes the payload types that the far side may send (those of our description).
    pub fn new(payload_types: &[(u8, Codec)]) -> Self {
        Self {
            payload_types: payload_types.to_vec(),
            source: None,
            rival: None,
            readers: Readers::default(),
            levels: Levels::default(),
            totals: Totals::default(),
            codec: None,
        }
    }

    /// Replaces the payload types (a re-offer).
    pub fn set_payload_types(&mut self, payload_types: &[(u8, Codec)]) {
        self.payload_types = payload_types.to_vec();
    }

    /// Takes a packet. Comfort noise, telephone-events and unknown payload types are counted, not decoded.
    pub fn receive(&mut self, rtp: IncomingRtp<'_>, now: Instant) {
        self.totals.packets += 1;
        self.totals.bytes += rtp.payload.len() as u64;
        let sound = self.sound_of(&rtp);
        if !self.accept_source(&rtp, sound) {
            self.totals.discarded += 1;
            return;
        }
        let Some(source) = self.source.as_mut() else { return };
        source.reception.count(rtp.sequence);
        let is_latest = is_newer(rtp.sequence, source.latest);
        if let Some((codec, _)) = sound {
            source.reception.time(rtp.timestamp, codec.clock_rate(), now);
            if codec.clock_rate() != source.playout.clock_rate() {
                if !is_latest {
                    // a straggler from before the change of codec
                    self.totals.discarded += 1;
                    return;
                }
                self.totals.retire(&source.playout);
                source.playout = Playout::new(codec.clock_rate());
            }
            self.codec = Some(codec);
        }
        if is_latest {
            source.latest = rtp.sequence;
        }
        source.playout.insert(arrival(&rtp, sound), now);
    }

    /// Plays the next 20 ms to each reader. Called once for each 20 ms of the call.
    pub fn tick(&mut self, audio: &mut dyn AudioPort, now: Instant) {
        let wanted = audio.incoming_rates();
        let Some(source) = self.source.as_mut() else {
            let rate = Codec::Opus.native_rate(wanted.iter().copied().max().unwrap_or(UNHEARD_RATE));
            let silence = [0; 960];
            self.readers.push(
                audio,
                &wanted,
                rate,
                silence.get(..rate as usize / 50).unwrap_or_default(),
            );
            return;
        };
        let codec = self.codec.unwrap_or(Codec::Pcmu);
        let rate = codec.native_rate(wanted.iter().copied().max().unwrap_or(UNHEARD_RATE));
        let frame = source.playout.next_frame(rate, now);
        self.levels.hear(frame);
        self.readers.push(audio, &wanted, rate, frame);
    }

    /// Makes the next frame's position 0; called at the answer, when ticks began before it.
    pub fn restart_position(&mut self) {
        self.readers.restart_position();
    }

    /// Codec of the last packet with sound.
    pub fn codec(&self) -> Option<Codec> {
        self.codec
    }

    /// The numbers for a report block (RFC 3550 A.3); starts the next interval. `None` before the first packet.
    pub fn report(&mut self) -> Option<ReceptionNumbers> {
        self.source.as_mut().map(|source| source.reception.report())
    }

    /// Fills in packets, bytes, losses, jitter, frames, levels heard and the buffer's delay.
    pub fn fill_stats(&self, stats: &mut CallStats, now: Instant) {
        stats.packets_received = self.totals.packets;
        stats.bytes_received = self.totals.bytes;
        stats.packets_lost = self.totals.lost;
        stats.packets_discarded = self.totals.discarded;
        let mut counts = self.totals.counts;
        if let Some(source) = &self.source {
            stats.packets_lost += source.reception.lost();
            stats.packets_discarded += source.playout.jitter().discarded();
            stats.jitter = source.reception.jitter();
            stats.jitter_buffer_delay = source.playout.jitter().delay(now).as_secs_f64();
            counts.add(source.playout.counts());
        }
        stats.frames_played = counts.played;
        stats.frames_concealed = counts.concealed;
        stats.level_in = self.levels.last.unwrap_or(level::SILENCE);
        stats.seconds_heard = self.levels.frames_heard as f64 * FRAME.as_secs_f64();
        stats.mean_level_in = level::from_power(self.levels.power_heard / self.levels.frames_heard.max(1) as f64);
    }

    /// Codec and duration in ticks, if it is a packet with sound; a malformed one counts as 20 ms, to be concealed.
    fn sound_of(&self, rtp: &IncomingRtp<'_>) -> Option<(Codec, u32)> {
        let (_, codec) = *self
            .payload_types
            .iter()
            .find(|(payload_type, _)| *payload_type == rtp.payload_type)?;
        Some((codec, codec.packet_ticks(rtp.payload).unwrap_or(codec.frame_ticks())))
    }

    /// Whether the packet is of the source that we play, which it may become.
    fn accept_source(&mut self, rtp: &IncomingRtp<'_>, sound: Option<(Codec, u32)>) -> bool {
        let present = self.source.as_ref().map(|source| source.reception.ssrc());
        if present == Some(rtp.ssrc) {
            self.rival = None;
            return true;
        }
        if present.is_some() && self.rival != Some(rtp.ssrc) {
            self.rival = Some(rtp.ssrc);
            return false;
        }
        if let Some(source) = self.source.take() {
            self.totals.lost += source.reception.lost();
            self.totals.retire(&source.playout);
        }
        self.rival = None;
        self.source = Some(Source {
            reception: Reception::new(rtp.ssrc, rtp.sequence),
            playout: Playout::new(sound.map_or(48_000, |(codec, _)| codec.clock_rate())),
            latest: rtp.sequence,
        });
        true
    }
}

impl Totals {
    fn retire(&mut self, playout: &Playout) {
        self.discarded += playout.jitter().discarded();
        self.counts.add(playout.counts());
    }
}

impl Levels {
    fn hear(&mut self, frame: &[i16]) {
        let power = level::mean_power(frame);
        let level = level::from_power(power);
        self.last = Some(level);
        if level > level::AUDIBLE {
            self.frames_heard += 1;
            self.power_heard += power;
        }
    }
}

fn arrival<'a>(rtp: &IncomingRtp<'a>, sound: Option<(Codec, u32)>) -> Arrival<'a> {
    Arrival {
        sequence: rtp.sequence,
        timestamp: rtp.timestamp,
        sound,
        payload: rtp.payload,
    }
}

fn is_newer(sequence: u16, than: u16) -> bool {
    sequence.wrapping_sub(than).cast_signed() > 0
}

#[cfg(test)]
mod tests;
