//! A call's UDP sockets: one per local address, bound to a port of the system's choice.
use std::io;
use std::net::{IpAddr, SocketAddr};

use mio::event::Source;
use mio::net::UdpSocket;
use mio::{Interest, Registry, Token};

use crate::error::remedy;

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
    /// Binds to a port of the system's choice. The error's text says what to do.
    pub(crate) fn bind(address: IpAddr) -> Result<Self, String> {
        let bound = UdpSocket::bind(SocketAddr::new(address, 0)).and_then(|socket| {
            let local = socket.local_addr()?;
            Ok(Self { socket, local })
        });
        bound.map_err(|error| format!("UDP socket on {address}: {error}{}", remedy(&error)))
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_that_is_not_ours_is_named() {
        let error = UdpEndpoint::bind("192.0.2.1".parse().unwrap()).unwrap_err();
        assert!(error.contains("192.0.2.1"), "{error}");
    }
}
