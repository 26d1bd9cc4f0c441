//! Whether anybody is there: a probe on a connection that is silent, and the verdict when nothing follows it.
use std::time::Instant;

use crate::io::{KeepAlive, KeepAliveKind};

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Beat {
    /// Send a probe.
    Probe(KeepAliveKind),
    /// Nobody is there.
    Dead,
}

/// What was heard last on one connection, and what was asked since.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pulse {
    keep_alive: KeepAlive,
    heard: Instant,
    /// When the probe was sent that nothing has followed yet.
    probed: Option<Instant>,
    /// The server has answered a CRLF CRLF.
    has_answered: bool,
}

impl Pulse {
    pub(super) fn new(keep_alive: KeepAlive, now: Instant) -> Self {
        Self {
            keep_alive,
            heard: now,
            probed: None,
            has_answered: false,
        }
    }

    /// Something came, whatever it was.
    pub(super) fn hear(&mut self, now: Instant) {
        self.heard = now;
        self.probed = None;
    }

    /// The answer to a CRLF CRLF came: from now on its absence means something.
    pub(super) fn hear_answer(&mut self) {
        self.has_answered = true;
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let interval = self.keep_alive.interval;
        (!interval.is_zero()).then(|| self.probed.unwrap_or(self.heard) + interval)
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Beat> {
        self.poll_timeout().filter(|at| *at <= now)?;
        let counts = self.keep_alive.kind == KeepAliveKind::Ping || self.has_answered;
        if self.probed.is_some() && counts {
            return Some(Beat::Dead);
        }
        self.probed = Some(now);
        Some(Beat::Probe(self.keep_alive.kind))
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PROBE: Option<Beat> = Some(Beat::Probe(KeepAliveKind::Ping));

    fn pulse(kind: KeepAliveKind, now: Instant) -> Pulse {
        let interval = Duration::from_secs(7);
        Pulse::new(KeepAlive { interval, kind }, now)
    }

    #[test]
    fn silence_is_probed_once_and_then_means_death() {
        let start = crate::test_clock::start();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut pulse = pulse(KeepAliveKind::Ping, start);
        assert_eq!(pulse.handle_timeout(at(6)), None);
        assert_eq!(pulse.handle_timeout(at(7)), PROBE);
        pulse.hear(at(8));
        assert_eq!(pulse.poll_timeout(), Some(at(15)));
        assert_eq!(pulse.handle_timeout(at(15)), PROBE);
        assert_eq!(pulse.handle_timeout(at(21)), None);
        assert_eq!(pulse.handle_timeout(at(22)), Some(Beat::Dead));
    }

    #[test]
    fn a_driver_that_slept_probes_before_it_judges() {
        let start = crate::test_clock::start();
        let mut pulse = pulse(KeepAliveKind::Ping, start);
        let late = start + Duration::from_secs(3600);
        assert_eq!(pulse.handle_timeout(late), PROBE);
        assert_eq!(pulse.poll_timeout(), Some(late + Duration::from_secs(7)));
    }

    #[test]
    fn a_server_that_never_answered_crlf_is_not_dead() {
        let start = crate::test_clock::start();
        let mut pulse = pulse(KeepAliveKind::Crlf, start);
        for number in 1..5 {
            let at = start + Duration::from_secs(7 * number);
            assert_eq!(pulse.handle_timeout(at), Some(Beat::Probe(KeepAliveKind::Crlf)));
        }
        pulse.hear_answer();
        assert_eq!(pulse.handle_timeout(start + Duration::from_secs(35)), Some(Beat::Dead));
    }

    #[test]
    fn without_an_interval_nothing_is_due() {
        let now = crate::test_clock::start();
        let off = KeepAlive {
            interval: Duration::ZERO,
            kind: KeepAliveKind::Ping,
        };
        assert_eq!(Pulse::new(off, now).poll_timeout(), None);
    }
}
