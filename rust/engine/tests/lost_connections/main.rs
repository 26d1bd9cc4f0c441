//! The client's connection is lost in an answered call, on real sockets: what it is told, that its sound goes on, and that it
//! comes back to the same call.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::unused_io_amount,
    reason = "tests"
)]
mod caller;
mod relay;

use std::time::Duration;

use c2c_proto::io::{Command, Event, KeepAlive, Originator};
use caller::{CALL, Caller};
use relay::Loss;

#[test]
fn a_connection_that_is_closed_in_a_call_comes_back() {
    survives(Loss::Fin);
}

#[test]
fn a_connection_that_is_reset_in_a_call_comes_back() {
    survives(Loss::Reset);
}

/// The far host is gone, or a firewall drops all: TCP says nothing about it for minutes.
#[test]
fn a_peer_that_reads_no_more_is_noticed_by_ping() {
    survives(Loss::Deaf);
}

/// A middlebox that still acknowledges TCP for a server that is gone.
#[test]
fn a_peer_that_takes_all_and_answers_nothing_is_noticed_by_ping() {
    survives(Loss::Swallows);
}

#[test]
fn by_default_silence_is_noticed_within_15_s() {
    // one interval until the ping, one until its answer is given up
    assert!(2 * KeepAlive::default().interval < Duration::from_secs(15));
}

/// Loses the connection of an answered call in this way.
fn survives(loss: Loss) {
    let mut caller = Caller::in_call();
    let is_silent = matches!(loss, Loss::Deaf | Loss::Swallows);
    caller.relay.lose(loss);
    let Event::Disconnected { reason, .. } = caller.next() else {
        panic!("something else was told first")
    };
    assert_eq!(reason.unwrap().contains("reset by peer"), loss == Loss::Reset);
    assert_eq!(caller.next_name(), "Reconnecting");
    if is_silent {
        assert!(caller.relay.pings_on_the_lost() > 0, "a ping asked first");
    }
    // nobody lets it in yet: sound needs no connection
    let heard = caller.packets_received();
    caller.wait_for_packets(heard + 50);
    caller.command(Command::Retry);
    assert_eq!(caller.next_name(), "Connecting");
    caller.relay.let_in();
    assert_eq!(caller.next_name(), "Connected");
    assert_eq!(caller.next_name(), "Reconnected");
    let heard = caller.packets_received();
    caller.wait_for_packets(heard + 50);
    caller.command(Command::EndCall {
        call: CALL,
        reason: None,
    });
    let (event, end) = (caller.next(), caller.gateway_end());
    assert!(matches!(event, Event::Ended(_, end, _) if end.cause == "Terminated"));
    // its BYE went by the new connection, in the old dialog
    assert_eq!((end.by, end.how.as_str()), (Originator::Remote, "BYE"));
}
