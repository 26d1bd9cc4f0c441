//! Candidates that servers give to a call (RFC 8445 §5.1.1), and the relays among them for as long as the call lasts.
//! All servers are asked at once; the call goes on when each has answered or failed, or when its budget is spent. What
//! comes later is still told: the agent can check from it, and the peer learns it by that.
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use self::inquiry::{Inquiry, Outcome, Route};
pub use self::relay::GatherOutput;
use self::relay::Relay;
use super::candidate::Candidate;
use super::servers::{GatherBudget, IceConfig, IceTransportPolicy};
use super::stun::BindingClient;
use super::stun::message::StunMessage;
use super::turn::{Context, Received};
use super::unpredictable_random::UnpredictableRandom;
use crate::io::{Datagram, RandomSource, Transmit};

mod events;
mod inquiry;
mod network;
mod relay;

/// Relayed datagrams of connections that wait for [`IceGatherer::poll_relayed`]; the oldest is dropped.
const MAX_RELAYED: usize = 256;
/// Connections that one gatherer can need: one a URL and redirection, with room.
const MAX_STREAMS: u32 = 1 << 12;
/// Peers that relays are told of; the far side's SDP is read up to 64 candidates.
const MAX_PEERS: usize = 64;

/// What the gatherer tells its owner.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GatherEvent {
    /// A server-reflexive or relayed candidate. Its `related` address is hidden if the policy is to relay.
    Candidate(Candidate),
    /// Every server has answered or failed, or the budget is spent: the description can go out.
    Complete,
    /// A relayed candidate is lost; its server gave it up or is gone.
    RelayLost(SocketAddr),
    /// A server that is of no use, and why.
    Warning(String),
    /// All allocations are given back, after [`IceGatherer::close`].
    Closed,
}

/// What a datagram from one of the sockets was.
#[derive(Clone, Copy, Debug)]
pub enum FromServer<'a> {
    /// Not from one of the servers: the peer's.
    NotOurs,
    /// Something for the gatherer itself, or to be dropped.
    Taken,
    /// A peer's datagram. `local` is the relayed address that it came to.
    Relayed(Datagram<'a>),
}

/// A peer's datagram that came through a connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RelayedDatagram {
    /// The relayed address that it came to.
    pub relay: SocketAddr,
    /// The peer.
    pub peer: SocketAddr,
    /// Its payload.
    pub payload: Vec<u8>,
}

/// The STUN and TURN side of one call.
#[derive(Debug)]
pub struct IceGatherer {
    policy: IceTransportPolicy,
    budget: GatherBudget,
    inquiries: Vec<Inquiry>,
    bindings: Vec<Binding>,
    relays: Vec<Relay>,
    sockets: Vec<SocketAddr>,
    peers: Vec<IpAddr>,
    announced: Vec<SocketAddr>,
    random: UnpredictableRandom,
    next_stream: u32,
    deadline: Option<Instant>,
    is_complete: bool,
    is_closing: bool,
    is_closed: bool,
    rejected: u64,
    outputs: VecDeque<GatherOutput>,
    events: VecDeque<GatherEvent>,
    relayed: VecDeque<RelayedDatagram>,
}

#[derive(Debug)]
struct Binding {
    inquiry: usize,
    client: BindingClient,
}

impl IceGatherer {
    /// Draws a seed for transaction ids; does nothing before [`Self::set_sockets`].
    pub fn new(config: &IceConfig, random: &mut dyn RandomSource) -> Self {
        Self {
            policy: config.policy,
            budget: config.budget,
            inquiries: Inquiry::all(config),
            bindings: Vec::new(),
            relays: Vec::new(),
            sockets: Vec::new(),
            peers: Vec::new(),
            announced: Vec::new(),
            random: UnpredictableRandom::new(random),
            next_stream: 0,
            deadline: None,
            is_complete: false,
            is_closing: false,
            is_closed: false,
            rejected: 0,
            outputs: VecDeque::new(),
            events: VecDeque::new(),
            relayed: VecDeque::new(),
        }
    }

    /// Another one for the same call, whose connections get other numbers.
    #[must_use]
    pub fn successor(&self, config: &IceConfig, random: &mut dyn RandomSource) -> Self {
        Self {
            next_stream: self.next_stream + MAX_STREAMS,
            ..Self::new(config, random)
        }
    }

    /// The sockets that it works from.
    pub fn sockets(&self) -> &[SocketAddr] {
        &self.sockets
    }

    /// The machine's address behind a socket or relayed address of this gatherer.
    pub fn base_of(&self, local: SocketAddr) -> Option<IpAddr> {
        let relay = self.relays.iter().find(|relay| relay.announced == Some(local));
        match relay {
            Some(relay) => relay.base(),
            None => self.sockets.contains(&local).then(|| local.ip()),
        }
    }

    /// The relayed address whose datagrams to the server take this way.
    pub fn relay_at(&self, local: SocketAddr, server: SocketAddr) -> Option<SocketAddr> {
        let route = Route { local, server };
        self.relays.iter().find(|relay| relay.is_at(route))?.announced
    }

    /// Takes the call's bound sockets, most wanted first, and asks all servers.
    pub fn set_sockets(&mut self, sockets: &[SocketAddr], now: Instant) {
        if self.deadline.is_some() || self.is_closing {
            return;
        }
        self.sockets = sockets.to_vec();
        let wait = match self.policy {
            IceTransportPolicy::All => self.budget.after_host.min(self.budget.at_most),
            IceTransportPolicy::Relay => self.budget.at_most,
        };
        self.deadline = Some(now + wait);
        self.ask_all(now);
        self.follow(now);
    }

    /// Takes a datagram that came to one of the sockets, before anybody else does.
    pub fn handle_datagram<'a>(&mut self, datagram: Datagram<'a>, now: Instant) -> FromServer<'a> {
        let route = Route {
            local: datagram.local,
            server: datagram.remote,
        };
        let is_stun = datagram.payload.first().is_some_and(|first| *first < 4);
        if is_stun && self.handle_binding(route, datagram.payload, now) {
            self.follow(now);
            return FromServer::Taken;
        }
        let Some(relay) = self.relays.iter_mut().find(|relay| relay.is_at(route)) else {
            return FromServer::NotOurs;
        };
        let random = &mut self.random;
        let received = relay
            .client
            .handle_datagram(datagram.payload, &mut Context { now, random });
        match (received, relay.announced) {
            (Received::Relayed(peer, payload), Some(local)) => {
                let remote = peer;
                FromServer::Relayed(Datagram { local, remote, payload })
            }
            (Received::Taken, _) => {
                self.follow(now);
                FromServer::Taken
            }
            (Received::Relayed(..) | Received::Refused, _) => {
                self.rejected += 1;
                FromServer::Taken
            }
        }
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.run_bindings(now);
        for relay in &mut self.relays {
            let random = &mut self.random;
            relay.client.handle_timeout(&mut Context { now, random });
        }
        self.follow(now);
    }

    /// When [`Self::handle_timeout`] is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let bindings = self.bindings.iter().filter_map(|binding| binding.client.poll_timeout());
        let relays = self.relays.iter().filter_map(|relay| relay.client.poll_timeout());
        let routes = self.inquiries.iter().filter_map(Inquiry::poll_timeout);
        let deadline = self.deadline.filter(|_| !self.is_complete);
        let dues = bindings.chain(routes).chain(deadline).filter(|_| !self.is_closing);
        dues.chain(relays).min()
    }

    /// The next thing to send or ask for.
    pub fn poll_output(&mut self) -> Option<GatherOutput> {
        self.outputs.pop_front()
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<GatherEvent> {
        self.events.pop_front()
    }

    /// The next datagram that came through a connection.
    pub fn poll_relayed(&mut self) -> Option<RelayedDatagram> {
        self.relayed.pop_front()
    }

    /// Whether all is gathered that will be waited for.
    pub fn is_complete(&self) -> bool {
        self.is_complete
    }

    /// Why servers gave nothing, one sentence each; empty when all did.
    pub fn failures(&self) -> Vec<String> {
        let useless = self
            .inquiries
            .iter()
            .filter(|inquiry| inquiry.outcome != Outcome::Answered);
        useless.map(Inquiry::failure).collect()
    }

    /// Messages dropped: forged, malformed, out of place, or data of strangers.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Has all relays let these peers through, now and when more relays come.
    pub fn permit(&mut self, peers: impl IntoIterator<Item = IpAddr>, now: Instant) {
        for peer in peers {
            if self.peers.len() < MAX_PEERS && !self.peers.contains(&peer) {
                self.peers.push(peer);
                let random = &mut self.random;
                let mut context = Context { now, random };
                self.relays
                    .iter_mut()
                    .for_each(|relay| relay.client.permit(peer, &mut context));
            }
        }
        self.follow(now);
    }

    /// The peers that are let through.
    pub fn peers(&self) -> &[IpAddr] {
        &self.peers
    }

    /// Whether a relayed address is one of ours, and datagrams from it go to [`Self::send`].
    pub fn is_relay(&self, local: SocketAddr) -> bool {
        self.relays.iter().any(|relay| relay.announced == Some(local))
    }

    /// Sends a datagram from a relayed address; `false` when it cannot be.
    pub fn send(&mut self, relay: SocketAddr, peer: SocketAddr, payload: &[u8], now: Instant) -> bool {
        let Some(relay) = self.relays.iter_mut().find(|known| known.announced == Some(relay)) else {
            return false;
        };
        let random = &mut self.random;
        let is_sent = relay.client.send(peer, payload, &mut Context { now, random });
        while let Some(output) = relay.poll_output() {
            self.outputs.push_back(output);
        }
        is_sent
    }

    /// Servers' NAT mappings need no more reminders: ICE has chosen its pair and keeps it up. Relays are kept up until
    /// [`Self::close`].
    pub fn end_keep_alive(&mut self) {
        self.bindings.retain(|binding| binding.client.is_asking());
    }

    /// Gives all allocations back. [`GatherEvent::Closed`] follows, after half a second at most; outputs are still to be
    /// sent until then.
    pub fn close(&mut self, now: Instant) {
        if self.is_closing {
            return;
        }
        self.is_closing = true;
        self.bindings.clear();
        for relay in &mut self.relays {
            let random = &mut self.random;
            relay.client.close(&mut Context { now, random });
        }
        self.follow(now);
    }

    /// Whether it is closed and every allocation given back, or given up.
    pub fn is_closed(&self) -> bool {
        self.is_closed
    }

    /// The binding that asked, if this answers one.
    fn handle_binding(&mut self, route: Route, payload: &[u8], now: Instant) -> bool {
        let is_asked = |binding: &&mut Binding| {
            let client = &binding.client;
            client.is_asking() && client.local() == route.local && client.server() == route.server
        };
        let mut asked = self.bindings.iter_mut().filter(is_asked).peekable();
        let Some(message) = asked.peek().and_then(|_| StunMessage::parse(payload)) else {
            return false;
        };
        let answered = asked.find_map(|binding| {
            let result = binding.client.handle_message(&message, now)?;
            Some((binding.inquiry, result))
        });
        if let Some((inquiry, result)) = answered {
            self.take_binding(inquiry, route.local, result);
            return true;
        }
        false
    }

    fn run_bindings(&mut self, now: Instant) {
        let mut failed = Vec::new();
        for binding in &mut self.bindings {
            match binding.client.handle_timeout(&mut self.random, now) {
                Ok(None) => {}
                Ok(Some(payload)) => self.outputs.push_back(GatherOutput::Transmit(Transmit {
                    local: binding.client.local(),
                    remote: binding.client.server(),
                    payload,
                })),
                Err(error) => failed.push((binding.inquiry, binding.client.local(), error)),
            }
        }
        for (inquiry, local, error) in failed {
            self.take_binding(inquiry, local, Err(error));
        }
    }
}

#[cfg(test)]
mod tests;
