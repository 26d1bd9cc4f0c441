//! Life of the WebSocket: opening with back-off, open, lingering for the last answers, closing.
use std::time::{Duration, Instant};

use super::pulse::{Beat, Pulse};
use crate::io::{KeepAlive, KeepAliveKind, RandomSource, SipSettings};

/// Longest wait between two attempts, seconds.
const MAX_BACKOFF: u64 = 30;
/// Shortest wait between two attempts, seconds.
const MIN_BACKOFF: u64 = 2;
/// A connection that lasted so long begins its back-off anew when it is lost.
const STABLE: Duration = Duration::from_secs(30);
/// The first attempt after the loss of such a connection comes within this time; not at once, as a server that is restarted
/// loses all its clients at the same moment.
const FIRST_WAIT: u64 = 1000;
/// How long a disconnecting client waits for the answers to BYE and un-REGISTER.
const LINGER: Duration = Duration::from_secs(2);

/// What the WebSocket is doing.
#[derive(Debug)]
enum State {
    /// Nothing was asked for.
    Idle,
    /// An attempt is under way; `failures` came before it.
    Opening { failures: u32 },
    /// Waiting for the next attempt.
    Waiting { failures: u32, until: Instant },
    /// Messages may be sent.
    Open {
        since: Instant,
        failures: u32,
        pulse: Pulse,
    },
    /// We gave it up for this reason; when its `Closed` has come, the next attempt follows.
    Dropping { failures: u32, why: String },
    /// There is none: newer settings are awaited.
    Refused,
    /// Messages may be sent, but only to end things; closed at `until` at the latest.
    Lingering { until: Instant },
    /// We closed it; its `Closed` is awaited.
    Closing,
}

/// What a [`Connection`] wants done after a timeout or a failure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Due {
    /// Start an attempt.
    Open,
    /// The linger is over: close.
    Close,
    /// Nothing was heard for a while: send this.
    Probe(KeepAliveKind),
    /// Nothing followed the probe.
    Dead,
}

/// The agent's WebSocket.
#[derive(Debug)]
pub(super) struct Connection {
    state: State,
    /// A `Connect` that came while the last connection was still closing.
    next: Option<Box<SipSettings>>,
}

impl Connection {
    pub(super) fn new() -> Self {
        Self {
            state: State::Idle,
            next: None,
        }
    }

    pub(super) fn is_idle(&self) -> bool {
        matches!(self.state, State::Idle)
    }

    /// Whether it was opened and may carry messages.
    pub(super) fn can_send(&self) -> bool {
        matches!(self.state, State::Open { .. } | State::Lingering { .. })
    }

    /// Whether new calls may be placed.
    pub(super) fn is_open(&self) -> bool {
        matches!(self.state, State::Open { .. })
    }

    pub(super) fn is_opening(&self) -> bool {
        matches!(self.state, State::Opening { .. } | State::Waiting { .. })
    }

    /// Whether an attempt is under way.
    pub(super) fn is_attempting(&self) -> bool {
        matches!(self.state, State::Opening { .. })
    }

    /// Whether the connection that is lost now had stood for long.
    pub(super) fn was_stable(&self, now: Instant) -> bool {
        self.failures(now) == 0
    }

    /// Whether the next attempt is still to come.
    pub(super) fn is_waiting(&self) -> bool {
        matches!(self.state, State::Waiting { .. })
    }

    pub(super) fn is_lingering(&self) -> bool {
        matches!(self.state, State::Lingering { .. })
    }

    pub(super) fn is_closing(&self) -> bool {
        matches!(self.state, State::Closing)
    }

    /// Whether we gave it up, so that its `Closed` is awaited.
    pub(super) fn is_dropping(&self) -> bool {
        matches!(self.state, State::Dropping { .. })
    }

    /// Whether newer settings are awaited before the next attempt.
    pub(super) fn is_refused(&self) -> bool {
        matches!(self.state, State::Refused)
    }

    /// A first attempt starts.
    pub(super) fn start(&mut self) {
        self.state = State::Opening { failures: 0 };
    }

    /// Keeps the settings of a `Connect` for when the closing connection is closed.
    pub(super) fn start_after_close(&mut self, settings: Box<SipSettings>) {
        self.next = Some(settings);
    }

    /// The settings of a `Connect` that waited for the close.
    pub(super) fn take_next(&mut self) -> Option<Box<SipSettings>> {
        self.next.take()
    }

    /// The attempt succeeded; `false` when none was under way.
    pub(super) fn opened(&mut self, keep_alive: KeepAlive, now: Instant) -> bool {
        let State::Opening { failures } = self.state else {
            return false;
        };
        self.state = State::Open {
            since: now,
            failures,
            pulse: Pulse::new(keep_alive, now),
        };
        true
    }

    /// Something came.
    pub(super) fn hear(&mut self, now: Instant) {
        if let State::Open { pulse, .. } = &mut self.state {
            pulse.hear(now);
        }
    }

    /// The answer to a CRLF CRLF came.
    pub(super) fn hear_answer(&mut self) {
        if let State::Open { pulse, .. } = &mut self.state {
            pulse.hear_answer();
        }
    }

    /// We give it up.
    pub(super) fn drop_for(&mut self, why: String, now: Instant) {
        let failures = self.failures(now);
        self.state = State::Dropping { failures, why };
    }

    /// Why we gave it up, if we did.
    pub(super) fn drop_reason(&mut self) -> Option<String> {
        match &mut self.state {
            State::Dropping { why, .. } => Some(std::mem::take(why)),
            _ => None,
        }
    }

    /// It is lost: the next attempt follows.
    pub(super) fn lost(&mut self, random: &mut dyn RandomSource, now: Instant) {
        let failures = self.failures(now);
        let wait = match failures {
            0 => Duration::from_millis(random.below(FIRST_WAIT)),
            _ => backoff(failures, random),
        };
        let until = now + wait;
        self.state = State::Waiting { failures, until };
    }

    /// It is refused: the next attempt needs newer settings.
    pub(super) fn refuse(&mut self) {
        self.state = State::Refused;
    }

    /// The next attempt is due at once.
    pub(super) fn skip_wait(&mut self, now: Instant) {
        if let State::Waiting { until, .. } = &mut self.state {
            *until = now;
        }
    }

    /// The attempt failed. Another one follows after the back-off unless the failure is final.
    pub(super) fn failed(&mut self, is_final: bool, random: &mut dyn RandomSource, now: Instant) {
        let State::Opening { failures } = self.state else {
            return;
        };
        let failures = failures.saturating_add(1);
        self.state = if is_final {
            State::Idle
        } else {
            State::Waiting {
                failures,
                until: now + backoff(failures, random),
            }
        };
    }

    /// Ends in 2 s at most.
    pub(super) fn linger(&mut self, now: Instant) {
        self.state = State::Lingering { until: now + LINGER };
    }

    /// We closed it.
    pub(super) fn close(&mut self) {
        self.state = State::Closing;
    }

    /// It is gone, or given up.
    pub(super) fn reset(&mut self) {
        self.state = State::Idle;
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Waiting { until, .. } | State::Lingering { until } => Some(until),
            State::Open { ref pulse, .. } => pulse.poll_timeout(),
            _ => None,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) -> Option<Due> {
        match &mut self.state {
            State::Waiting { failures, until } if *until <= now => {
                self.state = State::Opening { failures: *failures };
                Some(Due::Open)
            }
            State::Lingering { until } if *until <= now => Some(Due::Close),
            State::Open { pulse, .. } => pulse.handle_timeout(now).map(|beat| match beat {
                Beat::Probe(kind) => Due::Probe(kind),
                Beat::Dead => Due::Dead,
            }),
            _ => None,
        }
    }

    /// Attempts without success, counting connections that did not last.
    fn failures(&self, now: Instant) -> u32 {
        match &self.state {
            State::Open { since, .. } if now >= *since + STABLE => 0,
            State::Open { failures, .. } => failures.saturating_add(1),
            State::Dropping { failures, .. } => *failures,
            _ => 0,
        }
    }
}

/// JsSIP's back-off: after failure `n` a whole number of seconds drawn from 1..=2^n, clamped to 2..=30.
fn backoff(failures: u32, random: &mut dyn RandomSource) -> Duration {
    let bound = 1 << failures.min(16);
    Duration::from_secs((random.below(bound) + 1).clamp(MIN_BACKOFF, MAX_BACKOFF))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u64);

    impl RandomSource for Fixed {
        fn fill(&mut self, bytes: &mut [u8]) {
            for (byte, value) in bytes.iter_mut().zip(self.0.to_le_bytes()) {
                *byte = value;
            }
        }
    }

    fn seconds(failures: u32, draw: u64) -> u64 {
        backoff(failures, &mut Fixed(draw)).as_secs()
    }

    #[test]
    fn backoff_is_clamped() {
        assert_eq!(seconds(1, 0), 2);
        assert_eq!(seconds(3, 7), 8);
        assert_eq!(seconds(3, 8), 2);
        assert_eq!(seconds(10, 1023), 30);
        assert_eq!(seconds(u32::MAX, 65_535), 30);
    }

    #[test]
    fn a_final_failure_stops_trying() {
        let now = crate::test_clock::start();
        let mut connection = Connection::new();
        connection.start();
        connection.failed(false, &mut Fixed(0), now);
        assert_eq!(connection.poll_timeout(), Some(now + Duration::from_secs(2)));
        assert_eq!(connection.handle_timeout(now + Duration::from_secs(2)), Some(Due::Open));
        connection.failed(true, &mut Fixed(0), now);
        assert!(connection.is_idle());
    }
}
