//! From the jitter buffer to 20 ms of PCM: decodes, conceals, skips or merges sound to bring the delay back.
use std::time::{Duration, Instant};

use super::codec::{Codec, Decoder};
use super::conceal::Concealer;
use super::jitter::{Arrival, JitterBuffer, Next};
use super::level;

/// Pieces taken from the buffer for one frame at most (packets may be as short as 2.5 ms).
const MAX_PIECES: usize = 32;
/// A delay this far above its target is brought down.
const TOLERATED_EXCESS: Duration = Duration::from_millis(30);
/// A delay this far above its target is brought down fast.
const LARGE_EXCESS: Duration = Duration::from_millis(100);
/// One frame in this many is merged with its successor while the excess is small, and while it is large.
const MERGE_INTERVALS: (u32, u32) = (10, 3);
/// Frames below this level are merged at once, dBFS.
const QUIET: f64 = -50.0;

/// Counts of frames made.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct PlayoutCounts {
    /// Frames since the first packet.
    pub played: u64,
    /// Of those, frames with concealed sound.
    pub concealed: u64,
    /// Frames left out or merged to bring the delay back.
    pub shortened: u64,
}

impl PlayoutCounts {
    /// Adds another source's.
    pub fn add(&mut self, other: Self) {
        self.played += other.played;
        self.concealed += other.concealed;
        self.shortened += other.shortened;
    }
}

/// Plays one source.
pub struct Playout {
    jitter: JitterBuffer,
    voice: Voice,
    pcm: Vec<i16>,
    frame: Vec<i16>,
    counts: PlayoutCounts,
    since_merge: u32,
}

impl Playout {
    /// Starts with the source's clock rate in Hz.
    pub fn new(clock_rate: u32) -> Self {
        Self {
            jitter: JitterBuffer::new(clock_rate),
            voice: Voice::new(8_000),
            pcm: Vec::new(),
            frame: Vec::new(),
            counts: PlayoutCounts::default(),
            since_merge: 0,
        }
    }

    /// The source's clock rate in Hz.
    pub fn clock_rate(&self) -> u32 {
        self.jitter.clock_rate()
    }

    /// The buffer behind it.
    pub fn jitter(&self) -> &JitterBuffer {
        &self.jitter
    }

    /// Counts so far.
    pub fn counts(&self) -> PlayoutCounts {
        self.counts
    }

    /// Takes a packet.
    pub fn insert(&mut self, arrival: Arrival<'_>, now: Instant) {
        self.jitter.insert(arrival, now);
    }

    /// The next 20 ms at `rate`, one of the rates that all codecs of the source decode to natively.
    pub fn next_frame(&mut self, rate: u32, now: Instant) -> &[i16] {
        self.set_rate(rate);
        let length = rate as usize / 50;
        let is_surplus = self.pcm.len() < length && self.is_surplus(now);
        let (mut started, mut concealed) = self.fill(length, now);
        if is_surplus && self.wants_shorter(length, now) {
            let more = self.fill(2 * length, now);
            (started, concealed) = (started | more.0, concealed | more.1);
            self.shorten(length);
        }
        self.counts.played += u64::from(started);
        self.counts.concealed += u64::from(started && concealed);
        self.frame.clear();
        self.frame.extend(self.pcm.drain(..length.min(self.pcm.len())));
        self.frame.resize(length, 0);
        &self.frame
    }

    fn set_rate(&mut self, rate: u32) {
        if self.voice.rate != rate {
            self.pcm = stretch(&self.pcm, self.voice.rate, rate);
            self.voice = Voice::new(rate);
        }
    }

    /// Takes pieces until `length` samples are there; tells whether the source has started and whether any was concealed.
    fn fill(&mut self, length: usize, now: Instant) -> (bool, bool) {
        let clock_rate = self.jitter.clock_rate();
        let (mut started, mut concealed) = (true, false);
        for _ in 0..MAX_PIECES {
            let missing = length.saturating_sub(self.pcm.len());
            if missing == 0 {
                break;
            }
            let was_silent = self.voice.concealer.is_silent();
            let samples = |ticks: u32| (u64::from(ticks) * u64::from(self.voice.rate) / u64::from(clock_rate)) as usize;
            match self.jitter.pop(now) {
                Next::Nothing => {
                    started = false;
                    self.pcm.resize(length, 0);
                }
                Next::Late => {
                    self.voice.conceal(missing, &mut self.pcm);
                    concealed |= !was_silent;
                }
                Next::Pause { ticks } => self.voice.conceal(samples(ticks), &mut self.pcm),
                Next::Lost { ticks, following } => {
                    self.voice.recover(following, samples(ticks), &mut self.pcm);
                    concealed |= !was_silent;
                }
                Next::Sound {
                    codec,
                    payload,
                    ticks,
                    skip,
                } => {
                    let (whole, skipped) = (samples(ticks), samples(skip));
                    concealed |= !self.voice.play(codec, payload, whole, skipped, &mut self.pcm);
                }
            }
        }
        (started, concealed)
    }

    fn is_surplus(&mut self, now: Instant) -> bool {
        self.since_merge = self.since_merge.saturating_add(1);
        self.jitter.excess(now) >= TOLERATED_EXCESS
    }

    fn wants_shorter(&self, length: usize, now: Instant) -> bool {
        let (slow, fast) = MERGE_INTERVALS;
        let interval = if self.jitter.excess(now) >= LARGE_EXCESS {
            fast
        } else {
            slow
        };
        self.pcm.get(..length).is_some_and(|frame| level::dbfs(frame) < QUIET) || self.since_merge >= interval
    }

    /// Makes one frame of two by a cross-fade.
    fn shorten(&mut self, length: usize) {
        let Some((first, second)) = self
            .pcm
            .split_at_mut_checked(length)
            .filter(|(_, second)| second.len() >= length)
        else {
            return;
        };
        for (n, (a, b)) in first.iter_mut().zip(second.iter()).enumerate() {
            let part = n as f32 / length as f32;
            *a = (f32::from(*a) * (1.0 - part) + f32::from(*b) * part) as i16;
        }
        self.pcm.drain(length..2 * length);
        self.since_merge = 0;
        self.counts.shortened += 1;
    }
}

/// Decoder and concealment at one rate.
struct Voice {
    rate: u32,
    decoder: Option<Decoder>,
    concealer: Concealer,
    decoded: Vec<i16>,
}

impl Voice {
    fn new(rate: u32) -> Self {
        Self {
            rate,
            decoder: None,
            concealer: Concealer::new(rate),
            decoded: Vec::new(),
        }
    }

    /// Appends a packet's sound but for its first `skipped` samples; `false` when it had to be concealed.
    fn play(&mut self, codec: Codec, payload: &[u8], whole: usize, skipped: usize, pcm: &mut Vec<i16>) -> bool {
        if self.decoder.as_ref().is_none_or(|decoder| decoder.codec() != codec) {
            self.decoder = Decoder::new(codec, self.rate).ok();
        }
        self.decoded.clear();
        let decoder = self.decoder.as_mut();
        if decoder.is_none_or(|decoder| decoder.decode(payload, &mut self.decoded).is_err()) {
            self.conceal(whole.saturating_sub(skipped), pcm);
            return false;
        }
        self.concealer.hear(&mut self.decoded);
        pcm.extend(self.decoded.iter().skip(skipped));
        true
    }

    /// Appends sound for a lost packet, from the FEC of the packet after it if there is some.
    fn recover(&mut self, following: Option<(Codec, &[u8])>, samples: usize, pcm: &mut Vec<i16>) {
        let start = pcm.len();
        let same = following.filter(|(codec, _)| self.decoder.as_ref().is_some_and(|d| d.codec() == *codec));
        let recovered = match (self.decoder.as_mut(), same) {
            (Some(decoder), Some((_, next))) => decoder.recover(next, samples, pcm),
            _ => false,
        };
        if recovered {
            self.concealer.fade(pcm.get_mut(start..).unwrap_or_default());
        } else {
            self.conceal(samples, pcm);
        }
    }

    /// Appends `samples` samples of concealment, the codec's own if it has one.
    fn conceal(&mut self, samples: usize, pcm: &mut Vec<i16>) {
        let start = pcm.len();
        if self.concealer.is_silent() {
            pcm.resize(start + samples, 0);
            return;
        }
        match self.decoder.as_mut() {
            None => pcm.resize(start + samples, 0),
            Some(decoder) if decoder.codec() == Codec::Opus => {
                let step = self.rate as usize / 400;
                decoder.conceal(samples.next_multiple_of(step).min(48 * step), pcm);
                pcm.resize(start + samples, 0);
                self.concealer.fade(pcm.get_mut(start..).unwrap_or_default());
            }
            Some(_) => self.concealer.extrapolate(samples, pcm),
        }
    }
}

/// Brings what is left of a frame to another rate by repeating or leaving out samples; at most 100 ms, once per change.
fn stretch(pcm: &[i16], from: u32, to: u32) -> Vec<i16> {
    let length = pcm.len() * to as usize / from.max(1) as usize;
    let source = |n: usize| n * from as usize / to.max(1) as usize;
    (0..length).map(|n| pcm.get(source(n)).copied().unwrap_or(0)).collect()
}
