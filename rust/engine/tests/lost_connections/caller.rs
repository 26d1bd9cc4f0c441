//! A client of the engine in a call with a gateway, behind a relay.
use std::collections::VecDeque;
use std::io::Read;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use c2c_engine::client::{Client, ClientEvent};
use c2c_engine::driver::{ClientOptions, Driver, OPEN_LIMIT};
use c2c_engine::random::SystemRandomSource;
use c2c_engine::socket_options::SocketOptions;
use c2c_engine::tls::TlsTrust;
use c2c_gateway::io::{GatewayCallEnd, GatewayEvent};
use c2c_gateway::script::Step;
use c2c_gateway::server::{GatewayServer, ServerEvent};
use c2c_gateway::settings::GatewaySettings;
use c2c_proto::io::{CallId, CallPolicy, ClockOrigin, Command, Event, KeepAlive, KeepAliveKind, Secret, SipSettings};
use c2c_proto::media::dtls::DtlsCertificate;
use c2c_proto::media::servers::IceConfig;
use c2c_proto::user_agent::UserAgent;

use super::relay::Relay;

pub(crate) const CALL: CallId = CallId(1);
/// More than anything here takes; a test that waits so long has failed.
const PATIENCE: Duration = Duration::from_secs(30);

pub(crate) struct Caller {
    pub(crate) relay: Relay,
    client: Client<UserAgent>,
    wake: UnixStream,
    told: VecDeque<Event>,
    gateway: GatewayServer,
    gateway_wake: UnixStream,
}

impl Caller {
    /// An answered call whose sound flows both ways.
    pub(crate) fn in_call() -> Self {
        let settings = GatewaySettings {
            script: Arc::new([Step::Echo(Duration::from_secs(600))]),
            ..GatewaySettings::default()
        };
        let (gateway, gateway_wake) = GatewayServer::start(settings, "127.0.0.1:0".parse().unwrap(), false).unwrap();
        let relay = Relay::start(gateway.local_addr());
        let (client, wake) = Driver::start().unwrap().add(options()).unwrap();
        for wake in [&wake, &gateway_wake] {
            wake.set_nonblocking(false).unwrap();
            wake.set_read_timeout(Some(PATIENCE)).unwrap();
        }
        let mut caller = Self {
            relay,
            client,
            wake,
            told: VecDeque::new(),
            gateway,
            gateway_wake,
        };
        caller.call();
        caller
    }

    pub(crate) fn command(&self, command: Command) {
        self.client.command(command).unwrap();
    }

    /// The next thing that the client is told.
    pub(crate) fn next(&mut self) -> Event {
        while self.told.is_empty() {
            self.wake.read(&mut [0; 64]).expect("nothing was told in time");
            for event in self.client.poll_events().unwrap() {
                match event {
                    ClientEvent::Agent(event) => self.told.push_back(event),
                    ClientEvent::EngineFailed(cause) => panic!("the client failed: {cause}"),
                    ClientEvent::Closed => panic!("the client was closed"),
                    ClientEvent::RingReady(_) | ClientEvent::Log(_) | ClientEvent::LogLinesLost(_) => {}
                }
            }
        }
        self.told.pop_front().unwrap()
    }

    /// Its name only.
    pub(crate) fn next_name(&mut self) -> String {
        let shown = format!("{:?}", self.next());
        let end = shown.find(|letter: char| !letter.is_alphanumeric());
        shown[..end.unwrap_or(shown.len())].to_owned()
    }

    pub(crate) fn packets_received(&self) -> u64 {
        self.client
            .stats(CALL)
            .unwrap()
            .map_or(0, |stats| stats.packets_received)
    }

    /// Waits until so many packets have come.
    pub(crate) fn wait_for_packets(&self, count: u64) {
        let given_up = Instant::now() + PATIENCE;
        while self.packets_received() < count {
            assert!(
                Instant::now() < given_up,
                "sound stopped at {}",
                self.packets_received()
            );
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// How the call ends for the gateway.
    pub(crate) fn gateway_end(&mut self) -> GatewayCallEnd {
        loop {
            for event in self.gateway.poll_events().unwrap() {
                if let ServerEvent::Agent(_, GatewayEvent::CallEnded(_, end)) = event {
                    return *end;
                }
            }
            self.gateway_wake
                .read(&mut [0; 64])
                .expect("the call did not end in time");
        }
    }

    fn call(&mut self) {
        self.command(Command::Connect(Box::new(settings(self.relay.port))));
        while !matches!(self.next(), Event::Connected) {}
        self.command(Command::StartCall {
            call: CALL,
            target: "app-1".into(),
            headers: Vec::new(),
        });
        while !matches!(self.next(), Event::MediaConnected(_)) {}
        self.wait_for_packets(10);
    }
}

fn options() -> ClientOptions<UserAgent> {
    let clock = ClockOrigin {
        instant: Instant::now(),
        wall: SystemTime::now(),
    };
    let certificate = Arc::new(DtlsCertificate::generate().unwrap());
    ClientOptions {
        agent: UserAgent::new(clock, certificate, Box::new(SystemRandomSource::default())),
        tls: TlsTrust::new(None, None, None).unwrap(),
        farewell: None,
        open_limit: OPEN_LIMIT,
        sockets: SocketOptions::default(),
    }
}

fn settings(port: u16) -> SipSettings {
    SipSettings {
        websocket_uri: format!("ws://127.0.0.1:{port}/"),
        user: "user-1".into(),
        realm: "gateway.invalid".into(),
        username: String::new(),
        password: Secret::default(),
        register: false,
        user_agent: "c2c/test".into(),
        register_expires: 600,
        session_expires: 90,
        local_address: None,
        ice: IceConfig::default(),
        reconnect_limit: Duration::from_secs(60),
        keep_alive: KeepAlive {
            interval: Duration::from_millis(500),
            kind: KeepAliveKind::Ping,
        },
        refuse_md5: false,
        policy: CallPolicy::default(),
    }
}
