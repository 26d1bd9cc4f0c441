//! Refreshing the session by re-INVITE, for a far side that has no UPDATE (RFC 3261 §14.1, RFC 4028 §7.4). It offers what is
//! agreed already, and never while another offer or INVITE is under way.
use std::time::{Duration, Instant};

use super::our_reinvite::Purpose;
use super::restart::Step;
use super::session_timer::RETRY;
use super::{Call, end};
use crate::io::{Event, Stage};
use crate::media::error::MediaError;
use crate::sip::header::{HeaderName, Headers};
use crate::user_agent::context::Context;

/// Whether the far side has UPDATE, and whether a refresh without it is wanted.
#[derive(Default)]
pub(super) struct RefreshInvite {
    /// The far side's Allow does not name UPDATE, or it refused one.
    has_no_update: bool,
    /// The target must be refreshed, whether or not the session timer asks for it.
    is_after_loss: bool,
    is_wanted: bool,
    /// It waits until then.
    not_before: Option<Instant>,
}

impl RefreshInvite {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.not_before
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
        (self.is_wanted, self.not_before) = (false, None);
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
            self.want_refresh_invite();
            self.pump(ctx);
        }
        is_needed
    }

    /// Wants a refresh by re-INVITE, which `pump` sends as soon as there may be one. One that is out already does.
    pub(super) fn want_refresh_invite(&mut self) {
        self.refresh_invite.is_wanted = !self.our_reinvite.is_for(Purpose::Refresh);
        self.refresh_invite.not_before = None;
    }

    /// Sends the refresh when it may be: called after each input. The re-INVITE of an ICE restart refreshes too.
    pub(super) fn run_refresh_invite(&mut self, ctx: &mut Context<'_>) {
        if self.refresh_invite.not_before.is_some_and(|moment| moment > ctx.now) {
            return;
        }
        self.refresh_invite.not_before = None;
        let is_restarting = !matches!(self.restart.step, Step::Idle | Step::Checking);
        if self.refresh_invite.is_wanted && !is_restarting && self.may_reinvite(ctx) {
            self.send_refresh_invite(ctx);
        }
    }

    /// Offers again after `delay`.
    pub(super) fn refresh_later(&mut self, delay: Duration, ctx: &Context<'_>) {
        self.withdraw_refresh();
        self.refresh_invite.is_wanted = true;
        self.refresh_invite.not_before = Some(ctx.now + delay);
    }

    /// The far side refused the re-INVITE; a failing one is tried again.
    pub(super) fn refresh_refused_by_reinvite(&mut self, status: u16, ctx: &mut Context<'_>) {
        if matches!(status, 500 | 503 | 504) {
            self.refresh_later(RETRY, ctx);
        } else {
            self.refuse_refresh_invite(&format!("it answered {status}"), ctx);
        }
    }

    /// There is no refresh, and the call goes on.
    pub(super) fn refuse_refresh_invite(&mut self, why: &str, ctx: &mut Context<'_>) {
        self.withdraw_refresh();
        self.refresh_invite.done();
        let text = format!(
            "the far side has no UPDATE, and a re-INVITE did not refresh the session ({why}); the call goes on without"
        );
        ctx.emit(Event::Warning {
            stage: Stage::Invite,
            text,
        });
    }

    /// The far side's answer is of no use.
    pub(super) fn end_by_description(&mut self, error: &MediaError, ctx: &mut Context<'_>) {
        let cause = end::cause::BAD_MEDIA_DESCRIPTION;
        self.end_session(488, "Not Acceptable Here", cause, &error.to_string(), ctx);
    }

    fn send_refresh_invite(&mut self, ctx: &mut Context<'_>) {
        match self.media.reoffer(ctx.now) {
            Ok(offer) if self.send_reinvite(Purpose::Refresh, &offer, ctx) => self.refresh_invite.is_wanted = false,
            Ok(_) => self.refresh_later(RETRY, ctx),
            Err(error) => self.refuse_refresh_invite(&error.to_string(), ctx),
        }
    }

    fn withdraw_refresh(&mut self) {
        if let Some(session) = self.media.live() {
            session.withdraw_offer();
        }
    }
}
