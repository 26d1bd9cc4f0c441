//! The life of one request: when it is sent again and when it has failed (RFC 8489 §6.2).
use std::fmt;
use std::time::{Duration, Instant};

use rtc_stun::message::TransactionId;

/// First retransmission (RFC 8489 §6.2.1).
pub(in crate::media) const RTO: Duration = Duration::from_millis(500);
/// The same while a call waits for its candidates: half a second is the whole budget, in which a lost datagram needs
/// another chance. RFC 8489 has 500 ms as "SHOULD" for hosts that know nothing of the path; RFC 8445 §14.3 lets the
/// application choose.
pub(in crate::media) const GATHERING_RTO: Duration = Duration::from_millis(200);
/// Requests sent in all, `Rc`.
const MAX_SENT: u32 = 7;
/// The last wait in RTOs, `Rm`.
const LAST_WAIT: u32 = 16;
/// `Ti`: the wait on a connection, where nothing is sent twice (RFC 8489 §6.2.2).
const RELIABLE_TIMEOUT: Duration = Duration::from_millis(39_500);

/// What is due for a request.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::media) enum Due {
    /// Nothing yet.
    Nothing,
    /// Send the same bytes again.
    Retransmit,
    /// No answer came.
    TimedOut,
}

/// A request that waits for its response.
pub(in crate::media) struct Transaction {
    /// What its response will carry.
    pub(in crate::media) id: TransactionId,
    /// The bytes.
    pub(in crate::media) request: Vec<u8>,
    rto: Duration,
    sent: u32,
    due: Instant,
}

/// The request may hold the user's name and the server's nonce.
impl fmt::Debug for Transaction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Transaction({} bytes)", self.request.len())
    }
}

impl Transaction {
    /// A request that was sent in a datagram just now.
    pub(in crate::media) fn over_datagrams(id: TransactionId, request: Vec<u8>, rto: Duration, now: Instant) -> Self {
        Self {
            id,
            request,
            rto,
            sent: 1,
            due: now + rto,
        }
    }

    /// A request that was written to a connection just now.
    pub(in crate::media) fn over_stream(id: TransactionId, request: Vec<u8>, now: Instant) -> Self {
        Self {
            id,
            request,
            rto: Duration::ZERO,
            sent: MAX_SENT,
            due: now + RELIABLE_TIMEOUT,
        }
    }

    /// When to ask [`Self::handle_timeout`].
    pub(in crate::media) fn poll_timeout(&self) -> Instant {
        self.due
    }

    pub(in crate::media) fn handle_timeout(&mut self, now: Instant) -> Due {
        if now < self.due {
            return Due::Nothing;
        }
        if self.sent >= MAX_SENT {
            return Due::TimedOut;
        }
        let wait = if self.sent + 1 == MAX_SENT {
            self.rto * LAST_WAIT
        } else {
            self.rto * 2u32.pow(self.sent)
        };
        self.sent += 1;
        self.due = now + wait;
        Due::Retransmit
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_clock::start;

    fn schedule(mut transaction: Transaction, start: Instant) -> (Vec<u128>, u128) {
        let mut sent = vec![0];
        loop {
            let now = transaction.poll_timeout();
            match transaction.handle_timeout(now) {
                Due::Retransmit => sent.push((now - start).as_millis()),
                Due::TimedOut => return (sent, (now - start).as_millis()),
                Due::Nothing => panic!("due and yet not"),
            }
        }
    }

    #[test]
    fn datagrams_follow_the_schedule_of_rfc_8489() {
        let start = start();
        let transaction = Transaction::over_datagrams(TransactionId::default(), Vec::new(), RTO, start);
        let (sent, failed) = schedule(transaction, start);
        assert_eq!(sent, [0, 500, 1500, 3500, 7500, 15_500, 31_500]);
        assert_eq!(failed, 39_500);
    }

    #[test]
    fn a_connection_carries_a_request_once() {
        let start = start();
        let mut transaction = Transaction::over_stream(TransactionId::default(), Vec::new(), start);
        assert_eq!(
            transaction.handle_timeout(start + Duration::from_secs(39)),
            Due::Nothing
        );
        assert_eq!(schedule(transaction, start), (vec![0], 39_500));
    }
}
