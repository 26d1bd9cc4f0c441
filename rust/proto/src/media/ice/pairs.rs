//! Candidate pairs that the peer has proved to own, and which of them to send on.
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Pairs remembered; a peer that comes from more addresses than this is not a NAT. Policy when full: refuse the new one.
const MAX_PAIRS: usize = 128;

/// A local socket and a remote address.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub struct Route {
    /// Our socket.
    pub local: SocketAddr,
    /// The peer's address.
    pub remote: SocketAddr,
}

struct Pair {
    route: Route,
    /// Last authenticated response to one of our checks; the pair is valid from the first one on.
    answered: Option<Instant>,
    round_trip: Duration,
    /// USE-CANDIDATE came before the pair was valid (RFC 8445 §7.3.1.5).
    is_nominated_early: bool,
}

/// All pairs of one agent.
#[derive(Default)]
pub(super) struct Pairs {
    list: Vec<Pair>,
    selected: Option<Route>,
    /// What `target` gave last: it stays in use as long as nothing better comes.
    used: Option<Route>,
}

impl Pairs {
    /// Notes that an authenticated message came this way; `false` when there is no room for another pair.
    pub(super) fn note(&mut self, route: Route) -> bool {
        if self.contains(route) {
            return true;
        }
        let has_room = self.list.len() < MAX_PAIRS;
        if has_room {
            self.list.push(Pair {
                route,
                answered: None,
                round_trip: Duration::ZERO,
                is_nominated_early: false,
            });
        }
        has_room
    }

    pub(super) fn contains(&self, route: Route) -> bool {
        self.selected == Some(route) || self.list.iter().any(|pair| pair.route == route)
    }

    pub(super) fn is_valid(&self, route: Route) -> bool {
        self.find(route).is_some_and(|pair| pair.answered.is_some())
    }

    /// Notes an authenticated response to a check sent on this pair.
    pub(super) fn answer(&mut self, route: Route, round_trip: Duration, now: Instant) {
        if !self.note(route) {
            return;
        }
        let Some(pair) = self.list.iter_mut().find(|pair| pair.route == route) else {
            return;
        };
        pair.answered = Some(now);
        pair.round_trip = round_trip;
        if std::mem::take(&mut pair.is_nominated_early) {
            self.selected = Some(route);
        }
    }

    /// Takes the controlling side's choice, at once or as soon as the pair is valid. The latest choice wins: a browser
    /// moves to another pair by nominating that one.
    pub(super) fn nominate(&mut self, route: Route) {
        let Some(pair) = self.list.iter_mut().find(|pair| pair.route == route) else {
            return;
        };
        if pair.answered.is_some() {
            self.selected = Some(route);
        } else {
            pair.is_nominated_early = true;
        }
    }

    pub(super) fn selected(&self) -> Option<Route> {
        self.selected
    }

    /// The selected pair, else a valid one (the one in use before any other).
    pub(super) fn target(&mut self) -> Option<Route> {
        let target = self.peek_target();
        self.used = target;
        target
    }

    /// [`Self::target`] for those who only look.
    pub(super) fn peek_target(&self) -> Option<Route> {
        self.selected.or(self.used).or_else(|| {
            self.list
                .iter()
                .find(|pair| pair.answered.is_some())
                .map(|pair| pair.route)
        })
    }

    /// When the pair in use last answered a check of ours.
    pub(super) fn last_answer(&self) -> Option<Instant> {
        self.find(self.peek_target()?)?.answered
    }

    /// Round trip of the last check on the pair in use.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        let pair = self.find(self.peek_target()?)?;
        pair.answered.map(|_| pair.round_trip)
    }

    fn find(&self, route: Route) -> Option<&Pair> {
        self.list.iter().find(|pair| pair.route == route)
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

    #[allow(clippy::disallowed_methods)]
    fn now() -> Instant {
        Instant::now()
    }

    #[test]
    fn stays_on_the_first_valid_pair_until_one_is_nominated() {
        let mut pairs = Pairs::default();
        assert_eq!(pairs.target(), None);
        pairs.answer(route(1), Duration::from_millis(5), now());
        pairs.answer(route(2), Duration::from_millis(1), now());
        assert_eq!(pairs.target(), Some(route(1)));
        assert_eq!(pairs.round_trip(), Some(Duration::from_millis(5)));
        pairs.nominate(route(2));
        assert_eq!(pairs.target(), Some(route(2)));
        pairs.nominate(route(1));
        assert_eq!(pairs.target(), Some(route(1)));
    }

    #[test]
    fn an_early_nomination_counts_from_the_first_answer_on() {
        let mut pairs = Pairs::default();
        pairs.note(route(1));
        pairs.nominate(route(1));
        assert_eq!(pairs.selected(), None);
        pairs.answer(route(1), Duration::ZERO, now());
        assert_eq!(pairs.selected(), Some(route(1)));
    }

    #[test]
    fn refuses_more_pairs_than_a_nat_explains() {
        let mut pairs = Pairs::default();
        let noted = (1..=1000).filter(|port| pairs.note(route(*port))).count();
        assert_eq!(noted, MAX_PAIRS);
        assert!(pairs.note(route(1)), "known ones still count");
        pairs.answer(route(999), Duration::ZERO, now());
        assert!(!pairs.is_valid(route(999)));
    }
}
