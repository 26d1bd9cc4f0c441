use std::time::Duration;

use crate::support::Rig;
use crate::support::registrar::{challenge, granted, is_authorised};
use c2c_proto::io::Command;

#[test]
fn the_registration_is_ended_first() {
    let mut rig = Rig::registered();
    rig.command(Command::Disconnect);
    let first = rig.hear("REGISTER");
    assert_eq!(first.header("Expires"), "0");
    assert!(first.header("Contact").ends_with(";expires=0"));
    let at = |name| first.names().iter().position(|key| *key == name);
    assert!(at("Contact") < at("Expires"), "the other way round than in REGISTER");
    rig.say(&challenge(&first, "nonce-2", ""));
    let second = rig.hear("REGISTER");
    assert!(is_authorised(&second, "nonce-2"));
    assert_eq!(rig.closed_with, None);
    rig.say(&granted(&second, 0));
    assert_eq!(rig.closed_with, Some(1000), "closed as soon as the answer is there");
    rig.close(Some(1000), "");
    assert_eq!(rig.events(), ["Unregistered", "Disconnected -"]);
    assert_eq!(rig.run_out(), Duration::ZERO);
}

#[test]
fn a_silent_server_is_waited_for_2_s() {
    let mut rig = Rig::registered();
    rig.command(Command::Disconnect);
    rig.advance(Duration::from_millis(1999));
    assert_eq!(rig.closed_with, None);
    rig.advance(Duration::from_millis(1));
    assert_eq!(rig.closed_with, Some(1000));
    assert_eq!(rig.events(), ["Unregistered"]);
    rig.close(None, "");
    assert_eq!(rig.events(), ["Disconnected -"]);
}

#[test]
fn without_registration_and_calls_it_closes_at_once() {
    let mut rig = Rig::connected();
    rig.command(Command::Disconnect);
    assert_eq!(rig.closed_with, Some(1000));
}

#[test]
fn calls_end_without_reason_and_before_the_registration() {
    let (mut rig, _) = Rig::in_call();
    rig.command(Command::Disconnect);
    let bye = rig.hear("BYE");
    assert_eq!(bye.get("Reason"), None);
    assert_eq!(rig.events(), ["Ended local Terminated"]);
    assert_eq!(rig.closed_with, None);
    rig.say(&bye.reply(200, "OK"));
    assert_eq!(rig.closed_with, Some(1000));
}

#[test]
fn a_registration_granted_meanwhile_is_ended_again() {
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(Rig::settings())));
    rig.open();
    let register = rig.hear("REGISTER");
    rig.command(Command::Disconnect);
    rig.say(&granted(&register, 600));
    let last = rig.hear("REGISTER");
    assert_eq!(last.header("Expires"), "0");
    rig.say(&granted(&last, 0));
    assert_eq!(rig.closed_with, Some(1000));
    rig.close(None, "");
    assert_eq!(rig.events(), ["Connecting", "Connected", "Disconnected -"]);
}

#[test]
fn connect_during_the_close_runs_after_it() {
    let mut rig = Rig::registered();
    rig.command(Command::Disconnect);
    rig.command(Command::Connect(Box::new(Rig::settings())));
    assert_eq!(rig.closed_with, Some(1000), "it does not wait for the linger");
    assert_eq!(rig.opened.len(), 1);
    rig.close(None, "");
    assert_eq!(rig.events(), ["Unregistered", "Disconnected -", "Connecting"]);
    assert_eq!(rig.opened.len(), 2);
}

#[test]
fn a_client_that_does_nothing_ignores_it() {
    let mut rig = Rig::new();
    rig.command(Command::Disconnect);
    assert_eq!(rig.events(), Vec::<String>::new());
    assert_eq!(rig.closed_with, None);
}

#[test]
fn a_server_that_closes_first_changes_nothing() {
    let mut rig = Rig::registered();
    rig.command(Command::Disconnect);
    rig.close(Some(1001), "going away");
    assert_eq!(rig.events(), ["Unregistered", "Disconnected -"]);
    assert_eq!(rig.run_out(), Duration::ZERO);
}
