//! A path that falls silent: for a while it is nothing, for 30 s it is the end.
use std::time::Duration;

use c2c_proto::media::error::MediaError;

use crate::network::{Call, Kind, Side, deliver, kind_of};

#[test]
fn silence_of_25_seconds_is_survived() {
    let mut call = Call::plain();
    call.connect();
    call.run_for(Duration::from_secs(20));
    call.rule = Box::new(|_, _, _| Vec::new());
    call.run_for(Duration::from_secs(20));
    assert_eq!((call.caller.failure(), call.callee.failure()), (None, None));
    call.rule = Box::new(|_, _, transmit| deliver(transmit));
    call.run_for(Duration::from_secs(40));
    assert_eq!((call.caller.failure(), call.callee.failure()), (None, None));
    assert!(call.caller.port.share_of(1_000.0) > 0.95);
}

#[test]
fn consent_lost_for_30_seconds_ends_it_though_media_still_comes() {
    let mut call = Call::plain();
    call.connect();
    call.run_for(Duration::from_secs(10));
    // packets from the peer's address are no consent: only answers to our checks are
    call.rule = Box::new(|from, _, transmit| {
        if from == Side::Callee && kind_of(&transmit.payload) == Kind::Stun {
            Vec::new()
        } else {
            deliver(transmit)
        }
    });
    call.run_for(Duration::from_secs(23));
    assert_eq!(call.caller.failure(), None);
    call.run_for(Duration::from_secs(8));
    assert!(matches!(call.caller.failure(), Some(MediaError::IceFailed(text)) if text.contains("consent")));
    assert_eq!(call.caller.session.poll_timeout(), None);
    let sent = call.caller.session.stats(call.now).packets_sent;
    call.run_for(Duration::from_secs(1));
    assert_eq!(
        call.caller.session.stats(call.now).packets_sent,
        sent,
        "nothing is sent without consent"
    );
}

#[test]
fn a_peer_that_is_nowhere_fails_after_30_seconds() {
    let mut call = Call::plain();
    call.signal();
    call.rule = Box::new(|_, _, _| Vec::new());
    call.run_for(Duration::from_secs(29));
    assert_eq!(call.caller.failure(), None);
    call.run_for(Duration::from_secs(2));
    for peer in [&call.caller, &call.callee] {
        assert!(
            matches!(peer.failure(), Some(MediaError::IceFailed(_))),
            "{:?}",
            peer.events
        );
    }
}

#[test]
fn a_peer_whose_candidates_are_all_useless_is_learnt_from_its_checks() {
    let mut call = Call::plain();
    call.signal_edited(
        |offer| offer,
        |answer| {
            let lines = answer.split_inclusive("\r\n").map(|line| {
                if line.starts_with("a=candidate") {
                    "a=candidate:1 1 udp 1 3f1b7f5e.local 4000 typ host\r\na=candidate:2 1 tcp 1 192.0.2.9 9 typ host\r\n\
                     a=candidate:3 1 udp 1 2001:db8::1 4000 typ host\r\n"
                } else {
                    line
                }
            });
            lines.collect()
        },
    );
    call.run_for(Duration::from_secs(2));
    assert!(call.is_connected(), "{:?} {:?}", call.caller.events, call.callee.events);
}

/// A lite peer answers checks and makes none; our answerer must then nominate, and open DTLS without waiting for a check.
#[test]
fn an_answerer_that_only_answers_checks() {
    let mut call = Call::plain();
    call.signal_edited(
        |offer| offer,
        |answer| answer.replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n"),
    );
    // it is a full agent really, which takes DTLS only where its checks were answered: it makes them, but late
    let makes_checks = std::rc::Rc::new(std::cell::Cell::new(false));
    let passes = std::rc::Rc::clone(&makes_checks);
    call.rule = Box::new(move |from, _, transmit| {
        let is_request = transmit.payload.starts_with(&[0, 1]);
        if from == Side::Callee && is_request && !passes.get() {
            Vec::new()
        } else {
            deliver(transmit)
        }
    });
    call.run_for(Duration::from_secs(1));
    assert!(call.caller.has(&c2c_proto::media::session::MediaEvent::IceConnected));
    makes_checks.set(true);
    call.run_until(Duration::from_secs(5), |call| call.caller.is_connected());
    assert!(call.caller.is_connected(), "{:?}", call.caller.events);
    call.run_for(Duration::from_secs(25));
    assert!(
        call.caller.port.share_of(1_000.0) > 0.95,
        "the caller hears it as long as it speaks"
    );
}
