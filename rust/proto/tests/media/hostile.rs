//! Forged, replayed, mutated and misplaced datagrams: counted, dropped, and the call goes on.
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use c2c_proto::media::dtls::{DtlsRole, DtlsVersions};
use c2c_proto::media::error::MediaError;
use c2c_proto::media::session::MediaEvent;

use crate::network::{Call, Kind, Seeded, Side, deliver, kind_of};

fn stranger() -> SocketAddr {
    "203.0.113.66:6666".parse().unwrap()
}

/// Datagrams that one side sent.
type Tap = Rc<RefCell<Vec<(Kind, Vec<u8>)>>>;

/// A connected call that keeps what the callee sends, by kind.
fn tapped() -> (Call, Tap) {
    let mut call = Call::plain();
    let tap = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&tap);
    call.rule = Box::new(move |from, _, transmit| {
        if from == Side::Callee {
            kept.borrow_mut()
                .push((kind_of(&transmit.payload), transmit.payload.clone()));
        }
        deliver(transmit)
    });
    call.connect();
    call.run_for(Duration::from_secs(6));
    (call, tap)
}

fn last_of(tap: &RefCell<Vec<(Kind, Vec<u8>)>>, kind: Kind) -> Vec<u8> {
    tap.borrow()
        .iter()
        .rev()
        .find(|(seen, _)| *seen == kind)
        .unwrap()
        .1
        .clone()
}

fn rejected(call: &Call) -> u64 {
    call.caller.session.stats(call.now).packets_rejected
}

fn received(call: &Call) -> u64 {
    call.caller.session.stats(call.now).packets_received
}

/// Hands each payload to the caller as if the callee had sent it; all must be counted as rejected.
fn assert_rejected(call: &mut Call, what: &str, payloads: &[Vec<u8>]) {
    let before = (rejected(call), received(call));
    let from = call.callee.address;
    for payload in payloads {
        call.inject(Side::Caller, from, payload);
    }
    assert_eq!(rejected(call) - before.0, payloads.len() as u64, "{what}");
    assert_eq!(received(call), before.1, "{what}");
}

fn assert_goes_on(call: &mut Call) {
    let before = received(call);
    call.run_for(Duration::from_secs(2));
    assert!(
        received(call) >= before + 99,
        "{} packets in two seconds",
        received(call) - before
    );
    assert!(call.caller.port.share_of(1_000.0) > 0.9, "the tone is disturbed");
    assert_eq!((call.caller.failure(), call.callee.failure()), (None, None));
}

#[test]
fn a_wrong_fingerprint_ends_it_before_any_key_in_both_roles_and_versions() {
    let turned = |text: String| {
        let at = text.find("a=fingerprint:sha-256 ").unwrap() + 22;
        let digit = if &text[at..=at] == "0" { "1" } else { "0" };
        format!("{}{digit}{}", &text[..at], &text[at + 1..])
    };
    for answer_role in [DtlsRole::Client, DtlsRole::Server] {
        for versions in [DtlsVersions::Only12, DtlsVersions::Only13] {
            for victim in [Side::Caller, Side::Callee] {
                let mut call = Call::new(|_, config| {
                    config.answer_role = answer_role;
                    config.dtls_versions = versions;
                });
                match victim {
                    Side::Caller => call.signal_edited(|offer| offer, turned),
                    Side::Callee => call.signal_edited(turned, |answer| answer),
                }
                call.run_for(Duration::from_secs(10));
                let what = format!("{answer_role:?} {versions:?} {victim:?}");
                let peer = call.peer(victim);
                assert_eq!(peer.failure(), Some(&MediaError::FingerprintMismatch), "{what}");
                assert!(!peer.is_connected(), "{what}");
                assert_eq!(
                    (peer.session.poll_timeout(), peer.session.poll_transmit()),
                    (None, None),
                    "{what}"
                );
                let now = call.now;
                let stats = call.peer(victim).session.stats(now);
                assert_eq!((stats.srtp_profile.as_str(), stats.packets_sent), ("", 0), "{what}");
            }
        }
    }
}

#[test]
fn dtls_from_a_source_without_checks_is_ignored() {
    // hellos that a stranger copies, before and during the call
    let tap = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&tap);
    let mut first = Call::plain();
    first.rule = Box::new(move |_, _, transmit| {
        if kind_of(&transmit.payload) == Kind::Dtls {
            kept.borrow_mut().push(transmit.payload.clone());
        }
        deliver(transmit)
    });
    first.connect();
    let foreign = tap.borrow().clone();
    assert!(foreign.len() >= 4);

    let mut call = Call::plain();
    call.signal();
    for round in 0..20 {
        for payload in &foreign {
            call.inject(Side::Caller, stranger(), payload);
            call.inject(Side::Callee, stranger(), payload);
        }
        call.run_for(Duration::from_millis(5));
        assert_eq!(
            (call.caller.failure(), call.callee.failure()),
            (None, None),
            "round {round}"
        );
    }
    assert!(call.is_connected());
    assert!(call.elapsed() <= Duration::from_millis(100));
    assert_eq!(rejected(&call), 20 * foreign.len() as u64);
}

#[test]
fn forged_checks_are_ignored_and_turn_no_role() {
    let (mut call, tap) = tapped();
    let request = last_of(&tap, Kind::Stun);
    let mut forged = Vec::new();
    for at in 0..request.len() {
        let mut copy = request.clone();
        copy[at] ^= 0x20;
        forged.push(copy);
    }
    forged.retain(|copy| kind_of(copy) == Kind::Stun);
    assert_rejected(&mut call, "bits turned in a check", &forged);
    let cut: Vec<Vec<u8>> = (1..request.len()).map(|length| request[..length].to_vec()).collect();
    assert_rejected(&mut call, "a check cut short", &cut);
    let from_elsewhere = rejected(&call);
    for copy in &forged {
        call.inject(Side::Caller, stranger(), copy);
    }
    assert_eq!(rejected(&call) - from_elsewhere, forged.len() as u64);
    assert_goes_on(&mut call);
    call.run_for(Duration::from_secs(60));
    assert_goes_on(&mut call);
}

#[test]
fn a_replayed_check_from_elsewhere_moves_nothing() {
    let (mut call, tap) = tapped();
    for (_, payload) in tap.borrow().iter().filter(|(kind, _)| *kind == Kind::Stun) {
        call.inject(Side::Caller, stranger(), payload);
    }
    let away = Rc::new(RefCell::new(0));
    let count = Rc::clone(&away);
    call.rule = Box::new(move |_, _, transmit| {
        *count.borrow_mut() += u32::from(transmit.remote == stranger() && kind_of(&transmit.payload) != Kind::Stun);
        deliver(transmit)
    });
    assert_goes_on(&mut call);
    assert_eq!(*away.borrow(), 0, "media went to where a copied check came from");
}

#[test]
fn duty_08_turned_bits_anywhere_in_srtp() {
    let (mut call, tap) = tapped();
    for kind in [Kind::Rtp, Kind::Rtcp] {
        // not delivered yet: the callee's next packet, made but kept back, would pass if it were intact
        let packet = last_of(&tap, kind);
        let turned: Vec<Vec<u8>> = (0..packet.len() * 8)
            .map(|bit| {
                let mut copy = packet.clone();
                copy[bit / 8] ^= 1 << (bit % 8);
                copy
            })
            .collect();
        assert_rejected(&mut call, "one bit turned", &turned);
        let cut: Vec<Vec<u8>> = (1..packet.len()).map(|length| packet[..length].to_vec()).collect();
        assert_rejected(&mut call, "cut short", &cut);
    }
    assert_goes_on(&mut call);
}

#[test]
fn duty_08_replayed_packets_new_and_old() {
    let (mut call, tap) = tapped();
    // those still on the wire are not replays yet
    call.rule = Box::new(|_, _, transmit| deliver(transmit));
    call.run_for(Duration::from_millis(100));
    let srtp: Vec<Vec<u8>> = tap
        .borrow()
        .iter()
        .filter(|(kind, _)| matches!(kind, Kind::Rtp | Kind::Rtcp))
        .map(|(_, payload)| payload.clone())
        .collect();
    assert!(srtp.len() > 250);
    assert_rejected(&mut call, "everything once more", &srtp);
    assert_goes_on(&mut call);
}

#[test]
fn duty_08_nothing_in_the_clear() {
    let (mut call, tap) = tapped();
    let packet = last_of(&tap, Kind::Rtp);
    let ssrc = packet[8..12].to_vec();
    let mut plain = Vec::new();
    for sequence in 0..100u16 {
        let mut rtp = vec![0x80, 111];
        rtp.extend_from_slice(
            &sequence
                .wrapping_add(u16::from_be_bytes([packet[2], packet[3]]))
                .to_be_bytes(),
        );
        rtp.extend_from_slice(&[0; 4]);
        rtp.extend_from_slice(&ssrc);
        rtp.extend_from_slice(&[0xaa; 80]);
        plain.push(rtp);
    }
    // a receiver report and a BYE in the clear; the last one says so in its SRTCP index (E flag 0, with any tag)
    let mut report = vec![0x80, 201, 0, 1];
    report.extend_from_slice(&ssrc);
    let mut goodbye = vec![0x81, 203, 0, 1];
    goodbye.extend_from_slice(&ssrc);
    for (index, tag) in [(0u32, 0), (0, 10), (0, 16), (77, 0), (77, 10), (77, 16)] {
        for compound in [&report, &goodbye] {
            let mut packet = compound.clone();
            packet.extend_from_slice(&index.to_be_bytes());
            packet.extend_from_slice(&vec![0; tag]);
            plain.push(packet);
        }
    }
    plain.extend([report, goodbye]);
    assert_rejected(&mut call, "in the clear", &plain);
    assert_goes_on(&mut call);
}

#[test]
fn another_source_and_another_payload_type() {
    let (mut call, tap) = tapped();
    let packet = last_of(&tap, Kind::Rtp);
    let edits = (0..2_000u32).map(|number| {
        let mut copy = packet.clone();
        copy[8..12].copy_from_slice(&number.wrapping_mul(2_654_435_761).to_be_bytes());
        copy
    });
    assert_rejected(&mut call, "other sources", &edits.collect::<Vec<_>>());
    let edits = (0..=127u8)
        .filter(|kind| *kind != packet[1] & 0x7f && !(64..96).contains(kind))
        .map(|kind| {
            let mut copy = packet.clone();
            copy[1] = kind;
            copy
        });
    assert_rejected(&mut call, "other payload types", &edits.collect::<Vec<_>>());
    assert_goes_on(&mut call);
}

#[test]
fn media_from_where_no_check_came_is_ignored() {
    let (mut call, _) = tapped();
    let before = received(&call);
    let tap = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&tap);
    call.rule = Box::new(move |from, _, transmit| {
        if from == Side::Callee && kind_of(&transmit.payload) == Kind::Rtp {
            kept.borrow_mut().push(transmit.payload.clone());
            return Vec::new();
        }
        deliver(transmit)
    });
    call.run_for(Duration::from_secs(1));
    let held = tap.borrow().clone();
    assert!(held.len() >= 49);
    let in_flight = received(&call) - before;
    for payload in &held {
        call.inject(Side::Caller, stranger(), payload);
    }
    assert_eq!(received(&call) - before, in_flight, "authentic, but from elsewhere");
    for payload in &held {
        call.inject(Side::Caller, call.callee.address, payload);
    }
    assert_eq!(
        received(&call) - before - in_flight,
        held.len() as u64,
        "the same from the checked address"
    );
}

/// Turns, inserts, removes, cuts and joins bytes.
fn mutate(payload: &[u8], other: &[u8], random: &mut Seeded) -> Vec<u8> {
    let mut copy = payload.to_vec();
    for _ in 0..=random.next() % 4 {
        let at = random.next() as usize % copy.len().max(1);
        match random.next() % 6 {
            0 => copy.truncate(at),
            1 => copy.insert(at.min(copy.len()), random.next() as u8),
            2 if !copy.is_empty() => drop(copy.remove(at)),
            3 => copy.extend_from_slice(&other[..other.len().min(at)]),
            _ if !copy.is_empty() => copy[at] ^= 1 << (random.next() % 8),
            _ => {}
        }
    }
    copy
}

#[test]
fn thousands_of_mutated_datagrams_of_each_kind_during_a_call() {
    for versions in [DtlsVersions::Only12, DtlsVersions::Only13] {
        let mut call = Call::new(|_, config| config.dtls_versions = versions);
        let tap = Rc::new(RefCell::new(Vec::new()));
        let kept = Rc::clone(&tap);
        call.rule = Box::new(move |from, _, transmit| {
            kept.borrow_mut()
                .push((from, kind_of(&transmit.payload), transmit.payload.clone()));
            deliver(transmit)
        });
        call.connect();
        call.run_for(Duration::from_secs(6));
        call.rule = Box::new(|_, _, transmit| deliver(transmit));
        let samples = tap.borrow().clone();
        let mut random = Seeded(0x5eed);
        for kind in [Kind::Stun, Kind::Dtls, Kind::Rtp, Kind::Rtcp] {
            let of_kind: Vec<_> = samples.iter().filter(|(_, seen, _)| *seen == kind).collect();
            for round in 0..5_000 {
                let (from, _, payload) = of_kind[random.next() as usize % of_kind.len()];
                let (_, _, other) = &samples[random.next() as usize % samples.len()];
                let mutated = mutate(payload, other, &mut random);
                let (to, source) = match from {
                    Side::Caller => (Side::Callee, call.caller.address),
                    Side::Callee => (Side::Caller, call.callee.address),
                };
                call.inject(to, source, &mutated);
                if round % 500 == 0 {
                    call.run_for(Duration::from_millis(20));
                }
            }
        }
        call.run_for(Duration::from_millis(200));
        assert_goes_on(&mut call);
        assert!(call.callee.port.share_of(440.0) > 0.9);
        let warned = |(_, event): &&(Duration, MediaEvent)| matches!(event, MediaEvent::Warning(_));
        assert_eq!(call.caller.events.iter().find(warned), None);
    }
}

#[test]
fn mutated_datagrams_during_the_handshake_never_panic() {
    let mut connected = 0;
    for seed in 0..300 {
        let versions = [DtlsVersions::Auto, DtlsVersions::Only12, DtlsVersions::Only13][seed as usize % 3];
        let mut call = Call::new(|_, config| {
            config.dtls_versions = versions;
            config.answer_role = if seed % 2 == 0 {
                DtlsRole::Client
            } else {
                DtlsRole::Server
            };
        });
        let random = RefCell::new(Seeded(seed));
        call.rule = Box::new(move |_, _, transmit| {
            let mut random = random.borrow_mut();
            let mut fate = deliver(transmit);
            if random.next().is_multiple_of(3) {
                let mutated = mutate(&transmit.payload, &transmit.payload, &mut random);
                // before the intact one as often as behind it
                let at = random.next() as usize % 2;
                fate.insert(at, (Duration::from_millis(0), mutated));
            }
            fate
        });
        call.signal();
        call.run_until(Duration::from_secs(40), |call| {
            call.is_connected() || call.caller.failure().is_some() || call.callee.failure().is_some()
        });
        connected += u32::from(call.is_connected());
    }
    println!("{connected} of 300 connected in spite of it");
    assert!(connected > 0);
}
