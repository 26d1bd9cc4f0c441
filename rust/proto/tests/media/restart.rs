//! A call moves to another path (RFC 8445 §2.4): sound goes on under the same keys.
use std::cell::RefCell;
use std::net::SocketAddr;
use std::rc::Rc;
use std::time::Duration;

use c2c_proto::io::Transmit;
use c2c_proto::media::description::Direction;
use c2c_proto::media::error::MediaError;
use c2c_proto::media::session::{MediaEvent, RestartState};

use crate::network::{Call, Kind, Side, answerer, deliver, kind_of};

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

/// The caller's address after it moved.
fn elsewhere() -> SocketAddr {
    address("203.0.113.5:41000")
}

fn ufrag(sdp: &str) -> &str {
    sdp.lines().find_map(|line| line.strip_prefix("a=ice-ufrag:")).unwrap()
}

/// Who sent an RTP packet, from where to where.
type Ways = Rc<RefCell<Vec<(Side, SocketAddr, SocketAddr)>>>;

/// A connected call in which no DTLS handshake may happen again; the paths of RTP are noted.
fn connected() -> (Call, Ways) {
    let mut call = Call::plain();
    call.connect();
    call.run_for(Duration::from_secs(1));
    let ways = Rc::new(RefCell::new(Vec::new()));
    let noted = Rc::clone(&ways);
    call.rule = Box::new(move |side, _, transmit: &Transmit| {
        assert_ne!(kind_of(&transmit.payload), Kind::Dtls, "another handshake");
        if kind_of(&transmit.payload) == Kind::Rtp {
            noted.borrow_mut().push((side, transmit.local, transmit.remote));
        }
        deliver(transmit)
    });
    (call, ways)
}

/// The caller offers its restart and gets the answer.
fn restart(call: &mut Call) -> (String, String) {
    let offer = call.caller.session.restart_offer(call.now).unwrap();
    let answer = call.callee.session.handle_offer(offer.as_bytes(), call.now).unwrap();
    call.caller.session.handle_answer(answer.as_bytes(), call.now).unwrap();
    (offer, answer)
}

fn has_moved(call: &Call) -> bool {
    call.caller.has(&MediaEvent::Moved) && call.callee.has(&MediaEvent::Moved)
}

#[test]
fn the_address_goes_and_sound_goes_on_from_another_one_under_the_same_keys() {
    let (mut call, ways) = connected();
    let old = call.caller.address;
    let before = call.caller.session.create_offer(call.now).unwrap_err();
    assert!(matches!(before, MediaError::WrongState(_)));
    let profile = call.caller.session.stats(call.now).srtp_profile;
    call.caller.sockets = vec![elsewhere()];
    call.caller
        .session
        .handle_unsendable(old, call.callee.address, call.now);
    call.run_for(Duration::from_millis(20));
    assert!(call.caller.has(&MediaEvent::PathSilent) && !call.caller.session.is_path_alive());

    call.caller.session.begin_restart(&[elsewhere()], call.now).unwrap();
    let (offer, answer) = restart(&mut call);
    assert!(
        offer.contains("203.0.113.5 41000") && !offer.contains("192.0.2.1"),
        "{offer}"
    );
    assert!(offer.contains("a=setup:actpass"));
    call.run_until(Duration::from_secs(2), has_moved);
    assert!(has_moved(&call), "{:?} {:?}", call.caller.events, call.callee.events);
    assert!(answer.contains("a=ice-ufrag"));

    ways.borrow_mut().clear();
    call.run_for(Duration::from_secs(2));
    for (side, local, remote) in ways.borrow().iter() {
        let (ours, theirs) = if *side == Side::Caller {
            (local, remote)
        } else {
            (remote, local)
        };
        assert_eq!((*ours, *theirs), (elsewhere(), call.callee.address));
    }
    assert!(call.caller.port.share_of(1_000.0) > 0.95 && call.callee.port.share_of(440.0) > 0.95);
    for peer in [&call.caller, &call.callee] {
        let stats = peer.session.stats(call.now);
        assert_eq!((stats.ice_restarts, stats.srtp_profile.as_str()), (1, profile.as_str()));
        assert_eq!(
            peer.events
                .iter()
                .filter(|(_, event)| *event == MediaEvent::Connected)
                .count(),
            1
        );
        assert_eq!(peer.failure(), None);
    }
    call.run_for(Duration::from_secs(60));
    assert_eq!(
        (call.caller.failure(), call.callee.failure()),
        (None, None),
        "consent goes on there"
    );
}

#[test]
fn the_old_sockets_are_free_when_the_new_path_has_worked_for_a_while() {
    let (mut call, _) = connected();
    let old = call.caller.address;
    call.caller.sockets.push(elsewhere());
    call.caller.session.begin_restart(&[elsewhere()], call.now).unwrap();
    restart(&mut call);
    call.run_until(Duration::from_secs(2), has_moved);
    let free = MediaEvent::SocketsFree(vec![old]);
    assert!(!call.caller.has(&free));
    call.run_for(Duration::from_secs(3));
    assert!(call.caller.has(&free));
    assert!(
        !call
            .callee
            .events
            .iter()
            .any(|(_, event)| matches!(event, MediaEvent::SocketsFree(_)))
    );
}

#[test]
fn no_frame_is_lost_while_both_paths_work() {
    let (mut call, _) = connected();
    call.caller.sockets.push(elsewhere());
    call.caller.session.begin_restart(&[elsewhere()], call.now).unwrap();
    restart(&mut call);
    call.run_for(Duration::from_secs(5));
    assert!(has_moved(&call));
    for peer in [&call.caller, &call.callee] {
        let stats = peer.session.stats(call.now);
        assert_eq!((stats.packets_lost, stats.packets_rejected), (0, 0), "{stats:?}");
    }
}

#[test]
fn the_far_sides_restart_is_answered_with_other_credentials_and_checked() {
    let (mut call, _) = connected();
    let known = call.callee.session.reoffer(Direction::SendRecv, call.now).unwrap();
    call.callee.session.withdraw_offer();
    call.callee.sockets = vec![address("203.0.113.9:50001")];
    call.callee
        .session
        .begin_restart(&call.callee.sockets.clone(), call.now)
        .unwrap();
    let offer = call.callee.session.restart_offer(call.now).unwrap();
    assert_ne!(ufrag(&offer), ufrag(&known));
    let answer = call.caller.session.handle_offer(offer.as_bytes(), call.now).unwrap();
    assert!(
        answer.contains("a=setup:passive"),
        "the role in the running association: {answer}"
    );
    assert_eq!(call.caller.session.restart_state(), RestartState::Checking);
    call.callee.session.handle_answer(answer.as_bytes(), call.now).unwrap();
    call.run_until(Duration::from_secs(2), has_moved);
    assert!(has_moved(&call), "{:?} {:?}", call.caller.events, call.callee.events);
    call.run_for(Duration::from_secs(2));
    assert!(call.caller.port.share_of(1_000.0) > 0.95 && call.callee.port.share_of(440.0) > 0.95);
    // its offer repeated is no other restart
    let again = call.caller.session.handle_offer(offer.as_bytes(), call.now).unwrap();
    assert_eq!(ufrag(&again), ufrag(&answer));
    assert_eq!(call.caller.session.restart_state(), RestartState::None);
}

#[test]
fn a_restart_with_another_certificate_brings_another_handshake() {
    let mut call = Call::plain();
    call.connect();
    // another machine takes the callee's place in the dialog
    let there = address("203.0.113.9:50001");
    call.callee.session = answerer(there, call.now);
    (call.callee.address, call.callee.sockets) = (there, vec![there]);
    call.callee.events.clear();
    call.caller
        .session
        .begin_restart(&[call.caller.address], call.now)
        .unwrap();
    restart(&mut call);
    call.run_until(Duration::from_secs(5), |call| call.callee.is_connected());
    call.run_for(Duration::from_secs(2));
    assert!(call.caller.port.share_of(1_000.0) > 0.95 && call.callee.port.share_of(440.0) > 0.95);
    assert_eq!((call.caller.failure(), call.callee.failure()), (None, None));
}

#[test]
fn a_refused_restart_leaves_the_path_alone_and_can_be_offered_again() {
    let (mut call, _) = connected();
    call.caller.sockets.push(elsewhere());
    call.caller.session.begin_restart(&[elsewhere()], call.now).unwrap();
    let refused = call.caller.session.restart_offer(call.now).unwrap();
    assert!(call.caller.session.is_offering());
    call.caller.session.abandon_restart(call.now);
    assert!(!call.caller.session.is_offering());
    call.run_for(Duration::from_secs(1));
    assert!(call.caller.has(&MediaEvent::SocketsFree(vec![elsewhere()])));
    assert!(call.caller.port.share_of(1_000.0) > 0.95 && call.callee.port.share_of(440.0) > 0.95);
    call.caller.session.begin_restart(&[elsewhere()], call.now).unwrap();
    let (offer, _) = restart(&mut call);
    assert_ne!(ufrag(&offer), ufrag(&refused));
    call.run_until(Duration::from_secs(2), has_moved);
    assert!(has_moved(&call));
}

#[test]
fn a_path_that_does_not_work_is_given_up_and_the_old_one_stays() {
    let (mut call, _) = connected();
    // nothing gets through from there
    call.caller.session.begin_restart(&[elsewhere()], call.now).unwrap();
    restart(&mut call);
    call.run_for(Duration::from_secs(20));
    assert!(call.caller.has(&MediaEvent::RestartFailed) && call.callee.has(&MediaEvent::RestartFailed));
    assert_eq!((call.caller.failure(), call.callee.failure()), (None, None));
    assert!(call.caller.port.share_of(1_000.0) > 0.95 && call.callee.port.share_of(440.0) > 0.95);
}

#[test]
fn while_another_path_is_looked_for_the_loss_of_consent_is_not_the_end_but_nothing_is_sent() {
    let mut call = Call::plain();
    call.connect();
    call.rule = Box::new(|_, _, _| Vec::new());
    let lost = call.now;
    call.caller.session.keep_until(lost + Duration::from_secs(60));
    call.run_for(Duration::from_secs(45));
    assert_eq!(call.caller.failure(), None);
    assert!(call.callee.failure().is_some(), "the other side waits for nothing");
    let sent = Rc::new(RefCell::new(0));
    let count = Rc::clone(&sent);
    call.rule = Box::new(move |_, _, _| {
        *count.borrow_mut() += 1;
        Vec::new()
    });
    call.run_for(Duration::from_secs(10));
    assert_eq!(*sent.borrow(), 0);
    call.run_for(Duration::from_secs(6));
    assert!(matches!(call.caller.failure(), Some(MediaError::IceFailed(_))));
}

#[test]
fn silence_is_told_after_10_s_and_a_restart_heals_it() {
    let (mut call, _) = connected();
    let dead = call.caller.address;
    call.rule = Box::new(move |_, _, transmit: &Transmit| {
        if [transmit.local, transmit.remote].contains(&dead) {
            Vec::new()
        } else {
            deliver(transmit)
        }
    });
    call.run_until(Duration::from_secs(20), |call| call.caller.has(&MediaEvent::PathSilent));
    assert!(call.caller.has(&MediaEvent::PathSilent));
    call.caller.sockets.push(elsewhere());
    call.caller.session.begin_restart(&[elsewhere()], call.now).unwrap();
    restart(&mut call);
    call.run_for(Duration::from_secs(40));
    assert!(has_moved(&call) && call.caller.session.is_path_alive());
    assert!(call.caller.port.share_of(1_000.0) > 0.95 && call.callee.port.share_of(440.0) > 0.95);
    assert_eq!((call.caller.failure(), call.callee.failure()), (None, None));
}

#[test]
fn a_held_call_moves_and_stays_held() {
    let (mut call, _) = connected();
    let hold = call.callee.session.reoffer(Direction::SendOnly, call.now).unwrap();
    let answer = call.caller.session.handle_offer(hold.as_bytes(), call.now).unwrap();
    call.callee.session.handle_answer(answer.as_bytes(), call.now).unwrap();
    call.caller.sockets = vec![elsewhere()];
    call.caller.session.begin_restart(&[elsewhere()], call.now).unwrap();
    let (_, answer) = restart(&mut call);
    assert!(answer.contains("a=sendonly"), "{answer}");
    call.run_until(Duration::from_secs(2), has_moved);
    let sent = call.caller.session.stats(call.now).packets_sent;
    call.run_for(Duration::from_secs(2));
    assert!(has_moved(&call) && call.caller.session.is_held());
    assert_eq!(call.caller.session.stats(call.now).packets_sent, sent);
    assert!(call.caller.port.share_of(1_000.0) > 0.95);
}

#[test]
fn a_restart_of_the_far_side_takes_the_sockets_that_ours_was_begun_on() {
    let (mut call, _) = connected();
    call.caller.sockets = vec![elsewhere()];
    call.caller.session.begin_restart(&[elsewhere()], call.now).unwrap();
    call.callee
        .session
        .begin_restart(&[call.callee.address], call.now)
        .unwrap();
    let offer = call.callee.session.restart_offer(call.now).unwrap();
    let answer = call.caller.session.handle_offer(offer.as_bytes(), call.now).unwrap();
    assert!(
        answer.contains("203.0.113.5 41000") && !answer.contains("192.0.2.1"),
        "{answer}"
    );
    call.callee.session.handle_answer(answer.as_bytes(), call.now).unwrap();
    call.run_until(Duration::from_secs(2), has_moved);
    call.run_for(Duration::from_secs(2));
    assert!(call.caller.port.share_of(1_000.0) > 0.95 && call.callee.port.share_of(440.0) > 0.95);
}
