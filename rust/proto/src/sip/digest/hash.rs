//! The hashes of RFC 7616 §3.4.
use std::fmt::Write;

use sha2::Digest;

use super::Credentials;
use crate::sip::Method;

/// Algorithms that are spoken; any other in a challenge makes it unusable.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Algorithm {
    /// `MD5`, also when a challenge names none.
    Md5,
    /// `SHA-256`.
    Sha256,
    /// `SHA-512-256`.
    Sha512_256,
}

impl Algorithm {
    /// Reads the `algorithm` parameter.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Md5, Self::Sha256, Self::Sha512_256]
            .into_iter()
            .find(|algorithm| algorithm.as_str().eq_ignore_ascii_case(text))
    }

    /// The parameter's value.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Md5 => "MD5",
            Self::Sha256 => "SHA-256",
            Self::Sha512_256 => "SHA-512-256",
        }
    }

    /// Lower-case hexadecimal hash of the parts with colons between them.
    fn hash(self, parts: &[&str]) -> String {
        match self {
            Self::Md5 => hex(&joined(md5::Md5::new(), parts)),
            Self::Sha256 => hex(&joined(sha2::Sha256::new(), parts)),
            Self::Sha512_256 => hex(&joined(sha2::Sha512_256::new(), parts)),
        }
    }
}

/// What a response is computed from, besides credentials and method.
#[derive(Clone, Copy)]
pub(super) struct Input<'a> {
    pub(super) algorithm: Algorithm,
    pub(super) realm: &'a str,
    pub(super) nonce: &'a str,
    pub(super) uri: &'a str,
    /// `nc` and `cnonce` as they are written; `None` without `qop`.
    pub(super) protection: Option<(&'a str, &'a str)>,
}

/// The `response` parameter (RFC 7616 §3.4.1).
pub(super) fn response(input: Input<'_>, credentials: &Credentials, method: &Method) -> String {
    let Input {
        algorithm,
        realm,
        nonce,
        uri,
        protection,
    } = input;
    let mut secret = algorithm.hash(&[&credentials.username, realm, &credentials.password.0]);
    let request = algorithm.hash(&[method.as_str(), uri]);
    let response = match protection {
        Some((count, cnonce)) => algorithm.hash(&[&secret, nonce, count, cnonce, "auth", &request]),
        None => algorithm.hash(&[&secret, nonce, &request]),
    };
    zeroize::Zeroize::zeroize(&mut secret);
    response
}

fn joined<D: Digest>(mut digest: D, parts: &[&str]) -> Vec<u8> {
    for (at, part) in parts.iter().enumerate() {
        if at > 0 {
            digest.update(b":");
        }
        digest.update(part.as_bytes());
    }
    digest.finalize().to_vec()
}

fn hex(bytes: &[u8]) -> String {
    bytes
        .iter()
        .fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
            // writing to a String cannot fail
            let _ = write!(text, "{byte:02x}");
            text
        })
}
