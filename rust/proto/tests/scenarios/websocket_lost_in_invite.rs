//! The WebSocket is lost before the final response to INVITE, or before the ACK arrives.
use std::time::Duration;

use crate::support::{CALL, Heard, Rig};
use c2c_proto::io::Command;

/// A call whose INVITE was lost with its connection, which is back; gives both INVITEs.
fn lost(provisional: Option<u16>) -> (Rig, Heard, Heard) {
    let (mut rig, invite) = Rig::inviting();
    if let Some(status) = provisional {
        rig.say(&invite.answer(status, "On the way", "callee"));
    }
    rig.close(Some(1006), "");
    rig.reopen();
    rig.events();
    let again = rig.hear("INVITE");
    (rig, invite, again)
}

/// The same INVITE goes out on the new connection, and its answer there counts.
fn is_repeated(provisional: Option<u16>) {
    let (mut rig, invite, again) = lost(provisional);
    assert_eq!((again.branch(), again.cseq()), (invite.branch(), invite.cseq()));
    assert_eq!(
        (again.headers, again.body),
        (invite.headers.clone(), invite.body.clone())
    );
    rig.hear_nothing();
    rig.answer(&invite, "callee");
    assert_eq!(rig.events(), ["TrackAdded", "Answered"]);
}

#[test]
fn calling_the_same_invite_goes_out_again() {
    is_repeated(None);
}

#[test]
fn proceeding_the_same_invite_goes_out_again() {
    is_repeated(Some(100));
}

#[test]
fn ringing_the_same_invite_goes_out_again() {
    is_repeated(Some(180));
}

#[test]
fn in_session_progress_the_same_invite_goes_out_again() {
    is_repeated(Some(183));
}

#[test]
fn without_any_response_the_call_is_placed_anew() {
    let (mut rig, invite, _) = lost(Some(180));
    rig.advance(Duration::from_millis(3999));
    rig.hear_nothing();
    rig.advance(Duration::from_millis(1));
    let cancel = rig.hear("CANCEL");
    assert_eq!(cancel.branch(), invite.branch());
    let anew = rig.hear("INVITE");
    assert_ne!(anew.branch(), invite.branch());
    assert_ne!(anew.header("Call-ID"), invite.header("Call-ID"));
    assert_ne!(anew.header("From"), invite.header("From"));
    assert_eq!(anew.body, invite.body, "the offer still holds");
    assert_eq!(anew.header("X-Source"), "webrtc");
    rig.say(&cancel.reply(200, "OK"));
    rig.say(&invite.reply(487, "Request Terminated").tag("callee"));
    rig.hear("ACK");
    assert_eq!(rig.events(), Vec::<String>::new(), "its owner sees nothing of that");
    rig.say(&anew.answer(180, "Ringing", "other"));
    rig.answer(&anew, "other");
    assert_eq!(rig.events(), ["Ringing", "TrackAdded", "Answered"]);
    rig.advance(Duration::from_secs(40));
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn a_success_of_the_old_invite_is_ended_again() {
    let (mut rig, invite, _) = lost(None);
    rig.advance(Duration::from_secs(4));
    rig.hear("CANCEL");
    let anew = rig.hear("INVITE");
    let sdp = rig.far_answer(&invite.body, &crate::support::rig::ALL_CODECS);
    let late = invite.answer(200, "OK", "late").sdp(&sdp);
    rig.say(&late);
    rig.hear("ACK");
    let bye = rig.hear("BYE");
    assert_eq!(bye.header("Call-ID"), invite.header("Call-ID"));
    rig.say(&late);
    rig.hear("ACK");
    rig.hear_nothing();
    assert_eq!(rig.events(), Vec::<String>::new());
    rig.answer(&anew, "callee");
    assert_eq!(rig.events(), ["TrackAdded", "Answered"]);
}

#[test]
fn any_response_ends_the_doubt() {
    let (mut rig, invite, _) = lost(None);
    rig.say(&invite.reply(100, "Trying"));
    rig.advance(Duration::from_secs(60));
    rig.hear_nothing();
    rig.answer(&invite, "callee");
}

#[test]
fn it_survives_three_losses_at_most() {
    let (mut rig, _, _) = lost(None);
    for number in 2..=4 {
        rig.advance(Duration::from_secs(5));
        assert!(rig.inbox.iter().any(|bytes| bytes.starts_with(b"CANCEL")), "{number}");
        rig.inbox.clear();
        rig.close(Some(1006), "");
        rig.reopen();
        let invites = rig.inbox.iter().filter(|bytes| bytes.starts_with(b"INVITE")).count();
        assert_eq!(invites, usize::from(number <= 3), "the replaced ones are not repeated");
        rig.inbox.clear();
    }
    assert!(rig.events().contains(&"Failed system Connection Error".to_owned()));
    rig.run_out();
    assert_eq!(rig.agent.transactions(), 0);
}

/// `EndCall` while the connection is away: told at once, cancelled on the new connection.
fn is_cancelled_later(provisional: Option<u16>) {
    let (mut rig, invite) = Rig::inviting();
    if let Some(status) = provisional {
        rig.say(&invite.answer(status, "Ringing", "callee"));
    }
    rig.close(Some(1006), "");
    rig.events();
    rig.end_call();
    assert_eq!(rig.events(), ["Failed local Canceled"]);
    rig.hear_nothing();
    rig.reopen();
    let cancel = rig.hear("CANCEL");
    assert_eq!(cancel.branch(), invite.branch());
    assert!(cancel.header("Reason").contains("480"));
    rig.hear_nothing();
    rig.say(&cancel.reply(481, "Call/Transaction Does Not Exist"));
    rig.run_out();
    assert_eq!(rig.agent.transactions(), 0);
}

#[test]
fn calling_end_call_meanwhile_cancels_on_the_new_connection() {
    is_cancelled_later(None);
}

#[test]
fn ringing_end_call_meanwhile_cancels_on_the_new_connection() {
    is_cancelled_later(Some(180));
}

/// `Disconnect` while REGISTER is under way on the new connection.
fn is_cancelled_by_disconnect(provisional: Option<u16>) {
    let mut rig = Rig::registered();
    let invite = rig.invite(CALL);
    if let Some(status) = provisional {
        rig.say(&invite.answer(status, "Ringing", "callee"));
    }
    rig.close(Some(1006), "");
    rig.reopen();
    rig.hear("REGISTER");
    rig.events();
    rig.command(Command::Disconnect);
    assert_eq!(rig.events(), ["Failed local Canceled"]);
    assert_eq!(rig.hear("CANCEL").branch(), invite.branch());
    rig.hear_nothing();
}

#[test]
fn calling_disconnect_cancels_on_the_new_connection() {
    is_cancelled_by_disconnect(None);
}

#[test]
fn ringing_disconnect_cancels_on_the_new_connection() {
    is_cancelled_by_disconnect(Some(180));
}

#[test]
fn ended_meanwhile_disconnect_cancels_on_the_new_connection() {
    let mut rig = Rig::registered();
    let invite = rig.invite(CALL);
    rig.close(Some(1006), "");
    rig.end_call();
    rig.reopen();
    rig.hear("REGISTER");
    rig.command(Command::Disconnect);
    assert_eq!(rig.hear("CANCEL").branch(), invite.branch());
}

#[test]
fn a_cancel_under_way_is_repeated() {
    let (mut rig, invite) = Rig::inviting();
    rig.say(&invite.answer(180, "Ringing", "callee"));
    rig.end_call();
    let cancel = rig.hear("CANCEL");
    rig.close(Some(1006), "");
    rig.reopen();
    assert_eq!(rig.hear("CANCEL").branch(), cancel.branch());
    rig.hear_nothing();
    rig.say(&cancel.reply(200, "OK"));
    rig.say(&invite.reply(487, "Request Terminated").tag("callee"));
    rig.hear("ACK");
    assert_eq!(rig.agent.transactions(), 0);
}

#[test]
fn a_call_that_gathers_meanwhile_is_placed_when_the_connection_is_back() {
    let mut rig = Rig::connected();
    rig.binds = false;
    rig.command(Command::StartCall {
        call: CALL,
        target: "app-1".into(),
        headers: vec![],
    });
    rig.close(Some(1006), "");
    let socket = "127.0.0.1:40001".parse().unwrap();
    rig.udp(CALL, c2c_proto::io::UdpInput::Bound(vec![socket]));
    rig.hear_nothing();
    rig.reopen();
    rig.hear("INVITE");
    rig.advance(Duration::from_secs(10));
    rig.hear_nothing();
}

#[test]
fn an_ack_that_may_be_lost_is_repeated() {
    let (mut rig, invite) = Rig::inviting();
    let sdp = rig.far_answer(&invite.body, &crate::support::rig::ALL_CODECS);
    let ok = invite.answer(200, "OK", "callee").sdp(&sdp);
    rig.say(&ok);
    let ack = rig.hear("ACK");
    rig.close(Some(1006), "");
    rig.reopen();
    assert_eq!(rig.hear("ACK").branch(), ack.branch());
    rig.hear("UPDATE");
    rig.say(&ok);
    assert_eq!(rig.hear("ACK").branch(), ack.branch(), "and with each further 2xx");
    rig.hear_nothing();
}
