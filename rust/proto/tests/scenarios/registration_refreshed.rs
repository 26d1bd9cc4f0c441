use std::time::Duration;

use crate::support::Rig;
use crate::support::registrar::{challenge, granted, is_authorised};
use c2c_proto::io::Command;

fn registered_for(expires: u32) -> Rig {
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(Rig::settings())));
    rig.open();
    rig.register(expires);
    assert_eq!(rig.events(), ["Connecting", "Connected", "Registered"]);
    rig
}

#[test]
fn a_refresh_carries_credentials_and_is_not_told() {
    let mut rig = registered_for(60);
    rig.advance(Duration::from_secs(54));
    rig.hear_nothing();
    rig.advance(Duration::from_secs(2));
    let refresh = rig.hear("REGISTER");
    assert!(is_authorised(&refresh, "nonce-1"));
    assert_eq!(refresh.cseq(), 3);
    rig.say(&challenge(&refresh, "nonce-2", ", stale=true"));
    let refresh = rig.hear("REGISTER");
    assert!(is_authorised(&refresh, "nonce-2"));
    rig.say(&granted(&refresh, 60));
    assert_eq!(rig.events(), Vec::<String>::new());
    rig.advance(Duration::from_secs(56));
    rig.hear("REGISTER");
}

#[test]
fn a_long_registration_is_refreshed_in_its_second_half() {
    let mut rig = registered_for(600);
    rig.advance(Duration::from_secs(299));
    rig.hear_nothing();
    rig.advance(Duration::from_secs(270));
    rig.hear("REGISTER");
}

#[test]
fn a_refused_refresh_ends_the_registration() {
    let mut rig = registered_for(60);
    rig.advance(Duration::from_secs(56));
    let refresh = rig.hear("REGISTER");
    rig.say(&refresh.reply(403, "Forbidden").tag("r"));
    assert_eq!(rig.events(), ["RegistrationFailed Rejected 403", "Unregistered"]);
    assert_eq!(rig.run_out().as_secs(), 0);
}

#[test]
fn an_unanswered_refresh_ends_the_registration() {
    let mut rig = registered_for(60);
    rig.advance(Duration::from_secs(56));
    rig.hear("REGISTER");
    rig.run_out();
    assert_eq!(rig.events(), ["RegistrationFailed Request Timeout -", "Unregistered"]);
}

#[test]
fn a_refresh_that_is_too_brief_asks_for_longer() {
    let mut rig = registered_for(60);
    rig.advance(Duration::from_secs(56));
    let refresh = rig.hear("REGISTER");
    let refusal = refresh.reply(423, "Interval Too Brief").tag("r");
    rig.say(&refusal.header("Min-Expires", "1200"));
    let again = rig.hear("REGISTER");
    assert_eq!((again.header("Expires"), again.cseq()), ("1200", refresh.cseq() + 1));
    rig.say(&granted(&again, 1200));
    assert_eq!(rig.events(), Vec::<String>::new());
}
