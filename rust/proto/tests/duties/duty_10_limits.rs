//! Duty 10: nothing that comes is longer, deeper or more than was agreed, and what is costs one message. The cap on
//! WebSocket messages is shown in `rust/engine/tests/duties.rs`.
use std::fmt::Write;
use std::time::Duration;

use crate::network::{Call, Kind, kind_of};
use crate::support::messages::stranger;
use crate::support::{CALL, Rig};
use c2c_proto::media::error::MediaError;

const US: &str = "sip:caller@realm.example";

/// OPTIONS with a body that makes it so long.
fn options_of(length: usize) -> Vec<u8> {
    let body = |size: usize| stranger("OPTIONS", US).body("text/plain", &"x".repeat(size)).bytes();
    // five digits of Content-Length, whatever the length is
    body(length - (body(10_000).len() - 10_000))
}

#[test]
fn duty_10_a_message_has_64_kb_at_most() {
    let (mut rig, _) = Rig::in_call();
    let fits = options_of(64 * 1024);
    assert_eq!(fits.len(), 64 * 1024);
    rig.say_bytes(&fits);
    assert_eq!(rig.hear_status(), 200);
    for length in [64 * 1024 + 1, 100_000, 10_000_000] {
        rig.say_bytes(&options_of(length.min(99_000)));
        rig.say_bytes(&vec![b'x'; length]);
        rig.hear_nothing();
    }
    assert_eq!(rig.agent.malformed_messages(), 6);
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn duty_10_a_message_has_128_header_fields_at_most() {
    let (mut rig, _) = Rig::in_call();
    let plain = stranger("OPTIONS", US);
    let own = String::from_utf8(plain.bytes()).unwrap().matches("\r\n").count() - 2;
    let with = |count: usize| (own..count).fold(plain.clone(), |draft, _| draft.header("X", "1"));
    rig.say(&with(128));
    assert_eq!(rig.hear_status(), 200);
    for count in [129, 5_000] {
        rig.say(&with(count));
        assert_eq!(rig.hear_status(), 400);
    }
    assert_eq!(rig.agent.malformed_messages(), 2);
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn duty_10_an_offer_has_512_lines_at_most() {
    let (mut rig, mut dialog) = Rig::in_call();
    let lines = |count: usize| format!("v=0\r\n{}", "a=x\r\n".repeat(count - 1));
    for count in [512, 513, 10_000] {
        rig.say(&dialog.request("INVITE").sdp(&lines(count)));
        let refusal = rig.hear("SIP/2.0");
        assert_eq!(refusal.second(), "488");
        let is_too_long = refusal.header("Warning").contains("more than 512 lines");
        assert_eq!(is_too_long, count > 512, "{count}: {}", refusal.header("Warning"));
    }
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

/// Of thousands of candidates 64 are looked at: nobody is flooded through us.
#[test]
fn duty_10_a_description_has_64_candidates_at_most() {
    let mut call = Call::plain();
    let told = std::rc::Rc::new(std::cell::RefCell::new(std::collections::BTreeSet::new()));
    let kept = std::rc::Rc::clone(&told);
    call.rule = Box::new(move |_, _, transmit| {
        assert_eq!(kind_of(&transmit.payload), Kind::Stun);
        kept.borrow_mut().insert(transmit.remote);
        Vec::new()
    });
    call.signal_edited(
        |offer| offer,
        |answer| {
            let mut many = answer;
            for number in 0..1_000 {
                let (high, low) = (number / 250, 1 + number % 250);
                let _ = write!(
                    many,
                    "a=candidate:{number} 1 udp 2122260223 203.0.{high}.{low} 9000 typ host\r\n"
                );
                // no line beyond the limit of lines
                if many.lines().count() > 500 {
                    break;
                }
            }
            many
        },
    );
    call.run_for(Duration::from_secs(20));
    let asked = told
        .borrow()
        .iter()
        .filter(|to| to.ip().to_string().starts_with("203."))
        .count();
    // the answer's own candidate is the first of the 64
    assert_eq!(asked, 63);
}

/// An answer repeats the payload types of its offer: thousands of them made it twenty times as long, too long for the
/// WebSocket. Each counts once, and 64 at most, so that neither the answer grows nor the work on it.
#[test]
fn duty_10_an_offer_has_64_payload_types_at_most() {
    let formats = |numbers: &mut dyn Iterator<Item = usize>| {
        let words = numbers.fold(String::new(), |words, number| words + " " + &number.to_string());
        move |offer: &str| {
            let (line, rest) = offer.split_once("\r\na=rtpmap:").unwrap();
            let (before, kept) = line.split_once("SAVPF ").unwrap();
            let (own, attributes) = kept.split_once("\r\n").unwrap();
            format!("{before}SAVPF{words} {own}\r\n{attributes}\r\na=rtpmap:{rest}")
        }
    };
    for mut numbers in [
        Box::new(std::iter::repeat_n(111_usize, 15_500)) as Box<dyn Iterator<Item = usize>>,
        Box::new((0..19_000).map(|number| number % 128)),
        Box::new(128..10_000),
    ] {
        let mut call = Call::plain();
        let mut offer = formats(&mut numbers)(&call.caller.session.create_offer(call.now).unwrap());
        // whatever a payload type is, each is opus
        for number in (0..128).cycle() {
            let line = format!("a=rtpmap:{number} opus/48000/2\r\n");
            if offer.lines().count() == 512 || offer.len() + line.len() > 64 * 1024 {
                break;
            }
            offer.push_str(&line);
        }
        assert!(offer.len() > 48 * 1024);
        let read = c2c_proto::media::description::read(offer.as_bytes()).unwrap();
        let distinct: std::collections::BTreeSet<u8> = read.codecs.iter().map(|(number, _)| *number).collect();
        assert_eq!(distinct.len(), read.codecs.len(), "each once");
        assert!((1..=64).contains(&distinct.len()));
        let answer = call.callee.session.handle_offer(offer.as_bytes(), call.now).unwrap();
        assert!(answer.len() < 10_000, "{} bytes", answer.len());
    }
}

#[test]
fn duty_10_long_ice_names_are_refused() {
    for (name, length) in [("ice-ufrag", 257), ("ice-pwd", 257), ("ice-pwd", 60_000)] {
        let mut call = Call::plain();
        let offer = call.caller.session.create_offer(call.now).unwrap();
        let (before, after) = offer.split_once(&format!("a={name}:")).unwrap();
        let (_, rest) = after.split_once("\r\n").unwrap();
        let long = format!("{before}a={name}:{}\r\n{rest}", "x".repeat(length));
        let refusal = call.callee.session.handle_offer(long.as_bytes(), call.now).unwrap_err();
        assert!(matches!(refusal, MediaError::BadDescription(_)), "{refusal}");
    }
}
