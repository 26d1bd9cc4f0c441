//! DTMF of either transport: which tones there are, how long they last, how INFO writes them.
use std::collections::VecDeque;
use std::time::Duration;

/// Length of a tone when none is asked for, as in the SDK.
pub const DURATION: Duration = Duration::from_millis(100);
/// Pause behind a tone when none is asked for.
pub const INTER_TONE_GAP: Duration = Duration::from_millis(500);
/// What `,` stands for.
pub const PAUSE: Duration = Duration::from_secs(2);

const DURATIONS: (Duration, Duration) = (Duration::from_millis(70), Duration::from_secs(6));
const SHORTEST_GAP: Duration = Duration::from_millis(50);
const LONGEST_GAP: Duration = Duration::from_secs(60);
/// In the order of their event codes (RFC 4733 §3.2); the last one is the flash.
const CHARACTERS: &str = "0123456789*#ABCDR";

/// How tones travel.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DtmfTransport {
    /// SIP INFO, `application/dtmf-relay`.
    Info,
    /// Telephone-events in RTP (RFC 4733, before that RFC 2833).
    Rfc4733,
}

/// One tone: `0` to `9`, `*`, `#`, `A` to `D`, and `R` for the flash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tone(char);

impl Tone {
    /// The tone of a character, upper or lower case.
    pub fn new(character: char) -> Option<Self> {
        let character = character.to_ascii_uppercase();
        CHARACTERS.contains(character).then_some(Self(character))
    }

    /// The tone of an event code.
    pub fn from_event(code: u8) -> Option<Self> {
        CHARACTERS.chars().nth(usize::from(code)).map(Self)
    }

    /// Its character, in upper case.
    pub fn character(self) -> char {
        self.0
    }

    /// Its event code.
    pub fn event(self) -> u8 {
        CHARACTERS.find(self.0).unwrap_or_default() as u8
    }
}

/// One step of a sequence.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Step {
    /// A tone, and the pause behind it.
    Tone {
        /// Which.
        tone: Tone,
        /// How long.
        duration: Duration,
        /// From its end to the next step.
        gap: Duration,
    },
    /// Nothing for this long.
    Pause(Duration),
}

/// What tones to send, and how.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct DtmfRequest {
    /// Tones and `,` for pauses of 2 s.
    pub tones: String,
    /// How they travel.
    pub transport: DtmfTransport,
    /// Length of a tone; 70 ms to 6 s are kept to.
    pub duration: Option<Duration>,
    /// Pause between tones; 50 ms at least.
    pub inter_tone_gap: Option<Duration>,
}

impl DtmfRequest {
    /// Its steps; `None` when it has a character that is no tone, or none at all. The flash goes by INFO only: what
    /// telephone-events a far side takes, if it does not say, ends at `D` (RFC 4733 §2.5.1.1).
    pub fn steps(&self) -> Option<VecDeque<Step>> {
        let duration = self.duration.unwrap_or(DURATION).clamp(DURATIONS.0, DURATIONS.1);
        let gap = self.inter_tone_gap.unwrap_or(INTER_TONE_GAP);
        let gap = gap.clamp(SHORTEST_GAP, LONGEST_GAP);
        let step = |character| match character {
            ',' => Some(Step::Pause(PAUSE)),
            'R' | 'r' if self.transport == DtmfTransport::Rfc4733 => None,
            other => Tone::new(other).map(|tone| Step::Tone { tone, duration, gap }),
        };
        let steps: Option<VecDeque<Step>> = self.tones.chars().map(step).collect();
        steps.filter(|steps| !steps.is_empty())
    }
}

/// Body of `application/dtmf-relay`; no line end behind the last line, as JsSIP writes it.
pub fn to_relay(tone: Tone, duration: Duration) -> String {
    format!("Signal={}\r\nDuration={}", tone.character(), duration.as_millis())
}

/// Tone and duration of a body of `application/dtmf-relay`, or of `application/dtmf`, which is the bare tone.
pub fn from_info(body: &[u8]) -> Option<(Tone, Option<Duration>)> {
    let text = std::str::from_utf8(body).ok()?;
    let value = |wanted: &str| {
        text.lines().find_map(|line| {
            let (name, value) = line.split_once('=')?;
            name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim())
        })
    };
    let signal = value("Signal").unwrap_or(text.trim());
    let milliseconds = value("Duration").and_then(|value| value.parse().ok());
    Some((
        single(signal)?,
        milliseconds.map(|ms: u16| Duration::from_millis(ms.into())),
    ))
}

fn single(signal: &str) -> Option<Tone> {
    let mut characters = signal.chars();
    let tone = Tone::new(characters.next()?)?;
    characters.next().is_none().then_some(tone)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(tones: &str) -> DtmfRequest {
        DtmfRequest {
            tones: tones.into(),
            transport: DtmfTransport::Info,
            duration: None,
            inter_tone_gap: None,
        }
    }

    #[test]
    fn event_codes_are_those_of_rfc_4733() {
        for (character, code) in [
            ('0', 0),
            ('9', 9),
            ('*', 10),
            ('#', 11),
            ('A', 12),
            ('d', 15),
            ('R', 16),
        ] {
            let tone = Tone::new(character).unwrap();
            assert_eq!(tone.event(), code);
            assert_eq!(Tone::from_event(code), Some(tone));
        }
        assert_eq!(Tone::from_event(17), None);
    }

    #[test]
    fn a_sequence_has_the_sdk_s_times() {
        let tone = |character, duration, gap| Step::Tone {
            tone: Tone::new(character).unwrap(),
            duration: Duration::from_millis(duration),
            gap: Duration::from_millis(gap),
        };
        let steps = request("1,b").steps().unwrap();
        assert_eq!(steps, [tone('1', 100, 500), Step::Pause(PAUSE), tone('B', 100, 500)]);
        for (asked, given) in [
            ((1, 1), (70, 50)),
            ((9_000, 80), (6_000, 80)),
            ((250, 90_000), (250, 60_000)),
        ] {
            let timed = DtmfRequest {
                duration: Some(Duration::from_millis(asked.0)),
                inter_tone_gap: Some(Duration::from_millis(asked.1)),
                ..request("5")
            };
            assert_eq!(timed.steps().unwrap(), [tone('5', given.0, given.1)]);
        }
    }

    #[test]
    fn what_is_no_tone_is_refused() {
        for tones in ["", "x", "12 3", "1\r\n2", "ä", "E"] {
            assert_eq!(request(tones).steps(), None, "{tones:?}");
        }
        assert!(request("R").steps().is_some());
        let in_rtp = DtmfRequest {
            transport: DtmfTransport::Rfc4733,
            ..request("R")
        };
        assert_eq!(in_rtp.steps(), None);
    }

    #[test]
    fn info_reads_back() {
        let (five, long) = (Tone::new('5').unwrap(), Duration::from_millis(160));
        assert_eq!(to_relay(five, long), "Signal=5\r\nDuration=160");
        for (body, read) in [
            ("Signal=5\r\nDuration=160", Some((five, Some(long)))),
            ("signal = 5 \nduration = 160 \n", Some((five, Some(long)))),
            ("Signal=5", Some((five, None))),
            ("Signal=5\r\nDuration=99999999", Some((five, None))),
            ("5", Some((five, None))),
            ("5\r\n", Some((five, None))),
            ("Signal=55", None),
            ("Signal=", None),
            ("Duration=160", None),
            ("", None),
            ("\u{ff}", None),
        ] {
            assert_eq!(from_info(body.as_bytes()), read, "{body:?}");
        }
        assert_eq!(from_info(b"\xff"), None);
    }
}
