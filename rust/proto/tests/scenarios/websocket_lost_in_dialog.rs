//! The WebSocket is lost while a request in the dialog is under way, of ours or of the far side.
use std::time::Duration;

use crate::support::{CALL, Heard, Rig, ServerDialog};
use c2c_proto::io::{Command, SipSettings};

/// A call without registration, with no ACK left to repeat.
fn in_call() -> (Rig, ServerDialog) {
    let (mut rig, dialog) = Rig::in_call();
    rig.is_deaf = true;
    rig.advance(Duration::from_secs(33));
    (rig, dialog)
}

fn send_info(rig: &mut Rig, request: u64) {
    rig.command(Command::SendInfo {
        call: CALL,
        request,
        content_type: "application/json".into(),
        body: format!("{{\"number\":{request}}}").into_bytes(),
    });
}

#[test]
fn our_update_is_made_anew() {
    let (mut rig, _) = in_call();
    rig.advance(Duration::from_secs(15));
    let first = rig.hear("UPDATE");
    rig.close(Some(1006), "");
    rig.reopen();
    let second = rig.hear("UPDATE");
    assert!(second.cseq() > first.cseq());
    assert_ne!(second.branch(), first.branch());
    rig.hear_nothing();
    rig.say(&second.reply(200, "OK").header("Session-Expires", "90;refresher=uac"));
    rig.advance(Duration::from_secs(40));
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn a_server_without_the_dialog_ends_the_call() {
    let (mut rig, _) = in_call();
    rig.close(Some(1006), "");
    rig.reopen();
    let update = rig.hear("UPDATE");
    rig.events();
    rig.say(&update.reply(481, "Call/Transaction Does Not Exist"));
    rig.hear("BYE");
    assert_eq!(rig.events(), ["Ended local Dialog Error"]);
}

#[test]
fn a_refresh_that_falls_due_meanwhile_waits() {
    let (mut rig, _) = in_call();
    rig.close(Some(1006), "");
    rig.advance(Duration::from_secs(30));
    rig.hear_nothing();
    rig.open();
    rig.hear("UPDATE");
    rig.hear_nothing();
}

#[test]
fn the_far_side_s_reinvite_is_answered_again() {
    let (mut rig, mut dialog) = in_call();
    rig.say(&dialog.request("INVITE"));
    let ok = rig.hear("SIP/2.0");
    rig.close(Some(1006), "");
    rig.advance(Duration::from_secs(40));
    assert!(
        rig.agent.stats(CALL, rig.now).is_some(),
        "its ACK cannot come meanwhile"
    );
    rig.open();
    let again = rig.hear("SIP/2.0");
    assert_eq!((again.second(), &again.body), ("200", &ok.body));
    let sdp = rig
        .far
        .as_mut()
        .unwrap()
        .session
        .handle_offer(ok.body.as_bytes(), rig.now)
        .unwrap();
    rig.say(&dialog.numbered("ACK", dialog.cseq).sdp(&sdp));
    rig.hear("UPDATE");
    rig.advance(Duration::from_secs(20));
    rig.hear_nothing();
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn a_bye_under_way_is_repeated() {
    let (mut rig, _) = in_call();
    rig.end_call();
    let bye = rig.hear("BYE");
    rig.close(Some(1006), "");
    rig.reopen();
    let again = rig.hear("BYE");
    assert_eq!((again.branch(), again.cseq()), (bye.branch(), bye.cseq()));
    rig.hear_nothing();
    rig.say(&again.reply(481, "Call/Transaction Does Not Exist"));
    assert_eq!(rig.agent.transactions(), 0);
}

#[test]
fn a_call_ended_meanwhile_is_ended_for_the_far_side_later() {
    let (mut rig, _) = in_call();
    rig.close(Some(1006), "");
    rig.events();
    rig.end_call();
    assert_eq!(rig.events(), ["Ended local Terminated"], "for its owner at once");
    rig.hear_nothing();
    rig.reopen();
    rig.hear("BYE");
    rig.hear_nothing();
}

#[test]
fn a_bye_that_cannot_be_said_in_time_is_given_up() {
    let (mut rig, _) = in_call();
    rig.close(Some(1006), "");
    rig.end_call();
    rig.advance(Duration::from_secs(61));
    assert_eq!(rig.agent.transactions(), 0);
    rig.open();
    rig.hear_nothing();
}

#[test]
fn an_info_under_way_is_repeated_and_one_that_was_taken_is_no_failure() {
    let (mut rig, _) = in_call();
    send_info(&mut rig, 7);
    let info = rig.hear("INFO");
    rig.close(Some(1006), "");
    rig.reopen();
    let again = rig.hear("INFO");
    assert_eq!((again.branch(), again.cseq()), (info.branch(), info.cseq()));
    let update = rig.hear("UPDATE");
    assert!(update.cseq() > info.cseq());
    rig.events();
    rig.say(&again.reply(500, "Server Internal Error"));
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn sixteen_infos_wait_for_the_connection() {
    let (mut rig, _) = in_call();
    rig.close(Some(1006), "");
    rig.events();
    for request in 0..18 {
        send_info(&mut rig, request);
    }
    let events = rig.events();
    assert_eq!(events.iter().filter(|event| *event == "InfoSent").count(), 16);
    assert_eq!(events.iter().filter(|event| event.starts_with("InfoFailed")).count(), 2);
    rig.reopen();
    let infos: Vec<Heard> = (0..16).map(|_| rig.hear("INFO")).collect();
    assert!(infos.is_sorted_by_key(Heard::cseq));
    assert_eq!(infos[15].body, "{\"number\":15}");
    rig.hear("UPDATE");
}

#[test]
fn tones_wait_too() {
    let (mut rig, _) = in_call();
    let dtmf = c2c_proto::dtmf::DtmfRequest {
        tones: "123".into(),
        transport: c2c_proto::dtmf::DtmfTransport::Info,
        duration: None,
        inter_tone_gap: None,
    };
    rig.command(Command::SendDtmf {
        call: CALL,
        request: 1,
        dtmf,
    });
    let first = rig.hear("INFO");
    rig.say(&first.reply(200, "OK"));
    rig.close(Some(1006), "");
    rig.advance(Duration::from_secs(5));
    rig.hear_nothing();
    rig.open();
    rig.hear("UPDATE");
    assert!(rig.hear("INFO").body.contains("Signal=2"));
    rig.advance(Duration::from_secs(2));
    assert!(rig.hear("INFO").body.contains("Signal=3"));
}

#[test]
fn a_limit_of_nothing_ends_calls_at_once() {
    let mut rig = Rig::connected_with(|settings: &mut SipSettings| settings.reconnect_limit = Duration::ZERO);
    let invite = rig.invite(CALL);
    rig.answer(&invite, "callee");
    rig.events();
    rig.close(Some(1006), "");
    rig.advance(Duration::ZERO);
    assert_eq!(
        rig.events(),
        ["Disconnected 1006", "Reconnecting", "Ended system Connection Error"]
    );
}

#[test]
fn an_info_that_costs_the_connection_is_given_up() {
    let (mut rig, _) = in_call();
    send_info(&mut rig, 7);
    let info = rig.hear("INFO");
    for _ in 0..2 {
        rig.close(Some(1009), "too big");
        rig.reopen();
        assert_eq!(rig.hear("INFO").branch(), info.branch());
        rig.hear("UPDATE");
        rig.events();
    }
    rig.close(Some(1009), "too big");
    rig.reopen();
    rig.hear("UPDATE");
    rig.hear_nothing();
    let events = rig.events();
    assert_eq!(events.last().unwrap(), "InfoFailed Request Timeout -");
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn no_more_waits_than_the_websocket_takes_at_once() {
    let (mut rig, _) = in_call();
    rig.close(Some(1006), "");
    rig.events();
    for request in 0..6 {
        rig.command(Command::SendInfo {
            call: CALL,
            request,
            content_type: "text/plain".into(),
            body: vec![b'x'; 60 * 1024],
        });
    }
    let failed = |events: &[String]| events.iter().filter(|event| event.starts_with("InfoFailed")).count();
    assert_eq!(failed(&rig.events()), 2);
    rig.reopen();
    let bytes: usize = rig.inbox.iter().map(Vec::len).sum();
    assert!(bytes < 512 * 1024, "{bytes}");
}

#[test]
fn what_was_under_way_is_bounded_too() {
    let (mut rig, _) = in_call();
    for request in 0..6 {
        rig.command(Command::SendInfo {
            call: CALL,
            request,
            content_type: "text/plain".into(),
            body: vec![b'x'; 60 * 1024],
        });
    }
    rig.inbox.clear();
    rig.close(Some(1006), "");
    rig.reopen();
    let infos = rig.inbox.iter().filter(|bytes| bytes.starts_with(b"INFO")).count();
    let failed = rig
        .events()
        .iter()
        .filter(|event| event.starts_with("InfoFailed"))
        .count();
    assert_eq!((infos, failed), (4, 2));
}
