//! DTMF of a call, both ways: tones by INFO are sent here, those in RTP by the media session.
use std::collections::VecDeque;
use std::time::{Duration, Instant};

use super::reconnect::was_taken_before;
use super::state::Phase;
use super::{Call, end};
use crate::dtmf::{self, DtmfRequest, DtmfTransport, Step, Tone};
use crate::io::{Event, ReceivedDtmf, Stage};
use crate::sip::header::HeaderName;
use crate::sip::{Method, Response};
use crate::user_agent::context::Context;
use crate::user_agent::transactions::{Answer, Owner};

/// Steps that wait at most.
const MAX_STEPS: usize = 256;

/// Tones that go by INFO, one request each (RFC 6086; the form is older than any RFC).
#[derive(Default)]
pub(super) struct InfoTones {
    /// Each with the number of the request that wants it.
    steps: VecDeque<(u64, Step)>,
    /// When the next step begins, while one is under way.
    next: Option<Instant>,
}

impl InfoTones {
    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.next
    }

    /// What is left waits.
    pub(super) fn pause(&mut self) {
        self.next = None;
    }

    /// What is left is not sent.
    pub(super) fn stop(&mut self) {
        *self = Self::default();
    }
}

impl Call {
    /// Sends tones; `DtmfSent` or `DtmfFailed` tells at once what became of it.
    pub(crate) fn send_dtmf(&mut self, request: u64, dtmf: &DtmfRequest, ctx: &mut Context<'_>) {
        if self.is_over() {
            return;
        }
        let call = self.id();
        let event = match self.start_tones(request, dtmf, ctx) {
            Ok(()) => Event::DtmfSent { call, request },
            Err(cause) => Event::DtmfFailed { call, request, cause },
        };
        ctx.emit(event);
    }

    /// Sends the next tone by INFO if it is due.
    pub(super) fn run_tones(&mut self, ctx: &mut Context<'_>) {
        let is_held = ctx.signaling.transactions.is_held();
        if is_held || self.tones.next.is_some_and(|next| next > ctx.now) {
            return;
        }
        let Some((request, step)) = self.tones.steps.pop_front() else {
            self.tones.next = None;
            return;
        };
        let wait = match step {
            Step::Pause(time) => time,
            Step::Tone { tone, duration, gap } => {
                if !self.send_tone(request, tone, duration, ctx) {
                    return self.drop_tones("too many requests are unanswered", ctx);
                }
                duration + gap
            }
        };
        self.tones.next = Some(ctx.now + wait);
    }

    /// Takes what became of a tone's INFO; one that failed drops the rest, as in the SDK. The call goes on
    /// unless it was asked to end, and a far side that is gone is told as that of any other INFO.
    pub(crate) fn handle_tone_answer(&mut self, request: u64, answer: Answer, ctx: &mut Context<'_>) {
        if self.is_over() || was_taken_before(&answer) || self.end_by_info(&answer, ctx) {
            return;
        }
        match answer.response {
            Some(Response { status: ..300, .. }) => {}
            Some(response @ Response { status: 401 | 407, .. }) => {
                if self.authenticate(answer.sent, &response, ctx).is_err() {
                    self.drop_tones(end::cause::AUTHENTICATION_ERROR, ctx);
                }
            }
            Some(Response { status: 408 | 481, .. }) => self.fail_tones(request, end::cause::DIALOG_ERROR, ctx),
            Some(Response { status, .. }) => self.drop_tones(&format!("the far side answered {status}"), ctx),
            None => self.fail_tones(request, end::cause::REQUEST_TIMEOUT, ctx),
        }
    }

    /// Takes a tone that came by INFO; a body that is none was answered and is forgotten.
    pub(super) fn hear_tone(&mut self, body: &[u8], ctx: &mut Context<'_>) {
        let Some((tone, duration)) = dtmf::from_info(body) else {
            return;
        };
        ctx.emit(Event::DtmfReceived(ReceivedDtmf {
            call: self.id(),
            tone,
            duration,
            transport: DtmfTransport::Info,
        }));
    }

    fn start_tones(&mut self, request: u64, dtmf: &DtmfRequest, ctx: &mut Context<'_>) -> Result<(), String> {
        if self.phase != Phase::Answered {
            return Err("the call is not answered".into());
        }
        let steps = dtmf.steps().ok_or_else(|| format!("Invalid tones: {}", dtmf.tones))?;
        if dtmf.transport == DtmfTransport::Rfc4733 {
            return self.media.send_tones(steps).map_err(str::to_owned);
        }
        if self.tones.steps.len() + steps.len() > MAX_STEPS {
            return Err("too many tones wait to be sent".into());
        }
        self.tones.steps.extend(steps.into_iter().map(|step| (request, step)));
        if self.tones.next.is_none() {
            self.run_tones(ctx);
        }
        Ok(())
    }

    fn send_tone(&mut self, request: u64, tone: Tone, duration: Duration, ctx: &mut Context<'_>) -> bool {
        let (id, via) = (self.id(), ctx.via());
        let Some(dialog) = &mut self.dialog else { return false };
        let mut info = dialog.request(Method::Info, via);
        info.headers.push(HeaderName::ContentType, "application/dtmf-relay");
        info.body = dtmf::to_relay(tone, duration).into_bytes();
        ctx.request(Owner::Tone(id, request), info)
    }

    fn fail_tones(&mut self, request: u64, cause: &str, ctx: &mut Context<'_>) {
        self.tones.stop();
        ctx.emit(Event::DtmfFailed {
            call: self.id(),
            request,
            cause: cause.to_owned(),
        });
    }

    fn drop_tones(&mut self, cause: &str, ctx: &mut Context<'_>) {
        self.tones.stop();
        ctx.emit(Event::Warning {
            stage: Stage::Invite,
            text: format!("a tone was not taken ({cause}); those after it are not sent"),
        });
    }
}
