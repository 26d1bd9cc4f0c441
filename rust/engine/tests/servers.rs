//! What a call asks of the network for its TURN servers: look-ups and connections, over real loopback TCP and TLS.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod support;

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::thread::JoinHandle;

use c2c_engine::driver::Driver;
use c2c_proto::io::{CallId, NetworkRequest, StreamId};
use rustls::{ServerConfig, ServerConnection, StreamOwned};
use support::{Authority, Order, Owner, Report, any_trust};

const CALL: CallId = CallId(7);
const FIRST: StreamId = StreamId(0);

/// A server that says back what it hears until its client closes; its thread gives what it heard.
struct EchoServer {
    address: SocketAddr,
    heard: JoinHandle<Vec<u8>>,
}

impl EchoServer {
    fn start(tls: Option<Arc<ServerConfig>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let heard = std::thread::spawn(move || {
            let (tcp, _) = listener.accept().unwrap();
            match tls {
                Some(config) => echo(StreamOwned::new(ServerConnection::new(config).unwrap(), tcp)),
                None => echo(tcp),
            }
        });
        Self { address, heard }
    }
}

fn echo(mut stream: impl Read + Write) -> Vec<u8> {
    let (mut heard, mut buffer) = (Vec::new(), [0; 4_096]);
    while let Ok(length @ 1..) = stream.read(&mut buffer) {
        heard.extend_from_slice(&buffer[..length]);
        if stream
            .write_all(&buffer[..length])
            .and_then(|()| stream.flush())
            .is_err()
        {
            break;
        }
    }
    heard
}

fn open(host: &str, port: u16, tls_name: Option<&str>) -> Order {
    Order::Network(
        CALL,
        NetworkRequest::OpenStream {
            stream: FIRST,
            host: host.into(),
            port,
            tls_name: tls_name.map(str::to_owned),
        },
    )
}

fn write(bytes: &[u8]) -> Order {
    let (stream, bytes) = (FIRST, bytes.to_vec());
    Order::Network(
        CALL,
        NetworkRequest::WriteStream {
            stream,
            bytes,
            droppable: false,
        },
    )
}

/// Waits until so many bytes have come back.
fn hear(owner: &mut Owner, length: usize) -> Vec<u8> {
    let mut heard = Vec::new();
    while heard.len() < length {
        match owner.report() {
            Report::StreamBytes(FIRST, bytes) => heard.extend(bytes),
            other => panic!("{other:?}"),
        }
    }
    heard
}

fn reason(owner: &mut Owner) -> String {
    owner.wait(|report| match report {
        Report::StreamClosed(FIRST, reason) => Some(reason.clone()),
        _ => None,
    })
}

#[test]
fn a_name_is_looked_up() {
    let driver = Driver::start().unwrap();
    let mut owner = Owner::new(&driver, any_trust());
    owner.order(Order::Bind(CALL, vec![[127, 0, 0, 1].into()]));
    owner.report();
    let host = "localhost".to_owned();
    owner.order(Order::Network(CALL, NetworkRequest::Resolve { host }));
    let Report::Resolved(host, Ok(addresses)) = owner.report() else {
        panic!("not found")
    };
    assert_eq!(host, "localhost");
    assert!(!addresses.is_empty() && addresses.iter().all(std::net::IpAddr::is_loopback));
}

#[test]
fn bytes_come_back_over_tcp_and_over_tls() {
    let authority = Authority::new();
    for tls in [None, Some(authority.server("turn.example"))] {
        let name = tls.as_ref().map(|_| "turn.example");
        let server = EchoServer::start(tls);
        let driver = Driver::start().unwrap();
        let mut owner = Owner::new(&driver, authority.trust());
        owner.order(open("127.0.0.1", server.address.port(), name));
        assert_eq!(owner.report(), Report::StreamOpened(FIRST, server.address));
        // more than one TLS record holds
        let message: Vec<u8> = (0..40_000_u32).map(|number| number as u8).collect();
        owner.order(write(&message));
        owner.order(write(b"and more"));
        let heard = hear(&mut owner, message.len() + 8);
        assert_eq!(heard, [&message[..], b"and more"].concat());
        owner.order(Order::Network(CALL, NetworkRequest::CloseStream { stream: FIRST }));
        assert_eq!(server.heard.join().unwrap(), heard);
    }
}

#[test]
fn a_server_that_hangs_up_is_told() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let driver = Driver::start().unwrap();
    let mut owner = Owner::new(&driver, any_trust());
    owner.order(open("localhost", address.port(), None));
    drop(listener.accept().unwrap());
    assert!(reason(&mut owner).contains("closed"));
}

#[test]
fn a_certificate_of_nobody_or_of_another_name_is_refused() {
    let (ours, theirs) = (Authority::new(), Authority::new());
    for config in [theirs.server("turn.example"), ours.server("other.example")] {
        let server = EchoServer::start(Some(config));
        let driver = Driver::start().unwrap();
        let mut owner = Owner::new(&driver, ours.trust());
        owner.order(open("127.0.0.1", server.address.port(), Some("turn.example")));
        assert!(reason(&mut owner).contains("certificate"));
        assert_eq!(server.heard.join().unwrap(), b"");
    }
}

#[test]
fn a_closed_port_is_told_and_what_is_written_to_it_forgotten() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    drop(listener);
    let driver = Driver::start().unwrap();
    let mut owner = Owner::new(&driver, any_trust());
    owner.order(open("127.0.0.1", port, None));
    owner.order(write(b"to nobody"));
    assert!(reason(&mut owner).contains("refused"));
}

#[test]
fn a_released_call_closes_its_connections_and_takes_no_late_one() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let driver = Driver::start().unwrap();
    let mut owner = Owner::new(&driver, any_trust());
    owner.order(open("127.0.0.1", port, None));
    assert!(matches!(owner.report(), Report::StreamOpened(..)));
    let (mut peer, _) = listener.accept().unwrap();
    owner.order(Order::Release(CALL));
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);

    owner.order(open("127.0.0.1", port, None));
    owner.order(Order::Release(CALL));
    let (mut peer, _): (TcpStream, _) = listener.accept().unwrap();
    assert_eq!(peer.read(&mut [0; 8]).unwrap(), 0);
    owner.order(Order::Wake(std::time::Duration::ZERO));
    // whatever came in between would stand before this
    let told = owner.report();
    assert!(matches!(told, Report::Woken | Report::StreamOpened(..)), "{told:?}");
}
