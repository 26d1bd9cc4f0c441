use crate::support::Rig;
use crate::support::registrar::{PASSWORD, challenge};
use c2c_proto::io::{Command, Event, Output, TransportInput};
use std::fmt::Write;
use std::time::Duration;

/// Everything a driver might log: commands, outputs' events, and what they hold.
#[test]
fn debug_of_all_that_passes_shows_none() {
    let mut settings = Rig::settings();
    settings.websocket_uri = "wss://gateway.example:8443".into();
    let mut shown = String::new();
    let connect = Command::Connect(Box::new(settings));
    let _ = write!(shown, "{connect:?}");
    let mut rig = Rig::new();
    rig.command(connect);
    rig.open();
    let register = rig.hear("REGISTER");
    rig.say(&challenge(&register, "nonce-1", ""));
    let register = rig.hear("REGISTER");
    let response = register.header("Authorization").split("response=\"").nth(1).unwrap()[..32].to_owned();
    rig.say(&challenge(&register, "nonce-2", ""));
    let _ = write!(shown, "{:?}", rig.unseen);
    for secret in [PASSWORD, &response] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

#[test]
fn a_failed_call_tells_no_ice_password() {
    let (mut rig, invite) = Rig::inviting();
    let password = invite
        .body
        .split("a=ice-pwd:")
        .nth(1)
        .unwrap()
        .split("\r\n")
        .next()
        .unwrap()
        .to_owned();
    rig.say(&invite.answer(200, "OK", "callee").sdp("v=0\r\n"));
    rig.advance(Duration::from_secs(40));
    let shown = format!("{:?}", rig.unseen);
    assert!(matches!(rig.unseen.last(), Some(Event::Failed(..))));
    assert!(!shown.contains(&password));
    let (body, plain) = (invite.body.into_bytes(), format!("{:?}", password.as_bytes()));
    let output: Output<Event> = Output::Send(body.clone());
    let input = TransportInput::Message(&body);
    for shown in [format!("{output:?}"), format!("{input:?}")] {
        let numbers = plain.trim_matches(['[', ']']);
        assert!(!shown.contains(&password) && !shown.contains(numbers), "{shown}");
    }
}
