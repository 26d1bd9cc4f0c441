//! Session timer of one call (RFC 4028), with the rules of the SDK's stack.
use std::time::{Duration, Instant};

use crate::sip::{Refresher, SessionExpires};

/// Smallest interval we accept, seconds.
pub(crate) const MIN_INTERVAL: u32 = 60;
/// When to try a refresh again that could not be sent or that failed for the moment.
pub(crate) const RETRY: Duration = Duration::from_secs(10);

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// Send an UPDATE.
    Refresh,
    /// The peer did not refresh: end the call.
    Expired,
}

/// Interval, refresher and deadline. UAC and UAS are roles in the last refresh, not in the call.
#[derive(Debug)]
pub(crate) struct SessionTimer {
    offered: u32,
    interval: u32,
    minimum: Option<u32>,
    we_refresh: bool,
    /// The far side takes part: it named an interval.
    is_agreed: bool,
    deadline: Option<Instant>,
}

impl SessionTimer {
    /// A timer that offers `offered` seconds and is not running.
    pub(crate) fn new(offered: u32) -> Self {
        let offered = offered.max(MIN_INTERVAL);
        Self {
            offered,
            interval: offered,
            minimum: None,
            we_refresh: true,
            is_agreed: false,
            deadline: None,
        }
    }

    /// `Session-Expires` of the INVITE: the interval without a refresher, as JsSIP offers it.
    pub(crate) fn offer(&self) -> SessionExpires {
        SessionExpires {
            seconds: self.interval,
            refresher: None,
        }
    }

    /// `Session-Expires` of our refresh, which leaves the roles as they are.
    pub(crate) fn refresh(&self) -> SessionExpires {
        SessionExpires {
            seconds: self.interval,
            refresher: Some(if self.we_refresh {
                Refresher::Uac
            } else {
                Refresher::Uas
            }),
        }
    }

    /// A refresh of ours is under way before its time.
    pub(crate) fn refreshing(&mut self) {
        if self.we_refresh {
            self.deadline = None;
        }
    }

    /// Whether the far side expects refreshes.
    pub(crate) fn is_agreed(&self) -> bool {
        self.is_agreed
    }

    /// `Min-SE` to send along, once a 422 named one (RFC 4028 §7.1).
    pub(crate) fn minimum(&self) -> Option<u32> {
        self.minimum
    }

    /// Takes the `Min-SE` of a 422; `false` when it asks for nothing that would help.
    pub(crate) fn raise(&mut self, minimum: u32) -> bool {
        let raised = minimum > self.interval;
        if raised {
            self.minimum = Some(minimum);
            self.interval = minimum;
            self.offered = minimum;
        }
        raised
    }

    /// Takes `Session-Expires` of a 2xx to our INVITE or UPDATE and runs. Without a usable one the offered interval
    /// holds and we refresh.
    pub(crate) fn handle_response(&mut self, answered: Option<SessionExpires>, now: Instant) {
        let usable = answered.filter(|value| value.seconds >= MIN_INTERVAL);
        self.is_agreed = usable.is_some();
        self.interval = usable.map_or(self.offered, |value| value.seconds);
        self.we_refresh = usable.and_then(|value| value.refresher) != Some(Refresher::Uas);
        self.run(now);
    }

    /// Takes `Session-Expires` of the peer's INVITE or UPDATE and runs; gives the one for our 2xx.
    pub(crate) fn handle_request(&mut self, asked: Option<SessionExpires>, now: Instant) -> SessionExpires {
        let usable = asked.filter(|value| value.seconds >= MIN_INTERVAL);
        self.is_agreed = usable.is_some();
        self.interval = usable.map_or(self.offered, |value| value.seconds);
        let refresher = usable.and_then(|value| value.refresher).unwrap_or(Refresher::Uas);
        self.we_refresh = refresher == Refresher::Uas;
        self.run(now);
        SessionExpires {
            seconds: self.interval,
            refresher: Some(refresher),
        }
    }

    /// Tries the refresh again after `delay`.
    pub(crate) fn postpone(&mut self, delay: Duration, now: Instant) {
        self.deadline = Some(now + delay);
    }

    /// Nothing is due any more.
    pub(crate) fn stop(&mut self) {
        self.deadline = None;
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.deadline
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        self.deadline.take_if(|deadline| *deadline <= now)?;
        Some(if self.we_refresh { Due::Refresh } else { Due::Expired })
    }

    /// Refresh at half the interval; the peer's is given up at 1.1 times of it, as JsSIP does.
    fn run(&mut self, now: Instant) {
        let interval = Duration::from_secs(u64::from(self.interval));
        let wait = if self.we_refresh {
            interval / 2
        } else {
            interval + interval / 10
        };
        self.deadline = Some(now + wait);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expires(seconds: u32, refresher: Option<Refresher>) -> SessionExpires {
        SessionExpires { seconds, refresher }
    }

    /// Seconds until due, and what is due then.
    fn due(timer: &mut SessionTimer, now: Instant) -> (u64, Due) {
        let deadline = timer.poll_timeout().unwrap();
        ((deadline - now).as_secs(), timer.handle_timeout(deadline).unwrap())
    }

    #[test]
    fn the_refresher_of_a_2xx_is_obeyed() {
        let now = crate::test_clock::start();
        let table = [
            (Some(expires(90, Some(Refresher::Uac))), (45, Due::Refresh)),
            (Some(expires(90, Some(Refresher::Uas))), (99, Due::Expired)),
            (Some(expires(120, None)), (60, Due::Refresh)),
            (None, (45, Due::Refresh)),
            (Some(expires(1, Some(Refresher::Uas))), (45, Due::Refresh)),
        ];
        for (answered, expected) in table {
            let mut timer = SessionTimer::new(90);
            timer.handle_response(answered, now);
            assert_eq!(due(&mut timer, now), expected, "{answered:?}");
            assert_eq!(timer.poll_timeout(), None);
        }
    }

    #[test]
    fn the_peer_s_request_sets_the_roles_anew() {
        let now = crate::test_clock::start();
        let mut timer = SessionTimer::new(90);
        let answer = timer.handle_request(Some(expires(180, Some(Refresher::Uac))), now);
        assert_eq!(answer, expires(180, Some(Refresher::Uac)));
        assert_eq!(due(&mut timer, now), (198, Due::Expired));
        let answer = timer.handle_request(None, now);
        assert_eq!(answer, expires(90, Some(Refresher::Uas)));
        assert_eq!(due(&mut timer, now), (45, Due::Refresh));
    }

    #[test]
    fn a_422_raises_the_interval_once() {
        let mut timer = SessionTimer::new(90);
        assert!(!timer.raise(90));
        assert!(timer.raise(300));
        assert_eq!((timer.offer().seconds, timer.minimum()), (300, Some(300)));
        assert!(!timer.raise(300));
    }
}
