//! Sample rate conversion of a mono 16-bit stream, 20 ms in and 20 ms out.
use rubato::audioadapter_buffers::direct::InterleavedSlice;
use rubato::{Fft, FixedSync, Resampler as _, WindowFunction};

/// Longest block that a conversion may need, in blocks a second; rates that are multiples of 25 Hz all keep to it.
const MIN_BLOCKS_PER_SECOND: u32 = 25;
/// Output kept at most, in blocks and 20 ms frames; more means that the caller's blocks are uneven, and the oldest goes.
const MAX_FRAMES_KEPT: usize = 4;

/// Two rates that cannot be converted.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("cannot resample {from} Hz to {to} Hz: use multiples of 25 Hz from 8 to 96 kHz")]
pub struct ResampleError {
    /// Input rate in Hz.
    pub from: u32,
    /// Output rate in Hz.
    pub to: u32,
}

/// Number of samples of the 20 ms frame `index` at `rate`; rates that have no whole number of them (11,025) alternate.
pub fn frame_samples(rate: u32, index: u64) -> usize {
    let end_of = |frame: u64| frame.wrapping_mul(u64::from(rate)) / 50;
    end_of(index.wrapping_add(1)).wrapping_sub(end_of(index)) as usize
}

/// Converts a mono stream from one rate to another.
pub struct Resampler {
    fft: Fft<f32>,
    block_in: usize,
    block_out: usize,
    waiting: Vec<f32>,
    converted: Vec<f32>,
    ready: Vec<i16>,
    lead: usize,
}

impl Resampler {
    /// Takes two different rates in Hz, multiples of 25 from 8 to 96 kHz. Errors: [`ResampleError`].
    pub fn new(from: u32, to: u32) -> Result<Self, ResampleError> {
        let error = ResampleError { from, to };
        let blocks_per_second = blocks_per_second(from, to).ok_or(error)?;
        let (block_in, block_out) = ((from / blocks_per_second) as usize, (to / blocks_per_second) as usize);
        let window = WindowFunction::BlackmanHarris;
        let fft =
            Fft::new_custom(from as usize, to as usize, block_in, 1, 1, window, FixedSync::Both).map_err(|_| error)?;
        // blocks that do not fill 20 ms evenly need one block in stock, so that a frame is always ready
        let lead = if blocks_per_second.is_multiple_of(50) {
            0
        } else {
            block_out
        };
        let frame = frame_samples(to, 1) + 1;
        let mut ready = Vec::with_capacity((block_out + frame) * MAX_FRAMES_KEPT);
        ready.resize(lead, 0);
        Ok(Self {
            fft,
            block_in,
            block_out,
            waiting: Vec::with_capacity(block_in),
            converted: vec![0.0; block_out],
            ready,
            lead,
        })
    }

    /// Output samples by which the output lags behind the input.
    pub fn delay(&self) -> usize {
        self.lead + self.fft.output_delay()
    }

    /// Takes the next samples and fills `output` with the next converted ones; silence where there are none.
    /// Input and output of one call should be of the same duration.
    pub fn process(&mut self, input: &[i16], output: &mut [i16]) {
        let mut rest = input;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(rest.len().min(self.block_in - self.waiting.len()));
            self.waiting.extend(now.iter().map(|sample| f32::from(*sample)));
            rest = later;
            if self.waiting.len() == self.block_in {
                self.convert_block();
            }
        }
        self.hand_out(output);
    }

    fn convert_block(&mut self) {
        let input = InterleavedSlice::new(&self.waiting, 1, self.block_in);
        let output = InterleavedSlice::new_mut(&mut self.converted, 1, self.block_out);
        if let (Ok(input), Ok(mut output)) = (input, output)
            && self.fft.process_into_buffer(&input, &mut output, None).is_err()
        {
            self.converted.fill(0.0);
        }
        self.waiting.clear();
        let room = self.ready.capacity().saturating_sub(self.block_out);
        if self.ready.len() > room {
            self.ready.drain(..self.ready.len() - room);
        }
        self.ready
            .extend(self.converted.iter().map(|sample| sample.round() as i16));
    }

    fn hand_out(&mut self, output: &mut [i16]) {
        let count = output.len().min(self.ready.len());
        let (filled, missing) = output.split_at_mut(count);
        for (sample, ready) in filled.iter_mut().zip(self.ready.drain(..count)) {
            *sample = ready;
        }
        missing.fill(0);
    }
}

/// Blocks of about 10 ms that fill 20 ms evenly if the rates allow it: short enough for a call, long enough for a good
/// filter (its length is the block).
fn blocks_per_second(from: u32, to: u32) -> Option<u32> {
    let usual = 8_000..=96_000;
    if !usual.contains(&from) || !usual.contains(&to) || from == to {
        return None;
    }
    let most = greatest_common_divisor(from, to);
    if most < MIN_BLOCKS_PER_SECOND {
        return None;
    }
    let joined = || (1..=(most / 100).max(1)).rev();
    let even = joined().find(|count| most.is_multiple_of(50 * count) && most / count <= 200);
    let count = even.or_else(|| joined().find(|count| most.is_multiple_of(*count)))?;
    Some(most / count)
}

fn greatest_common_divisor(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { greatest_common_divisor(b, a % b) }
}

#[cfg(test)]
mod tests {
    use super::super::tone::{self, Tone};
    use super::*;

    const USUAL: [u32; 9] = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

    fn pairs() -> impl Iterator<Item = (u32, u32)> {
        let all = USUAL
            .into_iter()
            .flat_map(|from| USUAL.into_iter().map(move |to| (from, to)));
        all.filter(|(from, to)| from != to)
    }

    /// Converts in 20 ms frames as a call does and drops the delay.
    fn convert(from: u32, to: u32, input: &[i16]) -> Vec<i16> {
        let mut resampler = Resampler::new(from, to).unwrap();
        let mut output = Vec::new();
        let mut rest = input;
        let mut frame = 0;
        while !rest.is_empty() {
            let (now, later) = rest.split_at(frame_samples(from, frame).min(rest.len()));
            let start = output.len();
            output.resize(start + frame_samples(to, frame), 0);
            resampler.process(now, &mut output[start..]);
            rest = later;
            frame += 1;
        }
        output.split_off(resampler.delay())
    }

    #[test]
    fn frames_add_up_to_whole_seconds() {
        for rate in USUAL {
            let second: usize = (0..50).map(|frame| frame_samples(rate, frame)).sum();
            assert_eq!(second, rate as usize);
        }
        assert_eq!(frame_samples(11_025, 0) + frame_samples(11_025, 1), 441);
    }

    #[test]
    fn delay_is_bounded() {
        for (from, to) in pairs() {
            let seconds = Resampler::new(from, to).unwrap().delay() as f64 / f64::from(to);
            let limit = if from.min(to) == 11_025 || from == 11_025 || to == 11_025 {
                0.061
            } else {
                0.0101
            };
            assert!(seconds <= limit, "{from} to {to}: {seconds}");
        }
    }

    #[test]
    fn a_tone_keeps_frequency_and_level_and_has_no_images() {
        for (from, to) in pairs() {
            for frequency in [440.0, 1_000.0, 3_000.0] {
                let input = Tone::new(frequency, 10_000.0).samples(from, 1.0);
                let output = convert(from, to, &input);
                let steady = &output[to as usize / 10..output.len() - to as usize / 10];
                let heard = tone::measure(steady, to, frequency);
                assert!(
                    (heard.amplitude / 10_000.0 - 1.0).abs() < 0.01,
                    "{from} to {to}, {frequency}: {heard:?}"
                );
                assert!(heard.residue_db < -60.0, "{from} to {to}, {frequency}: {heard:?}");
            }
        }
    }

    #[test]
    fn what_the_lower_rate_cannot_carry_is_removed() {
        for (from, to) in pairs().filter(|(from, to)| from > to) {
            let frequency = f64::from(to) * 0.5 + (f64::from(from) - f64::from(to)) * 0.3;
            let input = Tone::new(frequency, 10_000.0).samples(from, 1.0);
            let output = convert(from, to, &input);
            let steady = &output[to as usize / 10..output.len() - to as usize / 10];
            let level = tone::rms(steady) / (10_000.0 / 2.0_f64.sqrt());
            assert!(level < 0.001, "{from} to {to}: {frequency} Hz aliases at {level}");
        }
    }

    #[test]
    fn no_gap_and_no_overlap_between_blocks() {
        for (from, to) in pairs() {
            let output = convert(from, to, &vec![8_000; from as usize]);
            let steady = &output[to as usize / 10..output.len() - to as usize / 10];
            assert!(
                steady.iter().all(|sample| (7_990..=8_010).contains(sample)),
                "{from} to {to}"
            );
        }
    }

    #[test]
    fn full_scale_does_not_wrap() {
        let square: Vec<i16> = (0..16_000)
            .map(|n| if n / 8 % 2 == 0 { i16::MAX } else { i16::MIN })
            .collect();
        let output = convert(16_000, 48_000, &square);
        let jumps = output
            .windows(2)
            .filter(|pair| (i32::from(pair[0]) - i32::from(pair[1])).abs() > 50_000);
        assert_eq!(jumps.count(), 0);
    }

    #[test]
    fn unusual_rates_are_refused() {
        for (from, to) in [
            (44_101, 48_000),
            (0, 8_000),
            (8_000, 8_000),
            (8_000, 192_000),
            (u32::MAX, 8_000),
        ] {
            assert_eq!(Resampler::new(from, to).err(), Some(ResampleError { from, to }));
        }
    }

    #[test]
    fn uneven_blocks_stay_bounded() {
        let mut resampler = Resampler::new(8_000, 48_000).unwrap();
        let kept = resampler.ready.capacity();
        for _ in 0..100 {
            resampler.process(&[1; 1_600], &mut [0; 10]);
        }
        assert_eq!(resampler.ready.capacity(), kept);
    }
}
