//! Non-INVITE client transaction (RFC 3261 §17.1.2).
use std::time::Instant;

use super::timers::{Expiry, TRANSACTION_TIMEOUT};
use crate::sip::Response;

/// A request other than INVITE and ACK that waits for its final response.
#[derive(Clone, Debug)]
pub struct ClientTransaction {
    state: State,
}

/// What a response means to the transaction's user.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum ResponseClass {
    /// Not for the user.
    Absorbed,
    /// 1xx.
    Provisional,
    /// The final response; the transaction is over.
    Final,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Until timer F.
    Trying(Instant),
    /// Until timer F.
    Proceeding(Instant),
    /// Completed lasts for timer K, which is zero.
    Terminated,
}

impl ClientTransaction {
    /// Starts when the request is sent.
    pub fn new(now: Instant) -> Self {
        Self {
            state: State::Trying(now + TRANSACTION_TIMEOUT),
        }
    }

    /// Takes a response whose key is this transaction's.
    pub fn handle_response(&mut self, response: &Response) -> ResponseClass {
        match self.state {
            State::Trying(end) | State::Proceeding(end) => self.waiting(end, response),
            State::Terminated => ResponseClass::Absorbed,
        }
    }

    /// The transport failed; the user is told by whoever knows why.
    pub fn handle_transport_error(&mut self) {
        self.state = State::Terminated;
    }

    /// To be called when [`Self::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) -> Expiry {
        match self.state {
            State::Trying(end) | State::Proceeding(end) if now >= end => {
                self.state = State::Terminated;
                Expiry::TimedOut
            }
            _ => Expiry::Pending,
        }
    }

    /// When something is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Trying(end) | State::Proceeding(end) => Some(end),
            State::Terminated => None,
        }
    }

    /// Whether it may be dropped.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    fn waiting(&mut self, end: Instant, response: &Response) -> ResponseClass {
        if response.is_provisional() {
            self.state = State::Proceeding(end);
            return ResponseClass::Provisional;
        }
        self.state = State::Terminated;
        ResponseClass::Final
    }
}
