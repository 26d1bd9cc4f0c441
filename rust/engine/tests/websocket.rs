//! The WebSocket over real loopback sockets, from the attempt to the end.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod support;

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use c2c_engine::driver::Driver;
use c2c_engine::listener::Welcome;
use c2c_engine::tls::TlsTrust;
use c2c_proto::io::{TransportFailure, TransportStep};
use support::{Authority, Order, Owner, Report, Server, any_trust};

fn owner(tls: TlsTrust) -> Owner {
    Owner::new(&Driver::start().unwrap(), tls)
}

/// How opening `uri` fails.
fn failure(tls: TlsTrust, uri: String) -> TransportFailure {
    let mut owner = owner(tls);
    owner.order(Order::Open(uri));
    owner.wait(|report| match report {
        Report::Failed(failure) => Some(failure.clone()),
        _ => None,
    })
}

fn opened(report: &Report) -> Option<Report> {
    matches!(report, Report::Opened { .. }).then(|| report.clone())
}

#[test]
fn messages_go_both_ways_over_tls() {
    let authority = Authority::new();
    let server = Server::start(Some(authority.server("localhost")), Welcome::Upgrade);
    let mut owner = owner(authority.trust());
    owner.order(Order::Open(server.uri("wss")));
    let Report::Opened {
        local,
        remote,
        interfaces,
    } = owner.wait(opened)
    else {
        unreachable!()
    };
    assert_eq!(remote, server.listener.local_addr());
    assert!(interfaces.contains(&local.ip()), "{interfaces:?}");
    let large = vec![b'x'; 60_000];
    for message in [b"\r\n\r\n".to_vec(), large, vec![0xff, 0xfe, 0], Vec::new()] {
        owner.order(Order::Send(message.clone()));
        assert_eq!(owner.report(), Report::Message(message));
    }
}

#[test]
fn the_machines_addresses_are_told_when_asked_for() {
    let server = Server::start(None, Welcome::Upgrade);
    let mut owner = owner(any_trust());
    owner.order(Order::Open(server.uri("ws")));
    let Report::Opened { local, interfaces, .. } = owner.wait(opened) else {
        unreachable!()
    };
    owner.order(Order::ListAddresses);
    let (route, mut addresses) = owner.wait(|report| match report {
        Report::Addresses(route, addresses) => Some((*route, addresses.clone())),
        _ => None,
    });
    let mut interfaces = interfaces;
    interfaces.sort_unstable();
    addresses.sort_unstable();
    assert_eq!((route, addresses), (Some(local.ip()), interfaces));
}

#[test]
fn hundreds_of_messages_keep_their_order() {
    let server = Server::start(None, Welcome::Upgrade);
    let mut owner = owner(any_trust());
    owner.order(Order::Open(server.uri("ws")));
    owner.wait(opened);
    let messages: Vec<Vec<u8>> = (0_u32..500)
        .map(|number| number.to_string().repeat(50).into_bytes())
        .collect();
    for message in &messages {
        owner.order(Order::Send(message.clone()));
    }
    for message in messages {
        assert_eq!(owner.report(), Report::Message(message));
    }
}

#[test]
fn either_side_closes_with_a_code() {
    let mut server = Server::start(None, Welcome::Upgrade);
    let mut owner = owner(any_trust());
    owner.order(Order::Open(server.uri("ws")));
    owner.wait(opened);
    let agent = server.accepted();
    owner.order(Order::Close(1000));
    assert!(matches!(owner.report(), Report::Closed(Some(1000), _)));
    assert_eq!(server.closed(agent).0, Some(1000));

    owner.order(Order::Open(server.uri("ws")));
    owner.wait(opened);
    let agent = server.accepted();
    server.listener.command(agent, Order::Close(4001)).unwrap();
    assert!(matches!(owner.report(), Report::Closed(Some(4001), _)));
}

#[test]
fn a_refused_connection_may_be_tried_again() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let failure = failure(any_trust(), format!("wss://127.0.0.1:{port}/"));
    assert_eq!((failure.step, failure.is_final), (TransportStep::Connect, false));
}

#[test]
fn a_name_that_does_not_exist_may_be_tried_again() {
    let failure = failure(any_trust(), "wss://nowhere.invalid/".into());
    assert_eq!((failure.step, failure.is_final), (TransportStep::Resolve, false));
}

#[test]
fn a_certificate_of_somebody_else_is_final() {
    let server = Server::start(Some(Authority::new().server("localhost")), Welcome::Upgrade);
    let failure = failure(any_trust(), server.uri("wss"));
    assert_eq!((failure.step, failure.is_final), (TransportStep::Tls, true));
}

#[test]
fn a_certificate_for_another_name_is_final() {
    let authority = Authority::new();
    let server = Server::start(Some(authority.server("other.example")), Welcome::Upgrade);
    let failure = failure(authority.trust(), server.uri("wss"));
    assert_eq!((failure.step, failure.is_final), (TransportStep::Tls, true));
    assert!(failure.cause.contains("localhost"), "{}", failure.cause);
}

#[test]
fn no_subprotocol_is_final() {
    let server = Server::start(None, Welcome::WithoutSubprotocol);
    let failure = failure(any_trust(), server.uri("ws"));
    assert_eq!((failure.step, failure.is_final), (TransportStep::Upgrade, true));
}

#[test]
fn http_4xx_is_final_and_5xx_is_not() {
    for (status, is_final) in [(403, true), (404, true), (503, false)] {
        let server = Server::start(None, Welcome::Refuse(status));
        let failure = failure(any_trust(), server.uri("ws"));
        assert_eq!(failure.step, TransportStep::Upgrade);
        assert_eq!((failure.http_status, failure.is_final), (Some(status), is_final));
    }
}

#[test]
fn a_silent_server_is_given_up() {
    let authority = Authority::new();
    for (welcome, scheme, step) in [
        (Welcome::Silence, "wss", TransportStep::Tls),
        (Welcome::Silence, "ws", TransportStep::Upgrade),
    ] {
        let server = Server::start(None, welcome);
        let driver = Driver::start().unwrap();
        let mut owner = Owner::with_limit(&driver, authority.trust(), Duration::from_millis(300));
        owner.order(Order::Open(server.uri(scheme)));
        let Report::Failed(failure) = owner.report() else {
            panic!("it opened")
        };
        assert_eq!((failure.step, failure.is_final), (step, false));
    }
}

#[test]
fn without_tls_only_loopback_is_spoken_to() {
    let failure = failure(any_trust(), "ws://192.0.2.1/".into());
    assert!(failure.is_final && failure.cause.contains("wss"), "{}", failure.cause);
}

#[test]
fn a_uri_that_is_none_is_final_and_not_quoted() {
    for uri in ["geheim", "https://geheim/", "wss://", "wss://host:99999/geheim"] {
        let failure = failure(any_trust(), uri.into());
        assert!(
            failure.is_final && !failure.cause.contains("geheim"),
            "{}",
            failure.cause
        );
    }
}

#[test]
fn closing_while_connecting_ends_the_attempt() {
    let server = Server::start(None, Welcome::Silence);
    let mut owner = owner(any_trust());
    owner.order(Order::Open(server.uri("ws")));
    owner.order(Order::Close(1000));
    assert_eq!(owner.report(), Report::Closed(None, String::new()));
}

/// A peer that upgrades by the book and then sends these bytes.
fn hostile_peer(server: &Server, bytes: &[u8]) -> TcpStream {
    let mut tcp = TcpStream::connect(server.listener.local_addr()).unwrap();
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
    tcp.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    while !answer.ends_with(b"\r\n\r\n") {
        let mut byte = [0];
        tcp.read_exact(&mut byte).unwrap();
        answer.push(byte[0]);
    }
    tcp.write_all(bytes).unwrap();
    tcp
}

#[test]
fn hostile_frames_end_their_own_connection_only() {
    let mut server = Server::start(None, Welcome::Upgrade);
    let mut owner = owner(any_trust());
    owner.order(Order::Open(server.uri("ws")));
    owner.wait(opened);
    let good = server.accepted();
    let hostile: [Vec<u8>; 6] = [
        b"\x81\x05hello".to_vec(),                                    // not masked
        b"\xf1\x80\0\0\0\0".to_vec(),                                 // reserved bits
        b"\x83\x80\0\0\0\0".to_vec(),                                 // reserved opcode
        b"\x82\xff\x7f\xff\xff\xff\xff\xff\xff\xff\0\0\0\0".to_vec(), // a message of 2^63 bytes
        [b"\x89\xfe\x04\0".to_vec(), vec![0; 1_028]].concat(),        // a ping of 1,024 bytes
        b"\x81\x82\0\0\0\0\xff\xff".to_vec(),                         // text that is no UTF-8
    ];
    for bytes in hostile {
        let _peer = hostile_peer(&server, &bytes);
        let agent = server.accepted();
        assert_ne!(agent, good);
        assert_eq!(server.closed(agent).0, None, "{bytes:?}");
    }
    owner.order(Order::Send(b"still here".to_vec()));
    assert_eq!(owner.report(), Report::Message(b"still here".to_vec()));
}

#[test]
fn a_message_above_the_limit_ends_the_connection() {
    let mut server = Server::start(None, Welcome::Upgrade);
    let mut owner = owner(any_trust());
    owner.order(Order::Open(server.uri("ws")));
    owner.wait(opened);
    let agent = server.accepted();
    owner.order(Order::Send(vec![b'x'; 200_000]));
    let (code, reason) = server.closed(agent);
    assert!(code.is_none() && reason.contains("too long"), "{reason}");
    assert!(matches!(owner.report(), Report::Closed(..)));
}

#[test]
fn a_peer_that_does_not_read_fails_the_connection() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let uri = format!("ws://127.0.0.1:{}/", listener.local_addr().unwrap().port());
    let mut owner = owner(any_trust());
    owner.order(Order::Open(uri));
    let (tcp, _) = listener.accept().unwrap();
    #[expect(clippy::result_large_err, reason = "tungstenite's signature")]
    let answer = |_: &tungstenite::handshake::server::Request,
                  mut response: tungstenite::handshake::server::Response| {
        response.headers_mut().insert(
            "Sec-WebSocket-Protocol",
            tungstenite::http::HeaderValue::from_static("sip"),
        );
        Ok(response)
    };
    let _upgraded = tungstenite::accept_hdr(tcp, answer).unwrap();
    owner.wait(opened);
    for _ in 0..400 {
        owner.order(Order::Send(vec![b'x'; 60_000]));
    }
    let Report::Closed(None, reason) = owner.report() else {
        panic!("it is still open")
    };
    assert!(reason.contains("does not read"), "{reason}");
}

#[test]
fn a_ping_is_answered() {
    let server = Server::start(None, Welcome::Upgrade);
    let mut peer = hostile_peer(&server, b"\x89\x82\0\0\0\0hi");
    let mut answer = [0; 4];
    peer.read_exact(&mut answer).unwrap();
    assert_eq!(&answer, b"\x8a\x02hi");
}

#[test]
fn requests_without_the_subprotocol_get_400() {
    let server = Server::start(None, Welcome::Upgrade);
    let mut tcp = TcpStream::connect(server.listener.local_addr()).unwrap();
    let request = "GET / HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
        Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n";
    tcp.write_all(request.as_bytes()).unwrap();
    let mut answer = String::new();
    tcp.read_to_string(&mut answer).unwrap();
    assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
}
