//! INFO in the call's dialog, both ways (RFC 6086, in the form of RFC 2976 that the SDK uses).
use super::reconnect::was_taken_before;
use super::state::Phase;
use super::{Call, end};
use crate::io::Event;
use crate::sip::header::{HeaderName, MAX_TEXT, MediaType, is_header_text};
use crate::sip::{Method, Request, Response};
use crate::user_agent::context::Context;
use crate::user_agent::identity::ACCEPT;
use crate::user_agent::transactions::{Answer, MAX_HELD_BYTES, Owner};

/// Most INFO requests of one call that may wait for their answers; one beyond fails.
const MAX_UNANSWERED: usize = 48;
/// Most that may wait for the connection to come back.
const MAX_HELD: usize = 16;
/// Longest body, so that the message stays below the 64 kB that peers accept.
const MAX_BODY: usize = 60 * 1024;
const UNANSWERED: &str = "the far side did not answer an INFO within 32 s; it is gone, or takes none";
const UNKNOWN: &str = "the far side does not know the call any more";

impl Call {
    /// Sends INFO; `InfoSent` or `InfoFailed` tells at once what became of it.
    pub(crate) fn send_info(&mut self, request: u64, content_type: &str, body: Vec<u8>, ctx: &mut Context<'_>) {
        if self.is_over() {
            return;
        }
        let refused = self.refusal_of_info(content_type, &body, ctx);
        let event = match refused {
            None if self.start_info(request, content_type, body, ctx) => Event::InfoSent {
                call: self.id(),
                request,
            },
            refused => self.info_failed(request, None, refused.unwrap_or("too many requests are unanswered")),
        };
        ctx.emit(event);
    }

    /// Takes what became of an INFO. The call goes on unless it was asked to end: gateways that never answer INFO exist.
    pub(crate) fn handle_info_answer(&mut self, request: u64, answer: Answer, ctx: &mut Context<'_>) {
        if self.is_over() || was_taken_before(&answer) || self.end_by_info(&answer, ctx) {
            return;
        }
        let failed = match answer.response {
            None => self.info_failed(request, None, end::cause::REQUEST_TIMEOUT),
            Some(response @ Response { status: 401 | 407, .. }) => {
                match self.authenticate(answer.sent, &response, ctx) {
                    Ok(()) => return,
                    Err(_) => self.info_failed(request, Some(response.status), end::cause::AUTHENTICATION_ERROR),
                }
            }
            Some(Response { status: ..300, .. }) => return,
            Some(Response {
                status: status @ (408 | 481),
                ..
            }) => self.info_failed(request, Some(status), end::cause::DIALOG_ERROR),
            Some(Response { status, .. }) => self.info_failed(request, Some(status), end::cause_of_status(status)),
        };
        ctx.emit(failed);
    }

    /// Ends the call if the answer to an INFO, or none, says that the far side is gone, and that was asked for; whether it
    /// did.
    pub(super) fn end_by_info(&mut self, answer: &Answer, ctx: &mut Context<'_>) -> bool {
        let policy = ctx.signaling.identity.settings().policy;
        let (reason, cause, hint) = match answer.response.as_ref().map(|response| response.status) {
            None if policy.end_on_info_timeout => (408, end::cause::REQUEST_TIMEOUT, UNANSWERED),
            Some(408 | 481) if policy.end_on_info_rejected => (500, end::cause::DIALOG_ERROR, UNKNOWN),
            _ => return false,
        };
        self.end_session(reason, cause, cause, hint, ctx);
        true
    }

    /// Takes INFO from the far side.
    pub(super) fn handle_info(&mut self, request: Request, ctx: &mut Context<'_>) {
        let Ok(Some(kind)) = request.headers.content_type() else {
            let mut response = ctx.response(&request, 415, "Unsupported Media Type");
            response.headers.push(HeaderName::Accept, ACCEPT);
            ctx.respond(&request, response);
            return;
        };
        let content_type = kind.essence.to_owned();
        ctx.refuse(&request, 200, "OK");
        let is_relay = content_type.eq_ignore_ascii_case("application/dtmf-relay");
        if is_relay || content_type.eq_ignore_ascii_case("application/dtmf") {
            self.hear_tone(&request.body, ctx);
        }
        // the SDK tells the bare tone of application/dtmf as INFO, too
        if !is_relay {
            ctx.emit(Event::InfoReceived {
                call: self.id(),
                content_type,
                body: request.body,
            });
        }
    }

    /// Why an INFO is not even sent.
    fn refusal_of_info(&self, content_type: &str, body: &[u8], ctx: &Context<'_>) -> Option<&'static str> {
        if self.phase != Phase::Answered {
            Some("the call is not answered")
        } else if MediaType::parse(content_type).is_none() || !is_header_text(content_type) {
            Some("the content type is none")
        } else if content_type.len() > MAX_TEXT {
            Some("the content type is longer than 1,024 bytes")
        } else if body.len() > MAX_BODY {
            Some("the body is longer than 60 kB")
        } else if ctx.signaling.transactions.is_held()
            && (ctx.signaling.transactions.infos(self.id()) >= MAX_HELD
                || ctx.signaling.transactions.info_bytes() + body.len() > MAX_HELD_BYTES)
        {
            Some("too many INFO requests wait for the connection to the SIP server to come back")
        } else if ctx.signaling.transactions.infos(self.id()) >= MAX_UNANSWERED {
            Some("too many INFO requests are unanswered")
        } else {
            None
        }
    }

    fn start_info(&mut self, request: u64, content_type: &str, body: Vec<u8>, ctx: &mut Context<'_>) -> bool {
        let (id, via) = (self.id(), ctx.via());
        let Some(dialog) = &mut self.dialog else { return false };
        let mut info = dialog.request(Method::Info, via);
        info.headers.push(HeaderName::ContentType, content_type);
        info.body = body;
        ctx.request(Owner::Info(id, request), info)
    }

    fn info_failed(&self, request: u64, status: Option<u16>, cause: &str) -> Event {
        Event::InfoFailed {
            call: self.id(),
            request,
            status,
            cause: cause.to_owned(),
        }
    }
}
