//! What is known of one RTP source: validity, losses and jitter (RFC 3550 A.1, A.3, A.8).
use std::time::Instant;

/// Sequence numbers that may be missing in a row (A.1).
const MAX_DROPOUT: u16 = 3_000;
/// How far back a packet may be (A.1).
const MAX_MISORDER: u16 = 100;

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

/// Counts one source's packets.
#[derive(Clone, Debug)]
pub struct Reception {
    ssrc: u32,
    base: u32,
    highest: u16,
    cycles: u32,
    suspect: Option<u16>,
    received: u64,
    expected_before: u64,
    received_before: u64,
    jitter: f64,
    clock_rate: u32,
    last: Option<(Instant, u32)>,
}

impl Reception {
    /// Starts with the first packet of a source, which still goes to `count`.
    pub fn new(ssrc: u32, sequence: u16) -> Self {
        Self {
            ssrc,
            base: u32::from(sequence),
            highest: sequence,
            cycles: 0,
            suspect: None,
            received: 0,
            expected_before: 0,
            received_before: 0,
            jitter: 0.0,
            clock_rate: 0,
            last: None,
        }
    }

    /// The source.
    pub fn ssrc(&self) -> u32 {
        self.ssrc
    }

    /// Counts a packet (A.1). One far off does not count until its successor comes: the source has started anew then.
    pub fn count(&mut self, sequence: u16) {
        let step = sequence.wrapping_sub(self.highest);
        if step < MAX_DROPOUT {
            if sequence < self.highest {
                self.cycles = self.cycles.wrapping_add(0x1_0000);
            }
            self.highest = sequence;
        } else if step <= u16::MAX - MAX_MISORDER {
            if self.suspect != Some(sequence) {
                self.suspect = Some(sequence.wrapping_add(1));
                return;
            }
            let jitter = self.jitter;
            *self = Self {
                jitter,
                clock_rate: self.clock_rate,
                ..Self::new(self.ssrc, sequence)
            };
        }
        self.suspect = None;
        self.received += 1;
    }

    /// Takes the arrival of a packet of sound (A.8).
    pub fn time(&mut self, timestamp: u32, clock_rate: u32, now: Instant) {
        if self.clock_rate != clock_rate {
            self.jitter *= f64::from(clock_rate) / f64::from(self.clock_rate.max(1));
            self.clock_rate = clock_rate;
            self.last = None;
        }
        if let Some((before, last)) = self.last {
            let arrived = now.saturating_duration_since(before).as_secs_f64() * f64::from(clock_rate);
            let sent = f64::from(timestamp.wrapping_sub(last).cast_signed());
            // a pause or a new start is no jitter
            if (arrived - sent).abs() < f64::from(clock_rate) * 5.0 {
                self.jitter += ((arrived - sent).abs() - self.jitter) / 16.0;
            }
        }
        self.last = Some((now, timestamp));
    }

    /// Packets expected less packets received.
    pub fn lost(&self) -> i64 {
        self.expected().cast_signed() - self.received.cast_signed()
    }

    /// Interarrival jitter in seconds.
    pub fn jitter(&self) -> f64 {
        if self.clock_rate == 0 {
            0.0
        } else {
            self.jitter / f64::from(self.clock_rate)
        }
    }

    /// The numbers of a report block (A.3); starts the next interval.
    pub fn report(&mut self) -> ReceptionNumbers {
        let expected = self.expected().saturating_sub(self.expected_before);
        let received = self.received.saturating_sub(self.received_before);
        self.expected_before += expected;
        self.received_before += received;
        let fraction_lost = match expected.saturating_sub(received) {
            0 => 0,
            lost => (lost * 256 / expected.max(1)).min(255) as u8,
        };
        ReceptionNumbers {
            ssrc: self.ssrc,
            fraction_lost,
            cumulative_lost: self.lost().clamp(-0x80_0000, 0x7f_ffff) as i32,
            extended_highest_sequence: self.extended_highest(),
            jitter: self.jitter as u32,
        }
    }

    fn extended_highest(&self) -> u32 {
        self.cycles.wrapping_add(u32::from(self.highest))
    }

    fn expected(&self) -> u64 {
        u64::from(self.extended_highest().wrapping_sub(self.base)) + 1
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_clock::start;
    use proptest::prelude::*;
    use std::time::Duration;

    fn counted(sequences: impl IntoIterator<Item = u16>) -> Reception {
        let mut sequences = sequences.into_iter().peekable();
        let mut reception = Reception::new(7, *sequences.peek().unwrap());
        sequences.for_each(|sequence| reception.count(sequence));
        reception
    }

    #[test]
    fn loss_is_cumulative_and_per_interval() {
        let mut reception = counted((0..100).filter(|n| n % 4 != 1));
        let first = reception.report();
        assert_eq!((first.cumulative_lost, first.fraction_lost, first.ssrc), (25, 64, 7));
        (100..200).for_each(|sequence| reception.count(sequence));
        let second = reception.report();
        assert_eq!((second.cumulative_lost, second.fraction_lost), (25, 0));
        assert_eq!(second.extended_highest_sequence, 199);
    }

    #[test]
    fn sequence_numbers_wrap() {
        let mut reception = counted((65_530..=65_535).chain(0..10));
        assert_eq!(reception.lost(), 0);
        assert_eq!(reception.report().extended_highest_sequence, 0x1_0009);
    }

    #[test]
    fn duplicates_make_loss_negative_and_reordering_does_not_count() {
        assert_eq!(counted([1, 2, 3, 3, 2]).lost(), -2);
        assert_eq!(counted([1, 3, 2, 4, 6, 5]).lost(), 0);
        assert_eq!(counted([1, 2, 2]).report().fraction_lost, 0);
    }

    #[test]
    fn a_stray_packet_is_ignored_and_a_new_start_is_taken() {
        assert_eq!(counted([1, 2, 40_000, 3, 4]).report().extended_highest_sequence, 4);
        let mut restarted = counted([1, 2, 40_000, 40_001, 40_002]);
        assert_eq!(
            (restarted.lost(), restarted.report().extended_highest_sequence),
            (0, 40_002)
        );
    }

    #[test]
    fn jitter_follows_the_arrival_times() {
        let begin = start();
        let mut steady = Reception::new(1, 0);
        let mut shaken = Reception::new(1, 0);
        for n in 0..500_u32 {
            let now = begin + Duration::from_millis(20) * n;
            steady.time(n * 960, 48_000, now);
            shaken.time(n * 960, 48_000, now + Duration::from_millis(10) * (n % 2));
        }
        assert!(steady.jitter() < 1e-6);
        assert!((shaken.jitter() - 0.010).abs() < 1e-4, "{}", shaken.jitter());
        assert_eq!(shaken.report().jitter, 479);
    }

    #[test]
    fn jitter_survives_a_change_of_clock() {
        let begin = start();
        let mut reception = Reception::new(1, 0);
        for n in 0..200_u32 {
            let now = begin + Duration::from_millis(u64::from(20 * n + 8 * (n % 2)));
            let (timestamp, clock) = if n < 100 { (n * 960, 48_000) } else { (n * 160, 8_000) };
            reception.time(timestamp, clock, now);
        }
        assert!((reception.jitter() - 0.008).abs() < 5e-4, "{}", reception.jitter());
    }

    proptest! {
        #[test]
        fn any_sequence_of_packets_keeps_the_numbers_in_range(
            packets in proptest::collection::vec((any::<u16>(), any::<u32>(), 0..10_u64), 1..400),
        ) {
            let mut now = start();
            let mut reception = Reception::new(1, packets[0].0);
            for (sequence, timestamp, wait) in packets {
                now += Duration::from_millis(wait);
                reception.count(sequence);
                reception.time(timestamp, 48_000, now);
                let numbers = reception.report();
                prop_assert!((-0x80_0000..=0x7f_ffff).contains(&numbers.cumulative_lost));
                prop_assert!(reception.jitter().is_finite());
            }
        }
    }
}
