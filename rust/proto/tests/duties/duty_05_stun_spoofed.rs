//! Duty 5: STUN that is not authentic does nothing (CVE-2026-116790: checks taken without MESSAGE-INTEGRITY): neither finds
//! a path, nor answers our checks, nor keeps one alive.
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::network::{Call, Kind, Side, deliver, kind_of};
use c2c_proto::media::error::MediaError;
use c2c_proto::media::session::MediaEvent;

const USERNAME: u16 = 0x0006;
const INTEGRITY: u16 = 0x0008;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const SUCCESS: u16 = 0x0101;
const MAPPED: u16 = 0x0020;

type Attribute = (u16, Vec<u8>);

/// Checks and answers that one side sent, by their type.
type Tap = Rc<RefCell<Vec<Vec<u8>>>>;

fn stranger() -> SocketAddr {
    "203.0.113.66:6666".parse().unwrap()
}

fn type_of(message: &[u8]) -> u16 {
    u16::from_be_bytes([message[0], message[1]])
}

fn attributes(message: &[u8]) -> Vec<Attribute> {
    let mut rest = &message[20..];
    let mut attributes = Vec::new();
    while rest.len() >= 4 {
        let length = usize::from(u16::from_be_bytes([rest[2], rest[3]]));
        attributes.push((type_of(rest), rest[4..4 + length].to_vec()));
        rest = &rest[(4 + length.next_multiple_of(4)).min(rest.len())..];
    }
    attributes
}

/// A message of this type with the transaction of another, these attributes, and (RFC 8489 §14.7) a right fingerprint.
fn forge(kind: u16, like: &[u8], attributes: &[Attribute]) -> Vec<u8> {
    let mut message = [&kind.to_be_bytes()[..], &[0, 0], &like[4..20]].concat();
    for (name, value) in attributes.iter().filter(|(name, _)| *name != FINGERPRINT) {
        message.extend([name.to_be_bytes(), (value.len() as u16).to_be_bytes()].concat());
        message.extend(value);
        message.resize(message.len().next_multiple_of(4), 0);
    }
    let length = (message.len() - 20 + 8) as u16;
    message[2..4].copy_from_slice(&length.to_be_bytes());
    let sum = crc32(&message) ^ 0x5354_554e;
    message.extend([0x80, 0x28, 0, 4]);
    message.extend(sum.to_be_bytes());
    message
}

fn crc32(bytes: &[u8]) -> u32 {
    let step =
        |sum: u32, byte: &u8| (0..8).fold(sum ^ u32::from(*byte), |sum, _| (sum >> 1) ^ (0xedb8_8320 * (sum & 1)));
    !bytes.iter().fold(!0, step)
}

/// What an attacker may make of a check that he saw.
fn forgeries(check: &[u8]) -> Vec<(&'static str, Vec<u8>)> {
    let own = attributes(check);
    let without: Vec<Attribute> = own.iter().filter(|(name, _)| *name != INTEGRITY).cloned().collect();
    let with = |more: &[Attribute]| forge(1, check, &[&without[..], more].concat());
    let renamed = own.iter().map(|(name, value)| match *name {
        USERNAME => (USERNAME, b"x".iter().chain(&value[1..]).copied().collect()),
        _ => (*name, value.clone()),
    });
    let mut other_sum = check.to_vec();
    *other_sum.last_mut().unwrap() ^= 1;
    let mut other_transaction = check.to_vec();
    other_transaction[19] ^= 1;
    vec![
        ("no integrity", with(&[])),
        ("no integrity, and nominated", with(&[(USE_CANDIDATE, Vec::new())])),
        ("an integrity of zeros", with(&[(INTEGRITY, vec![0; 20])])),
        ("an empty integrity", with(&[(INTEGRITY, Vec::new())])),
        (
            "the beginning of the integrity",
            with(&[(INTEGRITY, integrity(&own)[..4].to_vec())]),
        ),
        (
            "nominated behind the integrity",
            with(&[(INTEGRITY, integrity(&own)), (USE_CANDIDATE, Vec::new())]),
        ),
        ("of another user", forge(1, check, &renamed.collect::<Vec<_>>())),
        ("a wrong fingerprint", other_sum),
        ("no fingerprint", without_fingerprint(check)),
        ("another transaction", other_transaction),
        ("an answer of it", forge(SUCCESS, check, &own)),
    ]
}

/// The same without FINGERPRINT, which comes last: the integrity, which does not cover it, stays right.
fn without_fingerprint(message: &[u8]) -> Vec<u8> {
    let mut cut = message[..message.len() - 8].to_vec();
    let length = (cut.len() - 20) as u16;
    cut[2..4].copy_from_slice(&length.to_be_bytes());
    assert!(attributes(&cut).iter().all(|(name, _)| *name != FINGERPRINT));
    cut
}

fn integrity(attributes: &[Attribute]) -> Vec<u8> {
    attributes
        .iter()
        .find(|(name, _)| *name == INTEGRITY)
        .unwrap()
        .1
        .clone()
}

#[test]
fn duty_05_our_forgeries_differ_from_the_real_thing_in_one_thing_only() {
    let (call, tap) = cut_off();
    let check = tap.borrow()[0].clone();
    assert_eq!(
        forge(1, &check, &attributes(&check)),
        check,
        "whole, it is octet for octet the check"
    );
    drop(call);
}

/// A call whose datagrams all get lost; those of the callee are kept.
fn cut_off() -> (Call, Tap) {
    let tap = Tap::default();
    let kept = Rc::clone(&tap);
    let mut call = Call::plain();
    call.rule = Box::new(move |from, _, transmit| {
        if from == Side::Callee && type_of(&transmit.payload) == 1 {
            kept.borrow_mut().push(transmit.payload.clone());
        }
        Vec::new()
    });
    call.signal();
    call.run_for(Duration::from_millis(500));
    assert!(!tap.borrow().is_empty());
    (call, tap)
}

#[test]
fn duty_05_a_forged_check_finds_no_path_and_gets_no_answer() {
    let (mut call, tap) = cut_off();
    let said = Tap::default();
    let kept = Rc::clone(&said);
    call.rule = Box::new(move |from, _, transmit| {
        if from == Side::Caller {
            assert_ne!(transmit.remote, stranger(), "who is answered learns that we are here");
            kept.borrow_mut().push(transmit.payload.clone());
        }
        Vec::new()
    });
    let check = tap.borrow()[0].clone();
    for (what, forged) in forgeries(&check) {
        for source in [call.callee.address, stranger()] {
            let before = call.caller.session.stats(call.now).packets_rejected;
            call.inject(Side::Caller, source, &forged);
            assert_eq!(
                call.caller.session.stats(call.now).packets_rejected,
                before + 1,
                "{what}"
            );
        }
    }
    // indications are never answered, and no sign of life
    let indication = forge(0x0011, &check, &attributes(&check));
    call.inject(Side::Caller, call.callee.address, &indication);
    call.run_for(Duration::from_secs(2));
    assert!(!call.caller.has(&MediaEvent::IceConnected));
    assert!(
        said.borrow().iter().all(|payload| type_of(payload) == 1),
        "only our own checks"
    );
    // the real one does all that
    call.inject(Side::Caller, call.callee.address, &check);
    assert!(said.borrow().iter().any(|payload| type_of(payload) == SUCCESS));
}

#[test]
fn duty_05_an_answer_must_be_authentic_of_our_check_and_come_its_way() {
    let mut call = Call::plain();
    let answers = Tap::default();
    let kept = Rc::clone(&answers);
    call.rule = Box::new(move |from, _, transmit| match (from, type_of(&transmit.payload)) {
        (Side::Callee, SUCCESS) => {
            kept.borrow_mut().push(transmit.payload.clone());
            Vec::new()
        }
        (Side::Callee, _) => Vec::new(),
        (Side::Caller, _) => deliver(transmit),
    });
    call.signal();
    call.run_until(Duration::from_secs(1), |_| !answers.borrow().is_empty());
    let answer = answers.borrow()[0].clone();
    let mapped: Vec<Attribute> = attributes(&answer)
        .into_iter()
        .filter(|(name, _)| *name == MAPPED)
        .collect();
    let mut other_transaction = answer.clone();
    other_transaction[10] ^= 0x40;
    let callee = call.callee.address;
    let zeros = [&mapped[..], &[(INTEGRITY, vec![0; 20])]].concat();
    for (what, source, forged) in [
        ("no integrity", callee, forge(SUCCESS, &answer, &mapped)),
        ("an integrity of zeros", callee, forge(SUCCESS, &answer, &zeros)),
        ("another transaction", callee, other_transaction),
        ("from elsewhere", stranger(), answer.clone()),
        ("no fingerprint", callee, without_fingerprint(&answer)),
        (
            "an error without integrity",
            callee,
            forge(0x0111, &answer, &[(0x0009, vec![0, 0, 4, 87])]),
        ),
    ] {
        call.inject(Side::Caller, source, &forged);
        call.run_for(Duration::from_millis(1));
        assert!(!call.caller.has(&MediaEvent::IceConnected), "{what}");
    }
    call.inject(Side::Caller, callee, &answer);
    assert!(call.caller.has(&MediaEvent::IceConnected), "the real one does");
}

#[test]
fn duty_05_forged_answers_keep_no_path_alive() {
    let mut call = Call::plain();
    call.connect();
    let asked = Tap::default();
    let kept = Rc::clone(&asked);
    call.rule = Box::new(move |from, _, transmit| {
        if from == Side::Caller && kind_of(&transmit.payload) == Kind::Stun {
            kept.borrow_mut().push(transmit.payload.clone());
        }
        Vec::new()
    });
    for _ in 0..400 {
        call.run_for(Duration::from_millis(100));
        let checks = std::mem::take(&mut *asked.borrow_mut());
        for check in &checks {
            let mapped = vec![(MAPPED, vec![0; 8]), (INTEGRITY, vec![7; 20])];
            call.inject(Side::Caller, call.callee.address, &forge(SUCCESS, check, &mapped));
        }
    }
    assert!(
        matches!(call.caller.failure(), Some(MediaError::IceFailed(_))),
        "{:?}",
        call.caller.failure()
    );
}
