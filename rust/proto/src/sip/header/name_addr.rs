//! `name-addr` and `addr-spec` with header parameters: From, To, Contact, Route, ... (RFC 3261 §20.10, §20.20, §25.1).
use std::borrow::Cow;
use std::fmt;

use super::Params;
use super::params::unquote;
use crate::sip::scan::{is_token_byte, quoted_len, split_at_byte, split_params};
use crate::sip::uri::UriRef;

/// A display name, a URI and the header's parameters.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NameAddr<'a> {
    text: &'a str,
    display: &'a str,
    uri: UriRef<'a>,
    params: Params<'a>,
}

impl<'a> NameAddr<'a> {
    /// Parses one value of such a header; `None` when it does not follow the grammar.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim_ascii();
        let (display, rest) = split_display(text)?;
        let (uri, params) = match rest.strip_prefix('<') {
            Some(inner) => split_at_byte(inner, b'>')?,
            None if display.is_empty() => split_addr_spec(rest)?,
            None => return None,
        };
        let uri = UriRef::parse(uri).ok()?;
        Some(Self {
            text,
            display,
            uri,
            params: Params::parse(params)?,
        })
    }

    /// Display name without quotes and escapes; `None` when it is not there.
    pub fn display_name(&self) -> Option<Cow<'a, str>> {
        (!self.display.is_empty()).then(|| unquote(self.display))
    }

    /// The address.
    pub fn uri(&self) -> UriRef<'a> {
        self.uri
    }

    /// Parameters of the header, not of the URI.
    pub fn params(&self) -> Params<'a> {
        self.params
    }

    /// The `tag` parameter.
    pub fn tag(&self) -> Option<&'a str> {
        self.params.get("tag")
    }

    /// The value as it was written.
    pub fn as_str(&self) -> &'a str {
        self.text
    }
}

impl fmt::Display for NameAddr<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// The display name (quoted string or tokens) and what follows it.
fn split_display(text: &str) -> Option<(&str, &str)> {
    if text.starts_with('"') {
        let (display, rest) = text.split_at_checked(quoted_len(text.as_bytes())?)?;
        return Some((display, rest.trim_ascii_start()));
    }
    let Some(bracket) = memchr::memchr(b'<', text.as_bytes()) else {
        return Some(("", text));
    };
    let (display, rest) = text.split_at(bracket);
    let display = display.trim_ascii_end();
    // §25.1 allows tokens only; unquoted UTF-8 is common and harmless
    let is_plain = |byte| is_token_byte(byte) || matches!(byte, b' ' | b'\t') || byte >= 0x80;
    display.bytes().all(is_plain).then_some((display, rest))
}

/// An address without brackets ends at the semicolon; it may hold neither comma nor question mark (RFC 3261 §20.10).
fn split_addr_spec(text: &str) -> Option<(&str, &str)> {
    let (uri, params) = split_params(text);
    (!uri.contains([',', '?'])).then(|| (uri.trim_ascii_end(), params))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_forms_are_read() {
        let quoted = NameAddr::parse(r#""A. \"Bell\" <x>" <sip:bell@a.example;x=1>;tag=43"#).unwrap();
        assert_eq!(quoted.display_name().as_deref(), Some(r#"A. "Bell" <x>"#));
        assert_eq!((quoted.uri().params().get("x"), quoted.tag()), (Some("1"), Some("43")));
        let tokens = NameAddr::parse("Mr  Watson <sip:w@b.example>").unwrap();
        assert_eq!(
            (tokens.display_name().as_deref(), tokens.tag()),
            (Some("Mr  Watson"), None)
        );
        let bare = NameAddr::parse("sip:w@b.example ; tag = 5").unwrap();
        assert_eq!(
            (bare.uri().as_str(), bare.uri().params().as_str(), bare.tag()),
            ("sip:w@b.example", "", Some("5"))
        );
        assert_eq!(NameAddr::parse("<sip:a@b>").unwrap().display_name(), None);
    }

    #[test]
    fn bad_forms_are_refused() {
        for text in [
            "",
            "*",
            "<>",
            "<sip:a@b",
            "\"open <sip:a@b>",
            "Bell, Alexander <sip:a@b>",
            "\"x\" sip:a@b",
            "< sip:a@b>",
            "<sip:a@b>tag=1",
            "<sip:a@b>;;tag=1",
            "sip:a@b?Route=c",
            "\"x\"",
        ] {
            assert_eq!(NameAddr::parse(text), None, "{text}");
        }
    }
}
