use std::time::Duration;

use c2c_proto::io::Event;
use c2c_proto::media::description::Direction;

use crate::support::{CALL, Rig, ServerDialog};

/// The far end's offer with this direction.
fn offer(rig: &mut Rig, direction: Direction) -> String {
    let now = rig.now;
    rig.far.as_mut().unwrap().session.reoffer(direction, now).unwrap()
}

/// Re-INVITE or UPDATE with this direction; gives our answer.
fn ask(rig: &mut Rig, dialog: &mut ServerDialog, method: &str, direction: Direction) -> String {
    let sdp = offer(rig, direction);
    rig.say(&dialog.request(method).sdp(&sdp));
    let ok = rig.hear("SIP/2.0");
    assert_eq!((ok.second(), ok.header("Content-Type")), ("200", "application/sdp"));
    if method == "INVITE" {
        rig.say(&dialog.numbered("ACK", dialog.cseq));
    }
    let now = rig.now;
    let far = rig.far.as_mut().unwrap();
    far.session.handle_answer(ok.body.as_bytes(), now).unwrap();
    ok.body
}

fn is_held(rig: &Rig) -> Vec<bool> {
    let held = rig.unseen.iter().map(|event| match event {
        Event::HoldChanged(state) => state.remote_hold,
        other => panic!("{other:?}"),
    });
    held.collect()
}

fn sent(rig: &Rig) -> u64 {
    rig.agent.stats(CALL, rig.now).unwrap().packets_sent
}

#[test]
fn hold_is_told_and_obeyed_and_resume_too() {
    for method in ["INVITE", "UPDATE"] {
        for (direction, answered) in [(Direction::SendOnly, "a=recvonly"), (Direction::Inactive, "a=inactive")] {
            let (mut rig, mut dialog) = Rig::in_call();
            rig.sound.tone = Some(440.0);
            rig.advance(Duration::from_secs(1));
            assert!(ask(&mut rig, &mut dialog, method, direction).contains(answered));
            assert_eq!(is_held(&rig), [true]);
            rig.events();
            let before = sent(&rig);
            rig.advance(Duration::from_secs(2));
            assert_eq!(sent(&rig), before, "nothing is sent while held");
            assert!(rig.far.as_ref().unwrap().sound.loudness(24_000) < 10.0);
            assert!(ask(&mut rig, &mut dialog, method, Direction::SendRecv).contains("a=sendrecv"));
            assert_eq!(is_held(&rig), [false]);
            rig.advance(Duration::from_secs(2));
            assert!(rig.far.as_ref().unwrap().sound.loudness(24_000) > 3_000.0);
        }
    }
}

#[test]
fn it_is_told_once_and_outlives_mute() {
    let (mut rig, mut dialog) = Rig::in_call();
    ask(&mut rig, &mut dialog, "INVITE", Direction::SendOnly);
    ask(&mut rig, &mut dialog, "UPDATE", Direction::Inactive);
    assert_eq!(is_held(&rig), [true]);
    rig.events();
    for muted in [true, false] {
        rig.command(c2c_proto::io::Command::SetMuted { call: CALL, muted });
    }
    assert!(rig.unseen.iter().all(|event| match event {
        Event::Muted(state) | Event::Unmuted(state) => state.remote_hold,
        _ => false,
    }));
    let before = sent(&rig);
    rig.advance(Duration::from_secs(1));
    assert_eq!(sent(&rig), before);
    rig.events();
    rig.end_call();
    assert_eq!(rig.events(), ["Ended local Terminated"]);
}

#[test]
fn a_call_answered_on_hold_says_so() {
    let (mut rig, invite) = Rig::inviting();
    let sdp = rig.far_answer(&invite.body, &crate::support::rig::ALL_CODECS);
    let held = sdp.replace("a=sendrecv", "a=sendonly");
    rig.say(&invite.answer(200, "OK", "callee").sdp(&held));
    let Some(Event::Answered(state)) = rig.unseen.last() else {
        panic!("{:?}", rig.unseen)
    };
    assert!(state.remote_hold);
}

#[test]
fn an_offer_that_cannot_be_had_leaves_hold_as_it_is() {
    let (mut rig, mut dialog) = Rig::in_call();
    let sdp = offer(&mut rig, Direction::SendOnly);
    let (before, digest) = sdp.split_once("sha-256 ").unwrap();
    let flipped = if digest.starts_with("00") { "01" } else { "00" };
    let other = format!("{before}sha-256 {flipped}{}", &digest[2..]);
    for method in ["INVITE", "UPDATE"] {
        rig.say(&dialog.request(method).sdp(&other));
        assert_eq!(rig.hear_status(), 488, "{method}");
        rig.say(&dialog.request(method).body("text/plain", "hold, please"));
        assert_eq!(rig.hear_status(), 415, "{method}");
    }
    assert_eq!(rig.events(), Vec::<String>::new());
}
