//! The BYE of a call that was placed to us and whose caller has not acknowledged our 200: it waits for the ACK, or for the time
//! in which that should have come (RFC 3261 §15).
use std::time::Instant;

use super::Call;
use super::reinvite::AwaitedAck;
use crate::sip::transaction::RepeatDue;
use crate::user_agent::context::Context;

/// A BYE that waits.
pub(super) struct Parting {
    ack: AwaitedAck,
    reason: Option<(u16, String)>,
}

impl Parting {
    /// When its time is over, or the 2xx is to be sent again.
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.ack.poll_timeout()
    }

    /// There is no connection.
    pub(super) fn pause(&mut self) {
        self.ack.pause();
    }

    /// The connection is back: who has not had our 2xx could make nothing of BYE.
    pub(super) fn resume(&mut self, ctx: &mut Context<'_>) {
        self.ack.resume(ctx);
    }
}

impl Call {
    /// Whether its BYE waits for an ACK.
    pub(crate) fn is_parting(&self) -> bool {
        self.parting.is_some()
    }

    /// Says BYE, now or behind the ACK. Nothing waits while the connection is being closed.
    pub(super) fn part(&mut self, reason: Option<(u16, String)>, ctx: &mut Context<'_>) {
        let may_wait = ctx.is_open || ctx.signaling.transactions.is_held();
        let waits = may_wait && !self.was_acknowledged;
        match self.awaited_ack.take_if(|_| waits) {
            Some(ack) => self.parting = Some(Parting { ack, reason }),
            None => self.bye(reason.as_ref(), ctx),
        }
    }

    /// Sends the BYE that waits.
    pub(super) fn finish_parting(&mut self, ctx: &mut Context<'_>) {
        if let Some(parting) = self.parting.take() {
            self.bye(parting.reason.as_ref(), ctx);
        }
    }

    /// Sends the 2xx again, or BYE when the ACK never came.
    pub(super) fn run_parting(&mut self, ctx: &mut Context<'_>) {
        match self.parting.as_mut().map(|parting| parting.ack.run(ctx)) {
            Some(RepeatDue::GiveUp) => self.finish_parting(ctx),
            None | Some(RepeatDue::Pending | RepeatDue::Send) => {}
        }
    }

    /// Takes the ACK that a BYE waits for.
    pub(super) fn handle_late_ack(&mut self, number: u32, ctx: &mut Context<'_>) {
        if self.parting.as_ref().is_some_and(|parting| parting.ack.is_for(number)) {
            self.finish_parting(ctx);
        }
    }
}
