//! Where a call stands, and the events that tell it.
use std::time::Instant;

use super::Call;
use crate::io::{CallEnd, CallId, CallState, CallStatus, Event};
use crate::media::stats::CallStats;
use crate::user_agent::context::Context;

/// What a call is doing. Only forward: ours from gathering by inviting, one to us by alerting, to answered and over.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Phase {
    /// UDP sockets are being bound, then STUN and TURN servers asked.
    Gathering,
    /// INVITE is out.
    Inviting,
    /// The far side's INVITE rings here.
    Alerting,
    /// 2xx came and was acknowledged, or was sent.
    Answered,
    /// The end was told; transactions may still finish in the background.
    Over,
}

/// The first snapshot of a call.
pub(super) fn initial(call: CallId, ctx: &Context<'_>) -> CallState {
    CallState {
        call,
        status: CallStatus::Init,
        incoming: false,
        started: ctx.core.clock.wall_at(ctx.now),
        answered: None,
        muted: false,
        local_hold: false,
        remote_hold: false,
    }
}

impl Call {
    /// Whether the end was told.
    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Over
    }

    /// Whether it is over, and holds its sockets until its relays are given back.
    pub(crate) fn is_releasing(&self) -> bool {
        self.media.is_releasing()
    }

    /// Gives up waiting for its relays.
    pub(crate) fn release(&mut self, ctx: &mut Context<'_>) {
        if self.is_releasing() {
            self.media.release(ctx);
        }
    }

    /// The call's numbers.
    pub(crate) fn stats(&self, now: Instant) -> CallStats {
        let mut stats = self.media.stats(now);
        stats.setup.invite_sent = self.setup.invite_sent;
        stats.setup.ringing = self.setup.ringing;
        stats.setup.answered = self.setup.answered;
        stats
    }

    /// A provisional response with a tag came.
    pub(super) fn ring(&mut self, ctx: &mut Context<'_>) {
        self.state.status = CallStatus::Ringing;
        self.setup
            .ringing
            .get_or_insert(ctx.now.saturating_duration_since(self.started));
        ctx.emit(Event::Ringing(self.state));
    }

    /// The 2xx came and its SDP was applied.
    pub(super) fn answered(&mut self, ctx: &mut Context<'_>) {
        self.phase = Phase::Answered;
        self.media.answered();
        self.state.status = CallStatus::Answered;
        self.state.remote_hold = self.media.is_held();
        self.state.answered = Some(ctx.core.clock.wall_at(ctx.now));
        self.setup.answered = Some(ctx.now.saturating_duration_since(self.started));
        ctx.emit(Event::Answered(self.state));
    }

    /// Tells it if the far side holds the call now, or not any more.
    pub(super) fn follow_hold(&mut self, ctx: &mut Context<'_>) {
        let is_held = self.media.is_held();
        if self.state.remote_hold != is_held {
            self.state.remote_hold = is_held;
            ctx.emit(Event::HoldChanged(self.state));
        }
    }

    /// Silences our sound or lets it be heard; tells it only if that is a change.
    pub(crate) fn set_muted(&mut self, muted: bool, ctx: &mut Context<'_>) {
        if self.is_over() || self.state.muted == muted {
            return;
        }
        self.state.muted = muted;
        self.media.set_muted(muted);
        let event = if muted { Event::Muted } else { Event::Unmuted };
        ctx.emit(event(self.state));
    }

    /// Ends the call for its owner: media closed, sockets given back, `Ended` or `Failed` as its last event.
    pub(super) fn finish(&mut self, end: CallEnd, ctx: &mut Context<'_>) {
        if self.is_over() {
            return;
        }
        let was_answered = self.phase == Phase::Answered;
        self.phase = Phase::Over;
        self.timer.stop();
        self.tones.stop();
        self.awaited_ack = None;
        self.refuse_invite(480, "Temporarily Unavailable", ctx);
        self.give_up_reinvite(ctx);
        self.restart.stop();
        self.refresh_invite.done();
        self.patience.end();
        let stats = Box::new(self.stats(ctx.now));
        self.media.close(ctx);
        if was_answered {
            self.state.status = CallStatus::Ended;
            ctx.emit(Event::Ended(self.state, end, stats));
        } else {
            self.state.status = CallStatus::Failed;
            ctx.emit(Event::Failed(self.state, end, stats));
        }
    }
}
