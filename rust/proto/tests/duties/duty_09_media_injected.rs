//! Duty 9: media comes on the path that ICE chose, and its source is never learnt from it (CVE-2025-53399).
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::network::{Call, Kind, Side, deliver, kind_of};

fn stranger() -> SocketAddr {
    "203.0.113.66:6666".parse().unwrap()
}

fn received(call: &Call) -> u64 {
    call.caller.session.stats(call.now).packets_received
}

fn rejected(call: &Call) -> u64 {
    call.caller.session.stats(call.now).packets_rejected
}

/// RTP and RTCP that the callee sent in a second and that did not arrive: authentic and new.
fn held_back(call: &mut Call) -> Vec<Vec<u8>> {
    let tap = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&tap);
    call.rule = Box::new(move |from, _, transmit| {
        if from == Side::Callee && matches!(kind_of(&transmit.payload), Kind::Rtp | Kind::Rtcp) {
            kept.borrow_mut().push(transmit.payload.clone());
            return Vec::new();
        }
        deliver(transmit)
    });
    call.run_for(Duration::from_secs(1));
    let held = tap.borrow().clone();
    assert!(held.len() >= 49);
    held
}

#[test]
fn duty_09_authentic_media_from_elsewhere_is_not_taken_and_teaches_nothing() {
    let mut call = Call::plain();
    call.connect();
    call.run_for(Duration::from_secs(1));
    let held = held_back(&mut call);
    let before = (received(&call), rejected(&call));
    let other_port = SocketAddr::new(call.callee.address.ip(), 50_002);
    for source in [stranger(), other_port] {
        for payload in &held {
            call.inject(Side::Caller, source, payload);
        }
    }
    assert_eq!(received(&call), before.0);
    assert_eq!(rejected(&call), before.1 + 2 * held.len() as u64);
    let callee = call.callee.address;
    call.rule = Box::new(move |from, _, transmit| {
        if from == Side::Caller {
            assert_eq!(
                transmit.remote, callee,
                "we send where ICE said, not where media came from"
            );
        }
        deliver(transmit)
    });
    call.run_for(Duration::from_secs(2));
    assert!(
        call.caller.port.share_of(1_000.0) > 0.9,
        "the real source is heard as before"
    );
}

#[test]
fn duty_09_a_datagram_to_another_socket_of_ours_is_not_taken() {
    let mut call = Call::plain();
    call.connect();
    call.run_for(Duration::from_secs(1));
    let held = held_back(&mut call);
    let before = received(&call);
    let (remote, now) = (call.callee.address, call.now);
    for payload in &held {
        let local = "192.0.2.1:40002".parse().unwrap();
        let datagram = c2c_proto::io::Datagram { local, remote, payload };
        call.caller.session.handle_datagram(datagram, now);
    }
    assert_eq!(received(&call), before);
}

/// Sources (SSRC) and payload types that were not agreed, of whoever has no keys.
#[test]
fn duty_09_other_sources_and_types_without_keys_are_not_taken() {
    let mut call = Call::plain();
    call.connect();
    call.run_for(Duration::from_secs(1));
    let held = held_back(&mut call);
    let rtp = held.iter().find(|payload| kind_of(payload) == Kind::Rtp).unwrap();
    let before = (received(&call), rejected(&call));
    let mut forged = Vec::new();
    for number in 1..=200u8 {
        let mut other = rtp.clone();
        other[8] ^= number;
        forged.push(other);
        let mut other = rtp.clone();
        other[1] = (other[1] & 0x80) | (number % 64);
        forged.push(other);
    }
    for payload in &forged {
        call.inject(Side::Caller, call.callee.address, payload);
    }
    assert_eq!(received(&call), before.0);
    assert_eq!(rejected(&call), before.1 + forged.len() as u64);
}

/// A peer with the keys that sends a payload type which was never agreed.
#[test]
fn duty_09_a_payload_type_that_was_not_agreed_is_not_heard() {
    fn renumbered(text: &str, from: &str, to: &str) -> String {
        let lines = text.split_inclusive("\r\n").map(|line| {
            if line.starts_with("m=") {
                line.replace(&format!(" {from} "), &format!(" {to} "))
            } else {
                let kinds = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:"];
                let renumber = |kind: &&str| {
                    line.strip_prefix(&format!("{kind}{from} "))
                        .map(|rest| format!("{kind}{to} {rest}"))
                };
                kinds.iter().find_map(renumber).unwrap_or_else(|| line.to_owned())
            }
        });
        lines.collect()
    }
    let mut call = Call::new(|_, config| config.codecs = vec![c2c_proto::media::codec::Codec::Opus]);
    // each is told that the other wants Opus as 98, and wants it as 111 itself
    let offer = call.caller.session.create_offer(call.now).unwrap();
    let lines = |text: &str| text.lines().filter(|line| line.starts_with("a=rtpmap:")).count();
    let moved = renumbered(&offer.replace("SAVPF 111\r\n", "SAVPF 111 \r\n"), "111", "98");
    assert!(moved.contains("a=rtpmap:98 opus") && lines(&moved) == lines(&offer));
    let answer = call.callee.session.handle_offer(moved.as_bytes(), call.now).unwrap();
    let back = renumbered(&answer.replace("SAVPF 98\r\n", "SAVPF 98 \r\n"), "98", "111");
    call.caller.session.handle_answer(back.as_bytes(), call.now).unwrap();
    call.run_until(Duration::from_secs(10), Call::is_connected);
    let before = rejected(&call);
    call.run_for(Duration::from_secs(2));
    assert!(rejected(&call) >= before + 99, "counted: {}", rejected(&call) - before);
    assert!(
        call.caller.port.heard.iter().all(|sample| *sample == 0),
        "nothing of it is played"
    );
    assert_eq!(call.caller.failure(), None);
}
