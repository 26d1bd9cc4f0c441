//! Consent of the peer to be sent to (RFC 7675), what silence means before it is lost, and after.
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::pairs::Route;
use super::stun::Check;
use super::{Ice, IceEvent};
use crate::media::error::MediaError;

/// How long no pair may answer, and how long the pair in use may stay silent (RFC 7675 §5.1).
pub(super) const FAILURE_TIMEOUT: Duration = Duration::from_secs(30);
/// How long the pair in use may stay silent before another path is looked for: the usual check and nine quick ones.
pub(super) const SILENCE: Duration = Duration::from_secs(10);
/// Time between checks while one is unanswered.
const QUICK_CHECK: Duration = Duration::from_millis(500);
/// The same, once silence was told.
const SLOW_CHECK: Duration = Duration::from_secs(2);

/// What is known of the peer's consent.
#[derive(Default)]
pub(super) struct Consent {
    /// Silence was told.
    is_doubted: bool,
    /// Nothing may be sent any more.
    pub(super) is_lost: bool,
    /// Its loss is not the end before this moment.
    kept_until: Option<Instant>,
}

impl Ice {
    /// The loss of consent is no failure before this moment: another path is being looked for.
    pub(in crate::media) fn keep_until(&mut self, moment: Instant) {
        self.consent.kept_until = Some(moment);
    }

    /// The same, but a later moment holds.
    pub(in crate::media) fn keep_at_least_until(&mut self, moment: Instant) {
        self.consent.kept_until = self.consent.kept_until.max(Some(moment));
    }

    /// The system cannot send this way.
    pub(in crate::media) fn doubt(&mut self, local: SocketAddr, remote: Option<SocketAddr>) {
        let is_used = |route: &Route| route.local == local && remote.is_none_or(|remote| route.remote == remote);
        if self.pairs.peek_target().as_ref().is_some_and(is_used) {
            self.tell_silence();
        }
    }

    /// Whether the pair in use answers, as far as is known.
    pub(in crate::media) fn is_alive(&self) -> bool {
        self.pairs.peek_target().is_some() && !self.consent.is_doubted && !self.is_over
    }

    /// The local end of the pair in use.
    pub(in crate::media) fn used_socket(&self) -> Option<SocketAddr> {
        self.pairs.peek_target().map(|route| route.local)
    }

    /// When [`Self::judge_consent`] has something to say.
    pub(super) fn next_judgement(&self) -> Option<Instant> {
        let since = self.heard()?;
        if !self.consent.is_doubted && self.pairs.last_answer().is_some() {
            return Some(since + SILENCE);
        }
        let lost = since + FAILURE_TIMEOUT;
        if self.consent.is_lost {
            Some(self.end()?)
        } else {
            Some(lost)
        }
    }

    /// Follows from silence what follows; `false` when that is the end.
    pub(super) fn judge_consent(&mut self, now: Instant) -> bool {
        let Some(silence) = self.heard().map(|since| now.saturating_duration_since(since)) else {
            return true;
        };
        if silence >= SILENCE && self.pairs.last_answer().is_some() {
            self.tell_silence();
        }
        if silence >= FAILURE_TIMEOUT && !std::mem::replace(&mut self.consent.is_lost, true) {
            self.next_consent = None;
        }
        let is_over = self.end().is_some_and(|end| now >= end);
        if is_over {
            self.fail();
        }
        !is_over
    }

    /// A pair answered. Consent that was lost stays so: only a restart gives it back (RFC 7675 §5.1).
    pub(super) fn renew_consent(&mut self, now: Instant) {
        let is_heard = self.pairs.last_answer() == Some(now);
        self.consent.is_doubted &= !is_heard || self.consent.is_lost;
    }

    pub(super) fn check_consent(&mut self, now: Instant) {
        let pause = if self.consent.is_doubted {
            SLOW_CHECK
        } else {
            QUICK_CHECK
        };
        self.next_consent = Some(now + pause);
        let (Some(route), Some(remote)) = (self.pairs.target(), &self.remote) else {
            return;
        };
        let check = Check {
            username: format!("{}:{}", remote.ufrag, self.local.ufrag),
            password: &remote.password.0,
            controlling: self.agent.is_controlling(),
            tie_breaker: self.tie_breaker,
            priority: self.candidates.first().map_or(1, |candidate| candidate.priority),
        };
        if let Some((transaction, message)) = check.build(self.provider.crypto()) {
            self.remember(transaction, route, true, now);
            self.transmit(route, message);
        }
    }

    /// 5 s, spread by a fifth (RFC 7675 §5.1).
    pub(super) fn schedule_consent(&mut self, now: Instant) {
        if !self.consent.is_lost {
            self.next_consent = Some(now + Duration::from_millis(4000 + self.random.below(2001)));
        }
    }

    /// Since when the pair in use is silent, or since when none was found.
    fn heard(&self) -> Option<Instant> {
        self.pairs.last_answer().or(self.started)
    }

    /// When silence becomes failure.
    fn end(&self) -> Option<Instant> {
        let lost = self.heard()? + FAILURE_TIMEOUT;
        Some(self.consent.kept_until.map_or(lost, |kept| kept.max(lost)))
    }

    fn tell_silence(&mut self) {
        if !std::mem::replace(&mut self.consent.is_doubted, true) {
            self.events.push_back(IceEvent::Silent);
        }
    }

    fn fail(&mut self) {
        let text = if self.pairs.last_answer().is_some() {
            "the far side answered no consent check for 30 s".to_owned()
        } else {
            format!(
                "no answer within 30 s on any pair of {} local and {} remote candidates",
                self.candidates.len(),
                self.remote_candidates
            )
        };
        self.close();
        self.events.push_back(IceEvent::Failed(MediaError::IceFailed(text)));
    }
}
