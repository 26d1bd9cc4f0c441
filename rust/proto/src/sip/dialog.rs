//! Dialogs (RFC 3261 §12), of the side that called and of the side that was called.
use super::header::{HeaderError, HeaderName, Headers, NameAddr};
use super::message::{Method, Request, Response};
use super::outgoing::RequestHead;
use super::uri::Uri;

/// What names a dialog.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct DialogId {
    /// Call-ID.
    pub call_id: String,
    /// Our tag.
    pub local_tag: String,
    /// The peer's tag; empty if it sent none (RFC 2543).
    pub remote_tag: String,
}

/// Whether the peer has accepted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DialogState {
    /// A provisional response made it.
    Early,
    /// A 2xx made or confirmed it.
    Confirmed,
}

/// Where and how requests to the peer go, and which of its requests are next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Dialog {
    id: DialogId,
    state: DialogState,
    /// From of our requests.
    local: String,
    /// To of our requests.
    remote: String,
    remote_target: Uri,
    route_set: Vec<String>,
    local_cseq: u32,
    remote_cseq: Option<u32>,
}

/// A request in the dialog that is to be refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DialogRequestError {
    /// Its CSeq is not higher than that of an earlier one: 500 (RFC 3261 §12.2.2).
    #[error("CSeq out of order")]
    OutOfOrder,
    /// CSeq or Contact cannot be read: 400.
    #[error(transparent)]
    Header(#[from] HeaderError),
}

impl DialogRequestError {
    /// The status to answer.
    pub fn status(self) -> u16 {
        match self {
            Self::OutOfOrder => 500,
            Self::Header(_) => 400,
        }
    }
}

impl Dialog {
    /// The caller's dialog (§12.1.2), early or confirmed by the response's status. Its To must have a tag, or none in a
    /// 2xx; it must have a Contact.
    pub fn from_response(request: &Request, response: &Response) -> Result<Self, HeaderError> {
        let (local, remote) = (request.headers.from()?, response.headers.to()?);
        if remote.tag().is_none() && !response.is_success() {
            return Err(HeaderError::Malformed("To"));
        }
        Ok(Self {
            id: DialogId::new(response.headers.call_id()?, &local, &remote),
            state: if response.is_success() {
                DialogState::Confirmed
            } else {
                DialogState::Early
            },
            local: local.to_string(),
            remote: remote.to_string(),
            remote_target: contact(&response.headers)?,
            route_set: route_set_of_caller(response)?,
            local_cseq: request.headers.cseq()?.number,
            remote_cseq: None,
        })
    }

    /// The called side's dialog (§12.1.1), early. `local_tag` goes into our responses, `local_cseq` is the number before
    /// that of our first request.
    pub fn from_request(request: &Request, local_tag: &str, local_cseq: u32) -> Result<Self, HeaderError> {
        let (local, remote) = (request.headers.to()?, request.headers.from()?);
        let call_id = request.headers.call_id()?.to_owned();
        let remote_tag = remote.tag().unwrap_or_default().to_owned();
        let routes = request.headers.record_routes().map(|route| Ok(route?.to_string()));
        Ok(Self {
            id: DialogId {
                call_id,
                local_tag: local_tag.to_owned(),
                remote_tag,
            },
            state: DialogState::Early,
            local: format!("{local};tag={local_tag}"),
            remote: remote.to_string(),
            remote_target: contact(&request.headers)?,
            route_set: routes.collect::<Result<_, HeaderError>>()?,
            local_cseq,
            remote_cseq: Some(request.headers.cseq()?.number),
        })
    }

    /// Call-ID and tags.
    pub fn id(&self) -> &DialogId {
        &self.id
    }

    /// Early or confirmed.
    pub fn state(&self) -> DialogState {
        self.state
    }

    /// The peer's Contact: Request-URI of our requests.
    pub fn remote_target(&self) -> &Uri {
        &self.remote_target
    }

    /// The caller's dialog is confirmed by a 2xx: route set and target are taken from it anew (§13.2.2.4). Without a Contact
    /// the early dialog's target stays.
    pub fn confirm(&mut self, response: &Response) -> Result<(), HeaderError> {
        let (contact, route_set) = (response.headers.contact()?, route_set_of_caller(response)?);
        if let Some(contact) = contact {
            self.remote_target = contact.uri().to_request_uri();
        }
        if self.state == DialogState::Early {
            self.route_set = route_set;
        }
        self.state = DialogState::Confirmed;
        Ok(())
    }

    /// The called side has sent its 2xx.
    pub fn confirm_called(&mut self) {
        self.state = DialogState::Confirmed;
    }

    /// Whether a request that arrived belongs here (§12.2.2).
    pub fn matches_request(&self, request: &Request) -> bool {
        let headers = &request.headers;
        let ends = headers.to().ok().zip(headers.from().ok());
        let id = headers
            .call_id()
            .ok()
            .zip(ends)
            .map(|(call_id, (to, from))| DialogId::new(call_id, &to, &from));
        id.as_ref() == Some(&self.id)
    }

    /// Whether a response to a request of ours belongs here.
    pub fn matches_response(&self, response: &Response) -> bool {
        let headers = &response.headers;
        let ends = headers.from().ok().zip(headers.to().ok());
        let id = headers
            .call_id()
            .ok()
            .zip(ends)
            .map(|(call_id, (from, to))| DialogId::new(call_id, &from, &to));
        id.as_ref() == Some(&self.id)
    }

    /// The head of the next request in the dialog, with the next CSeq. ACK and CANCEL are made elsewhere: [`Self::ack`],
    /// [`cancel`](super::transaction::InviteClientTransaction::cancel).
    pub fn request(&mut self, method: Method, via: String) -> Request {
        let cseq = self.next_cseq();
        self.head(method, cseq, via)
    }

    /// The number of the next request, when one that was made before is sent again with credentials.
    pub fn next_cseq(&mut self) -> u32 {
        self.local_cseq = self.local_cseq.saturating_add(1);
        self.local_cseq
    }

    /// The head of the ACK of a 2xx (§13.2.2.4), with the CSeq number of its INVITE.
    pub fn ack(&self, cseq: u32, via: String) -> Request {
        self.head(Method::Ack, cseq, via)
    }

    /// Takes a request that [matches](Self::matches_request) and is no ACK, CANCEL or retransmission: checks its order,
    /// takes its Contact if its method moves the target.
    pub fn handle_request(&mut self, request: &Request) -> Result<(), DialogRequestError> {
        let number = request.headers.cseq()?.number;
        if self.remote_cseq.is_some_and(|last| number <= last) {
            return Err(DialogRequestError::OutOfOrder);
        }
        self.refresh_target(&request.method, &request.headers)?;
        self.remote_cseq = Some(number);
        Ok(())
    }

    /// Takes a 2xx to a request of ours in the dialog: its Contact moves the target (§12.2.1.2).
    pub fn handle_success(&mut self, method: &Method, response: &Response) -> Result<(), HeaderError> {
        self.refresh_target(method, &response.headers)
    }

    fn refresh_target(&mut self, method: &Method, headers: &Headers) -> Result<(), HeaderError> {
        let refreshes = matches!(
            method,
            Method::Invite | Method::Update | Method::Subscribe | Method::Notify | Method::Refer
        );
        if let (true, Some(contact)) = (refreshes, headers.contact()?) {
            self.remote_target = contact.uri().to_request_uri();
        }
        Ok(())
    }

    /// Loose routing keeps the target in the Request-URI, strict routing puts it last in the route (§12.2.1.1).
    fn head(&self, method: Method, cseq: u32, via: String) -> Request {
        let strict = self.route_set.first().and_then(|route| strict_router(route));
        let mut routes = self.route_set.clone();
        let uri = match strict {
            None => self.remote_target.clone(),
            Some(next_hop) => {
                routes.remove(0);
                routes.push(format!("<{}>", self.remote_target));
                next_hop
            }
        };
        let (to, from, call_id) = (&self.remote, &self.local, &self.id.call_id);
        RequestHead {
            method,
            uri,
            routes: &routes,
            via,
            to,
            from,
            call_id,
            cseq,
        }
        .into_request()
    }
}

impl DialogId {
    fn new(call_id: &str, local: &NameAddr<'_>, remote: &NameAddr<'_>) -> Self {
        let tag = |end: &NameAddr<'_>| end.tag().unwrap_or_default().to_owned();
        Self {
            call_id: call_id.to_owned(),
            local_tag: tag(local),
            remote_tag: tag(remote),
        }
    }
}

/// The URI of a route that does not say it routes loosely.
fn strict_router(route: &str) -> Option<Uri> {
    let uri = NameAddr::parse(route)?.uri();
    (!uri.params().has("lr")).then(|| uri.to_request_uri())
}

fn contact(headers: &Headers) -> Result<Uri, HeaderError> {
    let contact = headers
        .contact()?
        .ok_or(HeaderError::Missing(HeaderName::Contact.as_str()))?;
    Ok(contact.uri().to_request_uri())
}

/// Record-Routes of the response in reverse order (§12.1.2).
fn route_set_of_caller(response: &Response) -> Result<Vec<String>, HeaderError> {
    let routes: Result<Vec<String>, HeaderError> = response
        .headers
        .record_routes()
        .map(|route| Ok(route?.to_string()))
        .collect();
    routes.map(|mut routes| {
        routes.reverse();
        routes
    })
}

#[cfg(test)]
mod tests;
