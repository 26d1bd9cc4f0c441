//! A user agent with everything around it, in virtual time.
use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use c2c_proto::io::{
    CallEnd, CallId, CallPolicy, ClockOrigin, Command, Datagram, Event, FRAME, KeepAlive, KeepAliveKind, NetworkInput,
    NetworkRequest, Originator, Output, Secret, SipSettings, Transmit, TransportFailure, TransportInput, TransportStep,
    UdpInput,
};
use c2c_proto::media::codec::Codec;
use c2c_proto::media::dtls::DtlsCertificate;
use c2c_proto::media::servers::IceConfig;
use c2c_proto::media::stats::CallStats;
use c2c_proto::user_agent::UserAgent;

use super::far_end::{FarEnd, Sound};
use super::messages::{Draft, Heard, ServerDialog};
use super::network::Network;
use super::random::Seeded;
use super::registrar;

/// The call of most scenarios.
pub(crate) const CALL: CallId = CallId(1);
pub(crate) const ALL_CODECS: [Codec; 3] = [Codec::Opus, Codec::Pcmu, Codec::Pcma];

pub(crate) struct Rig {
    pub(crate) agent: UserAgent,
    pub(crate) clock: ClockOrigin,
    pub(crate) now: Instant,
    pub(crate) network: Network,
    pub(crate) far: Option<FarEnd>,
    /// Where the next far end is; its port tells it from the agent's sockets.
    pub(crate) far_address: SocketAddr,
    pub(crate) sound: Sound,
    /// Messages of the client that the scenario has not looked at.
    pub(crate) inbox: VecDeque<Vec<u8>>,
    /// Events that it has not looked at.
    pub(crate) unseen: Vec<Event>,
    /// Every output's name, with the calls' events in between.
    pub(crate) trail: Vec<String>,
    pub(crate) opened: Vec<String>,
    pub(crate) closed_with: Option<u16>,
    pub(crate) ticking: BTreeSet<CallId>,
    pub(crate) released: Vec<CallId>,
    /// Sockets are bound by themselves; a scenario that says otherwise answers `BindUdp` itself.
    pub(crate) binds: bool,
    /// No sound is made and played: long calls are over sooner.
    pub(crate) is_deaf: bool,
    pub(crate) bind_requests: Vec<Vec<IpAddr>>,
    /// Those that the scenario has not answered.
    pub(crate) unbound: VecDeque<(CallId, Vec<IpAddr>)>,
    /// What calls ask of the network, for the scenario to answer.
    pub(crate) requests: VecDeque<(CallId, NetworkRequest)>,
    /// Addresses that the machine lost: nothing comes to them, and sending from them is refused.
    pub(crate) gone: BTreeSet<IpAddr>,
    /// Sockets that were closed while their call went on.
    pub(crate) closed_sockets: Vec<SocketAddr>,
    /// Whose socket has a port.
    ports: BTreeMap<u16, CallId>,
    next_tick: Instant,
    next_port: u16,
}

/// Making one, in the state that a scenario starts from.
impl Rig {
    pub(crate) fn new() -> Self {
        Self::seeded(1)
    }

    pub(crate) fn seeded(seed: u64) -> Self {
        // the one thing that only the real clock can make
        #[allow(clippy::disallowed_methods)]
        let now = Instant::now();
        let wall = SystemTime::UNIX_EPOCH + Duration::from_secs(1_800_000_000);
        let clock = ClockOrigin { instant: now, wall };
        let certificate = Arc::new(DtlsCertificate::generate().unwrap());
        Self {
            agent: UserAgent::new(clock, certificate, Box::new(Seeded(seed))),
            clock,
            now,
            network: Network::new(Duration::from_millis(10)),
            far: None,
            far_address: "127.0.0.1:30000".parse().unwrap(),
            sound: Sound::default(),
            inbox: VecDeque::new(),
            unseen: Vec::new(),
            trail: Vec::new(),
            opened: Vec::new(),
            closed_with: None,
            ticking: BTreeSet::new(),
            released: Vec::new(),
            binds: true,
            is_deaf: false,
            bind_requests: Vec::new(),
            unbound: VecDeque::new(),
            requests: VecDeque::new(),
            gone: BTreeSet::new(),
            closed_sockets: Vec::new(),
            ports: BTreeMap::new(),
            next_tick: now,
            next_port: 40_000,
        }
    }

    pub(crate) fn settings() -> SipSettings {
        SipSettings {
            websocket_uri: "wss://gateway.example:8443".into(),
            user: "caller".into(),
            realm: registrar::REALM.into(),
            username: registrar::USERNAME.into(),
            password: Secret(registrar::PASSWORD.into()),
            register: true,
            user_agent: "c2c/0.1.0".into(),
            register_expires: 600,
            session_expires: 90,
            local_address: None,
            ice: IceConfig::default(),
            reconnect_limit: Duration::from_secs(60),
            // scenarios of its own turn it on: a rig that pings never comes to rest
            keep_alive: KeepAlive {
                interval: Duration::ZERO,
                kind: KeepAliveKind::Ping,
            },
            refuse_md5: false,
            policy: CallPolicy::default(),
        }
    }

    /// Connected without registering, as runtime endpoints do.
    pub(crate) fn connected() -> Self {
        let mut rig = Self::new();
        let settings = SipSettings {
            register: false,
            ..Self::settings()
        };
        rig.command(Command::Connect(Box::new(settings)));
        rig.open();
        assert_eq!(rig.events(), ["Connecting", "Connected"]);
        rig
    }

    /// Connected and registered.
    pub(crate) fn registered() -> Self {
        let mut rig = Self::new();
        rig.command(Command::Connect(Box::new(Self::settings())));
        rig.open();
        rig.register(600);
        assert_eq!(rig.events(), ["Connecting", "Connected", "Registered"]);
        rig
    }

    /// With a call whose INVITE is out.
    pub(crate) fn inviting() -> (Self, Heard) {
        let mut rig = Self::connected();
        let invite = rig.invite(CALL);
        (rig, invite)
    }

    /// With a call that the far end answered, media connected.
    pub(crate) fn in_call() -> (Self, ServerDialog) {
        let (mut rig, invite) = Self::inviting();
        let dialog = rig.answer(&invite, "callee");
        rig.advance(Duration::from_secs(2));
        assert_eq!(rig.events(), ["TrackAdded", "Answered", "MediaConnected"]);
        (rig, dialog)
    }
}

/// What scenarios do.
impl Rig {
    pub(crate) fn command(&mut self, command: Command) {
        self.agent.handle_command(command, self.now);
        self.settle();
    }

    /// The WebSocket opens.
    pub(crate) fn open(&mut self) {
        self.open_from(&["127.0.0.1"]);
    }

    /// The WebSocket opens from the first of the machine's addresses.
    pub(crate) fn open_from(&mut self, addresses: &[&str]) {
        let interfaces: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let server = if interfaces[0].is_ipv4() {
            "127.0.0.1:8443"
        } else {
            "[::1]:8443"
        };
        self.transport(TransportInput::Opened {
            local: SocketAddr::new(interfaces[0], 50_000),
            remote: server.parse().unwrap(),
            interfaces,
        });
    }

    pub(crate) fn fail_open(&mut self, is_final: bool) {
        self.transport(TransportInput::Failed(TransportFailure {
            step: TransportStep::Connect,
            cause: "connection refused".into(),
            http_status: None,
            is_final,
        }));
    }

    /// The server refuses the upgrade for its credentials.
    pub(crate) fn refuse_upgrade(&mut self) {
        self.transport(TransportInput::Failed(TransportFailure {
            step: TransportStep::Upgrade,
            cause: "HTTP 401".into(),
            http_status: Some(401),
            is_final: true,
        }));
    }

    /// A lost WebSocket is open again, without waiting for the back-off.
    pub(crate) fn reopen(&mut self) {
        self.command(Command::Retry);
        self.open();
    }

    /// A connected client, with these changes to its settings.
    pub(crate) fn connected_with(change: impl FnOnce(&mut SipSettings)) -> Self {
        let mut rig = Self::new();
        let mut settings = Self::settings();
        settings.register = false;
        change(&mut settings);
        let registers = settings.register;
        rig.command(Command::Connect(Box::new(settings)));
        rig.open();
        if registers {
            rig.register(600);
        }
        rig.events();
        rig
    }

    pub(crate) fn close(&mut self, code: Option<u16>, reason: &str) {
        let reason = reason.to_owned();
        self.transport(TransportInput::Closed { code, reason });
    }

    pub(crate) fn transport(&mut self, input: TransportInput<'_>) {
        self.agent.handle_transport(input, self.now);
        self.settle();
    }

    pub(crate) fn udp(&mut self, call: CallId, input: UdpInput) {
        self.agent.handle_udp(call, input, self.now);
        self.settle();
    }

    /// The oldest `BindUdp` that waits is answered; the sockets of a call that was released meanwhile are closed at once.
    pub(crate) fn bind_next(&mut self, succeeds: bool) {
        let Some((call, addresses)) = self.unbound.pop_front() else {
            return;
        };
        if self.released.contains(&call) {
        } else if succeeds {
            self.bound(call, addresses);
        } else {
            let failed = UdpInput::Failed("no ports left".into());
            self.agent.handle_udp(call, failed, self.now);
        }
        self.settle();
    }

    /// Sockets of calls that have not been given back.
    pub(crate) fn sockets_in_use(&self) -> usize {
        let in_use = self.ports.values().filter(|call| !self.released.contains(call));
        in_use.count()
    }

    /// What a call asked of the network was done, or not.
    pub(crate) fn network_input(&mut self, call: CallId, input: NetworkInput<'_>) {
        self.agent.handle_network(call, input, self.now);
        self.settle();
    }

    /// The machine has these addresses now, the first one leads to the server.
    pub(crate) fn addresses(&mut self, addresses: &[&str]) {
        let interfaces: Vec<IpAddr> = addresses.iter().map(|text| text.parse().unwrap()).collect();
        let route = interfaces.first().copied();
        self.transport(TransportInput::Addresses { route, interfaces });
    }

    /// The machine loses an address and gets another one.
    pub(crate) fn move_to(&mut self, from: &str, to: &str) {
        self.gone.insert(from.parse().unwrap());
        self.addresses(&[to]);
    }

    /// The far end answers our re-INVITE.
    pub(crate) fn answer_reinvite(&mut self, invite: &Heard) -> String {
        let far = self.far.as_mut().expect("a far end");
        let sdp = far.session.handle_offer(invite.body.as_bytes(), self.now).unwrap();
        let ok = invite
            .reply(200, "OK")
            .header("Contact", super::messages::CONTACT)
            .sdp(&sdp);
        self.say(&ok.header("Session-Expires", "90;refresher=uac"));
        let ack = self.hear("ACK");
        assert_eq!(ack.cseq(), invite.cseq());
        sdp
    }

    /// The server sends a message.
    pub(crate) fn say(&mut self, draft: &Draft) {
        self.say_bytes(&draft.bytes());
    }

    pub(crate) fn say_bytes(&mut self, bytes: &[u8]) {
        self.transport(TransportInput::Message(bytes));
    }

    /// The client's next message, which must have this method (or be `SIP/2.0`).
    pub(crate) fn hear(&mut self, method: &str) -> Heard {
        let bytes = self.inbox.pop_front().unwrap_or_else(|| panic!("no {method} came"));
        let heard = Heard::parse(&bytes);
        assert_eq!(heard.method(), method, "{}", heard.start);
        heard
    }

    /// The status of the client's next message, a response.
    pub(crate) fn hear_status(&mut self) -> u16 {
        self.hear("SIP/2.0").second().parse().unwrap()
    }

    pub(crate) fn hear_nothing(&self) {
        let texts: Vec<_> = self.inbox.iter().map(|bytes| String::from_utf8_lossy(bytes)).collect();
        assert!(texts.is_empty(), "{texts:#?}");
    }

    /// Labels of the events since the last look.
    pub(crate) fn events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.unseen).iter().map(label).collect()
    }

    /// Answers REGISTER with a challenge and then with success.
    pub(crate) fn register(&mut self, expires: u32) -> Heard {
        let request = self.hear("REGISTER");
        self.say(&registrar::challenge(&request, "nonce-1", ""));
        let request = self.hear("REGISTER");
        assert!(registrar::is_authorised(&request, "nonce-1"));
        self.say(&registrar::granted(&request, expires));
        request
    }

    /// Starts a call and gives its INVITE.
    pub(crate) fn invite(&mut self, call: CallId) -> Heard {
        self.command(Command::StartCall {
            call,
            target: "app-1".into(),
            headers: vec![("X-Source".into(), "webrtc".into())],
        });
        let invite = self.hear("INVITE");
        assert_eq!(self.events(), ["CallCreated"]);
        invite
    }

    /// The far end's answer to an offer, and its media from now on.
    pub(crate) fn far_answer(&mut self, offer: &str, codecs: &[Codec]) -> String {
        let mut far = FarEnd::new(self.far_address, codecs, self.clock, self.now);
        let answer = far.session.handle_offer(offer.as_bytes(), self.now).unwrap();
        self.far = Some(far);
        answer
    }

    /// 200 with SDP to the INVITE; takes the ACK.
    pub(crate) fn answer(&mut self, invite: &Heard, tag: &str) -> ServerDialog {
        let sdp = self.far_answer(&invite.body, &ALL_CODECS);
        let ok = invite.answer(200, "OK", tag).sdp(&sdp);
        self.say(&ok.header("Session-Expires", "90;refresher=uac"));
        let ack = self.hear("ACK");
        assert_eq!(ack.cseq(), invite.cseq());
        ServerDialog::new(invite, tag)
    }

    /// Lets time pass: timers, datagrams and ticks happen when they are due.
    pub(crate) fn advance(&mut self, time: Duration) {
        let end = self.now + time;
        self.settle();
        for _ in 0..1_000_000 {
            let Some(next) = self.next().filter(|next| *next <= end) else {
                self.now = end;
                return;
            };
            self.now = self.now.max(next);
            self.run_due();
            self.settle();
        }
        panic!("it does not come to rest");
    }

    /// Lets time pass until nothing is due any more; gives how long that took.
    pub(crate) fn run_out(&mut self) -> Duration {
        let start = self.now;
        self.settle();
        for _ in 0..1_000_000 {
            let Some(next) = self.next() else {
                return self.now - start;
            };
            self.now = self.now.max(next);
            self.run_due();
            self.settle();
        }
        panic!("it does not come to rest");
    }

    pub(crate) fn end_call(&mut self) {
        self.command(Command::EndCall {
            call: CALL,
            reason: Some((480, "Ended by user".into())),
        });
    }

    /// End and numbers of the call that ended among the unseen events.
    pub(crate) fn end(&self) -> (&CallEnd, &CallStats) {
        let mut ends = self.unseen.iter().filter_map(|event| match event {
            Event::Ended(_, end, stats) | Event::Failed(_, end, stats) => Some((end, stats.as_ref())),
            _ => None,
        });
        ends.next_back().expect("no call ended")
    }
}

/// The world around the agent.
impl Rig {
    fn next(&self) -> Option<Instant> {
        let far = self.far.as_ref().and_then(|far| far.session.poll_timeout());
        let tick = (!self.ticking.is_empty() && !self.is_deaf).then_some(self.next_tick);
        let times = [self.agent.poll_timeout(), self.network.next(), far, tick];
        times.into_iter().flatten().min()
    }

    fn run_due(&mut self) {
        if self.agent.poll_timeout().is_some_and(|at| at <= self.now) {
            self.agent.handle_timeout(self.now);
            self.perform();
        }
        for flying in self.network.arrived(self.now) {
            self.deliver(flying.from, flying.to, &flying.payload);
        }
        if let Some(far) = &mut self.far
            && far.session.poll_timeout().is_some_and(|at| at <= self.now)
        {
            far.session.handle_timeout(self.now);
        }
        if self.next_tick <= self.now && !self.is_deaf {
            self.tick();
        }
    }

    fn tick(&mut self) {
        for call in self.ticking.clone() {
            self.agent.tick(call, &mut self.sound, self.now);
            self.perform();
        }
        if let Some(far) = &mut self.far {
            far.tick(self.now);
        }
        self.next_tick = self.now + FRAME;
    }

    fn deliver(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8]) {
        if to.port() == 30_000 {
            if let Some(far) = &mut self.far {
                far.handle_datagram(from, to, payload, self.now);
            }
        } else if self.gone.contains(&to.ip()) {
        } else if let Some(call) = self.ports.get(&to.port()) {
            let datagram = Datagram {
                local: to,
                remote: from,
                payload,
            };
            self.agent.handle_datagram(*call, datagram, self.now);
            self.perform();
        }
    }

    /// Does what both ends want done.
    fn settle(&mut self) {
        self.perform();
        if let Some(far) = &mut self.far {
            for transmit in far.drain() {
                self.network
                    .send(transmit.local, transmit.remote, transmit.payload, self.now);
            }
        }
    }

    fn perform(&mut self) {
        for _ in 0..10_000 {
            let Some(output) = self.agent.poll_output() else { return };
            self.perform_one(output);
        }
        panic!("outputs without end");
    }

    fn perform_one(&mut self, output: Output<Event>) {
        match output {
            Output::OpenWebSocket(uri) => self.opened.push(uri),
            Output::Send(bytes) => {
                self.trail.push("Send".into());
                self.inbox.push_back(bytes);
            }
            Output::Ping => self.trail.push("Ping".into()),
            Output::CloseWebSocket(code) => self.closed_with = Some(code),
            Output::BindUdp { call, addresses } => self.bind(call, addresses),
            Output::ListAddresses => self.trail.push("ListAddresses".into()),
            Output::CloseUdp { sockets, .. } => self.close_sockets(sockets),
            Output::Transmit(call, Transmit { local, remote, .. }) if self.gone.contains(&local.ip()) => {
                let refused = UdpInput::Unsendable { local, remote };
                self.agent.handle_udp(call, refused, self.now);
            }
            Output::Transmit(_, transmit) => {
                self.trail.push("Transmit".into());
                self.network
                    .send(transmit.local, transmit.remote, transmit.payload, self.now);
            }
            Output::Network(call, request) => self.requests.push_back((call, request)),
            Output::StartTicking(call) => {
                assert!(self.ticking.insert(call), "StartTicking twice");
                self.trail.push("StartTicking".into());
            }
            Output::StopTicking(call) => {
                assert!(self.ticking.remove(&call), "StopTicking without StartTicking");
                self.trail.push("StopTicking".into());
            }
            Output::EndAudio(_) => self.trail.push("EndAudio".into()),
            Output::Release(call) => {
                assert!(!self.released.contains(&call), "Release twice");
                self.released.push(call);
                self.trail.push("Release".into());
            }
            Output::Event(event) => {
                self.trail.push(label(&event));
                self.unseen.push(event);
            }
        }
    }

    fn close_sockets(&mut self, sockets: Vec<SocketAddr>) {
        for socket in sockets {
            assert!(self.ports.remove(&socket.port()).is_some(), "a socket closed twice");
            self.closed_sockets.push(socket);
        }
    }

    fn bind(&mut self, call: CallId, addresses: Vec<IpAddr>) {
        self.bind_requests.push(addresses.clone());
        if self.binds {
            self.bound(call, addresses);
        } else {
            self.unbound.push_back((call, addresses));
        }
    }

    fn bound(&mut self, call: CallId, addresses: Vec<IpAddr>) {
        let gone = self.gone.clone();
        let addresses: Vec<IpAddr> = addresses.into_iter().filter(|ip| !gone.contains(ip)).collect();
        if addresses.is_empty() {
            let failed = UdpInput::Failed("no such address".into());
            return self.agent.handle_udp(call, failed, self.now);
        }
        let sockets = addresses.into_iter().map(|address| {
            self.next_port += 1;
            self.ports.insert(self.next_port, call);
            SocketAddr::new(address, self.next_port)
        });
        let sockets = sockets.collect();
        self.agent.handle_udp(call, UdpInput::Bound(sockets), self.now);
    }
}

/// An event in a few words.
pub(crate) fn label(event: &Event) -> String {
    match event {
        Event::ConnectFailed(failure) if failure.is_final => "ConnectFailed finally".into(),
        Event::RegistrationFailed { cause, status, .. } => {
            format!("RegistrationFailed {cause} {}", shown(status.as_ref()))
        }
        Event::Disconnected { code, .. } => format!("Disconnected {}", shown(code.as_ref())),
        Event::InfoFailed { cause, status, .. } => format!("InfoFailed {cause} {}", shown(status.as_ref())),
        Event::InfoReceived { content_type, body, .. } => {
            format!("InfoReceived {content_type} {}", String::from_utf8_lossy(body))
        }
        Event::PlayEnded { play, completed, .. } => format!("PlayEnded {play} {completed}"),
        Event::Ended(_, end, _) => format!("Ended {}", ended(end)),
        Event::Failed(_, end, _) => format!("Failed {}", ended(end)),
        other => {
            let text = format!("{other:?}");
            text.split(['(', ' ']).next().unwrap().to_owned()
        }
    }
}

fn ended(end: &CallEnd) -> String {
    let originator = match end.originator {
        Originator::Local => "local",
        Originator::Remote => "remote",
        Originator::System => "system",
    };
    let description = end.description.as_ref().map(|text| format!(" {text}"));
    format!("{originator} {}{}", end.cause, description.unwrap_or_default())
}

fn shown<T: ToString>(value: Option<&T>) -> String {
    value.map_or("-".to_owned(), ToString::to_string)
}
