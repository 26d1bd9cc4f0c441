use std::time::Duration;

use crate::support::registrar::{challenge, granted, is_authorised};
use crate::support::{CALL, Heard, Rig};
use c2c_proto::io::{Command, SipSettings};

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

/// A call, and a refresh that is refused with this.
fn refused(status: u16) -> Rig {
    let mut rig = registered_for(60);
    let invite = rig.invite(CALL);
    rig.answer(&invite, "callee");
    rig.is_deaf = true;
    rig.advance(Duration::from_secs(1));
    rig.events();
    let refresh = refresh(&mut rig);
    rig.say(&refresh.reply(status, "No").tag("r"));
    rig
}

/// The next REGISTER, with the call's own refreshes on the way.
fn refresh(rig: &mut Rig) -> Heard {
    for _ in 0..60 {
        rig.advance(Duration::from_secs(1));
        let next = rig.inbox.pop_front().map(|bytes| Heard::parse(&bytes));
        match next {
            Some(register) if register.method() == "REGISTER" => return register,
            Some(update) => rig.say(&update.reply(200, "OK").header("Session-Expires", "90;refresher=uac")),
            None => {}
        }
    }
    panic!("no REGISTER came");
}

fn settings() -> Box<SipSettings> {
    Box::new(SipSettings {
        username: "newer".into(),
        ..Rig::settings()
    })
}

/// Registered, with the call that there was, on the connection that there was.
fn is_well(rig: &Rig) {
    assert!(rig.agent.stats(CALL, rig.now).is_some());
    assert_eq!((rig.opened.len(), rig.closed_with), (1, None));
}

#[test]
fn a_refused_refresh_asks_for_newer_settings() {
    for _ in 0..2 {
        let mut rig = refused(403);
        assert_eq!(rig.events(), ["SettingsRefused"]);
        rig.command(Command::Renew(Some(settings())));
        let register = rig.hear("REGISTER");
        rig.say(&challenge(&register, "nonce-2", ""));
        let register = rig.hear("REGISTER");
        assert!(register.header("Authorization").contains("username=\"newer\""));
        rig.say(&granted(&register, 60));
        assert_eq!(rig.events(), Vec::<String>::new());
        is_well(&rig);
        let next = refresh(&mut rig);
        rig.say(&next.reply(403, "Forbidden").tag("r"));
        assert_eq!(rig.events(), ["SettingsRefused"], "it had taken the last ones");
    }
}

#[test]
fn a_second_refusal_ends_the_registration_and_nothing_else() {
    let mut rig = refused(403);
    rig.command(Command::Renew(Some(settings())));
    let register = rig.hear("REGISTER");
    rig.say(&register.reply(404, "Not Found").tag("r"));
    assert_eq!(
        rig.events(),
        ["SettingsRefused", "RegistrationFailed Not Found 404", "Unregistered"]
    );
    is_well(&rig);
}

#[test]
fn connect_registers_again_and_the_call_survives() {
    let mut rig = refused(403);
    rig.command(Command::Renew(None));
    assert_eq!(
        rig.events(),
        ["SettingsRefused", "RegistrationFailed Rejected 403", "Unregistered"]
    );
    rig.command(Command::Connect(settings()));
    let register = rig.hear("REGISTER");
    rig.command(Command::Connect(settings()));
    rig.hear_nothing();
    rig.say(&granted(&register, 60));
    assert_eq!(rig.events(), ["Registered"]);
    rig.command(Command::Connect(settings()));
    rig.hear_nothing();
    is_well(&rig);
    refresh(&mut rig);
}

#[test]
fn connect_to_another_server_moves_there_with_the_call() {
    let mut rig = refused(403);
    rig.command(Command::Renew(None));
    rig.events();
    let mut elsewhere = settings();
    elsewhere.websocket_uri = "wss://other.example".into();
    rig.command(Command::Connect(elsewhere));
    assert_eq!(rig.closed_with, Some(1006));
    rig.close(None, "");
    rig.reopen();
    assert_eq!(rig.opened.last().unwrap(), "wss://other.example");
    let register = rig.hear("REGISTER");
    rig.say(&granted(&register, 60));
    assert_eq!(
        rig.events(),
        [
            "Disconnected -",
            "Reconnecting",
            "Connecting",
            "Connected",
            "Registered",
            "Reconnected"
        ]
    );
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn settings_that_cannot_be_used_are_a_failed_registration() {
    let mut rig = refused(403);
    rig.command(Command::Renew(None));
    rig.events();
    let mut broken = settings();
    broken.realm = "not a realm".into();
    rig.command(Command::Connect(broken));
    assert!(rig.events()[0].starts_with("RegistrationFailed"));
    is_well(&rig);
}

#[test]
fn a_refresh_that_fails_for_the_moment_is_tried_again() {
    for status in [408, 430, 480, 500, 503] {
        let mut rig = refused(status);
        let events = rig.events();
        assert!(events[0].starts_with("RegistrationFailed"), "{events:?}");
        assert_eq!(events[1..], ["Unregistered"]);
        let again = refresh(&mut rig);
        rig.say(&granted(&again, 60));
        assert_eq!(rig.events(), ["Registered"]);
        is_well(&rig);
    }
}

#[test]
fn an_unanswered_refresh_is_tried_again() {
    let mut rig = registered_for(60);
    rig.advance(Duration::from_secs(56));
    rig.hear("REGISTER");
    rig.advance(Duration::from_secs(33));
    assert_eq!(rig.events(), ["RegistrationFailed Request Timeout -", "Unregistered"]);
    rig.advance(Duration::from_secs(26));
    rig.hear_nothing();
    rig.advance(Duration::from_secs(4));
    let again = rig.hear("REGISTER");
    rig.say(&granted(&again, 60));
    assert_eq!(rig.events(), ["Registered"]);
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
