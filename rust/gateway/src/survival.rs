//! What must hold for a connection whatever its client says: what is sent can be read, and no timer stands still. The fuzz target
//! `gateway` and the replay of its corpus share this.
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant, UNIX_EPOCH};

use c2c_engine::agent::Agent;
use c2c_proto::io::{CallId, ClockOrigin, Datagram, Output, RandomSource, Secret, TransportInput, UdpInput};
use c2c_proto::media::dtls::DtlsCertificate;
use c2c_proto::sip::Message;
use c2c_proto::sip::digest::Credentials;

use crate::agent::GatewayAgent;
use crate::context::Shared;
use crate::settings::GatewaySettings;

/// What separates the messages of a script.
const SEPARATOR: u8 = 0;
/// Most messages of a script; what follows is left out.
const MAX_MESSAGES: usize = 64;
/// Most timeouts between two messages.
const MAX_TIMEOUTS: usize = 1_000;
const LOCAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 8443);

/// Hands messages to a gateway with one user, and to one where anybody may call. A message that begins with `D` is a datagram to
/// the last call, one with `W` time that passes, in seconds.
pub fn messages_survive(script: &[u8], now: Instant) -> bool {
    let user = Credentials {
        username: "user".to_owned(),
        password: Secret("secret".to_owned()),
    };
    [Vec::new(), vec![user]].into_iter().all(|users| {
        let settings = GatewaySettings {
            users,
            ..GatewaySettings::default()
        };
        Run::new(settings, now).is_some_and(|mut run| run.all(script))
    })
}

struct Run {
    agent: GatewayAgent,
    now: Instant,
    call: Option<CallId>,
    is_legal: bool,
}

impl Run {
    fn new(settings: GatewaySettings, now: Instant) -> Option<Self> {
        let shared = Shared {
            settings,
            certificate: Arc::clone(certificate()?),
            secure: true,
            clock: ClockOrigin {
                instant: now,
                wall: UNIX_EPOCH,
            },
        };
        let mut agent = GatewayAgent::new(1, Arc::new(shared), Box::new(Counting(1)));
        let opened = TransportInput::Opened {
            local: LOCAL,
            remote: SocketAddr::new(LOCAL.ip(), 50_000),
            interfaces: vec![LOCAL.ip()],
        };
        agent.handle_transport(opened, now);
        let call = None;
        Some(Self {
            agent,
            now,
            call,
            is_legal: true,
        })
    }

    fn all(&mut self, script: &[u8]) -> bool {
        for message in script.split(|byte| *byte == SEPARATOR).take(MAX_MESSAGES) {
            match (message, self.call) {
                ([b'W', seconds], _) => self.wait(Duration::from_secs(u64::from(*seconds))),
                ([b'D', payload @ ..], Some(call)) => self.datagram(call, payload),
                _ => self.agent.handle_transport(TransportInput::Message(message), self.now),
            }
            self.drain();
        }
        let closed = TransportInput::Closed {
            code: None,
            reason: String::new(),
        };
        self.agent.handle_transport(closed, self.now);
        self.drain();
        self.wait(Duration::from_secs(64));
        self.is_legal
    }

    fn datagram(&mut self, call: CallId, payload: &[u8]) {
        let datagram = Datagram {
            local: SocketAddr::new(LOCAL.ip(), 40_000),
            remote: SocketAddr::new(LOCAL.ip(), 30_000),
            payload,
        };
        self.agent.handle_datagram(call, datagram, self.now);
    }

    fn wait(&mut self, time: Duration) {
        let end = self.now + time;
        for _ in 0..MAX_TIMEOUTS {
            let Some(due) = self.agent.poll_timeout().filter(|due| *due <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(due);
            self.agent.handle_timeout(self.now);
            self.drain();
        }
        // a timer that runs a thousand times within the script's time stands still
        self.is_legal &= self.agent.poll_timeout().is_none_or(|due| due > self.now);
    }

    fn drain(&mut self) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                // answers to malformed requests may have their faults
                Output::Send(bytes) if !bytes.starts_with(b"SIP/2.0 ") => {
                    self.is_legal &= bytes.trim_ascii().is_empty() || Message::parse(&bytes).is_ok();
                }
                Output::BindUdp { call, .. } => {
                    self.call = Some(call);
                    let bound = UdpInput::Bound(vec![SocketAddr::new(LOCAL.ip(), 40_000)]);
                    self.agent.handle_udp(call, bound, self.now);
                }
                _ => {}
            }
        }
    }
}

/// One certificate for all runs.
fn certificate() -> Option<&'static Arc<DtlsCertificate>> {
    static CERTIFICATE: OnceLock<Option<Arc<DtlsCertificate>>> = OnceLock::new();
    let made = CERTIFICATE.get_or_init(|| DtlsCertificate::generate().ok().map(Arc::new));
    made.as_ref()
}

/// The same in each run.
struct Counting(u64);

impl RandomSource for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = self.0.to_be_bytes().into_iter().next().unwrap_or(0);
        }
    }
}
