//! Keeps a call's session alive, or notices that nobody does (RFC 4028), seen from the answering side.
use std::time::{Duration, Instant};

use c2c_proto::sip::{HeaderName, Headers, Refresher, SessionExpires};

use crate::settings::GatewaySettings;

/// The session timer of an answered call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct SessionTimer {
    seconds: u32,
    ours: bool,
    due: Instant,
}

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum SessionDue {
    /// We have to refresh.
    Refresh,
    /// The client should have refreshed: the call is over.
    Expired,
}

impl SessionTimer {
    /// What we make of a request that may set the timer (INVITE, UPDATE); `None` when there is none to be.
    pub(crate) fn negotiate(asked: &Headers, settings: &GatewaySettings, now: Instant) -> Option<Self> {
        let wanted = asked.session_expires().ok().flatten();
        let supported = wanted.is_some() || asked.lists(HeaderName::Supported, "timer");
        if !supported || settings.session_expires == 0 {
            return None;
        }
        let seconds = wanted.map_or(settings.session_expires, |wanted| {
            wanted.seconds.min(settings.session_expires)
        });
        let refresher = wanted.and_then(|wanted| wanted.refresher);
        let ours = refresher.unwrap_or(settings.refresher) == Refresher::Uas;
        Some(Self::started(seconds.max(1), ours, now))
    }

    /// What the response to our own refresh says; roles are those of that transaction, in which we are the UAC.
    pub(crate) fn after_refresh(self, answered: &Headers, now: Instant) -> Self {
        match answered.session_expires() {
            Ok(Some(agreed)) => {
                let ours = agreed.refresher != Some(Refresher::Uas);
                Self::started(agreed.seconds.max(1), ours, now)
            }
            _ => Self::started(self.seconds, self.ours, now),
        }
    }

    /// The header for our response to the request that set it.
    pub(crate) fn for_response(&self) -> SessionExpires {
        let refresher = if self.ours { Refresher::Uas } else { Refresher::Uac };
        self.header(refresher)
    }

    /// The header for a request of ours.
    pub(crate) fn for_request(&self) -> SessionExpires {
        let refresher = if self.ours { Refresher::Uac } else { Refresher::Uas };
        self.header(refresher)
    }

    /// Whether the client must understand timers (RFC 4028 §9: `Require: timer` when it is to refresh).
    pub(crate) fn needs_client(&self) -> bool {
        !self.ours
    }

    pub(crate) fn poll_timeout(&self) -> Instant {
        self.due
    }

    /// What is due at `now`; a refresh is due again after a while in case it comes to nothing.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Option<SessionDue> {
        if now < self.due {
            return None;
        }
        *self = Self::started(self.seconds, self.ours, now);
        Some(if self.ours {
            SessionDue::Refresh
        } else {
            SessionDue::Expired
        })
    }

    fn header(&self, refresher: Refresher) -> SessionExpires {
        SessionExpires {
            seconds: self.seconds,
            refresher: Some(refresher),
        }
    }

    fn started(seconds: u32, ours: bool, now: Instant) -> Self {
        let interval = Duration::from_secs(u64::from(seconds));
        // §10: the refresher at half, the other ends it before the last third, or 32 s, of the interval
        let wait = if ours {
            interval / 2
        } else {
            interval.saturating_sub((interval / 3).min(Duration::from_secs(32)))
        };
        Self {
            seconds,
            ours,
            due: now + wait,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(session_expires: Option<&str>) -> Headers {
        let mut headers = Headers::new();
        headers.push(HeaderName::Supported, "timer,ice");
        if let Some(value) = session_expires {
            headers.push(HeaderName::SessionExpires, value);
        }
        headers
    }

    fn negotiated(session_expires: Option<&str>, now: Instant) -> Option<SessionTimer> {
        SessionTimer::negotiate(&asked(session_expires), &GatewaySettings::default(), now)
    }

    #[test]
    fn the_shorter_interval_counts_and_the_clients_choice_of_refresher() {
        let now = Instant::now();
        let header = |text| negotiated(Some(text), now).unwrap().for_response().to_string();
        assert_eq!(header("1800"), "90;refresher=uas");
        assert_eq!(header("60;refresher=uac"), "60;refresher=uac");
        assert_eq!(negotiated(None, now).unwrap().for_response().seconds, 90);
        assert_eq!(
            SessionTimer::negotiate(&Headers::new(), &GatewaySettings::default(), now),
            None
        );
    }

    #[test]
    fn refreshes_at_half_and_takes_the_answers_roles() {
        let now = Instant::now();
        let mut timer = negotiated(Some("90"), now).unwrap();
        assert_eq!(timer.for_request().to_string(), "90;refresher=uac");
        assert_eq!(timer.handle_timeout(now + Duration::from_secs(44)), None);
        let due = now + Duration::from_secs(45);
        assert_eq!(timer.handle_timeout(due), Some(SessionDue::Refresh));
        let timer = timer.after_refresh(&asked(Some("30;refresher=uas")), due);
        assert!(timer.needs_client());
        assert_eq!(timer.poll_timeout(), due + Duration::from_secs(20));
    }

    #[test]
    fn expires_when_the_client_does_not_refresh() {
        let now = Instant::now();
        let mut timer = negotiated(Some("90;refresher=uac"), now).unwrap();
        assert_eq!(timer.poll_timeout(), now + Duration::from_secs(60));
        assert_eq!(timer.handle_timeout(timer.poll_timeout()), Some(SessionDue::Expired));
    }
}
