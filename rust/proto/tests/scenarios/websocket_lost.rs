use std::time::Duration;

use crate::support::{CALL, Rig};
use c2c_proto::io::{Command, Stage};

#[test]
fn an_answered_call_ends_with_connection_error() {
    let (mut rig, _) = Rig::in_call();
    rig.close(Some(1006), "connection reset");
    let (end, stats) = rig.end();
    assert_eq!(end.stage, Some(Stage::WebSocket));
    assert!(end.hint.contains("1006") && end.hint.contains("connection reset"));
    assert!(stats.packets_sent > 0);
    assert_eq!(rig.events(), ["Ended system Connection Error", "Disconnected 1006"]);
    rig.hear_nothing();
    assert_eq!(rig.released, [CALL]);
    assert!(rig.ticking.is_empty());
    rig.far = None;
    rig.run_out();
    assert_eq!(rig.run_out(), Duration::ZERO);
}

#[test]
fn a_ringing_call_fails_with_it() {
    let mut rig = Rig::registered();
    let invite = rig.invite(CALL);
    rig.say(&invite.answer(180, "Ringing", "callee"));
    rig.close(None, "broken pipe");
    assert_eq!(
        rig.events(),
        [
            "Ringing",
            "Failed system Connection Error",
            "Disconnected -",
            "Unregistered"
        ]
    );
    assert_eq!(rig.run_out(), Duration::ZERO);
}

#[test]
fn a_registration_under_way_fails_with_it() {
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
fn a_new_connection_starts_afresh() {
    let (mut rig, mut dialog) = Rig::in_call();
    rig.close(Some(1006), "");
    rig.events();
    rig.command(Command::Connect(Box::new(Rig::settings())));
    rig.open();
    rig.register(600);
    assert_eq!(rig.events(), ["Connecting", "Connected", "Registered"]);
    rig.say(&dialog.request("INFO").body("text/plain", "hello"));
    assert_eq!(rig.hear_status(), 481, "the old call is gone");
    rig.invite(c2c_proto::io::CallId(2));
}

#[test]
fn messages_after_the_end_are_nobodys() {
    let (mut rig, mut dialog) = Rig::in_call();
    rig.close(Some(1006), "");
    rig.events();
    rig.say(&dialog.request("BYE"));
    rig.hear_nothing();
    rig.close(Some(1006), "");
    assert_eq!(rig.events(), Vec::<String>::new());
}
