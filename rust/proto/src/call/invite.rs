//! The INVITE that makes the call: offer out, responses in (RFC 3261 §13.2).
use super::hangup::{Cancel, send_bye};
use super::state::Phase;
use super::{Call, end};
use crate::error::SettingsError;
use crate::io::{CallEnd, Originator, Stage};
use crate::sip::digest::DigestError;
use crate::sip::header::{HeaderName, MAX_TEXT, is_header_text, is_token};
use crate::sip::{Dialog, DialogId, Headers, Method, Request, RequestHead, Response, Uri};
use crate::user_agent::context::{ChallengeError, Context};
use crate::user_agent::transactions::{Answer, Owner, Sent};

/// A user's own header fields, names and values together, in bytes: the INVITE stays far below the 64 kB that peers accept.
const MAX_HEADERS_LENGTH: usize = 16 * 1024;
/// How many of them; peers accept 128 fields with ours.
const MAX_HEADERS: usize = 64;
/// Most branches of one INVITE that are told apart.
const MAX_EARLY: usize = 8;

/// What the INVITE says, and what was heard of it.
pub(super) struct Invite {
    target: Uri,
    headers: Vec<(String, String)>,
    call_id: String,
    from_tag: String,
    cseq: u32,
    /// Tags of provisional responses.
    early_tags: Vec<String>,
    /// The branch whose media is heard before the answer: the first one. The answer decides between them.
    early_media: Option<String>,
    pub(super) cancel: Cancel,
    /// The ACK of the call's 2xx, sent again when the 2xx comes again.
    ack: Vec<u8>,
    /// The ACKs of branches that lost, by their tags; each got its BYE.
    declined: Vec<(DialogId, Vec<u8>)>,
}

impl Invite {
    pub(super) fn new(
        target: &str,
        headers: Vec<(String, String)>,
        ctx: &mut Context<'_>,
    ) -> Result<Self, SettingsError> {
        if let Some((name, _)) = headers
            .iter()
            .find(|(name, value)| !is_token(name) || !is_header_text(value))
        {
            return Err(SettingsError::Header(name.clone()));
        }
        if target.len() > MAX_TEXT {
            return Err(SettingsError::TooLong("a target", MAX_TEXT));
        }
        let length: usize = headers.iter().map(|(name, value)| name.len() + value.len()).sum();
        if length > MAX_HEADERS_LENGTH || headers.len() > MAX_HEADERS {
            return Err(SettingsError::TooLong("64 headers, or all of them", MAX_HEADERS_LENGTH));
        }
        Ok(Self {
            target: ctx.signaling.identity.target(target)?,
            headers,
            call_id: ctx.token(),
            from_tag: ctx.token(),
            cseq: first_cseq(ctx),
            early_tags: Vec::new(),
            early_media: None,
            cancel: Cancel::No,
            ack: Vec::new(),
            declined: Vec::new(),
        })
    }

    /// Of a call that the far side placed: we sent none.
    pub(super) fn received(ctx: &Context<'_>) -> Self {
        Self {
            target: ctx.signaling.identity.address_of_record().clone(),
            headers: Vec::new(),
            call_id: String::new(),
            from_tag: String::new(),
            cseq: 0,
            early_tags: Vec::new(),
            early_media: None,
            cancel: Cancel::No,
            ack: Vec::new(),
            declined: Vec::new(),
        }
    }

    /// Whether a request belongs to a dialog that is not confirmed.
    pub(super) fn is_early(&self, request: &Request) -> bool {
        let headers = &request.headers;
        let to = headers.to().is_ok_and(|to| to.tag() == Some(self.from_tag.as_str()));
        let from = headers.from().ok().and_then(|from| from.tag());
        let is_known = |tag| self.early_tags.iter().any(|early| early == tag);
        to && headers.call_id() == Ok(self.call_id.as_str()) && from.is_some_and(is_known)
    }

    /// The ACK for a 2xx that comes again, of a branch that has had its BYE.
    fn ack_of_declined(&self, response: &Response) -> Option<Vec<u8>> {
        let to = response.headers.to().ok()?;
        let (call_id, tag) = (response.headers.call_id().ok()?, to.tag().unwrap_or_default());
        let is_it = |id: &DialogId| id.call_id == call_id && id.remote_tag == tag;
        let declined = self.declined.iter().find(|(id, _)| is_it(id))?;
        Some(declined.1.clone())
    }

    fn remember_declined(&mut self, id: DialogId, ack: Vec<u8>) {
        if self.declined.len() < MAX_EARLY {
            self.declined.push((id, ack));
        }
    }

    /// Names for another INVITE of the same call.
    pub(super) fn rename(&mut self, ctx: &mut Context<'_>) {
        (self.call_id, self.from_tag) = (ctx.token(), ctx.token());
        self.cseq = first_cseq(ctx);
        self.early_tags.clear();
        self.early_media = None;
    }

    /// The ACK of the call's 2xx.
    pub(super) fn ack(&self) -> &[u8] {
        &self.ack
    }

    fn remember_early(&mut self, tag: &str) {
        if self.early_tags.len() < MAX_EARLY && self.early_tags.iter().all(|early| early != tag) {
            self.early_tags.push(tag.to_owned());
        }
    }
}

impl Call {
    /// Sends the INVITE with our offer.
    pub(super) fn send_invite(&mut self, offer: String, ctx: &mut Context<'_>) {
        let request = self.invite_request(offer, ctx);
        self.phase = Phase::Inviting;
        if ctx.request(Owner::Invite(self.id()), request) {
            let taken = ctx.now.saturating_duration_since(self.started);
            self.setup.invite_sent.get_or_insert(taken);
        } else {
            self.finish(too_many_requests(), ctx);
        }
    }

    /// Takes what became of the INVITE.
    pub(crate) fn handle_invite_answer(&mut self, answer: Answer, ctx: &mut Context<'_>) {
        self.patience.end();
        let Some(response) = answer.response else {
            return self.invite_unanswered(ctx);
        };
        match response.status {
            ..200 => self.handle_provisional(&response, ctx),
            200..300 => self.handle_success(&answer.sent.request, &response, ctx),
            _ if self.is_over() => {}
            401 | 407 => self.authenticate_invite(answer.sent, &response, ctx),
            422 => self.raise_session_expires(answer.sent, &response, ctx),
            status => self.finish(end::rejected(status), ctx),
        }
    }

    fn invite_request(&mut self, offer: String, ctx: &mut Context<'_>) -> Request {
        let (via, identity) = (ctx.via(), &ctx.signaling.identity);
        let from = format!("<{}>;tag={}", identity.address_of_record(), self.invite.from_tag);
        let mut request = RequestHead {
            method: Method::Invite,
            uri: self.invite.target.clone(),
            routes: identity.service_route(),
            via,
            to: &format!("<{}>", self.invite.target),
            from: &from,
            call_id: &self.invite.call_id,
            cseq: self.invite.cseq,
        }
        .into_request();
        for (name, value) in &self.invite.headers {
            request.headers.push(name.as_str(), value);
        }
        request.headers.push(HeaderName::Contact, identity.contact());
        request.headers.push(HeaderName::ContentType, "application/sdp");
        request.headers.push(HeaderName::SessionExpires, self.timer.offer());
        request.body = offer.into_bytes();
        request
    }

    fn handle_provisional(&mut self, response: &Response, ctx: &mut Context<'_>) {
        self.cancel_if_wanted(ctx);
        let tag = response.headers.to().ok().and_then(|to| to.tag());
        let Some(tag) = tag.filter(|_| response.status > 100 && self.phase == Phase::Inviting) else {
            return;
        };
        self.invite.remember_early(tag);
        self.hear_early_media(tag, response, ctx);
        if self.phase == Phase::Inviting {
            self.ring(ctx);
        }
    }

    /// SDP in 18x is applied at once; one that cannot be used spoils nothing yet. That of a second branch waits for its 2xx,
    /// since the first one may win and would not shake hands again.
    fn hear_early_media(&mut self, tag: &str, response: &Response, ctx: &mut Context<'_>) {
        let is_first = self.invite.early_media.as_ref().is_none_or(|first| first == tag);
        if is_first
            && !response.body.is_empty()
            && is_sdp(&response.headers)
            && self.media.handle_answer(&response.body, ctx).is_ok()
        {
            self.invite.early_media = Some(tag.to_owned());
            self.pump(ctx);
        }
    }

    /// A 2xx: ours to take, one that we have had, or one that nobody wants (RFC 3261 §13.2.2.4).
    fn handle_success(&mut self, invite: &Request, response: &Response, ctx: &mut Context<'_>) {
        let is_ours = self
            .dialog
            .as_ref()
            .is_some_and(|dialog| dialog.matches_response(response));
        if is_ours {
            let ack = self.invite.ack.clone();
            return ctx.output(crate::io::Output::Send(ack));
        }
        if let Some(ack) = self.invite.ack_of_declined(response) {
            return ctx.output(crate::io::Output::Send(ack));
        }
        match Dialog::from_response(invite, response) {
            Ok(dialog) if self.phase == Phase::Inviting => self.accept(dialog, response, ctx),
            Ok(mut dialog) => self.decline(&mut dialog, response, ctx),
            Err(error) => {
                self.decline_success(invite, response, ctx);
                if self.phase == Phase::Inviting {
                    let hint = format!("the server's answer makes no dialog ({error}); the server is at fault");
                    let end = end::failure(Originator::Remote, end::cause::DIALOG_ERROR, Stage::Invite, hint);
                    self.finish(end, ctx);
                }
            }
        }
    }

    /// A 2xx that is of no use: to an INVITE that was given up, or one that makes no dialog.
    pub(super) fn decline_success(&mut self, invite: &Request, response: &Response, ctx: &mut Context<'_>) {
        if let Some(ack) = self.invite.ack_of_declined(response) {
            ctx.send(ack);
        } else if let Some(mut dialog) = dialog_to_end(invite, response) {
            self.decline(&mut dialog, response, ctx);
        }
    }

    /// The first 2xx. `Answered` is told before the ACK leaves, as JsSIP does.
    fn accept(&mut self, dialog: Dialog, response: &Response, ctx: &mut Context<'_>) {
        self.dialog = Some(dialog);
        self.refresh_invite.learn(&response.headers);
        match self.apply_answer(response, ctx) {
            Ok(()) => {
                self.answered(ctx);
                self.acknowledge(response, ctx);
                self.timer
                    .handle_response(response.headers.session_expires().ok().flatten(), ctx.now);
                self.check_addresses(ctx);
                self.pump(ctx);
            }
            Err((reason, end)) => {
                self.acknowledge(response, ctx);
                // still unanswered for its owner, but not for the far side
                self.bye(Some(&reason), ctx);
                self.finish(end, ctx);
            }
        }
    }

    fn apply_answer(&mut self, response: &Response, ctx: &mut Context<'_>) -> Result<(), ((u16, String), CallEnd)> {
        let status = response.status;
        if response.body.is_empty() {
            let hint = format!("{}: the far side's answer has no SDP", end::cause::MISSING_SDP);
            let end = end::bad_description(status, Stage::Media, hint);
            return Err(((400, end::cause::MISSING_SDP.to_owned()), end));
        }
        self.media.handle_answer(&response.body, ctx).map_err(|error| {
            let end = end::bad_description(status, error.stage(), error.to_string());
            ((488, "Not Acceptable Here".to_owned()), end)
        })
    }

    /// A 2xx of another branch, or one that crossed our CANCEL: acknowledged and ended.
    fn decline(&mut self, dialog: &mut Dialog, response: &Response, ctx: &mut Context<'_>) {
        let ack = ack_of(dialog, response, ctx);
        let ack = ctx.send_ack(ack);
        self.invite.remember_declined(dialog.id().clone(), ack);
        send_bye(dialog, Owner::Stray(self.id()), None, ctx);
    }

    fn acknowledge(&mut self, response: &Response, ctx: &mut Context<'_>) {
        if let Some(dialog) = &self.dialog {
            let ack = ack_of(dialog, response, ctx);
            self.invite.ack = ctx.send_ack(ack);
        }
    }

    /// Timer B, or no final response after CANCEL (RFC 3261 §9.1).
    fn invite_unanswered(&mut self, ctx: &mut Context<'_>) {
        let hint = "the server did not answer the INVITE within 32 s; check the server and the connection to it";
        let end = end::failure(Originator::Local, end::cause::CANCELED, Stage::Invite, hint);
        self.finish(end, ctx);
    }

    fn authenticate_invite(&mut self, sent: Sent, response: &Response, ctx: &mut Context<'_>) {
        self.invite.cseq += 1;
        match ctx.answer_challenge(sent, response, self.invite.cseq) {
            Ok(()) => {}
            Err(ChallengeError::TooMany) => self.finish(too_many_requests(), ctx),
            Err(ChallengeError::Digest(DigestError::Refused)) => self.finish(end::rejected(response.status), ctx),
            Err(error) => {
                let mut end = end::rejected(response.status);
                end.hint = error.to_string();
                self.finish(end, ctx);
            }
        }
    }

    /// 422: tries again with the interval that the server wants (RFC 4028 §7.4).
    fn raise_session_expires(&mut self, mut sent: Sent, response: &Response, ctx: &mut Context<'_>) {
        let minimum = response.headers.min_se().ok().flatten();
        if !minimum.is_some_and(|minimum| self.timer.raise(minimum)) {
            return self.finish(end::rejected(response.status), ctx);
        }
        self.invite.cseq += 1;
        sent.request.headers.set(HeaderName::SessionExpires, self.timer.offer());
        sent.request.headers.set(HeaderName::MinSe, minimum.unwrap_or_default());
        if !ctx.repeat(sent, self.invite.cseq) {
            self.finish(too_many_requests(), ctx);
        }
    }
}

fn too_many_requests() -> CallEnd {
    let hint = "too many requests are unanswered; wait until calls have ended";
    end::failure(Originator::Local, end::cause::INTERNAL_ERROR, Stage::Invite, hint)
}

/// The dialog of a 2xx that is acknowledged and ended (RFC 3261 §13.2.2.4). The way to a far side that names none is that of
/// the INVITE: it would repeat its 2xx for half a minute, and hold what it thinks is a call.
fn dialog_to_end(invite: &Request, response: &Response) -> Option<Dialog> {
    let mut placed = response.clone();
    if !matches!(response.headers.contact(), Ok(Some(_))) {
        placed
            .headers
            .set(HeaderName::Contact, format_args!("<{}>", invite.uri));
    }
    Dialog::from_response(invite, &placed).ok()
}

fn first_cseq(ctx: &mut Context<'_>) -> u32 {
    1 + ctx.core.random.below(9999) as u32
}

/// Whether a body is SDP. One without Content-Type is taken for it, since nothing else is expected.
pub(super) fn is_sdp(headers: &Headers) -> bool {
    let kind = headers.content_type();
    kind.is_ok_and(|kind| kind.is_none_or(|kind| kind.is("application/sdp")))
}

/// The ACK of a 2xx has the number of the INVITE that it answers (RFC 3261 §13.2.2.4).
pub(super) fn ack_of(dialog: &Dialog, response: &Response, ctx: &mut Context<'_>) -> Request {
    let number = response.headers.cseq().map_or(0, |cseq| cseq.number);
    dialog.ack(number, ctx.via())
}
