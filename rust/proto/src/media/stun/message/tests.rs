use rtc_stun::attributes::{ATTR_SOFTWARE, ATTR_USERNAME};
use rtc_stun::message::{METHOD_BINDING, METHOD_DATA};

use super::*;
use crate::media::unpredictable_random::UnpredictableRandom;

fn response(fill: impl FnOnce(&mut Message)) -> Vec<u8> {
    let mut message = empty(METHOD_BINDING, CLASS_SUCCESS_RESPONSE, TransactionId([9; 12]));
    fill(&mut message);
    message.raw
}

#[test]
fn reads_and_verifies_the_vectors_of_rfc_5769() {
    let mut request = StunMessage::parse(&vectors::REQUEST).unwrap();
    assert_eq!(request.text(ATTR_USERNAME).as_deref(), Some("evtj:h6vY"));
    assert!(request.is_authentic(vectors::SHORT_TERM_PASSWORD));
    assert!(!request.is_authentic(b"another"));
    let [first, second] = vectors::mapped_addresses();
    for (bytes, mapped) in [
        (&vectors::IPV4_RESPONSE[..], first),
        (&vectors::IPV6_RESPONSE[..], second),
    ] {
        let mut response = StunMessage::parse(bytes).unwrap();
        assert!(response.is_success() && response.is_authentic(vectors::SHORT_TERM_PASSWORD));
        assert_eq!(response.mapped_address(), Some(mapped));
        assert_eq!(response.text(ATTR_SOFTWARE).as_deref(), Some("test vector"));
    }
}

#[test]
fn writes_the_ipv4_response_of_rfc_5769_byte_for_byte_but_for_its_padding() {
    let parsed = StunMessage::parse(&vectors::IPV4_RESPONSE).unwrap();
    let mut message = empty(METHOD_BINDING, CLASS_SUCCESS_RESPONSE, parsed.transaction());
    message.add(ATTR_SOFTWARE, b"test vector");
    add_xor_address(&mut message, ATTR_XORMAPPED_ADDRESS, vectors::mapped_addresses()[0]);
    // the vector pads with a blank, which both checksums cover
    message.raw[35] = b' ';
    assert!(sign(&mut message, vectors::SHORT_TERM_PASSWORD));
    assert_eq!(finish(message), vectors::IPV4_RESPONSE);
}

#[test]
fn a_changed_bit_anywhere_is_noticed() {
    for at in 0..vectors::IPV4_RESPONSE.len() * 8 {
        let mut bytes = vectors::IPV4_RESPONSE;
        bytes[at / 8] ^= 1 << (at % 8);
        // one such change hides both checksums inside another attribute
        let is_noticed = |mut message: StunMessage| !message.is_authentic(vectors::SHORT_TERM_PASSWORD);
        assert!(StunMessage::parse(&bytes).is_none_or(is_noticed), "bit {at}");
    }
    let unmarked = &vectors::LONG_TERM_REQUEST;
    for cut in 0..unmarked.len() {
        assert!(StunMessage::parse(&unmarked[..cut]).is_none(), "{cut} bytes");
    }
    assert!(StunMessage::parse(&[&unmarked[..], b"more"].concat()).is_none());
}

#[test]
fn nothing_may_follow_the_signature_but_the_fingerprint() {
    let mapped = vectors::mapped_addresses()[0];
    let mut message = empty(METHOD_BINDING, CLASS_SUCCESS_RESPONSE, TransactionId([1; 12]));
    assert!(sign(&mut message, b"key"));
    assert!(StunMessage::parse(&message.raw).unwrap().is_authentic(b"key"));
    add_xor_address(&mut message, ATTR_XORMAPPED_ADDRESS, mapped);
    assert!(StunMessage::parse(&message.raw).is_none());
    let many = response(|message| (0..33).for_each(|_| message.add(ATTR_SOFTWARE, b"x")));
    assert!(StunMessage::parse(&many).is_none());
}

#[test]
fn only_addresses_that_somebody_can_have_are_read() {
    let address = |value: &[u8]| StunMessage::parse(&response(|m| m.add(ATTR_MAPPED_ADDRESS, value)))?.mapped_address();
    assert_eq!(address(&[0, 1, 0x10, 0, 192, 0, 2, 1]), "192.0.2.1:4096".parse().ok());
    for value in [
        &[0, 1, 0, 0, 192, 0, 2, 1][..],
        &[0, 1, 1, 0, 0, 0, 0, 0],
        &[0, 1, 1, 0, 255, 255, 255, 255],
        &[0, 1, 1, 0, 224, 0, 0, 1],
        &[0, 1, 1, 0, 192, 0, 2],
        &[0, 2, 1, 0, 192, 0, 2, 1],
        &[0, 3, 1, 0, 192, 0, 2, 1],
        &[],
    ] {
        assert_eq!(address(value), None, "{value:?}");
    }
}

#[test]
fn an_error_response_is_fit_to_be_shown() {
    let reason = format!("Quota\r\nreached {}", "x".repeat(500));
    let bytes = response(|message| message.add(ATTR_ERROR_CODE, &[&[0, 0, 4, 86], reason.as_bytes()].concat()));
    let error = StunMessage::parse(&bytes).unwrap().error_code().unwrap();
    assert_eq!((error.code, error.reason.len()), (486, 128));
    assert!(error.reason.starts_with("Quotareached x"));
    let short = response(|message| message.add(ATTR_ERROR_CODE, &[0, 0, 4]));
    assert_eq!(StunMessage::parse(&short).unwrap().error_code(), None);
}

#[test]
fn an_attribute_is_found_where_it_stands() {
    let mut message = indication(METHOD_DATA, transaction_id(&mut UnpredictableRandom::fixed()));
    message.add(ATTR_SOFTWARE, b"odd");
    message.add(ATTR_USERNAME, b"payload");
    let bytes = finish(message);
    let parsed = StunMessage::parse(&bytes).unwrap();
    assert!(parsed.is_indication());
    assert_eq!(&bytes[parsed.locate(ATTR_USERNAME).unwrap()], b"payload");
    assert_eq!(parsed.locate(ATTR_ERROR_CODE), None);
}
