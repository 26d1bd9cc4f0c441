//! From the loss of the connection until it is back: calls wait, the WebSocket is opened again, the user registered again,
//! and what was under way goes on.
use std::time::{Duration, Instant};

use super::UserAgent;
use super::transactions::Hold;
use super::transport::{describe, failure};
use crate::io::{Event, Output, SipSettings, TransportFailure, TransportStep};
use crate::registration::Renewal;

/// How long newer settings are awaited.
const RENEWAL_LIMIT: Duration = Duration::from_secs(15);

/// A loss that is not overcome yet.
#[derive(Default, Debug)]
pub(super) struct Recovery {
    /// When the calls that wait are given up.
    calls_until: Option<Instant>,
    /// Newer settings were asked for; that is done once for each loss.
    was_asked: bool,
    question: Option<Question>,
}

/// Newer settings are awaited.
#[derive(Debug)]
struct Question {
    refusal: Refusal,
    until: Instant,
}

/// What the server refused.
#[derive(Debug)]
enum Refusal {
    Register {
        cause: String,
        status: Option<u16>,
        reason: Option<String>,
    },
    Upgrade(TransportFailure),
}

impl Recovery {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let question = self.question.as_ref().map(|question| question.until);
        self.calls_until.into_iter().chain(question).min()
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
            if let Some(session) = &mut self.session {
                session.recovery = Some(Recovery {
                    calls_until: Some(now + limit),
                    ..Recovery::default()
                });
            }
        }
        if self.recovery().is_some_and(|recovery| recovery.question.is_some()) {
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

    /// Goes on with what became of the registration on the new connection.
    pub(super) fn follow_renewal(&mut self, now: Instant) {
        if !self.connection.is_open() || !self.is_recovering() {
            return;
        }
        let renewal = self
            .session
            .as_mut()
            .and_then(|session| session.registration.take_renewal());
        match renewal {
            None => {}
            Some(Renewal::Granted) => self.recovered(now),
            // not the user's fault: the server may be better off later
            Some(Renewal::Refused { status: None, .. }) => self.drop_connection("REGISTER was not answered", now),
            Some(Renewal::Refused {
                status: Some(500..=599),
                ..
            }) => self.drop_connection("the server cannot register us at the moment", now),
            Some(Renewal::Refused { cause, status, reason }) => {
                let refusal = Refusal::Register { cause, status, reason };
                if let Some(refusal) = self.ask(refusal, now) {
                    self.give_up(refusal, now);
                }
            }
        }
    }

    /// An upgrade that was refused for its credentials asks for newer ones; gives back any other failure.
    pub(super) fn ask_after_refusal(&mut self, failure: TransportFailure, now: Instant) -> Option<TransportFailure> {
        if !self.is_recovering() || !matches!(failure.http_status, Some(401 | 403)) {
            return Some(failure);
        }
        if let Some(Refusal::Upgrade(failure)) = self.ask(Refusal::Upgrade(failure), now) {
            return Some(failure);
        }
        self.connection.refuse();
        None
    }

    /// Newer settings came, or there are none.
    pub(super) fn renew(&mut self, settings: Option<Box<SipSettings>>, now: Instant) {
        let question = self.recovery_mut().and_then(|recovery| recovery.question.take());
        let (Some(question), Some(session)) = (question, &mut self.session) else {
            return;
        };
        let Some(settings) = settings else {
            return self.give_up(question.refusal, now);
        };
        let same_server = session.signaling.identity.settings().websocket_uri == settings.websocket_uri;
        if let Err(error) = session.signaling.renew(settings) {
            let failure = failure(TransportStep::Resolve, error.to_string(), true);
            return self.give_up(Refusal::Upgrade(failure), now);
        }
        if self.connection.is_refused() {
            self.connection.start();
            self.open_websocket();
        } else if same_server && self.connection.is_open() {
            self.resume_registration(now);
        } else if self.connection.is_open() {
            self.drop_connection("the new settings name another server", now);
        }
    }

    /// Ends the calls that have waited for too long, and the wait for newer settings.
    pub(super) fn run_recovery(&mut self, now: Instant) {
        let Some(recovery) = self.recovery_mut() else { return };
        let are_late = recovery.calls_until.take_if(|until| *until <= now).is_some();
        let question = recovery.question.take_if(|question| question.until <= now);
        if are_late {
            self.end_waiting_calls(now);
        }
        if let Some(question) = question {
            self.give_up(question.refusal, now);
        }
    }

    /// Requests may leave, though the connection is not wholly back: what ends things is sent now.
    pub(super) fn stop_recovering(&mut self, now: Instant) {
        let was_recovering = self.session.as_mut().and_then(|session| session.recovery.take());
        if was_recovering.is_some()
            && let Some((_, ctx)) = self.session(now)
        {
            let requests = ctx.signaling.transactions.resume(now);
            ctx.core.outputs.extend(requests.into_iter().map(Output::Send));
        }
    }

    /// The connection is back.
    fn recovered(&mut self, now: Instant) {
        self.emit(Event::Reconnected);
        self.stop_recovering(now);
        if let Some((session, mut ctx)) = self.session(now) {
            for call in session.calls.values_mut() {
                call.resume(&mut ctx);
            }
        }
    }

    /// Asks for newer settings; gives the refusal back when that was done before.
    fn ask(&mut self, refusal: Refusal, now: Instant) -> Option<Refusal> {
        let asks = self.recovery_mut().filter(|recovery| !recovery.was_asked);
        let Some(recovery) = asks else { return Some(refusal) };
        recovery.was_asked = true;
        let event = refusal.question();
        let until = now + RENEWAL_LIMIT;
        recovery.question = Some(Question { refusal, until });
        self.emit(event);
        None
    }

    /// The server has the last word: calls end, and nothing is tried any more.
    fn give_up(&mut self, refusal: Refusal, now: Instant) {
        let cause = refusal.cause().to_owned();
        self.emit(refusal.event());
        if !self.connection.is_open() && !self.connection.is_dropping() {
            return self.forget_session(&cause, now);
        }
        self.lose_calls(&cause, now);
        if let Some(session) = &mut self.session {
            session.recovery = None;
        }
        if self.connection.is_open() {
            self.close_websocket(now);
        } else {
            self.connection.close();
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

impl Refusal {
    fn cause(&self) -> &str {
        match self {
            Self::Register { cause, .. } => cause,
            Self::Upgrade(failure) => &failure.cause,
        }
    }

    /// What asks for newer settings.
    fn question(&self) -> Event {
        let (cause, status, reason) = match self {
            Self::Register { cause, status, reason } => (cause, *status, reason.clone()),
            Self::Upgrade(failure) => (&failure.cause, failure.http_status, None),
        };
        Event::SettingsRefused {
            cause: cause.clone(),
            status,
            reason,
        }
    }

    /// What tells that nothing is tried any more.
    fn event(self) -> Event {
        match self {
            Self::Register { cause, status, reason } => Event::RegistrationFailed { cause, status, reason },
            Self::Upgrade(failure) => Event::ConnectFailed(failure),
        }
    }
}
