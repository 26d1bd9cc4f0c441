//! Offers from the far side in mid-call, in a re-INVITE (RFC 3261 §14.2) or an UPDATE (RFC 3311 §5.2), and ours in the 200
//! to a re-INVITE without one. Anything may change; the certificate only together with an ICE restart (488).
use std::time::Instant;

use super::invite::is_sdp;
use super::update::refuse_interval;
use super::{Call, end};
use crate::media::error::MediaError;
use crate::sip::header::{HeaderName, quote};
use crate::sip::transaction::{RepeatDue, SuccessRepeat};
use crate::sip::{Request, Response};
use crate::user_agent::context::Context;

/// A 2xx of ours whose ACK has not come.
pub(super) struct AwaitedAck {
    cseq: u32,
    response: Vec<u8>,
    repeat: SuccessRepeat,
    /// The 2xx carried an offer, so the ACK brings the answer.
    is_offer: bool,
    /// There is no connection.
    is_paused: bool,
}

impl AwaitedAck {
    pub(super) fn new(cseq: u32, response: Vec<u8>, is_offer: bool, now: Instant) -> Self {
        Self {
            cseq,
            response,
            repeat: SuccessRepeat::new(now),
            is_offer,
            is_paused: false,
        }
    }

    /// Whether an ACK with this CSeq number is the one.
    pub(super) fn is_for(&self, number: u32) -> bool {
        self.cseq == number
    }

    /// Sends the 2xx again when that is due; gives what was.
    pub(super) fn run(&mut self, ctx: &mut Context<'_>) -> RepeatDue {
        if self.is_paused {
            return RepeatDue::Pending;
        }
        let due = self.repeat.handle_timeout(ctx.now);
        if due == RepeatDue::Send {
            ctx.send(self.response.clone());
        }
        due
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        (!self.is_paused).then(|| self.repeat.poll_timeout())
    }

    /// The connection is lost, perhaps with our 2xx.
    pub(super) fn pause(&mut self) {
        self.is_paused = true;
    }

    /// The connection is back: the 2xx again, with its whole time for the ACK.
    pub(super) fn resume(&mut self, ctx: &mut Context<'_>) {
        self.is_paused = false;
        self.repeat = SuccessRepeat::new(ctx.now);
        ctx.send(self.response.clone());
    }
}

impl Call {
    /// Takes an INVITE in the dialog.
    pub(super) fn handle_reinvite(&mut self, request: &Request, ctx: &mut Context<'_>) {
        if self.awaited_ack.is_some() {
            return refuse_for_now(request, ctx);
        }
        if self.media.is_offering() {
            return ctx.refuse(request, 491, "Request Pending");
        }
        if refuse_interval(request, ctx) {
            return;
        }
        if request.body.is_empty() {
            match self.media.reoffer(ctx.now) {
                Ok(offer) => self.accept_reinvite(request, offer, true, ctx),
                Err(error) => refuse_offer(request, &error, ctx),
            }
        } else if let Some(answer) = self.answer_offer(request, ctx) {
            self.accept_reinvite(request, answer, false, ctx);
        }
        self.pump(ctx);
    }

    /// Applies the offer in a request; gives our answer, or refuses the request.
    pub(super) fn answer_offer(&mut self, request: &Request, ctx: &mut Context<'_>) -> Option<String> {
        if !is_sdp(&request.headers) {
            refuse_type(request, ctx);
            return None;
        }
        if self.media.is_offering() {
            ctx.refuse(request, 491, "Request Pending");
            return None;
        }
        let answered = self.media.handle_offer(&request.body, ctx.now);
        self.follow_remote_offer(ctx);
        match answered {
            Ok(answer) => {
                self.follow_hold(ctx);
                Some(answer)
            }
            Err(error) => {
                refuse_offer(request, &error, ctx);
                None
            }
        }
    }

    /// Takes the ACK of our 2xx.
    pub(super) fn handle_ack(&mut self, request: &Request, ctx: &mut Context<'_>) {
        let number = request.headers.cseq().map_or(0, |cseq| cseq.number);
        self.handle_late_ack(number, ctx);
        let Some(acknowledged) = self.awaited_ack.take_if(|awaited| awaited.is_for(number)) else {
            return;
        };
        self.was_acknowledged = true;
        if acknowledged.is_offer {
            match self.media.handle_answer(&request.body, ctx) {
                Ok(()) => self.follow_hold(ctx),
                Err(error) => {
                    let cause = end::cause::BAD_MEDIA_DESCRIPTION;
                    self.end_session(488, "Not Acceptable Here", cause, &error.to_string(), ctx);
                }
            }
        }
        self.pump(ctx);
    }

    /// Repeats an unacknowledged 2xx, and ends the call when the ACK never comes (RFC 3261 §13.3.1.4).
    pub(super) fn run_awaited_ack(&mut self, ctx: &mut Context<'_>) {
        match self.awaited_ack.as_mut().map(|awaited| awaited.run(ctx)) {
            None | Some(RepeatDue::Pending | RepeatDue::Send) => {}
            Some(RepeatDue::GiveUp) => {
                self.was_acknowledged = true;
                let hint = "the far side never acknowledged our answer; it is probably gone";
                self.end_session(408, end::cause::NO_ACK, end::cause::NO_ACK, hint, ctx);
            }
        }
    }

    /// The connection is back: the 2xx again.
    pub(super) fn repeat_success(&mut self, ctx: &mut Context<'_>) {
        if let Some(awaited) = &mut self.awaited_ack {
            awaited.resume(ctx);
        }
    }

    fn accept_reinvite(&mut self, request: &Request, sdp: String, is_offer: bool, ctx: &mut Context<'_>) {
        let mut response: Response = ctx.response(request, 200, "OK");
        response
            .headers
            .push(HeaderName::Contact, ctx.signaling.identity.contact());
        self.grant_interval(request, &mut response, ctx.now);
        response.body = sdp.into_bytes();
        let cseq = request.headers.cseq().map_or(0, |cseq| cseq.number);
        self.awaited_ack = Some(AwaitedAck::new(cseq, ctx.respond(request, response), is_offer, ctx.now));
    }
}

/// 500: the one before is not finished (RFC 3261 §14.2, RFC 3311 §5.2).
pub(super) fn refuse_for_now(request: &Request, ctx: &mut Context<'_>) {
    let mut response = ctx.response(request, 500, "Server Internal Error");
    let delay = ctx.core.random.below(11);
    response.headers.push(HeaderName::RetryAfter, delay);
    ctx.respond(request, response);
}

pub(super) fn refuse_type(request: &Request, ctx: &mut Context<'_>) {
    let mut response = ctx.response(request, 415, "Unsupported Media Type");
    response.headers.push(HeaderName::Accept, "application/sdp");
    ctx.respond(request, response);
}

/// 488 with the reason for people (RFC 3261 §20.43, warn-code 399).
fn refuse_offer(request: &Request, error: &MediaError, ctx: &mut Context<'_>) {
    let mut response = ctx.response(request, 488, "Not Acceptable Here");
    let text = format!("399 c2c.invalid {}", quote(&error.to_string()));
    response.headers.push(HeaderName::Warning, text);
    ctx.respond(request, response);
}
