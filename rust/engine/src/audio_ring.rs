//! PCM between a call on the driver and its readers and writers in other threads: bounded, and no lock on the driver's side.
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use c2c_proto::io::AudioPort;
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

/// What a call's far side says, for one reader.
#[derive(Debug)]
pub struct ReaderRing {
    flag: Arc<RingFlag>,
    rate: u32,
    frames: ArrayQueue<PcmFrame>,
    dropped: AtomicU64,
    ended: AtomicBool,
    closed: AtomicBool,
}

impl ReaderRing {
    pub(crate) fn new(ring: u64, rate: u32) -> Self {
        Self {
            flag: Arc::new(RingFlag::new(ring)),
            rate,
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

    fn push(&self, samples: &[i16], position: u64) {
        if self
            .frames
            .force_push(PcmFrame {
                samples: samples.into(),
                position,
            })
            .is_some()
        {
            self.dropped.fetch_add(1, Ordering::Relaxed);
        }
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
        self.started.store(true, Ordering::Release);
    }

    fn pull(&self, frame: &mut [i16]) -> bool {
        // asked before the queue: what was pushed before the close is found
        let closed = self.closed();
        match self.frames.pop() {
            Some(samples) if samples.len() == frame.len() => {
                frame.copy_from_slice(&samples);
                true
            }
            _ if closed => false,
            _ => {
                if self.started.load(Ordering::Acquire) {
                    self.late.fetch_add(1, Ordering::Relaxed);
                }
                false
            }
        }
    }

    fn drained(&self) -> bool {
        self.closed() && self.frames.is_empty()
    }
}

/// All rings of one call, on the driver: implements what the user agent plays to and from.
#[derive(Debug, Default)]
pub(crate) struct CallRings {
    readers: Vec<Arc<ReaderRing>>,
    /// The open writer stands last, before it those that drain.
    writers: Vec<Arc<WriterRing>>,
}

impl CallRings {
    pub(crate) fn add_reader(&mut self, ring: Arc<ReaderRing>) {
        self.readers.push(ring);
    }

    pub(crate) fn add_writer(&mut self, ring: Arc<WriterRing>) {
        self.writers.push(ring);
    }

    /// A port for one tick, which announces what became ready.
    pub(crate) fn port<'a>(&'a mut self, announce: &'a dyn Announce) -> RingPort<'a> {
        self.readers.retain(|ring| !ring.closed.load(Ordering::Acquire));
        let mut port = RingPort { rings: self, announce };
        port.end_drained_writers();
        port
    }

    /// The call is over.
    pub(crate) fn end(&mut self, announce: &dyn Announce) {
        for ring in self.readers.drain(..) {
            end_reader(&ring, announce);
        }
        for ring in self.writers.drain(..) {
            end_writer(&ring, announce);
        }
    }
}

/// No frame will follow.
pub(crate) fn end_reader(ring: &ReaderRing, announce: &dyn Announce) {
    ring.ended.store(true, Ordering::Release);
    announce.announce(&ring.flag);
}

/// No frame will be taken.
pub(crate) fn end_writer(ring: &WriterRing, announce: &dyn Announce) {
    ring.ended.store(true, Ordering::Release);
    announce.announce(&ring.flag);
}

/// The rings of a call during one tick.
pub(crate) struct RingPort<'a> {
    rings: &'a mut CallRings,
    announce: &'a dyn Announce,
}

impl RingPort<'_> {
    /// Lets go of writers whose last frame has left.
    fn end_drained_writers(&mut self) {
        let announce = self.announce;
        self.rings.writers.retain(|ring| {
            let drained = ring.drained();
            if drained {
                end_writer(ring, announce);
            }
            !drained
        });
    }
}

impl AudioPort for RingPort<'_> {
    fn outgoing_rate(&self) -> Option<u32> {
        self.rings.writers.first().map(|ring| ring.rate)
    }

    fn pull(&mut self, frame: &mut [i16]) -> bool {
        let Some(ring) = self.rings.writers.first() else {
            return false;
        };
        let pulled = ring.pull(frame);
        if ring.waiting.swap(false, Ordering::SeqCst) {
            self.announce.announce(&ring.flag);
        }
        self.end_drained_writers();
        pulled
    }

    fn incoming_rates(&self) -> Vec<u32> {
        let mut rates: Vec<u32> = self.rings.readers.iter().map(|ring| ring.rate).collect();
        rates.sort_unstable();
        rates.dedup();
        rates
    }

    fn push(&mut self, rate: u32, samples: &[i16], position: u64) {
        for ring in self.rings.readers.iter().filter(|ring| ring.rate == rate) {
            ring.push(samples, position);
            self.announce.announce(&ring.flag);
        }
    }
}

/// Samples in 20 ms.
fn frame_samples(rate: u32) -> usize {
    rate as usize / 50
}
