//! The ways of a call's datagrams: through its sockets, or through relays that TURN servers gave.
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::io::{Datagram, NetworkInput, NetworkRequest, RandomSource, Transmit};
use crate::media::drop_oldest::push_dropping_oldest;
use crate::media::gatherer::{FromServer, GatherEvent, GatherOutput, IceGatherer, RelayedDatagram};
use crate::media::servers::{IceConfig, IceTransportPolicy};

/// Datagrams and requests that wait for the driver; it drains them after each input. The oldest is dropped.
const MAX_WAITING: usize = 256;

/// Paths that are being given back; the oldest is forgotten, though its server keeps the relays until they expire.
const MAX_FORMER: usize = 4;
/// How long the far side may still use the last path.
const OVERLAP: Duration = Duration::from_secs(2);

/// A call's sockets and relays: those in use, those of the next path while ICE is restarted, and those that were left.
pub(super) struct Paths {
    config: IceConfig,
    gatherer: IceGatherer,
    next: Option<IceGatherer>,
    former: Vec<Former>,
    /// What those counted as dropped that are no more.
    rejected: u64,
    /// Sockets that are of no more use.
    free: Vec<SocketAddr>,
    transmits: VecDeque<Transmit>,
    requests: VecDeque<NetworkRequest>,
}

/// What was left, until its relays are given back.
struct Former {
    gatherer: IceGatherer,
    /// When that begins.
    closes: Option<Instant>,
}

/// News of the path in use, or of the next one.
pub(super) enum PathEvent {
    Current(GatherEvent),
    Next(GatherEvent),
}

impl Paths {
    pub(super) fn new(config: IceConfig, random: &mut dyn RandomSource) -> Self {
        Self {
            gatherer: IceGatherer::new(&config, random),
            config,
            next: None,
            former: Vec::new(),
            rejected: 0,
            free: Vec::new(),
            transmits: VecDeque::new(),
            requests: VecDeque::new(),
        }
    }

    /// Whether only relayed candidates may be used.
    pub(super) fn is_relay_only(&self) -> bool {
        self.config.policy == IceTransportPolicy::Relay
    }

    /// Asks the servers from these sockets.
    pub(super) fn set_sockets(&mut self, sockets: &[SocketAddr], now: Instant) {
        self.gatherer.set_sockets(sockets, now);
        self.collect();
    }

    /// Asks the servers from the sockets of the next path, while those in use stay.
    pub(super) fn set_next_sockets(&mut self, sockets: &[SocketAddr], random: &mut dyn RandomSource, now: Instant) {
        self.abandon_next(now);
        let mut next = self.gatherer.successor(&self.config, random);
        next.set_sockets(sockets, now);
        self.next = Some(next);
        self.collect();
    }

    /// The next path works: the other is left, at once or after a while in which the far side may still use it.
    pub(super) fn move_on(&mut self, now: Instant) {
        if let Some(next) = self.next.take() {
            let left = std::mem::replace(&mut self.gatherer, next);
            self.leave(left, Some(now + OVERLAP));
        }
    }

    /// There is no next path.
    pub(super) fn abandon_next(&mut self, now: Instant) {
        if let Some(mut next) = self.next.take() {
            next.close(now);
            self.leave(next, None);
            self.collect();
        }
    }

    /// Whether there are sockets for another path.
    pub(super) fn has_next(&self) -> bool {
        self.next.is_some()
    }

    /// The machine's address behind a socket or relayed address in use.
    pub(super) fn base_of(&self, local: SocketAddr) -> Option<IpAddr> {
        self.gatherer.base_of(local)
    }

    /// The relayed address whose datagrams take this way.
    pub(super) fn relay_at(&self, local: SocketAddr, server: SocketAddr) -> Option<SocketAddr> {
        self.gatherer.relay_at(local, server)
    }

    /// Sockets to be closed.
    pub(super) fn take_free(&mut self) -> Vec<SocketAddr> {
        std::mem::take(&mut self.free)
    }

    /// The datagram of a peer in what came to a socket, if it is not a server's own.
    pub(super) fn receive<'a>(&mut self, datagram: Datagram<'a>, now: Instant) -> Option<Datagram<'a>> {
        let mut received = FromServer::NotOurs;
        for gatherer in self.gatherers() {
            received = gatherer.handle_datagram(datagram, now);
            if !matches!(received, FromServer::NotOurs) {
                break;
            }
        }
        self.collect();
        match received {
            FromServer::NotOurs => Some(datagram),
            FromServer::Taken => None,
            FromServer::Relayed(inner) => Some(inner),
        }
    }

    pub(super) fn handle_network(&mut self, input: NetworkInput<'_>, now: Instant) {
        for gatherer in self.gatherers().skip(1) {
            gatherer.handle_network(input.clone(), now);
        }
        self.gatherer.handle_network(input, now);
        self.collect();
    }

    /// The next peer's datagram that came through a connection.
    pub(super) fn poll_relayed(&mut self) -> Option<RelayedDatagram> {
        self.gatherers().find_map(IceGatherer::poll_relayed)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        for former in &mut self.former {
            if former.closes.take_if(|closes| *closes <= now).is_some() {
                former.gatherer.close(now);
            }
        }
        for gatherer in self.gatherers() {
            gatherer.handle_timeout(now);
        }
        self.collect();
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let former = self
            .former
            .iter()
            .flat_map(|former| [former.closes, former.gatherer.poll_timeout()]);
        let others = [
            self.gatherer.poll_timeout(),
            self.next.as_ref().and_then(IceGatherer::poll_timeout),
        ];
        former.chain(others).flatten().min()
    }

    /// Sends from a socket, or from a relayed address through its server.
    pub(super) fn send(&mut self, transmit: Transmit, now: Instant) {
        let relay = self.gatherers().find(|gatherer| gatherer.is_relay(transmit.local));
        if let Some(gatherer) = relay {
            gatherer.send(transmit.local, transmit.remote, &transmit.payload, now);
            self.collect();
        } else {
            push_dropping_oldest(&mut self.transmits, MAX_WAITING, transmit);
        }
    }

    /// Has the relays let the far side's addresses through; the next ones also those of before, as an answer to a restart
    /// may name no candidates (`JsSIP`'s does not wait for them), and no check gets through a relay unasked.
    pub(super) fn permit(&mut self, peers: impl IntoIterator<Item = IpAddr> + Clone, now: Instant) {
        if let Some(next) = &mut self.next {
            next.permit(peers.clone(), now);
            next.permit(self.gatherer.peers().iter().copied(), now);
        }
        self.gatherer.permit(peers, now);
        self.collect();
    }

    /// ICE has chosen its pair.
    pub(super) fn settle(&mut self) {
        self.gatherer.end_keep_alive();
    }

    pub(super) fn poll_event(&mut self) -> Option<PathEvent> {
        let current = self.gatherer.poll_event().map(PathEvent::Current);
        current.or_else(|| self.next.as_mut()?.poll_event().map(PathEvent::Next))
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(super) fn poll_request(&mut self) -> Option<NetworkRequest> {
        self.requests.pop_front()
    }

    /// Messages from servers that were dropped.
    pub(super) fn rejected(&self) -> u64 {
        let former = self.former.iter().map(|former| &former.gatherer);
        let all = std::iter::once(&self.gatherer).chain(&self.next).chain(former);
        self.rejected + all.map(IceGatherer::rejected).sum::<u64>()
    }

    /// Why servers gave nothing, for the text of a failure.
    pub(super) fn failures(&self) -> String {
        self.next.as_ref().unwrap_or(&self.gatherer).failures().join("; ")
    }

    /// Whether all relays are given back, or were given up.
    pub(super) fn is_closed(&self) -> bool {
        self.gatherer.is_closed() && self.former.is_empty()
    }

    /// Gives the relays back.
    pub(super) fn close(&mut self, now: Instant) {
        self.abandon_next(now);
        for former in &mut self.former {
            former.closes = None;
            former.gatherer.close(now);
        }
        self.gatherer.close(now);
        self.collect();
    }

    fn leave(&mut self, gatherer: IceGatherer, closes: Option<Instant>) {
        self.former.push(Former { gatherer, closes });
        if self.former.len() > MAX_FORMER {
            let forgotten = self.former.remove(0);
            self.forget(&forgotten);
        }
    }

    fn forget(&mut self, former: &Former) {
        self.rejected += former.gatherer.rejected();
        self.free.extend(former.gatherer.sockets());
    }

    /// All that there are.
    fn gatherers(&mut self) -> impl Iterator<Item = &mut IceGatherer> {
        let former = self.former.iter_mut().map(|former| &mut former.gatherer);
        std::iter::once(&mut self.gatherer).chain(&mut self.next).chain(former)
    }

    fn collect(&mut self) {
        let mut outputs = Vec::new();
        for gatherer in self.gatherers() {
            outputs.extend(std::iter::from_fn(|| gatherer.poll_output()));
        }
        for output in outputs {
            match output {
                GatherOutput::Transmit(transmit) => push_dropping_oldest(&mut self.transmits, MAX_WAITING, transmit),
                GatherOutput::Network(request) => push_dropping_oldest(&mut self.requests, MAX_WAITING, request),
            }
        }
        let (closed, former): (Vec<_>, Vec<_>) = self.former.drain(..).partition(|former| former.gatherer.is_closed());
        self.former = former;
        for closed in &closed {
            self.forget(closed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed;

    impl RandomSource for Fixed {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(7);
        }
    }

    #[allow(clippy::disallowed_methods)]
    #[test]
    fn the_next_relays_let_through_whoever_the_present_ones_do() {
        let now = Instant::now();
        let mut paths = Paths::new(IceConfig::default(), &mut Fixed);
        let [first, second]: [IpAddr; 2] = [[198, 51, 100, 1].into(), [198, 51, 100, 2].into()];
        paths.permit([first], now);
        paths.set_next_sockets(&["192.0.2.1:4000".parse().unwrap()], &mut Fixed, now);
        // an answer that names none
        paths.permit([], now);
        assert_eq!(paths.next.as_ref().unwrap().peers(), [first]);
        paths.permit([second], now);
        assert_eq!(paths.next.as_ref().unwrap().peers(), [first, second]);
        assert_eq!(paths.gatherer.peers(), [first, second]);
    }
}
