//! Our connectivity checks that wait for a response.
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rtc_stun::message::TransactionId;

use super::pairs::Route;
use crate::media::drop_oldest::push_dropping_oldest;

/// Requests remembered; the oldest is forgotten.
const MAX_REQUESTS: usize = 512;
/// How long a response may take; rtc-ice forgets its requests after the same time.
const REQUEST_LIFETIME: Duration = Duration::from_secs(4);

/// One of them.
pub(super) struct Request {
    pub(super) transaction: TransactionId,
    pub(super) route: Route,
    pub(super) sent: Instant,
    pub(super) is_controlling: bool,
    /// Ours, not the agent's.
    pub(super) is_consent: bool,
}

/// All of them, oldest first.
#[derive(Default)]
pub(super) struct Requests {
    list: VecDeque<Request>,
}

impl Requests {
    pub(super) fn push(&mut self, request: Request) {
        self.forget_stale(request.sent);
        push_dropping_oldest(&mut self.list, MAX_REQUESTS, request);
    }

    /// The request of this transaction, if its response comes in time and from where it went (RFC 8445 §7.2.5.2.1).
    pub(super) fn find(&mut self, transaction: TransactionId, route: Route, now: Instant) -> Option<usize> {
        self.forget_stale(now);
        self.list
            .iter()
            .position(|request| request.transaction == transaction && request.route == route)
    }

    pub(super) fn remove(&mut self, index: usize) -> Option<Request> {
        self.list.remove(index)
    }

    fn forget_stale(&mut self, now: Instant) {
        let is_stale = |request: &Request| now.saturating_duration_since(request.sent) >= REQUEST_LIFETIME;
        while self.list.front().is_some_and(is_stale) {
            self.list.pop_front();
        }
    }
}
