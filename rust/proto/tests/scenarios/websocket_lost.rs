//! The WebSocket is lost while nothing, or nothing but the call itself, is under way.
use std::time::Duration;

use crate::support::registrar::{challenge, granted, is_authorised};
use crate::support::{CALL, Rig};
use c2c_proto::io::{CallId, Command, SipSettings, Stage};

#[test]
fn an_answered_call_goes_on_in_the_same_dialog() {
    let (mut rig, mut dialog) = Rig::in_call();
    rig.close(Some(1006), "connection reset");
    assert_eq!(rig.events(), ["Disconnected 1006", "Reconnecting"]);
    let before = rig.agent.stats(CALL, rig.now).unwrap();
    rig.advance(Duration::from_secs(2));
    assert_eq!(rig.events(), ["Connecting"]);
    let after = rig.agent.stats(CALL, rig.now).unwrap();
    assert!(after.packets_sent > before.packets_sent && after.packets_received > before.packets_received);
    assert!(rig.ticking.contains(&CALL));
    rig.open();
    assert_eq!(rig.events(), ["Connected", "Reconnected"]);
    let ack = rig.hear("ACK");
    let update = rig.hear("UPDATE");
    assert_eq!(update.header("Call-ID"), dialog.call_id);
    assert!(update.cseq() > ack.cseq());
    rig.say(&update.reply(200, "OK").header("Session-Expires", "90;refresher=uac"));
    rig.say(&dialog.request("INFO").body("text/plain", "still there?"));
    assert_eq!(rig.hear_status(), 200);
    assert_eq!(rig.events(), ["InfoReceived text/plain still there?"]);
    rig.end_call();
    rig.hear("BYE");
}

#[test]
fn a_registered_client_registers_again() {
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(Rig::settings())));
    rig.open();
    let first = rig.register(600);
    rig.events();
    rig.close(None, "broken pipe");
    assert_eq!(rig.events(), ["Disconnected -", "Unregistered", "Reconnecting"]);
    rig.reopen();
    let again = rig.hear("REGISTER");
    assert_eq!(again.header("Call-ID"), first.header("Call-ID"));
    assert!(again.cseq() > first.cseq());
    assert_eq!(rig.events(), ["Connecting", "Connected"]);
    rig.say(&granted(&again, 600));
    assert_eq!(rig.events(), ["Registered", "Reconnected"]);
    rig.invite(CALL);
}

#[test]
fn nothing_of_a_call_is_sent_before_the_registration() {
    let mut rig = Rig::registered();
    let invite = rig.invite(CALL);
    let mut dialog = rig.answer(&invite, "callee");
    rig.close(Some(1006), "");
    rig.reopen();
    let register = rig.hear("REGISTER");
    rig.hear_nothing();
    rig.say(&dialog.request("OPTIONS"));
    assert_eq!(rig.hear_status(), 200, "but what the far side asks is answered");
    rig.say(&granted(&register, 600));
    rig.hear("ACK");
    rig.hear("UPDATE");
}

#[test]
fn attempts_follow_each_other_with_a_growing_wait_and_retry_skips_it() {
    let mut rig = Rig::connected();
    rig.advance(Duration::from_secs(31));
    rig.close(Some(1006), "");
    rig.advance(Duration::from_secs(1));
    assert_eq!(rig.opened.len(), 2, "the first one comes within a second");
    rig.fail_open(false);
    rig.advance(Duration::from_millis(1999));
    assert_eq!(rig.opened.len(), 2, "never before 2 s");
    for attempts in 3..8 {
        rig.command(Command::Retry);
        assert_eq!(rig.opened.len(), attempts);
        rig.command(Command::Connect(Box::new(Rig::settings())));
        assert_eq!(rig.opened.len(), attempts, "one at a time");
        rig.fail_open(false);
    }
    rig.command(Command::Connect(Box::new(Rig::settings())));
    assert_eq!(rig.opened.len(), 8, "Connect is Retry while reconnecting");
}

#[test]
fn a_server_that_closes_at_once_is_not_hammered() {
    let mut rig = Rig::connected();
    for attempts in 1..6 {
        rig.close(Some(1011), "");
        rig.advance(Duration::from_millis(1999));
        assert_eq!(rig.opened.len(), attempts);
        rig.advance(Duration::from_secs(29));
        assert_eq!(rig.opened.len(), attempts + 1);
        rig.open();
    }
}

#[test]
fn a_call_that_waited_too_long_ends_and_the_client_goes_on() {
    let (mut rig, _) = Rig::in_call();
    rig.close(Some(1006), "");
    rig.events();
    for _ in 0..59 {
        rig.fail_open(false);
        rig.advance(Duration::from_secs(1));
    }
    assert!(rig.agent.stats(CALL, rig.now).is_some());
    rig.advance(Duration::from_secs(2));
    let (end, stats) = rig.end();
    assert_eq!(end.stage, Some(Stage::WebSocket));
    assert!(
        end.hint.contains("60 s") && end.hint.contains("reconnect_limit"),
        "{}",
        end.hint
    );
    assert!(stats.packets_sent > 2000, "sound went on until then");
    let events = rig.events();
    assert_eq!(events.iter().filter(|event| event.starts_with("Ended")).count(), 1);
    assert!(events.contains(&"Ended system Connection Error".to_owned()));
    assert_eq!(rig.agent.transactions(), 0);
    rig.reopen();
    assert!(
        rig.events()
            .ends_with(&["Connected".to_owned(), "Reconnected".to_owned()])
    );
    rig.hear_nothing();
    rig.invite(CallId(2));
}

#[test]
fn a_call_cannot_be_placed_meanwhile() {
    let mut rig = Rig::registered();
    rig.close(Some(1006), "");
    rig.events();
    let start = || Command::StartCall {
        call: CALL,
        target: "app-1".into(),
        headers: vec![],
    };
    rig.command(start());
    assert_eq!(rig.events(), ["CallCreated", "Failed system Connection Error"]);
    rig.reopen();
    rig.events();
    rig.command(start());
    assert_eq!(
        rig.events(),
        ["CallCreated", "Failed system Connection Error"],
        "nor before it is registered again"
    );
}

#[test]
fn a_second_loss_belongs_to_the_first() {
    let (mut rig, _) = Rig::in_call();
    rig.close(Some(1006), "");
    rig.reopen();
    rig.events();
    rig.inbox.clear();
    rig.close(Some(1006), "");
    assert_eq!(
        rig.events(),
        ["Disconnected 1006", "Reconnecting"],
        "a new one: the last was overcome"
    );
    let mut rig = Rig::registered();
    rig.close(Some(1006), "");
    rig.reopen();
    rig.events();
    rig.close(Some(1006), "");
    assert_eq!(
        rig.events(),
        ["Disconnected 1006"],
        "REGISTER was under way: the same one"
    );
    rig.reopen();
    assert_eq!(rig.events(), ["Connecting", "Connected"]);
}

#[test]
fn an_attempt_that_fails_for_certain_may_be_another_network_s_doing() {
    let (mut rig, _) = Rig::in_call();
    rig.close(Some(1006), "");
    rig.events();
    rig.command(Command::Retry);
    rig.fail_open(true);
    assert_eq!(rig.events(), ["Connecting", "ConnectFailed"]);
    rig.reopen();
    assert_eq!(rig.events(), ["Connecting", "Connected", "Reconnected"]);
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn what_gives_up_may_be_asked_for_again() {
    let (mut rig, _) = Rig::in_call();
    rig.close(Some(1006), "");
    rig.command(Command::Retry);
    rig.refuse_upgrade();
    rig.events();
    rig.command(Command::Renew(None));
    assert_eq!(rig.events(), ["ConnectFailed finally", "Ended system Connection Error"]);
    rig.far = None;
    rig.run_out();
    assert_eq!(rig.opened.len(), 2);
    rig.command(Command::Connect(Box::new(Rig::settings())));
    assert_eq!(rig.events(), ["Connecting"]);
}

#[test]
fn another_network_ends_the_wait() {
    let (mut rig, _) = Rig::in_call();
    rig.close(Some(1006), "");
    rig.addresses(&["127.0.0.2"]);
    assert_eq!(rig.opened.len(), 2);
    let (mut rig, _) = Rig::in_call();
    rig.close(Some(1006), "");
    rig.command(Command::NetworkChanged);
    assert_eq!(rig.opened.len(), 2);
}

#[test]
fn another_network_begins_an_attempt_anew() {
    let (mut rig, _) = Rig::in_call();
    rig.close(Some(1006), "");
    rig.command(Command::Retry);
    rig.addresses(&["127.0.0.2"]);
    assert_eq!(rig.opened.len(), 3);
    rig.addresses(&["127.0.0.2"]);
    assert_eq!(rig.opened.len(), 3, "the same addresses are no news");
    rig.command(Command::NetworkChanged);
    assert_eq!(rig.opened.len(), 4);
    rig.command(Command::Retry);
    assert_eq!(rig.opened.len(), 4, "who only wants it sooner has to wait for it");
    rig.events();
    rig.open();
    assert_eq!(rig.events(), ["Connected", "Reconnected"]);
}

#[test]
fn a_call_placed_behind_a_long_loss_has_its_whole_limit() {
    let (mut rig, _) = Rig::in_call();
    rig.is_deaf = true;
    rig.close(Some(1006), "");
    rig.advance(Duration::from_secs(61));
    rig.open();
    rig.events();
    rig.invite(CallId(2));
    rig.close(Some(1006), "");
    rig.advance(Duration::from_secs(59));
    assert!(rig.agent.stats(CallId(2), rig.now).is_some());
}

#[test]
fn losses_in_a_row_have_one_limit() {
    let (mut rig, _) = Rig::in_call();
    rig.is_deaf = true;
    for _ in 0..3 {
        rig.close(Some(1006), "");
        rig.advance(Duration::from_secs(19));
        rig.open();
        rig.advance(Duration::from_secs(20));
    }
    assert!(rig.agent.stats(CALL, rig.now).is_some());
    rig.close(Some(1006), "");
    rig.advance(Duration::from_secs(4));
    assert!(rig.agent.stats(CALL, rig.now).is_none(), "61 s without a connection");
    let (mut rig, _) = Rig::in_call();
    rig.is_deaf = true;
    for _ in 0..4 {
        rig.close(Some(1006), "");
        rig.advance(Duration::from_secs(50));
        rig.open();
        rig.inbox.clear();
        rig.advance(Duration::from_secs(31));
    }
    assert!(
        rig.agent.stats(CALL, rig.now).is_some(),
        "connections that stood for a while"
    );
}

#[test]
fn disconnect_ends_the_waiting() {
    let (mut rig, _) = Rig::in_call();
    rig.close(Some(1006), "");
    rig.events();
    rig.command(Command::Disconnect);
    assert_eq!(rig.events(), ["Ended local Terminated", "Disconnected -"]);
    assert_eq!(rig.closed_with, None);
    rig.far = None;
    rig.run_out();
    assert_eq!((rig.opened.len(), rig.agent.transactions()), (1, 0));
}

#[test]
fn disconnect_ends_an_attempt() {
    let (mut rig, _) = Rig::in_call();
    rig.close(Some(1006), "");
    rig.command(Command::Retry);
    rig.events();
    rig.command(Command::Disconnect);
    assert_eq!(rig.events(), ["Ended local Terminated"]);
    assert_eq!(rig.closed_with, Some(1000));
    rig.close(None, "");
    assert_eq!(rig.events(), ["Disconnected -"]);
}

#[test]
fn disconnect_on_the_new_connection_says_goodbye_there() {
    let mut rig = Rig::registered();
    let invite = rig.invite(CALL);
    rig.answer(&invite, "callee");
    rig.close(Some(1006), "");
    rig.reopen();
    let register = rig.hear("REGISTER");
    rig.events();
    rig.command(Command::Disconnect);
    let bye = rig.hear("BYE");
    assert_eq!(rig.events(), ["Ended local Terminated"]);
    rig.say(&bye.reply(200, "OK"));
    rig.say(&granted(&register, 600));
    let last = rig.hear("REGISTER");
    assert_eq!(last.header("Expires"), "0");
    rig.say(&granted(&last, 0));
    assert_eq!(rig.closed_with, Some(1000));
    rig.close(None, "");
    assert_eq!(rig.events(), ["Disconnected -"]);
}

#[test]
fn a_first_registration_under_way_fails_with_it() {
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(Rig::settings())));
    rig.open();
    rig.close(Some(1001), "going away");
    assert_eq!(
        rig.events(),
        [
            "Connecting",
            "Connected",
            "RegistrationFailed Connection Error -",
            "Disconnected 1001"
        ]
    );
    assert_eq!(rig.run_out(), Duration::ZERO);
}

#[test]
fn a_stale_nonce_costs_one_more_round() {
    let mut rig = Rig::registered();
    rig.close(Some(1006), "");
    rig.reopen();
    let request = rig.hear("REGISTER");
    rig.say(&challenge(&request, "nonce-2", ", stale=true"));
    let request = rig.hear("REGISTER");
    assert!(is_authorised(&request, "nonce-2"));
    rig.say(&granted(&request, 600));
    assert_eq!(rig.events().last().unwrap(), "Reconnected");
}

#[test]
fn a_registrar_that_is_ill_is_tried_again() {
    for status in [408, 430, 480, 500, 503] {
        let mut rig = Rig::registered();
        rig.close(Some(1006), "");
        rig.reopen();
        let request = rig.hear("REGISTER");
        rig.events();
        rig.say(&request.reply(status, "Not now"));
        assert_eq!(rig.closed_with, Some(1006), "{status}");
        rig.close(None, "");
        assert_eq!(rig.events(), ["Disconnected -"]);
        rig.reopen();
        rig.hear("REGISTER");
        rig.closed_with = None;
        rig.advance(Duration::from_secs(33));
        assert_eq!(rig.closed_with, Some(1006), "nor is one that says nothing believed in");
    }
}

#[test]
fn messages_of_a_lost_connection_are_nobodys() {
    let (mut rig, mut dialog) = Rig::in_call();
    rig.close(Some(1006), "");
    rig.events();
    rig.say(&dialog.request("BYE"));
    rig.hear_nothing();
    rig.close(Some(1006), "");
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn a_session_that_the_far_side_must_refresh_still_expires() {
    let mut rig = Rig::connected_with(|settings: &mut SipSettings| {
        settings.reconnect_limit = Duration::from_secs(600);
    });
    rig.is_deaf = true;
    let invite = rig.invite(CALL);
    let sdp = rig.far_answer(&invite.body, &[c2c_proto::media::codec::Codec::Opus]);
    let ok = invite.answer(200, "OK", "callee").sdp(&sdp);
    rig.say(&ok.header("Session-Expires", "90;refresher=uas"));
    rig.hear("ACK");
    rig.advance(Duration::from_secs(1));
    rig.close(Some(1006), "");
    rig.events();
    rig.advance(Duration::from_secs(99));
    assert!(rig.events().contains(&"Ended local Request Timeout".to_owned()));
    rig.open();
    let said: Vec<_> = rig
        .inbox
        .drain(..)
        .map(|bytes| crate::support::Heard::parse(&bytes))
        .collect();
    assert!(said.iter().any(|message| message.method() == "BYE"), "{said:?}");
}
