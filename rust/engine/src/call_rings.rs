//! The rings of one call as its tick sees them, and the rhythm of a writer that speaks live.
use std::sync::Arc;
use std::time::{Duration, Instant};

use c2c_proto::io::AudioPort;

use crate::audio_ring::{Announce, ReaderRing, Sides, WriterRing, end_reader, end_writer};

/// All rings of one call.
#[derive(Debug, Default)]
pub(crate) struct CallRings {
    readers: Vec<Arc<ReaderRing>>,
    /// The open writer stands last, before it those that drain.
    writers: Vec<Arc<WriterRing>>,
    rhythm: Rhythm,
}

impl CallRings {
    pub(crate) fn add_reader(&mut self, ring: Arc<ReaderRing>) {
        self.readers.push(ring);
    }

    pub(crate) fn add_writer(&mut self, ring: Arc<WriterRing>) {
        self.writers.push(ring);
    }

    /// A port for one tick, which announces what becomes ready.
    pub(crate) fn port<'a>(&'a mut self, announce: &'a dyn Announce, now: Instant, lateness: Duration) -> RingPort<'a> {
        self.readers.retain(|ring| !ring.closed());
        let mut port = RingPort {
            rings: self,
            announce,
            now,
            lateness,
            sent: Vec::new(),
        };
        port.end_drained_writers();
        port
    }

    /// After a tick: a better moment for the next ones, when the writer's frames had to wait for this one.
    pub(crate) fn better_moment(&mut self) -> Option<Instant> {
        self.rhythm.better.take()
    }

    /// The call is over.
    pub(crate) fn end(&mut self, announce: &dyn Announce) {
        for ring in self.readers.drain(..) {
            end_reader(&ring, announce);
        }
        for ring in self.writers.drain(..) {
            end_writer(&ring, announce);
        }
    }
}

/// The rings of a call during one tick; what the user agent plays to and from.
pub(crate) struct RingPort<'a> {
    rings: &'a mut CallRings,
    announce: &'a dyn Announce,
    now: Instant,
    lateness: Duration,
    /// What this side says in this tick, by rate.
    sent: Vec<(u32, Vec<i16>)>,
}

impl RingPort<'_> {
    /// Lets go of writers whose last frame has left.
    fn end_drained_writers(&mut self) {
        let announce = self.announce;
        self.rings.writers.retain(|ring| {
            let drained = ring.drained();
            if drained {
                end_writer(ring, announce);
            }
            !drained
        });
    }
}

impl AudioPort for RingPort<'_> {
    fn outgoing_rate(&self) -> Option<u32> {
        self.rings.writers.first().map(|ring| ring.rate())
    }

    fn pull(&mut self, frame: &mut [i16]) -> bool {
        let Some(ring) = self.rings.writers.first() else {
            return false;
        };
        let pulled = ring.pull(frame);
        let written = if pulled { ring.last_written() } else { None };
        self.rings.rhythm.observe(written, self.now);
        if ring.was_waiting() {
            self.announce.announce(ring.flag());
        }
        self.end_drained_writers();
        pulled
    }

    fn incoming_rates(&self) -> Vec<u32> {
        rates(self.rings.readers.iter())
    }

    fn sent_rates(&self) -> Vec<u32> {
        rates(self.rings.readers.iter().filter(|ring| ring.sides() == Sides::Both))
    }

    fn push_sent(&mut self, rate: u32, samples: &[i16]) {
        self.sent.push((rate, samples.to_vec()));
    }

    fn lateness(&self) -> Duration {
        self.lateness
    }

    fn push(&mut self, rate: u32, samples: &[i16], position: u64) {
        let sent = self.sent.iter().find(|(of, _)| *of == rate);
        let near = sent.map_or(&[][..], |(_, samples)| samples);
        for ring in self.rings.readers.iter().filter(|ring| ring.rate() == rate) {
            ring.push(samples, near, position);
            self.announce.announce(ring.flag());
        }
    }
}

fn rates<'a>(rings: impl Iterator<Item = &'a Arc<ReaderRing>>) -> Vec<u32> {
    let mut rates: Vec<u32> = rings.map(|ring| ring.rate()).collect();
    rates.sort_unstable();
    rates.dedup();
    rates
}

/// Frames in a row that a writer must have kept its rhythm for.
const STEADY: u32 = 50;
/// Frames that wait no longer than this are left alone.
const SHORT: Duration = Duration::from_micros(7_500);
/// What a steady writer may be late by without missing its tick.
const MARGIN: Duration = Duration::from_micros(2_500);

/// When in the period a writer's frames come, so that a call can tick right after. A writer that is ahead, since it waits
/// for room and not for its own clock, has no rhythm.
#[derive(Debug, Default)]
struct Rhythm {
    frames: u32,
    /// The frame that waited the shortest: when it came, and how long it waited.
    latest: Option<(Instant, Duration)>,
    better: Option<Instant>,
}

impl Rhythm {
    /// Takes note of the only frame that waited for a tick, or that there was none or more than one.
    fn observe(&mut self, written: Option<Instant>, now: Instant) {
        let Some(written) = written else {
            (self.frames, self.latest) = (0, None);
            return;
        };
        self.frames += 1;
        let waited = now.saturating_duration_since(written);
        if self.latest.is_none_or(|(_, shortest)| waited < shortest) {
            self.latest = Some((written, waited));
        }
        if self.frames == STEADY {
            let latest = self.latest.take().filter(|(_, waited)| *waited > SHORT);
            self.better = latest.map(|(written, _)| written + MARGIN);
            self.frames = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use c2c_proto::io::FRAME;

    use super::*;

    fn better(waits: impl Iterator<Item = Option<u64>>) -> Option<Duration> {
        let start = Instant::now();
        let mut rhythm = Rhythm::default();
        let mut now = start;
        for wait in waits {
            now += FRAME;
            rhythm.observe(wait.and_then(|ms| now.checked_sub(Duration::from_millis(ms))), now);
            if let Some(better) = rhythm.better.take() {
                return Some(now - better);
            }
        }
        None
    }

    #[test]
    fn a_steady_writer_gets_the_slot_behind_its_latest_frame() {
        let waits = (0..STEADY).map(|frame| Some(if frame == STEADY - 1 { 12 } else { 14 }));
        assert_eq!(better(waits), Some(Duration::from_micros(9_500)));
    }

    #[test]
    fn a_writer_that_waits_shortly_or_is_ahead_or_late_is_left_alone() {
        assert_eq!(better((0..STEADY * 3).map(|_| Some(6))), None);
        assert_eq!(
            better((0..STEADY * 3).map(|frame| (frame % 10 != 0).then_some(14))),
            None
        );
    }
}
