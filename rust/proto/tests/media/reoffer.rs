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
fn one_that_changes_anything_is_not_acceptable_and_costs_nothing() {
    let (mut call, refresh) = connected();
    let edits: [(&str, String); 5] = [
        ("hold", refresh.replace("a=sendrecv", "a=sendonly")),
        ("ICE restart", refresh.replace("a=ice-ufrag:", "a=ice-ufrag:X")),
        (
            "another certificate",
            refresh.replace("sha-256 ", "sha-256 00:").replacen(":00:", ":", 1),
        ),
        ("another codec", refresh.replace("SAVPF 111 0 8", "SAVPF 8 0 111")),
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
fn the_same_answer_again_changes_nothing_another_one_is_refused() {
    let mut call = Call::plain();
    let offer = call.caller.session.create_offer(call.now).unwrap();
    assert_eq!(call.caller.session.create_offer(call.now).unwrap(), offer);
    let answer = call.callee.session.handle_offer(offer.as_bytes(), call.now).unwrap();
    call.caller.session.handle_answer(answer.as_bytes(), call.now).unwrap();
    call.caller.session.handle_answer(answer.as_bytes(), call.now).unwrap();
    let forked = answer.replace("a=ice-ufrag:", "a=ice-ufrag:X");
    let refused = call.caller.session.handle_answer(forked.as_bytes(), call.now);
    assert!(matches!(refused, Err(MediaError::BadDescription(_))), "{refused:?}");
    call.run_for(Duration::from_secs(1));
    assert!(call.is_connected());
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
