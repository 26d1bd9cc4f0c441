//! Clients of one driver: panics, full queues, endings; none touches the others.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod support;

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use c2c_engine::audio_ring::Sides;
use c2c_engine::client::ClientEvent;
use c2c_engine::driver::{Driver, Drivers};
use c2c_engine::error::EngineError;
use c2c_engine::listener::{ListenerEvent, Welcome};
use c2c_proto::io::CallId;
use support::{Echo, Order, Owner, Report, Server, any_trust};

const CALL: CallId = CallId(1);

fn two_clients() -> (Driver<Echo>, Owner, Owner) {
    let driver = Driver::start().unwrap();
    let (first, second) = (Owner::new(&driver, any_trust()), Owner::new(&driver, any_trust()));
    (driver, first, second)
}

fn is_alive(owner: &mut Owner) {
    owner.order(Order::Flood(1));
    assert_eq!(owner.wait(|report| (*report == Report::Number(0)).then_some(())), ());
}

#[test]
fn a_panic_ends_its_own_client_only() {
    for order in [Order::Panic, Order::PanicLater(Duration::from_millis(1))] {
        let (driver, mut bad, mut good) = two_clients();
        bad.order(order);
        let cause = bad.ending().expect("a panic is told");
        assert!(cause.contains("asked to") || cause.contains("when woken"), "{cause}");
        is_alive(&mut good);
        assert_eq!(driver.stats().panics, 1);
    }
}

#[test]
fn a_panic_while_an_agent_is_dropped_is_told_too() {
    let (_driver, mut bad, mut good) = two_clients();
    bad.order(Order::PanicWhenDropped);
    bad.client.close().unwrap();
    assert!(bad.ending().is_some_and(|cause| cause.contains("when dropped")));
    is_alive(&mut good);
}

#[test]
fn a_panic_ends_the_calls_of_its_client() {
    let (_driver, mut bad, _good) = two_clients();
    bad.order(Order::Bind(CALL, vec!["127.0.0.1".parse().unwrap()]));
    assert!(matches!(bad.report(), Report::Bound(..)));
    let reader = bad.client.open_reader(CALL, 8_000, Sides::Far).unwrap();
    bad.order(Order::Panic);
    assert!(bad.ending().is_some());
    assert!(reader.ended());
}

#[test]
fn a_full_queue_ends_its_client() {
    let (_driver, mut dead, mut good) = two_clients();
    dead.order(Order::Flood(5_000));
    // served after the flood: until then nobody reads
    is_alive(&mut good);
    let mut numbers = 0;
    let cause = loop {
        match dead.next() {
            ClientEvent::Agent(Report::Number(number)) => {
                assert_eq!(number, numbers);
                numbers += 1;
            }
            ClientEvent::EngineFailed(cause) => break cause,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(numbers, 4_096);
    assert!(cause.contains("too many events"), "{cause}");
    assert_eq!(dead.ending(), None);
    is_alive(&mut good);
}

#[test]
fn closed_is_the_last_event_and_ends_commands() {
    let (_driver, mut owner, _other) = two_clients();
    owner.order(Order::Flood(3));
    owner.client.close().unwrap();
    assert!(matches!(
        owner.client.command(Order::Flood(1)),
        Err(EngineError::Closed)
    ));
    owner.client.close().unwrap();
    assert_eq!(owner.ending(), None);
}

#[test]
fn dead_servers_keep_nobody_waiting() {
    let dead = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("wss://{}/", dead.local_addr().unwrap());
    let driver = Driver::start().unwrap();
    let mut waiting: Vec<Owner> = (0..4).map(|_| Owner::new(&driver, any_trust())).collect();
    for owner in &waiting {
        owner.order(Order::Open(uri.clone()));
    }
    // each is in a TLS handshake that will never end
    let _silent: Vec<_> = (0..4).map(|_| dead.accept().unwrap()).collect();
    let mut server = Server::start(None, Welcome::Upgrade);
    let mut fifth = Owner::new(&driver, any_trust());
    fifth.order(Order::Open(server.uri("ws")));
    assert!(matches!(fifth.report(), Report::Opened { .. }));
    server.accepted();
    for owner in &mut waiting {
        assert!(owner.so_far().is_empty(), "the fifth had to wait for their failure");
    }
}

#[test]
fn log_lines_come_with_the_events_of_their_client() {
    let (_driver, mut loud, mut quiet) = two_clients();
    loud.order(Order::Log("for the loud one"));
    let ClientEvent::Log(line) = loud.next() else {
        panic!("no line")
    };
    assert_eq!((line.level, line.message.as_str()), (20, "for the loud one"));
    quiet.order(Order::Flood(1));
    assert!(matches!(quiet.next(), ClientEvent::Agent(Report::Number(0))));
}

#[test]
fn timers_come() {
    let (_driver, mut owner, mut other) = two_clients();
    owner.order(Order::Wake(Duration::from_millis(20)));
    other.order(Order::Wake(Duration::from_millis(1)));
    assert_eq!(other.report(), Report::Woken);
    assert_eq!(owner.report(), Report::Woken);
}

#[test]
fn the_thread_ends_with_its_last_client_and_another_starts() {
    let drivers = Drivers::<Echo>::new();
    let first = drivers.acquire().unwrap();
    let mut owner = Owner::new(&first, any_trust());
    let mut second = Owner::new(&drivers.acquire().unwrap(), any_trust());
    drop(first);
    owner.client.close().unwrap();
    assert_eq!(owner.ending(), None);
    is_alive(&mut second);
    second.client.close().unwrap();
    assert_eq!(second.ending(), None);
    is_alive(&mut Owner::new(&drivers.acquire().unwrap(), any_trust()));
}

#[test]
fn a_panic_on_a_connection_leaves_the_listener_alone() {
    let mut server = Server::start(None, Welcome::Upgrade);
    let (_driver, mut bad, mut good) = two_clients();
    bad.order(Order::Open(server.uri("ws")));
    assert!(matches!(bad.report(), Report::Opened { .. }));
    let agent = server.accepted();
    server.listener.command(agent, Order::Panic).unwrap();
    let failed = loop {
        if let ListenerEvent::AgentFailed(who, _) = server.next() {
            break who;
        }
    };
    assert_eq!(failed, agent);
    assert!(matches!(bad.report(), Report::Closed(..)));
    good.order(Order::Open(server.uri("ws")));
    assert!(matches!(good.report(), Report::Opened { .. }));
    server.accepted();
    server.listener.close().unwrap();
    assert!(matches!(good.report(), Report::Closed(Some(1001), _)));
    while !matches!(server.next(), ListenerEvent::Closed) {}
}

#[test]
fn no_item_of_work_is_left_uncounted() {
    let (driver, mut owner, _other) = two_clients();
    for _ in 0..50 {
        is_alive(&mut owner);
    }
    assert!(driver.stats().items.count() >= 50);
}

#[test]
fn a_client_on_an_address_that_is_not_ours_is_told() {
    let (_driver, mut owner, _other) = two_clients();
    owner.order(Order::Bind(
        CALL,
        vec!["192.0.2.1".parse().unwrap(), "127.0.0.1".parse().unwrap()],
    ));
    let Report::Bound(CALL, sockets) = owner.report() else {
        panic!("nothing was bound")
    };
    assert_eq!(sockets.len(), 1);
    owner.order(Order::Bind(CallId(2), vec!["192.0.2.1".parse().unwrap()]));
    let Report::NotBound(_, cause) = owner.report() else {
        panic!("it was bound")
    };
    assert!(cause.contains("192.0.2.1"), "{cause}");
    UdpSocket::bind(sockets[0]).unwrap_err();
}
