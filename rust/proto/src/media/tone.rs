//! Test tones and their measurement.

/// A sine of a frequency in Hz and an amplitude in sample units.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Tone {
    frequency: f64,
    amplitude: f64,
}

/// What is heard of a tone.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Heard {
    /// Amplitude at the frequency asked for.
    pub(crate) amplitude: f64,
    /// Power of everything else against the tone's, dB.
    pub(crate) residue_db: f64,
}

impl Tone {
    pub(crate) fn new(frequency: f64, amplitude: f64) -> Self {
        Self { frequency, amplitude }
    }

    pub(crate) fn samples(self, rate: u32, seconds: f64) -> Vec<i16> {
        self.samples_from(rate, 0, (f64::from(rate) * seconds) as usize)
    }

    /// `count` samples from sample `start` on.
    pub(crate) fn samples_from(self, rate: u32, start: usize, count: usize) -> Vec<i16> {
        let step = std::f64::consts::TAU * self.frequency / f64::from(rate);
        let sample = |n: usize| (self.amplitude * (step * n as f64).sin()).round() as i16;
        (start..start + count).map(sample).collect()
    }
}

pub(crate) fn rms(samples: &[i16]) -> f64 {
    let power: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
    (power / samples.len().max(1) as f64).sqrt()
}

/// Fits a sine of `frequency` by least squares (correlation over whole periods) and measures what is left.
pub(crate) fn measure(samples: &[i16], rate: u32, frequency: f64) -> Heard {
    let period = f64::from(rate) / frequency;
    let whole = ((samples.len() as f64 / period).floor() * period).round() as usize;
    let samples = &samples[..whole];
    let step = std::f64::consts::TAU * frequency / f64::from(rate);
    let fit = |wave: fn(f64) -> f64| -> f64 {
        let sum: f64 = samples
            .iter()
            .enumerate()
            .map(|(n, sample)| f64::from(*sample) * wave(step * n as f64))
            .sum();
        sum * 2.0 / samples.len() as f64
    };
    let (sine, cosine) = (fit(f64::sin), fit(f64::cos));
    let amplitude = sine.hypot(cosine);
    let left = |(n, sample): (usize, &i16)| {
        let angle = step * n as f64;
        (f64::from(*sample) - sine * angle.sin() - cosine * angle.cos()).powi(2)
    };
    let residue: f64 = samples.iter().enumerate().map(left).sum::<f64>() / samples.len() as f64;
    Heard {
        amplitude,
        residue_db: 10.0 * (residue / (amplitude * amplitude / 2.0)).log10(),
    }
}

/// The frequency in Hz, between `low` and `high` and a multiple of 5, of which there is most in the first 50 ms.
pub(crate) fn strongest(samples: &[i16], rate: u32, low: u32, high: u32) -> f64 {
    let samples = &samples[..samples.len().min(rate as usize / 20)];
    let frequencies = (low..=high).step_by(5).map(f64::from);
    let heard = frequencies.map(|frequency| (measure(samples, rate, frequency).amplitude, frequency));
    heard.max_by(|a, b| a.0.total_cmp(&b.0)).unwrap().1
}
