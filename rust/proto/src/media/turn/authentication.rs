//! The long-term credential mechanism with MD5 keys (RFC 8489 §9.2), which every TURN server takes.
use md5::{Digest, Md5};
use rtc_stun::attributes::{ATTR_NONCE, ATTR_REALM, ATTR_USERNAME};
use rtc_stun::message::Message;
use zeroize::Zeroizing;

use crate::io::Secret;
use crate::media::stun::message::{StunMessage, sign};

/// REALM and NONCE are shorter than 128 characters, at most 763 bytes (RFC 8489 §14.9, §14.10).
const MAX_CHALLENGE: usize = 763;

/// A user's name and password, and the server's last challenge.
#[derive(Debug)]
pub(super) struct LongTermCredential {
    username: Secret,
    password: Secret,
    challenge: Option<Challenge>,
}

struct Challenge {
    realm: Vec<u8>,
    nonce: Vec<u8>,
    key: Zeroizing<[u8; 16]>,
}

impl std::fmt::Debug for Challenge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Challenge")
    }
}

impl LongTermCredential {
    pub(super) fn new(username: Secret, password: Secret) -> Self {
        Self {
            username,
            password,
            challenge: None,
        }
    }

    /// Whether requests are signed: the server has challenged one.
    pub(super) fn is_challenged(&self) -> bool {
        self.challenge.is_some()
    }

    /// Takes realm and nonce of a 401 or 438; `false` when they are missing or too long. A 438 may leave the realm out.
    pub(super) fn accept_challenge(&mut self, response: &StunMessage) -> bool {
        let nonce = response.attribute(ATTR_NONCE).filter(|nonce| fits(nonce));
        let known = self.challenge.as_ref().map(|challenge| challenge.realm.as_slice());
        let realm = response.attribute(ATTR_REALM).or(known).filter(|realm| fits(realm));
        let (Some(nonce), Some(realm)) = (nonce, realm) else {
            return false;
        };
        self.challenge = Some(Challenge {
            key: self.key(realm),
            realm: realm.to_vec(),
            nonce: nonce.to_vec(),
        });
        true
    }

    /// Appends USERNAME, REALM, NONCE and MESSAGE-INTEGRITY if the server has challenged us.
    pub(super) fn authenticate(&self, message: &mut Message) {
        if let Some(challenge) = &self.challenge {
            message.add(ATTR_USERNAME, self.username.0.as_bytes());
            message.add(ATTR_REALM, &challenge.realm);
            message.add(ATTR_NONCE, &challenge.nonce);
            sign(message, challenge.key.as_slice());
        }
    }

    /// Whether a response was made by somebody who knows the key.
    pub(super) fn verifies(&self, response: &mut StunMessage) -> bool {
        let challenge = self.challenge.as_ref();
        challenge.is_some_and(|challenge| response.is_authentic(challenge.key.as_slice()))
    }

    /// RFC 8489 §9.2.2.
    fn key(&self, realm: &[u8]) -> Zeroizing<[u8; 16]> {
        let mut hash = Md5::new();
        for part in [
            self.username.0.as_bytes(),
            b":",
            realm,
            b":",
            self.password.0.as_bytes(),
        ] {
            hash.update(part);
        }
        Zeroizing::new(hash.finalize().into())
    }
}

fn fits(value: &[u8]) -> bool {
    (1..=MAX_CHALLENGE).contains(&value.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 5769 §2.4: username `マトリックス`, realm `example.org`, password `TheMatrIX` (as prepared).
    #[test]
    fn verifies_the_long_term_vector_of_rfc_5769() {
        let mut request = StunMessage::parse(&crate::media::stun::message::vectors::LONG_TERM_REQUEST).unwrap();
        let username = Secret(request.text(ATTR_USERNAME).unwrap());
        assert_eq!(username.0, "マトリックス");
        let mut right = LongTermCredential::new(username.clone(), Secret("TheMatrIX".into()));
        assert!(!right.verifies(&mut request), "nothing verifies without a challenge");
        assert!(right.accept_challenge(&request));
        assert!(right.verifies(&mut request));
        let mut wrong = LongTermCredential::new(username, Secret("TheMatrix".into()));
        assert!(wrong.accept_challenge(&request));
        assert!(!wrong.verifies(&mut request));
        assert!(!format!("{right:?}").contains("TheMatrIX"));
    }
}
