//! Session timer of one call (RFC 4028), with the rules of the SDK's stack.
use std::time::{Duration, Instant};

use crate::sip::header::HeaderName;
use crate::sip::{Headers, Refresher, SessionExpires};

/// Smallest interval we accept, seconds.
pub(crate) const MIN_INTERVAL: u32 = 60;
/// When to try a refresh again that could not be sent or that failed for the moment.
pub(crate) const RETRY: Duration = Duration::from_secs(10);
/// How often 422 may raise the interval before a refresh succeeds.
const MAX_RAISES: u8 = 2;

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
    raises: u8,
    we_refresh: bool,
    /// The far side takes part: it named an interval, or it supports timers and was promised refreshes.
    is_agreed: bool,
    /// When we refresh, or give up a far side that does not.
    deadline: Option<Instant>,
    /// A refresh of ours is out, and none has succeeded since.
    is_refreshing: bool,
    /// When a refresh of ours that failed for the moment is tried again, whoever's turn it is.
    retry: Option<Instant>,
}

impl SessionTimer {
    /// A timer that offers `offered` seconds and is not running.
    pub(crate) fn new(offered: u32) -> Self {
        let offered = offered.max(MIN_INTERVAL);
        Self {
            offered,
            interval: offered,
            minimum: None,
            raises: 0,
            we_refresh: true,
            is_agreed: false,
            deadline: None,
            is_refreshing: false,
            retry: None,
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

    /// A refresh of ours is under way, perhaps before its time. The far side's goes on being awaited.
    pub(crate) fn refreshing(&mut self) {
        self.is_refreshing = true;
        self.retry = None;
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

    /// Takes the `Min-SE` of a 422; `false` when it asks for nothing that would help, or too often.
    pub(crate) fn raise(&mut self, minimum: u32) -> bool {
        let raised = minimum > self.interval && self.raises < MAX_RAISES;
        if raised {
            self.raises += 1;
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

    /// Takes what the peer's INVITE or UPDATE asks for and runs; gives the `Session-Expires` for our 2xx. One that cannot
    /// be read counts as none.
    pub(crate) fn handle_request(&mut self, asked: &Headers, now: Instant) -> SessionExpires {
        let usable = asked.session_expires().ok().flatten();
        let usable = usable.filter(|value| value.seconds >= MIN_INTERVAL);
        self.is_agreed = usable.is_some() || asked.lists(HeaderName::Supported, "timer");
        // RFC 4028 §9: never below the least that the path takes
        let least = asked.min_se().ok().flatten().unwrap_or_default();
        self.interval = usable.map_or(self.offered, |value| value.seconds).max(least);
        let refresher = usable.and_then(|value| value.refresher).unwrap_or(Refresher::Uas);
        self.we_refresh = refresher == Refresher::Uas;
        self.run(now);
        SessionExpires {
            seconds: self.interval,
            refresher: Some(refresher),
        }
    }

    /// Tries our refresh again after `delay`, in time for the interval, unless the far side has refreshed meanwhile.
    pub(crate) fn postpone(&mut self, delay: Duration, now: Instant) {
        let longest = Duration::from_secs(u64::from(self.interval)) / 4;
        self.retry = self.is_refreshing.then(|| now + delay.min(longest));
    }

    /// Nothing is due any more.
    pub(crate) fn stop(&mut self) {
        (self.deadline, self.retry) = (None, None);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.deadline.into_iter().chain(self.retry).min()
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        if self.deadline.take_if(|deadline| *deadline <= now).is_some() {
            return Some(if self.we_refresh { Due::Refresh } else { Due::Expired });
        }
        self.retry.take_if(|retry| *retry <= now).map(|_| Due::Refresh)
    }

    /// Refresh at half the interval; the peer's is given up at 1.1 times of it, as JsSIP does.
    fn run(&mut self, now: Instant) {
        (self.is_refreshing, self.retry, self.raises) = (false, None, 0);
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

    /// What a request with this `Session-Expires` asks for.
    fn asked(value: Option<SessionExpires>) -> Headers {
        let mut headers = Headers::new();
        if let Some(value) = value {
            headers.push(HeaderName::SessionExpires, value);
        }
        headers
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
        let answer = timer.handle_request(&asked(Some(expires(180, Some(Refresher::Uac)))), now);
        assert_eq!(answer, expires(180, Some(Refresher::Uac)));
        assert_eq!(due(&mut timer, now), (198, Due::Expired));
        let answer = timer.handle_request(&asked(None), now);
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

    #[test]
    fn two_422_are_enough() {
        let mut timer = SessionTimer::new(90);
        assert!(timer.raise(91) && timer.raise(92));
        assert!(!timer.raise(93));
        timer.handle_response(None, crate::test_clock::start());
        assert!(timer.raise(93), "a refresh that succeeds ends the round");
    }

    #[test]
    fn the_peer_s_min_se_holds() {
        let now = crate::test_clock::start();
        let mut timer = SessionTimer::new(90);
        let mut headers = asked(None);
        headers.push(HeaderName::MinSe, 240);
        assert_eq!(timer.handle_request(&headers, now), expires(240, Some(Refresher::Uas)));
        assert!(!timer.is_agreed());
        headers.push(HeaderName::Supported, "timer");
        timer.handle_request(&headers, now);
        assert!(timer.is_agreed());
    }

    #[test]
    fn a_retry_leaves_the_peer_s_deadline() {
        let now = crate::test_clock::start();
        let second = Duration::from_secs(1);
        let mut timer = SessionTimer::new(90);
        timer.handle_response(Some(expires(90, Some(Refresher::Uas))), now);
        timer.refreshing();
        timer.postpone(second, now);
        assert_eq!(due(&mut timer, now), (1, Due::Refresh));
        assert_eq!(due(&mut timer, now), (99, Due::Expired));
    }

    #[test]
    fn no_retry_outlasts_the_interval() {
        let now = crate::test_clock::start();
        let mut timer = SessionTimer::new(90);
        timer.refreshing();
        timer.postpone(Duration::from_secs(3600), now);
        assert_eq!(due(&mut timer, now), (22, Due::Refresh));
    }
}
