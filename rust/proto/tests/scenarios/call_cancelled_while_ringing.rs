use std::time::Duration;

use crate::support::registrar::challenge;
use crate::support::{CALL, Rig};
use c2c_proto::io::{Command, UdpInput};

#[test]
fn after_a_provisional_response_cancel_goes_out_at_once() {
    let (mut rig, invite) = Rig::inviting();
    rig.say(&invite.answer(180, "Ringing", "callee"));
    rig.end_call();
    assert_eq!(rig.events(), ["Ringing", "Failed local Canceled"]);
    let cancel = rig.hear("CANCEL");
    assert_eq!(cancel.second(), invite.second());
    assert_eq!(cancel.branch(), invite.branch());
    assert_eq!(cancel.header("CSeq"), format!("{} CANCEL", invite.cseq()));
    assert_eq!(cancel.header("To"), invite.header("To"));
    assert_eq!(cancel.header("Reason"), "SIP ;cause=480 ;text=\"Ended by user\"");
    rig.say(&cancel.reply(200, "OK").tag("proxy"));
    rig.say(&invite.reply(487, "Request Terminated").tag("callee"));
    rig.hear("ACK");
    assert_eq!(rig.events(), Vec::<String>::new());
    assert_eq!(rig.run_out(), Duration::ZERO);
}

#[test]
fn before_it_cancel_waits() {
    let (mut rig, invite) = Rig::inviting();
    rig.end_call();
    assert_eq!(rig.events(), ["Failed local Canceled"]);
    rig.hear_nothing();
    rig.advance(Duration::from_secs(3));
    rig.say(&invite.reply(100, "Trying"));
    let cancel = rig.hear("CANCEL");
    assert_eq!(cancel.header("Reason"), "SIP ;cause=480 ;text=\"Ended by user\"");
    rig.say(&invite.answer(180, "Ringing", "callee"));
    rig.hear_nothing();
    rig.say(&invite.reply(487, "Request Terminated").tag("callee"));
    rig.hear("ACK");
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn before_the_sockets_nothing_is_sent() {
    let mut rig = Rig::connected();
    rig.binds = false;
    rig.command(Command::StartCall {
        call: CALL,
        target: "app-1".into(),
        headers: vec![],
    });
    rig.end_call();
    rig.udp(CALL, UdpInput::Bound(vec!["127.0.0.1:40000".parse().unwrap()]));
    rig.hear_nothing();
    assert_eq!(rig.events(), ["CallCreated", "Failed local Canceled"]);
    assert_eq!(rig.released, [CALL]);
}

#[test]
fn a_cancel_that_nobody_honours_is_given_up() {
    let (mut rig, invite) = Rig::inviting();
    rig.say(&invite.answer(180, "Ringing", "callee"));
    rig.end_call();
    rig.hear("CANCEL");
    assert_eq!(rig.run_out().as_secs(), 32);
    assert_eq!(rig.events(), ["Ringing", "Failed local Canceled"]);
}

#[test]
fn a_challenge_after_it_is_not_answered() {
    let (mut rig, invite) = Rig::inviting();
    rig.end_call();
    rig.say(&challenge(&invite, "nonce-1", ""));
    rig.hear("ACK");
    rig.hear_nothing();
    assert_eq!(rig.run_out(), Duration::ZERO);
}

#[test]
fn ending_twice_ends_once() {
    let (mut rig, invite) = Rig::inviting();
    rig.say(&invite.answer(180, "Ringing", "callee"));
    rig.end_call();
    rig.end_call();
    rig.hear("CANCEL");
    rig.hear_nothing();
    assert_eq!(rig.events(), ["Ringing", "Failed local Canceled"]);
}
