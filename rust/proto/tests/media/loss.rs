//! A lost, doubled or late handshake datagram costs time, never the call.
use std::cell::Cell;
use std::rc::Rc;
use std::time::Duration;

use c2c_proto::media::dtls::{DtlsRole, DtlsVersions};

use crate::network::{Call, Fate, Kind, Side, deliver, kind_of};

/// Longest set-up with one datagram lost: the lost flight comes again within a few retransmission times.
const WITH_ONE_LOSS: Duration = Duration::from_secs(2);

fn settings() -> impl Iterator<Item = (DtlsRole, DtlsVersions)> {
    [DtlsRole::Client, DtlsRole::Server]
        .into_iter()
        .flat_map(|answer_role| {
            [DtlsVersions::Only12, DtlsVersions::Only13, DtlsVersions::Auto]
                .into_iter()
                .map(move |versions| (answer_role, versions))
        })
}

/// Sets a call up; `fate` decides about the n-th datagram of one kind from one side. Returns how many there were.
fn set_up(
    (answer_role, versions): (DtlsRole, DtlsVersions),
    (side, kind, number): (Side, Kind, usize),
    fate: impl Fn(&[u8]) -> Fate + 'static,
) -> (Call, usize) {
    let mut call = Call::new(|_, config| {
        config.answer_role = answer_role;
        config.dtls_versions = versions;
    });
    let seen = Rc::new(Cell::new(0));
    let count = Rc::clone(&seen);
    call.rule = Box::new(move |from, _, transmit| {
        if from != side || kind_of(&transmit.payload) != kind {
            return deliver(transmit);
        }
        count.set(count.get() + 1);
        if count.get() == number + 1 {
            fate(&transmit.payload)
        } else {
            deliver(transmit)
        }
    });
    call.signal();
    call.run_until(Duration::from_secs(20), Call::is_connected);
    (call, seen.get())
}

/// Runs `fate` on each datagram of a kind in turn, in every setting.
fn each_in_turn(kind: Kind, fate: impl Fn(&[u8]) -> Fate + Clone + 'static) -> usize {
    let mut cases = 0;
    for setting in settings() {
        for side in [Side::Caller, Side::Callee] {
            let (clean, count) = set_up(setting, (side, kind, usize::MAX), |_| unreachable!());
            assert!(clean.is_connected());
            for number in 0..count {
                let (mut call, _) = set_up(setting, (side, kind, number), fate.clone());
                let what = format!("{setting:?}, {kind:?} datagram {number} of the {side:?}");
                assert!(
                    call.is_connected(),
                    "{what}: {:?} {:?}",
                    call.caller.events,
                    call.callee.events
                );
                assert!(call.elapsed() < WITH_ONE_LOSS, "{what}: {:?}", call.elapsed());
                call.run_for(Duration::from_millis(1500));
                assert!(
                    call.caller.port.share_of(1_000.0) > 0.8,
                    "{what}: the caller hears nothing"
                );
                assert!(
                    call.callee.port.share_of(440.0) > 0.8,
                    "{what}: the callee hears nothing"
                );
                cases += 1;
            }
        }
    }
    cases
}

#[test]
fn each_handshake_datagram_lost_once() {
    let cases = each_in_turn(Kind::Dtls, |_| Vec::new());
    assert!(cases >= 24, "only {cases} datagrams were lost");
}

#[test]
fn each_handshake_datagram_twice() {
    each_in_turn(Kind::Dtls, |payload| {
        vec![
            (Duration::ZERO, payload.to_vec()),
            (Duration::from_millis(3), payload.to_vec()),
        ]
    });
}

#[test]
fn each_handshake_datagram_overtaken_by_those_behind_it() {
    each_in_turn(Kind::Dtls, |payload| vec![(Duration::from_millis(8), payload.to_vec())]);
}

#[test]
fn each_handshake_datagram_later_than_its_retransmission() {
    each_in_turn(Kind::Dtls, |payload| {
        vec![(Duration::from_millis(400), payload.to_vec())]
    });
}

#[test]
fn each_connectivity_check_lost_once() {
    each_in_turn(Kind::Stun, |_| Vec::new());
}

/// Datagrams of a direction, of which every second one is lost; enough for some rounds of each handshake. With such loss
/// for good a handshake's few retransmissions could all be lost, by a parity of which nothing is to be learned.
const LOSSY: usize = 24;

#[test]
fn every_second_datagram_lost_at_first() {
    for setting in settings() {
        let (answer_role, versions) = setting;
        let mut call = Call::new(|_, config| {
            config.answer_role = answer_role;
            config.dtls_versions = versions;
        });
        call.rule = Box::new(|_, index, transmit| {
            if index < LOSSY && index % 2 == 1 {
                Vec::new()
            } else {
                deliver(transmit)
            }
        });
        call.signal();
        call.run_until(Duration::from_secs(30), Call::is_connected);
        assert!(
            call.is_connected(),
            "{setting:?}: {:?} {:?}",
            call.caller.events,
            call.callee.events
        );
    }
}

#[test]
fn a_slow_path_connects_too() {
    for setting in settings() {
        let (answer_role, versions) = setting;
        let mut call = Call::new(|_, config| {
            config.answer_role = answer_role;
            config.dtls_versions = versions;
        });
        call.latency = Duration::from_millis(600);
        call.connect();
        assert!(
            call.elapsed() < Duration::from_secs(6),
            "{setting:?}: {:?}",
            call.elapsed()
        );
    }
}
