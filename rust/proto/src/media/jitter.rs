//! Jitter buffer of one RTP source: puts packets in order, holds them as long as the network needs, tells losses.
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::codec::Codec;
use super::timeline::Timeline;

/// Sound held at most; beyond it the oldest packet goes.
pub const MAX_DELAY: Duration = Duration::from_millis(400);
/// Packets held at most (400 ms in packets of 2.5 ms); beyond it the oldest goes.
const MAX_PACKETS: usize = 160;
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
    timeline: Option<Timeline>,
    queue: VecDeque<Held>,
    held_ticks: i64,
    current: Vec<u8>,
    spare: Vec<Vec<u8>>,
    discarded: u64,
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
            timeline: None,
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
        self.timeline
            .as_ref()
            .map_or(Duration::ZERO, |timeline| self.duration(timeline.delay.target()))
    }

    /// How long the fastest packet waits if it is played `now` on.
    pub fn delay(&self, now: Instant) -> Duration {
        let now = self.ticks_at(now);
        let delay = self.timeline.as_ref().map_or(0, |timeline| timeline.delay_at(now));
        self.duration(delay.min(self.ticks(MAX_DELAY) + self.frame()))
    }

    /// By how much the delay is above its target with packets waiting that could be played instead.
    pub fn excess(&self, now: Instant) -> Duration {
        let now = self.ticks_at(now);
        let Some(timeline) = self.timeline.as_ref().filter(|_| self.held_ticks >= 2 * self.frame()) else {
            return Duration::ZERO;
        };
        self.duration(timeline.delay_at(now) - timeline.delay.target())
    }

    /// Takes a packet that arrived `now`.
    pub fn insert(&mut self, arrival: Arrival<'_>, now: Instant) {
        self.epoch.get_or_insert(now);
        let now = self.ticks_at(now);
        if self
            .timeline
            .as_ref()
            .is_some_and(|timeline| timeline.is_new_start(&arrival, now, self.clock_rate))
        {
            self.restart();
        }
        let Some(timeline) = self.timeline.as_mut() else {
            return self.start(arrival, now);
        };
        let (sequence, timestamp) = (
            timeline.sequence(arrival.sequence),
            timeline.timestamp(arrival.timestamp),
        );
        if !timeline.mark_seen(sequence) {
            self.discarded += 1;
            return;
        }
        timeline.mark_time(sequence, timestamp);
        if let Some((_, ticks)) = arrival.sound {
            timeline.delay.observe(now - timestamp, now);
            if timestamp + i64::from(ticks) <= timeline.play {
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
        if let Some(timeline) = self.timeline.as_mut().filter(|timeline| timeline.is_fresh()) {
            timeline.catch_up(i64::MAX, now, frame, 1);
        }
        self.drop_what_has_passed();
        let Some(timeline) = self.timeline.as_mut() else {
            return Next::Nothing;
        };
        let Some((sequence, timestamp)) = self.queue.front().map(|first| (first.sequence, first.timestamp)) else {
            return Next::Late;
        };
        let is_lost = timeline.is_gap_before(sequence);
        timeline.catch_up(timestamp, now, frame, if is_lost { 3 } else { 1 });
        let gap = timestamp - timeline.play;
        if gap <= 0 {
            self.take_first()
        } else if !is_lost {
            Self::pause(timeline, gap.min(frame))
        } else if timeline.delay_at(now) < timeline.delay.target() {
            Next::Late
        } else {
            self.lost(gap, frame)
        }
    }

    fn pause(timeline: &mut Timeline, ticks: i64) -> Next<'static> {
        timeline.play += ticks;
        Next::Pause { ticks: ticks as u32 }
    }

    fn lost(&mut self, gap: i64, frame: i64) -> Next<'_> {
        let (Some(timeline), Some(first)) = (self.timeline.as_mut(), self.queue.front()) else {
            return Next::Nothing;
        };
        // the last piece of a gap is as long as the packet after it, whose FEC covers just that
        let own = first.ticks().max(1);
        let (ticks, adjoins) = if gap <= own {
            (gap, true)
        } else {
            (frame.min(gap - own), false)
        };
        timeline.play += ticks;
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
        let (Some(held), Some(timeline)) = (self.queue.pop_front(), self.timeline.as_mut()) else {
            return Next::Nothing;
        };
        let Some((codec, ticks)) = held.sound else {
            return Next::Nothing;
        };
        let skip = (timeline.play - held.timestamp).clamp(0, i64::from(ticks));
        timeline.take(held.sequence, held.timestamp + i64::from(ticks));
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
        let Some(timeline) = self.timeline.as_mut() else { return };
        while let Some(first) = self.queue.front() {
            let is_late = first.sound.is_some() && first.timestamp + first.ticks() <= timeline.play;
            if first.sound.is_some() && !is_late {
                return;
            }
            self.discarded += u64::from(is_late);
            self.held_ticks -= first.ticks();
            timeline.take(first.sequence, timeline.play);
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
        self.timeline = Some(Timeline::new(arrival.sequence, arrival.timestamp, self.clock_rate, now));
        self.hold(i64::from(arrival.sequence), i64::from(arrival.timestamp), arrival);
    }

    fn restart(&mut self) {
        self.discarded += self.queue.len() as u64;
        self.timeline = None;
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
        let (Some(held), Some(timeline)) = (self.queue.pop_front(), self.timeline.as_mut()) else {
            self.held_ticks = 0;
            return;
        };
        self.held_ticks -= held.ticks();
        self.discarded += 1;
        timeline.take(held.sequence, held.timestamp + held.ticks());
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

fn recycle(spare: &mut Vec<Vec<u8>>, payload: Vec<u8>) {
    if spare.len() < MAX_SPARE {
        spare.push(payload);
    }
}

#[cfg(test)]
mod tests;
