//! Where outgoing sound comes from: a clip, else the port's writer, at a rate that the codec takes without resampling.
use std::collections::VecDeque;
use std::sync::Arc;

use super::clip::Clip;
use super::codec::Codec;
use super::resample::{Resampler, frame_samples};
use crate::io::AudioPort;

/// Ended clips that wait to be told; no new one starts while as many wait.
const MAX_ENDED: usize = 16;

/// Chooses and converts; one frame of 20 ms at a time.
#[derive(Default)]
pub(super) struct Source {
    playing: Option<Playing>,
    ended: VecDeque<(u64, bool)>,
    muted: bool,
    writer: Writer,
    late: u64,
    converter: Option<Converter>,
    raw: Vec<i16>,
    frame: Vec<i16>,
}

struct Playing {
    play: u64,
    clip: Arc<Clip>,
    frames: u64,
    position: usize,
    /// Samples of silence given out behind the clip's last one.
    beyond: usize,
}

#[derive(Default)]
struct Writer {
    rate: u32,
    frames: u64,
    has_begun: bool,
}

struct Converter {
    from: u32,
    to: u32,
    resampler: Option<Resampler>,
}

impl Source {
    /// Starts a clip; `false` when another one plays.
    pub(super) fn play(&mut self, play: u64, clip: Arc<Clip>) -> bool {
        if self.playing.is_some() || self.ended.len() >= MAX_ENDED {
            return false;
        }
        self.converter = None;
        self.playing = Some(Playing {
            play,
            clip,
            frames: 0,
            position: 0,
            beyond: 0,
        });
        true
    }

    /// Stops a clip.
    pub(super) fn stop(&mut self, play: u64) {
        if self.playing.as_ref().is_some_and(|playing| playing.play == play) {
            self.end_clip(false);
        }
    }

    /// Gives out silence while set; clip and writer go on.
    pub(super) fn set_muted(&mut self, muted: bool) {
        self.muted = muted;
    }

    /// The next clip that ended, and whether all of it was given out.
    pub(super) fn poll_ended(&mut self) -> Option<(u64, bool)> {
        self.ended.pop_front()
    }

    /// Frames that were silent because the writer had begun and was late.
    pub(super) fn late(&self) -> u64 {
        self.late
    }

    /// The next 20 ms: their rate in Hz and samples; `None` for silence at any rate.
    pub(super) fn next(&mut self, codec: Codec, audio: &mut dyn AudioPort) -> Option<(u32, &[i16])> {
        let from = self.read_clip().or_else(|| self.read_writer(audio))?;
        let to = codec.native_rate(from);
        if from == to {
            self.converter = None;
            self.frame.clone_from(&self.raw);
        } else {
            self.convert(from, to);
        }
        self.end_clip_if_done(to);
        if self.muted {
            self.frame.fill(0);
        }
        Some((to, &self.frame))
    }

    /// Puts the clip's next 20 ms into `raw`, silence behind its end.
    fn read_clip(&mut self) -> Option<u32> {
        let playing = self.playing.as_mut()?;
        let rate = playing.clip.rate();
        let length = frame_samples(rate, playing.frames);
        let rest = playing.clip.samples().get(playing.position..).unwrap_or_default();
        self.raw.clear();
        self.raw.extend(rest.iter().take(length));
        playing.position += self.raw.len();
        playing.beyond += length - self.raw.len();
        playing.frames += 1;
        self.raw.resize(length, 0);
        Some(rate)
    }

    /// Puts the writer's next 20 ms into `raw`, silence if it is late.
    fn read_writer(&mut self, audio: &mut dyn AudioPort) -> Option<u32> {
        let Some(rate) = audio.outgoing_rate().filter(|rate| *rate >= 50) else {
            self.writer = Writer::default();
            self.converter = None;
            return None;
        };
        if self.writer.rate != rate {
            self.writer = Writer {
                rate,
                ..Writer::default()
            };
        }
        self.raw.clear();
        self.raw.resize(frame_samples(rate, self.writer.frames), 0);
        if audio.pull(&mut self.raw) {
            self.writer.has_begun = true;
            self.writer.frames += 1;
        } else {
            self.raw.fill(0);
            self.late += u64::from(self.writer.has_begun && !self.muted);
        }
        Some(rate)
    }

    fn convert(&mut self, from: u32, to: u32) {
        if self
            .converter
            .as_ref()
            .is_none_or(|converter| (converter.from, converter.to) != (from, to))
        {
            let resampler = Resampler::new(from, to).ok();
            self.converter = Some(Converter { from, to, resampler });
        }
        self.frame.resize(to as usize / 50, 0);
        match self
            .converter
            .as_mut()
            .and_then(|converter| converter.resampler.as_mut())
        {
            Some(resampler) => resampler.process(&self.raw, &mut self.frame),
            None => self.frame.fill(0),
        }
    }

    /// Ends the clip when its last sample has come out of the resampler, too.
    fn end_clip_if_done(&mut self, to: u32) {
        let resampler = self
            .converter
            .as_ref()
            .and_then(|converter| converter.resampler.as_ref());
        let delay = resampler.map_or(0, Resampler::delay) as u64;
        let is_done = self.playing.as_ref().is_some_and(|playing| {
            let beyond = playing.beyond as u64 * u64::from(to) / u64::from(playing.clip.rate());
            playing.position >= playing.clip.samples().len() && beyond >= delay
        });
        if is_done {
            self.end_clip(true);
        }
    }

    fn end_clip(&mut self, completed: bool) {
        self.converter = None;
        if let Some(playing) = self.playing.take() {
            self.ended.push_back((playing.play, completed));
        }
    }
}
