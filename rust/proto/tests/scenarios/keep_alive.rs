use std::time::Duration;

use crate::support::{CALL, Rig};
use c2c_proto::io::{KeepAlive, KeepAliveKind, TransportInput};

const INTERVAL: Duration = Duration::from_secs(7);

fn connected(kind: KeepAliveKind) -> Rig {
    Rig::connected_with(|settings| {
        settings.keep_alive = KeepAlive {
            interval: INTERVAL,
            kind,
        }
    })
}

fn pings(rig: &Rig) -> usize {
    rig.trail.iter().filter(|output| *output == "Ping").count()
}

#[test]
fn a_double_line_end_is_answered_by_a_single_one() {
    let mut rig = Rig::connected();
    rig.say_bytes(b"\r\n\r\n");
    assert_eq!(rig.inbox.pop_front().as_deref(), Some(b"\r\n".as_slice()));
    rig.say_bytes(b"\r\n");
    rig.say_bytes(b"");
    rig.hear_nothing();
    assert_eq!(rig.agent.malformed_messages(), 0);
}

#[test]
fn a_silent_connection_is_pinged() {
    let mut rig = connected(KeepAliveKind::Ping);
    for number in 1..20 {
        rig.advance(INTERVAL);
        assert_eq!(pings(&rig), number);
        rig.transport(TransportInput::Alive);
    }
    rig.advance(Duration::from_secs(5));
    rig.say_bytes(b"\r\n\r\n");
    rig.advance(Duration::from_secs(6));
    assert_eq!(pings(&rig), 19, "whatever comes is a sign of life");
    assert_eq!(rig.closed_with, None);
}

#[test]
fn a_dead_connection_is_noticed_within_15_s_and_made_again() {
    let mut rig = connected(KeepAliveKind::Ping);
    let invite = rig.invite(CALL);
    rig.answer(&invite, "callee");
    rig.events();
    rig.is_deaf = true;
    rig.advance(Duration::from_secs(14));
    assert_eq!(rig.closed_with, Some(1006));
    assert_eq!(pings(&rig), 1);
    rig.close(None, "");
    assert_eq!(rig.events(), ["MediaConnected", "Disconnected -", "Reconnecting"]);
    rig.reopen();
    rig.hear("ACK");
    rig.hear("UPDATE");
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn a_server_that_answers_line_ends_is_judged_by_them() {
    let mut rig = connected(KeepAliveKind::Crlf);
    for _ in 0..5 {
        rig.advance(INTERVAL);
        assert_eq!(rig.inbox.pop_front().as_deref(), Some(b"\r\n\r\n".as_slice()));
    }
    assert_eq!(rig.closed_with, None, "it never answered one");
    rig.say_bytes(b"\r\n");
    rig.advance(2 * INTERVAL);
    assert_eq!(rig.closed_with, Some(1006));
    assert_eq!(pings(&rig), 0);
}

#[test]
fn it_can_be_turned_off() {
    let mut rig = Rig::connected();
    assert_eq!(rig.run_out(), Duration::ZERO);
    assert_eq!(pings(&rig), 0);
}
