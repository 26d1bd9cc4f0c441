//! Sound to be played: signed 16-bit mono PCM.

/// A sound in memory.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Clip {
    /// Rate in Hz.
    pub rate: u32,
    /// Signed 16-bit mono samples.
    pub samples: Vec<i16>,
}
