//! Taking text apart at ASCII characters. Each function looks at every byte at most once.

/// Whether text is an RFC 3261 `token` of at least one character.
pub fn is_token(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(is_token_byte)
}

/// Whether a byte may stand in a `token`.
pub(crate) fn is_token_byte(byte: u8) -> bool {
    TOKEN.get(usize::from(byte)).is_some_and(|is_token| *is_token)
}

/// Splits at the first such character, which is left out.
pub(crate) fn split_at_byte(text: &str, byte: u8) -> Option<(&str, &str)> {
    let at = memchr::memchr(byte, text.as_bytes())?;
    Some((text.get(..at)?, text.get(at + 1..)?))
}

/// Splits before the first semicolon: a value and its parameters.
pub(crate) fn split_params(text: &str) -> (&str, &str) {
    text.split_at(memchr::memchr(b';', text.as_bytes()).unwrap_or(text.len()))
}

/// Text up to a separator outside quoted strings and angle brackets, and what follows the separator. What is opened and
/// not closed reaches to the end.
pub(crate) fn split_unquoted(text: &str, separator: u8) -> (&str, Option<&str>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(rest) = bytes.get(at..) {
        let Some(found) = memchr::memchr3(separator, b'"', b'<', rest) else {
            break;
        };
        let here = rest.get(found..).unwrap_or_default();
        let skipped = match here.first() {
            Some(b'"') => quoted_len(here),
            Some(b'<') => memchr::memchr(b'>', here).map(|end| end + 1),
            _ => return (text.get(..at + found).unwrap_or_default(), text.get(at + found + 1..)),
        };
        let Some(skipped) = skipped else { break };
        at += found + skipped;
    }
    (text, None)
}

/// Length of the quoted string that the text starts with, both quotes included; `None` when it stays open.
pub(crate) fn quoted_len(text: &[u8]) -> Option<usize> {
    let mut at = 1;
    loop {
        at += memchr::memchr2(b'"', b'\\', text.get(at..)?)?;
        match text.get(at) {
            Some(b'"') => return Some(at + 1),
            // a quoted-pair
            _ => at += 2,
        }
    }
}

/// One entry per byte: a look-up costs less than a dozen comparisons.
const TOKEN: [bool; 256] = tokens();

#[allow(clippy::indexing_slicing)] // evaluated by the compiler: an index out of bounds does not compile
const fn tokens() -> [bool; 256] {
    let mut table = [false; 256];
    let mut byte: u8 = 0;
    while byte < 0x80 {
        let is_mark = matches!(
            byte,
            b'-' | b'.' | b'!' | b'%' | b'*' | b'_' | b'+' | b'`' | b'\'' | b'~'
        );
        table[byte as usize] = is_mark || byte.is_ascii_alphanumeric();
        byte += 1;
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn separators_count_outside_quotes_and_brackets_only() {
        let split = |text| split_unquoted(text, b',');
        assert_eq!(split("a,b,c"), ("a", Some("b,c")));
        assert_eq!(split("\"a,\\\",\\\\\",b"), ("\"a,\\\",\\\\\"", Some("b")));
        assert_eq!(split("<a,b>,c"), ("<a,b>", Some("c")));
        assert_eq!(split("<\",>,b"), ("<\",>", Some("b")));
        assert_eq!(split("a>,b"), ("a>", Some("b")));
        assert_eq!(split(",a"), ("", Some("a")));
        for whole in ["", "a", "\"a,b", "<a,b", "\"a,\\\"", "\"\\"] {
            assert_eq!(split(whole), (whole, None), "{whole}");
        }
    }

    #[test]
    fn tokens_are_those_of_the_rfc() {
        let count = (0..=255).filter(|byte| is_token_byte(*byte)).count();
        assert_eq!(count, 26 * 2 + 10 + 10);
        assert!(is_token("!interesting-Method0123456789_*+`.%indeed'~"));
        assert!(!is_token("") && !is_token("a b") && !is_token("a,") && !is_token("ü"));
    }
}
