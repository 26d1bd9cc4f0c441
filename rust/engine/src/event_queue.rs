//! What the driver tells one owner: events in order, bounded; ready rings and log lines, coalesced.
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::{io, iter};

use crossbeam_queue::SegQueue;

use crate::wake::Wake;

/// Events that may wait for the owner; one more ends the client, since only a dead reader gets there.
pub const EVENT_LIMIT: usize = 4_096;
/// Log lines that may wait; further ones push out the oldest and are counted.
pub const LOG_LIMIT: usize = 1_000;

/// A log line of our own crates.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LogLine {
    /// Level as Python's logging module numbers it.
    pub level: u8,
    /// Module that logged it.
    pub target: &'static str,
    /// Its text, without secrets.
    pub message: String,
}

/// Told to a full queue's writer: this owner is dead.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct QueueFull;

/// A queue between the driver and an owner; neither side waits for the other.
#[derive(Debug)]
pub(crate) struct EventQueue<E> {
    events: SegQueue<E>,
    waiting: AtomicUsize,
    rings: SegQueue<Arc<RingFlag>>,
    lines: SegQueue<LogLine>,
    lines_waiting: AtomicUsize,
    lines_lost: AtomicU64,
    wake: Wake,
}

/// One ring's place in the queue of ready rings: it stands there at most once.
#[derive(Debug)]
pub(crate) struct RingFlag {
    ring: u64,
    announced: AtomicBool,
}

impl RingFlag {
    pub(crate) fn new(ring: u64) -> Self {
        Self {
            ring,
            announced: AtomicBool::new(false),
        }
    }

    pub(crate) fn ring(&self) -> u64 {
        self.ring
    }
}

/// Everything that waited when the owner looked.
#[derive(Debug)]
pub(crate) struct Drained<E> {
    pub(crate) events: Vec<E>,
    pub(crate) rings: Vec<u64>,
    pub(crate) lines: Vec<LogLine>,
    pub(crate) lines_lost: u64,
}

impl<E> EventQueue<E> {
    /// A queue and the end of its wake-up that the owner sleeps on.
    pub(crate) fn new() -> io::Result<(Self, UnixStream)> {
        let (wake, owner) = Wake::pair()?;
        let queue = Self {
            events: SegQueue::new(),
            waiting: AtomicUsize::new(0),
            rings: SegQueue::new(),
            lines: SegQueue::new(),
            lines_waiting: AtomicUsize::new(0),
            lines_lost: AtomicU64::new(0),
            wake,
        };
        Ok((queue, owner))
    }

    /// Adds an event, unless too many wait.
    pub(crate) fn push(&self, event: E) -> Result<(), QueueFull> {
        if self.waiting.load(Ordering::Relaxed) >= EVENT_LIMIT {
            return Err(QueueFull);
        }
        self.push_last(event);
        Ok(())
    }

    /// Adds one of the two events that end a client, which always find room.
    pub(crate) fn push_last(&self, event: E) {
        self.waiting.fetch_add(1, Ordering::Relaxed);
        self.events.push(event);
        self.wake.notify();
    }

    /// A ring has a frame, has room, or has ended.
    pub(crate) fn announce(&self, flag: &Arc<RingFlag>) {
        if !flag.announced.swap(true, Ordering::SeqCst) {
            self.rings.push(flag.clone());
            self.wake.notify();
        }
    }

    /// Adds a log line; the oldest goes when too many wait.
    pub(crate) fn log(&self, line: LogLine) {
        self.lines.push(line);
        if self.lines_waiting.fetch_add(1, Ordering::Relaxed) >= LOG_LIMIT && self.lines.pop().is_some() {
            self.lines_waiting.fetch_sub(1, Ordering::Relaxed);
            self.lines_lost.fetch_add(1, Ordering::Relaxed);
        }
        self.wake.notify();
    }

    /// Takes all that waits; call it after the wake-up bytes were read.
    pub(crate) fn drain(&self) -> Drained<E> {
        self.wake.acknowledge();
        Drained {
            rings: self.drain_rings(),
            lines: drain(&self.lines, &self.lines_waiting),
            lines_lost: self.lines_lost.swap(0, Ordering::Relaxed),
            events: drain(&self.events, &self.waiting),
        }
    }

    fn drain_rings(&self) -> Vec<u64> {
        let ready = iter::repeat_with(|| self.rings.pop()).take(self.rings.len()).flatten();
        ready
            .map(|flag| {
                flag.announced.store(false, Ordering::SeqCst);
                flag.ring
            })
            .collect()
    }
}

/// Takes what waits now, and not what comes meanwhile.
fn drain<T>(queue: &SegQueue<T>, waiting: &AtomicUsize) -> Vec<T> {
    let items: Vec<T> = iter::repeat_with(|| queue.pop()).take(queue.len()).flatten().collect();
    waiting.fetch_sub(items.len(), Ordering::Relaxed);
    items
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_keep_their_order_and_end_at_the_limit() {
        let (queue, _owner) = EventQueue::new().unwrap();
        for number in 0..EVENT_LIMIT {
            queue.push(number).unwrap();
        }
        assert_eq!(queue.push(0), Err(QueueFull));
        queue.push_last(EVENT_LIMIT);
        assert_eq!(queue.drain().events, (0..=EVENT_LIMIT).collect::<Vec<_>>());
        queue.push(1).unwrap();
        assert_eq!(queue.drain().events, [1]);
    }

    #[test]
    fn a_ring_stands_in_the_queue_once() {
        let (queue, _owner) = EventQueue::<()>::new().unwrap();
        let (first, second) = (Arc::new(RingFlag::new(1)), Arc::new(RingFlag::new(2)));
        queue.announce(&first);
        queue.announce(&second);
        queue.announce(&first);
        assert_eq!(queue.drain().rings, [1, 2]);
        queue.announce(&first);
        assert_eq!(queue.drain().rings, [1]);
    }

    #[test]
    fn the_oldest_log_lines_go_and_are_counted() {
        let (queue, _owner) = EventQueue::<()>::new().unwrap();
        for number in 0..LOG_LIMIT + 5 {
            queue.log(LogLine {
                level: 10,
                target: "c2c",
                message: number.to_string(),
            });
        }
        let drained = queue.drain();
        assert_eq!((drained.lines.len(), drained.lines_lost), (LOG_LIMIT, 5));
        assert_eq!(drained.lines[0].message, "5");
    }
}
