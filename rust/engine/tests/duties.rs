//! The security duties that are the engine's, each attacked in a test that is named for it; `docs/security.md` lists them.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod support;

use std::io::Write;
use std::net::{TcpListener, TcpStream, UdpSocket};
use std::time::Duration;

use c2c_engine::audio_ring::Sides;
use c2c_engine::driver::Driver;
use c2c_engine::listener::Welcome;
use c2c_proto::io::CallId;
use support::{Order, Owner, Report, Server, Work, any_trust};
use tungstenite::handshake::server::{Request, Response};

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

/// A client, and the connection of a server that may send it anything.
fn client_of_hostile_server() -> (Owner, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let owner = Owner::new(&Driver::start().unwrap(), any_trust());
    owner.order(Order::Open(format!(
        "ws://127.0.0.1:{}/",
        listener.local_addr().unwrap().port()
    )));
    let (tcp, _) = listener.accept().unwrap();
    #[expect(clippy::result_large_err, reason = "tungstenite's signature")]
    let answer = |_: &Request, mut response: Response| {
        let sip = tungstenite::http::HeaderValue::from_static("sip");
        response.headers_mut().insert("Sec-WebSocket-Protocol", sip);
        Ok(response)
    };
    let server = tungstenite::accept_hdr(tcp.try_clone().unwrap(), answer).unwrap();
    drop(server);
    (owner, tcp)
}

/// A frame as servers send them, without a mask.
fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let length = (payload.len() as u64).to_be_bytes();
    [&[first, 127][..], &length, payload].concat()
}

/// Duty 10, the client's side: a message of the server's has 128 kB at most, however it is cut.
#[test]
fn duty_10_a_servers_message_has_a_limit() {
    let piece = vec![b'x'; 1024];
    let pieces = |count: usize| {
        let mut all = frame(0x02, &piece);
        (2..count).for_each(|_| all.extend(frame(0x00, &piece)));
        [all, frame(0x80, &piece)].concat()
    };
    let limit = 128 * 1024;
    for (what, bytes, passes) in [
        ("whole", frame(0x82, &vec![b'x'; limit]), true),
        ("in pieces", pieces(128), true),
        ("one more", frame(0x82, &vec![b'x'; limit + 1]), false),
        ("one piece more", pieces(129), false),
        ("of 2^63", [&[0x82, 127, 0x7f][..], &[0xff; 7]].concat(), false),
        ("of a compressed kind", [0xc2, 1, b'x'].to_vec(), false),
    ] {
        let (mut owner, mut server) = client_of_hostile_server();
        owner.wait(|report| matches!(report, Report::Opened { .. }).then_some(()));
        // it may be closed before all is written
        let _ = server.write_all(&bytes);
        match owner.report() {
            Report::Message(message) => assert!(passes && message.len() == limit, "{what}"),
            Report::Closed(..) => assert!(!passes, "{what}"),
            other => panic!("{what}: {other:?}"),
        }
    }
}

/// Duty 10: pings cost an answer each at most, and keep nothing from getting through.
#[test]
fn duty_10_a_flood_of_pings_delays_no_message_for_ever() {
    let (mut owner, mut server) = client_of_hostile_server();
    owner.wait(|report| matches!(report, Report::Opened { .. }).then_some(()));
    server.write_all(&b"\x89\x00".repeat(5_000)).unwrap();
    server.write_all(b"\x82\x05after").unwrap();
    assert_eq!(owner.report(), Report::Message(b"after".to_vec()));
}

/// Duty 11: wherever in its work an agent panics, with a call up, it ends and its neighbour goes on.
#[test]
fn duty_11_a_panic_in_any_work_ends_one_client_only() {
    let server = Server::start(None, Welcome::Upgrade);
    let driver = Driver::start().unwrap();
    let mut neighbour = Owner::new(&driver, any_trust());
    let works = [Work::Message, Work::Datagram, Work::Tick, Work::Output];
    for work in works {
        let mut owner = Owner::new(&driver, any_trust());
        owner.order(Order::Open(server.uri("ws")));
        owner.wait(|report| matches!(report, Report::Opened { .. }).then_some(()));
        owner.order(Order::Bind(CALL, vec!["127.0.0.1".parse().unwrap()]));
        let Report::Bound(_, sockets) = owner.report() else {
            panic!("not bound")
        };
        owner.order(Order::Tick(CALL));
        let reader = owner.client.open_reader(CALL, 8_000, Sides::Far).unwrap();
        owner.order(Order::PanicIn(work));
        let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
        match work {
            // the server says it back
            Work::Message => owner.order(Order::Send(b"echo".to_vec())),
            Work::Datagram => assert_eq!(peer.send_to(b"datagram", sockets[0]).unwrap(), 8),
            Work::Tick | Work::Output => {}
        }
        assert!(owner.ending().is_some(), "{work:?}: it is told");
        assert!(reader.ended(), "{work:?}");
        neighbour.order(Order::Flood(1));
        neighbour.wait(|report| (*report == Report::Number(0)).then_some(()));
    }
    assert_eq!(driver.stats().panics, works.len() as u64);
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
