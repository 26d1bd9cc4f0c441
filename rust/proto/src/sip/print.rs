//! Messages as bytes. Fields go out in their order and spelling; Content-Length always tells the body's length.
use super::header::{HeaderName, Headers, is_header_text};
use super::message::{Message, Request, Response};

impl Message {
    /// The message as it goes on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        match self {
            Self::Request(request) => request.to_bytes(),
            Self::Response(response) => response.to_bytes(),
        }
    }
}

impl Request {
    /// The request as it goes on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let start = [self.method.as_str(), " ", self.uri.as_str(), " SIP/2.0\r\n"];
        print(start, &self.headers, &self.body)
    }
}

impl Response {
    /// The response as it goes on the wire.
    pub fn to_bytes(&self) -> Vec<u8> {
        let status = self.status.to_string();
        let reason = if is_header_text(&self.reason) {
            self.reason.as_str()
        } else {
            ""
        };
        print(
            ["SIP/2.0 ", &status, " ", &[reason, "\r\n"].concat()],
            &self.headers,
            &self.body,
        )
    }
}

fn print(start: [&str; 4], headers: &Headers, body: &[u8]) -> Vec<u8> {
    let head = headers.lines().map(|(_, line)| line.len() + 2).sum::<usize>();
    let start_len = start.iter().map(|part| part.len()).sum::<usize>();
    let mut bytes = Vec::with_capacity(start_len + head + body.len() + 32);
    for part in start {
        bytes.extend_from_slice(part.as_bytes());
    }
    let told = headers.content_length().ok().flatten();
    let is_right = told.is_some_and(|length| length as usize == body.len());
    for (name, line) in headers.lines() {
        if is_right || name != HeaderName::ContentLength {
            bytes.extend_from_slice(line.as_bytes());
            bytes.extend_from_slice(b"\r\n");
        }
    }
    if !is_right {
        bytes.extend_from_slice(format!("Content-Length: {}\r\n", body.len()).as_bytes());
    }
    bytes.extend_from_slice(b"\r\n");
    bytes.extend_from_slice(body);
    bytes
}
