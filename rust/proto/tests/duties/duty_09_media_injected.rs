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

/// A check of the peer's, sent from elsewhere before the real one or after it, opens no way for media.
#[test]
fn duty_09_a_copied_check_opens_no_way_for_media() {
    let mut call = Call::plain();
    call.connect();
    call.run_for(Duration::from_secs(1));
    for is_first in [true, false] {
        let checks = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&checks);
        call.rule = Box::new(move |from, _, transmit| {
            if from == Side::Callee && transmit.payload.starts_with(&[0, 1]) {
                kept.borrow_mut().push(transmit.payload.clone());
                if is_first {
                    return Vec::new();
                }
            }
            deliver(transmit)
        });
        call.run_until(Duration::from_secs(7), |_| !checks.borrow().is_empty());
        call.run_for(Duration::from_millis(15));
        // only now: what is old is refused anyway
        let held = held_back(&mut call);
        let before = received(&call);
        for payload in checks.borrow().iter().chain(&held) {
            call.inject(Side::Caller, stranger(), payload);
        }
        assert_eq!(received(&call), before, "{is_first}");
    }
    let callee = call.callee.address;
    call.rule = Box::new(move |from, _, transmit| {
        let is_stun = kind_of(&transmit.payload) == Kind::Stun;
        assert!(from == Side::Callee || is_stun || transmit.remote == callee);
        deliver(transmit)
    });
    call.run_for(Duration::from_secs(2));
    assert!(call.caller.port.share_of(1_000.0) > 0.9);
}

/// RFC 8445 §12 lets the peer send on each valid pair, whichever is nominated: not the address counts there, but that it
/// answered a check of ours.
#[test]
fn duty_09_media_on_a_proved_path_that_was_not_nominated_is_heard() {
    let mut call = Call::plain();
    let second: SocketAddr = "198.51.100.1:50002".parse().unwrap();
    call.callee.session.set_sockets(&[second], call.now);
    call.callee.sockets.push(second);
    call.connect();
    call.run_for(Duration::from_secs(1));
    let held = held_back(&mut call);
    let (nominated, other) = (call.caller.session.stats(call.now), received(&call));
    assert!(nominated.packets_rejected == 0);
    // half of it comes each way
    for (number, payload) in held.iter().enumerate() {
        let source = if number % 2 == 0 { second } else { call.callee.address };
        call.inject(Side::Caller, source, payload);
    }
    let rtp = held.iter().filter(|payload| kind_of(payload) == Kind::Rtp).count();
    assert_eq!(received(&call), other + rtp as u64);
    let third = SocketAddr::new(second.ip(), 50_004);
    call.inject(Side::Caller, third, &held[0]);
    assert_eq!(rejected(&call), 1);
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
