//! Checks that overtake the answer with the peer's credentials: they take a path of their own, while the answer comes by
//! the SIP proxies (RFC 8445 §7.3). One kept and answered with the answer spares the peer, and whoever waits for it to
//! begin DTLS, a round trip.
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::Ice;
use super::pairs::Route;
use super::stun::{Binding, Class};
use crate::media::drop_oldest::push_dropping_oldest;

/// Checks kept; the oldest is dropped, as its sender repeats it.
const MAX_EARLY: usize = 16;
/// How long a response is still worth something: its request was repeated since.
const LIFETIME: Duration = Duration::from_secs(4);

/// A check that waits for the peer's credentials.
pub(super) struct EarlyCheck {
    pub(super) route: Route,
    pub(super) payload: Vec<u8>,
    received: Instant,
}

/// All of them, oldest first.
#[derive(Default)]
pub(super) struct EarlyChecks {
    list: VecDeque<EarlyCheck>,
}

impl EarlyChecks {
    pub(super) fn keep(&mut self, route: Route, payload: &[u8], now: Instant) {
        let check = EarlyCheck {
            route,
            payload: payload.to_vec(),
            received: now,
        };
        push_dropping_oldest(&mut self.list, MAX_EARLY, check);
    }

    /// Those that are not too old.
    pub(super) fn take(&mut self, now: Instant) -> impl Iterator<Item = EarlyCheck> + use<> {
        let list = std::mem::take(&mut self.list);
        let is_fresh = move |check: &EarlyCheck| now.saturating_duration_since(check.received) < LIFETIME;
        list.into_iter().filter(is_fresh)
    }
}

impl Ice {
    /// Without the peer's credentials only our own password says whether a check is authentic; its name is looked at
    /// when it is answered.
    pub(super) fn keep_early(&mut self, mut binding: Binding, payload: &[u8], route: Route, now: Instant) -> bool {
        if binding.class() == Class::Indication {
            return true;
        }
        let is_check = binding.class() == Class::Request;
        let is_kept = is_check && binding.is_authentic(&self.local.password.0, self.provider.crypto());
        if is_kept {
            self.early.keep(route, payload, now);
        }
        is_kept
    }

    pub(super) fn handle_early(&mut self, now: Instant) {
        for check in self.early.take(now) {
            if let Some(binding) = Binding::parse(&check.payload) {
                self.handle_request(binding, &check.payload, check.route, now);
            }
        }
    }
}
