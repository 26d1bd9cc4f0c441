//! Drives a call's `IceGatherer` with real sockets against a real server, with an echoing peer on loopback, and prints what
//! happened, one JSON object a line. The interop tests run it against coturn.
//!
//! `turn_probe --url URL --username NAME [--ca FILE] [--seconds N] [--peer ADDRESS] [--local ADDRESS]`; the credential is
//! in `TURN_CREDENTIAL`, so that no list of processes shows it.
use std::collections::HashMap;
use std::error::Error;
use std::io::{self, Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, ToSocketAddrs, UdpSocket};
use std::sync::Arc;
use std::time::{Duration, Instant};

use c2c_engine::random::SystemRandomSource;
use c2c_proto::io::{Datagram, NetworkInput, NetworkRequest, Secret, StreamId};
use c2c_proto::media::candidate::CandidateKind;
use c2c_proto::media::gatherer::{FromServer, GatherEvent, GatherOutput, IceGatherer};
use c2c_proto::media::servers::{IceConfig, IceServerSettings, IceTransportPolicy};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};

/// The whole run, whatever the server does.
const LIMIT: Duration = Duration::from_secs(60);
/// Sound goes out this often.
const FRAME: Duration = Duration::from_millis(20);
/// First bytes of a STUN message and of an RTP packet.
const CHECK: u8 = 0x01;
const SOUND: u8 = 0x80;

type Outcome<T> = Result<T, Box<dyn Error>>;

struct Options {
    url: String,
    username: String,
    ca: Option<String>,
    seconds: u64,
    peer: IpAddr,
    local: IpAddr,
}

enum Stream {
    Plain(TcpStream),
    Tls(Box<StreamOwned<ClientConnection, TcpStream>>),
}

struct Probe {
    options: Options,
    gatherer: IceGatherer,
    socket: UdpSocket,
    local: SocketAddr,
    peer: UdpSocket,
    streams: HashMap<StreamId, Stream>,
    relay: Option<SocketAddr>,
    sent: u64,
    seen_by_peer: u64,
    echoed: u64,
    is_complete: bool,
    is_closed: bool,
}

fn main() -> Outcome<()> {
    let mut probe = Probe::new(options()?)?;
    let start = Instant::now();
    probe.gatherer.set_sockets(&[probe.local], start);
    while !probe.is_complete && start.elapsed() < LIMIT {
        probe.turn()?;
    }
    println!(
        r#"{{"event":"complete","seconds":{:.3}}}"#,
        start.elapsed().as_secs_f64()
    );
    let talk = Instant::now();
    while probe.relay.is_some() && talk.elapsed() < Duration::from_secs(probe.options.seconds) {
        probe.talk(talk)?;
    }
    if probe.sent > 0 {
        // what is still on its way
        let rest = Instant::now();
        while rest.elapsed() < Duration::from_millis(300) {
            probe.turn()?;
        }
        let (sent, peer, echoed) = (probe.sent, probe.seen_by_peer, probe.echoed);
        println!(r#"{{"event":"relayed","sent":{sent},"seen_by_peer":{peer},"echoed":{echoed}}}"#);
    }
    let closing = Instant::now();
    probe.gatherer.close(closing);
    while !probe.is_closed && closing.elapsed() < Duration::from_secs(5) {
        probe.turn()?;
    }
    println!(
        r#"{{"event":"closed","seconds":{:.3}}}"#,
        closing.elapsed().as_secs_f64()
    );
    Ok(())
}

impl Probe {
    fn new(options: Options) -> Outcome<Self> {
        let settings = IceServerSettings {
            urls: vec![options.url.clone()],
            username: Some(Secret(options.username.clone())),
            credential: std::env::var("TURN_CREDENTIAL").ok().map(Secret),
        };
        let policy = if options.url.starts_with("turn") {
            IceTransportPolicy::Relay
        } else {
            IceTransportPolicy::All
        };
        let config = IceConfig::new(&[settings], policy)?;
        let socket = UdpSocket::bind((options.local, 0))?;
        let peer = UdpSocket::bind((options.peer, 0))?;
        socket.set_nonblocking(true)?;
        peer.set_nonblocking(true)?;
        Ok(Self {
            gatherer: IceGatherer::new(&config, &mut SystemRandomSource::default()),
            local: socket.local_addr()?,
            socket,
            peer,
            streams: HashMap::new(),
            relay: None,
            sent: 0,
            seen_by_peer: 0,
            echoed: 0,
            is_complete: false,
            is_closed: false,
            options,
        })
    }

    /// One round: what is due, what came, what is to be sent.
    fn turn(&mut self) -> Outcome<()> {
        let now = Instant::now();
        if self.gatherer.poll_timeout().is_some_and(|due| now >= due) {
            self.gatherer.handle_timeout(now);
        }
        self.read_socket()?;
        self.read_streams();
        self.echo()?;
        while let Some(relayed) = self.gatherer.poll_relayed() {
            self.count(relayed.peer, &relayed.payload)?;
        }
        while let Some(event) = self.gatherer.poll_event() {
            self.report(event);
        }
        while let Some(output) = self.gatherer.poll_output() {
            self.perform(output)?;
        }
        std::thread::sleep(Duration::from_millis(1));
        Ok(())
    }

    /// A check, then sound every 20 ms.
    fn talk(&mut self, start: Instant) -> Outcome<()> {
        let due = FRAME * u32::try_from(self.sent)?;
        if start.elapsed() >= due
            && let Some(relay) = self.relay
        {
            let kind = if self.sent == 0 { CHECK } else { SOUND };
            let payload = [&[kind, 0, 0, 0][..], &self.sent.to_be_bytes(), &[0x55; 150]].concat();
            let peer = self.peer.local_addr()?;
            if !self.gatherer.send(relay, peer, &payload, Instant::now()) {
                println!(r#"{{"event":"not sent"}}"#);
                self.relay = None;
            }
            self.sent += 1;
        }
        self.turn()
    }

    fn read_socket(&mut self) -> Outcome<()> {
        let mut buffer = [0; 2048];
        while let Some((size, remote)) = received(&self.socket, &mut buffer)? {
            let (local, payload) = (self.local, buffer.get(..size).unwrap_or_default());
            let datagram = Datagram { local, remote, payload };
            if let FromServer::Relayed(inner) = self.gatherer.handle_datagram(datagram, Instant::now()) {
                let (peer, payload) = (inner.remote, inner.payload.to_vec());
                self.count(peer, &payload)?;
            }
        }
        Ok(())
    }

    fn read_streams(&mut self) {
        let mut buffer = [0; 4096];
        let mut ended = Vec::new();
        for (id, stream) in &mut self.streams {
            let stream_id = *id;
            let reason = match stream.read(&mut buffer) {
                Ok(0) => "closed by the server".to_owned(),
                Ok(size) => {
                    let bytes = buffer.get(..size).unwrap_or_default();
                    let input = NetworkInput::StreamBytes {
                        stream: stream_id,
                        bytes,
                    };
                    self.gatherer.handle_network(input, Instant::now());
                    continue;
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => continue,
                Err(error) => error.to_string(),
            };
            ended.push((stream_id, reason));
        }
        for (stream, reason) in ended {
            self.streams.remove(&stream);
            let input = NetworkInput::StreamClosed { stream, reason };
            self.gatherer.handle_network(input, Instant::now());
        }
    }

    /// The peer sends back whatever comes, to where it came from.
    fn echo(&mut self) -> Outcome<()> {
        let mut buffer = [0; 2048];
        while let Some((size, from)) = received(&self.peer, &mut buffer)? {
            assert_eq!(Some(from), self.relay, "the peer sees the relayed address");
            self.seen_by_peer += 1;
            self.peer.send_to(buffer.get(..size).unwrap_or_default(), from)?;
        }
        Ok(())
    }

    fn count(&mut self, peer: SocketAddr, payload: &[u8]) -> Outcome<()> {
        assert_eq!(
            peer,
            self.peer.local_addr()?,
            "the peer's own address comes with its data"
        );
        assert_eq!(payload.len(), 162, "whole and without padding");
        self.echoed += 1;
        Ok(())
    }

    fn perform(&mut self, output: GatherOutput) -> Outcome<()> {
        match output {
            GatherOutput::Transmit(transmit) => {
                self.socket.send_to(&transmit.payload, transmit.remote)?;
            }
            GatherOutput::Network(NetworkRequest::Resolve { host }) => {
                let found = (host.as_str(), 0).to_socket_addrs();
                let addresses = found
                    .map(|all| all.map(|address| address.ip()).collect())
                    .map_err(|error| error.to_string());
                let input = NetworkInput::Resolved { host: &host, addresses };
                self.gatherer.handle_network(input, Instant::now());
            }
            GatherOutput::Network(NetworkRequest::OpenStream {
                stream,
                host,
                port,
                tls_name,
            }) => self.open(stream, &host, port, tls_name),
            GatherOutput::Network(NetworkRequest::WriteStream { stream, bytes, .. }) => {
                if let Some(stream) = self.streams.get_mut(&stream) {
                    stream.write_all(&bytes)?;
                }
            }
            GatherOutput::Network(NetworkRequest::CloseStream { stream }) => {
                self.streams.remove(&stream);
            }
        }
        Ok(())
    }

    fn open(&mut self, id: StreamId, host: &str, port: u16, tls_name: Option<String>) {
        let input = match self.connect(host, port, tls_name) {
            Ok((stream, local, remote)) => {
                self.streams.insert(id, stream);
                NetworkInput::StreamOpened {
                    stream: id,
                    local,
                    remote,
                }
            }
            Err(error) => NetworkInput::StreamClosed {
                stream: id,
                reason: error.to_string(),
            },
        };
        self.gatherer.handle_network(input, Instant::now());
    }

    fn connect(&self, host: &str, port: u16, tls_name: Option<String>) -> Outcome<(Stream, SocketAddr, SocketAddr)> {
        let mut tcp = TcpStream::connect((host, port))?;
        tcp.set_nodelay(true)?;
        let (local, remote) = (tcp.local_addr()?, tcp.peer_addr()?);
        let Some(name) = tls_name else {
            tcp.set_nonblocking(true)?;
            return Ok((Stream::Plain(tcp), local, remote));
        };
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(self.options.ca.as_deref().ok_or("--ca is missing")?)? {
            roots.add(certificate?)?;
        }
        let config = ClientConfig::builder()
            .with_root_certificates(roots)
            .with_no_client_auth();
        let mut connection = ClientConnection::new(Arc::new(config), ServerName::try_from(name)?)?;
        connection.complete_io(&mut tcp)?;
        tcp.set_nonblocking(true)?;
        Ok((Stream::Tls(Box::new(StreamOwned::new(connection, tcp))), local, remote))
    }

    fn report(&mut self, event: GatherEvent) {
        match event {
            GatherEvent::Candidate(candidate) => {
                if candidate.kind == CandidateKind::Relayed {
                    self.relay = Some(candidate.address);
                    let peer = self.peer.local_addr().map(|address| address.ip());
                    self.gatherer.permit(peer, Instant::now());
                }
                println!(r#"{{"event":"candidate","line":"{candidate}"}}"#);
            }
            GatherEvent::Complete => self.is_complete = true,
            GatherEvent::RelayLost(relay) => {
                self.relay = None;
                println!(r#"{{"event":"lost","relay":"{relay}"}}"#);
            }
            GatherEvent::Warning(text) => println!(r#"{{"event":"warning","text":{text:?}}}"#),
            GatherEvent::Closed => self.is_closed = true,
        }
    }
}

impl Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(tcp) => tcp.read(buffer),
            Self::Tls(tls) => tls.read(buffer),
        }
    }

    fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self {
            Self::Plain(tcp) => tcp.write_all(bytes),
            Self::Tls(tls) => tls.write_all(bytes).and_then(|()| tls.flush()),
        }
    }
}

fn received(socket: &UdpSocket, buffer: &mut [u8]) -> io::Result<Option<(usize, SocketAddr)>> {
    match socket.recv_from(buffer) {
        Ok(received) => Ok(Some(received)),
        // a closed port answers by ICMP, which shows as an error of the next call
        Err(error) if [io::ErrorKind::WouldBlock, io::ErrorKind::ConnectionRefused].contains(&error.kind()) => Ok(None),
        Err(error) => Err(error),
    }
}

fn options() -> Outcome<Options> {
    let mut options = Options {
        url: String::new(),
        username: String::new(),
        ca: None,
        seconds: 1,
        peer: Ipv4Addr::LOCALHOST.into(),
        local: Ipv4Addr::LOCALHOST.into(),
    };
    let mut arguments = std::env::args().skip(1);
    while let Some(name) = arguments.next() {
        let value = arguments.next().ok_or_else(|| format!("{name} has no value"))?;
        match name.as_str() {
            "--url" => options.url = value,
            "--username" => options.username = value,
            "--ca" => options.ca = Some(value),
            "--seconds" => options.seconds = value.parse()?,
            "--peer" => options.peer = value.parse()?,
            "--local" => options.local = value.parse()?,
            _ => return Err(format!("unknown option {name}").into()),
        }
    }
    Ok(options)
}
