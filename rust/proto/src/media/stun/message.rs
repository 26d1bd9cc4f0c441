//! STUN messages to and from servers: strict reading, and the parts that requests are made of (RFC 8489, RFC 8656 §18).
use std::net::{IpAddr, SocketAddr};
use std::ops::Range;

use rtc_stun::addr::MappedAddress;
use rtc_stun::attributes::{
    ATTR_ALTERNATE_SERVER, ATTR_ERROR_CODE, ATTR_FINGERPRINT, ATTR_LIFETIME, ATTR_MAPPED_ADDRESS,
    ATTR_MESSAGE_INTEGRITY, ATTR_MESSAGE_INTEGRITY_SHA256, ATTR_XORMAPPED_ADDRESS, AttrType,
};
use rtc_stun::crypto::RTCCryptoProvider;
use rtc_stun::crypto::providers::AwsLcRsProvider;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    ATTRIBUTE_HEADER_SIZE, CLASS_ERROR_RESPONSE, CLASS_INDICATION, CLASS_REQUEST, CLASS_SUCCESS_RESPONSE, Message,
    MessageClass, MessageType, Method, Setter, TransactionId,
};
use rtc_stun::xoraddr::XorMappedAddress;

use crate::io::RandomSource;

/// Size of a STUN header, RFC 8489 §5.
pub(in crate::media) const HEADER_SIZE: usize = 20;
/// Attributes that one message may have; real ones have under ten.
const MAX_ATTRIBUTES: usize = 32;
/// Characters kept of a server's reason phrase.
const MAX_REASON: usize = 128;

static CRYPTO: AwsLcRsProvider = AwsLcRsProvider::new();

/// A well-formed message from a server, not yet authenticated.
#[derive(Debug)]
pub(in crate::media) struct StunMessage {
    message: Message,
}

/// ERROR-CODE (RFC 8489 §14.8), fit to be shown.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::media) struct ErrorCode {
    /// 300 to 699.
    pub(in crate::media) code: u16,
    /// The server's reason phrase, shortened and without control characters.
    pub(in crate::media) reason: String,
}

impl StunMessage {
    /// Reads bytes that are exactly one message, whose fingerprint, if it has one, is right. Attributes behind
    /// MESSAGE-INTEGRITY, which nothing protects, make it malformed (RFC 8489 §14.5 has them ignored).
    pub(in crate::media) fn parse(bytes: &[u8]) -> Option<Self> {
        let mut message = Message {
            raw: bytes.to_vec(),
            ..Message::default()
        };
        message.decode().ok()?;
        let attributes = &message.attributes.0;
        let is_whole = bytes.len() == HEADER_SIZE + message.length as usize;
        if !is_whole || bytes.first().is_some_and(|first| *first > 3) || attributes.len() > MAX_ATTRIBUTES {
            return None;
        }
        let at = |typ: AttrType| attributes.iter().position(|attribute| attribute.typ == typ);
        if at(ATTR_FINGERPRINT).is_some_and(|at| at + 1 != attributes.len() || FINGERPRINT.check(&message).is_err()) {
            return None;
        }
        let protection = [ATTR_MESSAGE_INTEGRITY, ATTR_MESSAGE_INTEGRITY_SHA256, ATTR_FINGERPRINT];
        let unprotected = at(ATTR_MESSAGE_INTEGRITY).and_then(|at| attributes.get(at + 1..));
        if unprotected.is_some_and(|rest| rest.iter().any(|attribute| !protection.contains(&attribute.typ))) {
            return None;
        }
        Some(Self { message })
    }

    pub(in crate::media) fn method(&self) -> Method {
        self.message.typ.method
    }

    pub(in crate::media) fn is_success(&self) -> bool {
        self.message.typ.class == CLASS_SUCCESS_RESPONSE
    }

    pub(in crate::media) fn is_indication(&self) -> bool {
        self.message.typ.class == CLASS_INDICATION
    }

    pub(in crate::media) fn is_error(&self) -> bool {
        self.message.typ.class == CLASS_ERROR_RESPONSE
    }

    pub(in crate::media) fn transaction(&self) -> TransactionId {
        self.message.transaction_id
    }

    /// The value of the first attribute of a type.
    pub(in crate::media) fn attribute(&self, typ: AttrType) -> Option<&[u8]> {
        let attributes = self.message.attributes.0.iter();
        let mut of_type = attributes.filter(|attribute| attribute.typ == typ);
        of_type.next().map(|attribute| attribute.value.as_slice())
    }

    /// Where the value of the first attribute of a type stands in the bytes that were parsed.
    pub(in crate::media) fn locate(&self, typ: AttrType) -> Option<Range<usize>> {
        let mut at = HEADER_SIZE;
        for attribute in &self.message.attributes.0 {
            let size = attribute.value.len();
            if attribute.typ == typ {
                return Some(at + ATTRIBUTE_HEADER_SIZE..at + ATTRIBUTE_HEADER_SIZE + size);
            }
            at += ATTRIBUTE_HEADER_SIZE + size.next_multiple_of(4);
        }
        None
    }

    pub(in crate::media) fn text(&self, typ: AttrType) -> Option<String> {
        String::from_utf8(self.attribute(typ)?.to_vec()).ok()
    }

    /// An XOR-ed address that packets can be sent to.
    pub(in crate::media) fn xor_address(&self, typ: AttrType) -> Option<SocketAddr> {
        has_address_size(self.attribute(typ)?).then_some(())?;
        let mut address = XorMappedAddress::default();
        address.get_from_as(&self.message, typ).ok()?;
        usable(address.ip, address.port)
    }

    /// XOR-MAPPED-ADDRESS, else the MAPPED-ADDRESS of servers of RFC 3489.
    pub(in crate::media) fn mapped_address(&self) -> Option<SocketAddr> {
        self.xor_address(ATTR_XORMAPPED_ADDRESS)
            .or_else(|| self.plain_address(ATTR_MAPPED_ADDRESS))
    }

    pub(in crate::media) fn alternate_server(&self) -> Option<SocketAddr> {
        self.plain_address(ATTR_ALTERNATE_SERVER)
    }

    /// LIFETIME in seconds.
    pub(in crate::media) fn lifetime(&self) -> Option<u32> {
        Some(u32::from_be_bytes(self.attribute(ATTR_LIFETIME)?.try_into().ok()?))
    }

    pub(in crate::media) fn error_code(&self) -> Option<ErrorCode> {
        let [_, _, class, number, reason @ ..] = self.attribute(ATTR_ERROR_CODE)? else {
            return None;
        };
        let reason = String::from_utf8_lossy(reason);
        Some(ErrorCode {
            code: u16::from(*class & 7) * 100 + u16::from(*number),
            reason: reason.chars().filter(|c| !c.is_control()).take(MAX_REASON).collect(),
        })
    }

    pub(in crate::media) fn has_integrity(&self) -> bool {
        self.message.contains(ATTR_MESSAGE_INTEGRITY)
    }

    /// Whether MESSAGE-INTEGRITY is there and right.
    pub(in crate::media) fn is_authentic(&mut self, key: &[u8]) -> bool {
        self.has_integrity() && MessageIntegrity::check(&mut self.message, key, CRYPTO.crypto()).is_ok()
    }

    fn plain_address(&self, typ: AttrType) -> Option<SocketAddr> {
        has_address_size(self.attribute(typ)?).then_some(())?;
        let mut address = MappedAddress::default();
        address.get_from_as(&self.message, typ).ok()?;
        usable(address.ip, address.port)
    }
}

/// An empty request.
pub(in crate::media) fn request(method: Method, id: TransactionId) -> Message {
    empty(method, CLASS_REQUEST, id)
}

/// An empty indication.
pub(in crate::media) fn indication(method: Method, id: TransactionId) -> Message {
    empty(method, CLASS_INDICATION, id)
}

/// A transaction id that nobody can guess.
pub(in crate::media) fn transaction_id(random: &mut dyn RandomSource) -> TransactionId {
    let mut id = TransactionId::default();
    random.fill(&mut id.0);
    id
}

/// Appends an address XOR-ed with the message's transaction id.
pub(in crate::media) fn add_xor_address(message: &mut Message, typ: AttrType, address: SocketAddr) {
    let address = XorMappedAddress {
        ip: address.ip(),
        port: address.port(),
    };
    // writing into a vector cannot fail
    let _ = address.add_to_as(message, typ);
}

/// Appends MESSAGE-INTEGRITY; `false` when the crypto library refuses.
pub(in crate::media) fn sign(message: &mut Message, key: &[u8]) -> bool {
    let integrity = MessageIntegrity::new_raw_integrity_with_provider(key, CRYPTO.crypto());
    integrity.add_to(message).is_ok()
}

/// Appends FINGERPRINT and gives the bytes to send.
pub(in crate::media) fn finish(mut message: Message) -> Vec<u8> {
    // a CRC cannot fail
    let _ = FINGERPRINT.add_to(&mut message);
    message.raw
}

fn empty(method: Method, class: MessageClass, id: TransactionId) -> Message {
    let mut message = Message::new();
    message.typ = MessageType::new(method, class);
    message.transaction_id = id;
    message.write_header();
    message
}

/// Family and port, then exactly four or sixteen bytes: the codec fills up what is missing.
fn has_address_size(value: &[u8]) -> bool {
    matches!((value.get(1), value.len()), (Some(1), 8) | (Some(2), 20))
}

fn usable(ip: IpAddr, port: u16) -> Option<SocketAddr> {
    is_reachable(ip).then_some(())?;
    (port != 0).then(|| SocketAddr::new(ip, port))
}

/// Whether one host can have this address.
pub(in crate::media) fn is_reachable(ip: IpAddr) -> bool {
    let is_broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !ip.is_unspecified() && !ip.is_multicast() && !is_broadcast
}

#[cfg(test)]
mod tests;
#[cfg(test)]
pub(in crate::media) mod vectors;
