//! Ending a call from this side: CANCEL, BYE, and what crosses them.
use super::state::Phase;
use super::{Call, end};
use crate::io::{CallEnd, Originator};
use crate::media::error::MediaError;
use crate::sip::digest::DigestError;
use crate::sip::header::{HeaderName, quote};
use crate::sip::{Dialog, Method, Reason, Request, Response};
use crate::user_agent::context::{ChallengeError, Context};
use crate::user_agent::transactions::{Answer, Owner, Sent};

/// Characters of a reason that are sent.
const MAX_REASON: usize = 256;

/// What became of the wish to cancel an INVITE.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Cancel {
    /// Nobody wished it.
    No,
    /// To be sent with the first provisional response, with this reason.
    Wanted(Option<(u16, String)>),
    /// Sent.
    Sent,
}

impl Call {
    /// Hangs up: cancels a call that is not answered, says BYE in one that is. The end is told at once.
    pub(crate) fn hang_up(&mut self, reason: Option<(u16, String)>, ctx: &mut Context<'_>) {
        // the text is the user's; line ends and NUL have no place in a header
        let reason = reason.map(|(status, text)| (status, text.replace(['\r', '\n', '\0'], " ")));
        let reason = reason.map(|(status, text)| (status, text.chars().take(MAX_REASON).collect()));
        let end = match self.phase {
            Phase::Answered => end::terminated(),
            Phase::Alerting => end::refused(Originator::Local, end::cause::REJECTED),
            _ => end::canceled(),
        };
        self.end(end, reason, ctx);
    }

    /// The WebSocket is gone for good: nothing can be said any more.
    pub(crate) fn lose(&mut self, reason: &str, ctx: &mut Context<'_>) {
        self.parting = None;
        self.finish(end::connection_lost(reason), ctx);
    }

    /// Ends the call in the way that its phase asks for.
    pub(super) fn end(&mut self, end: CallEnd, reason: Option<(u16, String)>, ctx: &mut Context<'_>) {
        match self.phase {
            Phase::Over if !ctx.is_open => self.finish_parting(ctx),
            // `finish` refuses what rings here
            Phase::Gathering | Phase::Alerting | Phase::Over => {}
            Phase::Inviting => self.cancel(reason, ctx),
            Phase::Answered => self.part(reason, ctx),
        }
        self.finish(end, ctx);
    }

    /// ICE or DTLS failed.
    pub(super) fn end_by_media(&mut self, error: &MediaError, ctx: &mut Context<'_>) {
        let end = end::media_failed(error, self.phase == Phase::Answered);
        self.end(end, Some((408, end::cause::RTP_TIMEOUT.to_owned())), ctx);
    }

    /// Sends the CANCEL that had to wait for a provisional response.
    pub(super) fn cancel_if_wanted(&mut self, ctx: &mut Context<'_>) {
        if let Cancel::Wanted(reason) = self.invite.cancel.clone() {
            self.cancel(reason, ctx);
        }
    }

    /// Takes what became of a BYE; only a challenge changes anything.
    pub(crate) fn handle_bye_answer(&mut self, answer: Answer, ctx: &mut Context<'_>) {
        if let Some(response @ Response { status: 401 | 407, .. }) = answer.response {
            // a second refusal leaves the dialog to the far side's own timers
            let _ = self.authenticate(answer.sent, &response, ctx);
        }
    }

    /// Sends a request of the dialog again with credentials.
    pub(super) fn authenticate(
        &mut self,
        sent: Sent,
        response: &Response,
        ctx: &mut Context<'_>,
    ) -> Result<(), ChallengeError> {
        let cseq = self.dialog.as_mut().map(Dialog::next_cseq);
        ctx.answer_challenge(sent, response, cseq.ok_or(DigestError::Unusable)?)
    }

    /// BYE in the call's dialog.
    pub(super) fn bye(&mut self, reason: Option<&(u16, String)>, ctx: &mut Context<'_>) {
        let id = self.id();
        if let Some(dialog) = &mut self.dialog {
            send_bye(dialog, Owner::Bye(id), reason, ctx);
        }
    }

    fn cancel(&mut self, reason: Option<(u16, String)>, ctx: &mut Context<'_>) {
        let header = reason.as_ref().map(|(status, text)| reason_header(*status, text));
        let now = ctx.now;
        self.invite.cancel = match ctx
            .signaling
            .transactions
            .cancel(Owner::Invite(self.id()), header.as_ref(), now)
        {
            None => Cancel::Wanted(reason),
            Some(request) => self.send_cancel(request, reason, ctx),
        };
    }

    /// The CANCEL of an INVITE whose connection was lost.
    pub(super) fn cancel_abandoned(&mut self, reason: Option<(u16, String)>, ctx: &mut Context<'_>) {
        let header = reason.as_ref().map(|(status, text)| reason_header(*status, text));
        let abandoned = ctx.signaling.transactions.abandon(self.id(), header.as_ref(), ctx.now);
        if let Some((request, _)) = abandoned {
            self.invite.cancel = self.send_cancel(request, reason, ctx);
        }
    }

    fn send_cancel(&self, mut request: Request, reason: Option<(u16, String)>, ctx: &mut Context<'_>) -> Cancel {
        if let Some((status, text)) = reason {
            // JsSIP sets the blank on the other side of the semicolon than in BYE
            let value = format!("SIP ;cause={status} ;text={}", quote(&text));
            request.headers.set(HeaderName::Reason, value);
        }
        ctx.send_cancel(Owner::Cancel(self.id()), request);
        Cancel::Sent
    }
}

/// Takes what became of the BYE of a branch that lost. It was the last request of a dialog that nobody keeps, so a challenge
/// is answered with the number behind it.
pub(crate) fn handle_stray_answer(answer: Answer, ctx: &mut Context<'_>) {
    let number = answer.sent.request.headers.cseq().map_or(0, |cseq| cseq.number);
    if let Some(response @ Response { status: 401 | 407, .. }) = answer.response {
        // a second refusal leaves the dialog to the far side's own timers
        let _ = ctx.answer_challenge(answer.sent, &response, number.saturating_add(1));
    }
}

/// Sends BYE in a dialog, the call's own or that of a branch which lost.
pub(super) fn send_bye(dialog: &mut Dialog, owner: Owner, reason: Option<&(u16, String)>, ctx: &mut Context<'_>) {
    let mut request = dialog.request(Method::Bye, ctx.via());
    if let Some((status, text)) = reason {
        request.headers.push(HeaderName::Reason, reason_header(*status, text));
    }
    ctx.request(owner, request);
}

fn reason_header(status: u16, text: &str) -> Reason<'_> {
    Reason {
        protocol: "SIP",
        cause: Some(status),
        text: Some(text.into()),
    }
}
