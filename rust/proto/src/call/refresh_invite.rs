//! Refreshing the session by re-INVITE, for a far side that has no UPDATE (RFC 3261 §14.1, RFC 4028 §7.4). It offers what is
//! agreed already, and never while another offer or INVITE is under way.
use std::time::{Duration, Instant};

use super::restart::Step;
use super::session_timer::RETRY;
use super::{Call, end};
use crate::io::{Event, Stage};
use crate::sip::header::{HeaderName, Headers};
use crate::sip::{Response, SessionExpires};
use crate::user_agent::context::Context;
use crate::user_agent::transactions::Answer;

/// How long the far side may take, also after a provisional response.
const ANSWER_LIMIT: Duration = Duration::from_secs(32);

/// Whether the far side has UPDATE, and how far a refresh without it is.
#[derive(Default)]
pub(super) struct RefreshInvite {
    /// The far side's Allow does not name UPDATE, or it refused one.
    has_no_update: bool,
    /// The target must be refreshed, whether or not the session timer asks for it.
    is_after_loss: bool,
    step: RefreshStep,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
enum RefreshStep {
    #[default]
    Idle,
    /// It waits until there may be an offer, and for its time.
    Wanted(Option<Instant>),
    /// It is out; the answer is given up at that time.
    Offered(Instant),
}

impl RefreshInvite {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match self.step {
            RefreshStep::Idle => None,
            RefreshStep::Wanted(not_before) => not_before,
            RefreshStep::Offered(answer_by) => Some(answer_by),
        }
    }

    /// Whether its re-INVITE is out.
    pub(super) fn is_offered(&self) -> bool {
        matches!(self.step, RefreshStep::Offered(_))
    }

    /// Whether UPDATE would be in vain.
    pub(super) fn has_no_update(&self) -> bool {
        self.has_no_update
    }

    /// Takes what the far side says it can do; silence says nothing (RFC 3261 §20.5).
    pub(super) fn learn(&mut self, headers: &Headers) {
        if headers.get(HeaderName::Allow).is_some() {
            self.has_no_update = !headers.lists(HeaderName::Allow, "UPDATE");
        }
    }

    /// A connection was lost: the next refresh is one of the target too.
    pub(super) fn expect_after_loss(&mut self) {
        self.is_after_loss = true;
    }

    /// The session was refreshed, by this or by another request, or it is over.
    pub(super) fn done(&mut self) {
        self.step = RefreshStep::Idle;
        self.is_after_loss = false;
    }
}

impl Call {
    /// The far side refused UPDATE itself: whether a re-INVITE takes its place. A session without a timer needs none but
    /// after a loss.
    pub(super) fn replace_update(&mut self, ctx: &mut Context<'_>) -> bool {
        self.refresh_invite.has_no_update = true;
        let is_needed = self.refresh_invite.is_after_loss || self.timer.is_agreed();
        if is_needed {
            self.want_refresh_invite(ctx.now);
            self.pump(ctx);
        }
        is_needed
    }

    /// Wants a refresh by re-INVITE, which `pump` sends as soon as there may be one. One that is out already does.
    pub(super) fn want_refresh_invite(&mut self, now: Instant) {
        self.refresh_invite.step = if self.refresh_invite.is_offered() {
            RefreshStep::Offered(now + ANSWER_LIMIT)
        } else {
            RefreshStep::Wanted(None)
        };
    }

    /// Goes on with a refresh as far as it can: called after each input. The re-INVITE of an ICE restart refreshes too.
    pub(super) fn run_refresh_invite(&mut self, ctx: &mut Context<'_>) {
        match self.refresh_invite.step {
            RefreshStep::Offered(answer_by) if answer_by <= ctx.now => {
                self.drop_reinvite(ctx);
                self.withdraw_refresh();
                self.refuse_refresh_invite("it did not answer the re-INVITE", ctx);
            }
            RefreshStep::Wanted(not_before) if not_before.is_none_or(|moment| moment <= ctx.now) => {
                let is_restarting = !matches!(self.restart.step, Step::Idle | Step::Checking);
                let is_busy = is_restarting || self.awaited_ack.is_some() || self.media.is_offering();
                self.refresh_invite.step = RefreshStep::Wanted(None);
                if ctx.is_open && !is_busy {
                    self.send_refresh_invite(ctx);
                }
            }
            _ => {}
        }
    }

    /// Takes what became of the re-INVITE.
    pub(super) fn handle_refresh_answer(&mut self, answer: Answer, ctx: &mut Context<'_>) {
        let Some(response) = answer.response else {
            return self.end_unanswered_refresh(ctx);
        };
        match response.status {
            ..200 => return,
            200..300 => return self.accept_refresh(&response, ctx),
            401 | 407 => {
                if self.authenticate(answer.sent, &response, ctx).is_ok() {
                    return;
                }
                self.withdraw_refresh();
                self.refuse_refresh_invite(&format!("it answered {}", response.status), ctx);
            }
            408 | 481 => return self.end_unknown_dialog(ctx),
            422 if self.raises_interval(&response) => self.refresh_later(Duration::ZERO, ctx),
            491 => self.refresh_later(self.glare_delay(ctx), ctx),
            500 | 503 | 504 => self.refresh_later(RETRY, ctx),
            status => {
                self.withdraw_refresh();
                self.refuse_refresh_invite(&format!("it answered {status}"), ctx);
            }
        }
        self.pump(ctx);
    }

    fn send_refresh_invite(&mut self, ctx: &mut Context<'_>) {
        let sent = match self.media.reoffer(ctx.now) {
            Ok(offer) => self.send_reinvite(&offer, ctx),
            Err(error) => {
                self.refresh_invite.done();
                return self.refuse_refresh_invite(&error.to_string(), ctx);
            }
        };
        if sent {
            self.restart.is_cancelled = false;
            self.refresh_invite.step = RefreshStep::Offered(ctx.now + ANSWER_LIMIT);
        } else {
            self.refresh_later(RETRY, ctx);
        }
    }

    fn accept_refresh(&mut self, response: &Response, ctx: &mut Context<'_>) {
        if !self.acknowledge_reinvite(response, ctx) {
            return;
        }
        self.refresh_invite.done();
        self.timer.handle_response(granted_interval(response), ctx.now);
        match self.media.handle_answer(&response.body, ctx) {
            Ok(()) => {
                self.follow_hold(ctx);
                self.pump(ctx);
            }
            Err(error) => {
                let cause = end::cause::BAD_MEDIA_DESCRIPTION;
                self.end_session(488, "Not Acceptable Here", cause, &error.to_string(), ctx);
            }
        }
    }

    /// Offers again after `delay`.
    fn refresh_later(&mut self, delay: Duration, ctx: &Context<'_>) {
        self.withdraw_refresh();
        self.refresh_invite.step = RefreshStep::Wanted(Some(ctx.now + delay));
    }

    fn withdraw_refresh(&mut self) {
        self.refresh_invite.step = RefreshStep::Idle;
        if let Some(session) = self.media.live() {
            session.withdraw_offer();
        }
    }

    fn refuse_refresh_invite(&mut self, why: &str, ctx: &mut Context<'_>) {
        self.refresh_invite.is_after_loss = false;
        let text = format!(
            "the far side has no UPDATE, and a re-INVITE did not refresh the session ({why}); the call goes on without"
        );
        ctx.emit(Event::Warning {
            stage: Stage::Invite,
            text,
        });
    }
}

/// The interval that a 2xx grants; one that cannot be read counts as none.
pub(super) fn granted_interval(response: &Response) -> Option<SessionExpires> {
    response.headers.session_expires().ok().flatten()
}
