//! Where in an RTP source's stream its playing is: extended numbers, what has come, what is to be played next.
use super::delay::DelayEstimator;
use super::jitter::Arrival;

/// Sequence numbers further apart than this are a new start (as `MAX_DROPOUT` of RFC 3550 A.1).
const MAX_SEQUENCE_JUMP: i64 = 3_000;
/// Timestamps that leave the arrival times by more than this are a new start, seconds.
const MAX_TIME_JUMP: i64 = 2;

/// The place in the stream; timestamps and sequence numbers are extended.
pub(super) struct Timeline {
    pub(super) delay: DelayEstimator,
    /// What is to be played next.
    pub(super) play: i64,
    /// The last packet taken out.
    taken: Option<i64>,
    /// Highest sequence number, and which of the 128 up to it have come (bit 0 is the highest).
    highest: i64,
    seen: u128,
    latest_timestamp: i64,
}

impl Timeline {
    /// Starts with a packet that arrived at `now`, in ticks.
    pub(super) fn new(sequence: u16, timestamp: u32, clock_rate: u32, now: i64) -> Self {
        let timestamp = i64::from(timestamp);
        let delay = DelayEstimator::new(clock_rate, now - timestamp, now);
        Self {
            play: timestamp - delay.target(),
            delay,
            taken: None,
            highest: i64::from(sequence),
            seen: 1,
            latest_timestamp: timestamp,
        }
    }

    /// How long the fastest packet waits if it is played now.
    pub(super) fn delay_at(&self, now: i64) -> i64 {
        now - self.play - self.delay.base()
    }

    /// The extended sequence number.
    pub(super) fn sequence(&self, sequence: u16) -> i64 {
        self.highest + i64::from(sequence.wrapping_sub(self.highest as u16).cast_signed())
    }

    /// The extended timestamp.
    pub(super) fn timestamp(&self, timestamp: u32) -> i64 {
        self.latest_timestamp + i64::from(timestamp.wrapping_sub(self.latest_timestamp as u32).cast_signed())
    }

    /// A sender that started anew under the same SSRC: its numbers lead nowhere from those we know.
    pub(super) fn is_new_start(&self, arrival: &Arrival<'_>, now: i64, clock_rate: u32) -> bool {
        let step = self.sequence(arrival.sequence) - self.highest;
        let is_off =
            (now - self.timestamp(arrival.timestamp) - self.delay.base()).abs() > MAX_TIME_JUMP * i64::from(clock_rate);
        step.abs() > MAX_SEQUENCE_JUMP || (step > 0 && is_off && arrival.sound.is_some())
    }

    /// Whether no packet was taken out yet.
    pub(super) fn is_fresh(&self) -> bool {
        self.taken.is_none()
    }

    /// Whether packets are missing between the last one taken out and this one.
    pub(super) fn is_gap_before(&self, sequence: i64) -> bool {
        self.taken.is_some_and(|taken| taken + 1 < sequence)
    }

    /// Notes that a packet is taken out and that its sound ends at `end`.
    pub(super) fn take(&mut self, sequence: i64, end: i64) {
        self.taken = Some(self.taken.map_or(sequence, |taken| taken.max(sequence)));
        self.play = self.play.max(end);
    }

    /// Notes the timestamp of the packet with the highest sequence number, from which others are extended.
    pub(super) fn mark_time(&mut self, sequence: i64, timestamp: i64) {
        if sequence == self.highest {
            self.latest_timestamp = timestamp;
        }
    }

    /// Notes a sequence number; `false` when it was there before or is too old to tell.
    pub(super) fn mark_seen(&mut self, sequence: i64) -> bool {
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
    pub(super) fn catch_up(&mut self, first: i64, now: i64, frame: i64, worth: i64) {
        let wanted = (now - self.delay.base() - self.delay.target()).min(first);
        let frames = (wanted - self.play) / frame;
        if frames >= worth {
            self.play += frames * frame;
        }
    }
}
