use std::time::Duration;

use crate::support::Rig;
use c2c_proto::io::Command;

fn connecting() -> Rig {
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(Rig::settings())));
    assert_eq!(rig.events(), ["Connecting"]);
    rig
}

#[test]
fn attempts_are_repeated_with_a_growing_wait() {
    let mut rig = connecting();
    for failures in 1..=8 {
        rig.fail_open(false);
        assert_eq!(rig.events(), ["ConnectFailed"]);
        rig.advance(Duration::from_millis(1999));
        assert_eq!(rig.opened.len(), failures, "never before 2 s");
        rig.advance(Duration::from_secs(29));
        assert_eq!(rig.opened.len(), failures + 1, "always within 30 s");
        assert_eq!(rig.events(), ["Connecting"]);
    }
    rig.open();
    assert_eq!(rig.events(), ["Connected"]);
}

#[test]
fn a_final_failure_ends_it() {
    let mut rig = connecting();
    rig.fail_open(true);
    assert_eq!(rig.events(), ["ConnectFailed finally"]);
    assert_eq!(rig.run_out(), Duration::ZERO);
    assert_eq!(rig.opened.len(), 1);
    rig.command(Command::Connect(Box::new(Rig::settings())));
    assert_eq!(rig.events(), ["Connecting"], "but it may be asked for again");
}

#[test]
fn disconnect_ends_the_waiting() {
    let mut rig = connecting();
    rig.fail_open(false);
    rig.command(Command::Disconnect);
    assert_eq!(rig.closed_with, None, "there is no WebSocket that could be closed");
    assert_eq!(rig.events(), ["ConnectFailed", "Disconnected -"]);
    assert_eq!(rig.run_out(), Duration::ZERO);
    assert_eq!(rig.opened.len(), 1);
    rig.command(Command::Connect(Box::new(Rig::settings())));
    assert_eq!(rig.events(), ["Connecting"], "but it may be asked for again");
}

#[test]
fn disconnect_ends_an_attempt() {
    let mut rig = connecting();
    rig.command(Command::Disconnect);
    assert_eq!(rig.closed_with, Some(1000));
    rig.open();
    assert_eq!(rig.events(), Vec::<String>::new(), "a late result is nobody's");
    rig.fail_open(false);
    assert_eq!(rig.events(), ["Disconnected -"]);
}

#[test]
fn settings_that_make_no_uri_fail_finally() {
    let mut settings = Rig::settings();
    settings.realm = "not a realm".into();
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(settings)));
    assert_eq!(rig.events(), ["ConnectFailed finally"]);
    assert!(rig.opened.is_empty());
}
