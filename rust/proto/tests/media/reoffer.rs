//! Offers and answers in a running call.
use std::time::Duration;

use c2c_proto::io::Transmit;
use c2c_proto::media::codec::Codec;
use c2c_proto::media::description::Direction;
use c2c_proto::media::error::MediaError;

use crate::network::{Call, Kind, deliver, kind_of};

/// A connected call, and the offer that its callee would repeat.
fn connected() -> (Call, String) {
    let mut call = Call::plain();
    call.connect();
    let refresh = call.callee.session.reoffer(Direction::SendRecv, call.now).unwrap();
    (call, refresh)
}

fn without_origin(sdp: &str) -> String {
    let lines: Vec<&str> = sdp.split("\r\n").filter(|line| !line.starts_with("o=")).collect();
    lines.join("\n")
}

#[test]
fn one_that_changes_nothing_is_answered_without_touching_the_path() {
    let (mut call, refresh) = connected();
    assert!(refresh.contains("a=setup:actpass"));
    let answer = call.caller.session.handle_offer(refresh.as_bytes(), call.now).unwrap();
    assert!(
        answer.contains("a=setup:passive"),
        "its role in the running association"
    );
    assert_eq!(call.caller.session.poll_transmit(), None, "no check and no hello");
    call.callee.session.handle_answer(answer.as_bytes(), call.now).unwrap();
    assert_eq!(call.callee.session.poll_transmit(), None);
    let again = call.caller.session.handle_offer(refresh.as_bytes(), call.now).unwrap();
    assert_eq!(answer, again, "and the same version for the same text");
    call.rule = Box::new(|_, _, transmit: &Transmit| {
        assert_ne!(kind_of(&transmit.payload), Kind::Dtls);
        deliver(transmit)
    });
    call.run_for(Duration::from_secs(3));
    assert!(call.caller.port.share_of(1_000.0) > 0.95 && call.callee.port.share_of(440.0) > 0.95);
}

#[test]
fn one_that_changes_the_association_without_an_ice_restart_is_not_acceptable_and_costs_nothing() {
    let (mut call, refresh) = connected();
    let (before, digest) = refresh.split_once("sha-256 ").unwrap();
    let flipped = if digest.starts_with("00") { "01" } else { "00" };
    let edits: [(&str, String); 2] = [
        (
            "another certificate",
            format!("{before}sha-256 {flipped}{}", &digest[2..]),
        ),
        ("our DTLS role", refresh.replace("a=setup:actpass", "a=setup:passive")),
    ];
    for (what, offer) in edits {
        match call.caller.session.handle_offer(offer.as_bytes(), call.now) {
            Err(MediaError::OfferNotAcceptable(_) | MediaError::BadDescription(_)) => {}
            other => panic!("{what}: {other:?}"),
        }
    }
    call.run_for(Duration::from_secs(2));
    assert!(call.caller.port.share_of(1_000.0) > 0.95);
}

#[test]
fn other_candidates_of_the_same_peer_leave_the_path_alone() {
    let (mut call, refresh) = connected();
    let moved = refresh.replace("198.51.100.1 50000", "203.0.113.9 9999");
    let moved = moved.replace("m=audio 50000", "m=audio 9999");
    assert_ne!(moved, refresh);
    call.caller.session.handle_offer(moved.as_bytes(), call.now).unwrap();
    call.rule = Box::new(|_, _, transmit: &Transmit| {
        assert_ne!(transmit.remote.port(), 9999);
        deliver(transmit)
    });
    call.run_for(Duration::from_secs(40));
    assert!(call.caller.port.share_of(1_000.0) > 0.95 && call.callee.port.share_of(440.0) > 0.95);
}

/// The callee offers, the caller answers.
fn exchange(call: &mut Call, direction: Direction) -> (String, String) {
    let offer = call.callee.session.reoffer(direction, call.now).unwrap();
    let answer = call.caller.session.handle_offer(offer.as_bytes(), call.now).unwrap();
    call.callee.session.handle_answer(answer.as_bytes(), call.now).unwrap();
    (offer, answer)
}

#[test]
fn hold_is_obeyed_and_leaves_no_gap_in_the_numbers() {
    for (direction, answered) in [(Direction::SendOnly, "a=recvonly"), (Direction::Inactive, "a=inactive")] {
        let (mut call, _) = connected();
        call.run_for(Duration::from_secs(1));
        let (_, answer) = exchange(&mut call, direction);
        assert!(answer.contains(answered), "{answer}");
        assert!(call.caller.session.is_held() && !call.callee.session.is_held());
        call.run_for(Duration::from_millis(100));
        let before = [&call.caller, &call.callee].map(|peer| peer.session.stats(call.now));
        call.run_for(Duration::from_secs(3));
        let held = [&call.caller, &call.callee].map(|peer| peer.session.stats(call.now));
        assert_eq!(held[0].packets_sent, before[0].packets_sent);
        assert_eq!(held[1].packets_received, before[1].packets_received);
        let sent_on = held[1].packets_sent > before[1].packets_sent;
        assert_eq!(sent_on, direction.sends(), "the holder may send music");
        let (_, answer) = exchange(&mut call, Direction::SendRecv);
        assert!(answer.contains("a=sendrecv") && !call.caller.session.is_held());
        call.run_for(Duration::from_secs(3));
        let after = call.callee.session.stats(call.now);
        assert_eq!(after.packets_lost, 0, "{after:?}");
        assert!(call.callee.port.share_of(440.0) > 0.95 && call.caller.port.share_of(1_000.0) > 0.95);
    }
}

#[test]
fn who_holds_keeps_holding_when_the_held_side_refreshes() {
    let (mut call, _) = connected();
    exchange(&mut call, Direction::SendOnly);
    let refresh = call.caller.session.reoffer(Direction::SendRecv, call.now).unwrap();
    let answer = call.callee.session.handle_offer(refresh.as_bytes(), call.now).unwrap();
    assert!(answer.contains("a=sendonly"), "{answer}");
    call.caller.session.handle_answer(answer.as_bytes(), call.now).unwrap();
    assert!(call.caller.session.is_held());
}

#[test]
fn an_address_of_nowhere_is_hold_unless_candidates_tell_the_address() {
    let (mut call, refresh) = connected();
    let nowhere = refresh.replace("c=IN IP4 198.51.100.1", "c=IN IP4 0.0.0.0");
    assert_ne!(nowhere, refresh);
    let answer = call.caller.session.handle_offer(nowhere.as_bytes(), call.now).unwrap();
    assert!(answer.contains("a=recvonly") && call.caller.session.is_held());
    let trickling = nowhere.replace("m=audio 50000", "m=audio 9");
    let answer = call
        .caller
        .session
        .handle_offer(trickling.as_bytes(), call.now)
        .unwrap();
    assert!(answer.contains("a=sendrecv") && !call.caller.session.is_held());
}

#[test]
fn the_codec_changes_without_touching_the_path() {
    let (mut call, _) = connected();
    call.run_for(Duration::from_secs(2));
    for (codecs, formats, name) in [
        (vec![Codec::Pcmu], "SAVPF 0 126\r\n", "PCMU"),
        (vec![Codec::Pcma], "SAVPF 8 126\r\n", "PCMA"),
        (vec![Codec::Opus], "SAVPF 111 110\r\n", "opus"),
        (Codec::ALL.to_vec(), "SAVPF 111 0 8 110 126\r\n", "opus"),
    ] {
        call.callee.session.set_codecs(codecs);
        let (offer, answer) = exchange(&mut call, Direction::SendRecv);
        assert!(offer.contains(formats), "{offer}");
        assert!(
            answer.contains(formats) && answer.contains("a=setup:passive"),
            "{answer}"
        );
        call.rule = Box::new(|_, _, transmit: &Transmit| {
            assert_ne!(kind_of(&transmit.payload), Kind::Dtls);
            deliver(transmit)
        });
        call.run_for(Duration::from_secs(3));
        for (peer, tone) in [(&call.caller, 1_000.0), (&call.callee, 440.0)] {
            let stats = peer.session.stats(call.now);
            assert_eq!((stats.codec.as_str(), stats.packets_lost), (name, 0));
            assert_eq!(stats.packets_rejected, 0, "{stats:?}");
            assert!(peer.port.share_of(tone) > 0.95, "{name}: {}", peer.port.share_of(tone));
        }
    }
}

#[test]
fn other_payload_types_and_another_order_of_lines_are_taken() {
    let (mut call, refresh) = connected();
    let (session, media) = refresh.split_once("m=audio").unwrap();
    let (first, attributes) = media.split_once("\r\n").unwrap();
    let mut lines: Vec<&str> = attributes.lines().collect();
    lines.reverse();
    let first = first.replace(" 111 0 8 110 126", " 0 96 101");
    let lines = lines
        .join("\r\n")
        .replace(":111 ", ":96 ")
        .replace("126 tele", "101 tele");
    let offer = format!("{session}m=audio{first}\r\n{lines}\r\n");
    let answer = call.caller.session.handle_offer(offer.as_bytes(), call.now).unwrap();
    assert!(answer.contains("SAVPF 0 96 101\r\n"), "{answer}");
    assert!(answer.contains("a=rtpmap:96 opus/48000/2\r\n"));
    let event = call.caller.session.telephone_event().unwrap();
    assert_eq!((event.payload_type, event.clock_rate), (101, 8_000));
    let next = call.caller.session.reoffer(Direction::SendRecv, call.now).unwrap();
    assert!(
        next.contains("SAVPF 96 0 8 110 126\r\n"),
        "payload types keep their meaning: {next}"
    );
}

#[test]
fn rtcp_of_reduced_size_is_answered_only_when_offered() {
    let (mut call, refresh) = connected();
    let answer = call.caller.session.handle_offer(refresh.as_bytes(), call.now).unwrap();
    assert!(answer.contains("a=rtcp-rsize\r\n"));
    let plain = refresh.replace("a=rtcp-rsize\r\n", "");
    let answer = call.caller.session.handle_offer(plain.as_bytes(), call.now).unwrap();
    assert!(!answer.contains("rtcp-rsize"), "{answer}");
}

#[test]
fn there_is_one_offer_at_a_time() {
    let (mut call, refresh) = connected();
    assert!(!call.caller.session.is_offering());
    call.caller.session.reoffer(Direction::SendRecv, call.now).unwrap();
    assert!(call.caller.session.is_offering());
    let glare = call.caller.session.handle_offer(refresh.as_bytes(), call.now);
    assert!(matches!(glare, Err(MediaError::WrongState(_))), "{glare:?}");
}

#[test]
fn ours_raises_the_version_and_states_the_direction() {
    let (mut call, first) = connected();
    let second = call.callee.session.reoffer(Direction::SendOnly, call.now).unwrap();
    let version = |sdp: &str| sdp.split(' ').nth(2).unwrap().parse::<u64>().unwrap();
    assert_eq!(version(&second), version(&first) + 1);
    assert_eq!(
        without_origin(&second),
        without_origin(&first).replace("a=sendrecv", "a=sendonly")
    );
}

#[test]
fn the_same_answer_again_changes_nothing() {
    let mut call = Call::plain();
    let offer = call.caller.session.create_offer(call.now).unwrap();
    assert_eq!(call.caller.session.create_offer(call.now).unwrap(), offer);
    let answer = call.callee.session.handle_offer(offer.as_bytes(), call.now).unwrap();
    call.caller.session.handle_answer(answer.as_bytes(), call.now).unwrap();
    call.caller.session.handle_answer(answer.as_bytes(), call.now).unwrap();
    call.run_for(Duration::from_secs(1));
    assert!(call.is_connected());
    call.caller.session.reoffer(Direction::SendRecv, call.now).unwrap();
    let moved = answer.replace("a=ice-ufrag:", "a=ice-ufrag:X");
    let refused = call.caller.session.handle_answer(moved.as_bytes(), call.now);
    assert!(matches!(refused, Err(MediaError::BadDescription(_))), "{refused:?}");
}

#[test]
fn no_common_codec_is_told_by_either_side() {
    let mut call = Call::new(|side, config| {
        config.codecs = vec![if side == crate::network::Side::Caller {
            Codec::Opus
        } else {
            Codec::Pcma
        }];
    });
    let offer = call.caller.session.create_offer(call.now).unwrap();
    let refused = call.callee.session.handle_offer(offer.as_bytes(), call.now);
    assert_eq!(refused, Err(MediaError::NoCommonCodec { offered: "PCMA".into() }));
    let answer = offer
        .replace("a=setup:actpass", "a=setup:active")
        .replace("a=rtpmap:111 opus", "a=rtpmap:111 speex");
    let refused = call.caller.session.handle_answer(answer.as_bytes(), call.now);
    assert_eq!(refused, Err(MediaError::NoCommonCodec { offered: "opus".into() }));
}

#[test]
fn a_held_direction_is_kept_to() {
    let mut call = Call::plain();
    call.signal_edited(|offer| offer.replace("a=sendrecv", "a=recvonly"), |answer| answer);
    call.run_for(Duration::from_secs(2));
    assert!(call.is_connected());
    let (listener, talker) = (call.caller.session.stats(call.now), call.callee.session.stats(call.now));
    assert!(listener.packets_received > 90, "{listener:?}");
    assert_eq!(
        talker.packets_received, 0,
        "the callee was told sendonly, and the caller obeys"
    );
}
