//! Datagrams of a path that the peer has checked and we have not: anybody can repeat the peer's check from anywhere, but
//! not answer ours. A hello or a first packet comes up to a round trip before that answer, and its loss would cost a
//! retransmission (with rtpengine 1.1 s).
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use crate::io::Datagram;
use crate::media::drop_oldest::push_dropping_oldest;
use crate::media::ice::Route;

/// Datagrams held of one path, whose oldest is dropped: a flight of a handshake, or 160 ms of sound.
const MAX_OF_PATH: usize = 8;
/// Datagrams held of all paths; the oldest is dropped.
const MAX_HELD: usize = 32;
/// Longer than the datagrams of any handshake; longer ones are dropped.
const MAX_LENGTH: usize = 2048;
/// How long one is worth something: its sender repeated it, or its sound is past.
const LIFETIME: Duration = Duration::from_secs(2);

/// One of them.
pub(super) struct HeldDatagram {
    route: Route,
    payload: Vec<u8>,
    received: Instant,
}

/// All of them, oldest first.
#[derive(Default)]
pub(super) struct Held {
    list: VecDeque<HeldDatagram>,
}

impl HeldDatagram {
    pub(super) fn datagram(&self) -> Datagram<'_> {
        let Route { local, remote } = self.route;
        let payload = &self.payload;
        Datagram { local, remote, payload }
    }
}

impl Held {
    /// Keeps a copy; gives how many datagrams were dropped.
    pub(super) fn keep(&mut self, datagram: Datagram<'_>, now: Instant) -> u64 {
        let Datagram { local, remote, payload } = datagram;
        if payload.len() > MAX_LENGTH {
            return 1;
        }
        let before = self.list.len();
        self.make_room(local, remote);
        let held = HeldDatagram {
            route: Route { local, remote },
            payload: payload.to_vec(),
            received: now,
        };
        push_dropping_oldest(&mut self.list, MAX_HELD, held);
        u64::from(self.list.len() == before)
    }

    /// Takes those whose path is proved by now, and drops those that waited too long; their number is the second value.
    pub(super) fn take(&mut self, is_proved: impl Fn(Route) -> bool, now: Instant) -> (Vec<HeldDatagram>, u64) {
        let all = self.list.len();
        let is_fresh = |held: &HeldDatagram| now.saturating_duration_since(held.received) < LIFETIME;
        self.list.retain(is_fresh);
        let stale = (all - self.list.len()) as u64;
        let (proved, waiting): (Vec<_>, Vec<_>) = self.list.drain(..).partition(|held| is_proved(held.route));
        self.list = waiting.into();
        (proved, stale)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    pub(super) fn clear(&mut self) {
        self.list.clear();
    }

    fn make_room(&mut self, local: SocketAddr, remote: SocketAddr) {
        let is_same = |held: &HeldDatagram| held.route == Route { local, remote };
        if self.list.iter().filter(|held| is_same(held)).count() >= MAX_OF_PATH
            && let Some(oldest) = self.list.iter().position(is_same)
        {
            self.list.remove(oldest);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn route(port: u16) -> Route {
        Route {
            local: "192.0.2.1:1".parse().unwrap(),
            remote: SocketAddr::new([198, 51, 100, 1].into(), port),
        }
    }

    fn keep(held: &mut Held, port: u16, payload: &[u8], now: Instant) -> u64 {
        let Route { local, remote } = route(port);
        held.keep(Datagram { local, remote, payload }, now)
    }

    #[allow(clippy::disallowed_methods)]
    #[test]
    fn each_path_and_all_together_are_bounded_and_the_latest_stay() {
        let (mut held, now) = (Held::default(), Instant::now());
        let dropped: u64 = (0..100).map(|number| keep(&mut held, 1, &[number], now)).sum();
        assert_eq!(dropped, 92);
        assert_eq!(keep(&mut held, 2, &[0; MAX_LENGTH + 1], now), 1);
        assert_eq!(
            (2..=4)
                .map(|port| keep(&mut held, port, &[port as u8], now))
                .sum::<u64>(),
            0
        );
        let (of_first, stale) = held.take(|found| found == route(1), now);
        let payloads: Vec<u8> = of_first.iter().map(|held| held.payload[0]).collect();
        assert_eq!((payloads, stale), ((92..100).collect(), 0));
        for port in 0..1_000 {
            keep(&mut held, port, &[1], now);
        }
        assert_eq!(held.list.len(), MAX_HELD);
        let (proved, stale) = held.take(|_| true, now + LIFETIME);
        assert_eq!((proved.len(), stale), (0, 32));
        assert!(held.is_empty());
    }
}
