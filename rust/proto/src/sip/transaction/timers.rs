//! Timers of RFC 3261 §17 (table 4) and RFC 6026 over a reliable transport.
//!
//! Timers A, E and G (retransmission) are not set. D, I, J and K are zero: the state that they would hold is left at once.
use std::time::{Duration, Instant};

/// Estimate of the round trip.
pub const T1: Duration = Duration::from_millis(500);
/// Longest interval between retransmissions.
pub const T2: Duration = Duration::from_secs(4);
/// How long a transaction waits for its other side: timers B, F, H, L and M, `64*T1`.
pub const TRANSACTION_TIMEOUT: Duration = Duration::from_secs(32);

/// What [`handle_timeout`](super::ClientTransaction::handle_timeout) found.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Expiry {
    /// Nothing was due.
    Pending,
    /// The other side stayed silent: the transaction is over, and its user must know.
    TimedOut,
    /// The transaction is over as it should be.
    Terminated,
}

/// Repeats a 2xx to INVITE until its ACK comes, on every transport (RFC 3261 §13.3.1.4). The transaction user runs it.
#[derive(Clone, Debug)]
pub struct SuccessRepeat {
    next: Instant,
    interval: Duration,
    end: Instant,
}

/// What is due of a [`SuccessRepeat`].
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RepeatDue {
    /// Nothing yet.
    Pending,
    /// Send the 2xx again.
    Send,
    /// No ACK came for `64*T1`: the dialog is to be ended with a BYE.
    GiveUp,
}

impl SuccessRepeat {
    /// Starts when the 2xx is sent.
    pub fn new(now: Instant) -> Self {
        Self {
            next: now + T1,
            interval: T1,
            end: now + TRANSACTION_TIMEOUT,
        }
    }

    /// When to call [`Self::handle_timeout`].
    pub fn poll_timeout(&self) -> Instant {
        self.next.min(self.end)
    }

    /// Says what is due, and plans the next.
    pub fn handle_timeout(&mut self, now: Instant) -> RepeatDue {
        if now >= self.end {
            return RepeatDue::GiveUp;
        }
        if now < self.next {
            return RepeatDue::Pending;
        }
        self.interval = (self.interval * 2).min(T2);
        self.next = now + self.interval;
        RepeatDue::Send
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_success_is_repeated_at_doubling_intervals_up_to_t2() {
        #[allow(clippy::disallowed_methods)] // only differences to it count
        let start = Instant::now();
        let mut repeat = SuccessRepeat::new(start);
        let mut sent = Vec::new();
        let end = loop {
            let now = repeat.poll_timeout();
            match repeat.handle_timeout(now) {
                RepeatDue::Send => sent.push((now - start).as_millis()),
                RepeatDue::GiveUp => break now - start,
                RepeatDue::Pending => panic!("woken too early"),
            }
        };
        assert_eq!(sent, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
        assert_eq!(end, TRANSACTION_TIMEOUT);
    }
}
