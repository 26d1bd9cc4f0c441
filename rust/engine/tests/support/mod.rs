//! An agent that says back what it hears, and owners that wait for what they are told.
#![allow(dead_code, unreachable_pub, reason = "each test uses a part of it")]
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::field_reassign_with_default,
    clippy::unused_io_amount,
    reason = "tests"
)]
use std::collections::VecDeque;
use std::io::Read;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant};

use c2c_engine::AgentId;
use c2c_engine::agent::Agent;
use c2c_engine::client::{Client, ClientEvent};
use c2c_engine::driver::{ClientOptions, Driver, OPEN_LIMIT};
use c2c_engine::listener::{ListenOptions, Listener, ListenerEvent, Welcome};
use c2c_engine::socket_options::SocketOptions;
use c2c_engine::tls::{TlsTrust, provider};
use c2c_proto::io::{
    AudioPort, CallId, Datagram, NetworkInput, NetworkRequest, Output, StreamId, Transmit, TransportFailure,
    TransportInput, UdpInput,
};
use c2c_proto::media::stats::CallStats;
use rcgen::{BasicConstraints, CertificateParams, IsCa, Issuer, KeyPair};
use rustls::ServerConfig;
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};

/// More than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(20);

/// What a test asks of its agent.
#[derive(Debug)]
pub enum Order {
    Open(String),
    Send(Vec<u8>),
    Close(u16),
    Bind(CallId, Vec<IpAddr>),
    Aim(CallId, SocketAddr),
    Tick(CallId),
    Untick(CallId),
    Release(CallId),
    CloseUdp(CallId, Vec<SocketAddr>),
    ListAddresses,
    Network(CallId, NetworkRequest),
    Flood(usize),
    Wake(Duration),
    Panic,
    PanicLater(Duration),
    PanicWhenDropped,
    PanicIn(Work),
    Log(&'static str),
}

/// What an agent may be at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Work {
    Message,
    Datagram,
    Tick,
    Output,
}

/// What an agent tells its test.
#[derive(Clone, PartialEq, Debug)]
pub enum Report {
    Opened {
        local: SocketAddr,
        remote: SocketAddr,
        interfaces: Vec<IpAddr>,
    },
    Addresses(Option<IpAddr>, Vec<IpAddr>),
    Failed(TransportFailure),
    Message(Vec<u8>),
    Closed(Option<u16>, String),
    Bound(CallId, Vec<SocketAddr>),
    NotBound(CallId, String),
    Unsendable(SocketAddr, SocketAddr),
    Datagram(Vec<u8>),
    Resolved(String, Result<Vec<IpAddr>, String>),
    StreamOpened(StreamId, SocketAddr),
    StreamBytes(StreamId, Vec<u8>),
    StreamClosed(StreamId, String),
    Woken,
    Number(usize),
}

#[derive(Default)]
pub struct Echo {
    outputs: VecDeque<Output<Report>>,
    echoes: bool,
    sockets: Vec<SocketAddr>,
    target: Option<SocketAddr>,
    heard: VecDeque<Vec<i16>>,
    position: u64,
    ticks: u64,
    wake_at: Option<Instant>,
    panic_when_woken: bool,
    panic_when_dropped: bool,
    panic_in: Option<Work>,
}

impl Echo {
    /// One that says back what it hears, on its WebSocket and on its UDP sockets.
    pub fn server() -> Self {
        let mut server = Self::default();
        server.echoes = true;
        server
    }

    fn be_at(&self, work: Work) {
        assert_ne!(self.panic_in, Some(work), "panics in its work");
    }

    fn tell(&mut self, report: Report) {
        self.outputs.push_back(Output::Event(report));
    }
}

impl Drop for Echo {
    fn drop(&mut self) {
        assert!(!self.panic_when_dropped, "panics when dropped");
    }
}

impl Agent for Echo {
    type Command = Order;
    type Event = Report;

    fn handle_command(&mut self, order: Order, now: Instant) {
        match order {
            Order::Open(uri) => self.outputs.push_back(Output::OpenWebSocket(uri)),
            Order::Send(message) => self.outputs.push_back(Output::Send(message)),
            Order::Close(code) => self.outputs.push_back(Output::CloseWebSocket(code)),
            Order::Bind(call, addresses) => self.outputs.push_back(Output::BindUdp { call, addresses }),
            Order::Aim(_, target) => self.target = Some(target),
            Order::Tick(call) => self.outputs.push_back(Output::StartTicking(call)),
            Order::Untick(call) => self.outputs.push_back(Output::StopTicking(call)),
            Order::Release(call) => self.outputs.push_back(Output::Release(call)),
            Order::CloseUdp(call, sockets) => self.outputs.push_back(Output::CloseUdp { call, sockets }),
            Order::ListAddresses => self.outputs.push_back(Output::ListAddresses),
            Order::Network(call, request) => self.outputs.push_back(Output::Network(call, request)),
            Order::Flood(count) => (0..count).for_each(|number| self.tell(Report::Number(number))),
            Order::Wake(after) => self.wake_at = Some(now + after),
            Order::Panic => panic!("asked to"),
            Order::PanicLater(after) => (self.wake_at, self.panic_when_woken) = (Some(now + after), true),
            Order::PanicWhenDropped => self.panic_when_dropped = true,
            Order::PanicIn(work) => self.panic_in = Some(work),
            Order::Log(text) => tracing::info!(target: "c2c_test", "{text}"),
        }
    }

    fn handle_transport(&mut self, input: TransportInput<'_>, _now: Instant) {
        match input {
            TransportInput::Opened {
                local,
                remote,
                interfaces,
            } => self.tell(Report::Opened {
                local,
                remote,
                interfaces,
            }),
            TransportInput::Message(message) if self.echoes => {
                self.outputs.push_back(Output::Send(message.to_vec()));
            }
            TransportInput::Message(message) => {
                self.be_at(Work::Message);
                self.tell(Report::Message(message.to_vec()));
            }
            TransportInput::Addresses { route, interfaces } => self.tell(Report::Addresses(route, interfaces)),
            TransportInput::Alive => {}
            TransportInput::Failed(failure) => self.tell(Report::Failed(failure)),
            TransportInput::Closed { code, reason } => self.tell(Report::Closed(code, reason)),
        }
    }

    fn handle_udp(&mut self, call: CallId, input: UdpInput, _now: Instant) {
        match input {
            UdpInput::Bound(sockets) => {
                self.sockets.clone_from(&sockets);
                self.tell(Report::Bound(call, sockets));
            }
            UdpInput::Failed(cause) => self.tell(Report::NotBound(call, cause)),
            UdpInput::Unsendable { local, remote } => self.tell(Report::Unsendable(local, remote)),
        }
    }

    fn handle_datagram(&mut self, call: CallId, datagram: Datagram<'_>, _now: Instant) {
        self.be_at(Work::Datagram);
        let Datagram { local, remote, payload } = datagram;
        if self.echoes {
            let transmit = Transmit {
                local,
                remote,
                payload: payload.to_vec(),
            };
            self.outputs.push_back(Output::Transmit(call, transmit));
            return;
        }
        self.heard.push_back(
            payload
                .as_chunks()
                .0
                .iter()
                .map(|pair| i16::from_le_bytes(*pair))
                .collect(),
        );
        self.tell(Report::Datagram(payload.to_vec()));
    }

    fn handle_network(&mut self, _call: CallId, input: NetworkInput<'_>, _now: Instant) {
        self.tell(match input {
            NetworkInput::Resolved { host, addresses } => Report::Resolved(host.to_owned(), addresses),
            NetworkInput::StreamOpened { stream, remote, .. } => Report::StreamOpened(stream, remote),
            NetworkInput::StreamBytes { stream, bytes } => Report::StreamBytes(stream, bytes.to_vec()),
            NetworkInput::StreamClosed { stream, reason } => Report::StreamClosed(stream, reason),
        });
    }

    fn handle_timeout(&mut self, _now: Instant) {
        self.wake_at = None;
        assert!(!self.panic_when_woken, "panics when woken");
        self.tell(Report::Woken);
    }

    /// Sends what the writer says, plays what came back.
    fn tick(&mut self, call: CallId, audio: &mut dyn AudioPort, _now: Instant) {
        self.be_at(Work::Tick);
        self.ticks += 1;
        let mut frame = vec![0; audio.outgoing_rate().unwrap_or(8_000) as usize / 50];
        audio.pull(&mut frame);
        if let (Some(remote), Some(local)) = (self.target, self.sockets.first()) {
            let payload = frame.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            self.outputs.push_back(Output::Transmit(
                call,
                Transmit {
                    local: *local,
                    remote,
                    payload,
                },
            ));
        }
        for frame in self.heard.drain(..) {
            for rate in audio.incoming_rates() {
                audio.push(rate, &frame, self.position);
            }
            self.position += frame.len() as u64;
        }
    }

    fn poll_output(&mut self) -> Option<Output<Report>> {
        self.be_at(Work::Output);
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.wake_at
    }

    fn stats(&self, _call: CallId, _now: Instant) -> Option<CallStats> {
        (!self.sockets.is_empty()).then(|| CallStats {
            packets_sent: self.ticks,
            ..CallStats::default()
        })
    }
}

/// A client and what it was told so far.
pub struct Owner {
    pub client: Client<Echo>,
    wake: UnixStream,
    told: VecDeque<ClientEvent<Report>>,
}

impl Owner {
    pub fn new(driver: &Driver<Echo>, tls: TlsTrust) -> Self {
        Self::with_limit(driver, tls, OPEN_LIMIT)
    }

    pub fn with_limit(driver: &Driver<Echo>, tls: TlsTrust, open_limit: Duration) -> Self {
        let options = ClientOptions {
            agent: Echo::default(),
            tls,
            farewell: None,
            open_limit,
            sockets: SocketOptions::default(),
        };
        let (client, wake) = driver.add(options).unwrap();
        blocking(&wake);
        Self {
            client,
            wake,
            told: VecDeque::new(),
        }
    }

    pub fn order(&self, order: Order) {
        self.client.command(order).unwrap();
    }

    /// The next event of any kind.
    pub fn next(&mut self) -> ClientEvent<Report> {
        while self.told.is_empty() {
            self.wake.read(&mut [0; 64]).expect("nothing was told in time");
            self.told.extend(self.client.poll_events().unwrap());
        }
        self.told.pop_front().unwrap()
    }

    /// All that was told and not taken.
    pub fn so_far(&mut self) -> Vec<ClientEvent<Report>> {
        self.told.extend(self.client.poll_events().unwrap());
        self.told.drain(..).collect()
    }

    /// The next report that `wanted` finds something in; others are passed over.
    pub fn wait<T>(&mut self, mut wanted: impl FnMut(&Report) -> Option<T>) -> T {
        loop {
            match self.next() {
                ClientEvent::Agent(report) => {
                    if let Some(found) = wanted(&report) {
                        return found;
                    }
                }
                ClientEvent::EngineFailed(cause) => panic!("the client failed: {cause}"),
                ClientEvent::Closed => panic!("the client was closed"),
                _ => {}
            }
        }
    }

    /// The next report.
    pub fn report(&mut self) -> Report {
        self.wait(|report| Some(report.clone()))
    }

    /// How the client ends: the cause if it failed. `Closed` must be the last event.
    pub fn ending(&mut self) -> Option<String> {
        let mut cause = None;
        loop {
            match self.next() {
                ClientEvent::EngineFailed(text) => cause = Some(text),
                ClientEvent::Closed => break,
                _ => {}
            }
        }
        assert!(self.told.is_empty() && self.client.poll_events().unwrap().is_empty());
        cause
    }
}

/// A listener whose agents say back what they hear.
pub struct Server {
    pub listener: Listener<Echo>,
    wake: UnixStream,
    told: VecDeque<ListenerEvent<Report>>,
    _driver: Driver<Echo>,
}

impl Server {
    pub fn start(tls: Option<Arc<ServerConfig>>, welcome: Welcome) -> Self {
        let driver = Driver::start().unwrap();
        let options = ListenOptions {
            address: "127.0.0.1:0".parse().unwrap(),
            tls,
            make_agent: Box::new(|_| Echo::server()),
            welcome: Box::new(move |_| welcome),
        };
        let (listener, wake) = driver.listen(options).unwrap();
        blocking(&wake);
        Self {
            listener,
            wake,
            told: VecDeque::new(),
            _driver: driver,
        }
    }

    pub fn uri(&self, scheme: &str) -> String {
        format!("{scheme}://localhost:{}/sip", self.listener.local_addr().port())
    }

    pub fn next(&mut self) -> ListenerEvent<Report> {
        while self.told.is_empty() {
            self.wake.read(&mut [0; 64]).expect("nothing was told in time");
            self.told.extend(self.listener.poll_events().unwrap());
        }
        self.told.pop_front().unwrap()
    }

    /// All that was told and not taken.
    pub fn so_far(&mut self) -> Vec<ListenerEvent<Report>> {
        self.told.extend(self.listener.poll_events().unwrap());
        self.told.drain(..).collect()
    }

    pub fn accepted(&mut self) -> AgentId {
        loop {
            if let ListenerEvent::Accepted(agent, _) = self.next() {
                return agent;
            }
        }
    }

    /// How the connection of an agent ended.
    pub fn closed(&mut self, agent: AgentId) -> (Option<u16>, String) {
        loop {
            match self.next() {
                ListenerEvent::Agent(who, Report::Closed(code, reason)) if who == agent => return (code, reason),
                _ => {}
            }
        }
    }
}

/// A certificate authority and a server's certificate from it.
pub struct Authority {
    pem: String,
    issuer: Issuer<'static, KeyPair>,
}

impl Authority {
    pub fn new() -> Self {
        let mut params = CertificateParams::default();
        params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let key = KeyPair::generate().unwrap();
        let certificate = params.self_signed(&key).unwrap();
        Self {
            pem: certificate.pem(),
            issuer: Issuer::new(params, key),
        }
    }

    pub fn trust(&self) -> TlsTrust {
        TlsTrust::new(Some(self.pem.as_bytes()), None, None).unwrap()
    }

    pub fn server(&self, name: &str) -> Arc<ServerConfig> {
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new([name.to_owned()])
            .unwrap()
            .signed_by(&key, &self.issuer)
            .unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let builder = ServerConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .unwrap();
        Arc::new(
            builder
                .with_no_client_auth()
                .with_single_cert(vec![certificate.der().clone()], key)
                .unwrap(),
        )
    }
}

/// Trust for tests that use no TLS.
pub fn any_trust() -> TlsTrust {
    Authority::new().trust()
}

fn blocking(wake: &UnixStream) {
    wake.set_nonblocking(false).unwrap();
    wake.set_read_timeout(Some(PATIENCE)).unwrap();
}
