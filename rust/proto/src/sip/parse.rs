//! Parsing of a whole message, as WebSocket delivers it (RFC 3261 §7, RFC 7118 §4.2). Every step is linear in its length.
use super::header::{HeaderError, HeaderId, HeaderName, Headers, Line};
use super::message::{Message, Method, Request, Response};
use super::scan::{is_token, is_token_byte};
use super::uri::{Uri, UriError};

/// Largest message that is read, in bytes.
pub const MAX_MESSAGE: usize = 64 * 1024;
/// Most header fields that are read.
pub const MAX_HEADERS: usize = 128;

/// A message that was refused.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("SIP message refused: {kind}")]
pub struct ParseError {
    /// Why.
    pub kind: ParseErrorKind,
    /// What to answer, when it was a request that can be answered; its To has no tag of ours yet.
    pub response: Option<Box<Response>>,
}

/// Why a message was refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ParseErrorKind {
    /// Longer than [`MAX_MESSAGE`].
    #[error("longer than 64 kB")]
    TooLarge,
    /// More fields than [`MAX_HEADERS`].
    #[error("more than 128 header fields")]
    TooManyHeaders,
    /// No empty line behind the header.
    #[error("no end of the header")]
    Truncated,
    /// Neither a request line nor a status line.
    #[error("malformed start line")]
    StartLine,
    /// Not SIP/2.0.
    #[error("SIP version not supported")]
    Version,
    /// The Request-URI is none.
    #[error("Request-URI: {0}")]
    Uri(#[from] UriError),
    /// A line of the header has no name, or a line end that is not CR LF.
    #[error("malformed header line")]
    Line,
    /// A field that routes the message.
    #[error(transparent)]
    Header(#[from] HeaderError),
    /// CSeq names another method than the request line.
    #[error("CSeq does not match the method")]
    MethodMismatch,
    /// The same, and the request line's method is none that SIP has.
    #[error("CSeq does not match the method, which is unknown")]
    UnknownMethod,
    /// The body is shorter than Content-Length.
    #[error("body shorter than Content-Length")]
    Body,
}

impl ParseErrorKind {
    /// The status that answers a request refused for this.
    pub fn status(self) -> u16 {
        match self {
            Self::TooLarge => 513,
            Self::Version => 505,
            // the better of the two choices of RFC 4475 §3.1.2.18
            Self::UnknownMethod => 501,
            _ => 400,
        }
    }
}

impl Message {
    /// Parses one whole message. Via, From, To, Call-ID and CSeq are there and well-formed afterwards; other fields are
    /// read by whoever needs them.
    pub fn parse(bytes: &[u8]) -> Result<Self, ParseError> {
        if bytes.len() > MAX_MESSAGE {
            return Err(ParseError {
                kind: ParseErrorKind::TooLarge,
                response: None,
            });
        }
        let (head, rest) = split_head(bytes);
        let text = decode(head);
        let (lines, line_error) = index(&text);
        let start_line = first_line(&text);
        let start = StartLine::parse(start_line);
        let headers = Headers::indexed(text, lines);
        let message = rest.ok_or(ParseErrorKind::Truncated).and_then(|rest| {
            let start = start?;
            line_error.map_or(Ok(()), Err)?;
            let body = check(&start, &headers, rest)?.to_vec();
            Ok((start, body))
        });
        match message {
            Ok((start, body)) => Ok(start.with(headers, body)),
            Err(kind) => Err(ParseError {
                kind,
                response: refusal(head, &headers, kind),
            }),
        }
    }
}

/// What the first line says.
enum StartLine {
    Request(Method, Uri),
    Response(u16, String),
}

impl StartLine {
    fn parse(line: &str) -> Result<Self, ParseErrorKind> {
        let mut parts = line.splitn(3, ' ');
        let (first, second) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
        let third = parts.next();
        if first.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case("SIP/")) {
            return Self::status(first, second, third.unwrap_or_default());
        }
        let version = third.ok_or(ParseErrorKind::StartLine)?;
        if !is_token(first) || version.contains(' ') || !version.get(..4).is_some_and(is_sip) {
            return Err(ParseErrorKind::StartLine);
        }
        if !is_version(version) {
            return Err(ParseErrorKind::Version);
        }
        Ok(Self::Request(Method::from(first), Uri::parse_request_uri(second)?))
    }

    fn status(version: &str, status: &str, reason: &str) -> Result<Self, ParseErrorKind> {
        if !is_version(version) {
            return Err(ParseErrorKind::Version);
        }
        let is_number = status.len() == 3 && status.bytes().all(|byte| byte.is_ascii_digit());
        match status.parse() {
            Ok(status @ 100..700) if is_number => Ok(Self::Response(status, reason.to_owned())),
            _ => Err(ParseErrorKind::StartLine),
        }
    }

    fn with(self, headers: Headers, body: Vec<u8>) -> Message {
        match self {
            Self::Request(method, uri) => Message::Request(Request {
                method,
                uri,
                headers,
                body,
            }),
            Self::Response(status, reason) => Message::Response(Response {
                status,
                reason,
                headers,
                body,
            }),
        }
    }
}

fn is_sip(begin: &str) -> bool {
    begin.eq_ignore_ascii_case("SIP/")
}

fn is_version(text: &str) -> bool {
    text.eq_ignore_ascii_case("SIP/2.0")
}

/// The bytes of a header, with the line end of its last line.
#[derive(Clone, Copy)]
struct Head<'a> {
    bytes: &'a [u8],
    /// Whether a line goes on in the next one.
    is_folded: bool,
}

/// The header, and what follows the empty line, if there is one. Leading empty lines are skipped (RFC 3261 §7.5).
fn split_head(mut bytes: &[u8]) -> (Head<'_>, Option<&[u8]>) {
    while let Some(rest) = bytes.strip_prefix(b"\r\n") {
        bytes = rest;
    }
    let mut is_folded = false;
    for end in memchr::memchr_iter(b'\n', bytes) {
        match bytes.get(end + 1..) {
            Some([b' ' | b'\t', ..]) => is_folded = true,
            Some([b'\r', b'\n', body @ ..]) => {
                return (
                    Head {
                        bytes: bytes.get(..=end).unwrap_or_default(),
                        is_folded,
                    },
                    Some(body),
                );
            }
            _ => {}
        }
    }
    (Head { bytes, is_folded }, None)
}

/// The header as text. Folds become spaces (RFC 3261 §7.3.1). What is not UTF-8 is replaced: it can only be meant for
/// people (a reason phrase, a display name), and refusing the message would cost the call.
fn decode(head: Head<'_>) -> String {
    let mut bytes = head.bytes.to_vec();
    if head.is_folded {
        unfold(&mut bytes);
    }
    String::from_utf8(bytes).unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
}

fn unfold(bytes: &mut [u8]) {
    let ends: Vec<usize> = memchr::memchr_iter(b'\n', bytes).collect();
    for end in ends {
        if let Some([cr @ b'\r', lf, b' ' | b'\t']) =
            end.checked_sub(1).and_then(|start| bytes.get_mut(start..start + 3))
        {
            (*cr, *lf) = (b' ', b' ');
        }
    }
}

/// The start line; nothing when its line end is not CR LF.
fn first_line(text: &str) -> &str {
    let end = memchr::memchr2(b'\r', b'\n', text.as_bytes()).unwrap_or(text.len());
    let (line, rest) = text.split_at(end);
    if rest.starts_with("\r\n") { line } else { "" }
}

/// Finds the header fields of `text`, which starts with the start line. Lines that are none are left out and reported.
fn index(text: &str) -> (Vec<Line>, Option<ParseErrorKind>) {
    let mut lines = Vec::with_capacity(24);
    let mut error = None;
    let mut start = memchr::memchr(b'\n', text.as_bytes()).map_or(text.len(), |end| end + 1);
    while let Some(rest) = text.as_bytes().get(start..).filter(|rest| !rest.is_empty()) {
        let end = memchr::memchr2(b'\r', b'\n', rest).unwrap_or(rest.len());
        let line = rest.get(..end).unwrap_or_default();
        let is_ended = rest.get(end..end + 2) == Some(b"\r\n");
        match field(text, start, line).filter(|_| is_ended) {
            Some(field) if lines.len() < MAX_HEADERS => lines.push(field),
            Some(_) => return (lines, Some(ParseErrorKind::TooManyHeaders)),
            None => error = Some(ParseErrorKind::Line),
        }
        start += end + if is_ended { 2 } else { 1 };
    }
    (lines, error)
}

/// The field in the line of `text` that starts at `start`.
fn field(text: &str, start: usize, line: &[u8]) -> Option<Line> {
    let colon = memchr::memchr(b':', line)?;
    let name_end = start + line.get(..colon)?.trim_ascii_end().len();
    let name = text.get(start..name_end)?;
    let id = HeaderId::of(name);
    if id == HeaderId::Other && !is_token(name) {
        return None;
    }
    let value = line.get(colon + 1..)?.trim_ascii_start();
    let value_start = start + line.len() - value.len();
    let end = value_start + value.trim_ascii_end().len();
    let [start, name_end, value, end] = [start, name_end, value_start, end].map(|at| at as u32);
    Some(Line {
        id,
        start,
        name_end,
        value,
        end,
    })
}

/// Checks the fields that route a message, and cuts the body at Content-Length.
fn check<'a>(start: &StartLine, headers: &Headers, rest: &'a [u8]) -> Result<&'a [u8], ParseErrorKind> {
    headers.via()?;
    headers.from()?;
    headers.to()?;
    headers.call_id()?;
    let cseq = headers.cseq()?;
    if let StartLine::Request(method, _) = start
        && *method != cseq.method
    {
        return Err(match method {
            Method::Other(_) => ParseErrorKind::UnknownMethod,
            _ => ParseErrorKind::MethodMismatch,
        });
    }
    match headers.content_length()? {
        Some(length) => rest.get(..length as usize).ok_or(ParseErrorKind::Body),
        None => Ok(rest),
    }
}

/// The answer to a request that was refused, with what can be copied: it goes back on the connection that the request came
/// on, so a Via need not be well-formed. ACK is never answered.
fn refusal(head: Head<'_>, headers: &Headers, kind: ParseErrorKind) -> Option<Box<Response>> {
    let method = head.bytes.split(|byte| *byte == b' ').next().unwrap_or_default();
    let is_request = !method.is_empty() && method.iter().all(|byte| is_token_byte(*byte)) && method != b"ACK";
    let reason = match kind {
        ParseErrorKind::Version => "Version Not Supported",
        ParseErrorKind::UnknownMethod => "Not Implemented",
        _ => "Bad Request",
    };
    let is_answerable = is_request && headers.get(HeaderName::Via).is_some();
    is_answerable.then(|| Box::new(Response::answering(headers, kind.status(), reason, None, false)))
}

#[cfg(test)]
mod properties;
#[cfg(test)]
mod tests;
