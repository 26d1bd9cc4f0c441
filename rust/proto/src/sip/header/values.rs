//! Smaller typed values: CSeq, Session-Expires, Reason, Content-Type.
use std::borrow::Cow;
use std::fmt;

use super::Params;
use super::params::quote;
use crate::sip::message::Method;
use crate::sip::scan::{is_token, split_at_byte, split_params};

/// CSeq (RFC 3261 §20.16).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CSeq {
    /// Below 2^31 (RFC 3261 §8.1.1.5).
    pub number: u32,
    /// The request's method.
    pub method: Method,
}

impl CSeq {
    /// Parses the value; `None` when it does not follow the grammar or the number is 2^31 or more.
    pub fn parse(text: &str) -> Option<Self> {
        let (number, method) = text.split_at(memchr::memchr2(b' ', b'\t', text.as_bytes())?);
        let method = method.trim_ascii_start();
        let number = decimal(number).filter(|number| *number < 1 << 31)?;
        is_token(method).then(|| Self {
            number,
            method: Method::from(method),
        })
    }
}

impl fmt::Display for CSeq {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.number, self.method)
    }
}

/// Who refreshes a session (RFC 4028 §7.1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answered it.
    Uas,
}

/// Session-Expires (RFC 4028 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SessionExpires {
    /// Interval in seconds.
    pub seconds: u32,
    /// Who refreshes, if it is decided.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Parses the value; an unknown refresher is a malformed one.
    pub fn parse(text: &str) -> Option<Self> {
        let (seconds, params) = split_params(text);
        let params = Params::parse(params)?;
        let refresher = match params.get("refresher") {
            None if params.has("refresher") => return None,
            None => None,
            Some(side) if side.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(side) if side.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) => return None,
        };
        Some(Self {
            seconds: decimal(seconds.trim_ascii_end())?,
            refresher,
        })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let refresher = match self.refresher {
            None => "",
            Some(Refresher::Uac) => ";refresher=uac",
            Some(Refresher::Uas) => ";refresher=uas",
        };
        write!(f, "{}{refresher}", self.seconds)
    }
}

/// One value of the Reason header (RFC 3326).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reason<'a> {
    /// `SIP`, `Q.850`, ...
    pub protocol: &'a str,
    /// SIP status or Q.850 cause.
    pub cause: Option<u16>,
    /// Text for people.
    pub text: Option<Cow<'a, str>>,
}

impl<'a> Reason<'a> {
    /// Parses one value.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (protocol, params) = split_params(text);
        let (protocol, params) = (protocol.trim_ascii(), Params::parse(params)?);
        let cause = params
            .get("cause")
            .and_then(decimal)
            .and_then(|cause| u16::try_from(cause).ok());
        is_token(protocol).then(|| Self {
            protocol,
            cause,
            text: params.unquoted("text"),
        })
    }
}

/// Prints in JsSIP's form, `SIP ;cause=480; text="..."`.
impl fmt::Display for Reason<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.protocol)?;
        if let Some(cause) = self.cause {
            write!(f, " ;cause={cause}")?;
        }
        self.text
            .as_ref()
            .map_or(Ok(()), |text| write!(f, "; text={}", quote(text)))
    }
}

/// Content-Type (RFC 3261 §20.15).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct MediaType<'a> {
    /// `type/subtype` as written.
    pub essence: &'a str,
    /// Its parameters.
    pub params: Params<'a>,
}

impl<'a> MediaType<'a> {
    /// Parses the value.
    pub fn parse(text: &'a str) -> Option<Self> {
        let (essence, params) = split_params(text);
        let essence = essence.trim_ascii();
        let (kind, subtype) = split_at_byte(essence, b'/')?;
        let tokens = is_token(kind.trim_ascii_end()) && is_token(subtype.trim_ascii_start());
        tokens.then_some(Self {
            essence,
            params: Params::parse(params)?,
        })
    }

    /// Whether it is this type, in any case.
    pub fn is(&self, essence: &str) -> bool {
        self.essence.eq_ignore_ascii_case(essence)
    }
}

/// A number of digits only that fits.
pub(crate) fn decimal(text: &str) -> Option<u32> {
    text.bytes()
        .all(|byte| byte.is_ascii_digit())
        .then(|| text.parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cseq_has_31_bits() {
        assert_eq!(CSeq::parse("0009\t INVITE").unwrap().to_string(), "9 INVITE");
        assert_eq!(CSeq::parse("2147483647 X").unwrap().method, Method::Other("X".into()));
        for text in [
            "",
            "1",
            "INVITE",
            "2147483648 BYE",
            "-1 BYE",
            "+1 BYE",
            "36893488147419103232 BYE",
            "1 B YE",
            "1 ",
        ] {
            assert_eq!(CSeq::parse(text), None, "{text}");
        }
    }

    #[test]
    fn session_expires_prints_what_it_read() {
        for text in ["90", "90;refresher=uas", "1800;refresher=uac"] {
            assert_eq!(SessionExpires::parse(text).unwrap().to_string(), text);
        }
        assert_eq!(
            SessionExpires::parse("90 ; x=y;Refresher = UAC").unwrap().refresher,
            Some(Refresher::Uac)
        );
        for text in ["", "x", "-1", "90;refresher=me", "90;refresher", "99999999999"] {
            assert_eq!(SessionExpires::parse(text), None, "{text}");
        }
    }

    #[test]
    fn reason_reads_and_prints_the_traces_form() {
        let text = r#"SIP ;cause=480; text="Ended by user""#;
        let reason = Reason::parse(text).unwrap();
        assert_eq!(
            (reason.protocol, reason.cause, reason.text.as_deref()),
            ("SIP", Some(480), Some("Ended by user"))
        );
        assert_eq!(reason.to_string(), text);
        assert_eq!(Reason::parse("Q.850;cause=16").unwrap().to_string(), "Q.850 ;cause=16");
        assert_eq!(Reason::parse("SIP;cause=x").unwrap().cause, None);
        assert_eq!(Reason::parse(";cause=1"), None);
    }

    #[test]
    fn media_types_compare_in_any_case() {
        let media = MediaType::parse("Application/SDP;charset=utf-8").unwrap();
        assert!(media.is("application/sdp"));
        assert_eq!(media.params.get("charset"), Some("utf-8"));
        assert!(MediaType::parse("sdp").is_none() && MediaType::parse("a/ ").is_none());
    }
}
