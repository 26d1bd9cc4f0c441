//! A WebSocket opened ahead of the agent's wish, to the server that will probably be named; closed unused if it is not.
use std::time::{Duration, Instant};

use c2c_proto::io::TransportFailure;

use crate::connect::Progress;
use crate::route::Route;
use crate::websocket::{Incoming, OpenWebSocket};

/// How long one is kept for its use, opening included.
const KEEP: Duration = Duration::from_secs(15);
/// Close code of a connection that nobody needs (RFC 6455 §7.4.1).
const NORMAL_CLOSURE: u16 = 1000;
/// Pings and the like that may have come meanwhile; a server that sends more is not waited for.
const READS: usize = 16;

/// At most one per agent.
#[derive(Default)]
pub(crate) struct Prepared(Option<Attempt>);

struct Attempt {
    uri: String,
    route: Route,
    number: u64,
    deadline: Instant,
    state: State,
}

enum State {
    Opening(Progress),
    Open(Unused),
}

/// What was prepared for just this server.
#[derive(Debug)]
pub(crate) enum Ready {
    /// An attempt is under way: its number, and where it tells how far it is.
    Opening(u64, Progress),
    /// It is open.
    Open(Box<OpenWebSocket>),
}

impl Prepared {
    /// Notes that this attempt is under way, in the place of any other.
    pub(crate) fn start(&mut self, uri: String, route: Route, number: u64, progress: Progress, now: Instant) {
        self.0 = Some(Attempt {
            uri,
            route,
            number,
            deadline: now + KEEP,
            state: State::Opening(progress),
        });
    }

    /// Takes an attempt's result if it is the one that was prepared; else gives it back. A failure is nobody's business.
    pub(crate) fn opened(
        &mut self,
        number: u64,
        result: Result<Box<OpenWebSocket>, TransportFailure>,
    ) -> Option<Result<Box<OpenWebSocket>, TransportFailure>> {
        let Some(attempt) = self.0.as_mut().filter(|attempt| attempt.number == number) else {
            return Some(result);
        };
        match result {
            Ok(open) => attempt.state = State::Open(Unused(Some(open))),
            Err(failure) => {
                tracing::debug!(step = ?failure.step, "WebSocket not opened ahead: {}", failure.cause);
                self.0 = None;
            }
        }
        None
    }

    /// What was prepared, if it leads to this server by this route and is of use still; closes it if not.
    pub(crate) fn take(&mut self, uri: &str, route: &Route) -> Option<Ready> {
        let attempt = self.0.take()?;
        if attempt.uri != uri || attempt.route != *route {
            return None;
        }
        match attempt.state {
            State::Opening(progress) => Some(Ready::Opening(attempt.number, progress)),
            State::Open(mut unused) => unused.take_if_quiet().map(Ready::Open),
        }
    }

    /// Closes what was prepared; a result that is still to come is dropped.
    pub(crate) fn discard(&mut self) {
        self.0 = None;
    }

    /// When [`Self::discard_overdue`] is due.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.0.as_ref().map(|attempt| attempt.deadline)
    }

    pub(crate) fn discard_overdue(&mut self, now: Instant) {
        if self.deadline().is_some_and(|deadline| deadline <= now) {
            self.discard();
        }
    }
}

/// An open WebSocket that closes in order when nobody takes it.
struct Unused(Option<Box<OpenWebSocket>>);

impl Unused {
    /// Gives it away if the server has neither closed it nor said anything.
    fn take_if_quiet(&mut self) -> Option<Box<OpenWebSocket>> {
        let socket = &mut self.0.as_mut()?.socket;
        for _ in 0..READS {
            match socket.read() {
                Ok(Incoming::Control) => {}
                Ok(Incoming::Nothing) => return self.0.take(),
                Ok(Incoming::Message(_) | Incoming::Close(_)) | Err(_) => return None,
            }
        }
        None
    }
}

impl Drop for Unused {
    fn drop(&mut self) {
        if let Some(open) = &mut self.0 {
            // what the socket does not take at once is lost with it
            let _ = open.socket.close(NORMAL_CLOSURE);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::connect::connection_failure;

    const URI: &str = "wss://server.example/";

    fn opening(now: Instant) -> Prepared {
        let mut prepared = Prepared::default();
        prepared.start(URI.into(), Route::default(), 7, Progress::default(), now);
        prepared
    }

    #[test]
    fn it_is_for_one_server_by_one_route_and_once() {
        let now = Instant::now();
        let private = Route::default();
        let public = Route {
            public_only: true,
            ..Route::default()
        };
        assert!(opening(now).take("wss://other.example/", &private).is_none());
        assert!(opening(now).take(URI, &public).is_none());
        let mut prepared = opening(now);
        assert!(matches!(prepared.take(URI, &private), Some(Ready::Opening(7, _))));
        assert!(prepared.take(URI, &private).is_none());
    }

    #[test]
    fn it_is_dropped_after_its_time() {
        let now = Instant::now();
        let mut prepared = opening(now);
        assert_eq!(prepared.deadline(), Some(now + KEEP));
        prepared.discard_overdue(now + KEEP.mul_f32(0.99));
        assert!(prepared.deadline().is_some());
        prepared.discard_overdue(now + KEEP);
        assert!(prepared.take(URI, &Route::default()).is_none() && prepared.deadline().is_none());
    }

    #[test]
    fn results_of_others_are_given_back_and_a_failure_of_its_own_is_silent() {
        let mut prepared = opening(Instant::now());
        let failure = || Err(connection_failure("refused".into()));
        assert!(prepared.opened(8, failure()).is_some());
        assert!(prepared.opened(7, failure()).is_none());
        assert!(prepared.take(URI, &Route::default()).is_none());
    }
}
