//! The server-reflexive address of one socket, asked of a STUN server (RFC 8489 §2, RFC 8445 §5.1.1.2).
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc_stun::message::METHOD_BINDING;

use self::message::{StunMessage, finish, indication, request, transaction_id};
use self::transaction::{Due, GATHERING_RTO, Transaction};
use super::server_error::ServerError;
use crate::io::RandomSource;

pub(in crate::media) mod message;
pub(in crate::media) mod transaction;

/// How often a NAT is reminded of its mapping (RFC 8445 §11).
pub(in crate::media) const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// What asking gave.
pub(in crate::media) type BindingResult = Result<SocketAddr, ServerError>;

/// A Binding transaction, and after it the NAT's mapping kept alive.
#[derive(Debug)]
pub(in crate::media) struct BindingClient {
    local: SocketAddr,
    server: SocketAddr,
    state: State,
}

#[derive(Debug)]
enum State {
    Asking(Transaction),
    Known { keep_alive: Instant },
    Over,
}

impl BindingClient {
    /// Asks from the socket `local`. The second value is the datagram to send.
    pub(in crate::media) fn new(
        local: SocketAddr,
        server: SocketAddr,
        random: &mut dyn RandomSource,
        now: Instant,
    ) -> (Self, Vec<u8>) {
        let id = transaction_id(random);
        let bytes = finish(request(METHOD_BINDING, id));
        let transaction = Transaction::over_datagrams(id, bytes.clone(), GATHERING_RTO, now);
        let client = Self {
            local,
            server,
            state: State::Asking(transaction),
        };
        (client, bytes)
    }

    /// The socket that asks.
    pub(in crate::media) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Who is asked.
    pub(in crate::media) fn server(&self) -> SocketAddr {
        self.server
    }

    /// Whether it still waits for an answer.
    pub(in crate::media) fn is_asking(&self) -> bool {
        matches!(self.state, State::Asking(_))
    }

    /// Takes a message that came from the server to the socket; `None` when it answers something else.
    pub(in crate::media) fn handle_message(&mut self, message: &StunMessage, now: Instant) -> Option<BindingResult> {
        let is_answer = message.method() == METHOD_BINDING && (message.is_success() || message.is_error());
        let State::Asking(transaction) = &self.state else {
            return None;
        };
        if !is_answer || message.transaction() != transaction.id {
            return None;
        }
        let result = if message.is_error() {
            Err(ServerError::refused(message))
        } else {
            let mapped = message.mapped_address();
            let mapped = mapped.filter(|mapped| mapped.is_ipv4() == self.local.is_ipv4());
            mapped.ok_or(ServerError::Malformed("a Binding response without an address"))
        };
        self.state = match result {
            Ok(_) => State::Known {
                keep_alive: now + KEEP_ALIVE,
            },
            Err(_) => State::Over,
        };
        Some(result)
    }

    pub(in crate::media) fn poll_timeout(&self) -> Option<Instant> {
        match &self.state {
            State::Asking(transaction) => Some(transaction.poll_timeout()),
            State::Known { keep_alive } => Some(*keep_alive),
            State::Over => None,
        }
    }

    /// Gives a datagram to send, or the failure.
    pub(in crate::media) fn handle_timeout(
        &mut self,
        random: &mut dyn RandomSource,
        now: Instant,
    ) -> Result<Option<Vec<u8>>, ServerError> {
        match &mut self.state {
            State::Asking(transaction) => match transaction.handle_timeout(now) {
                Due::Nothing => Ok(None),
                Due::Retransmit => Ok(Some(transaction.request.clone())),
                Due::TimedOut => {
                    self.state = State::Over;
                    Err(ServerError::NoAnswer)
                }
            },
            State::Known { keep_alive } if now >= *keep_alive => {
                *keep_alive = now + KEEP_ALIVE;
                Ok(Some(finish(indication(METHOD_BINDING, transaction_id(random)))))
            }
            State::Known { .. } | State::Over => Ok(None),
        }
    }
}

#[cfg(test)]
mod tests;
