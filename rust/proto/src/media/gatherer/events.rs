//! What becomes of the servers that were asked.
use std::net::SocketAddr;
use std::time::Instant;

use super::inquiry::{Inquiry, Outcome, Route};
use super::relay::{GatherOutput, Path};
use super::{GatherEvent, IceGatherer};
use crate::io::NetworkRequest;
use crate::media::candidate::Candidate;
use crate::media::server_error::ServerError;
use crate::media::servers::{IceTransportPolicy, ServerTransport};
use crate::media::stun::BindingResult;
use crate::media::turn::{Context, TurnEvent};

impl IceGatherer {
    /// Brings everything up to date after any input.
    pub(super) fn follow(&mut self, now: Instant) {
        while let Some((index, event)) = self.next_event() {
            self.take_event(index, event, now);
        }
        if !self.is_closing {
            self.try_routes(now);
        }
        for relay in &mut self.relays {
            self.outputs.extend(std::iter::from_fn(|| relay.poll_output()));
        }
        self.remove_ended();
        for index in 0..self.inquiries.len() {
            self.settle(index);
        }
        self.check_complete(now);
        self.check_closed();
    }

    /// Takes what a STUN server said to one socket.
    pub(super) fn take_binding(&mut self, index: usize, local: SocketAddr, result: BindingResult) {
        match result {
            Ok(mapped) => {
                self.answer(index);
                self.tell_reflexive(index, mapped, local);
            }
            Err(error) => {
                if let Some(inquiry) = self.inquiries.get_mut(index) {
                    inquiry.note(error);
                }
            }
        }
    }

    /// Gives a URL up once nothing of it is left to wait for.
    pub(super) fn settle(&mut self, index: usize) {
        let is_asked = self.deadline.is_some() && !self.is_closing;
        let waits = self
            .bindings
            .iter()
            .any(|binding| binding.inquiry == index && binding.client.is_asking())
            || self
                .relays
                .iter()
                .any(|relay| relay.inquiry == index && !relay.client.is_over());
        let Some(inquiry) = self.inquiries.get_mut(index) else {
            return;
        };
        if is_asked && !waits && inquiry.is_spent() {
            inquiry.outcome = Outcome::Failed;
            if !std::mem::replace(&mut inquiry.is_reported, true) {
                self.events.push_back(GatherEvent::Warning(inquiry.failure()));
            }
        }
    }

    fn next_event(&mut self) -> Option<(usize, TurnEvent)> {
        let mut relays = self.relays.iter_mut().enumerate();
        relays.find_map(|(index, relay)| relay.client.poll_event().map(|event| (index, event)))
    }

    fn take_event(&mut self, index: usize, event: TurnEvent, now: Instant) {
        let Some(relay) = self.relays.get(index) else {
            return;
        };
        let inquiry = relay.inquiry;
        match event {
            TurnEvent::Allocated { relayed, mapped } => self.take_allocation(index, relayed, mapped, now),
            TurnEvent::Redirected { server, domain } => self.redirect(index, server, domain, now),
            TurnEvent::PeersRefused(error) => self.warn(inquiry, &format!("it relays to none of the peers: {error}")),
            TurnEvent::Released => {}
            TurnEvent::Failed(error) => match relay.announced {
                Some(relayed) => {
                    self.warn(inquiry, &format!("the relayed address is lost: {error}"));
                    self.events.push_back(GatherEvent::RelayLost(relayed));
                }
                None => self.note_failure(inquiry, error, now),
            },
        }
    }

    fn take_allocation(&mut self, index: usize, relayed: SocketAddr, mapped: Option<SocketAddr>, now: Instant) {
        let random = &mut self.random;
        let Some(relay) = self.relays.get_mut(index) else {
            return;
        };
        let inquiry = relay.inquiry;
        let context = &mut Context { now, random };
        if self
            .inquiries
            .get(inquiry)
            .is_none_or(|inquiry| inquiry.outcome == Outcome::Answered)
        {
            // another way to the same server was faster
            relay.client.close(context);
            return;
        }
        relay.announced = Some(relayed);
        self.peers.iter().for_each(|peer| relay.client.permit(*peer, context));
        let local = match &relay.path {
            Path::Datagrams(route) => Some(route.local),
            Path::Stream(_) => None,
        };
        for other in self
            .relays
            .iter_mut()
            .filter(|relay| relay.inquiry == inquiry && relay.announced.is_none())
        {
            other.client.close(&mut Context {
                now,
                random: &mut self.random,
            });
        }
        self.answer(inquiry);
        if let (Some(local), Some(mapped)) = (local, mapped) {
            self.tell_reflexive(inquiry, mapped, local);
        }
        self.tell_relayed(inquiry, relayed, mapped.unwrap_or(relayed));
    }

    fn redirect(&mut self, index: usize, server: SocketAddr, domain: Option<String>, now: Instant) {
        let Some((relay, inquiry)) = self
            .relays
            .get(index)
            .and_then(|relay| Some((relay, self.inquiries.get_mut(relay.inquiry)?)))
        else {
            return;
        };
        let at = relay.inquiry;
        if !inquiry.redirect(server) {
            self.note_failure(at, ServerError::RedirectLoop, now);
            return;
        }
        match &relay.path {
            Path::Datagrams(route) => {
                let route = Route {
                    local: route.local,
                    server,
                };
                inquiry.push_route(route, now);
            }
            Path::Stream(_) => {
                // the certificate is checked for the name that the server gives, else the first one (RFC 8489 §10)
                let name = relay.tls_name.clone();
                let tls_name = name.map(|name| domain.filter(|domain| is_name(domain)).unwrap_or(name));
                self.open_stream(at, server.ip().to_string(), server.port(), tls_name);
            }
        }
    }

    fn note_failure(&mut self, index: usize, error: ServerError, now: Instant) {
        if let Some(inquiry) = self.inquiries.get_mut(index) {
            inquiry.note(error);
            inquiry.hasten(now);
        }
    }

    fn answer(&mut self, index: usize) {
        if let Some(inquiry) = self.inquiries.get_mut(index) {
            inquiry.outcome = Outcome::Answered;
        }
    }

    /// Without a NAT in between the host candidate is the same (RFC 8445 §5.1.3).
    fn tell_reflexive(&mut self, server: usize, mapped: SocketAddr, base: SocketAddr) {
        let is_known = self.announced.contains(&mapped) || self.sockets.contains(&mapped);
        let index = self.sockets.iter().position(|socket| *socket == base);
        let (Some(index), false) = (index, is_known || self.policy == IceTransportPolicy::Relay) else {
            return;
        };
        self.announced.push(mapped);
        let candidate = Candidate::server_reflexive(mapped, base, small(index), small(server));
        self.events.push_back(GatherEvent::Candidate(candidate));
    }

    fn tell_relayed(&mut self, server: usize, relayed: SocketAddr, mapped: SocketAddr) {
        let transport = self.inquiries.get(server).map(|inquiry| inquiry.url.transport);
        let preference = match transport {
            Some(ServerTransport::Udp) => 2,
            Some(ServerTransport::Tcp) => 1,
            Some(ServerTransport::Tls) | None => 0,
        };
        let candidate = Candidate::relayed(relayed, mapped, preference, small(server));
        let candidate = match self.policy {
            IceTransportPolicy::All => candidate,
            IceTransportPolicy::Relay => candidate.without_related(),
        };
        self.events.push_back(GatherEvent::Candidate(candidate));
    }

    fn warn(&mut self, index: usize, text: &str) {
        if let Some(inquiry) = self.inquiries.get(index) {
            self.events
                .push_back(GatherEvent::Warning(format!("{}: {text}", inquiry.url)));
        }
    }

    fn check_complete(&mut self, now: Instant) {
        let Some(deadline) = self.deadline.filter(|_| !self.is_complete && !self.is_closing) else {
            return;
        };
        let is_late = now >= deadline;
        if !is_late && self.inquiries.iter().any(Inquiry::is_pending) {
            return;
        }
        self.is_complete = true;
        for inquiry in self.inquiries.iter_mut().filter(|inquiry| inquiry.is_pending()) {
            inquiry.is_reported = true;
            let text = format!("{}; the call goes on without it", inquiry.failure());
            self.events.push_back(GatherEvent::Warning(text));
        }
        self.events.push_back(GatherEvent::Complete);
    }

    /// A connection that is over is closed, and a client with nothing left to say forgotten.
    fn remove_ended(&mut self) {
        for relay in self
            .relays
            .iter()
            .filter(|relay| relay.client.is_over() && !relay.is_cut)
        {
            if let Some(stream) = relay.stream() {
                let request = NetworkRequest::CloseStream { stream };
                self.outputs.push_back(GatherOutput::Network(request));
            }
        }
        self.relays.retain(|relay| !relay.client.is_over());
    }

    fn check_closed(&mut self) {
        if self.is_closing && self.relays.is_empty() && !std::mem::replace(&mut self.is_closed, true) {
            self.events.push_back(GatherEvent::Closed);
        }
    }
}

fn small(index: usize) -> u16 {
    u16::try_from(index).unwrap_or(u16::MAX)
}

fn is_name(domain: &str) -> bool {
    domain.len() <= 253
        && domain
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || b"-.".contains(&byte))
}
