//! The re-INVITE of an ICE restart (RFC 3261 §14.1), and what becomes of it.
use std::time::Duration;

use super::Call;
use super::invite::ack_of;
use super::refresh_invite::granted_interval;
use super::restart::Step;
use super::state::Phase;
use crate::sip::header::HeaderName;
use crate::sip::{Method, Response};
use crate::user_agent::context::Context;
use crate::user_agent::transactions::{Answer, Owner, Sent};

/// How long the far side may take, also after a provisional response.
const ANSWER_LIMIT: Duration = Duration::from_secs(32);

impl Call {
    /// Sends the offer of the restart.
    pub(super) fn offer_restart(&mut self, ctx: &mut Context<'_>) {
        match self.media.restart_offer(ctx.now) {
            Ok(offer) if self.send_reinvite(&offer, ctx) => {
                self.restart.offered(ctx.now);
                self.restart.answer_by = Some(ctx.now + ANSWER_LIMIT);
            }
            Ok(_) => self.fail_restart("too many requests are unanswered", ctx),
            Err(error) => self.fail_restart(&error.to_string(), ctx),
        }
    }

    /// Takes what became of the re-INVITE.
    pub(crate) fn handle_reinvite_answer(&mut self, answer: Answer, ctx: &mut Context<'_>) {
        if self.refresh_invite.is_offered() {
            return self.handle_refresh_answer(answer, ctx);
        }
        let is_awaited = self.restart.step == Step::Offered && self.phase == Phase::Answered;
        let Some(response) = answer.response else {
            if is_awaited {
                self.fail_restart("the far side did not answer the re-INVITE", ctx);
            }
            return;
        };
        match response.status {
            ..200 if !is_awaited => self.drop_reinvite(ctx),
            ..200 => {}
            200..300 => self.accept_restart(&response, is_awaited, ctx),
            _ if !is_awaited => {}
            401 | 407 => self.authenticate_restart(answer.sent, &response, ctx),
            422 => self.raise_restart_interval(&response, ctx),
            // RFC 5057 §5.1
            408 | 481 => self.end_unknown_dialog(ctx),
            491 => {
                let delay = self.glare_delay(ctx);
                self.offer_again(delay, ctx);
            }
            status => self.fail_restart(&format!("the far side refused it with {status}"), ctx),
        }
        self.pump(ctx);
    }

    /// Nobody answers: gives the re-INVITE up.
    pub(super) fn cancel_restart(&mut self, ctx: &mut Context<'_>) {
        self.drop_reinvite(ctx);
        if !self.restart.is_cancelled {
            self.fail_restart("the far side did not answer the re-INVITE", ctx);
        }
    }

    /// Cancels the re-INVITE, once there was a provisional response; else it ends by itself.
    pub(super) fn drop_reinvite(&mut self, ctx: &mut Context<'_>) {
        if self.restart.is_cancelled {
            return;
        }
        let owner = Owner::Reinvite(self.id());
        if let Some(request) = ctx.signaling.transactions.cancel(owner, None, ctx.now) {
            self.restart.is_cancelled = true;
            ctx.send_cancel(Owner::Cancel(self.id()), request);
        }
    }

    /// Sends an offer in the dialog; `false` when too many requests are unanswered.
    pub(super) fn send_reinvite(&mut self, offer: &str, ctx: &mut Context<'_>) -> bool {
        let (id, via) = (self.id(), ctx.via());
        let Some(dialog) = &mut self.dialog else { return false };
        let mut invite = dialog.request(Method::Invite, via);
        let headers = &mut invite.headers;
        headers.push(HeaderName::Contact, ctx.signaling.identity.contact());
        headers.push(HeaderName::ContentType, "application/sdp");
        headers.push(HeaderName::SessionExpires, self.timer.refresh());
        if let Some(minimum) = self.timer.minimum() {
            headers.push(HeaderName::MinSe, minimum);
        }
        offer.as_bytes().clone_into(&mut invite.body);
        ctx.request(Owner::Reinvite(id), invite)
    }

    /// A 2xx: acknowledged each time that it comes; whether it is the first time.
    pub(super) fn acknowledge_reinvite(&mut self, response: &Response, ctx: &mut Context<'_>) -> bool {
        let Some(dialog) = &mut self.dialog else { return false };
        let number = response.headers.cseq().map_or(0, |cseq| cseq.number);
        if let Some((_, ack)) = self.restart.ack.as_ref().filter(|(known, _)| *known == number) {
            let ack = ack.clone();
            ctx.output(crate::io::Output::Send(ack));
            return false;
        }
        // an unreadable Contact leaves the target as it is
        let _ = dialog.handle_success(&Method::Invite, response);
        let ack = ack_of(dialog, response, ctx);
        self.restart.ack = Some((number, ctx.send_ack(ack)));
        true
    }

    fn accept_restart(&mut self, response: &Response, is_awaited: bool, ctx: &mut Context<'_>) {
        if !self.acknowledge_reinvite(response, ctx) || !is_awaited {
            return;
        }
        self.restart.answer_by = None;
        self.refresh_invite.done();
        self.timer.handle_response(granted_interval(response), ctx.now);
        match self.media.handle_answer(&response.body, ctx) {
            Ok(()) => {
                self.follow_hold(ctx);
                self.check_next_path(ctx);
            }
            Err(error) => self.fail_restart(&error.to_string(), ctx),
        }
    }

    fn authenticate_restart(&mut self, sent: Sent, response: &Response, ctx: &mut Context<'_>) {
        if self.authenticate(sent, response, ctx).is_err() {
            self.fail_restart(&format!("the far side refused it with {}", response.status), ctx);
        }
    }

    fn raise_restart_interval(&mut self, response: &Response, ctx: &mut Context<'_>) {
        if self.raises_interval(response) {
            self.offer_again(Duration::ZERO, ctx);
        } else {
            self.fail_restart("the far side refused it with 422", ctx);
        }
    }

    /// What was gathered is offered again.
    fn offer_again(&mut self, delay: Duration, ctx: &mut Context<'_>) {
        if let Some(session) = self.media.live() {
            session.withdraw_offer();
        }
        self.restart.step = Step::Ready;
        (self.restart.answer_by, self.restart.not_before) = (None, Some(ctx.now + delay));
    }
}
