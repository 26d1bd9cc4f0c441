//! One TURN client and the way its messages take.
use std::net::{IpAddr, SocketAddr};

use super::inquiry::Route;
use crate::io::{NetworkRequest, StreamId, Transmit};
use crate::media::turn::{Carrier, Frame, TurnClient};

/// How a client's messages get to its server.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Path {
    /// From one of the call's sockets.
    Datagrams(Route),
    /// On a connection of its own.
    Stream(StreamId),
}

/// What the gatherer wants done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum GatherOutput {
    /// Send a datagram from one of the call's sockets.
    Transmit(Transmit),
    /// Ask the network for something else.
    Network(NetworkRequest),
}

/// A client with its path, and the URL it works for.
#[derive(Debug)]
pub(super) struct Relay {
    pub(super) inquiry: usize,
    pub(super) path: Path,
    pub(super) client: TurnClient,
    /// The name in the server's certificate, for redirections.
    pub(super) tls_name: Option<String>,
    /// The peer has closed the connection.
    pub(super) is_cut: bool,
    /// The machine's address of an open connection.
    pub(super) stream_base: Option<IpAddr>,
    /// Where it relays from, since the candidate was told.
    pub(super) announced: Option<SocketAddr>,
}

impl Relay {
    pub(super) fn stream(&self) -> Option<StreamId> {
        match self.path {
            Path::Stream(stream) => Some(stream),
            Path::Datagrams(_) => None,
        }
    }

    /// The machine's address that it is reached from.
    pub(super) fn base(&self) -> Option<IpAddr> {
        match self.path {
            Path::Stream(_) => self.stream_base,
            Path::Datagrams(route) => Some(route.local.ip()),
        }
    }

    pub(super) fn is_at(&self, route: Route) -> bool {
        self.path == Path::Datagrams(route)
    }

    pub(super) fn carrier(path: &Path) -> Carrier {
        match path {
            Path::Datagrams(_) => Carrier::Datagrams,
            Path::Stream(_) => Carrier::Stream,
        }
    }

    /// The next thing to send.
    pub(super) fn poll_output(&mut self) -> Option<GatherOutput> {
        let Frame { bytes, droppable } = self.client.poll_frame()?;
        Some(match &self.path {
            Path::Datagrams(route) => GatherOutput::Transmit(Transmit {
                local: route.local,
                remote: route.server,
                payload: bytes,
            }),
            Path::Stream(stream) => GatherOutput::Network(NetworkRequest::WriteStream {
                stream: *stream,
                bytes,
                droppable,
            }),
        })
    }
}
