//! Jitter buffer of one RTP source: puts packets in order, holds them as long as the network needs, tells losses.
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::codec::Codec;
use super::delay::DelayEstimator;

/// Sound held at most; beyond it the oldest packet goes.
pub const MAX_DELAY: Duration = Duration::from_millis(400);
/// Packets held at most (400 ms in packets of 2.5 ms); beyond it the oldest goes.
const MAX_PACKETS: usize = 160;
/// Sequence numbers further apart than this are a new start (as `MAX_DROPOUT` of RFC 3550 A.1).
const MAX_SEQUENCE_JUMP: i64 = 3_000;
/// Timestamps that leave the arrival times by more than this are a new start, seconds.
const MAX_TIME_JUMP: i64 = 2;
/// Payload buffers kept for reuse.
const MAX_SPARE: usize = 32;

/// A packet to be held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Arrival<'a> {
    /// RTP sequence number.
    pub sequence: u16,
    /// RTP timestamp.
    pub timestamp: u32,
    /// What it is: its codec and its duration in ticks, or `None` for a packet without sound (RFC 4733, RFC 3389).
    pub sound: Option<(Codec, u32)>,
    /// Its payload.
    pub payload: &'a [u8],
}

/// What comes next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next<'a> {
    /// A packet.
    Sound {
        /// Its codec.
        codec: Codec,
        /// Its payload.
        payload: &'a [u8],
        /// Its duration.
        ticks: u32,
        /// The part of it at its beginning whose time has passed.
        skip: u32,
    },
    /// A packet that is lost.
    Lost {
        /// How much sound is missing.
        ticks: u32,
        /// The packet after it, which may carry its FEC.
        following: Option<(Codec, &'a [u8])>,
    },
    /// Nothing is there yet: bridge 20 ms, its time does not count.
    Late,
    /// The far side sent nothing for this time (DTX, comfort noise, telephone-events).
    Pause {
        /// For how long.
        ticks: u32,
    },
    /// No packet ever came.
    Nothing,
}

/// The buffer. Packets go in as they arrive, what to play comes out.
pub struct JitterBuffer {
    clock_rate: u32,
    epoch: Option<Instant>,
    stream: Option<Stream>,
    queue: VecDeque<Held>,
    held_ticks: i64,
    current: Vec<u8>,
    spare: Vec<Vec<u8>>,
    discarded: u64,
}

/// Where in the source's stream we are; timestamps and sequence numbers are extended.
struct Stream {
    delay: DelayEstimator,
    /// Highest sequence number, and which of the 128 up to it have come (bit 0 is the highest).
    highest: i64,
    seen: u128,
    latest_timestamp: i64,
    /// What is to be played next, and the last packet taken out.
    play: i64,
    taken: Option<i64>,
}

struct Held {
    sequence: i64,
    timestamp: i64,
    sound: Option<(Codec, u32)>,
    payload: Vec<u8>,
}

impl Held {
    fn ticks(&self) -> i64 {
        self.sound.map_or(0, |(_, ticks)| i64::from(ticks))
    }
}

impl JitterBuffer {
    /// An empty buffer for a clock rate in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            clock_rate: clock_rate.max(50),
            epoch: None,
            stream: None,
            queue: VecDeque::new(),
            held_ticks: 0,
            current: Vec::new(),
            spare: Vec::new(),
            discarded: 0,
        }
    }

    /// Clock rate in Hz.
    pub fn clock_rate(&self) -> u32 {
        self.clock_rate
    }

    /// Packets that came too late or twice, or did not fit.
    pub fn discarded(&self) -> u64 {
        self.discarded
    }

    /// Packets held.
    pub fn len(&self) -> usize {
        self.queue.len()
    }

    /// Whether none is held.
    pub fn is_empty(&self) -> bool {
        self.queue.is_empty()
    }

    /// How long the fastest packet should wait.
    pub fn target(&self) -> Duration {
        self.stream
            .as_ref()
            .map_or(Duration::ZERO, |stream| self.duration(stream.delay.target()))
    }

    /// How long the fastest packet waits if it is played `now` on.
    pub fn delay(&self, now: Instant) -> Duration {
        let now = self.ticks_at(now);
        let delay = self.stream.as_ref().map_or(0, |stream| stream.delay_at(now));
        self.duration(delay.min(self.ticks(MAX_DELAY) + self.frame()))
    }

    /// By how much the delay is above its target with packets waiting that could be played instead.
    pub fn excess(&self, now: Instant) -> Duration {
        let now = self.ticks_at(now);
        let Some(stream) = self.stream.as_ref().filter(|_| self.held_ticks >= 2 * self.frame()) else {
            return Duration::ZERO;
        };
        self.duration(stream.delay_at(now) - stream.delay.target())
    }

    /// Takes a packet that arrived `now`.
    pub fn insert(&mut self, arrival: Arrival<'_>, now: Instant) {
        self.epoch.get_or_insert(now);
        let now = self.ticks_at(now);
        if self
            .stream
            .as_ref()
            .is_some_and(|stream| stream.is_new_start(&arrival, now, self.clock_rate))
        {
            self.restart();
        }
        let Some(stream) = self.stream.as_mut() else {
            return self.start(arrival, now);
        };
        let (sequence, timestamp) = (stream.sequence(arrival.sequence), stream.timestamp(arrival.timestamp));
        if !stream.mark_seen(sequence) {
            self.discarded += 1;
            return;
        }
        stream.latest_timestamp = if sequence == stream.highest {
            timestamp
        } else {
            stream.latest_timestamp
        };
        if let Some((_, ticks)) = arrival.sound {
            stream.delay.observe(now - timestamp, now);
            if timestamp + i64::from(ticks) <= stream.play {
                self.discarded += 1;
                return;
            }
        }
        self.hold(sequence, timestamp, arrival);
    }

    /// Takes out what is to be played `now`.
    pub fn pop(&mut self, now: Instant) -> Next<'_> {
        let now = self.ticks_at(now);
        let frame = self.frame();
        if let Some(stream) = self.stream.as_mut().filter(|stream| stream.taken.is_none()) {
            stream.catch_up(i64::MAX, now, frame, 1);
        }
        self.drop_what_has_passed();
        let Some(stream) = self.stream.as_mut() else {
            return Next::Nothing;
        };
        let Some((sequence, timestamp)) = self.queue.front().map(|first| (first.sequence, first.timestamp)) else {
            return Next::Late;
        };
        let is_lost = stream.taken.is_some_and(|taken| taken + 1 != sequence);
        stream.catch_up(timestamp, now, frame, if is_lost { 3 } else { 1 });
        let gap = timestamp - stream.play;
        if gap <= 0 {
            self.take_first()
        } else if !is_lost {
            Self::pause(stream, gap.min(frame))
        } else if stream.delay_at(now) < stream.delay.target() {
            Next::Late
        } else {
            self.lost(gap, frame)
        }
    }

    fn pause(stream: &mut Stream, ticks: i64) -> Next<'static> {
        stream.play += ticks;
        Next::Pause { ticks: ticks as u32 }
    }

    fn lost(&mut self, gap: i64, frame: i64) -> Next<'_> {
        let (Some(stream), Some(first)) = (self.stream.as_mut(), self.queue.front()) else {
            return Next::Nothing;
        };
        // the last piece of a gap is as long as the packet after it, whose FEC covers just that
        let own = first.ticks().max(1);
        let (ticks, adjoins) = if gap <= own {
            (gap, true)
        } else {
            (frame.min(gap - own), false)
        };
        stream.play += ticks;
        let following = first
            .sound
            .filter(|_| adjoins)
            .map(|(codec, _)| (codec, first.payload.as_slice()));
        Next::Lost {
            ticks: ticks as u32,
            following,
        }
    }

    fn take_first(&mut self) -> Next<'_> {
        let (Some(held), Some(stream)) = (self.queue.pop_front(), self.stream.as_mut()) else {
            return Next::Nothing;
        };
        let Some((codec, ticks)) = held.sound else {
            return Next::Nothing;
        };
        let skip = (stream.play - held.timestamp).clamp(0, i64::from(ticks));
        stream.taken = Some(held.sequence);
        stream.play = held.timestamp + i64::from(ticks);
        self.held_ticks -= i64::from(ticks);
        let before = std::mem::replace(&mut self.current, held.payload);
        self.recycle(before);
        Next::Sound {
            codec,
            payload: &self.current,
            ticks,
            skip: skip as u32,
        }
    }

    /// Removes packets from the front that are not to be played: without sound, or whose time has passed.
    fn drop_what_has_passed(&mut self) {
        let Some(stream) = self.stream.as_mut() else { return };
        while let Some(first) = self.queue.front() {
            let is_late = first.sound.is_some() && first.timestamp + first.ticks() <= stream.play;
            if first.sound.is_some() && !is_late {
                return;
            }
            self.discarded += u64::from(is_late);
            self.held_ticks -= first.ticks();
            stream.taken = Some(first.sequence);
            if let Some(held) = self.queue.pop_front() {
                recycle(&mut self.spare, held.payload);
            }
        }
    }

    fn start(&mut self, arrival: Arrival<'_>, now: i64) {
        // a packet without sound tells nothing about time
        if arrival.sound.is_none() {
            return;
        }
        let timestamp = i64::from(arrival.timestamp);
        let delay = DelayEstimator::new(self.clock_rate, now - timestamp, now);
        self.stream = Some(Stream {
            play: timestamp - delay.target(),
            delay,
            highest: i64::from(arrival.sequence),
            seen: 1,
            latest_timestamp: timestamp,
            taken: None,
        });
        self.hold(i64::from(arrival.sequence), timestamp, arrival);
    }

    fn restart(&mut self) {
        self.discarded += self.queue.len() as u64;
        self.stream = None;
        self.held_ticks = 0;
        while let Some(held) = self.queue.pop_front() {
            self.recycle(held.payload);
        }
    }

    fn hold(&mut self, sequence: i64, timestamp: i64, arrival: Arrival<'_>) {
        let mut payload = self.spare.pop().unwrap_or_default();
        payload.clear();
        payload.extend_from_slice(arrival.payload);
        let held = Held {
            sequence,
            timestamp,
            sound: arrival.sound,
            payload,
        };
        self.held_ticks += held.ticks();
        let place = self.queue.partition_point(|other| other.sequence < sequence);
        self.queue.insert(place, held);
        while self.queue.len() > MAX_PACKETS || self.held_ticks > self.ticks(MAX_DELAY) {
            self.drop_oldest();
        }
    }

    fn drop_oldest(&mut self) {
        let (Some(held), Some(stream)) = (self.queue.pop_front(), self.stream.as_mut()) else {
            self.held_ticks = 0;
            return;
        };
        self.held_ticks -= held.ticks();
        self.discarded += 1;
        stream.taken = Some(held.sequence);
        stream.play = stream.play.max(held.timestamp + held.ticks());
        self.recycle(held.payload);
    }

    fn recycle(&mut self, payload: Vec<u8>) {
        recycle(&mut self.spare, payload);
    }

    fn frame(&self) -> i64 {
        i64::from(self.clock_rate / 50)
    }

    fn ticks(&self, duration: Duration) -> i64 {
        let ticks = duration.as_nanos() * u128::from(self.clock_rate) / 1_000_000_000;
        i64::try_from(ticks).unwrap_or(i64::MAX)
    }

    fn ticks_at(&self, now: Instant) -> i64 {
        self.epoch
            .map_or(0, |epoch| self.ticks(now.saturating_duration_since(epoch)))
    }

    fn duration(&self, ticks: i64) -> Duration {
        Duration::from_secs_f64(ticks.max(0) as f64 / f64::from(self.clock_rate))
    }
}

impl Stream {
    fn delay_at(&self, now: i64) -> i64 {
        now - self.play - self.delay.base()
    }

    fn sequence(&self, sequence: u16) -> i64 {
        self.highest + i64::from(sequence.wrapping_sub(self.highest as u16).cast_signed())
    }

    fn timestamp(&self, timestamp: u32) -> i64 {
        self.latest_timestamp + i64::from(timestamp.wrapping_sub(self.latest_timestamp as u32).cast_signed())
    }

    /// A sender that started anew under the same SSRC: its numbers lead nowhere from those we know.
    fn is_new_start(&self, arrival: &Arrival<'_>, now: i64, clock_rate: u32) -> bool {
        let step = self.sequence(arrival.sequence) - self.highest;
        let is_off =
            (now - self.timestamp(arrival.timestamp) - self.delay.base()).abs() > MAX_TIME_JUMP * i64::from(clock_rate);
        step.abs() > MAX_SEQUENCE_JUMP || (step > 0 && is_off && arrival.sound.is_some())
    }

    /// Notes a sequence number; `false` when it was there before or is too old to tell.
    fn mark_seen(&mut self, sequence: i64) -> bool {
        if sequence > self.highest {
            let step = u32::try_from(sequence - self.highest).unwrap_or(u32::MAX);
            self.seen = self.seen.checked_shl(step).unwrap_or(0) | 1;
            self.highest = sequence;
            return true;
        }
        let bit = u32::try_from(self.highest - sequence)
            .ok()
            .and_then(|back| 1_u128.checked_shl(back));
        let is_new = bit.is_some_and(|bit| self.seen & bit == 0);
        self.seen |= bit.unwrap_or(0);
        is_new
    }

    /// Where sound is missing anyway, up to `first`, whole frames lost by waiting are made good if there are `worth` of them.
    fn catch_up(&mut self, first: i64, now: i64, frame: i64, worth: i64) {
        let wanted = (now - self.delay.base() - self.delay.target()).min(first);
        let frames = (wanted - self.play) / frame;
        if frames >= worth {
            self.play += frames * frame;
        }
    }
}

fn recycle(spare: &mut Vec<Vec<u8>>, payload: Vec<u8>) {
    if spare.len() < MAX_SPARE {
        spare.push(payload);
    }
}

#[cfg(test)]
mod tests;
