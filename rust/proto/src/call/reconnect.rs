//! A call whose connection to the server is lost, and found again. Media goes on; what was under way is repeated, and what
//! the server has lost is made anew.
use std::time::{Duration, Instant};

use super::hangup::Cancel;
use super::state::Phase;
use super::{Call, end};
use crate::sip::Response;
use crate::user_agent::context::Context;
use crate::user_agent::transactions::{Answer, Owner};

/// How long a repeated INVITE may stay without any response before it is replaced.
const PATIENCE: Duration = Duration::from_secs(4);
/// How often the INVITE of one call is replaced.
const MAX_REPLACEMENTS: u8 = 3;

/// How often a call that nobody has answered goes on after a loss: the INVITE may be what costs the connection.
const MAX_LOSSES: u8 = 3;

/// When an INVITE that was sent again is given up for a new one.
#[derive(Default)]
pub(super) struct Patience {
    until: Option<Instant>,
    losses: u8,
    replacements: u8,
}

impl Patience {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.until
    }

    /// Something was heard of it, or it does not matter any more.
    pub(super) fn end(&mut self) {
        self.until = None;
    }
}

impl Call {
    /// The connection is lost. Nothing of this may be told: the call goes on.
    pub(crate) fn suspend(&mut self) {
        self.patience.end();
        self.tones.pause();
        self.our_reinvite.pause();
        if let Some(awaited) = &mut self.awaited_ack {
            awaited.pause();
        }
        if let Some(parting) = &mut self.parting {
            parting.pause();
        }
    }

    /// The connection is back, and we are registered again where that is needed.
    pub(crate) fn resume(&mut self, ctx: &mut Context<'_>) {
        match self.phase {
            Phase::Gathering => {}
            Phase::Inviting if self.patience.losses >= MAX_LOSSES => {
                self.end(end::connection_lost_again(MAX_LOSSES), None, ctx);
            }
            Phase::Inviting => self.repeat_invite(ctx),
            // an answer of ours may have waited
            Phase::Alerting => self.pump(ctx),
            Phase::Answered => {
                self.repeat_ack(ctx);
                self.repeat_reinvite(ctx);
                self.repeat_success(ctx);
                self.refresh_after_loss(ctx);
                self.handle_reconnected(ctx);
                self.run_tones(ctx);
            }
            Phase::Over => {
                if let Some(parting) = &mut self.parting {
                    parting.resume(ctx);
                }
                self.cancel_after_loss(ctx);
            }
        }
    }

    /// The connection was away for too long.
    pub(crate) fn give_up_waiting(&mut self, limit: Duration, ctx: &mut Context<'_>) {
        self.parting = None;
        self.finish(end::connection_stayed_away(limit), ctx);
    }

    /// Places the call anew if nothing was heard of the repeated INVITE.
    pub(super) fn run_patience(&mut self, ctx: &mut Context<'_>) {
        if self.patience.until.is_none_or(|until| until > ctx.now) {
            return;
        }
        self.patience.end();
        if self.phase == Phase::Inviting && self.patience.replacements < MAX_REPLACEMENTS {
            self.replace_invite(ctx);
        }
    }

    /// A replaced INVITE was accepted after all: nobody wants that any more.
    pub(crate) fn handle_abandoned_answer(&mut self, answer: &Answer, ctx: &mut Context<'_>) {
        if let Some(response) = answer.response.as_ref().filter(|response| response.is_success()) {
            self.decline_success(&answer.sent.request, response, ctx);
        }
    }

    /// The same INVITE with the same branch: a server that has it answers again, for any other it is new.
    fn repeat_invite(&mut self, ctx: &mut Context<'_>) {
        self.patience.losses += 1;
        let Some(repeated) = ctx.signaling.transactions.repeat_invite(self.id()) else {
            return;
        };
        ctx.send(repeated.bytes);
        self.patience.until = repeated.was_sent.then(|| ctx.now + PATIENCE);
    }

    fn replace_invite(&mut self, ctx: &mut Context<'_>) {
        let (id, now) = (self.id(), ctx.now);
        let Some((cancel, offer)) = ctx.signaling.transactions.abandon(id, None, now) else {
            return;
        };
        self.patience.replacements += 1;
        ctx.send_cancel(Owner::Cancel(id), cancel);
        self.invite.rename(ctx);
        self.send_invite(String::from_utf8_lossy(&offer).into_owned(), ctx);
    }

    /// The ACK may have been lost with the connection.
    fn repeat_ack(&mut self, ctx: &mut Context<'_>) {
        if ctx.signaling.transactions.is_accepted(Owner::Invite(self.id())) {
            ctx.send(self.invite.ack().to_vec());
        }
    }

    /// `EndCall` before the first provisional response: its CANCEL goes out now, if the INVITE ever left.
    pub(crate) fn cancel_after_loss(&mut self, ctx: &mut Context<'_>) {
        let Cancel::Wanted(reason) = self.invite.cancel.clone() else {
            return;
        };
        ctx.signaling.transactions.forget_unsent_invite(self.id());
        self.cancel_abandoned(reason, ctx);
    }
}

/// 500 to a request that was sent on two connections: the far side has had it before (RFC 3261 §12.2.2).
pub(super) fn was_taken_before(answer: &Answer) -> bool {
    answer.is_repeated && matches!(answer.response, Some(Response { status: 500, .. }))
}
