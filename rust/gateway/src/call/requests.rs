//! Requests of our own in the call's dialog, and what becomes of them.
use std::time::Instant;

use c2c_proto::media::codec::Codec;
use c2c_proto::media::description::Direction;
use c2c_proto::sip::identifiers::random_branch;
use c2c_proto::sip::transaction::{
    ClientTransaction, Expiry, InviteClientTransaction, InviteResponse, ResponseClass, TransactionKey,
};
use c2c_proto::sip::{HeaderName, Method, Request, Response};

use super::script_run::Occurrence;
use super::session_timer::SessionDue;
use super::{Call, Phase};
use crate::capabilities::{SUPPORTED, capabilities};
use crate::context::Context;
use crate::io::GatewayEvent;

/// A request that waits for its final response.
pub(super) struct OurRequest {
    key: TransactionKey,
    transaction: Transaction,
    scripted: bool,
}

enum Transaction {
    Plain(ClientTransaction),
    Invite(Box<InviteClientTransaction>),
}

impl OurRequest {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        match &self.transaction {
            Transaction::Plain(plain) => plain.poll_timeout(),
            Transaction::Invite(invite) => invite.poll_timeout(),
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Expiry {
        match &mut self.transaction {
            Transaction::Plain(plain) => plain.handle_timeout(now),
            Transaction::Invite(invite) => invite.handle_timeout(now),
        }
    }

    fn is_terminated(&self) -> bool {
        match &self.transaction {
            Transaction::Plain(plain) => plain.is_terminated(),
            Transaction::Invite(invite) => invite.is_terminated(),
        }
    }

    pub(super) fn is_invite(&self) -> bool {
        matches!(self.transaction, Transaction::Invite(_))
    }
}

impl Call {
    pub(super) fn send_info(&mut self, content_type: &str, body: Vec<u8>, scripted: bool, context: &mut Context<'_>) {
        let mut info = self.request(Method::Info, context);
        info.headers.push(HeaderName::ContentType, content_type);
        capabilities().close(&mut info.headers, "outbound");
        info.body = body;
        self.send(info, scripted, context);
    }

    /// UPDATE without a body that refreshes the session (RFC 4028 §7.4).
    pub(super) fn send_refresh(&mut self, scripted: bool, context: &mut Context<'_>) {
        let mut update = self.request(Method::Update, context);
        update.headers.push(HeaderName::Contact, context.contact());
        if let Some(timer) = &self.timer {
            update.headers.push(HeaderName::SessionExpires, timer.for_request());
        }
        capabilities().close(&mut update.headers, SUPPORTED);
        self.send(update, scripted, context);
    }

    /// Re-INVITE with another direction. While one is under way, either side's, there is no other (RFC 3261 §14.1).
    pub(super) fn reoffer(&mut self, direction: Direction, scripted: bool, context: &mut Context<'_>) {
        let is_busy = self.success.is_some() || self.requests.iter().any(OurRequest::is_invite);
        let offer = if is_busy {
            None
        } else {
            self.media.reoffer(direction, context.now).ok()
        };
        let Some(offer) = offer.filter(|_| self.phase == Phase::Confirmed) else {
            return self.responded(&Method::Invite, 491, scripted, context);
        };
        let mut invite = self.request(Method::Invite, context);
        invite.headers.push(HeaderName::Contact, context.contact());
        invite.headers.push(HeaderName::ContentType, "application/sdp");
        if let Some(timer) = &self.timer {
            invite.headers.push(HeaderName::SessionExpires, timer.for_request());
        }
        capabilities().close(&mut invite.headers, SUPPORTED);
        invite.body = offer.into_bytes();
        self.send(invite, scripted, context);
    }

    /// Re-INVITE that offers these codecs, and no others from now on.
    pub(super) fn change_codecs(&mut self, codecs: Vec<Codec>, scripted: bool, context: &mut Context<'_>) {
        self.media.set_codecs(codecs);
        self.reoffer(Direction::SendRecv, scripted, context);
    }

    pub(super) fn send_bye(&mut self, reason: Option<String>, context: &mut Context<'_>) {
        let mut bye = self.request(Method::Bye, context);
        if let Some(reason) = reason {
            bye.headers.push(HeaderName::Reason, reason);
        }
        capabilities().close(&mut bye.headers, "outbound");
        self.send(bye, false, context);
    }

    /// Whether the response was ours.
    pub(crate) fn handle_response(&mut self, response: &Response, context: &mut Context<'_>) -> bool {
        let key = TransactionKey::of_response(response);
        let Some(at) = self
            .requests
            .iter()
            .position(|request| Some(&request.key) == key.as_ref())
        else {
            return false;
        };
        let Some(request) = self.requests.get_mut(at) else {
            return false;
        };
        let (method, scripted) = (request.key.method().clone(), request.scripted);
        let is_final = match &mut request.transaction {
            Transaction::Plain(plain) => plain.handle_response(response) == ResponseClass::Final,
            Transaction::Invite(invite) => match invite.handle_response(response, context.now) {
                InviteResponse::Absorbed | InviteResponse::Provisional => false,
                InviteResponse::Success => {
                    self.take_reoffer_answer(response, context);
                    true
                }
                InviteResponse::Rejected(ack) => {
                    context.request(&ack);
                    true
                }
            },
        };
        if is_final {
            self.requests.remove(at);
            self.finish_request(&method, response, scripted, context);
        }
        true
    }

    /// Requests that got no response count as answered by 408 (RFC 3261 §8.1.3.1).
    pub(super) fn handle_request_timeouts(&mut self, context: &mut Context<'_>) {
        let mut silent = Vec::new();
        self.requests.retain_mut(|request| {
            if request.handle_timeout(context.now) == Expiry::TimedOut {
                silent.push((request.key.method().clone(), request.scripted));
            }
            !request.is_terminated()
        });
        for (method, scripted) in silent {
            self.responded(&method, 408, scripted, context);
            self.end_if_dead(&method, 408, context);
        }
    }

    /// Refreshes the session, or ends the call when the client did not.
    pub(super) fn keep_session(&mut self, context: &mut Context<'_>) {
        let confirmed = self.phase == Phase::Confirmed;
        let due = self
            .timer
            .as_mut()
            .filter(|_| confirmed)
            .and_then(|timer| timer.handle_timeout(context.now));
        match due {
            None => {}
            Some(SessionDue::Refresh) => self.send_refresh(false, context),
            Some(SessionDue::Expired) => self.give_up("session expired", context),
        }
    }

    fn request(&mut self, method: Method, context: &mut Context<'_>) -> Request {
        let via = context.hop.via(&random_branch(context.random));
        self.dialog.request(method, via)
    }

    fn send(&mut self, request: Request, scripted: bool, context: &mut Context<'_>) {
        if self.requests.len() >= MOST_REQUESTS {
            return self.responded(&request.method, 503, scripted, context);
        }
        context.request(&request);
        let key = TransactionKey::of_sent(&request);
        let transaction = if request.method == Method::Invite {
            Transaction::Invite(Box::new(InviteClientTransaction::new(request, context.now)))
        } else {
            Transaction::Plain(ClientTransaction::new(context.now))
        };
        self.requests.push(OurRequest {
            key,
            transaction,
            scripted,
        });
    }

    fn take_reoffer_answer(&mut self, response: &Response, context: &mut Context<'_>) {
        let number = response.headers.cseq().map_or(0, |cseq| cseq.number);
        let via = context.hop.via(&random_branch(context.random));
        let mut ack = self.dialog.ack(number, via);
        capabilities().close(&mut ack.headers, "outbound");
        context.request(&ack);
        if let Err(error) = self.media.handle_answer(&response.body, context.now) {
            self.media_failed(&error, context);
        }
    }

    fn finish_request(&mut self, method: &Method, response: &Response, scripted: bool, context: &mut Context<'_>) {
        if response.is_success() && self.dialog.handle_success(method, response).is_ok() {
            self.note_refresh(method, response, context);
        }
        self.responded(method, response.status, scripted, context);
        self.end_if_dead(method, response.status, context);
        self.settle(context);
    }

    fn note_refresh(&mut self, method: &Method, response: &Response, context: &mut Context<'_>) {
        if !matches!(method, Method::Update | Method::Invite) {
            return;
        }
        if let Some(timer) = self.timer {
            self.timer = Some(timer.after_refresh(&response.headers, context.now));
            let (call, by_us) = (self.id, true);
            context.tell(GatewayEvent::SessionRefreshed { call, by_us });
        }
    }

    fn responded(&mut self, method: &Method, status: u16, scripted: bool, context: &mut Context<'_>) {
        context.tell(GatewayEvent::Responded {
            call: self.id,
            method: method.as_str().to_owned(),
            status,
        });
        if scripted {
            self.script.notify(Occurrence::Responded);
        }
    }

    /// The client does not know the dialog any more (RFC 3261 §12.2.1.2).
    fn end_if_dead(&mut self, method: &Method, status: u16, context: &mut Context<'_>) {
        if matches!(status, 408 | 481) && *method != Method::Bye && self.phase != Phase::Ended {
            self.give_up("the client does not answer", context);
        }
    }
}

/// Requests that may wait at a time; one more is not sent.
const MOST_REQUESTS: usize = 32;
