//! Hands each frame to the call's readers, resampled to the rate that each wants.
use super::resample::{Resampler, frame_samples};
use crate::io::AudioPort;

/// Different rates served at most; more are not usual.
const MAX_RATES: usize = 16;

/// The readers' rates and where they are in time.
#[derive(Default)]
pub struct Readers {
    rates: Vec<Reader>,
    frames: u64,
}

/// A port whose readers get what this side sends.
struct Sent<'a>(&'a mut dyn AudioPort);

impl AudioPort for Sent<'_> {
    fn outgoing_rate(&self) -> Option<u32> {
        None
    }

    fn pull(&mut self, _frame: &mut [i16]) -> bool {
        false
    }

    fn incoming_rates(&self) -> Vec<u32> {
        Vec::new()
    }

    fn push(&mut self, rate: u32, samples: &[i16], _position: u64) {
        self.0.push_sent(rate, samples);
    }
}

struct Reader {
    rate: u32,
    source: u32,
    resampler: Option<Resampler>,
    frame: Vec<i16>,
}

impl Readers {
    /// Pushes the next 20 ms, `sound` at `source` Hz, at each of the wanted rates.
    pub fn push(&mut self, audio: &mut dyn AudioPort, wanted: &[u32], source: u32, sound: &[i16]) {
        self.rates
            .retain(|reader| wanted.contains(&reader.rate) && reader.source == source);
        let frames = u128::from(self.frames);
        for rate in wanted.iter().copied().take(MAX_RATES) {
            let Some(frame) = self.convert(rate, source, sound) else {
                continue;
            };
            audio.push(rate, frame, (frames * u128::from(rate) / 50) as u64);
        }
        self.frames = self.frames.wrapping_add(1);
    }

    /// Makes the next frame's position 0.
    pub fn restart_position(&mut self) {
        self.frames = 0;
    }

    /// Pushes the next 20 ms of what this side sends.
    pub fn push_sent(&mut self, audio: &mut dyn AudioPort, wanted: &[u32], source: u32, sound: &[i16]) {
        self.push(&mut Sent(audio), wanted, source, sound);
    }

    fn convert<'a>(&'a mut self, rate: u32, source: u32, sound: &'a [i16]) -> Option<&'a [i16]> {
        if rate == source {
            return Some(sound);
        }
        let at = match self.rates.iter().position(|reader| reader.rate == rate) {
            Some(at) => at,
            None => self.add(rate, source),
        };
        let reader = self.rates.get_mut(at)?;
        reader.frame.resize(frame_samples(rate, self.frames), 0);
        match reader.resampler.as_mut() {
            Some(resampler) => resampler.process(sound, &mut reader.frame),
            None => reader.frame.fill(0),
        }
        Some(&reader.frame)
    }

    fn add(&mut self, rate: u32, source: u32) -> usize {
        self.rates.push(Reader {
            rate,
            source,
            resampler: Resampler::new(source, rate).ok(),
            frame: Vec::new(),
        });
        self.rates.len() - 1
    }
}
