//! Credentials that have expired when the connection is to be opened again.
use std::time::Duration;

use crate::support::registrar::{challenge, granted};
use crate::support::{CALL, Heard, Rig};
use c2c_proto::io::{Command, Event, SipSettings};

/// A call whose connection is back, and whose REGISTER was refused there.
fn refused() -> (Rig, Heard) {
    let mut rig = Rig::registered();
    let invite = rig.invite(CALL);
    rig.answer(&invite, "callee");
    rig.advance(Duration::from_secs(1));
    rig.is_deaf = true;
    rig.close(Some(1006), "");
    rig.reopen();
    rig.events();
    let register = rig.hear("REGISTER");
    rig.say(&register.reply(403, "Forbidden"));
    let refusal = rig.unseen.first().cloned();
    assert!(matches!(
        refusal,
        Some(Event::SettingsRefused { status: Some(403), .. })
    ));
    assert_eq!(rig.events(), ["SettingsRefused"]);
    (rig, register)
}

fn renewed(change: impl FnOnce(&mut SipSettings)) -> Command {
    let mut settings = Rig::settings();
    settings.username = "newer".into();
    change(&mut settings);
    Command::Renew(Some(Box::new(settings)))
}

#[test]
fn newer_ones_register_on_the_same_connection() {
    let (mut rig, first) = refused();
    rig.command(renewed(|_| {}));
    let register = rig.hear("REGISTER");
    assert_eq!(register.header("Call-ID"), first.header("Call-ID"));
    rig.say(&challenge(&register, "nonce-2", ""));
    let register = rig.hear("REGISTER");
    assert!(register.header("Authorization").contains("username=\"newer\""));
    rig.say(&granted(&register, 600));
    assert_eq!(rig.events(), ["Registered", "Reconnected"]);
    rig.hear("ACK");
    rig.hear("UPDATE");
}

#[test]
fn newer_ones_of_another_server_open_that_one() {
    let (mut rig, _) = refused();
    rig.command(renewed(|settings| {
        settings.websocket_uri = "wss://other.example".into();
    }));
    assert_eq!(rig.closed_with, Some(1006));
    rig.close(None, "");
    rig.reopen();
    assert_eq!(rig.opened.last().unwrap(), "wss://other.example");
    assert_eq!(rig.events(), ["Disconnected -", "Connecting", "Connected"]);
    let register = rig.hear("REGISTER");
    rig.say(&granted(&register, 600));
    assert_eq!(rig.events(), ["Registered", "Reconnected"]);
}

#[test]
fn a_second_refusal_is_the_last() {
    let (mut rig, _) = refused();
    rig.command(renewed(|_| {}));
    let register = rig.hear("REGISTER");
    rig.say(&register.reply(404, "Not Found"));
    assert_eq!(
        rig.events(),
        ["RegistrationFailed Not Found 404", "Ended system Connection Error"]
    );
    assert_eq!(rig.closed_with, Some(1000));
    rig.close(None, "");
    assert_eq!(rig.events(), ["Disconnected -"]);
    rig.far = None;
    rig.run_out();
    assert_eq!(rig.opened.len(), 2);
}

#[test]
fn without_newer_ones_it_is_given_up() {
    let (mut rig, _) = refused();
    rig.command(Command::Renew(None));
    assert_eq!(
        rig.events(),
        ["RegistrationFailed Rejected 403", "Ended system Connection Error"]
    );
}

#[test]
fn their_owner_has_the_time_that_it_takes() {
    let (mut rig, _) = refused();
    rig.advance(Duration::from_secs(50));
    assert_eq!(rig.events(), Vec::<String>::new());
    rig.command(renewed(|_| {}));
    let register = rig.hear("REGISTER");
    rig.say(&granted(&register, 600));
    assert_eq!(rig.events(), ["Registered", "Reconnected"]);
}

#[test]
fn calls_wait_no_longer_than_for_any_loss() {
    let (mut rig, _) = refused();
    rig.advance(Duration::from_secs(61));
    assert_eq!(rig.events(), ["Ended system Connection Error"]);
    rig.command(Command::Renew(None));
    assert_eq!(rig.events(), ["RegistrationFailed Rejected 403"]);
}

#[test]
fn a_loss_meanwhile_waits_for_them() {
    let (mut rig, _) = refused();
    rig.close(Some(1006), "");
    rig.command(Command::Retry);
    assert_eq!(
        (rig.opened.len(), rig.events().as_slice()),
        (2, &["Disconnected 1006".to_owned()][..])
    );
    rig.command(renewed(|_| {}));
    assert_eq!(rig.opened.len(), 3);
    rig.open();
    rig.hear("REGISTER");
}

#[test]
fn a_refused_upgrade_asks_for_them_once() {
    let mut rig = Rig::connected();
    rig.close(Some(1006), "");
    rig.command(Command::Retry);
    rig.events();
    rig.refuse_upgrade();
    assert_eq!(rig.events(), ["SettingsRefused"]);
    rig.command(renewed(|settings| {
        settings.register = false;
        settings.websocket_uri = "wss://gateway.example:8443?token=newer".into();
    }));
    assert_eq!(rig.events(), ["Connecting"]);
    assert_eq!(rig.opened.last().unwrap(), "wss://gateway.example:8443?token=newer");
    rig.refuse_upgrade();
    assert_eq!(rig.events(), ["ConnectFailed finally"]);
    assert_eq!(rig.run_out(), Duration::ZERO);
}

#[test]
fn disconnect_answers_the_question() {
    let (mut rig, _) = refused();
    rig.command(Command::Disconnect);
    rig.hear("BYE");
    assert_eq!(rig.events(), ["Ended local Terminated"]);
    rig.advance(Duration::from_secs(2));
    rig.close(None, "");
    assert_eq!(rig.events(), ["Disconnected -"]);
}

#[test]
fn renew_without_a_question_is_nothing() {
    let mut rig = Rig::registered();
    rig.command(renewed(|_| {}));
    rig.command(Command::Renew(None));
    rig.hear_nothing();
    assert_eq!(rig.events(), Vec::<String>::new());
}
