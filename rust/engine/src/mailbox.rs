//! What an owner (a client or a listener) and the driver share: commands down, notices up, numbers beside.
use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::{io, iter};

use c2c_proto::io::{CallId, Secret};
use c2c_proto::media::stats::CallStats;
use crossbeam_queue::SegQueue;

use crate::audio_ring::{Announce, RATES, ReaderRing, Sides, WriterRing};
use crate::error::EngineError;
use crate::event_queue::{Drained, EventQueue, LogLine, QueueFull, RingFlag};
use crate::logs::LogSink;
use crate::route::Route;

/// Commands that may wait for the driver; one more is refused and ends the owner.
const COMMAND_LIMIT: usize = 1_024;

/// One agent of a driver; never used twice.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct AgentId(pub(crate) u64);

impl AgentId {
    pub(crate) fn next() -> Self {
        static NEXT: AtomicU64 = AtomicU64::new(1);
        Self(NEXT.fetch_add(1, Ordering::Relaxed))
    }
}

/// What an owner asks of one of its agents' seats.
#[derive(Debug)]
pub(crate) enum Directive<C> {
    Command(C),
    Route(Route),
    /// The URI may hold a token.
    Prepare(Secret, Route),
    DiscardPrepared,
    OpenReader(CallId, Arc<ReaderRing>),
    OpenWriter(CallId, Arc<WriterRing>),
    Close,
}

/// What the driver tells an owner.
#[derive(Debug)]
pub(crate) enum Notice<E> {
    Accepted(AgentId, SocketAddr),
    Event(AgentId, E),
    Failed(AgentId, String),
    Closed(AgentId),
    OwnerFailed(String),
    OwnerClosed,
}

/// The numbers of all live calls of an owner.
type Board = HashMap<(AgentId, CallId), CallStats>;

#[derive(Debug)]
pub(crate) struct Mailbox<C, E> {
    notices: EventQueue<Notice<E>>,
    commands: SegQueue<(AgentId, Directive<C>)>,
    commands_waiting: AtomicUsize,
    signalled: AtomicBool,
    board: Mutex<Board>,
    next_ring: AtomicU64,
}

impl<C, E> Mailbox<C, E> {
    /// A mailbox and the end of its wake-up that the owner sleeps on.
    pub(crate) fn new() -> io::Result<(Self, UnixStream)> {
        let (notices, owner) = EventQueue::new()?;
        let mailbox = Self {
            notices,
            commands: SegQueue::new(),
            commands_waiting: AtomicUsize::new(0),
            signalled: AtomicBool::new(false),
            board: Mutex::new(Board::new()),
            next_ring: AtomicU64::new(1),
        };
        Ok((mailbox, owner))
    }

    /// The owner asks; `true` when the driver has to be told to look.
    pub(crate) fn send(&self, agent: AgentId, directive: Directive<C>) -> Result<bool, EngineError> {
        if self.commands_waiting.load(Ordering::Relaxed) >= COMMAND_LIMIT && !matches!(directive, Directive::Close) {
            return Err(EngineError::CommandsFull(COMMAND_LIMIT));
        }
        self.commands_waiting.fetch_add(1, Ordering::Relaxed);
        self.commands.push((agent, directive));
        Ok(!self.signalled.swap(true, Ordering::SeqCst))
    }

    /// The driver looks: what was asked for so far.
    pub(crate) fn receive(&self) -> Vec<(AgentId, Directive<C>)> {
        self.signalled.store(false, Ordering::SeqCst);
        let asked: Vec<_> = iter::repeat_with(|| self.commands.pop())
            .take(self.commands.len())
            .flatten()
            .collect();
        self.commands_waiting.fetch_sub(asked.len(), Ordering::Relaxed);
        asked
    }

    /// The driver tells something that the owner must not miss.
    pub(crate) fn tell(&self, notice: Notice<E>) -> Result<(), QueueFull> {
        self.notices.push(notice)
    }

    /// The driver tells how something ended, which always finds room.
    pub(crate) fn tell_end(&self, notice: Notice<E>) {
        self.notices.push_last(notice);
    }

    /// The owner looks: what was told so far.
    pub(crate) fn drain(&self) -> Drained<Notice<E>> {
        self.notices.drain()
    }

    /// A ring for a reader; `ValueError`'s text for a rate that no ring has.
    pub(crate) fn reader_ring(&self, rate: u32, sides: Sides) -> Result<Arc<ReaderRing>, EngineError> {
        check_rate(rate)?;
        Ok(Arc::new(ReaderRing::new(
            self.next_ring.fetch_add(1, Ordering::Relaxed),
            rate,
            sides,
        )))
    }

    /// A ring for a writer.
    pub(crate) fn writer_ring(&self, rate: u32) -> Result<Arc<WriterRing>, EngineError> {
        check_rate(rate)?;
        Ok(Arc::new(WriterRing::new(
            self.next_ring.fetch_add(1, Ordering::Relaxed),
            rate,
        )))
    }

    /// Numbers of a call as last published.
    pub(crate) fn stats(&self, agent: AgentId, call: CallId) -> Option<CallStats> {
        self.board
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&(agent, call))
            .cloned()
    }

    /// Replaces an agent's numbers; `false` when a reader is at the board just now: then try again later.
    pub(crate) fn publish(&self, agent: AgentId, numbers: impl Iterator<Item = (CallId, CallStats)>) -> bool {
        let mut board = match self.board.try_lock() {
            Ok(board) => board,
            Err(TryLockError::Poisoned(poisoned)) => poisoned.into_inner(),
            Err(TryLockError::WouldBlock) => return false,
        };
        board.retain(|(owner, _), _| *owner != agent);
        board.extend(numbers.map(|(call, stats)| ((agent, call), stats)));
        true
    }
}

impl<C, E> Announce for Mailbox<C, E> {
    fn announce(&self, flag: &Arc<RingFlag>) {
        self.notices.announce(flag);
    }
}

impl<C: Send, E: Send> LogSink for Mailbox<C, E> {
    fn log(&self, line: LogLine) {
        self.notices.log(line);
    }
}

fn check_rate(rate: u32) -> Result<(), EngineError> {
    if RATES.contains(&rate) {
        return Ok(());
    }
    Err(EngineError::Invalid(format!("rate: {rate} Hz is not one of {RATES:?}")))
}
