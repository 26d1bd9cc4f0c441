//! The header fields of a message, in their order.
use std::fmt::{self, Write};

use super::name::HeaderId;
use super::{HeaderError, HeaderName};
use crate::sip::scan::{is_token, split_unquoted};

/// Header fields in the order in which they came or were pushed, known or not, in one buffer.
#[derive(Clone, Default)]
pub struct Headers {
    text: String,
    lines: Vec<Line>,
}

/// Where a field lies in the buffer.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Line {
    pub(crate) id: HeaderId,
    /// First byte of the name.
    pub(crate) start: u32,
    /// First byte behind the name.
    pub(crate) name_end: u32,
    /// First byte of the value.
    pub(crate) value: u32,
    /// First byte behind the value.
    pub(crate) end: u32,
}

impl Headers {
    /// No fields.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes over a parser's index of `text`.
    pub(crate) fn indexed(text: String, lines: Vec<Line>) -> Self {
        Self { text, lines }
    }

    /// How many fields there are.
    pub fn len(&self) -> usize {
        self.lines.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Name and value of each field, in order; folded values are unfolded, values are trimmed.
    pub fn iter(&self) -> impl Iterator<Item = (HeaderName<'_>, &str)> {
        self.lines
            .iter()
            .map(|line| (HeaderName::from_id(line.id, self.name_of(line)), self.value_of(line)))
    }

    /// The first field of this name.
    pub fn get<'n>(&self, name: impl Into<HeaderName<'n>>) -> Option<&str> {
        self.get_all(name).next()
    }

    /// Every field of this name, each whole.
    pub fn get_all<'n>(&self, name: impl Into<HeaderName<'n>>) -> impl Iterator<Item = &str> {
        let name = name.into();
        self.lines
            .iter()
            .filter(move |line| self.is_named(line, name))
            .map(|line| self.value_of(line))
    }

    /// Every value of this name, fields split at their commas. Not for Authorization and challenges, whose parameters
    /// stand between commas (RFC 3261 §7.3.1).
    pub fn values<'n>(&self, name: impl Into<HeaderName<'n>>) -> impl Iterator<Item = &str> {
        self.get_all(name).flat_map(split_commas)
    }

    /// Whether a list such as Supported or Require names this option, in any case.
    pub fn lists<'n>(&self, name: impl Into<HeaderName<'n>>, option: &str) -> bool {
        self.values(name).any(|value| value.eq_ignore_ascii_case(option))
    }

    /// Adds a field behind all others, its value trimmed. Line ends in it become spaces: no value makes a field of its own.
    pub fn push<'n>(&mut self, name: impl Into<HeaderName<'n>>, value: impl fmt::Display) {
        let line = self.write_line(name.into(), value);
        self.lines.push(line);
    }

    /// [`Self::push`] for text from outside: refuses a name that is no token and a value with line ends or NUL.
    pub fn try_push(&mut self, name: &str, value: &str) -> Result<(), HeaderError> {
        if !is_token(name) || !is_header_text(value) {
            return Err(HeaderError::Malformed("custom"));
        }
        self.push(name, value);
        Ok(())
    }

    /// Replaces the first field of this name in its place and removes the others; pushes when there is none.
    pub fn set<'n>(&mut self, name: impl Into<HeaderName<'n>>, value: impl fmt::Display) {
        let name = name.into();
        let line = self.write_line(name, value);
        let at = self
            .lines
            .iter()
            .position(|line| self.is_named(line, name))
            .unwrap_or(self.lines.len());
        self.remove(name);
        self.lines.insert(at, line);
    }

    /// Removes all fields of this name; whether there were any.
    pub fn remove<'n>(&mut self, name: impl Into<HeaderName<'n>>) -> bool {
        let name = name.into();
        let mut lines = std::mem::take(&mut self.lines);
        let before = lines.len();
        lines.retain(|line| !self.is_named(line, name));
        self.lines = lines;
        self.lines.len() < before
    }

    /// Name and line (without its end) of each field.
    pub(crate) fn lines(&self) -> impl Iterator<Item = (HeaderName<'_>, &str)> {
        let name = |line: &Line| HeaderName::from_id(line.id, self.name_of(line));
        self.lines
            .iter()
            .map(move |line| (name(line), self.slice(line.start, line.end)))
    }

    fn write_line(&mut self, name: HeaderName<'_>, value: impl fmt::Display) -> Line {
        let start = self.text.len();
        self.text
            .extend(name.as_str().chars().filter(|char| !matches!(char, '\r' | '\n' | ':')));
        let name_end = self.text.len();
        self.text.push_str(": ");
        let value_start = self.text.len();
        // writing to a String cannot fail; a Display that reports an error leaves what it wrote
        let _ = write!(OneLine(&mut self.text), "{value}");
        self.trim_from(value_start);
        let [start, name_end, value, end] = [start, name_end, value_start, self.text.len()].map(|at| at as u32);
        self.text.push_str("\r\n");
        Line {
            id: name.id(),
            start,
            name_end,
            value,
            end,
        }
    }

    fn trim_from(&mut self, start: usize) {
        let written = self.text.get(start..).unwrap_or_default();
        let end = start + written.trim_ascii_end().len();
        let leading = written.len() - written.trim_ascii_start().len();
        self.text.truncate(end);
        if end > start && leading > 0 {
            self.text.drain(start..start + leading);
        }
    }

    fn is_named(&self, line: &Line, name: HeaderName<'_>) -> bool {
        match name {
            HeaderName::Other(text) => line.id == HeaderId::Other && self.name_of(line).eq_ignore_ascii_case(text),
            known => line.id == known.id(),
        }
    }

    fn name_of(&self, line: &Line) -> &str {
        self.slice(line.start, line.name_end)
    }

    fn value_of(&self, line: &Line) -> &str {
        self.slice(line.value, line.end)
    }

    fn slice(&self, start: u32, end: u32) -> &str {
        self.text.get(start as usize..end as usize).unwrap_or_default()
    }
}

/// Same names (in any spelling) and values in the same order.
impl PartialEq for Headers {
    fn eq(&self, other: &Self) -> bool {
        let same = |((a, x), (b, y)): ((HeaderName<'_>, &str), (HeaderName<'_>, &str))| {
            a.id() == b.id() && a.as_str().eq_ignore_ascii_case(b.as_str()) && x == y
        };
        self.len() == other.len() && self.iter().zip(other.iter()).all(same)
    }
}

impl Eq for Headers {}

/// Shows no credentials, challenges or unknown fields: those may hold secrets and user data.
impl fmt::Debug for Headers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_map()
            .entries(self.iter().map(|(name, value)| (name.as_str(), shown(name, value))))
            .finish()
    }
}

/// Longest text of a user's that becomes part of one header field, in bytes; real ones are a tenth of it.
pub const MAX_TEXT: usize = 1024;

/// Whether text may be a header's value: no line end, no NUL.
pub fn is_header_text(text: &str) -> bool {
    !text.contains(['\r', '\n', '\0'])
}

fn shown<'a>(name: HeaderName<'_>, value: &'a str) -> &'a str {
    match name {
        HeaderName::Authorization
        | HeaderName::ProxyAuthorization
        | HeaderName::AuthenticationInfo
        | HeaderName::WwwAuthenticate
        | HeaderName::ProxyAuthenticate
        | HeaderName::Other(_) => "***",
        _ => value,
    }
}

/// Values between commas outside quotes and brackets; empty ones are left out.
fn split_commas(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let (value, after) = split_unquoted(rest?, b',');
        rest = after;
        Some(value.trim())
    })
    .filter(|value| !value.is_empty())
}

/// Writes text without line ends. NUL stays: the far side's own may come back in an answer (RFC 4475 §3.1.1.2).
struct OneLine<'a>(&'a mut String);

impl Write for OneLine<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let is_end = |char| matches!(char, '\r' | '\n');
        if memchr::memchr2(b'\r', b'\n', text.as_bytes()).is_none() {
            self.0.push_str(text);
        } else {
            self.0
                .extend(text.chars().map(|char| if is_end(char) { ' ' } else { char }));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Headers {
        let mut headers = Headers::new();
        headers.push(HeaderName::Via, "SIP/2.0/WSS a;branch=1, SIP/2.0/UDP b;branch=2");
        headers.push("x-source", "webrtc");
        headers.push("v", "SIP/2.0/UDP c");
        headers.push("Contact", "\"a, b\" <sip:x@y?a=1,2>, <sip:z@y>,");
        headers
    }

    #[test]
    fn names_are_found_in_any_spelling() {
        let headers = sample();
        assert_eq!(headers.get("X-SOURCE"), Some("webrtc"));
        assert_eq!(headers.get_all(HeaderName::Via).count(), 2);
        assert_eq!(headers.values("Via").count(), 3);
        assert_eq!(
            headers.values("m").collect::<Vec<_>>(),
            ["\"a, b\" <sip:x@y?a=1,2>", "<sip:z@y>"]
        );
        assert_eq!(headers.get("Subject"), None);
    }

    #[test]
    fn set_keeps_the_place_and_remove_takes_all() {
        let mut headers = sample();
        headers.set("VIA", "new");
        assert_eq!(
            headers
                .lines()
                .map(|(_, line)| line.split(':').next().unwrap())
                .collect::<Vec<_>>(),
            ["Via", "x-source", "Contact"]
        );
        assert!(headers.remove("X-Source") && !headers.remove("X-Source"));
        headers.set("To", 5);
        assert_eq!(headers.lines().last(), Some((HeaderName::To, "To: 5")));
        assert_eq!(headers.len(), 3);
    }

    #[test]
    fn no_value_makes_a_second_field() {
        let mut headers = Headers::new();
        headers.push("X-A", " 1\r\nX-B: 2\n");
        assert_eq!(
            headers.lines().map(|(_, line)| line).collect::<Vec<_>>(),
            ["X-A: 1  X-B: 2"]
        );
        assert!(headers.try_push("X-A", "1\r\nX-B: 2").is_err() && headers.try_push("X A", "1").is_err());
        assert_eq!(headers.try_push("X-A", "1"), Ok(()));
    }

    #[test]
    fn debug_shows_neither_credentials_nor_unknown_fields() {
        let mut headers = Headers::new();
        for name in [
            "Authorization",
            "Proxy-Authorization",
            "WWW-Authenticate",
            "X-User-Data",
        ] {
            headers.push(name, "sentinel");
        }
        headers.push("Subject", "shown");
        let text = format!("{headers:?}");
        assert!(!text.contains("sentinel") && text.contains("shown"), "{text}");
    }
}
