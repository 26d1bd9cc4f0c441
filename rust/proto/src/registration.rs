//! The registration of one user at one registrar (RFC 3261 §10, RFC 5626, RFC 5627), kept alive until it is ended.
use std::time::{Duration, Instant};

use crate::call::end::{cause, cause_of_status};
use crate::io::{Event, RandomSource, Stage};
use crate::sip::digest::DigestError;
use crate::sip::header::HeaderName;
use crate::sip::{Method, NameAddr, Request, RequestHead, Response};
use crate::user_agent::context::Context;
use crate::user_agent::transactions::{Answer, Owner, Sent};

/// Shortest registration we believe, seconds.
const MIN_EXPIRES: u32 = 10;
/// How often a 423 may raise the interval of one registration.
const MAX_RAISES: u8 = 2;
/// When a refresh that failed for the moment is tried again.
const RETRY: Duration = Duration::from_secs(30);

/// What the REGISTER under way is for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Purpose {
    /// To register or refresh.
    Register,
    /// To end the registration.
    Unregister,
}

/// What became of a registration that is made again.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Renewal {
    Granted,
    /// Not granted, with status and reason phrase if there was a response.
    Refused {
        cause: String,
        status: Option<u16>,
        reason: Option<String>,
    },
}

/// State of the registration.
#[derive(Debug)]
pub(crate) struct Registration {
    call_id: String,
    /// A new one for each registration, refresh and un-registration.
    from_tag: String,
    cseq: u32,
    expires: u32,
    raises: u8,
    under_way: Option<Purpose>,
    is_registered: bool,
    /// The client disconnects: a registration that is granted now is ended again.
    is_leaving: bool,
    refresh_at: Option<Instant>,
    /// There was one on this or an earlier connection.
    was_granted: bool,
    /// Made again: its refusal is not told, but kept in `renewal`.
    is_renewing: bool,
    renewal: Option<Renewal>,
}

impl Registration {
    pub(crate) fn new(expires: u32, ctx: &mut Context<'_>) -> Self {
        Self {
            call_id: ctx.token(),
            from_tag: String::new(),
            cseq: 0,
            expires: expires.max(MIN_EXPIRES),
            raises: 0,
            under_way: None,
            is_registered: false,
            is_leaving: false,
            refresh_at: None,
            was_granted: false,
            is_renewing: false,
            renewal: None,
        }
    }

    /// Whether the registrar has ever granted it.
    pub(crate) fn was_granted(&self) -> bool {
        self.was_granted
    }

    /// Whether there is none, and none is being made.
    pub(crate) fn is_missing(&self) -> bool {
        !self.is_registered && self.under_way.is_none()
    }

    /// Registers again, on a new connection or on the same one; what becomes of it is for [`Self::take_renewal`].
    pub(crate) fn renew(&mut self, ctx: &mut Context<'_>) {
        self.is_renewing = true;
        self.register(ctx);
    }

    /// What became of [`Self::renew`], once it is known.
    pub(crate) fn take_renewal(&mut self) -> Option<Renewal> {
        self.renewal.take()
    }

    /// Sends the first REGISTER.
    pub(crate) fn register(&mut self, ctx: &mut Context<'_>) {
        self.refresh_at = None;
        self.raises = 0;
        self.send(Purpose::Register, ctx);
    }

    /// It was refused and that was told: it is over, and perhaps tried again later.
    pub(crate) fn lapse(&mut self, is_tried_again: bool, ctx: &mut Context<'_>) {
        self.forget(ctx);
        self.refresh_at = is_tried_again.then(|| ctx.now + RETRY);
    }

    /// Ends the registration, if there is one; one that is just being made is ended when it is granted.
    pub(crate) fn leave(&mut self, ctx: &mut Context<'_>) {
        self.is_leaving = true;
        self.is_renewing = false;
        self.refresh_at = None;
        if self.is_registered && self.under_way.is_none() {
            self.send(Purpose::Unregister, ctx);
        }
    }

    /// Takes what became of a REGISTER.
    pub(crate) fn handle_answer(&mut self, answer: Answer, ctx: &mut Context<'_>) {
        let Some(purpose) = self.under_way else { return };
        match answer.response {
            None => self.fail(cause::REQUEST_TIMEOUT, None, ctx),
            Some(response) => match response.status {
                ..200 => {}
                200..300 => self.accept(purpose, &response, ctx),
                401 | 407 => self.authenticate(answer.sent, &response, ctx),
                423 if purpose == Purpose::Register => self.raise(&response, ctx),
                status => self.fail(cause_of_status(status), Some(&response), ctx),
            },
        }
    }

    /// The WebSocket is gone. `Unregistered` follows `Disconnected`; see [`Self::forget`].
    pub(crate) fn handle_connection_lost(&mut self, ctx: &mut Context<'_>) {
        self.refresh_at = None;
        let was = self.under_way.take();
        if was == Some(Purpose::Register) && !self.is_leaving {
            ctx.emit(Event::RegistrationFailed {
                cause: cause::CONNECTION_ERROR.to_owned(),
                status: None,
                reason: None,
            });
        }
    }

    /// Says that the registration is over, if there was one.
    pub(crate) fn forget(&mut self, ctx: &mut Context<'_>) {
        self.under_way = None;
        self.refresh_at = None;
        (self.is_renewing, self.renewal) = (false, None);
        if std::mem::take(&mut self.is_registered) {
            ctx.emit(Event::Unregistered);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.refresh_at
    }

    /// Refreshes when it is time.
    pub(crate) fn handle_timeout(&mut self, ctx: &mut Context<'_>) {
        if self.refresh_at.is_some_and(|at| at <= ctx.now) {
            self.renew(ctx);
        }
    }

    /// Starts a new series of REGISTERs with the next CSeq.
    fn send(&mut self, purpose: Purpose, ctx: &mut Context<'_>) {
        self.under_way = Some(purpose);
        self.from_tag = ctx.token();
        self.cseq = self.cseq.saturating_add(1);
        let request = self.request(purpose, ctx);
        if !ctx.request(Owner::Registration, request) {
            self.fail(cause::INTERNAL_ERROR, None, ctx);
        }
    }

    /// Expires before Contact when registering, behind it when un-registering, as JsSIP does.
    fn request(&self, purpose: Purpose, ctx: &mut Context<'_>) -> Request {
        let via = ctx.via();
        let identity = &ctx.signaling.identity;
        let address = format!("<{}>", identity.address_of_record());
        let mut request = RequestHead {
            method: Method::Register,
            uri: identity.registrar().clone(),
            routes: &[],
            via,
            to: &address,
            from: &format!("{address};tag={}", self.from_tag),
            call_id: &self.call_id,
            cseq: self.cseq,
        }
        .into_request();
        let expires = if purpose == Purpose::Register { self.expires } else { 0 };
        let contact = (HeaderName::Contact, identity.registration_contact(expires));
        let expires = (HeaderName::Expires, expires.to_string());
        let mut fields = [expires, contact];
        if purpose == Purpose::Unregister {
            fields.reverse();
        }
        for (name, value) in fields {
            request.headers.push(name, value);
        }
        request
    }

    fn accept(&mut self, purpose: Purpose, response: &Response, ctx: &mut Context<'_>) {
        if purpose == Purpose::Unregister {
            return self.forget(ctx);
        }
        let contacts: Vec<NameAddr<'_>> = response.headers.contacts().filter_map(Result::ok).collect();
        let identity = &mut ctx.signaling.identity;
        let Some(ours) = contacts.iter().find(|contact| identity.is_ours(contact)) else {
            return self.fail_without_contact(response, ctx);
        };
        identity.grant(ours);
        let is_followed = identity.follow_service_route(&response.headers);
        let granted = ours.params().get("expires").and_then(|text| text.parse().ok());
        let expires = granted
            .or(response.headers.expires().ok().flatten())
            .unwrap_or(self.expires);
        if !is_followed {
            ctx.emit(Event::Warning {
                stage: Stage::Register,
                text: "the registrar's Service-Route cannot be followed; calls go without it".to_owned(),
            });
        }
        self.granted(expires, ctx);
    }

    fn granted(&mut self, expires: u32, ctx: &mut Context<'_>) {
        self.under_way = None;
        if self.is_leaving {
            // one that was never told ends untold
            return self.send(Purpose::Unregister, ctx);
        }
        self.was_granted = true;
        if std::mem::take(&mut self.is_renewing) {
            self.renewal = Some(Renewal::Granted);
        }
        let was_registered = std::mem::replace(&mut self.is_registered, true);
        self.refresh_at = Some(ctx.now + refresh_delay(expires, ctx.core.random.as_mut()));
        if !was_registered {
            ctx.emit(Event::Registered);
        }
    }

    /// JsSIP ignores such an answer and waits for ever; the client is better told.
    fn fail_without_contact(&mut self, response: &Response, ctx: &mut Context<'_>) {
        let mut told = response.clone();
        "the registrar's answer has no Contact of ours".clone_into(&mut told.reason);
        self.fail(cause::SIP_FAILURE_CODE, Some(&told), ctx);
    }

    fn authenticate(&mut self, sent: Sent, response: &Response, ctx: &mut Context<'_>) {
        self.cseq = self.cseq.saturating_add(1);
        let answered = ctx.answer_challenge(sent, response, self.cseq);
        if let Err(error) = answered {
            let mut told = response.clone();
            if error != DigestError::Refused.into() {
                told.reason = error.to_string();
            }
            self.fail(cause::AUTHENTICATION_ERROR, Some(&told), ctx);
        }
    }

    /// 423: adopts Min-Expires and tries again (RFC 3261 §10.2.8).
    fn raise(&mut self, response: &Response, ctx: &mut Context<'_>) {
        let minimum = response.headers.min_expires().ok().flatten();
        let raised = minimum.map(|seconds| seconds.max(MIN_EXPIRES));
        match raised.filter(|seconds| *seconds > self.expires && self.raises < MAX_RAISES) {
            Some(expires) => {
                self.expires = expires;
                self.raises += 1;
                self.send(Purpose::Register, ctx);
            }
            None => self.fail(cause::SIP_FAILURE_CODE, Some(response), ctx),
        }
    }

    fn fail(&mut self, cause: &str, response: Option<&Response>, ctx: &mut Context<'_>) {
        let purpose = self.under_way.take();
        let cause = cause.to_owned();
        let status = response.map(|response| response.status);
        let reason = response.map(|response| response.reason.clone());
        if std::mem::take(&mut self.is_renewing) {
            self.renewal = Some(Renewal::Refused { cause, status, reason });
            return;
        }
        if purpose == Some(Purpose::Register) && !self.is_leaving {
            ctx.emit(Event::RegistrationFailed { cause, status, reason });
        }
        self.forget(ctx);
    }
}

/// When to refresh: JsSIP draws from the second half of a long registration, up to 32 s before its end, and takes a short
/// one up to 5 s before its end.
fn refresh_delay(expires: u32, random: &mut dyn RandomSource) -> Duration {
    let expires = u64::from(expires.max(MIN_EXPIRES));
    if expires <= 64 {
        return Duration::from_secs(expires - 5);
    }
    let (first, last) = (expires * 500, (expires - 32) * 1000);
    Duration::from_millis(first + random.below(last - first + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fixed(u64);

    impl RandomSource for Fixed {
        fn fill(&mut self, bytes: &mut [u8]) {
            for (byte, value) in bytes.iter_mut().zip(self.0.to_le_bytes()) {
                *byte = value;
            }
        }
    }

    #[test]
    fn refresh_comes_in_time() {
        let milliseconds = |expires, draw| refresh_delay(expires, &mut Fixed(draw)).as_millis();
        assert_eq!(milliseconds(0, 0), 5_000);
        assert_eq!(milliseconds(60, 7), 55_000);
        assert_eq!(milliseconds(64, 7), 59_000);
        assert_eq!(milliseconds(65, 0), 32_500);
        assert_eq!(milliseconds(65, 500), 33_000);
        assert_eq!(milliseconds(600, 0), 300_000);
        assert_eq!(milliseconds(600, 268_000), 568_000);
    }
}
