//! The requests of a TURN client: what each asks, and which of them wait for an answer (RFC 8656 §7 to §12).
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rtc_stun::attributes::{ATTR_CHANNEL_NUMBER, ATTR_LIFETIME, ATTR_REQUESTED_TRANSPORT, ATTR_XOR_PEER_ADDRESS};
use rtc_stun::message::{
    METHOD_ALLOCATE, METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_REFRESH, Message, Method, TransactionId,
};

use super::authentication::LongTermCredential;
use crate::media::stun::message::{add_xor_address, finish, request};
use crate::media::stun::transaction::{Due, Transaction};

/// REQUESTED-TRANSPORT: UDP, which is also what a client behind TCP asks for (RFC 8656 §7.1).
const UDP: u8 = 17;
/// Seconds that an allocation lives by default (RFC 8656 §3.2).
const DEFAULT_LIFETIME: u32 = 600;
/// Of a permission only the address counts (RFC 8656 §10.1).
const ANY_PORT: u16 = 9;

/// What a request asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Question {
    /// A relayed address.
    Allocate,
    /// To keep it.
    Refresh,
    /// To give it back.
    Release,
    /// To give back what an earlier user of our port was allotted.
    Clear,
    /// To let a peer through.
    Permit(IpAddr),
    /// To bind this channel to a peer.
    Bind(u16, SocketAddr),
}

impl Question {
    pub(super) fn method(self) -> Method {
        match self {
            Self::Allocate => METHOD_ALLOCATE,
            Self::Refresh | Self::Release | Self::Clear => METHOD_REFRESH,
            Self::Permit(_) => METHOD_CREATE_PERMISSION,
            Self::Bind(..) => METHOD_CHANNEL_BIND,
        }
    }

    /// The bytes of the request, signed once the server has asked for it.
    pub(super) fn encode(self, id: TransactionId, credential: &LongTermCredential) -> Vec<u8> {
        let mut message = request(self.method(), id);
        self.add_attributes(&mut message);
        credential.authenticate(&mut message);
        finish(message)
    }

    fn add_attributes(self, message: &mut Message) {
        match self {
            Self::Allocate => message.add(ATTR_REQUESTED_TRANSPORT, &[UDP, 0, 0, 0]),
            // said aloud, since coturn applies its configured maximum only to what was asked for
            Self::Refresh => message.add(ATTR_LIFETIME, &DEFAULT_LIFETIME.to_be_bytes()),
            Self::Release | Self::Clear => message.add(ATTR_LIFETIME, &[0; 4]),
            Self::Permit(ip) => add_xor_address(message, ATTR_XOR_PEER_ADDRESS, SocketAddr::new(ip, ANY_PORT)),
            Self::Bind(number, peer) => {
                let [high, low] = number.to_be_bytes();
                message.add(ATTR_CHANNEL_NUMBER, &[high, low, 0, 0]);
                add_xor_address(message, ATTR_XOR_PEER_ADDRESS, peer);
            }
        }
    }
}

/// A question that waits for its answer.
#[derive(Debug)]
pub(super) struct Pending {
    pub(super) question: Question,
    /// Whether it carried the credential.
    pub(super) is_signed: bool,
    /// How often it was asked anew for a stale nonce.
    pub(super) tries: u8,
    pub(super) transaction: Transaction,
}

/// All that wait; bounded by the permissions and channels of one allocation.
#[derive(Default, Debug)]
pub(super) struct Requests(Vec<Pending>);

impl Requests {
    pub(super) fn push(&mut self, pending: Pending) {
        self.0.push(pending);
    }

    /// Finds what a response answers.
    pub(super) fn position(&self, id: TransactionId, method: Method) -> Option<usize> {
        let is_it = |pending: &Pending| pending.transaction.id == id && pending.question.method() == method;
        self.0.iter().position(is_it)
    }

    pub(super) fn get(&self, position: usize) -> Option<&Pending> {
        self.0.get(position)
    }

    pub(super) fn remove(&mut self, position: usize) -> Option<Pending> {
        (position < self.0.len()).then(|| self.0.swap_remove(position))
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.0.iter().map(|pending| pending.transaction.poll_timeout()).min()
    }

    /// One request that is due: to be sent again, or given up and removed.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<DueRequest> {
        for (position, pending) in self.0.iter_mut().enumerate() {
            match pending.transaction.handle_timeout(now) {
                Due::Nothing => {}
                Due::Retransmit => return Some(DueRequest::Again(pending.transaction.request.clone())),
                Due::TimedOut => return self.remove(position).map(DueRequest::TimedOut),
            }
        }
        None
    }
}

/// What [`Requests::next_due`] found.
pub(super) enum DueRequest {
    /// Send these bytes again.
    Again(Vec<u8>),
    /// No answer came.
    TimedOut(Pending),
}

/// When to refresh what lives this long: a minute before its end, or half-way when it lives shorter than two.
pub(super) fn refresh_after(lifetime: Duration) -> Duration {
    lifetime.saturating_sub((lifetime / 2).min(Duration::from_secs(60)))
}
