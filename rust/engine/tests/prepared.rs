//! A WebSocket opened ahead of its use, over real loopback sockets.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod support;

use std::time::Duration;

use c2c_engine::driver::Driver;
use c2c_engine::listener::{ListenerEvent, Welcome};
use c2c_engine::route::Route;
use c2c_proto::io::TransportStep;
use support::{Authority, Order, Owner, Report, Server, any_trust};

fn prepare(owner: &Owner, uri: String) {
    owner.client.prepare(uri, Route::default()).unwrap();
}

fn is_opened(report: &Report) -> Option<()> {
    matches!(report, Report::Opened { .. }).then_some(())
}

/// Gives what is under way time to come; nothing is told meanwhile.
fn pause(owner: &mut Owner) {
    owner.order(Order::Wake(Duration::from_millis(200)));
    assert_eq!(owner.report(), Report::Woken);
}

/// How many connections a server has served by the time it has echoed a message.
fn connections(owner: &mut Owner, server: &mut Server) -> usize {
    owner.order(Order::Send(b"here".to_vec()));
    owner.wait(|report| (*report == Report::Message(b"here".to_vec())).then_some(()));
    let all = server.so_far();
    all.iter()
        .filter(|event| matches!(event, ListenerEvent::Accepted(..)))
        .count()
}

#[test]
fn an_open_one_is_used() {
    let authority = Authority::new();
    let mut server = Server::start(Some(authority.server("localhost")), Welcome::Upgrade);
    let mut owner = Owner::new(&Driver::start().unwrap(), authority.trust());
    prepare(&owner, server.uri("wss"));
    pause(&mut owner);
    owner.order(Order::Open(server.uri("wss")));
    owner.wait(is_opened);
    assert_eq!(connections(&mut owner, &mut server), 1);
}

#[test]
fn one_that_is_still_opening_is_waited_for() {
    let mut server = Server::start(None, Welcome::Upgrade);
    let mut owner = Owner::new(&Driver::start().unwrap(), any_trust());
    prepare(&owner, server.uri("ws"));
    owner.order(Order::Open(server.uri("ws")));
    owner.wait(is_opened);
    pause(&mut owner);
    assert_eq!(connections(&mut owner, &mut server), 1);
}

#[test]
fn one_for_another_server_is_closed_unused() {
    let (mut wrong, mut right) = (
        Server::start(None, Welcome::Upgrade),
        Server::start(None, Welcome::Upgrade),
    );
    let mut owner = Owner::new(&Driver::start().unwrap(), any_trust());
    prepare(&owner, wrong.uri("ws"));
    let unused = wrong.accepted();
    pause(&mut owner);
    owner.order(Order::Open(right.uri("ws")));
    owner.wait(is_opened);
    assert_eq!(wrong.closed(unused).0, Some(1000));
    assert_eq!(connections(&mut owner, &mut right), 1);
}

#[test]
fn one_that_is_discarded_or_left_is_closed_and_nothing_is_told() {
    let mut server = Server::start(None, Welcome::Upgrade);
    let mut owner = Owner::new(&Driver::start().unwrap(), any_trust());
    prepare(&owner, server.uri("ws"));
    let first = server.accepted();
    pause(&mut owner);
    owner.client.discard_prepared().unwrap();
    assert_eq!(server.closed(first).0, Some(1000));
    prepare(&owner, server.uri("ws"));
    let second = server.accepted();
    pause(&mut owner);
    owner.client.close().unwrap();
    assert_eq!(server.closed(second).0, Some(1000));
    assert_eq!(owner.ending(), None);
}

#[test]
fn a_second_one_replaces_the_first() {
    let mut server = Server::start(None, Welcome::Upgrade);
    let mut owner = Owner::new(&Driver::start().unwrap(), any_trust());
    prepare(&owner, server.uri("ws"));
    let first = server.accepted();
    pause(&mut owner);
    prepare(&owner, server.uri("ws"));
    assert_eq!(server.closed(first).0, Some(1000));
}

#[test]
fn one_that_the_server_closed_is_not_used() {
    let mut server = Server::start(None, Welcome::Upgrade);
    let mut owner = Owner::new(&Driver::start().unwrap(), any_trust());
    prepare(&owner, server.uri("ws"));
    let first = server.accepted();
    pause(&mut owner);
    server.listener.command(first, Order::Close(1001)).unwrap();
    pause(&mut owner);
    owner.order(Order::Open(server.uri("ws")));
    owner.wait(is_opened);
    assert_eq!(connections(&mut owner, &mut server), 1); // beside the one that is closed
}

#[test]
fn none_is_opened_beside_an_open_one() {
    let mut server = Server::start(None, Welcome::Upgrade);
    let mut owner = Owner::new(&Driver::start().unwrap(), any_trust());
    owner.order(Order::Open(server.uri("ws")));
    prepare(&owner, server.uri("ws"));
    owner.wait(is_opened);
    prepare(&owner, server.uri("ws"));
    pause(&mut owner);
    assert_eq!(connections(&mut owner, &mut server), 1);
}

#[test]
fn what_fails_ahead_is_told_only_to_who_waits_for_it() {
    let silent = Server::start(None, Welcome::Silence);
    let driver = Driver::start().unwrap();
    let mut owner = Owner::with_limit(&driver, any_trust(), Duration::from_millis(400));
    prepare(&owner, silent.uri("ws"));
    owner.order(Order::Open(silent.uri("ws")));
    let Report::Failed(failure) = owner.report() else {
        panic!("it opened")
    };
    assert_eq!(failure.step, TransportStep::Upgrade);

    let refusing = Server::start(None, Welcome::Refuse(503));
    prepare(&owner, refusing.uri("ws"));
    pause(&mut owner); // `Woken` is the next report, though it failed
    owner.order(Order::Open(refusing.uri("ws")));
    let Report::Failed(failure) = owner.report() else {
        panic!("it opened")
    };
    assert_eq!(failure.http_status, Some(503));
}
