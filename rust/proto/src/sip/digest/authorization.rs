//! Authorization and Proxy-Authorization (RFC 7616 §3.4), made by clients and verified by servers.
use std::borrow::Cow;
use std::fmt;

use super::challenge::AuthParams;
use super::hash::{self, Input};
use super::{Algorithm, Challenge, Credentials, Qop};
use crate::sip::Method;
use crate::sip::header::quote;

/// Credentials as a request carries them.
#[derive(Clone, PartialEq, Eq)]
pub struct Authorization {
    username: String,
    realm: String,
    nonce: String,
    uri: String,
    response: String,
    opaque: Option<String>,
    algorithm: Algorithm,
    /// Count and client's nonce as written; `None` without `qop`.
    protection: Option<(String, String)>,
}

impl Authorization {
    /// Answers a challenge. `count` is how often its nonce has been used, this time included; `cnonce` is drawn anew.
    pub fn answer(
        challenge: &Challenge,
        credentials: &Credentials,
        request: (&Method, &str),
        count: u32,
        cnonce: String,
    ) -> Self {
        let (method, uri) = request;
        let protection = (challenge.qop == Qop::Auth).then(|| (format!("{count:08x}"), cnonce));
        let mut answer = Self {
            username: credentials.username.clone(),
            realm: challenge.realm.clone(),
            nonce: challenge.nonce.clone(),
            uri: uri.to_owned(),
            response: String::new(),
            opaque: challenge.opaque.clone(),
            algorithm: challenge.algorithm,
            protection,
        };
        answer.response = hash::response(answer.input(), credentials, method);
        answer
    }

    /// Reads a value. `None` for other schemes, unknown algorithms, missing parameters and a `qop` that is not `auth`.
    pub fn parse(value: &str) -> Option<Self> {
        let params = AuthParams::parse(value)?;
        let text = |name| params.get(name).map(Cow::into_owned);
        let protection = match params.get("qop") {
            None => None,
            Some(qop) if qop.eq_ignore_ascii_case("auth") => Some((text("nc")?, text("cnonce")?)),
            Some(_) => return None,
        };
        Some(Self {
            username: text("username")?,
            realm: text("realm")?,
            nonce: text("nonce")?,
            uri: text("uri")?,
            response: text("response")?,
            opaque: text("opaque"),
            algorithm: params
                .get("algorithm")
                .map_or(Some(Algorithm::Md5), |name| Algorithm::parse(&name))?,
            protection,
        })
    }

    /// Whether these are the user's credentials for a request of this method. Realm, nonce, count and `uri` are the
    /// server's to judge.
    pub fn verify(&self, credentials: &Credentials, method: &Method) -> bool {
        let expected = hash::response(self.input(), credentials, method);
        self.username == credentials.username && constant_time_eq(&expected, &self.response.to_ascii_lowercase())
    }

    /// Whose credentials they claim to be.
    pub fn username(&self) -> &str {
        &self.username
    }

    /// The realm.
    pub fn realm(&self) -> &str {
        &self.realm
    }

    /// The server's nonce that they answer.
    pub fn nonce(&self) -> &str {
        &self.nonce
    }

    /// The `uri` parameter, which should be the Request-URI.
    pub fn uri(&self) -> &str {
        &self.uri
    }

    /// How often the nonce has been used, by the client's count; `None` without `qop` or when it is no such number.
    pub fn count(&self) -> Option<u32> {
        self.protection
            .as_ref()
            .and_then(|(count, _)| u32::from_str_radix(count, 16).ok())
    }

    fn input(&self) -> Input<'_> {
        Input {
            algorithm: self.algorithm,
            realm: &self.realm,
            nonce: &self.nonce,
            uri: &self.uri,
            protection: self
                .protection
                .as_ref()
                .map(|(count, cnonce)| (count.as_str(), cnonce.as_str())),
        }
    }
}

/// Prints the value in JsSIP's order.
impl fmt::Display for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [username, realm, nonce, uri, response] =
            [&self.username, &self.realm, &self.nonce, &self.uri, &self.response].map(|text| quote(text));
        write!(
            f,
            "Digest algorithm={}, username={username}, realm={realm}, ",
            self.algorithm.as_str()
        )?;
        write!(f, "nonce={nonce}, uri={uri}, response={response}")?;
        if let Some(opaque) = &self.opaque {
            write!(f, ", opaque={}", quote(opaque))?;
        }
        match &self.protection {
            Some((count, cnonce)) => write!(f, ", qop=auth, cnonce={}, nc={count}", quote(cnonce)),
            None => Ok(()),
        }
    }
}

/// Shows user and realm only.
impl fmt::Debug for Authorization {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorization of {:?} for {:?}: ***", self.username, self.realm)
    }
}

/// Takes as long for a wrong text as for the right one.
fn constant_time_eq(one: &str, other: &str) -> bool {
    let differences = one
        .bytes()
        .zip(other.bytes())
        .fold(0, |differences, (a, b)| differences | (a ^ b));
    one.len() == other.len() && differences == 0
}
