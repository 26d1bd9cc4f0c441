//! INVITE server transaction (RFC 3261 §17.2.1, RFC 6026 §7.1).
use std::time::Instant;

use super::timers::{Expiry, TRANSACTION_TIMEOUT};
use crate::sip::{Method, Request, Response};

/// An INVITE that is being answered.
#[derive(Clone, Debug)]
pub struct InviteServerTransaction {
    invite: Request,
    state: State,
}

/// What a request with this transaction's key means.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Retransmission {
    /// Nothing is to be done.
    Absorbed,
    /// The INVITE again: send these bytes again.
    Send(Vec<u8>),
    /// The ACK of a refusal; the transaction is over.
    Acknowledged,
    /// An ACK of a 2xx, which is the user's.
    AckForUser,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    /// With the last provisional response, if there was one.
    Proceeding(Vec<u8>),
    /// A refusal waits for its ACK, until timer H.
    Completed(Vec<u8>, Instant),
    /// A 2xx was sent; until timer L.
    Accepted(Instant),
    /// Confirmed lasts for timer I, which is zero.
    Terminated,
}

impl InviteServerTransaction {
    /// Starts when the INVITE arrives. The user answers within 200 ms, or with 100 (RFC 3261 §17.2.1).
    pub fn new(invite: Request) -> Self {
        Self {
            invite,
            state: State::Proceeding(Vec::new()),
        }
    }

    /// The INVITE.
    pub fn invite(&self) -> &Request {
        &self.invite
    }

    /// Whether it still waits for a final response, so that it can be cancelled.
    pub fn is_proceeding(&self) -> bool {
        matches!(self.state, State::Proceeding(_))
    }

    /// Takes the user's response; gives the bytes to be sent, or `None` when it comes too late. A 2xx may come again.
    pub fn respond(&mut self, response: &Response, now: Instant) -> Option<Vec<u8>> {
        match self.state {
            State::Proceeding(_) => Some(self.proceeding(response, now)),
            State::Accepted(_) => response.is_success().then(|| response.to_bytes()),
            State::Completed(..) | State::Terminated => None,
        }
    }

    /// Takes the INVITE again, or its ACK.
    pub fn handle_request(&mut self, request: &Request) -> Retransmission {
        let is_ack = request.method == Method::Ack;
        match &self.state {
            State::Proceeding(last) if !is_ack && !last.is_empty() => Retransmission::Send(last.clone()),
            State::Completed(last, _) if !is_ack => Retransmission::Send(last.clone()),
            State::Completed(..) => {
                self.state = State::Terminated;
                Retransmission::Acknowledged
            }
            State::Accepted(_) if is_ack => Retransmission::AckForUser,
            _ => Retransmission::Absorbed,
        }
    }

    /// There is another connection: a refusal that waits for its ACK, to be sent there with its whole time.
    pub fn repeat_refusal(&mut self, now: Instant) -> Option<Vec<u8>> {
        let State::Completed(refusal, end) = &mut self.state else {
            return None;
        };
        *end = now + TRANSACTION_TIMEOUT;
        Some(refusal.clone())
    }

    /// The transport failed; the user is told by whoever knows why.
    pub fn handle_transport_error(&mut self) {
        self.state = State::Terminated;
    }

    /// To be called when [`Self::poll_timeout`] has come; it times out when a refusal was never acknowledged.
    pub fn handle_timeout(&mut self, now: Instant) -> Expiry {
        if self.poll_timeout().is_none_or(|end| now < end) {
            return Expiry::Pending;
        }
        let was = std::mem::replace(&mut self.state, State::Terminated);
        if matches!(was, State::Completed(..)) {
            Expiry::TimedOut
        } else {
            Expiry::Terminated
        }
    }

    /// When something is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Completed(_, end) | State::Accepted(end) => Some(*end),
            State::Proceeding(_) | State::Terminated => None,
        }
    }

    /// Whether it may be dropped.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    fn proceeding(&mut self, response: &Response, now: Instant) -> Vec<u8> {
        let bytes = response.to_bytes();
        self.state = match response {
            _ if response.is_provisional() => State::Proceeding(bytes.clone()),
            _ if response.is_success() => State::Accepted(now + TRANSACTION_TIMEOUT),
            _ => State::Completed(bytes.clone(), now + TRANSACTION_TIMEOUT),
        };
        bytes
    }
}
