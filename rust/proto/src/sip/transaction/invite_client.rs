//! INVITE client transaction (RFC 3261 §17.1.1, RFC 6026 §7.2), with the CANCEL of §9.1.
use std::time::Instant;

use super::timers::{Expiry, TRANSACTION_TIMEOUT};
use crate::sip::header::HeaderName;
use crate::sip::{Headers, Method, Reason, Request, Response};

/// An INVITE that waits for its final response.
#[derive(Clone, Debug)]
pub struct InviteClientTransaction {
    invite: Request,
    state: State,
}

/// What a response to INVITE means to the transaction's user.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum InviteResponse {
    /// Not for the user.
    Absorbed,
    /// 1xx.
    Provisional,
    /// 2xx, the first or a further one (again, or from another branch): the user sends the ACK.
    Success,
    /// 3xx to 6xx, and the ACK to be sent; the transaction is over.
    Rejected(Box<Request>),
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    /// Until timer B.
    Calling(Instant),
    /// For as long as it rings, unless it was cancelled: then `64*T1` (RFC 3261 §9.1).
    Proceeding(Option<Instant>),
    /// Until timer M.
    Accepted(Instant),
    /// Completed lasts for timer D, which is zero.
    Terminated,
}

impl InviteClientTransaction {
    /// Starts when the INVITE is sent.
    pub fn new(invite: Request, now: Instant) -> Self {
        Self {
            invite,
            state: State::Calling(now + TRANSACTION_TIMEOUT),
        }
    }

    /// The INVITE.
    pub fn invite(&self) -> &Request {
        &self.invite
    }

    /// Takes a response whose key is this transaction's.
    pub fn handle_response(&mut self, response: &Response, now: Instant) -> InviteResponse {
        match self.state {
            State::Calling(_) => self.calling(response, now),
            State::Proceeding(_) => self.proceeding(response, now),
            State::Accepted(_) => Self::accepted(response),
            State::Terminated => InviteResponse::Absorbed,
        }
    }

    /// The CANCEL, a request with a transaction of its own. `None` before the first 1xx, when it must wait, and after the
    /// final response, when it is too late (RFC 3261 §9.1).
    pub fn cancel(&mut self, reason: Option<&Reason<'_>>, now: Instant) -> Option<Request> {
        let State::Proceeding(deadline) = self.state else {
            return None;
        };
        self.state = State::Proceeding(deadline.or(Some(now + TRANSACTION_TIMEOUT)));
        Some(hop_request(&self.invite, &Method::Cancel, &self.invite.headers, reason))
    }

    /// The INVITE is sent again on a new connection: what it waits for has its whole time again.
    pub fn restart(&mut self, now: Instant) {
        let end = now + TRANSACTION_TIMEOUT;
        self.state = match self.state {
            State::Calling(_) => State::Calling(end),
            State::Proceeding(deadline) => State::Proceeding(deadline.map(|_| end)),
            State::Accepted(_) => State::Accepted(end),
            State::Terminated => State::Terminated,
        };
    }

    /// The CANCEL of an INVITE whose connection was lost. Nothing of the old connection can arrive behind it, so it need
    /// not wait for a provisional response. `None` after the final one.
    pub fn abandon(&mut self, reason: Option<&Reason<'_>>, now: Instant) -> Option<Request> {
        if let State::Calling(_) = self.state {
            self.state = State::Proceeding(None);
        }
        self.cancel(reason, now)
    }

    /// The transport failed; the user is told by whoever knows why.
    pub fn handle_transport_error(&mut self) {
        self.state = State::Terminated;
    }

    /// To be called when [`Self::poll_timeout`] has come.
    pub fn handle_timeout(&mut self, now: Instant) -> Expiry {
        if self.poll_timeout().is_none_or(|end| now < end) {
            return Expiry::Pending;
        }
        let was = std::mem::replace(&mut self.state, State::Terminated);
        if matches!(was, State::Accepted(_)) {
            Expiry::Terminated
        } else {
            Expiry::TimedOut
        }
    }

    /// When something is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Calling(end) | State::Proceeding(Some(end)) | State::Accepted(end) => Some(end),
            State::Proceeding(None) | State::Terminated => None,
        }
    }

    /// Whether it may be dropped.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }

    fn calling(&mut self, response: &Response, now: Instant) -> InviteResponse {
        if response.is_provisional() {
            self.state = State::Proceeding(None);
        }
        self.proceeding(response, now)
    }

    fn proceeding(&mut self, response: &Response, now: Instant) -> InviteResponse {
        if response.is_provisional() {
            return InviteResponse::Provisional;
        }
        if response.is_success() {
            self.state = State::Accepted(now + TRANSACTION_TIMEOUT);
            return InviteResponse::Success;
        }
        self.state = State::Terminated;
        InviteResponse::Rejected(Box::new(hop_request(
            &self.invite,
            &Method::Ack,
            &response.headers,
            None,
        )))
    }

    /// RFC 6026 §7.2: further 2xx go to the user, anything else is dropped.
    fn accepted(response: &Response) -> InviteResponse {
        if response.is_success() {
            InviteResponse::Success
        } else {
            InviteResponse::Absorbed
        }
    }
}

/// ACK of a refusal (RFC 3261 §17.1.1.3, To from the response) or CANCEL (§9.1, To from the INVITE): they follow the
/// INVITE's way with its topmost Via. What the user agent says of itself is repeated as JsSIP does.
fn hop_request(invite: &Request, method: &Method, to: &Headers, reason: Option<&Reason<'_>>) -> Request {
    let mut request = Request::new(method.clone(), invite.uri.clone());
    let headers = &mut request.headers;
    let mut copy = |from: &Headers, name: HeaderName<'static>| {
        from.get_all(name).for_each(|value| headers.push(name, value));
    };
    copy(&invite.headers, HeaderName::Route);
    let via = invite.headers.values(HeaderName::Via).next();
    headers.push(HeaderName::Via, via.unwrap_or_default());
    headers.push(
        HeaderName::MaxForwards,
        invite.headers.get(HeaderName::MaxForwards).unwrap_or("69"),
    );
    headers.push(HeaderName::To, to.get(HeaderName::To).unwrap_or_default());
    for name in [HeaderName::From, HeaderName::CallId] {
        headers.push(name, invite.headers.get(name).unwrap_or_default());
    }
    let number = invite.headers.cseq().map_or(0, |cseq| cseq.number);
    headers.push(HeaderName::CSeq, format_args!("{number} {method}"));
    if let Some(reason) = reason {
        headers.push(HeaderName::Reason, reason);
    }
    repeat_capabilities(&invite.headers, headers);
    request
}

fn repeat_capabilities(invite: &Headers, headers: &mut Headers) {
    if let Some(allow) = invite.get(HeaderName::Allow) {
        headers.push(HeaderName::Allow, allow);
    }
    if invite.lists(HeaderName::Supported, "outbound") {
        headers.push(HeaderName::Supported, "outbound");
    }
    if let Some(agent) = invite.get(HeaderName::UserAgent) {
        headers.push(HeaderName::UserAgent, agent);
    }
}
