//! Our INVITE in the dialog (RFC 3261 §14.1), which restarts ICE or refreshes the session: one at a time, given up after 32 s,
//! and an answer counts only for the offer that is out.
use std::time::{Duration, Instant};

use super::Call;
use super::invite::ack_of;
use super::update::granted_interval;
use crate::io::Output;
use crate::sip::header::HeaderName;
use crate::sip::{Dialog, Method, Response};
use crate::user_agent::context::Context;
use crate::user_agent::transactions::{Answer, Owner, Sent};

/// How long the far side may take, also after a provisional response.
const ANSWER_LIMIT: Duration = Duration::from_secs(32);

/// What it is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Purpose {
    /// To move the call to another path.
    Restart,
    /// To refresh session and target.
    Refresh,
}

/// Our last re-INVITE.
#[derive(Default)]
pub(super) struct OurReinvite {
    awaited: Option<Awaited>,
    /// Its CANCEL is sent.
    is_cancelled: bool,
    /// The ACK of the last 2xx, by its number.
    ack: Option<(u32, Vec<u8>)>,
}

/// The answer that somebody waits for.
#[derive(Clone, Copy)]
struct Awaited {
    purpose: Purpose,
    cseq: u32,
    /// When it is given up; never without a connection.
    until: Option<Instant>,
}

impl OurReinvite {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.awaited?.until
    }

    /// Whether the answer to one for this purpose is awaited.
    pub(super) fn is_for(&self, purpose: Purpose) -> bool {
        self.awaited.is_some_and(|awaited| awaited.purpose == purpose)
    }

    /// The connection is lost, perhaps with the answer.
    pub(super) fn pause(&mut self) {
        if let Some(awaited) = &mut self.awaited {
            awaited.until = None;
        }
    }

    fn await_answer(&mut self, purpose: Purpose, cseq: u32, now: Instant) {
        let until = Some(now + ANSWER_LIMIT);
        self.awaited = Some(Awaited { purpose, cseq, until });
        self.is_cancelled = false;
    }
}

impl Call {
    /// Whether there may be an offer in an INVITE of ours: no other one is under way, and no INVITE, not even one that was
    /// given up (RFC 3261 §14.1).
    pub(super) fn may_reinvite(&self, ctx: &Context<'_>) -> bool {
        let is_under_way = ctx.signaling.transactions.is_unanswered(Owner::Reinvite(self.id()));
        ctx.is_open && !is_under_way && self.awaited_ack.is_none() && !self.media.is_offering()
    }

    /// Sends an offer in the dialog; `false` when too many requests are unanswered.
    pub(super) fn send_reinvite(&mut self, purpose: Purpose, offer: &str, ctx: &mut Context<'_>) -> bool {
        let (id, via) = (self.id(), ctx.via());
        let Some(dialog) = &mut self.dialog else { return false };
        let mut invite = dialog.request(Method::Invite, via);
        let cseq = invite.headers.cseq().map_or(0, |cseq| cseq.number);
        let headers = &mut invite.headers;
        headers.push(HeaderName::Contact, ctx.signaling.identity.contact());
        headers.push(HeaderName::ContentType, "application/sdp");
        headers.push(HeaderName::SessionExpires, self.timer.refresh());
        if let Some(minimum) = self.timer.minimum() {
            headers.push(HeaderName::MinSe, minimum);
        }
        offer.as_bytes().clone_into(&mut invite.body);
        let is_sent = ctx.request(Owner::Reinvite(id), invite);
        if is_sent {
            self.our_reinvite.await_answer(purpose, cseq, ctx.now);
        }
        is_sent
    }

    /// Takes what became of a re-INVITE.
    pub(crate) fn handle_reinvite_answer(&mut self, answer: Answer, ctx: &mut Context<'_>) {
        let number = answer.sent.request.headers.cseq().map_or(0, |cseq| cseq.number);
        let awaited = self.our_reinvite.awaited.filter(|awaited| awaited.cseq == number);
        let purpose = awaited.map(|awaited| awaited.purpose);
        match (answer.response, purpose) {
            (Some(Response { status: ..200, .. }), None) => self.cancel_reinvite(ctx),
            (Some(Response { status: ..200, .. }), _) => return,
            (Some(response @ Response { status: 401 | 407, .. }), Some(purpose)) => {
                self.authenticate_reinvite(purpose, answer.sent, &response, ctx);
            }
            (response, purpose) => {
                // also of one that was given up: the far side waits for it
                let is_success = response.as_ref().filter(|response| response.is_success());
                let is_again = is_success.is_some_and(|success| !self.acknowledge_reinvite(success, ctx));
                if let Some(purpose) = purpose.filter(|_| !is_again) {
                    self.our_reinvite.awaited = None;
                    self.take_reinvite_answer(purpose, response, ctx);
                }
            }
        }
        self.pump(ctx);
    }

    /// Gives up an answer that is overdue.
    pub(super) fn run_reinvite(&mut self, ctx: &mut Context<'_>) {
        let overdue = self
            .our_reinvite
            .awaited
            .filter(|awaited| awaited.until.is_some_and(|until| until <= ctx.now));
        if let Some(Awaited { purpose, .. }) = overdue {
            self.give_up_reinvite(ctx);
            match purpose {
                Purpose::Restart => self.fail_restart(UNANSWERED, ctx),
                Purpose::Refresh => self.refuse_refresh_invite(UNANSWERED, ctx),
            }
        }
    }

    /// Nobody waits for the answer any more. CANCEL goes out once there was a provisional response; else it ends by itself.
    pub(super) fn give_up_reinvite(&mut self, ctx: &mut Context<'_>) {
        self.our_reinvite.awaited = None;
        self.cancel_reinvite(ctx);
    }

    /// The connection is back: what may have been lost with the last one is said again, and the answer has its whole time.
    pub(super) fn repeat_reinvite(&mut self, ctx: &mut Context<'_>) {
        let (owner, transactions) = (Owner::Reinvite(self.id()), &ctx.signaling.transactions);
        let (is_unanswered, is_accepted) = (transactions.is_unanswered(owner), transactions.is_accepted(owner));
        let is_cancelling = transactions.is_unanswered(Owner::Cancel(self.id()));
        if let Some((_, ack)) = self.our_reinvite.ack.as_ref().filter(|_| is_accepted) {
            ctx.send(ack.clone());
        }
        if let Some(awaited) = &mut self.our_reinvite.awaited {
            awaited.until = Some(ctx.now + ANSWER_LIMIT);
        } else if is_unanswered && !is_cancelling {
            // it was sent again; who does not know it yet must not take it for a wish
            self.our_reinvite.is_cancelled = false;
            self.cancel_reinvite(ctx);
        }
    }

    fn cancel_reinvite(&mut self, ctx: &mut Context<'_>) {
        if self.our_reinvite.is_cancelled {
            return;
        }
        let owner = Owner::Reinvite(self.id());
        if let Some(request) = ctx.signaling.transactions.cancel(owner, None, ctx.now) {
            self.our_reinvite.is_cancelled = true;
            ctx.send_cancel(Owner::Cancel(self.id()), request);
        }
    }

    /// The final answer, or none.
    fn take_reinvite_answer(&mut self, purpose: Purpose, response: Option<Response>, ctx: &mut Context<'_>) {
        let Some(response) = response else {
            return match purpose {
                Purpose::Restart => self.fail_restart(UNANSWERED, ctx),
                Purpose::Refresh => self.end_unanswered_refresh(ctx),
            };
        };
        match response.status {
            200..300 => self.accept_reinvite_answer(purpose, &response, ctx),
            // RFC 5057 §5.1
            408 | 481 => self.end_unknown_dialog(ctx),
            422 if self.raises_interval(&response) => self.offer_again(purpose, Duration::ZERO, ctx),
            491 => {
                let delay = self.glare_delay(ctx);
                self.offer_again(purpose, delay, ctx);
            }
            status => self.reinvite_refused(purpose, status, ctx),
        }
    }

    fn accept_reinvite_answer(&mut self, purpose: Purpose, response: &Response, ctx: &mut Context<'_>) {
        self.refresh_invite.done();
        self.timer.handle_response(granted_interval(response), ctx.now);
        let taken = self.media.handle_answer(&response.body, ctx);
        if taken.is_ok() {
            self.follow_hold(ctx);
        }
        match (purpose, taken) {
            (Purpose::Restart, Ok(())) => self.check_next_path(ctx),
            (Purpose::Restart, Err(error)) => self.fail_restart(&error.to_string(), ctx),
            (Purpose::Refresh, Ok(())) => {}
            (Purpose::Refresh, Err(error)) => self.end_by_description(&error, ctx),
        }
    }

    /// A 2xx: acknowledged each time that it comes; whether it is the first time.
    fn acknowledge_reinvite(&mut self, response: &Response, ctx: &mut Context<'_>) -> bool {
        let Some(dialog) = &mut self.dialog else { return false };
        let number = response.headers.cseq().map_or(0, |cseq| cseq.number);
        if let Some((_, ack)) = self.our_reinvite.ack.as_ref().filter(|(known, _)| *known == number) {
            ctx.output(Output::Send(ack.clone()));
            return false;
        }
        // an unreadable Contact leaves the target as it is
        let _ = dialog.handle_success(&Method::Invite, response);
        let ack = ack_of(dialog, response, ctx);
        self.our_reinvite.ack = Some((number, ctx.send_ack(ack)));
        true
    }

    fn authenticate_reinvite(&mut self, purpose: Purpose, sent: Sent, response: &Response, ctx: &mut Context<'_>) {
        let cseq = self.dialog.as_mut().map_or(0, Dialog::next_cseq);
        if ctx.answer_challenge(sent, response, cseq).is_ok() {
            self.our_reinvite.await_answer(purpose, cseq, ctx.now);
        } else {
            self.our_reinvite.awaited = None;
            self.reinvite_refused(purpose, response.status, ctx);
        }
    }

    fn reinvite_refused(&mut self, purpose: Purpose, status: u16, ctx: &mut Context<'_>) {
        match purpose {
            Purpose::Restart => self.fail_restart(&format!("the far side refused it with {status}"), ctx),
            Purpose::Refresh => self.refresh_refused_by_reinvite(status, ctx),
        }
    }

    fn offer_again(&mut self, purpose: Purpose, delay: Duration, ctx: &mut Context<'_>) {
        match purpose {
            Purpose::Restart => self.restart_later(delay, ctx),
            Purpose::Refresh => self.refresh_later(delay, ctx),
        }
    }
}

const UNANSWERED: &str = "the far side did not answer the re-INVITE";
