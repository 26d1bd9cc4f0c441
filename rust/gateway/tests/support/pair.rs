//! A client's user agent and a gateway's agent on a virtual network with a virtual clock.
use std::collections::{BTreeMap, BTreeSet};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use c2c_engine::agent::Agent;
use c2c_gateway::agent::GatewayAgent;
use c2c_gateway::io::{CallCommand, CallStarted, GatewayCallEnd, GatewayCommand, GatewayEvent};
use c2c_gateway::settings::GatewaySettings;
use c2c_proto::io::{
    AudioPort, CallEnd, CallId, CallPolicy, ClockOrigin, Command, Datagram, Event, FRAME, KeepAlive, Output, Secret,
    SipSettings, Transmit, TransportInput, UdpInput,
};
use c2c_proto::media::clip::Clip;
use c2c_proto::media::dtls::DtlsCertificate;
use c2c_proto::media::servers::IceConfig;
use c2c_proto::media::stats::CallStats;
use c2c_proto::user_agent::UserAgent;

use super::{REALM, Seeded, address, shared};

/// The client's only call.
pub const CALL: CallId = CallId(7);

/// Time that a message or a datagram takes.
const DELAY: Duration = Duration::from_millis(1);

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Side {
    Client,
    Gateway,
}

enum Delivery {
    Opened,
    Message(Vec<u8>),
    Alive,
    Closed(Option<u16>),
    Datagram(CallId, Transmit),
}

/// What the client hears, at 16 kHz.
#[derive(Default)]
pub struct Recorder(pub Vec<i16>);

impl AudioPort for Recorder {
    fn outgoing_rate(&self) -> Option<u32> {
        None
    }

    fn pull(&mut self, _frame: &mut [i16]) -> bool {
        false
    }

    fn incoming_rates(&self) -> Vec<u32> {
        vec![16_000]
    }

    fn push(&mut self, _rate: u32, samples: &[i16], _position: u64) {
        self.0.extend(samples);
    }
}

pub struct Pair {
    pub now: Instant,
    client: UserAgent,
    gateway: Box<dyn Agent<Command = GatewayCommand, Event = GatewayEvent>>,
    deliveries: BTreeMap<(Instant, u64), (Side, Delivery)>,
    ticking: BTreeSet<(Side, CallId)>,
    next_tick: Instant,
    sockets: BTreeMap<SocketAddr, (Side, CallId)>,
    sent: u64,
    is_open: bool,
    /// Start of messages of the client that are lost.
    pub loses: Option<&'static str>,
    pub heard: Recorder,
    pub client_events: Vec<Event>,
    pub gateway_events: Vec<GatewayEvent>,
    /// Start lines of the messages, in the order in which they were sent.
    pub wire: Vec<(Side, String)>,
}

impl Pair {
    pub fn new(settings: GatewaySettings) -> Self {
        let now = Instant::now();
        let certificate = Arc::new(DtlsCertificate::generate().unwrap());
        let clock = ClockOrigin {
            instant: now,
            wall: SystemTime::now(),
        };
        Self {
            now,
            client: UserAgent::new(clock, certificate, Box::new(Seeded(5))),
            gateway: Box::new(GatewayAgent::new(1, shared(settings, now), Box::new(Seeded(99)))),
            deliveries: BTreeMap::new(),
            ticking: BTreeSet::new(),
            next_tick: now,
            sockets: BTreeMap::new(),
            sent: 0,
            is_open: false,
            loses: None,
            heard: Recorder::default(),
            client_events: Vec::new(),
            gateway_events: Vec::new(),
            wire: Vec::new(),
        }
    }

    /// A pair whose client is registered.
    pub fn registered(settings: GatewaySettings) -> Self {
        let mut pair = Self::new(settings);
        pair.connect("secret", 90);
        pair.run_until(|pair| {
            pair.client_events
                .iter()
                .any(|event| matches!(event, Event::Registered))
        });
        pair
    }

    /// A pair whose client's call has sound.
    pub fn connected(settings: GatewaySettings) -> Self {
        let mut pair = Self::registered(settings);
        pair.call();
        pair.run_until(|pair| {
            let client = pair
                .client_events
                .iter()
                .any(|event| matches!(event, Event::MediaConnected(_)));
            let gateway = pair
                .gateway_events
                .iter()
                .any(|event| matches!(event, GatewayEvent::MediaConnected(_)));
            client && gateway
        });
        pair
    }

    pub fn connect(&mut self, password: &str, session_expires: u32) {
        self.command(Command::Connect(Box::new(SipSettings {
            websocket_uri: "wss://127.0.0.1:8443".into(),
            user: "user-1".into(),
            realm: REALM.into(),
            username: "alice".into(),
            password: Secret(password.into()),
            register: true,
            user_agent: "c2c/test".into(),
            register_expires: 600,
            session_expires,
            local_address: None,
            ice: IceConfig::default(),
            reconnect_limit: Duration::from_secs(60),
            keep_alive: KeepAlive::default(),
            refuse_md5: false,
            policy: CallPolicy::default(),
        })));
    }

    pub fn call(&mut self) {
        self.command(Command::StartCall {
            call: CALL,
            target: "app-1".into(),
            headers: vec![("X-Source".into(), "webrtc".into())],
        });
    }

    pub fn command(&mut self, command: Command) {
        self.client.handle_command(command, self.now);
        self.take_outputs();
    }

    pub fn gateway_command(&mut self, command: GatewayCommand) {
        self.gateway.handle_command(command, self.now);
        self.take_outputs();
    }

    /// Asks the gateway for something in the call that it got first.
    pub fn gateway_call(&mut self, command: CallCommand) {
        let call = self.started().call;
        self.gateway_command(GatewayCommand::Call(call, command));
    }

    /// Lets time pass until `reached`; panics after two virtual minutes.
    #[track_caller]
    pub fn run_until(&mut self, reached: impl Fn(&Self) -> bool) {
        let end = self.now + Duration::from_secs(120);
        while !reached(self) {
            assert!(
                self.step(end),
                "not reached: {:#?}\n{:#?}",
                self.client_events,
                self.wire
            );
        }
    }

    pub fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        while self.step(end) {}
    }

    pub fn started(&self) -> &CallStarted {
        let started = self.gateway_events.iter().find_map(|event| match event {
            GatewayEvent::CallStarted(started) => Some(started),
            _ => None,
        });
        started.expect("no call came")
    }

    /// How the client's call ended; waits for it.
    #[track_caller]
    pub fn client_end(&mut self) -> (CallEnd, CallStats) {
        let end = |pair: &Self| {
            pair.client_events.iter().find_map(|event| match event {
                Event::Ended(_, end, stats) | Event::Failed(_, end, stats) => Some((end.clone(), (**stats).clone())),
                _ => None,
            })
        };
        self.run_until(|pair| end(pair).is_some());
        end(self).unwrap()
    }

    /// How the gateway's call ended; waits for it.
    #[track_caller]
    pub fn gateway_end(&mut self) -> GatewayCallEnd {
        let end = |pair: &Self| {
            pair.gateway_events.iter().find_map(|event| match event {
                GatewayEvent::CallEnded(_, end) => Some((**end).clone()),
                _ => None,
            })
        };
        self.run_until(|pair| end(pair).is_some());
        end(self).unwrap()
    }

    /// Start lines that this side sent with this beginning.
    pub fn sent(&self, side: Side, start: &str) -> usize {
        let mut lines = 0;
        for (from, line) in &self.wire {
            lines += usize::from(*from == side && line.starts_with(start));
        }
        lines
    }

    /// Until the client was told an event.
    #[track_caller]
    pub fn client_told(&mut self, is: impl Fn(&Event) -> bool) {
        self.run_until(|pair| pair.client_events.iter().any(&is));
    }

    /// Until the gateway told an event.
    #[track_caller]
    pub fn gateway_told(&mut self, is: impl Fn(&GatewayEvent) -> bool) {
        self.run_until(|pair| pair.gateway_events.iter().any(&is));
    }

    /// What is next at or before `end`; false when nothing is (the time is `end` then).
    fn step(&mut self, end: Instant) -> bool {
        let delivery = self.deliveries.keys().next().map(|(due, _)| *due);
        let tick = (!self.ticking.is_empty()).then_some(self.next_tick);
        let timeouts = [self.client.poll_timeout(), self.gateway.poll_timeout()];
        let due = [delivery, tick].into_iter().chain(timeouts).flatten().min();
        let Some(due) = due.filter(|due| *due <= end) else {
            self.now = end;
            return false;
        };
        self.now = self.now.max(due);
        if tick.is_some_and(|tick| tick <= self.now) {
            self.tick();
        }
        if let Some(entry) = self.deliveries.first_entry().filter(|entry| entry.key().0 <= self.now) {
            let (side, delivery) = entry.remove();
            self.deliver(side, &delivery);
        }
        if self.client.poll_timeout().is_some_and(|due| due <= self.now) {
            self.client.handle_timeout(self.now);
        }
        if self.gateway.poll_timeout().is_some_and(|due| due <= self.now) {
            self.gateway.handle_timeout(self.now);
        }
        self.take_outputs();
        true
    }

    fn tick(&mut self) {
        for (side, call) in self.ticking.clone() {
            match side {
                Side::Client => self.client.tick(call, &mut self.heard, self.now),
                Side::Gateway => self.gateway.tick(call, &mut Recorder::default(), self.now),
            }
            self.take_outputs();
        }
        self.next_tick = self.now + FRAME;
    }

    fn deliver(&mut self, side: Side, delivery: &Delivery) {
        let input = match delivery {
            Delivery::Opened => TransportInput::Opened {
                local: address(if side == Side::Client { 50_000 } else { 8443 }),
                remote: address(if side == Side::Client { 8443 } else { 50_000 }),
                interfaces: Vec::new(),
            },
            Delivery::Message(bytes) if self.is_open => TransportInput::Message(bytes),
            Delivery::Alive if self.is_open => TransportInput::Alive,
            Delivery::Message(_) | Delivery::Alive => return,
            Delivery::Closed(code) => TransportInput::Closed {
                code: *code,
                reason: String::new(),
            },
            Delivery::Datagram(call, transmit) => return self.deliver_datagram(side, *call, transmit),
        };
        match side {
            Side::Client => self.client.handle_transport(input, self.now),
            Side::Gateway => self.gateway.handle_transport(input, self.now),
        }
    }

    fn deliver_datagram(&mut self, side: Side, call: CallId, transmit: &Transmit) {
        let datagram = Datagram {
            local: transmit.remote,
            remote: transmit.local,
            payload: &transmit.payload,
        };
        match side {
            Side::Client => self.client.handle_datagram(call, datagram, self.now),
            Side::Gateway => self.gateway.handle_datagram(call, datagram, self.now),
        }
    }

    fn take_outputs(&mut self) {
        loop {
            if let Some(output) = self.client.poll_output() {
                if let Some(event) = self.perform(Side::Client, output) {
                    self.client_events.push(event);
                }
            } else if let Some(output) = self.gateway.poll_output() {
                if let Some(event) = self.perform(Side::Gateway, output) {
                    self.gateway_events.push(event);
                }
            } else {
                return;
            }
        }
    }

    fn perform<E>(&mut self, side: Side, output: Output<E>) -> Option<E> {
        let other = if side == Side::Client {
            Side::Gateway
        } else {
            Side::Client
        };
        match output {
            Output::OpenWebSocket(_) => {
                self.is_open = true;
                self.send(Side::Gateway, Delivery::Opened);
                self.send(Side::Client, Delivery::Opened);
            }
            Output::Send(bytes) => {
                let text = String::from_utf8_lossy(&bytes).into_owned();
                self.wire
                    .push((side, text.lines().next().unwrap_or_default().to_owned()));
                let is_lost = self.loses.is_some_and(|start| text.starts_with(start));
                if side == Side::Gateway || !is_lost {
                    self.send(other, Delivery::Message(bytes));
                }
            }
            // a WebSocket answers by itself
            Output::Ping => self.send(side, Delivery::Alive),
            Output::CloseWebSocket(code) => {
                self.is_open = code != 1006;
                self.send(other, Delivery::Closed((code != 1006).then_some(code)));
                self.send(side, Delivery::Closed(None));
            }
            Output::BindUdp { call, addresses } => self.bind(side, call, addresses.len()),
            Output::CloseUdp { .. } | Output::ListAddresses => {}
            Output::Network(..) | Output::EndAudio(_) => unreachable!("no servers are configured"),
            Output::Transmit(_, transmit) => {
                if let Some((to, call)) = self.sockets.get(&transmit.remote).copied() {
                    self.send(to, Delivery::Datagram(call, transmit));
                }
            }
            Output::StartTicking(call) => {
                self.ticking.insert((side, call));
                self.next_tick = self.next_tick.max(self.now);
            }
            Output::StopTicking(call) => {
                self.ticking.remove(&(side, call));
            }
            Output::Release(call) => self.sockets.retain(|_, owner| *owner != (side, call)),
            Output::Event(event) => return Some(event),
        }
        None
    }

    fn bind(&mut self, side: Side, call: CallId, count: usize) {
        let first = 40_000 + self.sockets.len();
        let sockets: Vec<SocketAddr> = (first..first + count).map(|port| address(port as u16)).collect();
        self.sockets
            .extend(sockets.iter().map(|socket| (*socket, (side, call))));
        match side {
            Side::Client => self.client.handle_udp(call, UdpInput::Bound(sockets), self.now),
            Side::Gateway => self.gateway.handle_udp(call, UdpInput::Bound(sockets), self.now),
        }
    }

    fn send(&mut self, to: Side, delivery: Delivery) {
        self.sent += 1;
        self.deliveries.insert((self.now + DELAY, self.sent), (to, delivery));
    }
}

/// A sine tone of -20 dBFS.
pub fn tone(frequency: f64, seconds: f64) -> Arc<Clip> {
    let step = std::f64::consts::TAU * frequency / 48_000.0;
    let samples = (0..(seconds * 48_000.0) as u32).map(|n| (4634.0 * (f64::from(n) * step).sin()) as i16);
    Arc::new(Clip::new(48_000, samples.collect()).unwrap())
}

/// Level in dBFS of one frequency in samples (Goertzel).
pub fn level_at(frequency: f64, samples: &[i16], rate: u32) -> f64 {
    let turn = 2.0 * (std::f64::consts::TAU * frequency / f64::from(rate)).cos();
    let (mut last, mut before) = (0.0, 0.0);
    for sample in samples {
        let next = f64::from(*sample) / 32_768.0 + turn * last - before;
        (before, last) = (last, next);
    }
    let power = (last * last + before * before - turn * last * before).max(1e-20);
    let count = samples.len().max(1) as f64;
    // a sine of RMS level L has |X|² = L² N² / 2
    10.0 * (2.0 * power / (count * count)).log10()
}
