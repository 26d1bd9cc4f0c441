//! What a call asks of the network beside its datagrams, for its STUN and TURN servers.
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// One TCP or TLS connection of a call to a TURN server; numbered by the call, never used twice in it.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub struct StreamId(pub u32);

/// What a call asks of the network beside its datagrams.
#[derive(Clone, PartialEq, Eq)]
pub enum NetworkRequest {
    /// Look a host name up; answered by [`NetworkInput::Resolved`].
    Resolve {
        /// The name.
        host: String,
    },
    /// Connect; answered by [`NetworkInput::StreamOpened`] or [`NetworkInput::StreamClosed`].
    OpenStream {
        /// The new connection.
        stream: StreamId,
        /// Name or address, without brackets; the engine looks it up and tries its addresses.
        host: String,
        /// TCP port.
        port: u16,
        /// The name that the certificate must have; plain TCP when absent.
        tls_name: Option<String>,
    },
    /// Write one whole message. What does not fit into the connection's queue (64 kB) is dropped if it may be, else the
    /// connection is closed.
    WriteStream {
        /// The connection.
        stream: StreamId,
        /// The bytes.
        bytes: Vec<u8>,
        /// Whether it may be lost: a relayed datagram.
        droppable: bool,
    },
    /// Write out what waits, then close; no more input comes from it.
    CloseStream {
        /// The connection.
        stream: StreamId,
    },
}

/// Shows a message's length only: it names the user.
impl fmt::Debug for NetworkRequest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolve { host } => write!(f, "Resolve {host}"),
            Self::OpenStream {
                stream,
                host,
                port,
                tls_name,
            } => write!(f, "OpenStream {} to {host}:{port}, TLS {tls_name:?}", stream.0),
            Self::WriteStream { stream, bytes, .. } => write!(f, "WriteStream {} of {} bytes", stream.0, bytes.len()),
            Self::CloseStream { stream } => write!(f, "CloseStream {}", stream.0),
        }
    }
}

/// What became of a [`NetworkRequest`].
#[derive(Clone)]
pub enum NetworkInput<'a> {
    /// A name's addresses in the system's order of preference, or why there are none.
    Resolved {
        /// The name that was looked up.
        host: &'a str,
        /// Its addresses.
        addresses: Result<Vec<IpAddr>, String>,
    },
    /// A connection stands, TLS and all.
    StreamOpened {
        /// Which.
        stream: StreamId,
        /// Our end.
        local: SocketAddr,
        /// The server's end.
        remote: SocketAddr,
    },
    /// Bytes came.
    StreamBytes {
        /// On which connection.
        stream: StreamId,
        /// As they were read.
        bytes: &'a [u8],
    },
    /// A connection could not be opened, or has ended.
    StreamClosed {
        /// Which.
        stream: StreamId,
        /// What happened, without secrets.
        reason: String,
    },
}

/// Shows a message's length only.
impl fmt::Debug for NetworkInput<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Resolved { host, addresses } => write!(f, "Resolved {host} {addresses:?}"),
            Self::StreamOpened { stream, local, remote } => {
                write!(f, "StreamOpened {} from {local} to {remote}", stream.0)
            }
            Self::StreamBytes { stream, bytes } => write!(f, "StreamBytes {}: {}", stream.0, bytes.len()),
            Self::StreamClosed { stream, reason } => write!(f, "StreamClosed {}: {reason}", stream.0),
        }
    }
}
