//! A client's end of one connection to a gateway agent, in virtual time: text in, messages and events out.
#![allow(dead_code, unreachable_pub, reason = "each test takes what it needs")]
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test's support")]

pub mod pair;

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use c2c_engine::agent::Agent;
use c2c_gateway::agent::GatewayAgent;
use c2c_gateway::context::Shared;
use c2c_gateway::io::{GatewayCommand, GatewayEvent};
use c2c_gateway::settings::GatewaySettings;
use c2c_proto::io::{ClockOrigin, Output, RandomSource, Secret, TransportInput, UdpInput};
use c2c_proto::media::dtls::DtlsCertificate;
use c2c_proto::sip::digest::{Attempts, Credentials, DigestSession};
use c2c_proto::sip::{HeaderName, Message, Method, Request, Response};

pub const REALM: &str = "realm.example";

/// Settings with one user, `alice` whose password is `secret`.
pub fn settings() -> GatewaySettings {
    GatewaySettings {
        realm: REALM.into(),
        users: vec![credentials("secret")],
        ..GatewaySettings::default()
    }
}

pub fn credentials(password: &str) -> Credentials {
    Credentials {
        username: "alice".into(),
        password: Secret(password.into()),
    }
}

/// xorshift: the same in each run.
pub struct Seeded(pub u64);

impl RandomSource for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            *byte = self.0.to_le_bytes()[3];
        }
    }
}

pub fn shared(settings: GatewaySettings, now: Instant) -> Arc<Shared> {
    Arc::new(Shared {
        settings,
        certificate: Arc::new(DtlsCertificate::generate().unwrap()),
        secure: true,
        clock: ClockOrigin {
            instant: now,
            wall: SystemTime::now(),
        },
    })
}

pub struct Connection {
    agent: GatewayAgent,
    pub now: Instant,
    messages: VecDeque<Message>,
    pub events: Vec<GatewayEvent>,
    /// Code of a `CloseWebSocket`.
    pub closed: Option<u16>,
    cseq: u32,
    digest: DigestSession,
}

impl Connection {
    pub fn open(settings: GatewaySettings) -> Self {
        let now = Instant::now();
        let mut connection = Self {
            agent: GatewayAgent::new(1, shared(settings, now), Box::new(Seeded(99))),
            now,
            messages: VecDeque::new(),
            events: Vec::new(),
            closed: None,
            cseq: 0,
            digest: DigestSession::new(credentials("secret")),
        };
        let input = TransportInput::Opened {
            local: address(8443),
            remote: address(50_000),
            interfaces: Vec::new(),
        };
        connection.agent.handle_transport(input, now);
        connection.take_outputs();
        connection.events.clear();
        connection
    }

    pub fn with_password(mut self, password: &str) -> Self {
        self.digest = DigestSession::new(credentials(password));
        self
    }

    pub fn send(&mut self, bytes: &[u8]) {
        self.agent.handle_transport(TransportInput::Message(bytes), self.now);
        self.take_outputs();
    }

    pub fn command(&mut self, command: GatewayCommand) {
        self.agent.handle_command(command, self.now);
        self.take_outputs();
    }

    /// Lets time pass, each timer at its moment.
    pub fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        while let Some(due) = self.agent.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.agent.handle_timeout(self.now);
            self.take_outputs();
        }
        self.now = end;
    }

    /// The next message from the gateway.
    pub fn message(&mut self) -> Option<Message> {
        self.messages.pop_front()
    }

    pub fn response(&mut self) -> Response {
        match self.message() {
            Some(Message::Response(response)) => response,
            other => panic!("no response but {other:?}"),
        }
    }

    pub fn request(&mut self) -> Request {
        match self.message() {
            Some(Message::Request(request)) => request,
            other => panic!("no request but {other:?}"),
        }
    }

    pub fn statuses(&mut self) -> Vec<u16> {
        std::iter::from_fn(|| self.message())
            .map(|message| match message {
                Message::Response(response) => response.status,
                Message::Request(request) => panic!("a request: {request:?}"),
            })
            .collect()
    }

    /// A request as JsSIP writes it, with the next CSeq.
    pub fn make(&mut self, method: &str, uri: &str, headers: &str) -> Request {
        self.cseq += 1;
        let cseq = self.cseq;
        let text = format!(
            "{method} {uri} SIP/2.0\r\nVia: SIP/2.0/WSS c.invalid;branch=z9hG4bK{method}{cseq}\r\nMax-Forwards: 69\r\n\
             To: <sip:alice-1@{REALM}>\r\nFrom: <sip:alice-1@{REALM}>;tag=from\r\nCall-ID: {method}\r\n\
             CSeq: {cseq} {method}\r\n{headers}Content-Length: 0\r\n\r\n"
        );
        match Message::parse(text.as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    pub fn register(&mut self, headers: &str) -> Request {
        self.make("REGISTER", &format!("sip:{REALM}"), headers)
    }

    /// Sends a request, and again with credentials when it is challenged; the last response.
    pub fn attempt(&mut self, mut request: Request) -> Response {
        let mut attempts = Attempts::default();
        for _ in 0..4 {
            self.send(&request.to_bytes());
            let response = self.response();
            if !matches!(response.status, 401 | 407) || self.digest.handle_challenge(&mut attempts, &response).is_err()
            {
                return response;
            }
            request = self.authorized(request, &mut attempts);
        }
        panic!("challenged for ever");
    }

    /// The request anew, with credentials for the last challenge.
    pub fn authorized(&mut self, mut request: Request, attempts: &mut Attempts) -> Request {
        self.cseq += 1;
        let what = (&request.method.clone(), request.uri.as_str());
        let (name, value) = self.digest.authorization(attempts, what, &mut Seeded(7)).unwrap();
        request.headers.set(name, value);
        request
            .headers
            .set(HeaderName::CSeq, format_args!("{} {}", self.cseq, request.method));
        let via = format!("SIP/2.0/WSS c.invalid;branch=z9hG4bKauth{}", self.cseq);
        request.headers.set(HeaderName::Via, via);
        request
    }

    pub fn challenge(&mut self, response: &Response, attempts: &mut Attempts) -> bool {
        self.digest.handle_challenge(attempts, response).is_ok()
    }

    fn take_outputs(&mut self) {
        while let Some(output) = self.agent.poll_output() {
            match output {
                Output::Send(bytes) => self.messages.extend(Message::parse(&bytes)),
                Output::CloseWebSocket(code) => self.closed = Some(code),
                Output::BindUdp { call, .. } => {
                    self.agent
                        .handle_udp(call, UdpInput::Bound(vec![address(40_000)]), self.now);
                }
                Output::Event(event) => self.events.push(event),
                _ => {}
            }
        }
    }
}

pub fn address(port: u16) -> SocketAddr {
    ([127, 0, 0, 1], port).into()
}

pub fn is(method: &Method, request: &Request) -> bool {
    *method == request.method
}
