use std::time::Duration;

use crate::support::{Heard, Rig};
use c2c_proto::io::Stage;

fn ringing() -> (Rig, Heard) {
    let (mut rig, invite) = Rig::inviting();
    rig.say(&invite.answer(180, "Ringing", "callee"));
    assert_eq!(rig.events(), ["Ringing"]);
    (rig, invite)
}

#[test]
fn the_status_becomes_cause_and_description() {
    // SDK facts, section 6, all of it
    let table: [(&str, &[u16]); 9] = [
        ("Redirected", &[300, 301, 302, 305, 380]),
        ("Busy", &[486, 600]),
        ("Rejected", &[403, 603]),
        ("Not Found", &[404, 604]),
        ("Unavailable", &[480, 410, 408, 430]),
        ("Address Incomplete", &[484, 424]),
        ("Incompatible SDP", &[488, 606]),
        ("Authentication Error", &[401, 407]),
        (
            "SIP Failure Code",
            &[
                303, 399, 400, 402, 405, 406, 413, 415, 420, 421, 423, 429, 433, 481, 482, 483, 487, 491, 500, 501,
                502, 503, 504, 505, 513, 580, 607, 699,
            ],
        ),
    ];
    for (cause, status) in table
        .iter()
        .flat_map(|(cause, list)| list.iter().map(|status| (*cause, *status)))
    {
        let (mut rig, invite) = ringing();
        rig.say(&invite.reply(status, "No").tag("callee"));
        let ack = rig.hear("ACK");
        assert_eq!((ack.branch(), ack.cseq()), (invite.branch(), invite.cseq()));
        assert!(ack.header("To").ends_with(";tag=callee"));
        let (end, _) = rig.end();
        assert_eq!((end.sip_status, end.stage), (Some(status), Some(Stage::Invite)));
        assert!(!end.hint.is_empty());
        assert_eq!(rig.events(), [format!("Failed remote {cause} {status}")]);
        assert_eq!(rig.run_out(), Duration::ZERO);
        assert_eq!(rig.released.len(), 1);
    }
}

/// 3xx: nobody is called instead, whatever Contact says.
#[test]
fn a_redirection_is_not_followed() {
    let (mut rig, invite) = ringing();
    let elsewhere = invite.reply(302, "Moved Temporarily").tag("callee");
    rig.say(&elsewhere.header("Contact", "<sip:premium@elsewhere.example>"));
    rig.hear("ACK");
    rig.hear_nothing();
    assert!(rig.end().0.hint.contains("not followed"));
    assert_eq!(rig.events(), ["Failed remote Redirected 302"]);
}

#[test]
fn silence_for_32_s_is_canceled() {
    let (mut rig, _) = Rig::inviting();
    assert_eq!(rig.run_out().as_secs(), 32);
    let (end, _) = rig.end();
    assert_eq!(end.stage, Some(Stage::Invite));
    assert!(end.hint.contains("32 s"), "the hint tells the truth: {}", end.hint);
    assert_eq!(rig.events(), ["Failed local Canceled"]);
}

#[test]
fn ringing_has_no_limit() {
    let (mut rig, _) = ringing();
    rig.advance(Duration::from_secs(600));
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn a_session_interval_too_small_is_raised() {
    let (mut rig, invite) = Rig::inviting();
    rig.say(
        &invite
            .reply(422, "Session Interval Too Small")
            .tag("x")
            .header("Min-SE", "300"),
    );
    rig.hear("ACK");
    let again = rig.hear("INVITE");
    assert_eq!(
        (again.header("Session-Expires"), again.header("Min-SE")),
        ("300", "300")
    );
    assert_eq!(again.cseq(), invite.cseq() + 1);
    rig.say(
        &again
            .reply(422, "Session Interval Too Small")
            .tag("x")
            .header("Min-SE", "300"),
    );
    rig.hear("ACK");
    rig.hear_nothing();
    assert_eq!(rig.events(), ["Failed remote SIP Failure Code 422"]);
}

#[test]
fn two_rounds_of_422_are_enough() {
    let (mut rig, mut invite) = Rig::inviting();
    for minimum in ["300", "301"] {
        let refusal = invite.reply(422, "Session Interval Too Small").tag("x");
        rig.say(&refusal.header("Min-SE", minimum));
        rig.hear("ACK");
        invite = rig.hear("INVITE");
    }
    let refusal = invite.reply(422, "Session Interval Too Small").tag("x");
    rig.say(&refusal.header("Min-SE", "302"));
    rig.hear("ACK");
    rig.hear_nothing();
    assert_eq!(rig.events(), ["Failed remote SIP Failure Code 422"]);
}

#[test]
fn sockets_that_cannot_be_bound_fail_the_call() {
    let mut rig = Rig::connected();
    rig.binds = false;
    rig.command(c2c_proto::io::Command::StartCall {
        call: crate::support::CALL,
        target: "app-1".into(),
        headers: vec![],
    });
    rig.udp(
        crate::support::CALL,
        c2c_proto::io::UdpInput::Failed("too many open files".into()),
    );
    rig.hear_nothing();
    assert_eq!(rig.events(), ["CallCreated", "Failed local WebRTC Error"]);
}
