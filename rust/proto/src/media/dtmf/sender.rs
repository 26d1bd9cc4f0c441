//! Tones to send: which packet stands in for the sound of each tick.
use std::collections::VecDeque;
use std::time::Duration;

use super::{END, LONGEST_SEGMENT};
use crate::dtmf::{Step, Tone};
use crate::io::FRAME;

/// Steps that wait at most.
const MAX_STEPS: usize = 256;
/// Packets with the end bit beyond the first (RFC 4733 §2.5.1.4).
const REPEATS: u8 = 2;
/// -10 dBm0, as browsers say.
const VOLUME: u8 = 10;

/// A packet of a tone.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OutgoingEvent {
    /// First packet of the tone.
    pub marker: bool,
    /// When the tone, or its segment, began.
    pub timestamp: u32,
    /// Code, flags and volume, duration.
    pub payload: [u8; 4],
}

/// The clock rates of the stream and of its telephone-events, Hz; usually the same.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Clocks {
    stream: u32,
    events: u32,
}

/// Sends sequences of tones, one after the other.
#[derive(Debug, Default)]
pub struct EventSender {
    steps: VecDeque<Step>,
    state: State,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Idle,
    Sounding(Sounding),
    /// Between steps, for this long.
    Quiet(Duration),
}

#[derive(Debug)]
struct Sounding {
    tone: Tone,
    duration: Duration,
    gap: Duration,
    clocks: Clocks,
    /// How much of it was sent.
    sent: Duration,
    /// RTP time at which the present segment began, and its place in the tone in ticks.
    timestamp: u32,
    segment: u32,
    repeats: u8,
}

impl EventSender {
    /// Queues steps; `false` when too many wait.
    pub fn send(&mut self, steps: VecDeque<Step>) -> bool {
        let fits = self.steps.len() + steps.len() <= MAX_STEPS;
        if fits {
            self.steps.extend(steps);
        }
        fits
    }

    /// The packet that goes instead of the next 20 ms of sound, which begin at `timestamp`; `None`: sound goes.
    pub fn tick(&mut self, timestamp: u32, stream_clock: u32, event_clock: u32) -> Option<OutgoingEvent> {
        if let State::Quiet(rest) = self.state {
            self.state = rest
                .checked_sub(FRAME)
                .filter(|rest| !rest.is_zero())
                .map_or(State::Idle, State::Quiet);
            return None;
        }
        if matches!(self.state, State::Idle) {
            let clocks = Clocks {
                stream: stream_clock,
                events: event_clock,
            };
            self.state = begin(self.steps.pop_front()?, timestamp, clocks);
        }
        let State::Sounding(sounding) = &mut self.state else {
            return self.tick(timestamp, stream_clock, event_clock);
        };
        let packet = sounding.next_packet();
        if let Some(next) = sounding.state_after_end() {
            self.state = next;
        }
        Some(packet)
    }
}

fn begin(step: Step, timestamp: u32, clocks: Clocks) -> State {
    match step {
        Step::Pause(time) => State::Quiet(time),
        Step::Tone { tone, duration, gap } => State::Sounding(Sounding {
            tone,
            duration,
            gap,
            clocks,
            sent: Duration::ZERO,
            timestamp,
            segment: 0,
            repeats: 0,
        }),
    }
}

impl Sounding {
    fn next_packet(&mut self) -> OutgoingEvent {
        let marker = self.sent.is_zero();
        if self.sent == self.duration {
            self.repeats += 1;
        }
        self.sent = (self.sent + FRAME).min(self.duration);
        let ticks = (self.sent.as_micros() * u128::from(self.clocks.events) / 1_000_000) as u32;
        let in_segment = ticks - self.segment;
        if in_segment > LONGEST_SEGMENT {
            return self.end_segment();
        }
        let end = if self.sent == self.duration { END } else { 0 };
        self.packet(marker, end, in_segment)
    }

    /// The last packet of a segment tells all of it; the next one is of the segment after it.
    fn end_segment(&mut self) -> OutgoingEvent {
        let packet = self.packet(false, 0, LONGEST_SEGMENT);
        let ticks = u64::from(LONGEST_SEGMENT) * u64::from(self.clocks.stream) / u64::from(self.clocks.events.max(1));
        self.timestamp = self.timestamp.wrapping_add(ticks as u32);
        self.segment += LONGEST_SEGMENT;
        // the end bit is for the segment that comes
        self.sent = self.sent.min(self.duration.saturating_sub(Duration::from_micros(1)));
        packet
    }

    /// What follows once the last packet was made: the rest of the gap, if there is one.
    fn state_after_end(&self) -> Option<State> {
        let is_over = self.sent == self.duration && self.repeats == REPEATS;
        let rest = self
            .gap
            .checked_sub(FRAME * u32::from(REPEATS))
            .filter(|rest| !rest.is_zero());
        is_over.then(|| rest.map_or(State::Idle, State::Quiet))
    }

    fn packet(&self, marker: bool, end: u8, duration: u32) -> OutgoingEvent {
        let [high, low] = (duration as u16).to_be_bytes();
        OutgoingEvent {
            marker,
            timestamp: self.timestamp,
            payload: [self.tone.event(), end | VOLUME, high, low],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::{DtmfRequest, DtmfTransport};

    /// What goes in each tick: `None` for sound.
    fn run(tones: &str, duration: u64, gap: u64, clocks: (u32, u32), ticks: u32) -> Vec<Option<OutgoingEvent>> {
        let request = DtmfRequest {
            tones: tones.into(),
            transport: DtmfTransport::Rfc4733,
            duration: Some(Duration::from_millis(duration)),
            inter_tone_gap: Some(Duration::from_millis(gap)),
        };
        let mut sender = EventSender::default();
        assert!(sender.send(request.steps().unwrap()));
        let frame = clocks.0 / 50;
        (0..ticks)
            .map(|tick| sender.tick(1_000 + tick * frame, clocks.0, clocks.1))
            .collect()
    }

    fn duration(event: OutgoingEvent) -> u32 {
        u32::from(u16::from_be_bytes([event.payload[2], event.payload[3]]))
    }

    #[test]
    fn a_tone_is_seven_packets_of_one_timestamp() {
        for (clock, frame) in [(8_000, 160), (48_000, 960)] {
            let events: Vec<_> = run("5", 100, 500, (clock, clock), 40).into_iter().flatten().collect();
            let durations: Vec<u32> = events.iter().map(|event| duration(*event) / frame).collect();
            assert_eq!(durations, [1, 2, 3, 4, 5, 5, 5]);
            let ends: Vec<bool> = events.iter().map(|event| event.payload[1] & END != 0).collect();
            assert_eq!(ends, [false, false, false, false, true, true, true]);
            let markers: Vec<bool> = events.iter().map(|event| event.marker).collect();
            assert_eq!(markers, [true, false, false, false, false, false, false]);
            assert!(events.iter().all(|event| event.timestamp == 1_000));
            assert!(
                events
                    .iter()
                    .all(|event| event.payload[0] == 5 && event.payload[1] & 0x3f == 10)
            );
        }
    }

    #[test]
    fn the_next_tone_begins_after_duration_and_gap() {
        for (duration, gap, between) in [(100, 500, 30), (70, 50, 7), (90, 50, 8), (200, 120, 16)] {
            let ticks = run("12", duration, gap, (8_000, 8_000), 80);
            let starts = ticks
                .iter()
                .enumerate()
                .filter(|(_, event)| event.is_some_and(|event| event.marker));
            let starts: Vec<usize> = starts.map(|(at, _)| at).collect();
            assert_eq!(starts, [0, between], "{duration} {gap}");
        }
    }

    #[test]
    fn a_comma_is_two_seconds_of_sound() {
        let ticks = run("1,2", 100, 500, (8_000, 8_000), 200);
        let starts = ticks
            .iter()
            .enumerate()
            .filter(|(_, event)| event.is_some_and(|event| event.marker));
        let starts: Vec<usize> = starts.map(|(at, _)| at).collect();
        assert_eq!(starts, [0, 130]);
    }

    #[test]
    fn a_length_of_no_whole_packets_is_told_exactly() {
        let events: Vec<_> = run("1", 70, 50, (8_000, 8_000), 20).into_iter().flatten().collect();
        let durations: Vec<u32> = events.into_iter().map(duration).collect();
        assert_eq!(durations, [160, 320, 480, 560, 560, 560]);
    }

    #[test]
    fn a_long_tone_goes_in_segments() {
        for (clocks, step) in [((48_000, 48_000), 0xffff), ((8_000, 48_000), 0xffff / 6)] {
            let events: Vec<_> = run("9", 6_000, 50, clocks, 310).into_iter().flatten().collect();
            assert_eq!(events.len(), 302);
            let ended: Vec<_> = events.iter().filter(|event| event.payload[1] & END != 0).collect();
            assert_eq!(ended.len(), 3);
            assert_eq!(duration(*ended[0]), 288_000 - 4 * 0xffff);
            assert_eq!(ended[0].timestamp, 1_000 + 4 * step);
            let full = events.iter().filter(|event| duration(**event) == 0xffff).count();
            assert_eq!(full, 4, "one of each whole segment");
            assert_eq!(events.iter().filter(|event| event.marker).count(), 1);
        }
    }

    #[test]
    fn too_many_are_refused() {
        let mut sender = EventSender::default();
        let steps = |count| std::iter::repeat_n(Step::Pause(FRAME), count).collect();
        assert!(sender.send(steps(256)));
        assert!(!sender.send(steps(1)));
    }
}
