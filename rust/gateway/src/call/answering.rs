//! From the INVITE to the ACK (RFC 3261 §13.3), or to a refusal.
use std::sync::Arc;

use c2c_proto::io::{CallId, Output};
use c2c_proto::media::clip::Clip;
use c2c_proto::sip::identifiers::random_token;
use c2c_proto::sip::transaction::{InviteServerTransaction, RepeatDue, SuccessRepeat};
use c2c_proto::sip::{Dialog, HeaderName, Request, Response};

use super::bad_answer::spoil;
use super::malformed;
use super::media::CallMedia;
use super::script_run::{Occurrence, ScriptRun};
use super::session_timer::SessionTimer;
use super::{Call, Phase};
use crate::capabilities::SUPPORTED;
use crate::context::Context;
use crate::io::{CallStarted, GatewayEvent};
use crate::misbehaviour::{Misbehaviour, Moment};

impl Call {
    /// Lets an INVITE in: 100, and UDP sockets asked for. `Err` is the refusal to be sent.
    pub(crate) fn start(id: CallId, invite: Request, context: &mut Context<'_>) -> Result<Self, Response> {
        let tag = random_token(context.random);
        let refusal = |status, reason: &str| Response::new(&invite, status, reason, Some(&tag));
        let dialog = Dialog::from_request(&invite, &tag, 0).map_err(|error| refusal(400, &error.to_string()))?;
        let media = CallMedia::new(context).map_err(|error| refusal(500, &error.to_string()))?;
        let script = ScriptRun::new(context.settings().script.clone());
        context.tell(GatewayEvent::CallStarted(Box::new(started(id, &invite))));
        let mut call = Self {
            id,
            tag,
            invite: InviteServerTransaction::new(invite),
            dialog,
            media,
            script,
            phase: Phase::Proceeding,
            has_rung: false,
            answer: None,
            success: None,
            after_ack: None,
            timer: None,
            requests: Vec::new(),
        };
        let trying = Response::new(call.invite.invite(), 100, "Trying", None);
        call.respond_to_invite(&trying, context);
        let addresses = vec![context.local.ip()];
        context.output(Output::BindUdp { call: id, addresses });
        Ok(call)
    }

    /// 180, once.
    pub(super) fn ring(&mut self, context: &mut Context<'_>) {
        if self.phase != Phase::Proceeding || std::mem::replace(&mut self.has_rung, true) {
            return;
        }
        let response = self.response(180, "Ringing", context);
        self.respond_to_invite(&response, context);
        context.reach(Moment::Ringing);
    }

    /// 183 with SDP, once: early media, with something to hear.
    pub(super) fn progress(&mut self, clip: Option<Arc<Clip>>, context: &mut Context<'_>) {
        let Some(answer) = self.answer.clone().filter(|_| self.phase == Phase::Proceeding) else {
            return;
        };
        self.has_rung = true;
        let mut response = self.response(183, "Session Progress", context);
        set_sdp(&mut response, answer);
        self.respond_to_invite(&response, context);
        context.reach(Moment::Ringing);
        if let Some(clip) = clip {
            self.media.play(clip, false);
        }
    }

    /// 200 with SDP, if there are sockets; 180 before it if nothing rang yet.
    pub(super) fn answer(&mut self, context: &mut Context<'_>) {
        self.ring(context);
        let Some(answer) = self.answer.clone().filter(|_| self.phase == Phase::Proceeding) else {
            return;
        };
        self.timer = SessionTimer::negotiate(&self.invite.invite().headers, context.settings(), context.now);
        let mut response = self.response(200, "OK", context);
        self.push_session(&mut response);
        let bad = context.settings().bad_answer();
        set_sdp(&mut response, bad.map_or(answer.clone(), |bad| spoil(&answer, bad)));
        self.respond_to_invite(&response, context);
        self.success = Some((response, SuccessRepeat::new(context.now)));
        self.dialog.confirm_called();
        self.phase = Phase::Answered;
    }

    /// The ACK to our 200, the first one or that of a re-INVITE.
    pub(crate) fn acknowledge(&mut self, ack: &Request, context: &mut Context<'_>) {
        let is_awaited = self.success.as_ref().is_some_and(|(success, _)| {
            let number = |headers: &c2c_proto::sip::Headers| headers.cseq().ok().map(|cseq| cseq.number);
            number(&success.headers) == number(&ack.headers)
        });
        if !is_awaited {
            return;
        }
        self.success = None;
        if self.phase == Phase::Answered {
            self.confirm(context);
        }
        self.settle(context);
    }

    /// Sends the 200 again, or ends the call when it was never acknowledged (RFC 3261 §13.3.1.4).
    pub(super) fn repeat_success(&mut self, context: &mut Context<'_>) {
        let Some((success, repeat)) = &mut self.success else {
            return;
        };
        match repeat.handle_timeout(context.now) {
            RepeatDue::Pending => {}
            RepeatDue::Send => context.respond(success),
            RepeatDue::GiveUp => self.give_up("no ACK", context),
        }
    }

    /// A response to the INVITE that makes or keeps the dialog: with Contact and what we support.
    pub(super) fn response(&self, status: u16, reason: &str, context: &Context<'_>) -> Response {
        let mut response = Response::new(self.invite.invite(), status, reason, Some(&self.tag));
        response.headers.push(HeaderName::Contact, context.contact());
        response.headers.push(HeaderName::Supported, SUPPORTED);
        response
    }

    pub(super) fn respond_to_invite(&mut self, response: &Response, context: &mut Context<'_>) {
        if let Some(bytes) = self.invite.respond(response, context.now) {
            context.output(Output::Send(bytes));
        }
    }

    /// What the response says of the session timer (RFC 4028 §9).
    pub(super) fn push_session(&self, response: &mut Response) {
        let Some(timer) = &self.timer else { return };
        if timer.needs_client() {
            response.headers.push(HeaderName::Require, "timer");
        }
        response.headers.push(HeaderName::SessionExpires, timer.for_response());
    }

    fn confirm(&mut self, context: &mut Context<'_>) {
        self.phase = Phase::Confirmed;
        context.tell(GatewayEvent::CallAnswered(self.id));
        context.reach(Moment::Answered);
        self.script.notify(Occurrence::Answered);
        if context.settings().misbehaves(&Misbehaviour::MalformedSip) {
            for message in malformed::messages(&self.dialog.id().call_id) {
                context.output(Output::Send(message));
            }
        }
        if let Some(action) = self.after_ack.take() {
            self.act(action, context);
        }
    }
}

/// Makes SDP the body; an empty one is none.
pub(super) fn set_sdp(response: &mut Response, sdp: String) {
    if !sdp.is_empty() {
        response.headers.push(HeaderName::ContentType, "application/sdp");
    }
    response.body = sdp.into_bytes();
}

fn started(id: CallId, invite: &Request) -> CallStarted {
    let is_secret = |name: HeaderName<'_>| matches!(name, HeaderName::Authorization | HeaderName::ProxyAuthorization);
    let shown = invite.headers.iter().filter(|(name, _)| !is_secret(*name));
    let from = invite.headers.from().ok();
    CallStarted {
        call: id,
        target: invite.uri.as_str().to_owned(),
        caller: from.map(|from| from.uri().as_str().to_owned()).unwrap_or_default(),
        headers: shown
            .map(|(name, value)| (name.as_str().to_owned(), value.to_owned()))
            .collect(),
    }
}
