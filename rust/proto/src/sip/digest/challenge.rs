//! WWW-Authenticate and Proxy-Authenticate (RFC 7616 §3.3).
use std::borrow::Cow;
use std::fmt;

use super::Algorithm;
use crate::sip::header::{quote, unquote};
use crate::sip::scan::{split_at_byte, split_unquoted};

/// A challenge that can be answered.
#[derive(Clone, PartialEq, Eq)]
pub struct Challenge {
    /// Whose credentials are wanted.
    pub realm: String,
    /// The server's nonce.
    pub nonce: String,
    /// To be sent back as it came.
    pub opaque: Option<String>,
    /// Hash to be used.
    pub algorithm: Algorithm,
    /// Whether `nc` and `cnonce` are wanted.
    pub qop: Qop,
    /// The credentials were right, their nonce was too old.
    pub stale: bool,
}

/// Quality of protection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Qop {
    /// None offered (RFC 2617 §3.2.2.1, RFC 2069).
    None,
    /// `auth`.
    Auth,
}

impl Challenge {
    /// Reads a value. `None` for other schemes, unknown algorithms, and a `qop` without `auth`.
    pub fn parse(value: &str) -> Option<Self> {
        let params = AuthParams::parse(value)?;
        let qop = match params.get("qop") {
            None => Qop::None,
            Some(offer) if offer.split(',').any(|qop| qop.trim().eq_ignore_ascii_case("auth")) => Qop::Auth,
            Some(_) => return None,
        };
        let algorithm = params
            .get("algorithm")
            .map_or(Some(Algorithm::Md5), |name| Algorithm::parse(&name))?;
        Some(Self {
            realm: params.get("realm")?.into_owned(),
            nonce: params.get("nonce")?.into_owned(),
            opaque: params.get("opaque").map(Cow::into_owned),
            algorithm,
            qop,
            stale: params
                .get("stale")
                .is_some_and(|stale| stale.eq_ignore_ascii_case("true")),
        })
    }
}

/// Prints the value for a server's 401 or 407.
impl fmt::Display for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest realm={}, nonce={}", quote(&self.realm), quote(&self.nonce))?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", quote(opaque))?;
        }
        write!(f, ", algorithm={}", self.algorithm.as_str())?;
        f.write_str(if self.qop == Qop::Auth { ", qop=\"auth\"" } else { "" })?;
        f.write_str(if self.stale { ", stale=true" } else { "" })
    }
}

/// Shows neither nonce nor opaque.
impl fmt::Debug for Challenge {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            realm,
            algorithm,
            qop,
            stale,
            ..
        } = self;
        write!(f, "Challenge for {realm:?}: {algorithm:?}, qop {qop:?}, stale {stale}")
    }
}

/// `nextnonce` of an Authentication-Info (RFC 7616 §3.5), which has no scheme.
pub(super) fn next_nonce(value: &str) -> Option<String> {
    let nonce = AuthParams(value).get("nextnonce")?;
    (!nonce.is_empty()).then(|| nonce.into_owned())
}

/// Parameters of a value of the scheme Digest.
#[derive(Clone, Copy)]
pub(super) struct AuthParams<'a>(&'a str);

impl<'a> AuthParams<'a> {
    pub(super) fn parse(value: &'a str) -> Option<Self> {
        let (scheme, params) = value.split_once([' ', '\t'])?;
        scheme.eq_ignore_ascii_case("Digest").then_some(Self(params))
    }

    /// A parameter without quotes.
    pub(super) fn get(self, name: &str) -> Option<Cow<'a, str>> {
        let mut rest = Some(self.0);
        while let Some(text) = rest {
            let (param, after) = split_unquoted(text, b',');
            rest = after;
            if let Some((key, value)) = split_at_byte(param, b'=')
                && key.trim_ascii().eq_ignore_ascii_case(name)
            {
                return Some(unquote(value.trim_ascii()));
            }
        }
        None
    }
}
