//! STUN messages of connectivity checks: strict reading, authentication, and the two messages that we build ourselves
//! (RFC 8489, RFC 8445 §7).
use rtc_ice::attributes::control::{AttrControlled, AttrControlling, TieBreaker};
use rtc_ice::attributes::priority::PriorityAttr;
use rtc_stun::attributes::{
    ATTR_ERROR_CODE, ATTR_FINGERPRINT, ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_MESSAGE_INTEGRITY,
    ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::crypto::providers::AwsLcRsProvider;
use rtc_stun::crypto::{RTCCrypto, RTCCryptoProvider};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_REQUEST, CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, METHOD_BINDING,
    Message, Setter, TransactionId,
};
use rtc_stun::textattrs::Username;

/// Attributes that one message may have; real ones have under ten.
const MAX_ATTRIBUTES: usize = 32;
/// Size of a STUN header, RFC 8489 §5.
const HEADER_SIZE: usize = 20;

/// A well-formed Binding message, not yet authenticated.
pub(super) struct Binding {
    message: Message,
}

/// The classes of a Binding message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Class {
    Request,
    Indication,
    Success,
    Error,
}

/// What goes into one of our Binding requests.
pub(super) struct Check<'a> {
    pub(super) username: String,
    pub(super) password: &'a str,
    pub(super) controlling: bool,
    pub(super) tie_breaker: u64,
    pub(super) priority: u32,
}

impl Binding {
    /// Reads a datagram that holds exactly one Binding message, whose fingerprint is there and right (RFC 8445 §7.1);
    /// indications, which nothing is made of, may have none.
    pub(super) fn parse(datagram: &[u8]) -> Option<Self> {
        let mut message = Message {
            raw: datagram.to_vec(),
            ..Message::default()
        };
        message.decode().ok()?;
        let attributes = &message.attributes.0;
        let is_whole = datagram.len() == HEADER_SIZE + message.length as usize;
        if !is_whole || message.typ.method != METHOD_BINDING || attributes.len() > MAX_ATTRIBUTES {
            return None;
        }
        let is_indication = message.typ.class == CLASS_INDICATION;
        let fingerprint_at = attributes
            .iter()
            .position(|attribute| attribute.typ == ATTR_FINGERPRINT);
        let is_right = fingerprint_at.map_or(is_indication, |at| {
            at + 1 == attributes.len() && FINGERPRINT.check(&message).is_ok()
        });
        is_right.then_some(Self { message })
    }

    pub(super) fn class(&self) -> Class {
        match self.message.typ.class {
            CLASS_REQUEST => Class::Request,
            CLASS_INDICATION => Class::Indication,
            CLASS_SUCCESS_RESPONSE => Class::Success,
            _ => {
                debug_assert!(self.message.typ.class == CLASS_ERROR_RESPONSE);
                Class::Error
            }
        }
    }

    pub(super) fn transaction(&self) -> TransactionId {
        self.message.transaction_id
    }

    pub(super) fn username(&self) -> Option<String> {
        String::from_utf8(self.message.get(ATTR_USERNAME).ok()?).ok()
    }

    pub(super) fn uses_candidate(&self) -> bool {
        self.message.contains(ATTR_USE_CANDIDATE)
    }

    /// The tie-breaker of a request, whichever role it claims.
    pub(super) fn tie_breaker(&self) -> Option<u64> {
        let mut tie_breaker = TieBreaker::default();
        [ATTR_ICE_CONTROLLING, ATTR_ICE_CONTROLLED]
            .into_iter()
            .any(|role| tie_breaker.get_from_as(&self.message, role).is_ok())
            .then_some(tie_breaker.0)
    }

    /// Status of an error response, for example 487.
    pub(super) fn error_code(&self) -> Option<u16> {
        let value = self.message.get(ATTR_ERROR_CODE).ok()?;
        let [_, _, class, number, ..] = value.as_slice() else {
            return None;
        };
        Some(u16::from(*class & 7) * 100 + u16::from(*number))
    }

    /// Whether MESSAGE-INTEGRITY is there, right, and covers everything but the fingerprint (RFC 8489 §14.5: what
    /// follows it must be ignored; rtc-ice does not, so such a message counts as forged).
    pub(super) fn is_authentic(&mut self, password: &str, crypto: &dyn RTCCrypto) -> bool {
        let attributes = &self.message.attributes.0;
        let Some(at) = attributes
            .iter()
            .position(|attribute| attribute.typ == ATTR_MESSAGE_INTEGRITY)
        else {
            return false;
        };
        let covers_all = attributes
            .iter()
            .skip(at + 1)
            .all(|attribute| attribute.typ == ATTR_FINGERPRINT);
        covers_all && MessageIntegrity::check(&mut self.message, password.as_bytes(), crypto).is_ok()
    }

    /// The same request without USE-CANDIDATE, signed again with the password it was signed with.
    pub(super) fn without_use_candidate(&self, password: &str, crypto: &dyn RTCCrypto) -> Option<Vec<u8>> {
        let dropped = [ATTR_USE_CANDIDATE, ATTR_MESSAGE_INTEGRITY, ATTR_FINGERPRINT];
        let mut copy = Message::new();
        copy.build(&[Box::new(BINDING_REQUEST), Box::new(self.transaction())])
            .ok()?;
        for attribute in self
            .message
            .attributes
            .0
            .iter()
            .filter(|attribute| !dropped.contains(&attribute.typ))
        {
            copy.add(attribute.typ, &attribute.value);
        }
        sign(copy, password, crypto)
    }
}

impl Check<'_> {
    /// The request as it goes on the wire, with its fresh transaction id.
    pub(super) fn build(self, crypto: &dyn RTCCrypto) -> Option<(TransactionId, Vec<u8>)> {
        let role: Box<dyn Setter> = if self.controlling {
            Box::new(AttrControlling(self.tie_breaker))
        } else {
            Box::new(AttrControlled(self.tie_breaker))
        };
        let transaction = TransactionId::new();
        let mut message = Message::new();
        message
            .build(&[
                Box::new(BINDING_REQUEST),
                Box::new(transaction),
                Box::new(Username::new(ATTR_USERNAME, self.username)),
                role,
                Box::new(PriorityAttr(self.priority)),
            ])
            .ok()?;
        Some((transaction, sign(message, self.password, crypto)?))
    }
}

/// The transaction of a request that rtc-ice built, with the tie-breaker it drew.
pub(super) fn outgoing_request(datagram: &[u8]) -> Option<(TransactionId, Option<u64>)> {
    let binding = Binding::parse(datagram)?;
    (binding.class() == Class::Request).then(|| (binding.transaction(), binding.tie_breaker()))
}

/// Reads a datagram as a connectivity check. True when it was refused, or stays what it was without USE-CANDIDATE; nobody
/// without the password passes for authentic. For fuzzing.
pub fn stun_survives(bytes: &[u8]) -> bool {
    let provider = AwsLcRsProvider::new();
    let Some(mut binding) = Binding::parse(bytes) else {
        return true;
    };
    let _ = (binding.tie_breaker(), binding.error_code(), outgoing_request(bytes));
    if binding.is_authentic("a password that nobody knows", provider.crypto()) {
        return false;
    }
    binding.class() != Class::Request
        || binding
            .without_use_candidate("password", provider.crypto())
            .is_none_or(|plain| {
                Binding::parse(&plain).is_some_and(|mut plain| {
                    plain.transaction() == binding.transaction()
                        && plain.username() == binding.username()
                        && !plain.uses_candidate()
                        && plain.is_authentic("password", provider.crypto())
                })
            })
}

fn sign(mut message: Message, password: &str, crypto: &dyn RTCCrypto) -> Option<Vec<u8>> {
    MessageIntegrity::new_short_term_integrity_with_provider(password.to_owned(), crypto)
        .add_to(&mut message)
        .ok()?;
    FINGERPRINT.add_to(&mut message).ok()?;
    Some(message.raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::stun::message::vectors;

    fn password() -> &'static str {
        std::str::from_utf8(vectors::SHORT_TERM_PASSWORD).unwrap()
    }

    fn is_authentic(bytes: &[u8], password: &str) -> bool {
        let provider = AwsLcRsProvider::new();
        Binding::parse(bytes).is_some_and(|mut binding| binding.is_authentic(password, provider.crypto()))
    }

    #[test]
    fn reads_and_verifies_the_vectors_of_rfc_5769() {
        let request = Binding::parse(&vectors::REQUEST).unwrap();
        assert_eq!(request.class(), Class::Request);
        assert_eq!(request.username().as_deref(), Some("evtj:h6vY"));
        assert_eq!(request.tie_breaker(), Some(0x932f_f9b1_5126_3b36));
        assert!(!request.uses_candidate());
        for response in [&vectors::IPV4_RESPONSE[..], &vectors::IPV6_RESPONSE] {
            assert_eq!(Binding::parse(response).unwrap().class(), Class::Success);
        }
        for bytes in [&vectors::REQUEST[..], &vectors::IPV4_RESPONSE, &vectors::IPV6_RESPONSE] {
            assert!(is_authentic(bytes, password()) && !is_authentic(bytes, "another"));
        }
    }

    #[test]
    fn a_changed_bit_anywhere_is_noticed() {
        for at in 0..vectors::REQUEST.len() * 8 {
            let mut bytes = vectors::REQUEST;
            bytes[at / 8] ^= 1 << (at % 8);
            assert!(!is_authentic(&bytes, password()), "bit {at}");
        }
    }

    #[test]
    fn only_an_indication_may_lack_its_fingerprint() {
        let without = |bytes: &[u8], class: u8| {
            let mut cut = bytes[..bytes.len() - 8].to_vec();
            cut[3] -= 8;
            cut[0..2].copy_from_slice(&[class >> 4, 1 | (class & 1) << 4]);
            cut
        };
        for (class, is_read) in [(0x00, false), (0x01, true), (0x10, false), (0x11, false)] {
            let bytes = without(&vectors::REQUEST, class);
            assert_eq!(Binding::parse(&bytes).is_some(), is_read, "class {class:#x}");
        }
    }
}
