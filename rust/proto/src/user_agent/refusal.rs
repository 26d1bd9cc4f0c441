//! The server refuses our settings, whose credentials may have expired: newer ones are asked for, once until it takes some.
use std::time::Instant;

use super::UserAgent;
use super::transport::failure;
use crate::io::{Event, SipSettings, TransportFailure, TransportStep};

/// What was refused, and whether newer settings are awaited. Their owner answers in any case, so there is no limit.
#[derive(Default, Debug)]
pub(super) struct Refusals {
    was_asked: bool,
    question: Option<Refusal>,
}

/// What the server refused.
#[derive(Debug)]
pub(super) enum Refusal {
    Register {
        cause: String,
        status: Option<u16>,
        reason: Option<String>,
    },
    Upgrade(TransportFailure),
}

impl UserAgent {
    /// Whether newer settings are awaited.
    pub(super) fn is_asking(&self) -> bool {
        let session = self.session.as_ref();
        session.is_some_and(|session| session.refusals.question.is_some())
    }

    /// The server is content: the next refusal may be asked about again.
    pub(super) fn settings_taken(&mut self) {
        if let Some(session) = &mut self.session {
            session.refusals = Refusals::default();
        }
    }

    /// Asks for newer settings; gives the refusal back when that was done before.
    pub(super) fn ask(&mut self, refusal: Refusal) -> Option<Refusal> {
        let session = self.session.as_mut();
        let Some(session) = session.filter(|session| !session.refusals.was_asked) else {
            return Some(refusal);
        };
        let event = refusal.question();
        session.refusals = Refusals {
            was_asked: true,
            question: Some(refusal),
        };
        self.emit(event);
        None
    }

    pub(super) fn ask_or_give_up(&mut self, refusal: Refusal, now: Instant) {
        if let Some(refusal) = self.ask(refusal) {
            self.give_up(refusal, now);
        }
    }

    /// Newer settings came, or there are none.
    pub(super) fn renew(&mut self, settings: Option<Box<SipSettings>>, now: Instant) {
        let session = self.session.as_mut();
        let Some(refusal) = session.and_then(|session| session.refusals.question.take()) else {
            return;
        };
        let Some(settings) = settings else {
            return self.give_up(refusal, now);
        };
        if let Err(failure) = self.take_settings(settings, now) {
            self.give_up(Refusal::Upgrade(failure), now);
        }
    }

    /// A `Connect` while the WebSocket is open: registers with its settings if the registration was lost there.
    pub(super) fn register_anew(&mut self, settings: Box<SipSettings>, now: Instant) {
        let Some(session) = &self.session else { return };
        let registers = settings.register && session.signaling.identity.settings().register;
        if !registers || !session.registration.is_missing() {
            return;
        }
        if let Err(failure) = self.take_settings(settings, now) {
            self.emit(Refusal::Upgrade(failure).registration_failed());
        }
    }

    /// Registers with these settings, where they say.
    fn take_settings(&mut self, settings: Box<SipSettings>, now: Instant) -> Result<(), TransportFailure> {
        let Some(session) = &mut self.session else {
            return Ok(());
        };
        let same_server = session.signaling.identity.settings().websocket_uri == settings.websocket_uri;
        let taken = session.signaling.renew(settings);
        taken.map_err(|error| failure(TransportStep::Resolve, error.to_string(), true))?;
        if self.connection.is_refused() {
            self.connection.start();
            self.open_websocket();
        } else if self.connection.is_open() && !same_server {
            self.drop_connection("the new settings name another server", now);
        } else if self.is_recovering() {
            self.resume_registration(now);
        } else if self.connection.is_open() {
            self.refresh_registration(now);
        }
        Ok(())
    }

    /// Refused on a connection that stands: it and its calls go on, and a later `Connect` registers anew.
    pub(super) fn end_registration(&mut self, refusal: &Refusal, is_tried_again: bool, now: Instant) {
        self.emit(refusal.registration_failed());
        if let Some((session, mut ctx)) = self.session(now) {
            session.registration.lapse(is_tried_again, &mut ctx);
        }
    }

    /// The server has the last word: nothing is tried any more. Calls that wait for a connection end.
    fn give_up(&mut self, refusal: Refusal, now: Instant) {
        if !self.is_recovering() {
            return self.end_registration(&refusal, false, now);
        }
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

    fn refresh_registration(&mut self, now: Instant) {
        if let Some((session, mut ctx)) = self.session(now) {
            session.registration.renew(&mut ctx);
        }
    }
}

impl Refusal {
    /// Why a connection is given up for it.
    pub(super) fn hint(&self) -> &'static str {
        match self {
            Self::Register { status: None, .. } => "REGISTER was not answered",
            _ => "the server cannot register us at the moment",
        }
    }

    fn cause(&self) -> &str {
        match self {
            Self::Register { cause, .. } => cause,
            Self::Upgrade(failure) => &failure.cause,
        }
    }

    /// What asks for newer settings.
    fn question(&self) -> Event {
        let (cause, status, reason) = self.parts();
        Event::SettingsRefused { cause, status, reason }
    }

    fn registration_failed(&self) -> Event {
        let (cause, status, reason) = self.parts();
        Event::RegistrationFailed { cause, status, reason }
    }

    fn parts(&self) -> (String, Option<u16>, Option<String>) {
        match self {
            Self::Register { cause, status, reason } => (cause.clone(), *status, reason.clone()),
            Self::Upgrade(failure) => (failure.cause.clone(), failure.http_status, None),
        }
    }

    /// What tells that nothing is tried any more.
    fn event(self) -> Event {
        match self {
            Self::Upgrade(failure) => Event::ConnectFailed(failure),
            register @ Self::Register { .. } => register.registration_failed(),
        }
    }
}
