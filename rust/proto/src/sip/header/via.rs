//! The Via header (RFC 3261 §20.42, RFC 3581).
use std::fmt;

use super::Params;
use crate::sip::scan::{is_token, split_at_byte, split_params};
use crate::sip::uri::{decimal_port, split_host_port};

/// One hop.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Via<'a> {
    text: &'a str,
    transport: &'a str,
    host: &'a str,
    port: Option<u16>,
    params: Params<'a>,
}

impl<'a> Via<'a> {
    /// Parses one value; `None` when it does not follow the grammar or is not of SIP/2.0.
    pub fn parse(text: &'a str) -> Option<Self> {
        let text = text.trim_ascii();
        let (protocol, params) = split_params(text);
        let (name, rest) = split_at_byte(protocol, b'/')?;
        let (version, rest) = split_at_byte(rest, b'/')?;
        if !name.trim_ascii_end().eq_ignore_ascii_case("SIP") || version.trim_ascii() != "2.0" {
            return None;
        }
        let rest = rest.trim_ascii();
        let (transport, sent_by) = rest.split_at(memchr::memchr2(b' ', b'\t', rest.as_bytes())?);
        let (host, port) = split_sent_by(sent_by.trim_ascii_start())?;
        is_token(transport).then_some(Self {
            text,
            transport,
            host,
            port,
            params: Params::parse(params)?,
        })
    }

    /// `WSS`, `UDP`, ... as written.
    pub fn transport(&self) -> &'a str {
        self.transport
    }

    /// Host of `sent-by`.
    pub fn host(&self) -> &'a str {
        self.host
    }

    /// Port of `sent-by`.
    pub fn port(&self) -> Option<u16> {
        self.port
    }

    /// All parameters.
    pub fn params(&self) -> Params<'a> {
        self.params
    }

    /// The `branch` parameter.
    pub fn branch(&self) -> Option<&'a str> {
        self.params.get("branch")
    }

    /// The value as it was written.
    pub fn as_str(&self) -> &'a str {
        self.text
    }
}

impl fmt::Display for Via<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text)
    }
}

/// `sent-by`, with the white space that RFC 3261 §25.1 `COLON` allows.
fn split_sent_by(text: &str) -> Option<(&str, Option<u16>)> {
    if memchr::memchr2(b' ', b'\t', text.as_bytes()).is_none() {
        return split_host_port(text);
    }
    let (host, port) = text.rsplit_once(':')?;
    match split_host_port(host.trim_ascii_end())? {
        (host, None) => Some((host, Some(decimal_port(port.trim_ascii_start())?))),
        (_, Some(_)) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn components_are_found() {
        let via = Via::parse("SIP/2.0/WSS a.invalid;rport=53214;received=127.0.0.1;branch=z9hG4bK1").unwrap();
        assert_eq!(
            (via.transport(), via.host(), via.port(), via.branch()),
            ("WSS", "a.invalid", None, Some("z9hG4bK1"))
        );
        assert_eq!(via.params().get("RPort"), Some("53214"));
        let via = Via::parse("SIP / 2.0 /\tUDP   [2001:db8::9] : 5060 ; branch = x ; rport").unwrap();
        assert_eq!(
            (via.host(), via.port(), via.branch()),
            ("[2001:db8::9]", Some(5060), Some("x"))
        );
        assert!(via.params().has("rport"));
    }

    #[test]
    fn bad_values_are_refused() {
        for text in [
            "",
            "SIP/2.0/UDP",
            "SIP/2.0 UDP a",
            "SIP/7.0/UDP a",
            "HTTP/2.0/UDP a",
            "SIP/2.0/UDP a;;,;,,",
            "SIP/2.0/UDP a b",
            "SIP/2.0/UDP a:b",
            "SIP/2.0/UDP a : 70000",
            "SIP/2.0/U(P a",
            "SIP/2.0/UDP a: 1: 2",
        ] {
            assert_eq!(Via::parse(text), None, "{text}");
        }
    }
}
