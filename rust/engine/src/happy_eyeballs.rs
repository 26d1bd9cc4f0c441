//! TCP to the first of a name's addresses that answers: families interleaved, starts staggered, the others closed (RFC 8305).
use std::collections::VecDeque;
use std::io;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use c2c_proto::io::TransportFailure;
use mio::event::Event;
use mio::{Events, Interest, Poll, Token};

use crate::connect::connection_failure;
use crate::error::remedy;

/// How long an attempt is alone before the next one starts beside it (RFC 8305 §8); one that fails is followed at once.
const ATTEMPT_DELAY: Duration = Duration::from_millis(250);
/// Addresses that are tried at most.
const MAX_ADDRESSES: usize = 8;

/// TCP to the first address that takes it; each has `each` at most. Blocks: for workers.
pub(crate) fn connect_first(
    addresses: &[SocketAddr],
    deadline: Instant,
    each: Duration,
) -> Result<TcpStream, TransportFailure> {
    if addresses.is_empty() {
        return Err(connection_failure("the name has no address".into()));
    }
    let poll = Poll::new();
    let poll = poll.map_err(|error| connection_failure(format!("{error}{}", remedy(&error))))?;
    let race = Race {
        poll,
        waiting: interleaved(addresses).into(),
        attempts: Vec::new(),
        next_start: Instant::now(),
        causes: Vec::new(),
    };
    race.run(deadline, each)
}

struct Attempt {
    address: SocketAddr,
    /// `None` when it has failed.
    tcp: Option<mio::net::TcpStream>,
    deadline: Instant,
}

struct Race {
    poll: Poll,
    waiting: VecDeque<SocketAddr>,
    /// Each one's place is its token.
    attempts: Vec<Attempt>,
    next_start: Instant,
    causes: Vec<String>,
}

impl Race {
    fn run(mut self, deadline: Instant, each: Duration) -> Result<TcpStream, TransportFailure> {
        let mut events = Events::with_capacity(MAX_ADDRESSES);
        loop {
            let now = Instant::now();
            self.drop_overdue(now, each);
            if now >= deadline {
                self.causes.push("no answer in time".into());
                break;
            }
            self.start_due(now, (now + each).min(deadline));
            if !self.is_running() {
                break;
            }
            match self.poll.poll(&mut events, Some(self.patience(deadline))) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                polled => polled.map_err(|error| connection_failure(error.to_string()))?,
            }
            if let Some(winner) = events.iter().find_map(|event| self.connected(event)) {
                return Ok(winner);
            }
        }
        Err(connection_failure(self.causes.join("; ")))
    }

    fn is_running(&self) -> bool {
        self.attempts.iter().any(|attempt| attempt.tcp.is_some())
    }

    /// Starts the next attempt if it is time, or if there is no other.
    fn start_due(&mut self, now: Instant, deadline: Instant) {
        while now >= self.next_start || !self.is_running() {
            let Some(address) = self.waiting.pop_front() else {
                return;
            };
            match self.start(address, deadline) {
                Ok(()) => self.next_start = now + ATTEMPT_DELAY,
                Err(error) => self.failed(address, &error),
            }
        }
    }

    fn start(&mut self, address: SocketAddr, deadline: Instant) -> io::Result<()> {
        let mut tcp = mio::net::TcpStream::connect(address)?;
        let token = Token(self.attempts.len());
        self.poll.registry().register(&mut tcp, token, Interest::WRITABLE)?;
        self.attempts.push(Attempt {
            address,
            tcp: Some(tcp),
            deadline,
        });
        Ok(())
    }

    /// The connection, if this event is its making; one that failed lets the next start at once (RFC 8305 §5).
    fn connected(&mut self, event: &Event) -> Option<TcpStream> {
        let attempt = self.attempts.get_mut(event.token().0)?;
        let tcp = attempt.tcp.as_ref()?;
        let outcome = match tcp.take_error() {
            Ok(Some(error)) | Err(error) => Err(error),
            Ok(None) => tcp.peer_addr(),
        };
        match outcome {
            Ok(_) => attempt.tcp.take().map(TcpStream::from),
            Err(error) if error.kind() == io::ErrorKind::NotConnected => None,
            Err(error) => {
                attempt.tcp = None;
                let address = attempt.address;
                self.failed(address, &error);
                self.next_start = Instant::now();
                None
            }
        }
    }

    fn failed(&mut self, address: SocketAddr, error: &io::Error) {
        self.causes.push(format!("{address}: {error}{}", remedy(error)));
    }

    fn drop_overdue(&mut self, now: Instant, each: Duration) {
        for attempt in &mut self.attempts {
            if attempt.deadline <= now && attempt.tcp.take().is_some() {
                let address = attempt.address;
                self.causes
                    .push(format!("{address}: no answer within {} seconds", each.as_secs_f32()));
            }
        }
    }

    fn patience(&self, deadline: Instant) -> Duration {
        let running = self.attempts.iter().filter(|attempt| attempt.tcp.is_some());
        let next_start = (!self.waiting.is_empty()).then_some(self.next_start);
        let soonest = running.map(|attempt| attempt.deadline).chain(next_start).min();
        let soonest = soonest.unwrap_or(deadline).min(deadline);
        soonest.saturating_duration_since(Instant::now())
    }
}

/// Families by turns, beginning with the one that the system prefers (RFC 8305 §4); none twice, and not too many.
fn interleaved(addresses: &[SocketAddr]) -> Vec<SocketAddr> {
    let first_is_v6 = addresses.first().is_some_and(SocketAddr::is_ipv6);
    let (mut preferred, mut other): (VecDeque<SocketAddr>, VecDeque<SocketAddr>) =
        addresses.iter().partition(|address| address.is_ipv6() == first_is_v6);
    let mut order = Vec::new();
    while order.len() < MAX_ADDRESSES && !(preferred.is_empty() && other.is_empty()) {
        for address in [preferred.pop_front(), other.pop_front()].into_iter().flatten() {
            if !order.contains(&address) {
                order.push(address);
            }
        }
    }
    order.truncate(MAX_ADDRESSES);
    order
}

#[cfg(test)]
mod tests;
