//! PCM between a call on the driver and its readers and writers in other threads: bounded, and no lock on the driver's side.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crossbeam_queue::ArrayQueue;

use crate::event_queue::RingFlag;

/// Frames of 20 ms that wait for a reader; the oldest goes when another comes.
pub const READER_FRAMES: usize = 10;
/// Frames of 20 ms that a writer may be ahead; it waits for room.
pub const WRITER_FRAMES: usize = 2;
/// Rates in Hz that a ring may have: each holds a whole number of samples in 20 ms.
pub const RATES: [u32; 8] = [8_000, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

/// Tells the owner that a ring became readable, writable or ended.
pub(crate) trait Announce {
    fn announce(&self, flag: &Arc<RingFlag>);
}

/// 20 ms of signed 16-bit mono.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PcmFrame {
    /// Its samples.
    pub samples: Box<[i16]>,
    /// Number of its first sample since the answer, at the ring's rate.
    pub position: u64,
}

/// What a reader wants of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sides {
    /// What the far side says: mono.
    Far,
    /// What both sides say: stereo, this side left and the far side right, the samples of one moment side by side.
    Both,
}

/// What a call's far side says, or both sides, for one reader.
#[derive(Debug)]
pub struct ReaderRing {
    flag: Arc<RingFlag>,
    rate: u32,
    sides: Sides,
    frames: ArrayQueue<PcmFrame>,
    dropped: AtomicU64,
    ended: AtomicBool,
    closed: AtomicBool,
}

impl ReaderRing {
    pub(crate) fn new(ring: u64, rate: u32, sides: Sides) -> Self {
        Self {
            flag: Arc::new(RingFlag::new(ring)),
            rate,
            sides,
            frames: ArrayQueue::new(READER_FRAMES),
            dropped: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            closed: AtomicBool::new(false),
        }
    }

    /// Its number among the owner's rings.
    pub fn ring(&self) -> u64 {
        self.flag.ring()
    }

    /// Its rate in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// What it holds.
    pub fn sides(&self) -> Sides {
        self.sides
    }

    /// Frames lost because the reader was late.
    pub fn dropped(&self) -> u64 {
        self.dropped.load(Ordering::Relaxed)
    }

    /// Whether no frame will follow those that [`Self::take`] still gives.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// The oldest frame that waits.
    pub fn take(&self) -> Option<PcmFrame> {
        self.frames.pop()
    }

    /// The reader wants no more.
    pub fn close(&self) {
        self.closed.store(true, Ordering::Release);
    }

    /// Whether the reader was closed.
    pub(crate) fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// Adds a frame of what the far side says and, missing ones as silence, of what this side says in the same tick;
    /// the oldest goes when there is no room.
    pub(crate) fn push(&self, far: &[i16], near: &[i16], position: u64) {
        let samples = match self.sides {
            Sides::Far => far.into(),
            Sides::Both => {
                let near = near.iter().copied().chain(std::iter::repeat(0));
                far.iter().zip(near).flat_map(|(far, near)| [near, *far]).collect()
            }
        };
        let frame = PcmFrame { samples, position };
        if self.frames.force_push(frame).is_some() {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(crate) fn flag(&self) -> &Arc<RingFlag> {
        &self.flag
    }
}

/// What this side says, from one writer.
#[derive(Debug)]
pub struct WriterRing {
    flag: Arc<RingFlag>,
    rate: u32,
    frames: ArrayQueue<Box<[i16]>>,
    partial: Mutex<Vec<i16>>,
    started: AtomicBool,
    waiting: AtomicBool,
    late: AtomicU64,
    ended: AtomicBool,
    closed: AtomicBool,
    made: Instant,
    /// Microseconds from `made` to the last whole frame.
    written: AtomicU64,
}

impl WriterRing {
    pub(crate) fn new(ring: u64, rate: u32) -> Self {
        Self {
            flag: Arc::new(RingFlag::new(ring)),
            rate,
            frames: ArrayQueue::new(WRITER_FRAMES),
            partial: Mutex::new(Vec::with_capacity(frame_samples(rate))),
            started: AtomicBool::new(false),
            waiting: AtomicBool::new(false),
            late: AtomicU64::new(0),
            ended: AtomicBool::new(false),
            closed: AtomicBool::new(false),
            made: Instant::now(),
            written: AtomicU64::new(0),
        }
    }

    /// Its number among the owner's rings.
    pub fn ring(&self) -> u64 {
        self.flag.ring()
    }

    /// Its rate in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Frames of silence sent because the writer was late, from its first frame to its close.
    pub fn late(&self) -> u64 {
        self.late.load(Ordering::Relaxed)
    }

    /// Whether the last frame has left, or the call is over.
    pub fn ended(&self) -> bool {
        self.ended.load(Ordering::Acquire)
    }

    /// Whether the writer was closed.
    pub fn closed(&self) -> bool {
        self.closed.load(Ordering::Acquire)
    }

    /// How many samples [`Self::write`] would take now.
    pub fn room(&self) -> usize {
        self.room_beside(&self.partial.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Takes as many samples as there is room for and says how many; after 0 the ring announces when there is room.
    pub fn write(&self, samples: &[i16]) -> usize {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        if self.closed() || self.ended() {
            return 0;
        }
        // set before the room is measured: a frame that leaves in between is announced
        self.waiting.store(true, Ordering::SeqCst);
        let taken = samples.len().min(self.room_beside(&partial));
        if taken == samples.len() {
            self.waiting.store(false, Ordering::SeqCst);
        }
        for sample in samples.iter().take(taken) {
            partial.push(*sample);
            if partial.len() == frame_samples(self.rate) {
                self.push_frame(&mut partial);
            }
        }
        taken
    }

    /// What was written still goes out, the last frame filled up with silence.
    pub fn close(&self) {
        let mut partial = self.partial.lock().unwrap_or_else(PoisonError::into_inner);
        if !partial.is_empty() {
            partial.resize(frame_samples(self.rate), 0);
            self.push_frame(&mut partial);
        }
        self.closed.store(true, Ordering::Release);
        if self.frames.is_empty() {
            self.ended.store(true, Ordering::Release);
        }
    }

    fn room_beside(&self, partial: &[i16]) -> usize {
        let frames = WRITER_FRAMES.saturating_sub(self.frames.len());
        (frames * frame_samples(self.rate)).saturating_sub(partial.len())
    }

    fn push_frame(&self, partial: &mut Vec<i16>) {
        // never full: `room_beside` left a place for the frame that `partial` becomes
        let _ = self.frames.push(std::mem::take(partial).into_boxed_slice());
        let since = u64::try_from(self.made.elapsed().as_micros()).unwrap_or(u64::MAX);
        self.written.store(since, Ordering::Relaxed);
        self.started.store(true, Ordering::Release);
    }

    /// The next frame, if it has the length asked for.
    pub(crate) fn pull(&self, frame: &mut [i16]) -> bool {
        // asked before the queue: what was pushed before the close is found
        let closed = self.closed();
        if let Some(samples) = self.frames.pop().filter(|samples| samples.len() == frame.len()) {
            frame.copy_from_slice(&samples);
            return true;
        }
        if self.started.load(Ordering::Acquire) && !closed {
            self.late.fetch_add(1, Ordering::Relaxed);
        }
        false
    }

    /// Whether the writer was told to wait for room; from now on it has not been told.
    pub(crate) fn was_waiting(&self) -> bool {
        self.waiting.swap(false, Ordering::SeqCst)
    }

    /// When the last whole frame came, if it is the only one that waited.
    pub(crate) fn last_written(&self) -> Option<Instant> {
        let since = Duration::from_micros(self.written.load(Ordering::Relaxed));
        self.frames.is_empty().then(|| self.made + since)
    }

    /// Whether it was closed and its last frame has left.
    pub(crate) fn drained(&self) -> bool {
        self.closed() && self.frames.is_empty()
    }

    pub(crate) fn flag(&self) -> &Arc<RingFlag> {
        &self.flag
    }
}

/// Tells a reader's owner that no frame will follow.
pub(crate) fn end_reader(ring: &ReaderRing, announce: &dyn Announce) {
    ring.ended.store(true, Ordering::Release);
    announce.announce(&ring.flag);
}

/// Tells a writer's owner that no frame will be taken, or that the last one has left.
pub(crate) fn end_writer(ring: &WriterRing, announce: &dyn Announce) {
    ring.ended.store(true, Ordering::Release);
    announce.announce(&ring.flag);
}

/// Samples in 20 ms.
fn frame_samples(rate: u32) -> usize {
    rate as usize / 50
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pulled(ring: &WriterRing) -> Option<i16> {
        let mut frame = [0; 160];
        ring.pull(&mut frame).then(|| frame[0])
    }

    #[test]
    fn a_reader_loses_the_oldest_frames_and_is_told_how_many() {
        let ring = ReaderRing::new(1, 8_000, Sides::Far);
        (0..READER_FRAMES as u64 + 3).for_each(|number| ring.push(&[0; 160], &[], number * 160));
        assert_eq!(ring.dropped(), 3);
        assert_eq!(ring.take().unwrap().position, 3 * 160);
        assert_eq!(std::iter::from_fn(|| ring.take()).count(), READER_FRAMES - 1);
    }

    #[test]
    fn both_sides_stand_side_by_side() {
        let ring = ReaderRing::new(1, 8_000, Sides::Both);
        ring.push(&[1, 2, 3], &[7, 8], 0);
        assert_eq!(*ring.take().unwrap().samples, [7, 1, 8, 2, 0, 3]);
    }

    #[test]
    fn a_writer_is_two_frames_ahead_at_most() {
        let ring = WriterRing::new(1, 8_000);
        assert_eq!(ring.write(&[1; 100]), 100);
        assert_eq!(ring.write(&[2; 1_000]), 220);
        assert_eq!(ring.write(&[3; 1]), 0);
        assert!(ring.was_waiting());
        assert_eq!(pulled(&ring), Some(1));
        assert_eq!(ring.room(), 160);
        assert_eq!(ring.write(&[3; 160]), 160);
        assert!(!ring.was_waiting());
    }

    #[test]
    fn silence_counts_as_late_only_between_the_first_frame_and_the_close() {
        let ring = WriterRing::new(1, 8_000);
        assert_eq!((pulled(&ring), ring.late()), (None, 0));
        ring.write(&[1; 160]);
        assert_eq!((pulled(&ring), ring.late()), (Some(1), 0));
        assert_eq!((pulled(&ring), ring.late()), (None, 1));
        ring.close();
        assert_eq!((pulled(&ring), ring.late()), (None, 1));
    }

    #[test]
    fn what_was_written_before_the_close_still_goes_out() {
        let ring = WriterRing::new(1, 8_000);
        ring.write(&[5; 200]);
        ring.close();
        assert_eq!((ring.write(&[6; 10]), ring.ended(), ring.drained()), (0, false, false));
        assert_eq!(pulled(&ring), Some(5));
        let mut last = [9; 160];
        assert!(ring.pull(&mut last));
        assert_eq!((&last[..40], &last[40..]), (&[5; 40][..], &[0; 120][..]));
        assert!(ring.drained());
    }

    #[test]
    fn a_writer_that_wrote_nothing_ends_at_its_close() {
        let ring = WriterRing::new(1, 8_000);
        ring.close();
        assert!(ring.ended());
    }
}
