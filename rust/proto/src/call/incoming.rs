//! A call that the far side places: it rings at once, and is answered, rejected, cancelled or given up after a minute.
use std::net::IpAddr;
use std::time::{Duration, Instant};

use super::invite::{Invite, is_sdp};
use super::reinvite::{AwaitedAck, refuse_type};
use super::restart::Restart;
use super::state::Phase;
use super::update::refuse_interval;
use super::{Call, end};
use crate::io::{CallId, Event, Originator, Output, Stage};
use crate::sip::header::HeaderName;
use crate::sip::transaction::TransactionKey;
use crate::sip::{Dialog, Request, Response};
use crate::user_agent::context::Context;

/// How long it rings, as JsSIP does it.
const NO_ANSWER: Duration = Duration::from_secs(60);

/// The INVITE that waits for its final response.
pub(super) struct Incoming {
    invite: Request,
    /// Our tag in all responses.
    tag: String,
    gives_up: Instant,
    /// The caller waits no longer than until then (RFC 3261 §13.3.1).
    is_expiring: bool,
    is_answered: bool,
}

impl Incoming {
    fn new(invite: Request, tag: String, now: Instant) -> Self {
        let expires = invite.headers.expires().ok().flatten();
        let expires = expires.map(|seconds| Duration::from_secs(seconds.into()));
        let expires = expires.filter(|limit| *limit < NO_ANSWER);
        Self {
            invite,
            tag,
            gives_up: now + expires.unwrap_or(NO_ANSWER),
            is_expiring: expires.is_some(),
            is_answered: false,
        }
    }
}

impl Call {
    /// Takes an INVITE from outside any dialog: rings, tells it, and asks for sockets. `None` when it was refused. One
    /// without an offer gets ours in the 200, and its ACK brings the answer.
    pub(crate) fn receive(id: CallId, invite: Request, addresses: &[IpAddr], ctx: &mut Context<'_>) -> Option<Self> {
        if refuse_interval(&invite, ctx) {
            return None;
        }
        if !invite.body.is_empty() && !is_sdp(&invite.headers) {
            refuse_type(&invite, ctx);
            return None;
        }
        if !accepts_sdp(&invite) {
            ctx.refuse(&invite, 406, "Not Acceptable");
            return None;
        }
        let tag = ctx.token();
        let first_cseq = 1 + ctx.core.random.below(9999) as u32;
        let Ok(dialog) = Dialog::from_request(&invite, &tag, first_cseq) else {
            ctx.refuse(&invite, 400, "Bad Request");
            return None;
        };
        let mut call = Self::new(id, Invite::received(ctx), Phase::Alerting, ctx);
        call.state.incoming = true;
        call.restart = Restart::new(addresses);
        call.dialog = Some(dialog);
        call.refresh_invite.learn(&invite.headers);
        call.incoming = Some(Incoming::new(invite, tag, ctx.now));
        call.alert(addresses, ctx);
        Some(call)
    }

    /// Answers the call as soon as its candidates are gathered.
    pub(crate) fn answer(&mut self, ctx: &mut Context<'_>) {
        if let Some(incoming) = self.incoming.as_mut().filter(|_| self.phase == Phase::Alerting) {
            incoming.is_answered = true;
            self.pump(ctx);
        }
    }

    /// Rejects the call with this status.
    pub(crate) fn reject(&mut self, status: u16, reason: &str, ctx: &mut Context<'_>) {
        if self.phase == Phase::Alerting {
            self.refuse_invite(status, reason, ctx);
            self.finish(end::refused(Originator::Local, end::cause::REJECTED), ctx);
        }
    }

    /// Whether a CANCEL names the INVITE that rings here.
    pub(crate) fn is_cancelled_by(&self, cancel: &Request) -> bool {
        let key = TransactionKey::cancelled_by(cancel);
        let incoming = self.incoming.as_ref().filter(|_| self.phase == Phase::Alerting);
        incoming.is_some_and(|incoming| TransactionKey::of_received(&incoming.invite) == key)
    }

    /// Takes the CANCEL of the INVITE that rings here; its 200 has the tag of the INVITE's responses (RFC 3261 §9.2).
    pub(crate) fn handle_cancel(&mut self, cancel: &Request, ctx: &mut Context<'_>) {
        if let Some(incoming) = &self.incoming {
            let response = Response::new(cancel, 200, "OK", Some(&incoming.tag));
            ctx.respond(cancel, response);
        }
        self.cancelled_by_caller(ctx);
    }

    /// The caller gave up, by CANCEL (RFC 3261 §9.2) or by BYE in the early dialog (§15.1.2); that request was answered.
    pub(super) fn cancelled_by_caller(&mut self, ctx: &mut Context<'_>) {
        self.refuse_invite(487, "Request Terminated", ctx);
        self.finish(end::refused(Originator::Remote, end::cause::CANCELED), ctx);
    }

    /// Sends the final response that the INVITE still waits for.
    pub(super) fn refuse_invite(&mut self, status: u16, reason: &str, ctx: &mut Context<'_>) {
        if let Some(incoming) = self.incoming.take() {
            let response = Response::new(&incoming.invite, status, reason, Some(&incoming.tag));
            ctx.respond(&incoming.invite, response);
        }
    }

    /// When nobody will have answered.
    pub(super) fn gives_up_at(&self) -> Option<Instant> {
        self.incoming.as_ref().map(|incoming| incoming.gives_up)
    }

    /// Gives up ringing when it is time.
    pub(super) fn run_no_answer(&mut self, ctx: &mut Context<'_>) {
        let due = self.incoming.as_ref().filter(|incoming| incoming.gives_up <= ctx.now);
        let Some(is_expiring) = due.map(|incoming| incoming.is_expiring) else {
            return;
        };
        if is_expiring {
            self.refuse_invite(487, "Request Terminated", ctx);
            self.finish(end::refused(Originator::System, end::cause::EXPIRES), ctx);
        } else {
            self.refuse_invite(408, "Request Timeout", ctx);
            self.finish(end::refused(Originator::Local, end::cause::NO_ANSWER), ctx);
        }
    }

    /// Sends the 200 if the call was answered, its candidates are there and the connection is.
    pub(super) fn answer_when_ready(&mut self, ctx: &mut Context<'_>) {
        let is_ready = self.media.is_gathered() && ctx.is_open;
        let Some(incoming) = self.incoming.take_if(|incoming| is_ready && incoming.is_answered) else {
            return;
        };
        match self.media.describe_called(&incoming.invite.body, ctx) {
            Ok(description) => self.accept_invite(&incoming, description, ctx),
            Err(error) => {
                self.incoming = Some(incoming);
                self.refuse_invite(488, "Not Acceptable Here", ctx);
                let cause = end::cause::BAD_MEDIA_DESCRIPTION;
                let end = end::failure(Originator::System, cause, error.stage(), error.to_string());
                self.finish(end, ctx);
            }
        }
    }

    fn alert(&mut self, addresses: &[IpAddr], ctx: &mut Context<'_>) {
        if let Some(incoming) = &self.incoming {
            let mut ringing = Response::new(&incoming.invite, 180, "Ringing", Some(&incoming.tag));
            let contact = ctx.signaling.identity.contact();
            ringing.headers.push(HeaderName::Contact, contact);
            ctx.respond(&incoming.invite, ringing);
        }
        ctx.emit(Event::CallCreated(self.state));
        self.ring(ctx);
        ctx.output(Output::BindUdp {
            call: self.id(),
            addresses: addresses.to_vec(),
        });
    }

    /// 200 with our answer or offer, repeated until its ACK comes.
    fn accept_invite(&mut self, incoming: &Incoming, description: String, ctx: &mut Context<'_>) {
        let invite = &incoming.invite;
        let mut response = Response::new(invite, 200, "OK", Some(&incoming.tag));
        let contact = ctx.signaling.identity.contact();
        response.headers.push(HeaderName::Contact, contact);
        self.grant_interval(invite, &mut response, ctx.now);
        response.body = description.into_bytes();
        if let Some(dialog) = &mut self.dialog {
            dialog.confirm_called();
        }
        let cseq = invite.headers.cseq().map_or(0, |cseq| cseq.number);
        let is_offer = invite.body.is_empty();
        self.awaited_ack = Some(AwaitedAck::new(cseq, ctx.respond(invite, response), is_offer, ctx.now));
        self.answered(ctx);
        self.check_addresses(ctx);
        self.pump(ctx);
    }

    /// Media failed before the answer.
    pub(super) fn refuse_by_media(&mut self, stage: Stage, hint: String, ctx: &mut Context<'_>) {
        self.refuse_invite(500, "Server Internal Error", ctx);
        self.finish(
            end::failure(Originator::Local, end::cause::WEBRTC_ERROR, stage, hint),
            ctx,
        );
    }
}

/// Whether the caller takes an answer in SDP: it does unless its Accept leaves that out (RFC 3261 §20.1, §21.4.7).
fn accepts_sdp(invite: &Request) -> bool {
    let mut ranges = invite.headers.values(HeaderName::Accept);
    let is_sdp = |range: &str| {
        let range = range.split(';').next().unwrap_or_default().trim_ascii();
        ["application/sdp", "application/*", "*/*"]
            .iter()
            .any(|sdp| sdp.eq_ignore_ascii_case(range))
    };
    invite.headers.get(HeaderName::Accept).is_none() || ranges.any(is_sdp)
}
