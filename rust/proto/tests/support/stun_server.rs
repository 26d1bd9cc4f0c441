//! STUN and TURN as a scripted server speaks it.
use md5::{Digest, Md5};
use rtc_stun::crypto::RTCCryptoProvider;
use rtc_stun::crypto::providers::AwsLcRsProvider;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{Message, Setter};

pub(crate) const CREDENTIAL: &str = "a credential";
pub(crate) const ALLOCATED: u16 = 0x0103;
pub(crate) const REFRESHED: u16 = 0x0104;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// A STUN message with the transaction id of the request that it answers.
pub(crate) fn stun(kind: u16, request: &[u8], attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut body = Vec::new();
    for (number, value) in attributes {
        body.extend(number.to_be_bytes());
        body.extend(u16::try_from(value.len()).unwrap().to_be_bytes());
        body.extend(value);
        body.resize(body.len().next_multiple_of(4), 0);
    }
    let length = u16::try_from(body.len()).unwrap();
    [
        &kind.to_be_bytes()[..],
        &length.to_be_bytes(),
        &MAGIC_COOKIE,
        &request[8..20],
        &body,
    ]
    .concat()
}

/// XOR-MAPPED-ADDRESS of 203.0.113.7:4000 (0x0fa0) (RFC 8489 §14.2).
pub(crate) fn mapped() -> (u16, Vec<u8>) {
    let port = 0x0fa0_u16 ^ 0x2112;
    let ip = [203, 0, 113, 7]
        .iter()
        .zip(MAGIC_COOKIE)
        .map(|(byte, mask)| byte ^ mask);
    (0x0020, [0, 1].into_iter().chain(port.to_be_bytes()).chain(ip).collect())
}

/// 401 with realm and nonce.
pub(crate) fn challenge(request: &[u8]) -> Vec<u8> {
    let attributes = [
        (0x0009, vec![0, 0, 4, 1]),
        (0x0014, b"realm".to_vec()),
        (0x0015, b"nonce".to_vec()),
    ];
    stun(0x0113, request, &attributes)
}

/// A success with MESSAGE-INTEGRITY.
pub(crate) fn signed(kind: u16, request: &[u8], attributes: &[(u16, Vec<u8>)]) -> Vec<u8> {
    let mut message = Message::new();
    message.raw = stun(kind, request, attributes);
    message.decode().unwrap();
    let key = Md5::digest(format!("user:realm:{CREDENTIAL}"));
    let crypto = AwsLcRsProvider::new();
    let integrity = MessageIntegrity::new_raw_integrity_with_provider(key.as_slice(), crypto.crypto());
    integrity.add_to(&mut message).unwrap();
    message.raw
}

/// The attributes of a new allocation: a relay at 203.0.113.6:4000 for ten minutes (RFC 8656 §7.3).
pub(crate) fn allocation() -> [(u16, Vec<u8>); 3] {
    let (number, mut relay) = mapped();
    relay[7] ^= 1;
    [(0x0016, relay), (number, mapped().1), (0x000d, vec![0, 0, 2, 88])]
}
