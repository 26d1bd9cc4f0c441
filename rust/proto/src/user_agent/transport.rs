//! The WebSocket's coming and going, and what it means to registration and calls.
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::UserAgent;
use super::connection::Due;
use super::identity::Identity;
use super::incoming::PING;
use super::{Session, context};
use crate::call::Call;
use crate::io::{Event, KeepAliveKind, Output, SipSettings, TransportFailure, TransportStep};
use crate::registration::Registration;

/// Close code of an orderly end (RFC 6455 §7.4.1).
const NORMAL_CLOSURE: u16 = 1000;
/// No close code of the wire: the connection is dropped without a close frame.
const DROPPED: u16 = 1006;

impl UserAgent {
    /// Opens the WebSocket, at once or when the last one is closed. On one that is open it registers anew if that is needed.
    pub(super) fn connect(&mut self, settings: Box<SipSettings>, now: Instant) {
        if self.is_recovering() {
            return self.retry(now);
        }
        if self.connection.is_open() {
            return self.register_anew(settings, now);
        }
        if self.connection.is_lingering() {
            self.close_websocket(now);
        }
        if self.connection.is_closing() {
            self.connection.start_after_close(settings);
        } else if self.connection.is_idle() {
            self.start_session(settings, now);
        }
    }

    /// Ends calls and registration; the WebSocket is closed when their answers are in, or after 2 s.
    pub(super) fn disconnect(&mut self, now: Instant) {
        self.connection.take_next();
        if !self.connection.is_open() && !self.connection.is_lingering() {
            self.hang_up_all(now);
        }
        if self.connection.is_waiting() || self.connection.is_refused() {
            // there is nothing to close, so nobody would tell of its end
            return self.ended(None, None, now);
        }
        if self.connection.is_dropping() {
            // its end is on its way
            return self.connection.close();
        }
        if self.connection.is_opening() {
            self.core.outputs.push_back(Output::CloseWebSocket(NORMAL_CLOSURE));
            self.connection.close();
            return;
        }
        if !self.connection.is_open() {
            return;
        }
        let was_recovering = self.is_recovering();
        self.stop_recovering(now);
        self.connection.linger(now);
        self.hang_up_all(now);
        if let Some((session, mut ctx)) = self.session(now) {
            for call in session.calls.values_mut().filter(|_| was_recovering) {
                call.cancel_after_loss(&mut ctx);
            }
            session.registration.leave(&mut ctx);
        }
    }

    fn hang_up_all(&mut self, now: Instant) {
        if let Some((session, mut ctx)) = self.session(now) {
            for call in session.calls.values_mut() {
                call.hang_up(None, &mut ctx);
            }
        }
    }

    /// The WebSocket is open.
    pub(super) fn opened(&mut self, local: SocketAddr, remote: SocketAddr, interfaces: &[IpAddr], now: Instant) {
        let Some(session) = &self.session else { return };
        let settings = session.signaling.identity.settings();
        let (is_registering, keep_alive) = (settings.register, settings.keep_alive);
        self.note_addresses(local.ip(), remote, interfaces);
        if !self.connection.opened(keep_alive, now) {
            return;
        }
        self.emit(Event::Connected);
        if self.is_recovering() {
            return self.resume_registration(now);
        }
        if let (true, Some((session, mut ctx))) = (is_registering, self.session(now)) {
            session.registration.register(&mut ctx);
        }
    }

    /// An attempt failed. The next one follows after the back-off, unless this failure is final.
    pub(super) fn open_failed(&mut self, failure: TransportFailure, now: Instant) {
        if self.connection.is_closing() {
            return self.ended(None, None, now);
        }
        if !self.connection.is_opening() || self.connection.is_waiting() {
            return;
        }
        let Some(failure) = self.weigh(failure) else {
            return;
        };
        self.connection.failed(failure.is_final, self.core.random.as_mut(), now);
        let cause = failure.cause.clone();
        self.emit(Event::ConnectFailed(failure));
        if self.connection.is_idle() {
            self.forget_session(&cause, now);
        }
    }

    /// Nothing goes on without a connection that cannot be opened.
    pub(super) fn forget_session(&mut self, cause: &str, now: Instant) {
        self.lose_calls(cause, now);
        self.release_calls(now);
        self.session = None;
        self.connection.reset();
    }

    /// The WebSocket is closed, by us or not.
    pub(super) fn closed(&mut self, code: Option<u16>, reason: String, now: Instant) {
        if self.connection.is_lingering() {
            // the server was quicker with what we were about to do
            self.forget_registration(now);
            self.ended(None, None, now);
        } else if self.connection.is_closing() {
            self.ended(None, None, now);
        } else if let Some(why) = self.connection.drop_reason() {
            self.lost(None, why, now);
        } else if self.connection.can_send() {
            self.lost(code, reason, now);
        } else if self.connection.is_opening() {
            // closed instead of opened: an attempt that failed
            let cause = describe(code, &reason);
            self.open_failed(failure(TransportStep::Upgrade, cause, false), now);
        }
    }

    /// The connection is lost: it is opened again, unless it never came to more than this.
    fn lost(&mut self, code: Option<u16>, reason: String, now: Instant) {
        if self.survives_loss() {
            self.recover(code, reason, now);
        } else {
            self.lose_calls(&describe(code, &reason), now);
            self.ended(code, Some(reason), now);
        }
    }

    /// Opens the WebSocket again after the back-off, or closes it after the linger.
    pub(super) fn run_connection(&mut self, now: Instant) {
        match self.connection.handle_timeout(now) {
            None => {}
            Some(Due::Open) => self.open_websocket(),
            Some(Due::Close) => self.close_websocket(now),
            Some(Due::Probe(KeepAliveKind::Ping)) => self.core.outputs.push_back(Output::Ping),
            Some(Due::Probe(KeepAliveKind::Crlf)) => self.core.outputs.push_back(Output::Send(PING.to_vec())),
            Some(Due::Dead) => self.drop_connection("the server does not answer keep-alives any more", now),
        }
    }

    /// Gives up a connection that is good for nothing; it counts as lost when its end is told.
    pub(super) fn drop_connection(&mut self, why: &str, now: Instant) {
        self.connection.drop_for(why.to_owned(), now);
        self.core.outputs.push_back(Output::CloseWebSocket(DROPPED));
    }

    /// Forgets calls that are over in every respect, and closes a lingering connection that waits for nothing.
    pub(super) fn settle(&mut self, now: Instant) {
        self.follow_renewal(now);
        let Some(session) = &mut self.session else { return };
        let transactions = &session.signaling.transactions;
        let may_go = |call: &Call| call.is_over() && !call.is_releasing() && !call.is_parting();
        if session.calls.values().any(may_go) {
            let busy = transactions.busy();
            session.calls.retain(|id, call| !may_go(call) || busy.contains(id));
        }
        let is_releasing = session.calls.values().any(Call::is_releasing);
        if self.connection.is_lingering() && transactions.is_quiet() && !is_releasing {
            self.close_websocket(now);
        }
    }

    fn start_session(&mut self, settings: Box<SipSettings>, now: Instant) {
        let expires = settings.register_expires;
        match Identity::new(settings, &self.instance, self.core.random.as_mut()) {
            Ok(identity) => {
                let mut signaling = context::Signaling::new(identity);
                let mut ctx = context::Context {
                    now,
                    core: &mut self.core,
                    signaling: &mut signaling,
                    is_open: false,
                };
                let registration = Registration::new(expires, &mut ctx);
                self.session = Some(Session {
                    signaling,
                    registration,
                    calls: std::collections::BTreeMap::new(),
                    recovery: None,
                    patience_left: None,
                    refusals: super::refusal::Refusals::default(),
                });
                self.connection.start();
                self.open_websocket();
            }
            Err(error) => {
                let failure = failure(TransportStep::Resolve, error.to_string(), true);
                self.emit(Event::ConnectFailed(failure));
            }
        }
    }

    pub(super) fn open_websocket(&mut self) {
        let Some(session) = &self.session else { return };
        let uri = session.signaling.identity.settings().websocket_uri.clone();
        self.emit(Event::Connecting);
        self.core.outputs.push_back(Output::OpenWebSocket(uri));
    }

    /// What was not answered by now never will be.
    pub(super) fn close_websocket(&mut self, now: Instant) {
        self.forget_registration(now);
        self.core.outputs.push_back(Output::CloseWebSocket(NORMAL_CLOSURE));
        self.connection.close();
    }

    pub(super) fn lose_calls(&mut self, reason: &str, now: Instant) {
        if let Some((session, mut ctx)) = self.session(now) {
            for call in session.calls.values_mut() {
                call.lose(reason, &mut ctx);
            }
            session.registration.handle_connection_lost(&mut ctx);
            ctx.signaling.transactions.clear();
        }
    }

    fn forget_registration(&mut self, now: Instant) {
        if let Some((session, mut ctx)) = self.session(now) {
            session.registration.forget(&mut ctx);
        }
    }

    /// The last of a connection; a `Connect` that waited for it goes on.
    fn ended(&mut self, code: Option<u16>, reason: Option<String>, now: Instant) {
        self.emit(Event::Disconnected { code, reason });
        self.forget_registration(now);
        self.release_calls(now);
        self.session = None;
        self.connection.reset();
        if let Some(settings) = self.connection.take_next() {
            self.start_session(settings, now);
        }
    }

    fn release_calls(&mut self, now: Instant) {
        if let Some((session, mut ctx)) = self.session(now) {
            for call in session.calls.values_mut() {
                call.release(&mut ctx);
            }
        }
    }

    pub(super) fn emit(&mut self, event: Event) {
        self.core.outputs.push_back(Output::Event(event));
    }
}

pub(super) fn failure(step: TransportStep, cause: String, is_final: bool) -> TransportFailure {
    TransportFailure {
        step,
        cause,
        http_status: None,
        is_final,
    }
}

pub(super) fn describe(code: Option<u16>, reason: &str) -> String {
    match code {
        Some(code) => format!("closed with code {code}: {reason}"),
        None => reason.to_owned(),
    }
}
