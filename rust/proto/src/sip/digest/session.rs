//! A client's side of digest over many requests: which challenges it answers, and how often.
use super::{Algorithm, Authorization, Challenge, Credentials};
use crate::io::RandomSource;
use crate::sip::header::HeaderName;
use crate::sip::identifiers::random_token;
use crate::sip::{Method, Response};

/// Credentials, the realm that may ask for them, and the last nonce.
#[derive(Clone, Debug)]
pub struct DigestSession {
    credentials: Credentials,
    realm: Option<String>,
    refuses_md5: bool,
    current: Option<Current>,
}

/// What one request of ours (with its repetitions) has answered so far.
#[derive(Clone, Default, Debug)]
pub struct Attempts {
    /// The nonce that the last repetition carried.
    nonce: Option<Nonce>,
    refused: bool,
    stale: bool,
}

/// Why a challenge is not answered.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DigestError {
    /// The response has no digest challenge with a known algorithm and `qop`.
    #[error("no challenge that can be answered (digest with MD5 or SHA-256, qop auth or none)")]
    Unusable,
    /// Only MD5 is offered, and it is to be refused.
    #[error("only MD5 is offered, which this client was told to refuse")]
    Md5Refused,
    /// Another realm asks than the one the credentials belong to.
    #[error("challenged by the realm {0:?}, to which the credentials do not belong")]
    ForeignRealm(String),
    /// The credentials were sent and did not do.
    #[error("the credentials were refused: check user and password")]
    Refused,
}

#[derive(Clone, Debug)]
struct Current {
    challenge: Challenge,
    header: HeaderName<'static>,
    count: u32,
}

/// A nonce, never shown.
#[derive(Clone, PartialEq, Eq)]
struct Nonce(String);

impl std::fmt::Debug for Nonce {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

impl DigestSession {
    /// Credentials for the first realm that takes them.
    pub fn new(credentials: Credentials) -> Self {
        Self {
            credentials,
            realm: None,
            refuses_md5: false,
            current: None,
        }
    }

    /// Binds the credentials to a realm from the start.
    #[must_use]
    pub fn with_realm(mut self, realm: impl Into<String>) -> Self {
        self.realm = Some(realm.into());
        self
    }

    /// Refuses MD5 (a downgrade, RFC 8760 §4).
    #[must_use]
    pub fn refusing_md5(mut self) -> Self {
        self.refuses_md5 = true;
        self
    }

    /// The realm that the credentials are bound to.
    pub fn realm(&self) -> Option<&str> {
        self.realm.as_deref()
    }

    /// Takes a 401 or 407 to a request of ours. `Ok` means: repeat the request with [`Self::authorization`], a new branch and
    /// the next CSeq. Credentials that were refused once are sent again only if the server says that just the nonce was
    /// old, or if they went out ahead of any challenge; and not a third time.
    pub fn handle_challenge(&mut self, attempts: &mut Attempts, response: &Response) -> Result<(), DigestError> {
        let (asking, answering) = match response.status {
            407 => (HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization),
            _ => (HeaderName::WwwAuthenticate, HeaderName::Authorization),
        };
        let challenge = self.choose(response.headers.get_all(asking).filter_map(Challenge::parse).collect())?;
        attempts.allow(&challenge)?;
        let known = self
            .current
            .take()
            .filter(|current| current.challenge.nonce == challenge.nonce);
        let count = known.map_or(0, |current| current.count);
        self.current = Some(Current {
            challenge,
            header: answering,
            count,
        });
        Ok(())
    }

    /// The header for the next request, with the last nonce and its next count; `None` before the first challenge.
    pub fn authorization(
        &mut self,
        attempts: &mut Attempts,
        request: (&Method, &str),
        random: &mut dyn RandomSource,
    ) -> Option<(HeaderName<'static>, String)> {
        let current = self.current.as_mut()?;
        current.count += 1;
        attempts.nonce = Some(Nonce(current.challenge.nonce.clone()));
        let cnonce = random_token(random);
        let answer = Authorization::answer(&current.challenge, &self.credentials, request, current.count, cnonce);
        Some((current.header, answer.to_string()))
    }

    /// A request with our credentials was accepted: from now on they are for this realm only, since
    /// whoever may challenge us could otherwise collect answers for another server (CVE-2021-41158).
    pub fn handle_success(&mut self) {
        if let (None, Some(current)) = (&self.realm, &self.current) {
            self.realm = Some(current.challenge.realm.clone());
        }
    }

    /// The best challenge of our realm: any other before MD5, else the first (RFC 8760 §2.4).
    fn choose(&self, challenges: Vec<Challenge>) -> Result<Challenge, DigestError> {
        let first_realm = challenges.first().ok_or(DigestError::Unusable)?.realm.clone();
        let is_ours = |challenge: &Challenge| self.realm.as_ref().is_none_or(|realm| *realm == challenge.realm);
        let mut ours: Vec<Challenge> = challenges.into_iter().filter(is_ours).collect();
        if ours.is_empty() {
            return Err(DigestError::ForeignRealm(first_realm));
        }
        ours.retain(|challenge| !self.refuses_md5 || challenge.algorithm != Algorithm::Md5);
        // the sort is stable: equals keep the server's order
        ours.sort_by_key(|challenge| challenge.algorithm == Algorithm::Md5);
        ours.into_iter().next().ok_or(DigestError::Md5Refused)
    }
}

impl Attempts {
    /// Whether this request may be repeated, and remembers that it was.
    fn allow(&mut self, challenge: &Challenge) -> Result<(), DigestError> {
        let is_repeated = self.nonce.as_ref().is_some_and(|nonce| nonce.0 == challenge.nonce);
        if is_repeated && !challenge.stale {
            return Err(DigestError::Refused);
        }
        let budget = if challenge.stale && self.nonce.is_some() {
            &mut self.stale
        } else {
            &mut self.refused
        };
        if std::mem::replace(budget, true) {
            Err(DigestError::Refused)
        } else {
            Ok(())
        }
    }
}
