//! Requests and responses (RFC 3261 §7).
use std::fmt;

use super::header::{HeaderName, Headers};
use super::uri::Uri;

/// A whole SIP message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Message {
    /// A request.
    Request(Request),
    /// A response.
    Response(Response),
}

/// A request.
#[derive(Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked for.
    pub method: Method,
    /// Request-URI.
    pub uri: Uri,
    /// Header fields; Content-Length is written by the printer from `body`, in its place or last.
    pub headers: Headers,
    /// Body, any bytes.
    pub body: Vec<u8>,
}

/// A response.
#[derive(Clone, PartialEq, Eq)]
pub struct Response {
    /// 100 to 699.
    pub status: u16,
    /// Reason phrase.
    pub reason: String,
    /// Header fields; Content-Length is written by the printer from `body`, in its place or last.
    pub headers: Headers,
    /// Body, any bytes.
    pub body: Vec<u8>,
}

/// A request's method; methods are told apart by case (RFC 3261 §7.1).
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
#[allow(missing_docs)] // the names are the registered methods
pub enum Method {
    Invite,
    Ack,
    Bye,
    Cancel,
    Register,
    Options,
    Info,
    Update,
    Prack,
    Message,
    Subscribe,
    Notify,
    Publish,
    Refer,
    /// Any other token.
    Other(String),
}

impl Message {
    /// The header fields of either kind.
    pub fn headers(&self) -> &Headers {
        match self {
            Self::Request(request) => &request.headers,
            Self::Response(response) => &response.headers,
        }
    }

    /// The body of either kind.
    pub fn body(&self) -> &[u8] {
        match self {
            Self::Request(request) => &request.body,
            Self::Response(response) => &response.body,
        }
    }
}

impl Request {
    /// A request without header fields and body.
    pub fn new(method: Method, uri: Uri) -> Self {
        Self {
            method,
            uri,
            headers: Headers::new(),
            body: Vec::new(),
        }
    }
}

impl Response {
    /// A response to a request, with the fields that RFC 3261 §8.2.6.2 copies, in JsSIP's order: Record-Route (where it may
    /// make a dialog), Via, To, From, Call-ID, CSeq. `tag` goes to a To that has none, unless the status is 100.
    pub fn new(request: &Request, status: u16, reason: &str, tag: Option<&str>) -> Self {
        let routes = request.method == Method::Invite && (101..300).contains(&status);
        Self::answering(&request.headers, status, reason, tag, routes)
    }

    pub(crate) fn answering(asked: &Headers, status: u16, reason: &str, tag: Option<&str>, routes: bool) -> Self {
        let mut headers = Headers::new();
        let mut copy = |name: HeaderName<'static>| asked.get_all(name).for_each(|value| headers.push(name, value));
        if routes {
            copy(HeaderName::RecordRoute);
        }
        copy(HeaderName::Via);
        for name in [HeaderName::To, HeaderName::From, HeaderName::CallId, HeaderName::CSeq] {
            if let Some(value) = asked.get(name) {
                headers.push(name, value);
            }
        }
        let untagged = asked.to().ok().filter(|to| to.tag().is_none() && status > 100);
        if let Some((to, tag)) = untagged.zip(tag) {
            headers.set(HeaderName::To, format_args!("{to};tag={tag}"));
        }
        Self {
            status,
            reason: reason.to_owned(),
            headers,
            body: Vec::new(),
        }
    }

    /// 1xx.
    pub fn is_provisional(&self) -> bool {
        self.status < 200
    }

    /// 2xx.
    pub fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

impl From<Request> for Message {
    fn from(request: Request) -> Self {
        Self::Request(request)
    }
}

impl From<Response> for Message {
    fn from(response: Response) -> Self {
        Self::Response(response)
    }
}

/// Shows the body's length only: it may hold keys.
impl fmt::Debug for Request {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {:?} body of {} bytes",
            self.method,
            self.uri,
            self.headers,
            self.body.len()
        )
    }
}

/// Shows the body's length only: it may hold keys.
impl fmt::Debug for Response {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} {} {:?} body of {} bytes",
            self.status,
            self.reason,
            self.headers,
            self.body.len()
        )
    }
}

impl Method {
    /// The method as it is written.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Invite => "INVITE",
            Self::Ack => "ACK",
            Self::Bye => "BYE",
            Self::Cancel => "CANCEL",
            Self::Register => "REGISTER",
            Self::Options => "OPTIONS",
            Self::Info => "INFO",
            Self::Update => "UPDATE",
            Self::Prack => "PRACK",
            Self::Message => "MESSAGE",
            Self::Subscribe => "SUBSCRIBE",
            Self::Notify => "NOTIFY",
            Self::Publish => "PUBLISH",
            Self::Refer => "REFER",
            Self::Other(text) => text,
        }
    }
}

impl From<&str> for Method {
    fn from(text: &str) -> Self {
        match text {
            "INVITE" => Self::Invite,
            "ACK" => Self::Ack,
            "BYE" => Self::Bye,
            "CANCEL" => Self::Cancel,
            "REGISTER" => Self::Register,
            "OPTIONS" => Self::Options,
            "INFO" => Self::Info,
            "UPDATE" => Self::Update,
            "PRACK" => Self::Prack,
            "MESSAGE" => Self::Message,
            "SUBSCRIBE" => Self::Subscribe,
            "NOTIFY" => Self::Notify,
            "PUBLISH" => Self::Publish,
            "REFER" => Self::Refer,
            other => Self::Other(other.to_owned()),
        }
    }
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
