//! Tones received: each told once, whichever of its packets were lost.
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::{END, LONGEST_SEGMENT};
use crate::dtmf::Tone;
use crate::media::drop_oldest::push_dropping_oldest;

/// A tone of which nothing more was heard for this long is over: its last packets were lost.
const SILENCE: Duration = Duration::from_millis(250);
/// Tones that wait to be asked for; the oldest goes.
const MAX_TONES: usize = 32;

/// A tone that is over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReceivedTone {
    /// Which.
    pub tone: Tone,
    /// How long it was, as far as it was heard.
    pub duration: Duration,
}

/// Makes tones of packets.
#[derive(Debug, Default)]
pub struct EventReceiver {
    present: Option<Present>,
    /// SSRC and timestamp of the last tone told; packets of it may still come.
    told: Option<(u32, u32)>,
    tones: VecDeque<ReceivedTone>,
}

/// A tone that sounds.
#[derive(Debug)]
struct Present {
    tone: Tone,
    clock_rate: u32,
    ssrc: u32,
    /// Of its present segment.
    timestamp: u32,
    /// Ticks of its segments before, and of the present one.
    before: u64,
    ticks: u32,
    heard: Instant,
}

/// What a packet says.
#[derive(Clone, Copy)]
struct Report {
    tone: Tone,
    is_end: bool,
    ticks: u32,
}

impl EventReceiver {
    /// Takes a packet's payload. Packets of events that are no tones are left out.
    pub fn receive(&mut self, ssrc: u32, timestamp: u32, clock_rate: u32, payload: &[u8], now: Instant) {
        let Some(report) = Report::read(payload) else { return };
        if self.told.is_some_and(|(told, _)| told != ssrc) {
            self.told = None;
        }
        if self.told.is_some_and(|(_, told)| !is_newer(timestamp, told)) {
            return;
        }
        let goes_on = self
            .present
            .as_mut()
            .map(|present| present.follow(ssrc, timestamp, report, now));
        match goes_on {
            Some(Place::Within) => {}
            Some(Place::Before) => return,
            Some(Place::Beyond) | None => {
                self.finish();
                self.present = Some(Present {
                    tone: report.tone,
                    clock_rate,
                    ssrc,
                    timestamp,
                    before: 0,
                    ticks: report.ticks,
                    heard: now,
                });
            }
        }
        if report.is_end {
            self.finish();
        }
    }

    /// Ends a tone whose end was lost.
    pub fn handle_timeout(&mut self, now: Instant) {
        let is_silent = |present: &Present| now.saturating_duration_since(present.heard) > SILENCE;
        if self.present.as_ref().is_some_and(is_silent) {
            self.finish();
        }
    }

    /// The next tone that is over.
    pub fn poll(&mut self) -> Option<ReceivedTone> {
        self.tones.pop_front()
    }

    fn finish(&mut self) {
        let Some(present) = self.present.take() else { return };
        self.told = Some((present.ssrc, present.timestamp));
        let ticks = present.before + u64::from(present.ticks);
        let micros = ticks.saturating_mul(1_000_000) / u64::from(present.clock_rate.max(1));
        let tone = ReceivedTone {
            tone: present.tone,
            duration: Duration::from_micros(micros),
        };
        push_dropping_oldest(&mut self.tones, MAX_TONES, tone);
    }
}

/// Where a packet belongs.
enum Place {
    Before,
    Within,
    Beyond,
}

impl Present {
    /// Takes a packet if it is of this tone.
    fn follow(&mut self, ssrc: u32, timestamp: u32, report: Report, now: Instant) -> Place {
        if ssrc != self.ssrc {
            return Place::Beyond;
        }
        let step = timestamp.wrapping_sub(self.timestamp);
        if step == LONGEST_SEGMENT && report.tone == self.tone {
            self.before += u64::from(LONGEST_SEGMENT);
            (self.timestamp, self.ticks) = (timestamp, report.ticks);
        } else if step == 0 {
            self.ticks = self.ticks.max(report.ticks);
        } else if is_newer(timestamp, self.timestamp) {
            return Place::Beyond;
        } else {
            return Place::Before;
        }
        self.heard = now;
        Place::Within
    }
}

impl Report {
    fn read(payload: &[u8]) -> Option<Self> {
        let [code, flags, high, low] = *payload.first_chunk::<4>()?;
        Some(Self {
            tone: Tone::from_event(code)?,
            is_end: flags & END != 0,
            ticks: u32::from(u16::from_be_bytes([high, low])),
        })
    }
}

fn is_newer(timestamp: u32, than: u32) -> bool {
    timestamp.wrapping_sub(than).cast_signed() > 0
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::dtmf::{DtmfRequest, DtmfTransport};
    use crate::io::FRAME;
    use crate::media::dtmf::{EventSender, OutgoingEvent};

    const CLOCK: u32 = 8_000;

    /// Packets of a sequence with the ticks in which they go.
    fn packets(tones: &str, duration: u64) -> Vec<(u32, OutgoingEvent)> {
        let request = DtmfRequest {
            tones: tones.into(),
            transport: DtmfTransport::Rfc4733,
            duration: Some(Duration::from_millis(duration)),
            inter_tone_gap: Some(Duration::from_millis(50)),
        };
        let mut sender = EventSender::default();
        assert!(sender.send(request.steps().unwrap()));
        let tick = |at: u32| Some((at, sender.tick(u32::MAX - 500 + at * 160, CLOCK, CLOCK)?));
        (0..1_200).filter_map(tick).collect()
    }

    /// Tones and milliseconds that come of packets.
    fn heard(packets: &[(u32, OutgoingEvent)]) -> Vec<(char, u128)> {
        let start = crate::test_clock::start();
        let mut receiver = EventReceiver::default();
        for (at, packet) in packets {
            receiver.receive(7, packet.timestamp, CLOCK, &packet.payload, start + FRAME * *at);
        }
        receiver.handle_timeout(start + Duration::from_secs(60));
        std::iter::from_fn(|| receiver.poll())
            .map(|received| (received.tone.character(), received.duration.as_millis()))
            .collect()
    }

    #[test]
    fn each_tone_is_told_once() {
        let sent = packets("1A#", 100);
        let all = [('1', 100), ('A', 100), ('#', 100)];
        assert_eq!(heard(&sent), all);
        let doubled: Vec<_> = sent.iter().flat_map(|packet| [*packet, *packet]).collect();
        assert_eq!(heard(&doubled), all);
    }

    #[test]
    fn any_one_packet_may_be_lost() {
        let sent = packets("12", 100);
        for lost in 0..sent.len() {
            let mut left = sent.clone();
            left.remove(lost);
            assert_eq!(heard(&left), [('1', 100), ('2', 100)], "{lost}");
        }
    }

    #[test]
    fn start_or_end_may_be_lost() {
        let sent = packets("12", 100);
        assert_eq!(
            heard(&sent[6..]),
            [('1', 100), ('2', 100)],
            "only the last packet of the first tone came"
        );
        let endless: Vec<_> = sent
            .iter()
            .filter(|(_, packet)| packet.payload[1] & END == 0)
            .copied()
            .collect();
        assert_eq!(heard(&endless), [('1', 80), ('2', 80)]);
        assert_eq!(heard(&endless[..2]), [('1', 40)]);
    }

    #[test]
    fn order_does_not_matter_within_a_tone() {
        let mut sent = packets("12", 100);
        sent[..7].reverse();
        assert_eq!(heard(&sent), [('1', 100), ('2', 100)]);
        let mut late = packets("12", 100);
        let straggler = late.remove(3);
        late.insert(9, straggler);
        assert_eq!(heard(&late), [('1', 100), ('2', 100)]);
    }

    #[test]
    fn segments_are_one_tone() {
        let start = crate::test_clock::start();
        let mut receiver = EventReceiver::default();
        for segment in 0..3_u32 {
            for (ticks, end) in [(0x8000_u16, 0), (0xffff, 0)] {
                let [high, low] = ticks.to_be_bytes();
                receiver.receive(7, segment * 0xffff, 48_000, &[4, end, high, low], start);
            }
        }
        receiver.receive(7, 3 * 0xffff, 48_000, &[4, END, 0, 100], start);
        let told = receiver.poll().unwrap();
        assert_eq!(
            told.duration,
            Duration::from_micros((3 * 0xffff + 100) * 1_000_000 / 48_000)
        );
        assert_eq!(receiver.poll(), None);
    }

    #[test]
    fn rubbish_is_left_out() {
        let now = crate::test_clock::start();
        let mut receiver = EventReceiver::default();
        for payload in [&[][..], &[1, 2, 3], &[17, END, 0, 1], &[255; 4]] {
            receiver.receive(7, 1, CLOCK, payload, now);
        }
        receiver.handle_timeout(now + Duration::from_secs(9));
        assert_eq!(receiver.poll(), None);
    }

    #[test]
    fn a_new_source_starts_anew() {
        let now = crate::test_clock::start();
        let mut receiver = EventReceiver::default();
        receiver.receive(7, 5_000, CLOCK, &[1, END, 1, 0], now);
        receiver.receive(8, 10, CLOCK, &[2, END, 1, 0], now);
        let tones: Vec<char> = std::iter::from_fn(|| receiver.poll())
            .map(|tone| tone.tone.character())
            .collect();
        assert_eq!(tones, ['1', '2']);
    }

    #[test]
    fn tones_nobody_asks_for_are_bounded() {
        let now = crate::test_clock::start();
        let mut receiver = EventReceiver::default();
        for at in 0..1_000_u32 {
            receiver.receive(7, at * 1_000, CLOCK, &[(at % 10) as u8, END, 1, 0], now);
        }
        assert_eq!(std::iter::from_fn(|| receiver.poll()).count(), MAX_TONES);
    }
}
