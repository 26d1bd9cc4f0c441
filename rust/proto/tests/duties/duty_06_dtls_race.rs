//! Duty 6: who is faster with a `ClientHello` than the peer must not win, and must not end it (CVE-2023-49786): DTLS counts
//! only on paths that ICE has proved, before, during and after the handshake, and a bad hello even there costs nothing.
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use crate::network::{Call, Kind, Side, deliver, kind_of};
use c2c_proto::media::dtls::{DtlsRole, DtlsVersions};

fn stranger() -> SocketAddr {
    "203.0.113.66:6666".parse().unwrap()
}

fn call(role: DtlsRole, versions: DtlsVersions) -> Call {
    Call::new(|_, config| {
        config.answer_role = role;
        config.dtls_versions = versions;
    })
}

fn all() -> impl Iterator<Item = (DtlsRole, DtlsVersions)> {
    let roles = [DtlsRole::Client, DtlsRole::Server];
    let versions = [DtlsVersions::Only12, DtlsVersions::Only13, DtlsVersions::Auto];
    roles
        .into_iter()
        .flat_map(move |role| versions.map(|versions| (role, versions)))
}

/// Every DTLS datagram of the handshake of two others.
fn foreign_handshake(role: DtlsRole, versions: DtlsVersions) -> Vec<Vec<u8>> {
    let tap = Rc::new(RefCell::new(Vec::new()));
    let kept = Rc::clone(&tap);
    let mut call = call(role, versions);
    call.rule = Box::new(move |_, _, transmit| {
        if kind_of(&transmit.payload) == Kind::Dtls {
            kept.borrow_mut().push(transmit.payload.clone());
        }
        deliver(transmit)
    });
    call.connect();
    let datagrams = tap.borrow().clone();
    assert!(datagrams.len() >= 4);
    datagrams
}

fn is_hello(datagram: &[u8]) -> bool {
    datagram[0] == 22 && datagram.get(13) == Some(&1)
}

#[test]
fn duty_06_a_hello_from_where_no_check_came_is_nothing_at_any_time() {
    for (role, versions) in all() {
        let foreign = foreign_handshake(role, versions);
        assert!(foreign.iter().any(|datagram| is_hello(datagram)));
        let mut call = call(role, versions);
        call.rule = Box::new(|_, _, transmit| {
            assert_ne!(transmit.remote, stranger(), "who is answered learns that we are here");
            deliver(transmit)
        });
        call.signal();
        let mut injected = 0;
        for _ in 0..30 {
            for datagram in &foreign {
                call.inject(Side::Caller, stranger(), datagram);
                call.inject(Side::Callee, stranger(), datagram);
                injected += 1;
            }
            call.run_for(Duration::from_millis(5));
        }
        assert!(call.is_connected(), "{role:?} {versions:?}");
        call.run_for(Duration::from_secs(2));
        for datagram in &foreign {
            call.inject(Side::Caller, stranger(), datagram);
            injected += 1;
        }
        assert_goes_on(&mut call);
        assert_eq!(
            call.caller.session.stats(call.now).packets_rejected,
            injected,
            "all counted"
        );
    }
}

/// Who sees a check can send it from anywhere, before the real one even: nothing in it tells its source. That opens no
/// way for hellos, and none of ours goes there.
#[test]
fn duty_06_a_copied_check_opens_no_way_for_hellos() {
    for (role, versions) in all() {
        let foreign = foreign_handshake(role, versions);
        let mut call = call(role, versions);
        let checks = Rc::new(RefCell::new(Vec::new()));
        let seen = Rc::clone(&checks);
        call.rule = Box::new(move |from, _, transmit| {
            let kind = kind_of(&transmit.payload);
            assert!(
                transmit.remote != stranger() || kind == Kind::Stun,
                "{kind:?} of ours for a stranger"
            );
            if kind == Kind::Stun && transmit.remote != stranger() {
                seen.borrow_mut().push((from, transmit.payload.clone()));
            }
            deliver(transmit)
        });
        call.signal();
        // the call's datagrams take 10 ms, the stranger's none
        for _ in 0..200 {
            call.run_for(Duration::from_millis(1));
            for (from, payload) in std::mem::take(&mut *checks.borrow_mut()) {
                let to = if from == Side::Caller {
                    Side::Callee
                } else {
                    Side::Caller
                };
                call.inject(to, stranger(), &payload);
            }
            for datagram in &foreign {
                call.inject(Side::Caller, stranger(), datagram);
                call.inject(Side::Callee, stranger(), datagram);
            }
        }
        assert!(call.is_connected(), "{role:?} {versions:?}");
        let slowest = [&call.caller, &call.callee].map(|peer| peer.events.last().unwrap().0);
        assert!(
            slowest.iter().all(|connected| *connected <= Duration::from_millis(60)),
            "{slowest:?}"
        );
        assert_goes_on(&mut call);
    }
}

/// A hello that comes before our own check is answered is not lost: its repetition may take a second.
#[test]
fn duty_06_a_hello_that_overtakes_the_proof_waits_for_it() {
    for versions in [DtlsVersions::Only12, DtlsVersions::Only13, DtlsVersions::Auto] {
        let mut call = call(DtlsRole::Server, versions);
        let hellos = Rc::new(RefCell::new(0));
        let count = Rc::clone(&hellos);
        call.rule = Box::new(move |from, _, transmit| {
            let mut fate = deliver(transmit);
            let payload = &transmit.payload;
            if from == Side::Caller && payload.starts_with(&[1, 1]) {
                fate[0].0 = Duration::from_millis(60);
            }
            if from == Side::Caller && is_hello(payload) {
                *count.borrow_mut() += 1;
                if *count.borrow() > 1 {
                    fate.clear();
                }
            }
            fate
        });
        call.signal();
        call.run_until(Duration::from_secs(2), Call::is_connected);
        assert!(call.is_connected(), "{versions:?}: the first hello was the only one");
    }
}

/// Hellos that nobody can use: cut short, with a wrong handshake header, without a known version or suite.
fn spoiled(hello: &[u8]) -> Vec<Vec<u8>> {
    let turned = |at: usize| {
        let mut copy = hello.to_vec();
        copy[at] ^= 0xff;
        copy
    };
    let mut without_suites = hello.to_vec();
    // record and handshake header, version, random, empty session id and cookie
    let list = 13 + 12 + 34 + 1 + 1;
    let length = usize::from(u16::from_be_bytes([hello[list], hello[list + 1]]));
    without_suites[list + 2..list + 2 + length].fill(0x5a);
    let mut spoiled = vec![without_suites, [&hello[..25], &[0xff; 60]].concat()];
    spoiled.extend((14..hello.len()).step_by(17).map(|length| hello[..length].to_vec()));
    spoiled.extend([1, 2, 11, 12, 13, 14, 15, 16, 19, 20, 21, 22, 23, 24, 59, 60, 61].map(turned));
    spoiled
}

/// Datagrams whose source is the peer's own address, so that nobody can tell them from the peer's.
#[test]
fn duty_06_a_bad_hello_from_the_peers_address_ends_nothing() {
    for (role, versions) in all() {
        let foreign = foreign_handshake(role, versions);
        let hello = foreign.iter().find(|datagram| is_hello(datagram)).unwrap();
        for (round, datagram) in spoiled(hello).iter().enumerate() {
            let mut call = call(role, versions);
            call.signal();
            // at each moment of the handshake
            for _ in 0..8 {
                call.inject(Side::Caller, call.callee.address, datagram);
                call.inject(Side::Callee, call.caller.address, datagram);
                call.run_for(Duration::from_millis(11));
            }
            call.run_until(Duration::from_secs(10), Call::is_connected);
            let failures = (call.caller.failure(), call.callee.failure());
            assert!(call.is_connected(), "{role:?} {versions:?} {round}: {failures:?}");
        }
    }
}

/// Ten at once, and alerts, at each moment.
#[test]
fn duty_06_many_bad_hellos_and_alerts_from_the_peers_address_end_nothing() {
    let alerts = [[2, 40], [2, 43], [2, 80], [1, 0]]
        .map(|body| [&[21, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 7, 0, 2], &body[..]].concat());
    for (role, versions) in all() {
        let foreign = foreign_handshake(role, versions);
        let hello = foreign.iter().find(|datagram| is_hello(datagram)).unwrap();
        let bad = &spoiled(hello)[0];
        let mut call = call(role, versions);
        call.signal();
        for _ in 0..40 {
            for datagram in std::iter::repeat_n(bad, 10).chain(&alerts) {
                call.inject(Side::Caller, call.callee.address, datagram);
                call.inject(Side::Callee, call.caller.address, datagram);
            }
            call.run_for(Duration::from_millis(3));
        }
        call.run_until(Duration::from_secs(5), Call::is_connected);
        let failures = (call.caller.failure(), call.callee.failure());
        assert!(call.is_connected(), "{role:?} {versions:?}: {failures:?}");
        assert_goes_on(&mut call);
    }
}

#[test]
fn duty_06_a_hello_in_a_running_call_from_the_peers_address_changes_nothing() {
    for (role, versions) in all() {
        let foreign = foreign_handshake(role, versions);
        let mut call = call(role, versions);
        call.connect();
        for datagram in &foreign {
            call.inject(Side::Caller, call.callee.address, datagram);
            call.inject(Side::Callee, call.caller.address, datagram);
        }
        call.run_for(Duration::from_secs(1));
        assert_goes_on(&mut call);
    }
}

fn assert_goes_on(call: &mut Call) {
    let before = call.caller.session.stats(call.now).packets_received;
    call.run_for(Duration::from_secs(2));
    assert!(call.caller.session.stats(call.now).packets_received >= before + 99);
    assert!(call.caller.port.share_of(1_000.0) > 0.9);
    assert_eq!((call.caller.failure(), call.callee.failure()), (None, None));
}
