//! Requests of the client in the call's dialog.
use c2c_proto::dtmf::{self, DtmfTransport};
use c2c_proto::io::{Originator, ReceivedDtmf};
use c2c_proto::sip::transaction::{SuccessRepeat, TransactionKey};
use c2c_proto::sip::{HeaderName, Method, Request, Response};

use super::answering::set_sdp;
use super::requests::OurRequest;
use super::script_run::Occurrence;
use super::session_timer::SessionTimer;
use super::{Call, Phase};
use crate::capabilities::{ALLOW, SUPPORTED, refusal};
use crate::context::Context;
use crate::io::GatewayEvent;
use crate::misbehaviour::Misbehaviour;

impl Call {
    /// Whether a CANCEL means this call's INVITE.
    pub(crate) fn is_cancelled_by(&self, cancel: &Request) -> bool {
        TransactionKey::cancelled_by(cancel) == TransactionKey::of_received(self.invite.invite())
    }

    /// CANCEL: 200 to it, and 487 to the INVITE unless it was answered before (RFC 3261 §9.2).
    pub(crate) fn cancel(&mut self, cancel: &Request, context: &mut Context<'_>) {
        context.respond(&Response::new(cancel, 200, "OK", Some(&self.tag)));
        if self.phase == Phase::Proceeding {
            let reason = cancel.headers.get(HeaderName::Reason).map(str::to_owned);
            let response = Response::new(self.invite.invite(), 487, "Request Terminated", Some(&self.tag));
            self.respond_to_invite(&response, context);
            self.end(Originator::Remote, "CANCEL", Some(487), reason, context);
        }
    }

    /// A request that belongs to the dialog and is neither ACK nor CANCEL.
    pub(crate) fn handle_request(&mut self, request: &Request, context: &mut Context<'_>) {
        if self.phase == Phase::Ended {
            return context.respond(&reply(request, 481, "Call/Transaction Does Not Exist"));
        }
        if let Err(error) = self.dialog.handle_request(request) {
            return context.respond(&reply(request, error.status(), &error.to_string()));
        }
        match request.method {
            Method::Bye => self.handle_bye(request, context),
            Method::Info => self.handle_info(request, context),
            Method::Update => self.handle_update(request, context),
            Method::Invite => self.handle_reinvite(request, context),
            Method::Options => context.respond(&capable(request)),
            _ => refuse(request, context),
        }
        self.settle(context);
    }

    fn handle_bye(&mut self, bye: &Request, context: &mut Context<'_>) {
        if !context.settings().misbehaves(&Misbehaviour::IgnoreBye) {
            context.respond(&reply(bye, 200, "OK"));
        }
        if self.phase == Phase::Proceeding {
            let response = Response::new(self.invite.invite(), 487, "Request Terminated", Some(&self.tag));
            self.respond_to_invite(&response, context);
        }
        let reason = bye.headers.get(HeaderName::Reason).map(str::to_owned);
        self.end(Originator::Remote, "BYE", None, reason, context);
    }

    fn handle_info(&mut self, info: &Request, context: &mut Context<'_>) {
        let rejected = context.settings().misbehaviour(|m| match m {
            Misbehaviour::RejectInfo(status) => Some(*status),
            _ => None,
        });
        if let Some(status) = rejected {
            context.respond(&reply(info, status, "Rejected"));
        } else if !context.settings().misbehaves(&Misbehaviour::IgnoreInfo) {
            context.respond(&reply(info, 200, "OK"));
        }
        let content_type = info.headers.content_type().ok().flatten();
        let is_dtmf = content_type
            .as_ref()
            .is_some_and(|kind| kind.is("application/dtmf-relay"));
        if let Some((tone, duration)) = dtmf::from_info(&info.body).filter(|_| is_dtmf) {
            context.tell(GatewayEvent::DtmfReceived(ReceivedDtmf {
                call: self.id,
                tone,
                duration,
                transport: DtmfTransport::Info,
            }));
        }
        context.tell(GatewayEvent::InfoReceived {
            call: self.id,
            content_type: content_type.map(|media| media.essence.to_owned()).unwrap_or_default(),
            body: info.body.clone(),
        });
        self.script.notify(Occurrence::InfoReceived);
    }

    fn handle_update(&mut self, update: &Request, context: &mut Context<'_>) {
        let mut response = reply(update, 200, "OK");
        if !update.body.is_empty() {
            match self.media.handle_offer(&update.body, context.now) {
                Ok(answer) => set_sdp(&mut response, answer),
                Err(error) => return context.respond(&reply(update, 488, &error.to_string())),
            }
        }
        self.refreshed_by_client(update, context);
        response.headers.push(HeaderName::Contact, context.contact());
        self.push_session(&mut response);
        context.respond(&response);
    }

    fn handle_reinvite(&mut self, invite: &Request, context: &mut Context<'_>) {
        let is_busy = self.success.is_some() || self.requests.iter().any(OurRequest::is_invite);
        if is_busy || self.phase != Phase::Confirmed {
            return context.respond(&reply(invite, 491, "Request Pending"));
        }
        let answer = match self.media.handle_offer(&invite.body, context.now) {
            Ok(answer) => answer,
            Err(error) => return context.respond(&reply(invite, 488, &error.to_string())),
        };
        self.refreshed_by_client(invite, context);
        let mut response = reply(invite, 200, "OK");
        response.headers.push(HeaderName::Contact, context.contact());
        response.headers.push(HeaderName::Supported, SUPPORTED);
        self.push_session(&mut response);
        set_sdp(&mut response, answer);
        context.respond(&response);
        self.success = Some((response, SuccessRepeat::new(context.now)));
    }

    fn refreshed_by_client(&mut self, request: &Request, context: &mut Context<'_>) {
        self.timer = SessionTimer::negotiate(&request.headers, context.settings(), context.now);
        let (call, by_us) = (self.id, false);
        context.tell(GatewayEvent::SessionRefreshed { call, by_us });
    }
}

/// 200 to OPTIONS.
pub(crate) fn capable(options: &Request) -> Response {
    let mut response = reply(options, 200, "OK");
    response.headers.push(HeaderName::Allow, ALLOW);
    response.headers.push(HeaderName::Accept, "application/sdp");
    response.headers.push(HeaderName::Supported, SUPPORTED);
    response
}

/// 405 or 501.
pub(crate) fn refuse(request: &Request, context: &mut Context<'_>) {
    let (status, reason) = refusal(&request.method);
    let mut response = reply(request, status, reason);
    response.headers.push(HeaderName::Allow, ALLOW);
    context.respond(&response);
}

/// A response in a dialog, whose To has its tag already; outside one no tag is needed, as no state is kept.
pub(crate) fn reply(request: &Request, status: u16, reason: &str) -> Response {
    Response::new(request, status, reason, Some("gateway"))
}
