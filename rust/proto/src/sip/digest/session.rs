//! A client's side of digest over many requests: which challenges it answers, and how often.
use super::challenge::next_nonce;
use super::{Algorithm, Authorization, Challenge, Credentials};
use crate::io::RandomSource;
use crate::sip::header::HeaderName;
use crate::sip::identifiers::random_token;
use crate::sip::{Method, Response};

/// Credentials, the realm that may ask for them, and its last nonce, which further requests carry unasked.
#[derive(Clone, Debug)]
pub struct DigestSession {
    credentials: Credentials,
    realm: Option<String>,
    refuses_md5: bool,
    current: Option<Current>,
    /// Where REGISTER carries credentials, once it was challenged.
    register: Option<HeaderName<'static>>,
    /// Where other requests carry them, once one was challenged; until then as REGISTER.
    other: Option<HeaderName<'static>>,
}

/// What one request of ours (with its repetitions) has answered so far.
#[derive(Clone, Default, Debug)]
pub struct Attempts {
    /// Whether it carried credentials, asked for or not.
    is_authorised: bool,
    /// The nonce of the last challenge to it that was answered.
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
    /// How often the nonce was used.
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
            register: None,
            other: None,
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
    /// old, and not a third time. Those that went out ahead of a challenge do not count.
    pub fn handle_challenge(&mut self, attempts: &mut Attempts, response: &Response) -> Result<(), DigestError> {
        let (asking, answering) = match response.status {
            407 => (HeaderName::ProxyAuthenticate, HeaderName::ProxyAuthorization),
            _ => (HeaderName::WwwAuthenticate, HeaderName::Authorization),
        };
        let challenge = self.choose(response.headers.get_all(asking).filter_map(Challenge::parse).collect())?;
        if let Err(error) = attempts.allow(&challenge) {
            // what was refused is not offered again
            self.current = None;
            return Err(error);
        }
        let method = response.headers.cseq().map(|cseq| cseq.method);
        *self.place(method.is_ok_and(|method| method == Method::Register)) = Some(answering);
        let known = self
            .current
            .take()
            .filter(|current| current.challenge.nonce == challenge.nonce);
        let count = known.map_or(0, |current| current.count);
        self.current = Some(Current { challenge, count });
        Ok(())
    }

    /// The header for the next request, with the last nonce and its next count: the answer to a challenge, or one ahead of
    /// it (RFC 7616 §3.6). `None` before the first challenge, and for REGISTER before one to it.
    pub fn authorization(
        &mut self,
        attempts: &mut Attempts,
        request: (&Method, &str),
        random: &mut dyn RandomSource,
    ) -> Option<(HeaderName<'static>, String)> {
        let header = match request.0 {
            Method::Register => self.register,
            _ => self.other.or(self.register),
        }?;
        let current = self.current.as_mut()?;
        current.count = current.count.saturating_add(1);
        attempts.is_authorised = true;
        if attempts.refused {
            attempts.nonce = Some(Nonce(current.challenge.nonce.clone()));
        }
        let cnonce = random_token(random);
        let answer = Authorization::answer(&current.challenge, &self.credentials, request, current.count, cnonce);
        Some((header, answer.to_string()))
    }

    /// Takes the 2xx to a request of ours. If it carried our credentials, they are for this realm only from now on, since
    /// whoever may challenge us could otherwise collect answers for another server (CVE-2021-41158); and the nonce that
    /// the server wants next is used next (RFC 7616 §3.5).
    pub fn handle_success(&mut self, attempts: &Attempts, response: &Response) {
        let Some(current) = self.current.as_mut().filter(|_| attempts.is_authorised) else {
            return;
        };
        self.realm.get_or_insert_with(|| current.challenge.realm.clone());
        let headers = &response.headers;
        let mut told = ["Authentication-Info", "Proxy-Authentication-Info"]
            .into_iter()
            .flat_map(|name| headers.get_all(name));
        let next = told.find_map(next_nonce);
        if let Some(nonce) = next.filter(|nonce| *nonce != current.challenge.nonce) {
            current.challenge.nonce = nonce;
            current.count = 0;
        }
    }

    fn place(&mut self, is_register: bool) -> &mut Option<HeaderName<'static>> {
        if is_register {
            &mut self.register
        } else {
            &mut self.other
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
