//! UPDATE both ways (RFC 3311): the session timer's refresh, and the far side's offers.
use std::time::{Duration, Instant};

use super::session_timer::{self, Due, MIN_INTERVAL};
use super::state::Phase;
use super::{Call, end};
use crate::io::{Event, Originator, Stage};
use crate::sip::header::HeaderName;
use crate::sip::{Method, Refresher, Request, Response, SessionExpires};
use crate::user_agent::context::{ChallengeError, Context};
use crate::user_agent::transactions::{Answer, Owner, Sent};

impl Call {
    /// Refreshes the session, or ends it when the far side did not.
    pub(super) fn run_session_timer(&mut self, ctx: &mut Context<'_>) {
        match self.timer.handle_timeout(ctx.now) {
            None => {}
            // the end of a loss refreshes anyway
            Some(Due::Refresh) if ctx.signaling.transactions.is_held() => {}
            Some(Due::Refresh) if self.refresh_invite.has_no_update() && self.timer.is_agreed() => {
                self.want_refresh_invite();
                self.pump(ctx);
            }
            // it has neither UPDATE nor a timer
            Some(Due::Refresh) if self.refresh_invite.has_no_update() => {}
            Some(Due::Refresh) => self.send_refresh(ctx),
            Some(Due::Expired) => {
                let hint = "the far side stopped refreshing the session; it is probably gone";
                self.end_session(408, "Session Timer Expired", end::cause::REQUEST_TIMEOUT, hint, ctx);
            }
        }
    }

    /// The far side's way to us has changed, and it may have forgotten us meanwhile: a target refresh brings both to light.
    pub(super) fn refresh_after_loss(&mut self, ctx: &mut Context<'_>) {
        self.timer.refreshing();
        self.refresh_invite.expect_after_loss();
        if self.refresh_invite.has_no_update() {
            self.want_refresh_invite();
        } else {
            self.send_refresh(ctx);
        }
    }

    /// Takes what became of our UPDATE.
    pub(crate) fn handle_update_answer(&mut self, answer: Answer, ctx: &mut Context<'_>) {
        if self.phase != Phase::Answered {
            return;
        }
        let Some(response) = answer.response else {
            return self.end_unanswered_refresh(ctx);
        };
        match response.status {
            ..200 => {}
            200..300 => self.refreshed(&response, ctx),
            401 | 407 => self.authenticate_update(answer.sent, &response, ctx),
            405 | 501 if self.replace_update(ctx) => {}
            // RFC 5057 §5.1
            408 | 481 => self.end_unknown_dialog(ctx),
            422 => self.raise_refresh(&response, ctx),
            491 => {
                let delay = self.glare_delay(ctx);
                self.timer.postpone(delay, ctx.now);
            }
            _ => self.refresh_refused(&response, ctx),
        }
    }

    /// Takes UPDATE from the far side.
    pub(super) fn handle_update(&mut self, request: &Request, ctx: &mut Context<'_>) {
        if refuse_interval(request, ctx) {
            return;
        }
        let mut answer = None;
        if !request.body.is_empty() {
            answer = self.answer_offer(request, ctx);
            if answer.is_none() {
                return;
            }
        }
        let mut response = ctx.response(request, 200, "OK");
        response
            .headers
            .push(HeaderName::Contact, ctx.signaling.identity.contact());
        self.grant_interval(request, &mut response, ctx.now);
        response.body = answer.unwrap_or_default().into_bytes();
        ctx.respond(request, response);
        self.pump(ctx);
    }

    /// BYE with a reason, and the end of the answered call.
    pub(super) fn end_session(&mut self, status: u16, text: &str, cause: &str, hint: &str, ctx: &mut Context<'_>) {
        let end = end::failure(Originator::Local, cause, Stage::Invite, hint);
        self.end(end, Some((status, text.to_owned())), ctx);
    }

    /// How long to wait after 491: the side that made the Call-ID 2.1 to 4 s, the other one less than 2 s, in steps of 10 ms
    /// (RFC 3261 §14.1).
    pub(super) fn glare_delay(&self, ctx: &mut Context<'_>) -> Duration {
        let random = &mut ctx.core.random;
        Duration::from_millis(if self.state.incoming {
            10 * random.below(201)
        } else {
            2100 + 10 * random.below(191)
        })
    }

    /// The far side has forgotten the dialog.
    pub(super) fn end_unknown_dialog(&mut self, ctx: &mut Context<'_>) {
        let (cause, hint) = (end::cause::DIALOG_ERROR, "the far side does not know the call any more");
        self.end_session(500, cause, cause, hint, ctx);
    }

    /// Nobody answered a refresh.
    pub(super) fn end_unanswered_refresh(&mut self, ctx: &mut Context<'_>) {
        let hint = "the far side did not answer the session refresh within 32 s; it is probably gone";
        let cause = end::cause::REQUEST_TIMEOUT;
        self.end_session(408, cause, cause, hint, ctx);
    }

    /// Takes the interval that a 422 asks for; `false` when it asks for nothing that would help.
    pub(super) fn raises_interval(&mut self, response: &Response) -> bool {
        let minimum = response.headers.min_se().ok().flatten();
        minimum.is_some_and(|minimum| self.timer.raise(minimum))
    }

    /// Says in our 2xx what holds of the interval that a request asks for. Who is to refresh must know how (RFC 4028 §9).
    pub(super) fn grant_interval(&mut self, request: &Request, response: &mut Response, now: Instant) {
        let granted = self.timer.handle_request(&request.headers, now);
        response.headers.push(HeaderName::SessionExpires, granted);
        if granted.refresher == Some(Refresher::Uac) {
            response.headers.push(HeaderName::Require, "timer");
        }
    }

    fn send_refresh(&mut self, ctx: &mut Context<'_>) {
        self.timer.refreshing();
        let (id, via) = (self.id(), ctx.via());
        let Some(dialog) = &mut self.dialog else { return };
        let mut update = dialog.request(Method::Update, via);
        update
            .headers
            .push(HeaderName::Contact, ctx.signaling.identity.contact());
        update.headers.push(HeaderName::SessionExpires, self.timer.refresh());
        if let Some(minimum) = self.timer.minimum() {
            update.headers.push(HeaderName::MinSe, minimum);
        }
        if !ctx.request(Owner::Update(id), update) {
            self.timer.postpone(session_timer::RETRY, ctx.now);
        }
    }

    fn refreshed(&mut self, response: &Response, ctx: &mut Context<'_>) {
        if let Some(dialog) = &mut self.dialog {
            // an unreadable Contact leaves the target as it is
            let _ = dialog.handle_success(&Method::Update, response);
        }
        self.refresh_invite.done();
        self.timer.handle_response(granted_interval(response), ctx.now);
    }

    fn authenticate_update(&mut self, sent: Sent, response: &Response, ctx: &mut Context<'_>) {
        match self.authenticate(sent, response, ctx) {
            Ok(()) => {}
            Err(ChallengeError::TooMany) => self.timer.postpone(session_timer::RETRY, ctx.now),
            Err(ChallengeError::Digest(_)) => self.refresh_refused(response, ctx),
        }
    }

    fn raise_refresh(&mut self, response: &Response, ctx: &mut Context<'_>) {
        if self.raises_interval(response) {
            self.send_refresh(ctx);
        } else {
            self.refresh_refused(response, ctx);
        }
    }

    /// A far side that wants no refresh gets none; a failing one is tried again.
    fn refresh_refused(&mut self, response: &Response, ctx: &mut Context<'_>) {
        let status = response.status;
        if matches!(status, 500 | 503 | 504) {
            return self.timer.postpone(retry_delay(response), ctx.now);
        }
        let text = format!("the far side refused the session refresh ({status}); the call goes on without");
        ctx.emit(Event::Warning {
            stage: Stage::Invite,
            text,
        });
    }
}

/// Refuses a refresh whose interval is below our minimum with 422 (RFC 4028 §9); whether it did.
pub(super) fn refuse_interval(request: &Request, ctx: &mut Context<'_>) -> bool {
    let is_too_small = asked_interval(request).is_some_and(|asked| asked.seconds < MIN_INTERVAL);
    if is_too_small {
        let mut response = ctx.response(request, 422, "Session Interval Too Small");
        response.headers.push(HeaderName::MinSe, MIN_INTERVAL);
        ctx.respond(request, response);
    }
    is_too_small
}

/// What Retry-After asks for (RFC 3261 §20.33), but no haste.
fn retry_delay(response: &Response) -> Duration {
    let asked = response.headers.get(HeaderName::RetryAfter).unwrap_or_default();
    let seconds = asked.split(|c: char| !c.is_ascii_digit()).next().unwrap_or_default();
    let delay = seconds.parse().map_or(session_timer::RETRY, Duration::from_secs);
    delay.max(Duration::from_secs(1))
}

/// The interval that a 2xx grants; one that cannot be read counts as none.
pub(super) fn granted_interval(response: &Response) -> Option<SessionExpires> {
    response.headers.session_expires().ok().flatten()
}

/// The interval that a refresh asks for; one that cannot be read counts as none.
fn asked_interval(request: &Request) -> Option<SessionExpires> {
    request.headers.session_expires().ok().flatten()
}
