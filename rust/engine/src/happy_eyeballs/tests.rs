use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener};

use super::*;

const V4: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const V6: IpAddr = IpAddr::V6(Ipv6Addr::LOCALHOST);
/// More than anything here takes.
const PATIENCE: Duration = Duration::from_secs(20);

/// A port that drops what would connect: its queue of unaccepted connections is full.
struct BlackHole {
    listener: TcpListener,
    _queued: Vec<mio::net::TcpStream>,
}

impl BlackHole {
    fn dig(ip: IpAddr) -> Self {
        let socket = socket2::Socket::new(
            socket2::Domain::for_address(SocketAddr::new(ip, 0)),
            socket2::Type::STREAM,
            None,
        )
        .unwrap();
        socket.bind(&SocketAddr::new(ip, 0).into()).unwrap();
        socket.listen(0).unwrap();
        let listener = TcpListener::from(socket);
        let address = listener.local_addr().unwrap();
        // Linux queues one more than it was asked for; the rest waits for its SYN to be answered
        let queued = (0..4).map(|_| mio::net::TcpStream::connect(address).unwrap());
        let queued = queued.collect();
        Self {
            listener,
            _queued: queued,
        }
    }

    fn address(&self) -> SocketAddr {
        self.listener.local_addr().unwrap()
    }
}

fn connect(addresses: &[SocketAddr], each: Duration) -> Result<TcpStream, String> {
    let connected = connect_first(addresses, Instant::now() + PATIENCE, each);
    connected.map_err(|failure| failure.cause)
}

fn listener(ip: IpAddr) -> (TcpListener, SocketAddr) {
    let listener = TcpListener::bind((ip, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    (listener, address)
}

fn closed_port(ip: IpAddr) -> SocketAddr {
    listener(ip).1
}

#[test]
fn families_take_turns_and_the_systems_first_is_first() {
    let [a6, b6, c6] = [1, 2, 3].map(|last| SocketAddr::from((Ipv6Addr::from(last), 1)));
    let [a4, b4] = [1, 2].map(|last| SocketAddr::from((Ipv4Addr::from(last), 1)));
    assert_eq!(interleaved(&[a6, b6, c6, a4, b4]), [a6, a4, b6, b4, c6]);
    assert_eq!(interleaved(&[a4, b4, a6]), [a4, a6, b4]);
    assert_eq!(interleaved(&[a4, a4, b4]), [a4, b4]);
    let many: Vec<SocketAddr> = (0..100)
        .map(|last| SocketAddr::from((Ipv4Addr::from(last), 1)))
        .collect();
    assert_eq!(interleaved(&many).len(), MAX_ADDRESSES);
}

#[test]
fn a_black_hole_of_one_family_does_not_keep_the_other_waiting() {
    for (hole, good) in [(V6, V4), (V4, V6)] {
        let hole = BlackHole::dig(hole);
        let (_listener, good) = listener(good);
        // a black hole that is waited for takes this test's whole patience
        let tcp = connect(&[hole.address(), good], PATIENCE).unwrap();
        assert_eq!(tcp.peer_addr().unwrap(), good);
    }
}

#[test]
fn an_address_that_is_slow_but_first_still_wins_over_one_that_is_worse() {
    let (_listener, good) = listener(V4);
    let hole = BlackHole::dig(V6);
    let tcp = connect(&[good, hole.address()], PATIENCE).unwrap();
    assert_eq!(tcp.peer_addr().unwrap(), good);
}

#[test]
fn a_refusal_is_followed_by_the_next_at_once() {
    let (_listener, good) = listener(V4);
    let refused = [closed_port(V6), closed_port(V4), closed_port(V6)];
    let tcp = connect(&[refused[0], refused[1], refused[2], good], PATIENCE).unwrap();
    assert_eq!(tcp.peer_addr().unwrap(), good);
}

#[test]
fn every_failure_is_told_with_its_address() {
    let (refused, hole) = (closed_port(V4), BlackHole::dig(V6));
    let cause = connect(&[hole.address(), refused], Duration::from_millis(400)).unwrap_err();
    assert!(cause.contains(&refused.to_string()), "{cause}");
    assert!(
        cause.contains(&format!("{}: no answer within", hole.address())),
        "{cause}"
    );
}

#[test]
fn the_deadline_holds_for_all_together() {
    let hole = BlackHole::dig(V4);
    let deadline = Instant::now() + Duration::from_millis(200);
    let failure = connect_first(&[hole.address()], deadline, PATIENCE).unwrap_err();
    assert!(failure.cause.contains("no answer"), "{}", failure.cause);
    assert!(connect_first(&[], deadline, PATIENCE).is_err());
}
