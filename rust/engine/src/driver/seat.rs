//! An agent on its driver, with its WebSocket and its calls: feeds it what happens and does what it wants done.
mod addresses;
mod outputs;
mod servers;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use c2c_proto::io::{CallId, Datagram, TransportFailure, TransportInput};

use super::calls::Call;
use super::line::{Line, Overdue};
use super::prepared::Prepared;
use super::sources::Sources;
use super::watch::Watch;
use super::{ClientOptions, Counts, Inbox};
use crate::agent::Agent;
use crate::audio_ring::{ReaderRing, WriterRing, end_reader, end_writer};
use crate::mailbox::{AgentId, Directive, Mailbox};
use crate::route::Route;
use crate::slots::Slots;
use crate::socket_options::SocketOptions;
use crate::tls::TlsTrust;
use crate::udp::Received;
use crate::websocket::{Incoming, OpenWebSocket, WebSocketEnd};
use crate::workers::Workers;

/// How long an agent has to act on its farewell.
const FAREWELL: Duration = Duration::from_millis(1_500);
/// How old published numbers may get while a call ticks.
const STATS_PERIOD: Duration = Duration::from_millis(200);
/// Outputs that one input may cause; an agent that has more is out of its mind.
const OUTPUT_LIMIT: usize = 10_000;
/// Close code that means: drop the connection (RFC 6455 §7.4.1).
const DROPPED: u16 = 1006;

/// What all seats of a driver share.
pub(crate) struct Floor<A: Agent> {
    pub(crate) sources: Sources,
    pub(crate) slots: Slots<(AgentId, CallId)>,
    pub(crate) counts: Arc<Counts>,
    pub(crate) connectors: Workers,
    /// Apart from the connectors: a dead TURN server keeps no WebSocket waiting.
    pub(crate) server_connectors: Workers,
    /// Apart from the connectors: an attempt at a listener of this driver waits for its own acceptor.
    pub(crate) acceptors: Workers,
    /// Apart from the connectors: one who looks at addresses waits for nobody.
    pub(crate) lookers: Workers,
    pub(crate) watch: Watch,
    pub(crate) inbox: Inbox<A>,
    /// Room for one datagram.
    pub(crate) buffer: Box<[u8]>,
}

/// Whether an agent goes on after an input, and when it wants to be looked at.
#[derive(Debug)]
pub(crate) enum Life {
    On(Option<Instant>),
    Over,
    Failed(String),
}

/// How a client opens its WebSocket; an accepted agent has none to open.
struct Dialing {
    tls: TlsTrust,
    limit: Duration,
    route: Route,
}

/// An agent and what belongs to it.
pub(crate) struct Seat<A: Agent> {
    id: AgentId,
    /// The client itself, or the listener that accepted it.
    owner: AgentId,
    agent: A,
    mailbox: Arc<Mailbox<A::Command, A::Event>>,
    dialing: Option<Dialing>,
    sockets: SocketOptions,
    farewell: Option<A::Command>,
    line: Line,
    prepared: Prepared,
    /// Both ends of a client's last connection.
    ends: Option<(SocketAddr, SocketAddr)>,
    calls: HashMap<CallId, Call>,
    leaving: Option<Instant>,
    failure: Option<String>,
    told: bool,
    published: Option<Instant>,
}

impl<A: Agent + 'static> Seat<A> {
    /// A client's agent.
    pub(crate) fn of_client(
        id: AgentId,
        options: ClientOptions<A>,
        mailbox: Arc<Mailbox<A::Command, A::Event>>,
    ) -> Self {
        let ClientOptions {
            agent,
            tls,
            farewell,
            open_limit,
            sockets,
        } = options;
        let dialing = Some(Dialing {
            tls,
            limit: open_limit,
            route: Route::default(),
        });
        Self {
            dialing,
            sockets,
            farewell,
            ..Self::new(id, id, agent, mailbox)
        }
    }

    /// The agent of a connection that a listener accepted.
    pub(crate) fn of_listener(
        id: AgentId,
        listener: AgentId,
        agent: A,
        mailbox: Arc<Mailbox<A::Command, A::Event>>,
    ) -> Self {
        Self::new(id, listener, agent, mailbox)
    }

    fn new(id: AgentId, owner: AgentId, agent: A, mailbox: Arc<Mailbox<A::Command, A::Event>>) -> Self {
        Self {
            id,
            owner,
            agent,
            mailbox,
            dialing: None,
            sockets: SocketOptions::default(),
            farewell: None,
            line: Line::default(),
            prepared: Prepared::default(),
            ends: None,
            calls: HashMap::new(),
            leaving: None,
            failure: None,
            told: false,
            published: None,
        }
    }

    pub(crate) fn id(&self) -> AgentId {
        self.id
    }

    pub(crate) fn owner(&self) -> AgentId {
        self.owner
    }

    pub(crate) fn mailbox(&self) -> &Arc<Mailbox<A::Command, A::Event>> {
        &self.mailbox
    }

    /// What the owner asked for.
    pub(crate) fn direct(&mut self, floor: &mut Floor<A>, directive: Directive<A::Command>, now: Instant) {
        match directive {
            Directive::Command(command) if self.leaving.is_none() => self.agent.handle_command(command, now),
            Directive::Command(_) => {}
            Directive::Route(route) => {
                if let Some(dialing) = &mut self.dialing {
                    dialing.route = route;
                }
            }
            Directive::Prepare(uri, route) => self.prepare(floor, uri.0.clone(), route, now),
            Directive::DiscardPrepared => self.prepared.discard(),
            Directive::OpenReader(call, ring) => self.open_reader(call, ring, now),
            Directive::OpenWriter(call, ring) => self.open_writer(call, ring, now),
            Directive::Close => self.leave(now),
        }
    }

    /// Says farewell; the seat is over when the agent has closed everything, or after a while.
    pub(crate) fn leave(&mut self, now: Instant) {
        if self.leaving.is_some() {
            return;
        }
        self.leaving = Some(now);
        self.prepared.discard();
        if let Some(farewell) = self.farewell.take() {
            self.leaving = Some(now + FAREWELL);
            self.agent.handle_command(farewell, now);
        }
    }

    /// The result of an attempt to open the WebSocket.
    pub(crate) fn opened(
        &mut self,
        floor: &mut Floor<A>,
        attempt: u64,
        result: Result<Box<OpenWebSocket>, TransportFailure>,
        now: Instant,
    ) {
        let Some(result) = self.prepared.opened(attempt, result) else {
            return;
        };
        if !self.line.finish_attempt(attempt) {
            return;
        }
        match result {
            Ok(open) => self.take_socket(floor, *open, now),
            Err(failure) => self.open_failed(failure, now),
        }
    }

    /// A WebSocket that is open becomes this agent's.
    pub(crate) fn take_socket(&mut self, floor: &mut Floor<A>, open: OpenWebSocket, now: Instant) {
        let OpenWebSocket {
            socket,
            local,
            remote,
            interfaces,
        } = open;
        tracing::debug!(%remote, "WebSocket open");
        self.ends = self.dialing.is_some().then_some((local, remote));
        match self.line.take(&mut floor.sources, self.id, socket) {
            Ok(()) => self.agent.handle_transport(
                TransportInput::Opened {
                    local,
                    remote,
                    interfaces,
                },
                now,
            ),
            Err(error) => self.failure = Some(format!("watching the WebSocket: {error}")),
        }
    }

    /// Reads one message; `true` when there may be more.
    pub(crate) fn read_websocket(&mut self, floor: &mut Floor<A>, now: Instant) -> bool {
        match self.line.read() {
            Ok(Incoming::Message(message)) => self.agent.handle_transport(TransportInput::Message(&message), now),
            Ok(Incoming::Control) => self.agent.handle_transport(TransportInput::Alive, now),
            Ok(Incoming::Nothing) => return false,
            Ok(Incoming::Close(end)) | Err(end) => {
                self.lost(floor, end, now);
                return false;
            }
        }
        true
    }

    /// Reads one datagram; `true` when there may be more.
    pub(crate) fn read_udp(&mut self, floor: &mut Floor<A>, call: CallId, index: usize, now: Instant) -> bool {
        let Some((local, received)) = self
            .calls
            .get(&call)
            .and_then(|call| call.receive(index, &mut floor.buffer))
        else {
            return false;
        };
        match received {
            Received::Datagram(length, remote) => {
                let payload = floor.buffer.get(..length).unwrap_or_default();
                self.agent
                    .handle_datagram(call, Datagram { local, remote, payload }, now);
                true
            }
            Received::Error => {
                floor
                    .counts
                    .udp_errors
                    .fetch_add(1, std::sync::atomic::Ordering::Relaxed);
                true
            }
            Received::Nothing => false,
        }
    }

    /// Runs what is due.
    pub(crate) fn on_time(&mut self, floor: &mut Floor<A>, now: Instant) {
        self.prepared.discard_overdue(now);
        match self.line.overdue(&mut floor.sources, now) {
            Some(Overdue::Failed(failure)) => self.open_failed(failure, now),
            Some(Overdue::Closed(end)) => self.closed(end, now),
            None => {}
        }
        if self.agent.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.agent.handle_timeout(now);
        }
    }

    /// 20 ms of a call.
    pub(crate) fn tick(&mut self, floor: &mut Floor<A>, call: CallId, lateness: Duration, now: Instant) {
        let Some(state) = self.calls.get_mut(&call) else { return };
        let mut port = state.rings.port(&*self.mailbox, now, lateness);
        self.agent.tick(call, &mut port, now);
        if let Some(moment) = state.rings.better_moment()
            && state.ticking
        {
            floor.slots.move_behind((self.id, call), moment);
        }
    }

    /// After each input: does what the agent wants done, publishes its numbers, and says how it goes on.
    pub(crate) fn settle(&mut self, floor: &mut Floor<A>, now: Instant) -> Life {
        self.perform_all(floor, now);
        self.publish(now);
        if let Some(failure) = self.failure.take() {
            return Life::Failed(failure);
        }
        let at_rest = self.line.is_down() && self.calls.is_empty();
        let leaves = self.leaving.is_some_and(|limit| at_rest || limit <= now);
        let hung_up = self.dialing.is_none() && self.line.is_down();
        if leaves || hung_up {
            return Life::Over;
        }
        let deadlines = [
            self.agent.poll_timeout(),
            self.line.deadline(now),
            self.prepared.deadline(),
            self.leaving,
        ];
        Life::On(deadlines.into_iter().flatten().min())
    }

    /// Gives everything back that the seat had from its driver.
    pub(crate) fn vacate(&mut self, floor: &mut Floor<A>, now: Instant) {
        let calls: Vec<CallId> = self.calls.keys().copied().collect();
        for call in calls {
            self.release(floor, call);
        }
        let _ = self.line.close(1001, now);
        self.line.drop_socket(&mut floor.sources);
        self.mailbox.publish(self.id, std::iter::empty());
    }

    fn lost(&mut self, floor: &mut Floor<A>, end: WebSocketEnd, now: Instant) {
        self.line.drop_socket(&mut floor.sources);
        self.closed(end, now);
    }

    fn open_failed(&mut self, failure: TransportFailure, now: Instant) {
        tracing::debug!(step = ?failure.step, "WebSocket not opened: {}", failure.cause);
        self.agent.handle_transport(TransportInput::Failed(failure), now);
    }

    fn closed(&mut self, end: WebSocketEnd, now: Instant) {
        let WebSocketEnd { code, reason } = end;
        tracing::debug!(?code, "WebSocket closed: {reason}");
        self.agent
            .handle_transport(TransportInput::Closed { code, reason }, now);
    }

    fn open_reader(&mut self, call: CallId, ring: Arc<ReaderRing>, now: Instant) {
        match self.live_call(call, now) {
            Some(state) => state.rings.add_reader(ring),
            None => end_reader(&ring, &*self.mailbox),
        }
    }

    fn open_writer(&mut self, call: CallId, ring: Arc<WriterRing>, now: Instant) {
        match self.live_call(call, now) {
            Some(state) => state.rings.add_writer(ring),
            None => end_writer(&ring, &*self.mailbox),
        }
    }

    /// A call that has sockets or rings already, or that the agent knows.
    fn live_call(&mut self, call: CallId, now: Instant) -> Option<&mut Call> {
        if !self.calls.contains_key(&call) {
            self.agent.stats(call, now)?;
        }
        Some(self.calls.entry(call).or_default())
    }

    /// Numbers are published at once when something was told, else now and then while calls tick.
    fn publish(&mut self, now: Instant) {
        let due = self.published.is_none_or(|published| now >= published + STATS_PERIOD);
        let ticks = due && self.calls.values().any(|call| call.ticking);
        if !self.told && !ticks {
            return;
        }
        let calls = self.calls.keys();
        let numbers = calls.filter_map(|call| self.agent.stats(*call, now).map(|stats| (*call, stats)));
        if self.mailbox.publish(self.id, numbers) {
            self.told = false;
            self.published = Some(now);
        }
    }
}
