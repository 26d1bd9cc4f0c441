//! Parameters behind a semicolon, of header values and of URIs (RFC 3261 §25.1 `generic-param`, `uri-parameter`).
use std::borrow::Cow;
use std::fmt;

use crate::sip::scan::{is_token, quoted_len, split_at_byte, split_unquoted};

/// Parameters in their order, unchanged: `;name=value;flag;name="quoted"`, or nothing.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct Params<'a>(&'a str);

impl<'a> Params<'a> {
    /// How many there may be: it keeps comparing two lists cheap.
    pub const MAX: usize = 64;

    /// Takes text that is empty or starts with a semicolon; `None` when a name is missing or no token, a quote stays open,
    /// or there are more than [`Self::MAX`].
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim_ascii();
        let params = Self(text);
        (text.is_empty() || text.starts_with(';')).then_some(())?;
        let valid = |(name, value): (&str, Option<&str>)| is_token(name) && value.is_none_or(is_param_value);
        params
            .iter()
            .enumerate()
            .all(|(at, param)| at < Self::MAX && valid(param))
            .then_some(params)
    }

    /// Takes text that was parsed before.
    pub(crate) fn parsed(text: &'a str) -> Self {
        Self(text)
    }

    /// Name and value of each, quotes kept.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, Option<&'a str>)> {
        let mut rest = self.0.strip_prefix(';');
        std::iter::from_fn(move || {
            let text = rest?;
            let (param, after) = split_unquoted(text, b';');
            rest = after;
            Some(match split_at_byte(param, b'=') {
                Some((name, value)) => (name.trim_ascii(), Some(value.trim_ascii())),
                None => (param.trim_ascii(), None),
            })
        })
    }

    /// The value of a parameter as written (with its quotes); `None` when there is none or it has no value.
    pub fn get(self, name: &str) -> Option<&'a str> {
        self.iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .and_then(|(_, value)| value)
    }

    /// Whether a parameter is there, with a value or without.
    pub fn has(self, name: &str) -> bool {
        self.iter().any(|(key, _)| key.eq_ignore_ascii_case(name))
    }

    /// The value of a parameter without quotes and escapes.
    pub fn unquoted(self, name: &str) -> Option<Cow<'a, str>> {
        self.get(name).map(unquote)
    }

    /// The text as it was written, from the first semicolon.
    pub fn as_str(self) -> &'a str {
        self.0
    }
}

impl fmt::Display for Params<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// `quoted-string` without its quotes and backslashes; any other text as it is.
pub fn unquote(text: &str) -> Cow<'_, str> {
    let Some(inner) = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) else {
        return Cow::Borrowed(text);
    };
    if !inner.contains('\\') {
        return Cow::Borrowed(inner);
    }
    let mut plain = String::with_capacity(inner.len());
    let mut chars = inner.chars();
    while let Some(char) = chars.next() {
        plain.extend(if char == '\\' { chars.next() } else { Some(char) });
    }
    Cow::Owned(plain)
}

/// Text as a `quoted-string`.
pub fn quote(text: &str) -> String {
    let mut quoted = String::with_capacity(text.len() + 2);
    quoted.push('"');
    for char in text.chars() {
        if matches!(char, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(char);
    }
    quoted.push('"');
    quoted
}

/// `gen-value`, with what else servers put there: a quoted string, or visible text without separators of the next level.
fn is_param_value(value: &str) -> bool {
    if value.starts_with('"') {
        return quoted_len(value.as_bytes()) == Some(value.len());
    }
    !value.is_empty()
        && value
            .bytes()
            .all(|byte| byte > b' ' && !matches!(byte, b'"' | b',' | b'<' | b'>' | 0x7f))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_match_in_any_case_and_values_stay_as_written() {
        let params = Params::parse(";Alias=127.0.0.1~53222~6 ; lr;q = \"a;b\\\"c\"").unwrap();
        assert_eq!(params.get("alias"), Some("127.0.0.1~53222~6"));
        assert_eq!((params.has("LR"), params.get("lr")), (true, None));
        assert_eq!(params.unquoted("q").as_deref(), Some("a;b\"c"));
        assert_eq!(params.iter().count(), 3);
    }

    #[test]
    fn empty_names_and_open_quotes_are_refused() {
        for text in [
            ";",
            ";;a=b",
            ";a=b;",
            ";=b",
            ";a=\"b",
            ";a=\"b\"c",
            ";a=",
            "a=b",
            ";a=<b>",
        ] {
            assert_eq!(Params::parse(text), None, "{text}");
        }
    }

    #[test]
    fn quoting_is_undone_by_unquoting() {
        for text in ["", "plain", "a \"b\" \\ c", "grüß"] {
            assert_eq!(unquote(&quote(text)), text);
        }
    }
}
