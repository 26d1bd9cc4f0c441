//! The ways of a call's datagrams: through its sockets, or through relays that TURN servers gave.
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use crate::io::{Datagram, NetworkInput, NetworkRequest, RandomSource, Transmit};
use crate::media::drop_oldest::push_dropping_oldest;
use crate::media::gatherer::{FromServer, GatherEvent, GatherOutput, IceGatherer, RelayedDatagram};
use crate::media::servers::{IceConfig, IceTransportPolicy};

/// Datagrams and requests that wait for the driver; it drains them after each input. The oldest is dropped.
const MAX_WAITING: usize = 256;

/// A call's sockets and relays.
pub(super) struct Paths {
    gatherer: IceGatherer,
    policy: IceTransportPolicy,
    transmits: VecDeque<Transmit>,
    requests: VecDeque<NetworkRequest>,
}

impl Paths {
    pub(super) fn new(config: &IceConfig, random: &mut dyn RandomSource) -> Self {
        Self {
            gatherer: IceGatherer::new(config, random),
            policy: config.policy,
            transmits: VecDeque::new(),
            requests: VecDeque::new(),
        }
    }

    /// Whether only relayed candidates may be used.
    pub(super) fn is_relay_only(&self) -> bool {
        self.policy == IceTransportPolicy::Relay
    }

    /// Asks the servers from these sockets.
    pub(super) fn set_sockets(&mut self, sockets: &[SocketAddr], now: Instant) {
        self.gatherer.set_sockets(sockets, now);
        self.collect();
    }

    /// The datagram of a peer in what came to a socket, if it is not a server's own.
    pub(super) fn receive<'a>(&mut self, datagram: Datagram<'a>, now: Instant) -> Option<Datagram<'a>> {
        let received = self.gatherer.handle_datagram(datagram, now);
        self.collect();
        match received {
            FromServer::NotOurs => Some(datagram),
            FromServer::Taken => None,
            FromServer::Relayed(inner) => Some(inner),
        }
    }

    pub(super) fn handle_network(&mut self, input: NetworkInput<'_>, now: Instant) {
        self.gatherer.handle_network(input, now);
        self.collect();
    }

    /// The next peer's datagram that came through a connection.
    pub(super) fn poll_relayed(&mut self) -> Option<RelayedDatagram> {
        self.gatherer.poll_relayed()
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        self.gatherer.handle_timeout(now);
        self.collect();
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.gatherer.poll_timeout()
    }

    /// Sends from a socket, or from a relayed address through its server.
    pub(super) fn send(&mut self, transmit: Transmit, now: Instant) {
        if self.gatherer.is_relay(transmit.local) {
            self.gatherer
                .send(transmit.local, transmit.remote, &transmit.payload, now);
            self.collect();
        } else {
            push_dropping_oldest(&mut self.transmits, MAX_WAITING, transmit);
        }
    }

    /// Has the relays let the far side's addresses through.
    pub(super) fn permit(&mut self, peers: impl IntoIterator<Item = IpAddr>, now: Instant) {
        self.gatherer.permit(peers, now);
        self.collect();
    }

    /// ICE has chosen its pair.
    pub(super) fn settle(&mut self) {
        self.gatherer.end_keep_alive();
    }

    pub(super) fn poll_event(&mut self) -> Option<GatherEvent> {
        self.gatherer.poll_event()
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(super) fn poll_request(&mut self) -> Option<NetworkRequest> {
        self.requests.pop_front()
    }

    /// Messages from servers that were dropped.
    pub(super) fn rejected(&self) -> u64 {
        self.gatherer.rejected()
    }

    /// Why servers gave nothing, for the text of a failure.
    pub(super) fn failures(&self) -> String {
        self.gatherer.failures().join("; ")
    }

    /// Whether all relays are given back, or were given up.
    pub(super) fn is_closed(&self) -> bool {
        self.gatherer.is_closed()
    }

    /// Gives the relays back.
    pub(super) fn close(&mut self, now: Instant) {
        self.gatherer.close(now);
        self.collect();
    }

    fn collect(&mut self) {
        while let Some(output) = self.gatherer.poll_output() {
            match output {
                GatherOutput::Transmit(transmit) => push_dropping_oldest(&mut self.transmits, MAX_WAITING, transmit),
                GatherOutput::Network(request) => push_dropping_oldest(&mut self.requests, MAX_WAITING, request),
            }
        }
    }
}
