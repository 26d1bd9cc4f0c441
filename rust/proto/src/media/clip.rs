//! Sound to be played: signed 16-bit mono PCM, made from samples or from a WAV file.
use std::borrow::Cow;
use std::io::Cursor;
use std::time::Duration;

use hound::{SampleFormat, WavReader, WavSpec};

/// Lowest and highest rate of a clip in Hz.
const RATES: std::ops::RangeInclusive<u32> = 8_000..=96_000;
/// A clip's rate must be a multiple of this, so that a resampling block stays short.
const RATE_STEP: u32 = 25;
/// Longest clip in seconds; ten minutes at 48 kHz are 58 MB.
const MAX_SECONDS: u64 = 600;
/// Largest WAV file in bytes: the longest clip in 24-bit stereo at 96 kHz.
const MAX_WAV_BYTES: usize = 350_000_000;
/// Most channels that are mixed down.
const MAX_CHANNELS: u16 = 8;

/// Why a sound is no clip.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClipError {
    /// A rate that is not supported.
    #[error("a rate of {0} Hz is not supported: resample the sound to 8, 16, 24 or 48 kHz")]
    Rate(u32),
    /// Longer than ten minutes.
    #[error("a clip of {0} seconds is too long: cut it to 600 seconds or write it live")]
    TooLong(u64),
    /// A file beyond the size limit.
    #[error("a WAV file of {0} bytes is too large: cut it or save it as 16-bit mono")]
    TooLarge(usize),
    /// More channels than are mixed down.
    #[error("a WAV file with {0} channels is not supported: save it as mono or stereo")]
    Channels(u16),
    /// A sample format that is neither 8 to 32-bit PCM nor 32-bit float.
    #[error("this WAV file's encoding is not supported: save it as 16-bit PCM")]
    Encoding,
    /// No WAV file, or a broken one.
    #[error("not a readable WAV file: {0}")]
    NotWav(String),
}

/// A sound in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clip {
    rate: u32,
    samples: Vec<i16>,
}

impl Clip {
    /// Takes signed 16-bit mono samples at `rate` Hz (8,000 to 96,000, a multiple of 25). Errors: [`ClipError`].
    pub fn new(rate: u32, samples: Vec<i16>) -> Result<Self, ClipError> {
        check_rate(rate)?;
        check_length(rate, samples.len())?;
        Ok(Self { rate, samples })
    }

    /// Reads a WAV file: 8, 16, 24, 32-bit PCM or 32-bit float, up to 8 channels, which are mixed down. Errors: [`ClipError`].
    pub fn from_wav(bytes: &[u8]) -> Result<Self, ClipError> {
        if bytes.len() > MAX_WAV_BYTES {
            return Err(ClipError::TooLarge(bytes.len()));
        }
        let bytes = with_true_length(bytes);
        let mut reader = WavReader::new(Cursor::new(bytes.as_ref())).map_err(unreadable)?;
        let spec = reader.spec();
        check_rate(spec.sample_rate)?;
        check_length(spec.sample_rate, reader.duration() as usize)?;
        if spec.channels == 0 || spec.channels > MAX_CHANNELS {
            return Err(ClipError::Channels(spec.channels));
        }
        let samples = read_mono(&mut reader, spec)?;
        Self::new(spec.sample_rate, samples)
    }

    /// Rate in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Signed 16-bit mono samples.
    pub fn samples(&self) -> &[i16] {
        &self.samples
    }

    /// How long it plays.
    pub fn duration(&self) -> Duration {
        Duration::from_secs_f64(self.samples.len() as f64 / f64::from(self.rate))
    }
}

fn check_rate(rate: u32) -> Result<(), ClipError> {
    if RATES.contains(&rate) && rate.is_multiple_of(RATE_STEP) {
        return Ok(());
    }
    Err(ClipError::Rate(rate))
}

fn check_length(rate: u32, samples: usize) -> Result<(), ClipError> {
    let seconds = samples as u64 / u64::from(rate);
    if seconds > MAX_SECONDS {
        return Err(ClipError::TooLong(seconds));
    }
    Ok(())
}

fn unreadable(error: hound::Error) -> ClipError {
    match error {
        hound::Error::Unsupported => ClipError::Encoding,
        hound::Error::IoError(_) | hound::Error::UnfinishedSample => ClipError::NotWav("it ends too early".into()),
        other => ClipError::NotWav(other.to_string()),
    }
}

/// A file whose data chunk claims more than there is (streamed or cut) gets the length that is there.
fn with_true_length(bytes: &[u8]) -> Cow<'_, [u8]> {
    let mut at = 12;
    let mut block_align = 1;
    // bounded: each chunk takes at least its header's 8 bytes
    while let Some((id, length)) = chunk_header(bytes, at) {
        let body = at + 8;
        let there = bytes.len() - body;
        if id == *b"data" && length as usize > there {
            let whole = (there - there % block_align) as u32;
            let mut bytes = bytes.get(..body + whole as usize).unwrap_or(bytes).to_vec();
            if let Some(field) = bytes.get_mut(at + 4..body) {
                field.copy_from_slice(&whole.to_le_bytes());
            }
            return Cow::Owned(bytes);
        }
        if let Some(&[low, high]) = bytes.get(body + 12..body + 14).filter(|_| id == *b"fmt ") {
            block_align = usize::from(u16::from_le_bytes([low, high])).max(1);
        }
        // chunks start on even bytes
        at = body + (length as usize).next_multiple_of(2);
    }
    Cow::Borrowed(bytes)
}

fn chunk_header(bytes: &[u8], at: usize) -> Option<([u8; 4], u32)> {
    let header = bytes.get(at..at.checked_add(8)?)?;
    let (id, length) = header.split_first_chunk::<4>()?;
    let (length, _) = length.split_first_chunk::<4>()?;
    Some((*id, u32::from_le_bytes(*length)))
}

fn read_mono(reader: &mut WavReader<Cursor<&[u8]>>, spec: WavSpec) -> Result<Vec<i16>, ClipError> {
    let channels = usize::from(spec.channels);
    match (spec.sample_format, spec.bits_per_sample) {
        (SampleFormat::Float, 32) => mix_down(reader.samples::<f32>(), channels, f64::from),
        (SampleFormat::Int, bits @ (8 | 16 | 24 | 32)) => {
            let full_scale = f64::from(1_u32 << (bits - 1));
            mix_down(reader.samples::<i32>(), channels, |sample| {
                f64::from(sample) / full_scale
            })
        }
        _ => Err(ClipError::Encoding),
    }
}

/// Averages `channels` at a time; `scale` brings a sample to ±1.
fn mix_down<S>(
    mut samples: impl Iterator<Item = hound::Result<S>>,
    channels: usize,
    scale: impl Fn(S) -> f64,
) -> Result<Vec<i16>, ClipError> {
    let mut mono = Vec::new();
    'frames: loop {
        let mut sum = 0.0;
        for channel in 0..channels {
            match samples.next() {
                Some(sample) => sum += scale(sample.map_err(unreadable)?),
                None if channel == 0 => break 'frames,
                None => return Err(ClipError::NotWav("it ends too early".into())),
            }
        }
        mono.push(to_i16(sum / channels as f64));
    }
    Ok(mono)
}

/// Rounds and clips; a NaN (float files may hold any bits) becomes silence.
fn to_i16(sample: f64) -> i16 {
    (sample * 32_768.0).round() as i16
}

#[cfg(test)]
mod tests;
