//! The byte stream below a WebSocket: TCP, plain or within TLS; blocking with a deadline until the upgrade is done.
use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use rustls::{ClientConnection, ServerConnection, StreamOwned};

/// A TCP connection that blocks until its deadline, or, once it has none, never.
#[derive(Debug)]
pub(crate) struct Wire {
    tcp: TcpStream,
    deadline: Option<Instant>,
}

impl Wire {
    /// A connection whose reads and writes end at the deadline with `TimedOut`.
    pub(crate) fn until(tcp: TcpStream, deadline: Instant) -> io::Result<Self> {
        tcp.set_nonblocking(false)?;
        tcp.set_nodelay(true)?;
        Ok(Self {
            tcp,
            deadline: Some(deadline),
        })
    }

    fn unblock(&mut self) -> io::Result<()> {
        self.deadline = None;
        self.tcp.set_nonblocking(true)
    }

    /// What is left until the deadline, for the socket's own timeout.
    fn remaining(&self) -> io::Result<Option<Duration>> {
        let Some(deadline) = self.deadline else { return Ok(None) };
        let left = deadline.saturating_duration_since(Instant::now());
        if left.is_zero() {
            Err(timed_out())
        } else {
            Ok(Some(left))
        }
    }
}

impl Read for Wire {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let Some(left) = self.remaining()? else {
            return self.tcp.read(buffer);
        };
        self.tcp.set_read_timeout(Some(left))?;
        self.tcp.read(buffer).map_err(at_deadline)
    }
}

impl Write for Wire {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let Some(left) = self.remaining()? else {
            return self.tcp.write(bytes);
        };
        self.tcp.set_write_timeout(Some(left))?;
        self.tcp.write(bytes).map_err(at_deadline)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.tcp.flush()
    }
}

/// A socket's timeout shows as `WouldBlock` on Unix, which others take for "try again".
fn at_deadline(error: io::Error) -> io::Error {
    if error.kind() == io::ErrorKind::WouldBlock {
        timed_out()
    } else {
        error
    }
}

fn timed_out() -> io::Error {
    io::Error::new(io::ErrorKind::TimedOut, "no answer in time")
}

/// The stream of one connection.
#[derive(Debug)]
pub(crate) enum Stream {
    Plain(Wire),
    Client(Box<StreamOwned<ClientConnection, Wire>>),
    Server(Box<StreamOwned<ServerConnection, Wire>>),
}

impl Stream {
    /// From now on no read or write blocks.
    pub(crate) fn unblock(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(wire) => wire.unblock(),
            Self::Client(tls) => tls.sock.unblock(),
            Self::Server(tls) => tls.sock.unblock(),
        }
    }

    /// The TCP connection below.
    pub(crate) fn tcp(&self) -> &TcpStream {
        match self {
            Self::Plain(wire) => &wire.tcp,
            Self::Client(tls) => &tls.sock.tcp,
            Self::Server(tls) => &tls.sock.tcp,
        }
    }

    /// Tells the peer that nothing follows, as far as that goes without waiting.
    pub(crate) fn say_goodbye(&mut self) {
        let _ = match self {
            Self::Plain(_) => Ok(()),
            Self::Client(tls) => {
                tls.conn.send_close_notify();
                tls.flush()
            }
            Self::Server(tls) => {
                tls.conn.send_close_notify();
                tls.flush()
            }
        };
    }
}

impl AsRawFd for Stream {
    fn as_raw_fd(&self) -> RawFd {
        self.tcp().as_raw_fd()
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.read(buffer),
            Self::Client(tls) => tls.read(buffer),
            Self::Server(tls) => tls.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(wire) => wire.write(bytes),
            Self::Client(tls) => tls.write(bytes),
            Self::Server(tls) => tls.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(wire) => wire.flush(),
            Self::Client(tls) => tls.flush(),
            Self::Server(tls) => tls.flush(),
        }
    }
}
