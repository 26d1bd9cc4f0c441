//! A connection to a TURN server, TCP or TLS: opened by a worker, then nothing of it blocks; what waits is bounded.
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, RawFd};
use std::time::{Duration, Instant};

use c2c_proto::io::TransportFailure;

use crate::connect::handshake;
use crate::happy_eyeballs::connect_first;
use crate::resolve::{literal, resolve};
use crate::socket_options::SocketOptions;
use crate::stream::{Stream, Wire};
use crate::tls::TlsTrust;
use crate::workers::Workers;

/// Time for name, TCP and TLS. The call goes on without the server sooner; one that is late may still relay.
const OPEN_LIMIT: Duration = Duration::from_secs(5);
/// Time for TCP to one address.
const ADDRESS_LIMIT: Duration = Duration::from_secs(1);
/// Bytes that may wait for a server that does not read.
const WRITE_LIMIT: usize = 64 * 1024;

/// Where to connect to.
#[derive(Debug)]
pub(crate) struct Destination {
    pub(crate) host: String,
    pub(crate) port: u16,
    /// The name that the certificate must have, and whom to trust; plain TCP without.
    pub(crate) tls: Option<(String, TlsTrust)>,
    pub(crate) sockets: SocketOptions,
}

/// What a worker hands to the driver.
#[derive(Debug)]
pub(crate) struct OpenServerStream {
    pub(crate) stream: ServerStream,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
}

/// One open connection.
#[derive(Debug)]
pub(crate) struct ServerStream {
    stream: Stream,
    waiting: Vec<u8>,
}

/// What a read gave.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum ServerRead {
    /// So many bytes.
    Bytes(usize),
    /// Nothing more for now.
    Nothing,
    /// The connection is over, and why.
    End(String),
}

type Done = Box<dyn FnOnce(Result<Box<OpenServerStream>, String>) + Send>;

/// Connects; the result goes to `done` on some worker, perhaps after the limit, or never. Never blocks.
pub(crate) fn open_server_stream(
    destination: Destination,
    workers: &Workers,
    done: impl FnOnce(Result<Box<OpenServerStream>, String>) + Send + 'static,
) {
    let done: Done = Box::new(done);
    if let Some(ip) = literal(&destination.host) {
        let found = Ok(vec![SocketAddr::new(ip, destination.port)]);
        return submit(workers, destination, found, done);
    }
    let workers = workers.clone();
    resolve(destination.host.clone(), destination.port, move |found| {
        submit(&workers, destination, found, done);
    });
}

/// The time limit is for what the job does, not for its wait for a thread.
fn submit(workers: &Workers, destination: Destination, found: io::Result<Vec<SocketAddr>>, done: Done) {
    let _ = workers.submit(move || {
        let opened = open(&destination, found, Instant::now() + OPEN_LIMIT);
        done(opened.map_err(|failure| failure.cause));
    });
}

fn open(
    destination: &Destination,
    found: io::Result<Vec<SocketAddr>>,
    deadline: Instant,
) -> Result<Box<OpenServerStream>, TransportFailure> {
    let lost = |error: io::Error| crate::connect::connection_failure(error.to_string());
    let addresses = destination.sockets.usable(found.map_err(lost)?);
    let addresses = addresses.map_err(crate::connect::connection_failure)?;
    let tcp = connect_first(&addresses, deadline, ADDRESS_LIMIT)?;
    let (local, remote) = (tcp.local_addr().map_err(lost)?, tcp.peer_addr().map_err(lost)?);
    let wire = Wire::until(tcp, deadline).map_err(lost)?;
    let mut stream = match &destination.tls {
        Some((name, trust)) => handshake(wire, trust, name)?,
        None => Stream::Plain(wire),
    };
    stream.unblock().map_err(lost)?;
    let stream = ServerStream {
        stream,
        waiting: Vec::new(),
    };
    Ok(Box::new(OpenServerStream { stream, local, remote }))
}

impl ServerStream {
    /// Reads what is there, as much as fits.
    pub(crate) fn read(&mut self, buffer: &mut [u8]) -> ServerRead {
        match self.stream.read(buffer) {
            Ok(0) => ServerRead::End("the server closed the connection".into()),
            Ok(length) => ServerRead::Bytes(length),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => ServerRead::Nothing,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => ServerRead::Bytes(0),
            Err(error) => ServerRead::End(error.to_string()),
        }
    }

    /// Writes one whole message, or lets it wait. One for which there is no room is dropped if it may be; else the
    /// connection has to end.
    pub(crate) fn write(&mut self, message: &[u8], is_droppable: bool) -> Result<(), String> {
        self.flush()?;
        if self.waiting.len() + message.len() > WRITE_LIMIT {
            return if is_droppable {
                Ok(())
            } else {
                Err(format!(
                    "the server does not read: {WRITE_LIMIT} bytes wait for it already"
                ))
            };
        }
        self.waiting.extend_from_slice(message);
        self.flush()
    }

    /// Writes what waits, as far as the server takes it.
    pub(crate) fn flush(&mut self) -> Result<(), String> {
        while !self.waiting.is_empty() {
            match self.stream.write(&self.waiting) {
                Ok(0) => return Err("the connection takes nothing more".into()),
                Ok(length) => drop(self.waiting.drain(..length)),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error.to_string()),
            }
        }
        match self.stream.flush() {
            Err(error) if error.kind() != io::ErrorKind::WouldBlock => Err(error.to_string()),
            _ => Ok(()),
        }
    }
}

impl Drop for ServerStream {
    fn drop(&mut self) {
        let _ = self.flush();
        self.stream.say_goodbye();
    }
}

impl AsRawFd for ServerStream {
    fn as_raw_fd(&self) -> RawFd {
        self.stream.as_raw_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::net::{TcpListener, TcpStream};
    use std::sync::mpsc::channel;

    use super::*;

    fn opened(listener: &TcpListener) -> (ServerStream, TcpStream) {
        let address = listener.local_addr().unwrap();
        let destination = Destination {
            host: address.ip().to_string(),
            port: address.port(),
            tls: None,
            sockets: SocketOptions::default(),
        };
        let (sender, receiver) = channel();
        let workers = Workers::new();
        open_server_stream(destination, &workers, move |result| sender.send(result).unwrap());
        let open = receiver.recv().unwrap().unwrap();
        assert_eq!(open.remote, address);
        let (peer, from) = listener.accept().unwrap();
        assert_eq!(from, open.local);
        (open.stream, peer)
    }

    /// Reads until something else than nothing comes.
    fn read(stream: &mut ServerStream, buffer: &mut [u8]) -> ServerRead {
        loop {
            match stream.read(buffer) {
                ServerRead::Nothing => std::thread::yield_now(),
                read => return read,
            }
        }
    }

    #[test]
    fn bytes_both_ways_and_the_end() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (mut stream, mut peer) = opened(&listener);
        let mut buffer = [0; 100];
        assert_eq!(stream.read(&mut buffer), ServerRead::Nothing);
        stream.write(b"question", false).unwrap();
        peer.read_exact(&mut buffer[..8]).unwrap();
        assert_eq!(&buffer[..8], b"question");
        peer.write_all(b"answer").unwrap();
        assert_eq!(read(&mut stream, &mut buffer), ServerRead::Bytes(6));
        drop(peer);
        assert!(matches!(read(&mut stream, &mut buffer), ServerRead::End(_)));
    }

    #[test]
    fn a_server_that_does_not_read_costs_no_more_than_the_limit() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let (mut stream, mut peer) = opened(&listener);
        let message = [7; 1_000];
        for _ in 0..100_000 {
            stream.write(&message, true).unwrap();
        }
        assert!(stream.waiting.len() <= WRITE_LIMIT && stream.waiting.len() > WRITE_LIMIT - message.len());
        let error = stream.write(&message, false).unwrap_err();
        assert!(error.contains("does not read"), "{error}");
        // what was taken comes whole
        let reader = std::thread::spawn(move || {
            let mut all = Vec::new();
            peer.read_to_end(&mut all).unwrap();
            all
        });
        while !stream.waiting.is_empty() {
            stream.flush().unwrap();
        }
        drop(stream);
        let all = reader.join().unwrap();
        assert!(all.len() % message.len() == 0 && all.iter().all(|byte| *byte == 7));
    }

    #[test]
    fn a_closed_port_is_told() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        drop(listener);
        let destination = Destination {
            host: "127.0.0.1".into(),
            port,
            tls: None,
            sockets: SocketOptions::default(),
        };
        let (sender, receiver) = channel();
        let workers = Workers::new();
        open_server_stream(destination, &workers, move |result| sender.send(result).unwrap());
        let cause = receiver.recv().unwrap().unwrap_err();
        assert!(cause.contains("127.0.0.1"), "{cause}");
    }
}
