//! The loop of a driver thread: waits for sockets, notes and deadlines, and serves one small item of work after the other.
mod ports;
mod watching;

use std::any::Any;
use std::collections::HashMap;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::sync::mpsc::Receiver;
use std::time::{Duration, Instant};

use c2c_proto::io::CallId;
use mio::{Events, Poll, Token};

use super::backlog::Backlog;
use super::port::Port;
use super::seat::{Floor, Life, Seat};
use super::sources::{Source, Sources};
use super::timers::Timers;
use super::watch::Watch;
use super::{Counts, Inbox, Note};
use crate::agent::Agent;
use crate::audio_ring::{end_reader, end_writer};
use crate::logs::{LogSink, with_sink};
use crate::mailbox::{AgentId, Directive, Mailbox, Notice};
use crate::slots::Slots;
use crate::workers::Workers;

/// The token of the driver's wake-up.
pub(crate) const WAKE: Token = Token(0);
/// Notes taken before sockets get their turn.
const NOTES: usize = 256;
/// Visits to ready sockets before timers get their turn.
const VISITS: usize = 256;
/// Messages or datagrams read in one visit.
const READS: usize = 16;
/// A tick later than this is counted.
const LATE: Duration = Duration::from_millis(5);
/// An agent whose deadline does not move is not served more often than this.
const SHORTEST_TIMER: Duration = Duration::from_millis(1);

pub(crate) struct Reactor<A: Agent> {
    poll: Poll,
    notes: Receiver<Note<A>>,
    notes_wait: bool,
    backlog: Backlog,
    seats: HashMap<AgentId, Seat<A>>,
    ports: HashMap<AgentId, Port<A>>,
    timers: Timers,
    floor: Floor<A>,
    finishing: bool,
}

impl<A: Agent + 'static> Reactor<A> {
    pub(crate) fn new(poll: Poll, notes: Receiver<Note<A>>, inbox: Inbox<A>, counts: Arc<Counts>) -> io::Result<Self> {
        let floor = Floor {
            sources: Sources::new(poll.registry().try_clone()?),
            slots: Slots::new(Instant::now()),
            counts,
            connectors: Workers::new(),
            server_connectors: Workers::new(),
            acceptors: Workers::new(),
            lookers: Workers::new(),
            watch: Watch::default(),
            inbox,
            buffer: vec![0; 65_536].into_boxed_slice(),
        };
        Ok(Self {
            poll,
            notes,
            notes_wait: false,
            backlog: Backlog::default(),
            seats: HashMap::new(),
            ports: HashMap::new(),
            timers: Timers::default(),
            floor,
            finishing: false,
        })
    }

    /// Runs until no handle and no agent is left.
    pub(crate) fn run(&mut self) -> io::Result<()> {
        let mut events = Events::with_capacity(1_024);
        while !(self.finishing && self.seats.is_empty() && self.ports.is_empty()) {
            match self.poll.poll(&mut events, self.patience()) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => result?,
            }
            self.notes_wait |= events.iter().any(|event| event.token() == WAKE);
            for token in events
                .iter()
                .map(mio::event::Event::token)
                .filter(|token| *token != WAKE)
            {
                self.backlog.push(token);
            }
            self.run_slots();
            self.take_notes();
            self.serve_backlog();
            self.run_timers();
            self.run_watch();
        }
        Ok(())
    }

    /// The thread cannot go on: tells everybody.
    pub(crate) fn give_up(&mut self, cause: &str) {
        let mut mailboxes: Vec<_> = self
            .seats
            .values()
            .map(|seat| (seat.id(), seat.mailbox().clone()))
            .collect();
        mailboxes.extend(self.ports.values().map(|port| (port.id(), port.mailbox.clone())));
        while let Ok(note) = self.notes.try_recv() {
            if let Note::Add(id, _, mailbox) | Note::Listen(id, _, _, mailbox) = note {
                mailboxes.push((id, mailbox));
            }
        }
        for (id, mailbox) in mailboxes {
            mailbox.tell_end(Notice::Failed(id, cause.into()));
            mailbox.tell_end(Notice::Closed(id));
        }
    }

    /// How long to wait for something to happen.
    fn patience(&self) -> Option<Duration> {
        if self.notes_wait || !self.backlog.is_empty() {
            return Some(Duration::ZERO);
        }
        let look = self
            .floor
            .watch
            .due(self.floor.slots.deadline().is_some(), Instant::now());
        let deadline = [self.floor.slots.deadline(), self.timers.deadline(), look]
            .into_iter()
            .flatten()
            .min();
        deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()))
    }

    fn take_notes(&mut self) {
        if !self.notes_wait {
            return;
        }
        for _ in 0..NOTES {
            let Ok(note) = self.notes.try_recv() else {
                self.notes_wait = false;
                return;
            };
            self.take(note);
            self.run_slots();
        }
    }

    fn take(&mut self, note: Note<A>) {
        match note {
            Note::Add(id, options, mailbox) => {
                self.seats.insert(id, Seat::of_client(id, *options, mailbox));
                self.serve(id, |_, _, _| ());
            }
            Note::Listen(id, socket, options, mailbox) => {
                self.listen(id, socket, *options, &mailbox);
            }
            Note::Commands(mailbox) => {
                for (id, directive) in mailbox.receive() {
                    self.direct(&mailbox, id, directive);
                }
            }
            Note::Opened(id, attempt, result) => {
                self.serve(id, |seat, floor, now| seat.opened(floor, attempt, result, now));
            }
            Note::Resolved(id, call, host, found) => {
                self.serve(id, |seat, _, now| seat.resolved(call, &host, found, now));
            }
            Note::StreamOpened(id, call, stream, result) => {
                self.serve(id, |seat, floor, now| {
                    seat.stream_opened(floor, call, stream, result, now);
                });
            }
            Note::Looked(seen) => self.looked(seen),
            Note::Upgraded(id, result) => self.upgraded(id, result),
            Note::Finish => self.finishing = true,
            Note::EndAll => self.end_all(),
        }
    }

    fn direct(&mut self, mailbox: &Mailbox<A::Command, A::Event>, id: AgentId, directive: Directive<A::Command>) {
        if self.seats.contains_key(&id) {
            self.serve(id, |seat, floor, now| seat.direct(floor, directive, now));
            return;
        }
        match directive {
            Directive::Close => self.close_port(id, None),
            Directive::OpenReader(_, ring) => end_reader(&ring, mailbox),
            Directive::OpenWriter(_, ring) => end_writer(&ring, mailbox),
            Directive::Command(_) | Directive::Route(_) | Directive::Prepare(..) | Directive::DiscardPrepared => {}
        }
    }

    /// Visits sockets that are ready, a few reads each, so that none keeps the others waiting.
    fn serve_backlog(&mut self) {
        for _ in 0..VISITS.min(self.backlog.len()) {
            let Some(token) = self.backlog.pop() else { return };
            if self.visit(token) {
                self.backlog.push(token);
            }
            self.run_slots();
        }
    }

    /// Serves a socket; `true` when there may be more to read.
    fn visit(&mut self, token: Token) -> bool {
        let Some(source) = self.floor.sources.get(token) else {
            return false;
        };
        for _ in 0..READS {
            let more = match source {
                Source::WebSocket(id) => self.serve(id, Seat::read_websocket),
                Source::Udp(id, call, index) => {
                    self.serve(id, |seat, floor, now| seat.read_udp(floor, call, index, now))
                }
                Source::Server(id, call, stream) => {
                    self.serve(id, |seat, floor, now| seat.read_stream(floor, call, stream, now))
                }
                Source::Port(id) => self.accept(id),
            };
            if more != Some(true) {
                return false;
            }
        }
        true
    }

    fn run_timers(&mut self) {
        let now = Instant::now();
        while let Some(id) = self.timers.pop_due(now) {
            self.serve(id, Seat::on_time);
            if self.timers.deadline_of(id).is_some_and(|deadline| deadline <= now) {
                self.timers.set(id, Some(now + SHORTEST_TIMER));
            }
            self.run_slots();
        }
    }

    /// Ticks the calls whose slot has come.
    fn run_slots(&mut self) {
        while let Some(due) = self.floor.slots.pop_due(Instant::now()) {
            let calls: Vec<(AgentId, CallId)> = self.floor.slots.calls(due).to_vec();
            let skipped = due.skipped * calls.len() as u64;
            self.floor.counts.skipped_ticks.fetch_add(skipped, Ordering::Relaxed);
            for (id, call) in calls {
                let counts = self.floor.counts.clone();
                self.serve(id, |seat, floor, now| {
                    let lateness = now.saturating_duration_since(due.since);
                    counts.lateness.record(lateness);
                    counts
                        .late_ticks
                        .fetch_add(u64::from(lateness > LATE), Ordering::Relaxed);
                    seat.tick(floor, call, lateness, now);
                });
            }
        }
    }

    /// One item of work on one agent. A panic in it ends that agent and nothing else.
    fn serve<T>(&mut self, id: AgentId, work: impl FnOnce(&mut Seat<A>, &mut Floor<A>, Instant) -> T) -> Option<T> {
        let seat = self.seats.get_mut(&id)?;
        let floor = &mut self.floor;
        let now = Instant::now();
        let sink: Arc<dyn LogSink> = seat.mailbox().clone();
        let item = AssertUnwindSafe(|| {
            let result = work(seat, floor, now);
            (result, seat.settle(floor, now))
        });
        let outcome = with_sink(&sink, || catch_unwind(item));
        self.floor.counts.items.record(now.elapsed());
        match outcome {
            Ok((result, Life::On(deadline))) => {
                self.timers.set(id, deadline);
                return Some(result);
            }
            Ok((_, Life::Over)) => self.end(id, None),
            Ok((_, Life::Failed(cause))) => self.end(id, Some(cause)),
            Err(panic) => {
                self.floor.counts.panics.fetch_add(1, Ordering::Relaxed);
                self.end(id, Some(panic_text(&*panic)));
            }
        }
        None
    }

    /// Takes an agent off the driver; `Closed` is the last that its owner hears of it.
    fn end(&mut self, id: AgentId, failure: Option<String>) {
        self.timers.set(id, None);
        let Some(mut seat) = self.seats.remove(&id) else { return };
        seat.vacate(&mut self.floor, Instant::now());
        let mailbox = seat.mailbox().clone();
        // what is left of an agent after a panic may well panic again
        let dropped = catch_unwind(AssertUnwindSafe(|| drop(seat)));
        let failure = failure.or_else(|| dropped.err().map(|panic| panic_text(&*panic)));
        if let Some(cause) = failure {
            mailbox.tell_end(Notice::Failed(id, cause));
        }
        mailbox.tell_end(Notice::Closed(id));
    }

    fn end_all(&mut self) {
        self.finishing = true;
        let ports: Vec<AgentId> = self.ports.keys().copied().collect();
        for port in ports {
            self.close_port(port, None);
        }
        let seats: Vec<AgentId> = self.seats.keys().copied().collect();
        for seat in seats {
            self.serve(seat, |seat, _, now| seat.leave(now));
        }
    }
}

/// What a panic said, for the owner.
pub(crate) fn panic_text(panic: &(dyn Any + Send)) -> String {
    let said = panic.downcast_ref::<&str>().copied();
    let said = said.or_else(|| panic.downcast_ref::<String>().map(String::as_str));
    format!("internal error, please report it: {}", said.unwrap_or("no text"))
}
