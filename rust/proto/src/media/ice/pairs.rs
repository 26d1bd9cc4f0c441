//! Candidate pairs that the peer has proved to own, and which of them to send on.
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc_stun::message::TransactionId;

use crate::media::drop_oldest::push_dropping_oldest;

/// Pairs that are known from the peer's checks only; who comes from more addresses than this is not behind a NAT. Policy
/// when full: refuse the new one.
const MAX_UNINVITED: usize = 128;
/// Checks remembered that came on such pairs, or on others; the oldest is forgotten.
const MAX_SEEN: usize = 256;

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
    /// Neither did the peer's description name it, nor did it answer a check of ours.
    is_uninvited: bool,
    /// An authentic check of the peer's came this way.
    is_checked: bool,
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
    seen: VecDeque<TransactionId>,
}

/// What [`Pairs::note`] found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Noted {
    /// The first check that came this way.
    First,
    Again,
}

impl Pairs {
    /// Notes that an authentic check came this way; `is_invited`: the peer's description names the address. `None`: it is
    /// the copy of a check that came another way, which is no proof of anything, or there is no room for another pair.
    pub(super) fn note(&mut self, route: Route, transaction: TransactionId, is_invited: bool) -> Option<Noted> {
        let is_known = is_invited || self.find(route).is_some();
        let is_copy = self.seen.contains(&transaction);
        let uninvited = self.list.iter().filter(|pair| pair.is_uninvited).count();
        if !is_known && (is_copy || uninvited >= MAX_UNINVITED) {
            return None;
        }
        if !is_copy {
            push_dropping_oldest(&mut self.seen, MAX_SEEN, transaction);
        }
        let pair = self.pair(route, !is_invited)?;
        let was_checked = std::mem::replace(&mut pair.is_checked, true);
        Some(if was_checked { Noted::Again } else { Noted::First })
    }

    /// Whether an authentic check came this way.
    pub(super) fn is_checked(&self, route: Route) -> bool {
        self.find(route).is_some_and(|pair| pair.is_checked)
    }

    /// Whether one came at all.
    pub(super) fn has_checked(&self) -> bool {
        self.list.iter().any(|pair| pair.is_checked)
    }

    pub(super) fn is_valid(&self, route: Route) -> bool {
        self.find(route).is_some_and(|pair| pair.answered.is_some())
    }

    /// Notes an authenticated response to a check sent on this pair.
    pub(super) fn answer(&mut self, route: Route, round_trip: Duration, now: Instant) {
        let Some(pair) = self.pair(route, false) else { return };
        pair.is_uninvited = false;
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

    /// The pair of this route, made if it is not there.
    fn pair(&mut self, route: Route, is_uninvited: bool) -> Option<&mut Pair> {
        if self.find(route).is_none() {
            self.list.push(Pair {
                route,
                is_uninvited,
                is_checked: false,
                answered: None,
                round_trip: Duration::ZERO,
                is_nominated_early: false,
            });
        }
        self.list.iter_mut().find(|pair| pair.route == route)
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
        pairs.note(route(1), TransactionId::new(), true);
        pairs.nominate(route(1));
        assert_eq!(pairs.selected(), None);
        pairs.answer(route(1), Duration::ZERO, now());
        assert_eq!(pairs.selected(), Some(route(1)));
    }

    #[test]
    fn refuses_more_pairs_than_a_nat_explains_but_none_that_the_peer_named_or_that_answer() {
        let mut pairs = Pairs::default();
        let noted = (1..=1000).filter(|port| pairs.note(route(*port), TransactionId::new(), false).is_some());
        assert_eq!(noted.count(), MAX_UNINVITED);
        assert_eq!(
            pairs.note(route(1), TransactionId::new(), false),
            Some(Noted::Again),
            "known ones still count"
        );
        assert_eq!(pairs.note(route(998), TransactionId::new(), true), Some(Noted::First));
        pairs.answer(route(999), Duration::ZERO, now());
        assert!(pairs.is_valid(route(999)));
    }

    #[test]
    fn a_copy_of_a_check_opens_no_other_way() {
        let mut pairs = Pairs::default();
        let transaction = TransactionId::new();
        assert_eq!(pairs.note(route(1), transaction, false), Some(Noted::First));
        assert_eq!(
            pairs.note(route(1), transaction, false),
            Some(Noted::Again),
            "sent again"
        );
        assert_eq!(pairs.note(route(2), transaction, false), None);
        assert!(!pairs.is_checked(route(2)));
        assert_eq!(
            pairs.note(route(3), transaction, true),
            Some(Noted::First),
            "where the peer said to be it may come late"
        );
        for _ in 0..1_000 {
            pairs.note(route(1), TransactionId::new(), false);
        }
        assert_eq!(pairs.seen.len(), MAX_SEEN);
    }
}
