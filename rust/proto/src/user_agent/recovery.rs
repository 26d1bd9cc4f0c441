//! From the loss of the connection until it is back: calls wait, the WebSocket is opened again, the user registered again,
//! and what was under way goes on.
use std::time::{Duration, Instant};

use super::UserAgent;
use super::refusal::Refusal;
use super::transactions::{Hold, Resumed};
use super::transport::describe;
use crate::io::{Event, Output, TransportFailure};
use crate::registration::Renewal;

/// A loss that is not overcome yet.
#[derive(Debug)]
pub(super) struct Recovery {
    /// When the calls that wait are given up.
    calls_until: Option<Instant>,
}

impl Recovery {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.calls_until
    }

    /// How long calls would still wait.
    fn time_left(&self, now: Instant) -> Duration {
        let until = self.calls_until.unwrap_or(now);
        until.saturating_duration_since(now)
    }
}

impl UserAgent {
    /// Whether the connection was lost and is not back yet.
    pub(super) fn is_recovering(&self) -> bool {
        self.recovery().is_some()
    }

    /// Whether a loss is repaired: not that of a connection which never came to more than a refused REGISTER.
    pub(super) fn survives_loss(&self) -> bool {
        self.session.as_ref().is_some_and(|session| {
            let is_registering = session.signaling.identity.settings().register;
            !is_registering || session.registration.was_granted() || !session.calls.is_empty()
        })
    }

    /// The connection is lost. Calls wait for the next one; that a second loss comes before it is told, but not as another
    /// beginning.
    pub(super) fn recover(&mut self, code: Option<u16>, reason: String, now: Instant) {
        let cause = describe(code, &reason);
        let reason = Some(reason);
        self.emit(Event::Disconnected { code, reason });
        let Some((session, mut ctx)) = self.session(now) else {
            return;
        };
        session.registration.forget(&mut ctx);
        ctx.signaling.transactions.suspend();
        let limit = ctx.signaling.identity.settings().reconnect_limit;
        for call in session.calls.values_mut() {
            call.suspend();
            call.keep_media(limit, now);
        }
        if !self.is_recovering() {
            self.emit(Event::Reconnecting { cause });
            let was_stable = self.connection.was_stable(now);
            if let Some(session) = &mut self.session {
                // who loses each connection at once has one limit for all of these losses
                let left = session.patience_left.take().filter(|_| !was_stable).unwrap_or(limit);
                let calls_until = Some(now + left);
                session.recovery = Some(Recovery { calls_until });
            }
        }
        if self.is_asking() {
            self.connection.refuse();
        } else {
            self.connection.lost(self.core.random.as_mut(), now);
        }
    }

    /// Tries again at once instead of after the back-off.
    pub(super) fn retry(&mut self, now: Instant) {
        self.connection.skip_wait(now);
        self.run_connection(now);
    }

    /// The machine's network is another one: an attempt that was begun on the last one may hang for long.
    pub(super) fn try_anew(&mut self, now: Instant) {
        if self.connection.is_attempting() {
            self.open_websocket();
        } else {
            self.retry(now);
        }
    }

    /// The WebSocket is open again: registers, or is back already.
    pub(super) fn resume_registration(&mut self, now: Instant) {
        let Some((session, mut ctx)) = self.session(now) else {
            return;
        };
        if ctx.signaling.identity.settings().register {
            ctx.signaling.transactions.hold(Hold::Requests);
            session.registration.renew(&mut ctx);
        } else {
            self.recovered(now);
        }
    }

    /// Goes on with what became of a registration that was made again, on a new connection or on the same one.
    pub(super) fn follow_renewal(&mut self, now: Instant) {
        if !self.connection.is_open() {
            return;
        }
        let renewal = self
            .session
            .as_mut()
            .and_then(|session| session.registration.take_renewal());
        match renewal {
            None => {}
            Some(Renewal::Granted) => {
                self.settings_taken();
                if self.is_recovering() {
                    self.recovered(now);
                }
            }
            Some(Renewal::Refused { cause, status, reason }) => {
                let is_final = !may_pass(status);
                let refusal = Refusal::Register { cause, status, reason };
                if is_final {
                    self.ask_or_give_up(refusal, now);
                } else if self.is_recovering() {
                    // not the user's fault: the server may be better off later
                    self.drop_connection(refusal.hint(), now);
                } else {
                    self.end_registration(&refusal, true, now);
                }
            }
        }
    }

    /// What a failed attempt means while calls wait: only a refusal of our credentials is certain, everything else may be
    /// another network's doing. Gives back what is to be told; newer settings are asked for otherwise.
    pub(super) fn weigh(&mut self, mut failure: TransportFailure) -> Option<TransportFailure> {
        if !self.is_recovering() {
            return Some(failure);
        }
        failure.is_final = matches!(failure.http_status, Some(401 | 403));
        if !failure.is_final {
            return Some(failure);
        }
        if let Some(Refusal::Upgrade(failure)) = self.ask(Refusal::Upgrade(failure)) {
            return Some(failure);
        }
        self.connection.refuse();
        None
    }

    /// Ends the calls that have waited for too long.
    pub(super) fn run_recovery(&mut self, now: Instant) {
        let Some(recovery) = self.recovery_mut() else { return };
        if recovery.calls_until.take_if(|until| *until <= now).is_some() {
            self.end_waiting_calls(now);
        }
    }

    /// Requests may leave, though the connection is not wholly back: what ends things is sent now.
    pub(super) fn stop_recovering(&mut self, now: Instant) {
        let Some(session) = &mut self.session else { return };
        let Some(recovery) = session.recovery.take() else {
            return;
        };
        let waits = session.calls.values().any(|call| !call.is_over());
        session.patience_left = waits.then(|| recovery.time_left(now));
        let Some((_, ctx)) = self.session(now) else { return };
        let Resumed { requests, failed } = ctx.signaling.transactions.resume(now);
        ctx.core.outputs.extend(requests.into_iter().map(Output::Send));
        for answer in failed {
            self.handle_answer(answer, now);
        }
    }

    /// The connection is back.
    fn recovered(&mut self, now: Instant) {
        self.emit(Event::Reconnected);
        self.settings_taken();
        self.stop_recovering(now);
        if let Some((session, mut ctx)) = self.session(now) {
            for call in session.calls.values_mut() {
                call.resume(&mut ctx);
            }
        }
    }

    fn end_waiting_calls(&mut self, now: Instant) {
        if let Some((session, mut ctx)) = self.session(now) {
            let limit = ctx.signaling.identity.settings().reconnect_limit;
            for call in session.calls.values_mut() {
                call.give_up_waiting(limit, &mut ctx);
            }
            ctx.signaling.transactions.forget_calls();
        }
    }

    fn recovery(&self) -> Option<&Recovery> {
        self.session.as_ref()?.recovery.as_ref()
    }

    fn recovery_mut(&mut self) -> Option<&mut Recovery> {
        self.session.as_mut()?.recovery.as_mut()
    }
}

/// Whether a REGISTER that was refused with this, or not answered, may be granted later.
fn may_pass(status: Option<u16>) -> bool {
    matches!(status, None | Some(408 | 430 | 480 | 500..=599))
}
