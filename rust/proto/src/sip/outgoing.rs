//! Requests of our own, with their header fields in JsSIP's order.
use super::header::{HeaderName, Headers};
use super::message::{Method, Request};
use super::uri::Uri;

/// What every request starts with: Route, Via, Max-Forwards, To, From, Call-ID, CSeq.
#[derive(Clone, Debug)]
pub struct RequestHead<'a> {
    /// Method, also of CSeq.
    pub method: Method,
    /// Request-URI.
    pub uri: Uri,
    /// Values of the Route headers.
    pub routes: &'a [String],
    /// Value of Via with its branch; see [`LocalHop::via`].
    pub via: String,
    /// Value of To with its tag, if there is one.
    pub to: &'a str,
    /// Value of From with its tag.
    pub from: &'a str,
    /// Call-ID.
    pub call_id: &'a str,
    /// Number of CSeq.
    pub cseq: u32,
}

impl RequestHead<'_> {
    /// The request; its own header fields follow by `push`, then [`Capabilities::close`].
    pub fn into_request(self) -> Request {
        let mut request = Request::new(self.method, self.uri);
        let headers = &mut request.headers;
        for route in self.routes {
            headers.push(HeaderName::Route, route);
        }
        headers.push(HeaderName::Via, self.via);
        // 70 less one, as JsSIP counts
        headers.push(HeaderName::MaxForwards, 69);
        headers.push(HeaderName::To, self.to);
        headers.push(HeaderName::From, self.from);
        headers.push(HeaderName::CallId, self.call_id);
        headers.push(HeaderName::CSeq, format_args!("{} {}", self.cseq, request.method));
        request
    }
}

/// What every request ends with.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Capabilities {
    /// Value of Allow.
    pub allow: String,
    /// Value of User-Agent.
    pub user_agent: String,
}

impl Capabilities {
    /// Pushes Allow, Supported and User-Agent.
    pub fn close(&self, headers: &mut Headers, supported: &str) {
        headers.push(HeaderName::Allow, &self.allow);
        headers.push(HeaderName::Supported, supported);
        headers.push(HeaderName::UserAgent, &self.user_agent);
    }
}

/// This end of the connection, as it stands in Via.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalHop {
    /// `WSS`, also on a `ws:` connection if the peer wants it so.
    pub transport: &'static str,
    /// `sent-by`; a client behind a WebSocket has none and uses a random name in `.invalid` (RFC 7118 §5.2.1).
    pub sent_by: String,
}

impl LocalHop {
    /// A value of Via.
    pub fn via(&self, branch: &str) -> String {
        format!("SIP/2.0/{} {};branch={branch}", self.transport, self.sent_by)
    }
}
