//! The security duties that are the engine's, each attacked in a test that is named for it; `docs/security.md` lists them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod support;

use std::time::Duration;

use c2c_engine::audio_ring::Sides;
use c2c_engine::driver::Driver;
use c2c_engine::listener::Welcome;
use c2c_proto::io::CallId;
use support::{Order, Owner, Report, Server, any_trust};

const CALL: CallId = CallId(1);

/// Duty 10: a WebSocket message has 128 kB at most (and a SIP message 64 kB); one beyond costs its own connection.
#[test]
fn duty_10_a_websocket_message_has_a_limit() {
    for (length, passes) in [
        (65_536, true),
        (128 * 1024, true),
        (128 * 1024 + 1, false),
        (400_000, false),
    ] {
        let mut server = Server::start(None, Welcome::Upgrade);
        let driver = Driver::start().unwrap();
        let mut owner = Owner::new(&driver, any_trust());
        owner.order(Order::Open(server.uri("ws")));
        owner.wait(|report| matches!(report, Report::Opened { .. }).then_some(()));
        let agent = server.accepted();
        owner.order(Order::Send(vec![b'x'; length]));
        if passes {
            assert!(
                matches!(owner.report(), Report::Message(echo) if echo.len() == length),
                "{length}"
            );
        } else {
            let (code, reason) = server.closed(agent);
            assert!(code.is_none() && reason.contains("too long"), "{length}: {reason}");
        }
    }
}

/// Duty 11: a panic in a call ends that call, of however many on the same thread; a client has one live call.
#[test]
fn duty_11_a_panic_in_one_call_ends_that_call_only() {
    let driver = Driver::start().unwrap();
    let mut owners: Vec<Owner> = (0..8).map(|_| Owner::new(&driver, any_trust())).collect();
    let readers: Vec<_> = owners
        .iter_mut()
        .map(|owner| {
            owner.order(Order::Bind(CALL, vec!["127.0.0.1".parse().unwrap()]));
            assert!(matches!(owner.report(), Report::Bound(..)));
            owner.order(Order::Tick(CALL));
            owner.client.open_reader(CALL, 8_000, Sides::Far).unwrap()
        })
        .collect();
    // at a command, at a timer, at the drop: wherever it comes from
    for (victim, order) in [(0, Order::Panic), (3, Order::PanicLater(Duration::from_millis(1)))] {
        owners[victim].order(order);
        assert!(owners[victim].ending().is_some(), "it is told");
        assert!(readers[victim].ended());
    }
    owners[6].order(Order::PanicWhenDropped);
    owners[6].client.close().unwrap();
    assert!(owners[6].ending().is_some_and(|cause| cause.contains("when dropped")));
    for (number, owner) in owners
        .iter_mut()
        .enumerate()
        .filter(|(number, _)| ![0, 3, 6].contains(number))
    {
        owner.order(Order::Flood(1));
        owner.wait(|report| (*report == Report::Number(0)).then_some(()));
        assert!(!readers[number].ended(), "call {number} goes on");
    }
    // the third came behind the end of its agent
    assert_eq!(driver.stats().panics, 2);
}
