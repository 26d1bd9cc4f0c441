use super::*;
use crate::io::Event;

/// Runs a script and gives how often a call was answered, and how often one ended or failed.
fn told(script: &str) -> (usize, usize) {
    let mut world = World::new(script.as_bytes(), crate::test_clock::start()).unwrap();
    world.run();
    let before = world.ledger.counts();
    world.finish();
    assert!(world.is_legal(), "{script}");
    let mut world = World::new(script.as_bytes(), crate::test_clock::start()).unwrap();
    world.run();
    world.fall_silent();
    assert!(!world.is_restless, "{script}");
    world.finish();
    assert!(world.is_legal(), "{script}");
    before
}

#[test]
fn scripts_do_what_they_say() {
    assert_eq!(told(""), (0, 0));
    assert_eq!(told("cosb ab Ad"), (1, 0), "answered");
    assert_eq!(told("CoadsbAd"), (1, 0), "registered, then answered");
    assert_eq!(told("cosb Ad e ad"), (1, 1), "answered and hung up");
    assert_eq!(told("cosb ab e an"), (0, 1), "cancelled");
    assert_eq!(told("cosb Ad ra"), (1, 1), "hung up by the far side");
    assert_eq!(told("cosb ag Ad"), (1, 0), "answered after a challenge");
    assert_eq!(told("cosb ws ws"), (0, 1), "nobody answers for 46 s");
    assert_eq!(told("cosb Ad x"), (1, 0), "connection lost");
    assert_eq!(told("cosb Ad xQo ad"), (1, 0), "and found again");
    assert_eq!(told("cosb Ad x w~ w~ w~"), (1, 1), "or not in time");
    assert_eq!(told("cosb x Qo t Ad"), (1, 0), "placed anew");
    assert_eq!(told("CoadsbAdx Qo ai N ad"), (1, 0), "with newer credentials");
    assert_eq!(told("CoadsbAdx Qo ai O"), (1, 1), "or without");
    assert_eq!(told("Coad Ic TH"), (0, 1), "the far side's call is rejected");
    assert_eq!(told("Coad Ic T b G"), (1, 0), "or answered");
    assert_eq!(told("Coad Rc T b G w~ w~ w~"), (1, 1), "whose ACK never comes");
    assert_eq!(told("CoadsbAd tt"), (1, 0), "a dead connection is no end");
    assert_eq!(told("Dosb WWWW w~ Ad"), (1, 0), "answered without what no server gave");
    assert_eq!(told("cosb Ad XSc X Sc X Sd"), (1, 0), "other descriptions");
}

#[test]
fn broken_rules_are_noticed() {
    let mut ledger = Ledger::default();
    let state = crate::io::CallState {
        call: CallId(1),
        status: crate::io::CallStatus::Init,
        incoming: false,
        started: UNIX_EPOCH,
        answered: None,
        muted: false,
        local_hold: false,
        remote_hold: false,
    };
    ledger.note(&Output::Event(Event::CallCreated(state)));
    assert!(!ledger.is_legal(1), "no end");
    let end = crate::call::end::terminated();
    ledger.note(&Output::Event(Event::Failed(state, end, Box::default())));
    assert!(ledger.is_legal(1) && !ledger.is_legal(2), "one call, not two");
    ledger.note(&Output::Event(Event::Ringing(state)));
    assert!(!ledger.is_legal(1), "an event behind the end");
}
