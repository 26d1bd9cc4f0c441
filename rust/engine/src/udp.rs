//! A call's UDP sockets: one per local address, on a port of the system's choice or of a range.
use std::io;
use std::net::{IpAddr, SocketAddr};

use c2c_proto::io::RandomSource;
use mio::event::Source;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};
use socket2::{Domain, Socket, Type};

use crate::error::remedy;
use crate::random::SystemRandomSource;
use crate::socket_options::{PortRange, SocketOptions};

/// Ports of a range that are tried for one socket: in a longer range that many in a row are hardly ever taken.
const TRIES: usize = 1_024;

/// One bound socket.
#[derive(Debug)]
pub(crate) struct UdpEndpoint {
    socket: UdpSocket,
    local: SocketAddr,
}

/// What a receive gave.
#[derive(Debug)]
pub(crate) enum Received {
    /// So many bytes from this address.
    Datagram(usize, SocketAddr),
    /// The system reported an error for an earlier send (ICMP) or had no room; the socket goes on.
    Error,
    /// Nothing more for now.
    Nothing,
}

impl UdpEndpoint {
    /// Binds to a port of the system's choice, or of the range. The error's text says what to do.
    pub(crate) fn bind(address: IpAddr, options: SocketOptions) -> Result<Self, String> {
        if !options.allows(address) {
            return Err(format!(
                "UDP socket on {address}: ip_version= allows no address of its kind"
            ));
        }
        let bound = match options.udp_ports {
            None => UdpSocket::bind(SocketAddr::new(address, 0)),
            Some(range) => bind_within(address, range),
        };
        let bound = bound.and_then(|socket| {
            let local = socket.local_addr()?;
            Ok(Self { socket, local })
        });
        bound.map_err(|error| match options.udp_ports {
            Some(range) if error.kind() == io::ErrorKind::AddrInUse => {
                format!("UDP socket on {address}: no port of {range} is free; widen port_range, or place fewer calls")
            }
            _ => format!("UDP socket on {address}: {error}{}", remedy(&error)),
        })
    }

    /// Its address.
    pub(crate) fn local(&self) -> SocketAddr {
        self.local
    }

    /// Receives one datagram into `buffer`.
    pub(crate) fn receive(&self, buffer: &mut [u8]) -> Received {
        match self.socket.recv_from(buffer) {
            Ok((length, remote)) => Received::Datagram(length, remote),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Received::Nothing,
            Err(_) => Received::Error,
        }
    }

    /// Sends a datagram; one that the system has no room for is lost, as on the network.
    pub(crate) fn send(&self, payload: &[u8], remote: SocketAddr) -> io::Result<()> {
        self.socket.send_to(payload, remote).map(drop)
    }
}

impl Source for UdpEndpoint {
    fn register(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.socket.register(registry, token, interests)
    }

    fn reregister(&mut self, registry: &Registry, token: Token, interests: Interest) -> io::Result<()> {
        self.socket.reregister(registry, token, interests)
    }

    fn deregister(&mut self, registry: &Registry) -> io::Result<()> {
        self.socket.deregister(registry)
    }
}

/// The first free port of a range from somewhere in it on; one socket asks for them all.
fn bind_within(address: IpAddr, range: PortRange) -> io::Result<UdpSocket> {
    let socket = Socket::new(Domain::for_address(SocketAddr::new(address, 0)), Type::DGRAM, None)?;
    let start = SystemRandomSource::default().below(u64::MAX);
    for port in range.ports(start).take(TRIES) {
        match socket.bind(&SocketAddr::new(address, port).into()) {
            Err(error) if error.kind() == io::ErrorKind::AddrInUse => {}
            bound => {
                bound?;
                socket.set_nonblocking(true)?;
                return Ok(UdpSocket::from_std(socket.into()));
            }
        }
    }
    Err(io::ErrorKind::AddrInUse.into())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::socket_options::IpVersion;

    const LOOPBACK: IpAddr = IpAddr::V4(std::net::Ipv4Addr::LOCALHOST);

    fn within(first: u16, last: u16) -> SocketOptions {
        SocketOptions {
            udp_ports: PortRange::new(first, last),
            ..SocketOptions::default()
        }
    }

    /// Ports in a row that nobody has just now.
    fn free_ports(count: u16) -> u16 {
        let is_free = |port: u16| std::net::UdpSocket::bind((LOOPBACK, port)).is_ok();
        // where no other process is likely to look
        let start = 20_000 + u16::try_from(std::process::id() % 500).unwrap() * 16;
        (start..30_000)
            .step_by(16)
            .find(|first| (*first..first + count).all(is_free))
            .expect("no free ports")
    }

    #[test]
    fn a_range_is_used_up_and_no_port_beyond_it() {
        let first = free_ports(4);
        let mut bound: Vec<UdpEndpoint> = Vec::new();
        for _ in 0..4 {
            bound.push(UdpEndpoint::bind(LOOPBACK, within(first, first + 3)).unwrap());
        }
        let mut ports: Vec<u16> = bound.iter().map(|endpoint| endpoint.local().port()).collect();
        ports.sort_unstable();
        assert_eq!(ports, (first..first + 4).collect::<Vec<_>>());
        let error = UdpEndpoint::bind(LOOPBACK, within(first, first + 3)).unwrap_err();
        assert!(error.contains(&format!("{first}-{}", first + 3)), "{error}");
        assert!(error.contains("widen port_range"), "{error}");
        let freed = bound.pop().unwrap().local();
        assert_eq!(
            UdpEndpoint::bind(LOOPBACK, within(first, first + 3)).unwrap().local(),
            freed
        );
    }

    #[test]
    fn an_address_of_the_other_version_is_refused() {
        let options = SocketOptions {
            ip_version: Some(IpVersion::V6),
            ..SocketOptions::default()
        };
        let error = UdpEndpoint::bind(LOOPBACK, options).unwrap_err();
        assert!(error.contains("ip_version"), "{error}");
    }

    #[test]
    fn an_address_that_is_not_ours_is_named() {
        let error = UdpEndpoint::bind("192.0.2.1".parse().unwrap(), SocketOptions::default()).unwrap_err();
        assert!(error.contains("192.0.2.1"), "{error}");
    }
}
