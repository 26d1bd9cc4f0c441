//! Requests that arrive in the call's dialog.
use super::reinvite::refuse_for_now;
use super::state::Phase;
use super::{Call, end};
use crate::sip::header::HeaderName;
use crate::sip::{Method, Reason, Request};
use crate::user_agent::context::Context;
use crate::user_agent::identity::{ACCEPT, ALLOW};

/// How a request that arrived relates to a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Relation {
    /// It belongs to the call's dialog.
    Dialog,
    /// It belongs to a dialog that was not confirmed.
    Early,
    /// It is not the call's.
    None,
}

impl Call {
    /// Whether a request is for this call.
    pub(crate) fn relation(&self, request: &Request) -> Relation {
        match &self.dialog {
            Some(dialog) if dialog.matches_request(request) => Relation::Dialog,
            None if self.invite.is_early(request) => Relation::Early,
            _ => Relation::None,
        }
    }

    /// Takes a request of the call's dialog.
    pub(crate) fn handle_request(&mut self, request: Request, ctx: &mut Context<'_>) {
        if request.method == Method::Ack {
            return self.handle_ack(&request, ctx);
        }
        // a BYE that crosses ours is still answered
        if self.is_over() && (self.was_hung_up || request.method != Method::Bye) {
            return ctx.refuse(&request, 481, "Call/Transaction Does Not Exist");
        }
        if let Some(Err(error)) = self.dialog.as_mut().map(|dialog| dialog.handle_request(&request)) {
            let reason = if error.status() == 500 {
                "Server Internal Error"
            } else {
                "Bad Request"
            };
            return ctx.refuse(&request, error.status(), reason);
        }
        if self.phase == Phase::Alerting && !matches!(request.method, Method::Bye | Method::Options) {
            return refuse_while_ringing(&request, ctx);
        }
        self.refresh_invite.learn(&request.headers);
        match request.method {
            Method::Invite => self.handle_reinvite(&request, ctx),
            Method::Bye => self.handle_bye(&request, ctx),
            Method::Info => self.handle_info(request, ctx),
            Method::Update => self.handle_update(&request, ctx),
            Method::Options => answer_options(&request, ctx),
            _ => refuse_method(&request, ctx),
        }
    }

    fn handle_bye(&mut self, request: &Request, ctx: &mut Context<'_>) {
        ctx.refuse(request, 200, "OK");
        self.was_hung_up = true;
        self.parting = None;
        if self.phase == Phase::Alerting {
            return self.cancelled_by_caller(ctx);
        }
        let cause = request.headers.reasons().find_map(|reason: Reason<'_>| reason.cause);
        self.finish(end::hung_up(cause), ctx);
    }
}

/// 200 to OPTIONS, in a dialog or not (RFC 3261 §11.2).
pub(crate) fn answer_options(request: &Request, ctx: &mut Context<'_>) {
    let mut response = ctx.response(request, 200, "OK");
    response.headers.push(HeaderName::Allow, ALLOW);
    response.headers.push(HeaderName::Accept, ACCEPT);
    ctx.respond(request, response);
}

/// An offer waits for the answer to the one before.
fn refuse_while_ringing(request: &Request, ctx: &mut Context<'_>) {
    let is_offer = request.method == Method::Update && !request.body.is_empty();
    if is_offer || request.method == Method::Invite {
        refuse_for_now(request, ctx);
    } else {
        ctx.refuse(request, 403, "Wrong Status");
    }
}

/// 405 with what is allowed (RFC 3261 §8.2.1), or 501 to a method that nobody knows (§21.5.2).
pub(crate) fn refuse_method(request: &Request, ctx: &mut Context<'_>) {
    if matches!(request.method, Method::Other(_)) {
        return ctx.refuse(request, 501, "Not Implemented");
    }
    let mut response = ctx.response(request, 405, "Method Not Allowed");
    response.headers.push(HeaderName::Allow, ALLOW);
    ctx.respond(request, response);
}
