//! Messages that arrive: told apart, matched, and answered when they are nobody's (SDK facts section 6).
use std::net::IpAddr;
use std::time::Instant;

use super::context::Context;
use super::trace;
use super::transactions::{Answer, Owner, Received};
use super::{SessionParts, UserAgent};
use crate::call::Call;
use crate::call::hangup::handle_stray_answer;
use crate::call::requests::{Relation, answer_options, refuse_method};
use crate::io::{CallId, Output};
use crate::sip::header::HeaderName;
use crate::sip::{Message, Method, ParseError, Request, Response};

/// Keep-alive of the server, and the answer to it (RFC 5626 §4.4.1).
pub(super) const PING: &[u8] = b"\r\n\r\n";
const PONG: &[u8] = b"\r\n";
/// What a request may require of us.
const EXTENSIONS: [&str; 4] = ["timer", "ice", "outbound", "gruu"];

impl UserAgent {
    /// Takes one WebSocket message.
    pub(super) fn handle_message(&mut self, bytes: &[u8], now: Instant) {
        if !self.connection.can_send() {
            return;
        }
        if bytes == PING {
            return self.core.outputs.push_back(Output::Send(PONG.to_vec()));
        }
        if bytes.iter().all(u8::is_ascii_whitespace) {
            return self.connection.hear_answer();
        }
        trace::received(bytes);
        match Message::parse(bytes) {
            Ok(Message::Request(request)) => self.handle_request(request, now),
            Ok(Message::Response(response)) => self.handle_response(response, now),
            Err(error) => self.refuse_malformed(error, now),
        }
    }

    /// Takes what became of a request of ours to whoever sent it.
    pub(super) fn handle_answer(&mut self, answer: Answer, now: Instant) {
        let Some((session, mut ctx)) = self.session(now) else {
            return;
        };
        if let Some(response) = answer.response.as_ref().filter(|response| response.is_success()) {
            ctx.signaling.digest.handle_success(&answer.sent.attempts, response);
        }
        let owner = answer.sent.owner;
        let id = match owner {
            Owner::Registration => return session.registration.handle_answer(answer, &mut ctx),
            Owner::Cancel(_) => return,
            Owner::Stray(_) => return handle_stray_answer(answer, &mut ctx),
            Owner::Invite(id)
            | Owner::Bye(id)
            | Owner::Info(id, _)
            | Owner::Tone(id, _)
            | Owner::Update(id)
            | Owner::Reinvite(id)
            | Owner::Abandoned(id) => id,
        };
        let Some(call) = session.calls.get_mut(&id) else { return };
        match owner {
            Owner::Bye(_) => call.handle_bye_answer(answer, &mut ctx),
            Owner::Info(_, request) => call.handle_info_answer(request, answer, &mut ctx),
            Owner::Tone(_, request) => call.handle_tone_answer(request, answer, &mut ctx),
            Owner::Abandoned(_) => call.handle_abandoned_answer(&answer, &mut ctx),
            Owner::Update(_) => call.handle_update_answer(answer, &mut ctx),
            Owner::Reinvite(_) => call.handle_reinvite_answer(answer, &mut ctx),
            _ => call.handle_invite_answer(answer, &mut ctx),
        }
    }

    fn handle_response(&mut self, response: Response, now: Instant) {
        // one with more Vias was meant for somebody else (RFC 3261 §8.1.3.3)
        if response.headers.vias().count() > 1 {
            self.malformed = self.malformed.saturating_add(1);
            return;
        }
        let Some((_, ctx)) = self.session(now) else { return };
        let (answer, ack) = ctx.signaling.transactions.handle_response(response, now);
        ctx.core.outputs.extend(ack.map(Output::Send));
        if let Some(answer) = answer {
            self.handle_answer(answer, now);
        }
    }

    fn handle_request(&mut self, request: Request, now: Instant) {
        let addresses = self.call_addresses();
        let Some((session, mut ctx)) = self.session(now) else {
            return;
        };
        match ctx.signaling.transactions.handle_request(request) {
            Received::Absorbed => {}
            Received::Send(bytes) => ctx.output(Output::Send(bytes)),
            Received::New(request) => session.dispatch(request, &addresses, &mut ctx),
        }
    }

    fn refuse_malformed(&mut self, error: ParseError, now: Instant) {
        self.malformed = self.malformed.saturating_add(1);
        tracing::debug!(kind = %error.kind, "SIP message refused");
        let Some((_, mut ctx)) = self.session(now) else { return };
        if let Some(mut response) = error.response {
            let tag = ctx.token();
            let untagged = response.headers.to().is_ok_and(|to| to.tag().is_none());
            if let Some(to) = response.headers.get(HeaderName::To).filter(|_| untagged) {
                let tagged = format!("{to};tag={tag}");
                response.headers.set(HeaderName::To, tagged);
            }
            ctx.output(Output::Send(response.to_bytes()));
        }
    }
}

impl SessionParts<'_> {
    /// Gives a request to the call whose dialog it belongs to, or answers it.
    fn dispatch(self, request: Request, addresses: &[IpAddr], ctx: &mut Context<'_>) {
        if refuse_required(&request, ctx) {
            return;
        }
        if request.method == Method::Cancel
            && let Some(call) = self.calls.values_mut().find(|call| call.is_cancelled_by(&request))
        {
            return call.handle_cancel(&request, ctx);
        }
        let mut related = self.calls.iter().map(|(id, call)| (*id, call.relation(&request)));
        match related.find(|(_, relation)| *relation != Relation::None) {
            Some((id, Relation::Dialog)) => self.dispatch_to(id, request, ctx),
            Some(_) if request.method == Method::Options => answer_options(&request, ctx),
            // RFC 3261 §14.2, RFC 3311 §5.2: our own offer has no answer yet
            Some(_) if may_offer(&request) => ctx.refuse(&request, 491, "Request Pending"),
            Some(_) if request.method != Method::Ack => ctx.refuse(&request, 403, "Wrong Status"),
            Some(_) => {}
            None if is_call_to_us(&request, ctx) => self.receive(request, addresses, ctx),
            None => answer_stranger(&request, ctx),
        }
    }

    /// Lets a call ring that is wanted, if nothing else rings or talks.
    fn receive(self, invite: Request, addresses: &[IpAddr], ctx: &mut Context<'_>) {
        if ctx.signaling.transactions.has_merged(&invite) {
            return ctx.refuse(&invite, 482, "Loop Detected");
        }
        if invite.headers.get("Replaces").is_some() {
            return ctx.refuse(&invite, 403, "Forbidden");
        }
        if addresses.is_empty() || self.calls.values().any(|call| !call.is_over()) {
            return ctx.refuse(&invite, 486, "Busy Here");
        }
        let id = CallId(ctx.core.next_incoming);
        ctx.core.next_incoming = ctx.core.next_incoming.saturating_add(1);
        if let Some(call) = Call::receive(id, invite, addresses, ctx) {
            self.calls.insert(id, call);
        }
    }

    fn dispatch_to(self, id: CallId, request: Request, ctx: &mut Context<'_>) {
        if request.method == Method::Cancel {
            return answer_cancel(&request, ctx);
        }
        if let Some(call) = self.calls.get_mut(&id) {
            call.handle_request(request, ctx);
        }
    }
}

/// Whether it is an INVITE, or an UPDATE with an offer.
fn may_offer(request: &Request) -> bool {
    match request.method {
        Method::Invite => true,
        Method::Update => !request.body.is_empty(),
        _ => false,
    }
}

/// 420 to a request that requires an extension which we don't have (RFC 3261 §8.2.2.3); whether it did.
fn refuse_required(request: &Request, ctx: &mut Context<'_>) -> bool {
    if matches!(request.method, Method::Ack | Method::Cancel) {
        return false;
    }
    let is_known = |option: &&str| EXTENSIONS.iter().any(|known| known.eq_ignore_ascii_case(option));
    let required = request.headers.values(HeaderName::Require);
    let unknown: Vec<&str> = required.filter(|option| !is_known(option)).collect();
    if unknown.is_empty() {
        return false;
    }
    let mut response = ctx.response(request, 420, "Bad Extension");
    response.headers.push(HeaderName::Unsupported, unknown.join(","));
    ctx.respond(request, response);
    true
}

/// Whether it is an INVITE for us, and such are wanted.
fn is_call_to_us(request: &Request, ctx: &Context<'_>) -> bool {
    let identity = &ctx.signaling.identity;
    let is_new = request.headers.to().is_ok_and(|to| to.tag().is_none());
    let is_wanted = request.method == Method::Invite && is_new && identity.settings().policy.accept_incoming;
    is_wanted && request.uri.as_ref().scheme() == "sip" && identity.is_addressed_by(request.uri.as_ref())
}

/// Answers a request that belongs to no dialog of ours.
fn answer_stranger(request: &Request, ctx: &mut Context<'_>) {
    let uri = request.uri.as_ref();
    let is_tagged = request.headers.to().is_ok_and(|to| to.tag().is_some());
    match &request.method {
        Method::Ack => {}
        Method::Cancel => answer_cancel(request, ctx),
        // the method comes before the address (RFC 3261 §8.2.1)
        Method::Register | Method::Other(_) => refuse_method(request, ctx),
        _ if uri.scheme() != "sip" => ctx.refuse(request, 416, "Unsupported URI Scheme"),
        _ if is_tagged => ctx.refuse(request, 481, "Call/Transaction Does Not Exist"),
        _ if !ctx.signaling.identity.is_addressed_by(uri) => ctx.refuse(request, 404, "Not Found"),
        Method::Options => answer_options(request, ctx),
        // calls to us are opt-in
        Method::Invite => ctx.refuse(request, 403, "Forbidden"),
        Method::Bye | Method::Info | Method::Notify | Method::Update | Method::Prack => {
            ctx.refuse(request, 481, "Call/Transaction Does Not Exist");
        }
        _ => refuse_method(request, ctx),
    }
}

/// A CANCEL of what does not ring here comes too late (RFC 3261 §9.2).
fn answer_cancel(request: &Request, ctx: &mut Context<'_>) {
    if ctx.signaling.transactions.knows_cancelled(request) {
        ctx.refuse(request, 200, "OK");
    } else {
        ctx.refuse(request, 481, "Call/Transaction Does Not Exist");
    }
}
