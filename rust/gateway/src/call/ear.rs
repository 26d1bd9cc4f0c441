//! The agent's ear: hears, measures, keeps and echoes the far side's sound.
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use c2c_proto::io::{AudioPort, FRAME};
use c2c_proto::media::clip::Clip;

use crate::settings::Hearing;

/// The [`AudioPort`] of one call.
#[derive(Debug)]
pub(crate) struct Ear {
    rate: u32,
    keep: usize,
    kept: Vec<i16>,
    echo: Option<VecDeque<i16>>,
    heard: bool,
    silent_for: Duration,
}

impl Ear {
    pub(crate) fn new(hearing: Hearing) -> Self {
        Self {
            rate: hearing.rate,
            keep: (hearing.keep.min(LONGEST).as_secs_f64() * f64::from(hearing.rate)) as usize,
            kept: Vec::new(),
            echo: None,
            heard: false,
            silent_for: Duration::ZERO,
        }
    }

    /// Sends back what is heard from now on, or stops doing so.
    pub(crate) fn set_echo(&mut self, on: bool) {
        self.echo = on.then(VecDeque::new);
    }

    /// Forgets what `silence_after_sound` knows: what is heard from now on counts.
    pub(crate) fn listen(&mut self) {
        self.heard = false;
        self.silent_for = Duration::ZERO;
    }

    /// How long it has been silent since there was sound; `None` while there was none.
    pub(crate) fn silence_after_sound(&self) -> Option<Duration> {
        self.heard.then_some(self.silent_for)
    }

    /// What was kept; nothing when nothing came.
    pub(crate) fn take_heard(&mut self) -> Option<Arc<Clip>> {
        let samples = std::mem::take(&mut self.kept);
        if samples.is_empty() {
            return None;
        }
        Clip::new(self.rate, samples).ok().map(Arc::new)
    }

    fn measure(&mut self, samples: &[i16]) {
        if is_audible(samples) {
            self.heard = true;
            self.silent_for = Duration::ZERO;
        } else {
            self.silent_for += FRAME;
        }
    }
}

impl AudioPort for Ear {
    fn outgoing_rate(&self) -> Option<u32> {
        self.echo.is_some().then_some(self.rate)
    }

    fn pull(&mut self, frame: &mut [i16]) -> bool {
        let wanted = frame.len();
        let Some(echo) = self.echo.as_mut().filter(|echo| echo.len() >= wanted) else {
            return false;
        };
        for (sample, heard) in frame.iter_mut().zip(echo.drain(..wanted)) {
            *sample = heard;
        }
        true
    }

    fn incoming_rates(&self) -> Vec<u32> {
        vec![self.rate]
    }

    fn push(&mut self, _rate: u32, samples: &[i16], _position: u64) {
        self.measure(samples);
        let room = self.keep.saturating_sub(self.kept.len()).min(samples.len());
        self.kept.extend(samples.iter().take(room));
        if let Some(echo) = &mut self.echo {
            // drop oldest: a tick that came late must not make the echo later for good
            let excess = (echo.len() + samples.len()).saturating_sub(ECHO_FRAMES * samples.len());
            echo.drain(..excess.min(echo.len()));
            echo.extend(samples);
        }
    }
}

/// Louder than -50 dBFS (RMS), as `CallStats::seconds_heard` counts it.
fn is_audible(samples: &[i16]) -> bool {
    let energy: f64 = samples.iter().map(|&s| f64::from(s) * f64::from(s)).sum();
    energy > samples.len() as f64 * AUDIBLE_RMS * AUDIBLE_RMS
}

const AUDIBLE_RMS: f64 = 103.6;
const ECHO_FRAMES: usize = 4;
/// A clip holds no more.
const LONGEST: Duration = Duration::from_secs(600);

#[cfg(test)]
mod tests {
    use super::*;

    const HEARING: Hearing = Hearing {
        rate: 8000,
        keep: Duration::from_millis(60),
    };

    #[test]
    fn keeps_no_more_than_asked() {
        let mut ear = Ear::new(HEARING);
        for position in 0..5 {
            ear.push(8000, &[7; 160], position * 160);
        }
        assert_eq!(ear.take_heard().unwrap().samples(), vec![7; 480]);
    }

    #[test]
    fn silence_counts_from_the_last_sound() {
        let mut ear = Ear::new(HEARING);
        ear.push(8000, &[0; 160], 0);
        assert_eq!(ear.silence_after_sound(), None);
        ear.push(8000, &[3000; 160], 160);
        ear.push(8000, &[0; 160], 320);
        ear.push(8000, &[50; 160], 480);
        assert_eq!(ear.silence_after_sound(), Some(2 * FRAME));
    }

    #[test]
    fn echo_gives_back_what_was_heard_and_stays_short() {
        let mut ear = Ear::new(HEARING);
        let mut frame = [0; 160];
        assert!(!ear.pull(&mut frame));
        ear.set_echo(true);
        for value in 1..=9 {
            ear.push(8000, &[value; 160], 0);
        }
        assert!(ear.pull(&mut frame));
        assert_eq!(frame, [6; 160]);
    }
}
