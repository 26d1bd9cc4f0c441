//! SIP URIs (RFC 3261 §19.1, §25.1); parameters keep their order and spelling, since proxies put state into them.
use std::borrow::Cow;
use std::fmt;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::ops::Range;

use super::header::Params;
use super::scan::split_at_byte;

/// Text that is no URI.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("not a URI: {0}")]
pub struct UriError(&'static str);

/// A URI that borrows its text.
#[derive(Clone, Copy, Debug)]
pub struct UriRef<'a> {
    text: &'a str,
    parts: Parts,
}

/// A URI that owns its text.
#[derive(Clone, Debug)]
pub struct Uri {
    text: String,
    parts: Parts,
}

/// Where the components lie in the text; an end of 0 is an absent component.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct Parts {
    scheme_end: u32,
    user_end: u32,
    password_end: u32,
    host: (u32, u32),
    port: Option<u16>,
    params: (u32, u32),
    sip: bool,
}

impl<'a> UriRef<'a> {
    /// Parses a whole text. Schemes other than `sip` and `sips` are kept opaque.
    pub fn parse(text: &'a str) -> Result<Self, UriError> {
        Ok(Self {
            text,
            parts: Parts::parse(text)?,
        })
    }

    /// `sip`, `sips`, `tel`, ... as written.
    pub fn scheme(self) -> &'a str {
        self.slice(0..self.parts.scheme_end)
    }

    /// Whether the scheme is `sip` or `sips`, the ones with the components below.
    pub fn is_sip(self) -> bool {
        self.parts.sip
    }

    /// User part with escapes; what §19.1.1 calls `user`, parameters before the `@` included.
    pub fn escaped_user(self) -> Option<&'a str> {
        (self.parts.user_end > 0).then(|| self.slice(self.parts.scheme_end + 1..self.parts.user_end))
    }

    /// User part without escapes.
    pub fn user(self) -> Option<Cow<'a, str>> {
        self.escaped_user().map(unescape)
    }

    /// Password of the user part, with escapes.
    pub fn password(self) -> Option<&'a str> {
        (self.parts.password_end > 0).then(|| self.slice(self.parts.user_end + 1..self.parts.password_end))
    }

    /// Host name or address (an IPv6 address with its brackets); empty unless [`Self::is_sip`].
    pub fn host(self) -> &'a str {
        self.slice(self.parts.host.0..self.parts.host.1)
    }

    /// Port, if it is given.
    pub fn port(self) -> Option<u16> {
        self.parts.port
    }

    /// URI parameters.
    pub fn params(self) -> Params<'a> {
        Params::parsed(self.slice(self.parts.params.0..self.parts.params.1))
    }

    /// What follows the question mark.
    pub fn headers(self) -> Option<&'a str> {
        self.text.get(self.parts.params.1 as usize..)?.strip_prefix('?')
    }

    /// The whole text as written.
    pub fn as_str(self) -> &'a str {
        self.text
    }

    /// A copy that owns its text.
    pub fn to_uri(self) -> Uri {
        Uri {
            text: self.text.to_owned(),
            parts: self.parts,
        }
    }

    /// A copy without headers, which a Request-URI may not have (RFC 3261 §19.1.1).
    pub fn to_request_uri(self) -> Uri {
        let end = if self.is_sip() {
            self.parts.params.1 as usize
        } else {
            self.text.len()
        };
        Uri {
            text: self.text.get(..end).unwrap_or_default().to_owned(),
            parts: self.parts,
        }
    }

    /// Equality of RFC 3261 §19.1.4 (user and password by case, the rest in any case, escapes undone).
    pub fn equivalent(self, other: UriRef<'_>) -> bool {
        self.scheme().eq_ignore_ascii_case(other.scheme())
            && self.user() == other.user()
            && self.password().map(unescape) == other.password().map(unescape)
            && self.host().eq_ignore_ascii_case(other.host())
            && self.port() == other.port()
            && (self.is_sip() || self.text == other.text)
            && params_agree(self.params(), other.params())
            && params_agree(other.params(), self.params())
            && self.headers() == other.headers()
    }

    fn slice(self, range: Range<u32>) -> &'a str {
        self.text
            .get(range.start as usize..range.end as usize)
            .unwrap_or_default()
    }
}

impl Uri {
    /// Parses a whole text; see [`UriRef::parse`].
    pub fn parse(text: impl Into<String>) -> Result<Self, UriError> {
        let text = text.into();
        let parts = Parts::parse(&text)?;
        Ok(Self { text, parts })
    }

    /// Parses a Request-URI, which has no headers (RFC 3261 §19.1.1).
    pub fn parse_request_uri(text: &str) -> Result<Self, UriError> {
        let uri = Self::parse(text)?;
        if uri.parts.sip && uri.parts.params.1 < offset(text.len()) {
            return Err(UriError("headers where none may be"));
        }
        Ok(uri)
    }

    /// `sip:user@host`, the user escaped, no user when it is empty.
    pub fn sip(user: &str, host: &str) -> Result<Self, UriError> {
        let at = if user.is_empty() { "" } else { "@" };
        Self::parse(format!("sip:{}{at}{host}", escape_user(user)))
    }

    /// The same URI as a borrowed view; all components are read through it.
    pub fn as_ref(&self) -> UriRef<'_> {
        UriRef {
            text: &self.text,
            parts: self.parts,
        }
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.text
    }
}

impl PartialEq for Uri {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for Uri {}

impl PartialEq for UriRef<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.text == other.text
    }
}

impl Eq for UriRef<'_> {}

impl fmt::Display for Uri {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

impl fmt::Display for UriRef<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

impl std::str::FromStr for Uri {
    type Err = UriError;

    fn from_str(text: &str) -> Result<Self, UriError> {
        Self::parse(text)
    }
}

/// Escapes what may not stand in a user part (RFC 3261 §25.1 `user`).
pub fn escape_user(user: &str) -> String {
    let mut escaped = String::with_capacity(user.len());
    for byte in user.bytes() {
        if is_unreserved(byte) || matches!(byte, b'&' | b'=' | b'+' | b'$' | b',' | b';' | b'?' | b'/') {
            escaped.push(char::from(byte));
        } else {
            let digit = |nibble: u8| {
                char::from_digit(u32::from(nibble), 16)
                    .unwrap_or('0')
                    .to_ascii_uppercase()
            };
            escaped.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    escaped
}

/// Undoes percent escapes; ones that are no escapes or give no UTF-8 stay as they are.
pub fn unescape(text: &str) -> Cow<'_, str> {
    if !text.contains('%') {
        return Cow::Borrowed(text);
    }
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((&byte, after)) = rest.split_first() {
        let escape = if byte == b'%' { after.split_at_checked(2) } else { None };
        let value = escape.and_then(|(digits, rest)| Some((from_hex(digits)?, rest)));
        let (byte, next) = value.unwrap_or((byte, after));
        bytes.push(byte);
        rest = next;
    }
    String::from_utf8(bytes).map_or(Cow::Borrowed(text), Cow::Owned)
}

impl Parts {
    fn parse(text: &str) -> Result<Self, UriError> {
        if text.bytes().fold(0, |found, byte| found | no_uri_byte(byte)) != 0 {
            return Err(UriError("white space, quote or angle bracket"));
        }
        let (scheme, rest) = split_at_byte(text, b':').ok_or(UriError("no scheme"))?;
        if !is_scheme(scheme) || rest.is_empty() {
            return Err(UriError("no scheme"));
        }
        let scheme_end = offset(scheme.len());
        if !scheme.eq_ignore_ascii_case("sip") && !scheme.eq_ignore_ascii_case("sips") {
            let end = offset(text.len());
            return Ok(Self {
                scheme_end,
                params: (end, end),
                ..Self::default()
            });
        }
        Self {
            scheme_end,
            sip: true,
            ..Self::default()
        }
        .after_scheme(rest)
    }

    fn after_scheme(mut self, rest: &str) -> Result<Self, UriError> {
        let start = self.scheme_end + 1;
        let mut host_start = start;
        if let Some((userinfo, _)) = split_at_byte(rest, b'@') {
            let (user, password) = split_at_byte(userinfo, b':').map_or((userinfo, None), |(u, p)| (u, Some(p)));
            if user.is_empty() {
                return Err(UriError("empty user"));
            }
            self.user_end = start + offset(user.len());
            self.password_end = password.map_or(0, |password| self.user_end + 1 + offset(password.len()));
            host_start += offset(userinfo.len()) + 1;
        }
        let tail = rest.get((host_start - start) as usize..).unwrap_or_default();
        self.host_and_after(host_start, tail)
    }

    fn host_and_after(mut self, start: u32, tail: &str) -> Result<Self, UriError> {
        let authority = memchr::memchr2(b';', b'?', tail.as_bytes()).unwrap_or(tail.len());
        let (hostport, rest) = tail.split_at(authority);
        let (host, port) = split_host_port(hostport).ok_or(UriError("bad host or port"))?;
        self.host = (start, start + offset(host.len()));
        self.port = port;
        if rest.is_empty() {
            self.params = (start + offset(authority), start + offset(authority));
            return Ok(self);
        }
        let params = memchr::memchr(b'?', rest.as_bytes()).unwrap_or(rest.len());
        if memchr::memchr_iter(b';', rest.split_at(params).0.as_bytes()).count() > Params::MAX {
            return Err(UriError("too many parameters"));
        }
        self.params = (start + offset(authority), start + offset(authority + params));
        Ok(self)
    }
}

/// `hostport`: a host name, IPv4 address or bracketed IPv6 address, and the port behind a colon.
pub(crate) fn split_host_port(text: &str) -> Option<(&str, Option<u16>)> {
    let is_no_name = |byte: u8| !byte.is_ascii_alphanumeric() && !matches!(byte, b'-' | b'.' | b'_');
    let host_end = match text.strip_prefix('[') {
        Some(rest) => {
            let end = rest.find(']')?;
            rest.get(..end).filter(|address| is_ipv6(address))?;
            end + 2
        }
        None => text.bytes().position(is_no_name).unwrap_or(text.len()),
    };
    let (host, rest) = text.split_at_checked(host_end).filter(|(host, _)| !host.is_empty())?;
    match rest.strip_prefix(':') {
        Some(port) => Some((host, Some(decimal_port(port)?))),
        None => rest.is_empty().then_some((host, None)),
    }
}

/// Also with three colons before an embedded IPv4 address: RFC 3261's grammar asks for them by mistake, and "an
/// implementation must tolerate both" (RFC 5118 §4.10).
fn is_ipv6(text: &str) -> bool {
    let is_address = |text: &str| text.parse::<Ipv6Addr>().is_ok();
    let has_bug = |(before, v4): (&str, &str)| v4.parse::<Ipv4Addr>().is_ok() && is_address(&format!("{before}::{v4}"));
    is_address(text) || text.rsplit_once(":::").is_some_and(has_bug)
}

/// A port of digits only.
pub(crate) fn decimal_port(text: &str) -> Option<u16> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

/// Each parameter of one URI that the other has too has the same value there, and the ones that must match are in both.
fn params_agree(one: Params<'_>, other: Params<'_>) -> bool {
    let must_match = ["user", "ttl", "method", "maddr", "transport"];
    let same = |a: &str, b: &str| unescape(a).eq_ignore_ascii_case(&unescape(b));
    let same_value = |pair: (Option<&str>, Option<&str>)| match pair {
        (Some(a), Some(b)) => same(a, b),
        (a, b) => a == b,
    };
    one.iter().all(|(name, value)| {
        let mut there = other
            .iter()
            .filter(|(key, _)| same(key, name))
            .map(|(_, value)| value)
            .peekable();
        match there.peek() {
            Some(_) => there.any(|other| same_value((value, other))),
            None => !must_match.iter().any(|must| same(must, name)),
        }
    })
}

/// 1 for a byte that no URI has. A number without short cuts, so that the compiler looks at many bytes at once.
fn no_uri_byte(byte: u8) -> u8 {
    u8::from(byte <= b' ')
        | u8::from(byte == b'<')
        | u8::from(byte == b'>')
        | u8::from(byte == b'"')
        | u8::from(byte == 0x7f)
}

fn is_scheme(text: &str) -> bool {
    text.starts_with(|char: char| char.is_ascii_alphabetic())
        && text
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'-' | b'.'))
}

fn is_unreserved(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b'!' | b'~' | b'*' | b'\'' | b'(' | b')')
}

fn from_hex(digits: &[u8]) -> Option<u8> {
    digits.iter().try_fold(0, |value, digit| {
        Some(value * 16 + char::from(*digit).to_digit(16)? as u8)
    })
}

fn offset(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests;
