//! The torture messages of RFC 4475 and RFC 5118: what is read of each, and what our user agent answers to it.
//!
//! Our role decides the answers: a client behind one WebSocket, to which nobody places calls (403), which is no registrar
//! (405), and which takes part in no dialog here (481).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#[path = "../support/mod.rs"]
mod support;

mod markup;
mod rfc4475;
mod rfc5118;
mod values;

use std::collections::BTreeMap;

use c2c_proto::io::{CallPolicy, Command, SipSettings};
use c2c_proto::sip::roundtrip::message_survives;
use c2c_proto::sip::{Message, ParseError};
use sha2::{Digest, Sha256};

use markup::Sample;

use support::Rig;

/// One message, what becomes of it, and why that is right.
pub(crate) struct Row {
    pub(crate) name: &'static str,
    pub(crate) outcome: Outcome,
    pub(crate) why: &'static str,
}

/// What becomes of a message.
pub(crate) enum Outcome {
    /// Read with these [values](values::value); a client of this user answers with this status.
    Answered(u16, &'static str, &'static [(&'static str, &'static str)]),
    /// Refused by the parser with this error, answered with this status.
    Refused(u16, &'static str),
    /// Refused by the parser with this error; a response is never answered.
    Unreadable(&'static str),
    /// Read with these values; nobody waits for it. Whether it counts as malformed.
    Dropped(bool, &'static [(&'static str, &'static str)]),
}

#[test]
fn every_message_has_its_outcome() {
    let tables = [
        // 49, and one of them whole
        (rfc4475::ROWS, samples_of_rfc4475(), 50),
        (rfc5118::ROWS, markup::samples(include_str!("ipv6.txt")), 12),
    ];
    for (rows, samples, count) in tables {
        let names = |names: Vec<&'static str>| names.join(" ");
        assert_eq!(rows.len(), count);
        assert_eq!(
            names(rows.iter().map(|row| row.name).collect()),
            names(samples.iter().map(|sample| sample.name).collect()),
            "each message has its row"
        );
        for (row, sample) in rows.iter().zip(&samples) {
            check(row, sample);
        }
    }
}

/// RFC 4475 appendix A: the archive is what counts, "bit exact"; these are the SHA-256 of its files.
#[test]
fn messages_are_those_of_the_archive() {
    let sums: BTreeMap<&str, &str> = include_str!("rfc4475.sha256")
        .lines()
        .filter_map(|line| line.split_once("  "))
        .map(|(sum, name)| (name, sum))
        .collect();
    assert_eq!(sums.len(), 49);
    for sample in samples_of_rfc4475() {
        let digest = Sha256::digest(&sample.bytes);
        let digits: Vec<String> = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        let sum = digits.concat();
        match sums.get(sample.name) {
            Some(expected) => assert_eq!(sum, *expected, "{}", sample.name),
            None => assert_eq!(sample.name, "baddn-ended"),
        }
    }
}

/// Where calls are taken, their bodies and what they accept are looked at.
#[test]
fn calls_are_taken() {
    for (name, status) in [("invut", 415), ("sdp01", 406)] {
        let mut rig = client_of("user", true);
        rig.say_bytes(&sample(name).bytes);
        assert_eq!(rig.hear_status(), status, "{name}");
        check_rest(&rig, 0, name);
    }
}

/// RFC 3261 §8.2.2.3.
#[test]
fn unsupported_options_are_named() {
    let mut rig = client_of("user", false);
    rig.say_bytes(&sample("bext01").bytes);
    let answer = rig.hear("SIP/2.0");
    assert_eq!(
        (answer.second(), answer.header("Unsupported")),
        ("420", "nothingSupportsThis,nothingSupportsThisEither")
    );
}

fn sample(name: &str) -> Sample {
    let mut samples = samples_of_rfc4475().into_iter();
    samples.find(|sample| sample.name == name).unwrap()
}

fn samples_of_rfc4475() -> Vec<Sample> {
    let files = [
        include_str!("valid.txt"),
        include_str!("invalid.txt"),
        include_str!("layers.txt"),
    ];
    files.into_iter().flat_map(markup::samples).collect()
}

fn check(row: &Row, sample: &Sample) {
    let told = format!("{}: {}", row.name, row.why);
    assert!(message_survives(&sample.bytes), "{told}");
    let read = Message::parse(&sample.bytes);
    match row.outcome {
        Outcome::Answered(status, user, expected) => {
            check_values(read, sample, expected, &told);
            check_answer(sample, user, status, 0, &told);
        }
        Outcome::Refused(status, kind) => {
            let error = read.expect_err(&told);
            assert_eq!(error.kind.to_string(), kind, "{told}");
            check_answer(sample, "user", status, 1, &told);
        }
        Outcome::Unreadable(kind) => {
            let error = read.expect_err(&told);
            assert_eq!(
                (error.kind.to_string().as_str(), error.response),
                (kind, None),
                "{told}"
            );
            check_silence(sample, 1, &told);
        }
        Outcome::Dropped(is_malformed, expected) => {
            check_values(read, sample, expected, &told);
            check_silence(sample, u64::from(is_malformed), &told);
        }
    }
}

fn check_values(read: Result<Message, ParseError>, sample: &Sample, expected: &[(&str, &str)], told: &str) {
    let message = read.unwrap_or_else(|error| panic!("{told}: {error}"));
    // whoever typed it counted well: the body is all that follows the header
    let head = sample
        .bytes
        .windows(4)
        .position(|four| four == b"\r\n\r\n")
        .expect("end of the header")
        + 4;
    assert!(
        sample.name == "dblreq" || head + message.body().len() == sample.bytes.len(),
        "{told}"
    );
    for (what, expected) in expected {
        assert_eq!(values::value(&message, what), *expected, "{what} of {told}");
    }
}

/// The answer has the request's Vias, From, Call-ID and CSeq, and its To with a tag (RFC 3261 §8.2.6.2).
fn check_answer(sample: &Sample, user: &str, status: u16, malformed: u64, told: &str) {
    let mut rig = client_of(user, false);
    rig.say_bytes(&sample.bytes);
    let bytes = rig.inbox.pop_front().unwrap_or_else(|| panic!("no answer to {told}"));
    let Ok(Message::Response(answer)) = Message::parse(&bytes) else {
        // the request's own faults come back with it
        let text = String::from_utf8_lossy(&bytes);
        assert!(
            malformed > 0 && text.starts_with(&format!("SIP/2.0 {status} ")),
            "{text} to {told}"
        );
        return check_rest(&rig, malformed, told);
    };
    assert_eq!(answer.status, status, "{told}");
    assert!(answer.headers.to().is_ok_and(|to| to.tag().is_some()), "{told}");
    if let Ok(Message::Request(request)) = Message::parse(&sample.bytes) {
        for name in ["From", "Call-ID", "CSeq"] {
            assert_eq!(answer.headers.get(name), request.headers.get(name), "{name} of {told}");
        }
        let to = request.headers.get("To").unwrap();
        assert!(answer.headers.get("To").unwrap().starts_with(to), "To of {told}");
        assert!(
            answer.headers.get_all("Via").eq(request.headers.get_all("Via")),
            "Vias of {told}"
        );
    }
    check_rest(&rig, malformed, told);
}

fn check_silence(sample: &Sample, malformed: u64, told: &str) {
    let mut rig = client_of("user", false);
    rig.say_bytes(&sample.bytes);
    check_rest(&rig, malformed, told);
}

/// Nothing else was said or told.
fn check_rest(rig: &Rig, malformed: u64, told: &str) {
    assert!(rig.inbox.is_empty() && rig.unseen.is_empty(), "{told}");
    assert_eq!(rig.agent.malformed_messages(), malformed, "{told}");
}

/// A connected client whose address-of-record has this user.
fn client_of(user: &str, takes_calls: bool) -> Rig {
    let mut rig = Rig::new();
    let policy = CallPolicy {
        accept_incoming: takes_calls,
        ..CallPolicy::default()
    };
    let settings = SipSettings {
        policy,
        register: false,
        user: user.to_owned(),
        ..Rig::settings()
    };
    rig.command(Command::Connect(Box::new(settings)));
    rig.open();
    assert_eq!(rig.events(), ["Connecting", "Connected"]);
    rig
}
