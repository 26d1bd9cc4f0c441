//! UDP between the two ends of a call, in virtual time.
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// A datagram under way.
#[derive(Clone, Debug)]
pub(crate) struct Flying {
    pub(crate) arrives: Instant,
    pub(crate) from: SocketAddr,
    pub(crate) to: SocketAddr,
    pub(crate) payload: Vec<u8>,
}

/// The way between two ends; the same delay both ways.
#[derive(Debug)]
pub(crate) struct Network {
    pub(crate) delay: Duration,
    /// Nothing arrives while it is down.
    pub(crate) is_down: bool,
    pub(crate) carried: usize,
    flying: Vec<Flying>,
}

impl Network {
    pub(crate) fn new(delay: Duration) -> Self {
        Self {
            delay,
            is_down: false,
            carried: 0,
            flying: Vec::new(),
        }
    }

    pub(crate) fn send(&mut self, from: SocketAddr, to: SocketAddr, payload: Vec<u8>, now: Instant) {
        if !self.is_down {
            self.flying.push(Flying {
                arrives: now + self.delay,
                from,
                to,
                payload,
            });
        }
    }

    /// The first datagram under way to this address.
    pub(crate) fn sent_to(&self, to: SocketAddr) -> Option<Flying> {
        self.flying.iter().find(|flying| flying.to == to).cloned()
    }

    /// Loses all that is under way.
    pub(crate) fn forget(&mut self) {
        self.flying.clear();
    }

    pub(crate) fn next(&self) -> Option<Instant> {
        self.flying.iter().map(|flying| flying.arrives).min()
    }

    /// What has arrived by now, in the order in which it was sent.
    pub(crate) fn arrived(&mut self, now: Instant) -> Vec<Flying> {
        let (arrived, flying) = self.flying.drain(..).partition(|flying| flying.arrives <= now);
        self.flying = flying;
        self.carried += Vec::len(&arrived);
        arrived
    }
}
