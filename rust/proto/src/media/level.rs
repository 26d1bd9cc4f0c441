//! Levels of sound in dBFS: RMS against full scale, so that a full-scale square wave is 0 and a sine -3.

/// The level of digital silence (the bottom of RFC 6464's scale).
pub const SILENCE: f64 = -127.0;
/// Frames above this are counted as heard.
pub const AUDIBLE: f64 = -50.0;

/// RMS level in dBFS, [`SILENCE`] at least.
pub fn dbfs(samples: &[i16]) -> f64 {
    from_power(mean_power(samples))
}

/// Mean square of samples scaled to ±1.
pub fn mean_power(samples: &[i16]) -> f64 {
    let sum: i64 = samples.iter().map(|sample| i64::from(*sample).pow(2)).sum();
    sum as f64 / (samples.len().max(1) as f64 * 32_768.0 * 32_768.0)
}

/// The level of a mean power in dBFS.
pub fn from_power(power: f64) -> f64 {
    if power > 0.0 {
        (10.0 * power.log10()).max(SILENCE)
    } else {
        SILENCE
    }
}

#[cfg(test)]
mod tests {
    use super::super::tone::Tone;
    use super::*;

    #[test]
    fn known_levels() {
        assert!((dbfs(&[0; 160]) - SILENCE).abs() < 1e-9);
        assert!((dbfs(&[]) - SILENCE).abs() < 1e-9);
        assert!(dbfs(&[i16::MIN; 160]).abs() < 1e-9);
        assert!((dbfs(&Tone::new(1_000.0, 32_767.0).samples(8_000, 1.0)) + 3.01).abs() < 0.01);
        assert!((dbfs(&[328; 960]) + 40.0).abs() < 0.01);
    }
}
