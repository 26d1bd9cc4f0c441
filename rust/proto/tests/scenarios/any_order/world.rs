//! The world of one run, and what it does at each step.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::rules::{self, Invites};
use super::{ADDRESSES, METHODS, Step};
use crate::support::far_end::FarEnd;
use crate::support::messages::{Draft, stranger};
use crate::support::registrar::{challenge, granted};
use crate::support::rig::ALL_CODECS;
use crate::support::{Heard, Rig, ServerDialog, stun_server};
use c2c_proto::dtmf::{DtmfRequest, DtmfTransport};
use c2c_proto::io::{
    CallId, Command, Event, KeepAlive, NetworkInput, NetworkRequest, Secret, SipSettings, TransportInput,
};
use c2c_proto::media::clip::Clip;
use c2c_proto::media::codec::Codec;
use c2c_proto::media::description::Direction;
use c2c_proto::media::servers::{IceConfig, IceServerSettings, IceTransportPolicy};

/// Where the STUN and TURN servers are.
const SERVER: &str = "127.0.0.1:3478";
const SERVERS: [&str; 4] = [
    "stun:127.0.0.1",
    "turn:127.0.0.1",
    "turn:turn.example?transport=tcp",
    "turns:127.0.0.1",
];

/// What a client of a run is like.
#[derive(Clone, Copy, Debug)]
pub(super) struct Kind {
    pub(super) registers: bool,
    pub(super) has_servers: bool,
    /// It begins in the middle of a call.
    pub(super) is_in_call: bool,
}

/// The world of one run: what was heard, said and begun.
pub(super) struct World {
    rig: Rig,
    kind: Kind,
    requests: Vec<Heard>,
    said: Vec<Vec<u8>>,
    dialogs: Vec<ServerDialog>,
    /// The last call to us: the number of its INVITE, and our 200.
    called: (u32, Option<Heard>),
    calls: u64,
    events: Vec<Event>,
    invites: Invites,
    /// Answers of the STUN and TURN servers.
    server_replies: usize,
    bound_late: usize,
    updates_refused: usize,
}

impl World {
    pub(super) fn new(kind: Kind) -> Self {
        Self {
            rig: Rig::new(),
            kind,
            requests: Vec::new(),
            said: Vec::new(),
            dialogs: Vec::new(),
            called: (0, None),
            calls: 0,
            events: Vec::new(),
            invites: Invites::default(),
            server_replies: 0,
            bound_late: 0,
            updates_refused: 0,
        }
    }

    pub(super) fn run(&mut self, step: Step) {
        match step {
            Step::Opened => self.rig.open(),
            Step::Reopen => self.rig.reopen(),
            Step::OpenFailed(is_final) => self.rig.fail_open(is_final),
            Step::Closed => self.rig.close(Some(1006), "lost"),
            Step::UpgradeRefused => self.rig.refuse_upgrade(),
            Step::Alive => self.rig.transport(TransportInput::Alive),
            Step::Answer(request, status, sdp) => self.answer(request, status, sdp),
            Step::Request(dialog, method, old) => self.request(dialog, METHODS[method % METHODS.len()], old),
            Step::Again(message) => {
                if let Some(bytes) = pick(&self.said, message).cloned() {
                    self.rig.say_bytes(&bytes);
                }
            }
            Step::Garbage(bytes) => self.rig.say_bytes(&bytes),
            Step::Stranger(method) => {
                let draft = stranger(METHODS[method % METHODS.len()], "sip:caller@realm.example");
                self.rig.say(&draft);
            }
            Step::CallUs(offers, is_merged) => self.call_us(offers, is_merged),
            Step::Decide(call, answers) => self.decide(call, answers),
            Step::CancelOrAck(cancels) => self.cancel_or_acknowledge(cancels),
            Step::Wait(milliseconds) => self.wait(Duration::from_millis(milliseconds)),
            Step::CutNetwork(is_down) => self.rig.network.is_down = is_down,
            Step::BindByHand(by_hand) => self.rig.binds = !by_hand,
            Step::Bind(succeeds) => {
                self.bound_late += usize::from(!self.rig.unbound.is_empty());
                self.rig.bind_next(succeeds);
            }
            Step::Network(succeeds) => self.network(succeeds),
            Step::ServerAnswers(choice) => self.server_answers(choice),
            Step::Addresses(choice) => self.rig.addresses(ADDRESSES[choice % ADDRESSES.len()]),
            Step::Refuse(choice, is_gone) => {
                let address = if choice % 2 == 0 { "127.0.0.1" } else { "127.0.0.2" };
                let address = address.parse().unwrap();
                if is_gone {
                    self.rig.gone.insert(address);
                } else {
                    self.rig.gone.remove(&address);
                }
            }
            command => self.command(&command),
        }
        self.collect();
    }

    fn command(&mut self, step: &Step) {
        let call = |index: usize| self.pick_call(index);
        let command = match *step {
            Step::Connect(register) => Command::Connect(Box::new(self.kind.settings(register))),
            Step::Renew(newer) => Command::Renew(newer.then(|| Box::new(self.kind.settings(self.kind.registers)))),
            Step::Retry => Command::Retry,
            Step::StartCall => {
                self.calls += 1;
                Command::StartCall {
                    call: CallId(self.calls),
                    target: "app-1".into(),
                    headers: vec![],
                }
            }
            Step::EndCall(index) => Command::EndCall {
                call: call(index),
                reason: (index % 2 == 0).then(|| (480, "Ended by user".into())),
            },
            Step::SendInfo(index) => Command::SendInfo {
                call: call(index),
                request: index as u64,
                content_type: "application/json".into(),
                body: b"{}".to_vec(),
            },
            Step::SendDtmf(index, in_rtp) => Command::SendDtmf {
                call: call(index),
                request: index as u64,
                dtmf: tones(index, in_rtp),
            },
            Step::Mute(index, muted) => Command::SetMuted {
                call: call(index),
                muted,
            },
            Step::Play(index) => Command::Play {
                call: call(index),
                play: index as u64,
                clip: Arc::new(Clip::new(8_000, vec![1; 8_000]).unwrap()),
            },
            Step::StopPlaying(index) => Command::StopPlaying {
                call: call(index),
                play: index as u64,
            },
            Step::NetworkChanged => Command::NetworkChanged,
            _ => Command::Disconnect,
        };
        self.rig.command(command);
    }

    fn answer(&mut self, request: usize, status: u16, sdp: bool) {
        let is_odd = request % 2 == 1;
        let Some(request) = pick(&self.requests, request).cloned() else {
            return;
        };
        let tag = format!("tag{}", status % 3);
        let is_invite = request.method() == "INVITE";
        // every other far side has no UPDATE
        let has_no_update = request.method() == "UPDATE" && is_odd;
        let status = if has_no_update { 405 } else { status };
        self.updates_refused += usize::from(has_no_update);
        let mut draft = match status {
            401 => challenge(&request, &format!("nonce-{}", self.said.len()), ""),
            200 if request.method() == "REGISTER" => granted(&request, 60),
            422 => request.reply(422, "Too Small").tag(&tag).header("Min-SE", "120"),
            423 => request.reply(423, "Too Brief").tag(&tag).header("Min-Expires", "700"),
            _ => request.answer(status, "Whatever", &tag),
        };
        if matches!(request.method(), "INVITE" | "UPDATE") && status == 200 {
            draft = draft.header("Session-Expires", "90;refresher=uac");
        }
        if is_invite && sdp && (180..300).contains(&status) {
            let answer = self.far_answer(&request);
            draft = draft.sdp(&answer);
        }
        if is_invite {
            self.invites.answered(&request, status);
        }
        if is_invite && status > 100 {
            self.dialogs.push(ServerDialog::new(&request, &tag));
        }
        self.say(draft.bytes());
    }

    /// The far end that has the call answers an offer in its dialog; a new one any other.
    fn far_answer(&mut self, invite: &Heard) -> String {
        let now = self.rig.now;
        let far = self.rig.far.as_mut().filter(|_| invite.header("To").contains(";tag="));
        let answer = far.and_then(|far| far.session.handle_offer(invite.body.as_bytes(), now).ok());
        answer.unwrap_or_else(|| self.rig.far_answer(&invite.body, &[Codec::Opus, Codec::Pcmu]))
    }

    fn network(&mut self, succeeds: bool) {
        let Some((call, request)) = self.rig.requests.pop_front() else {
            return;
        };
        let address = |text: &str| text.parse::<std::net::SocketAddr>().unwrap();
        let closed = |stream| NetworkInput::StreamClosed {
            stream,
            reason: "reset".into(),
        };
        let challenged;
        let input = match &request {
            NetworkRequest::Resolve { host } => NetworkInput::Resolved {
                host,
                addresses: if succeeds {
                    Ok(vec![address("127.0.0.1:1").ip()])
                } else {
                    Err("no such name".into())
                },
            },
            NetworkRequest::OpenStream { stream, .. } if succeeds => NetworkInput::StreamOpened {
                stream: *stream,
                local: address("127.0.0.1:39999"),
                remote: address(SERVER),
            },
            NetworkRequest::WriteStream { stream, bytes, .. } if succeeds && bytes.len() >= 20 => {
                challenged = stun_server::challenge(bytes);
                NetworkInput::StreamBytes {
                    stream: *stream,
                    bytes: &challenged,
                }
            }
            NetworkRequest::CloseStream { .. } => return,
            NetworkRequest::OpenStream { stream, .. } | NetworkRequest::WriteStream { stream, .. } => closed(*stream),
        };
        self.rig.network_input(call, input);
    }

    /// Answers what is on its way to the server: with an address, a challenge, a relay, or no relay.
    fn server_answers(&mut self, choice: usize) {
        let Some(request) = self.rig.network.sent_to(SERVER.parse().unwrap()) else {
            return;
        };
        let is_binding = request.payload.starts_with(&[0, 1]);
        let is_signed = request.payload.windows(7).any(|bytes| bytes == b"\0\x05realm");
        let answer = match (is_binding, is_signed, choice % 8) {
            (true, ..) => stun_server::stun(0x0101, &request.payload, &[stun_server::mapped()]),
            (_, true, 1..) if request.payload.starts_with(&[0, 3]) => {
                stun_server::signed(stun_server::ALLOCATED, &request.payload, &stun_server::allocation())
            }
            (_, true, 1..) => stun_server::signed(
                u16::from_be_bytes([request.payload[0], request.payload[1]]) | 0x0100,
                &request.payload,
                &[(0x000d, vec![0, 0, 2, 88])],
            ),
            (_, _, 0) => stun_server::stun(0x0113, &request.payload, &[(0x0009, vec![0, 0, 4, 86])]),
            _ => stun_server::challenge(&request.payload),
        };
        self.server_replies += 1;
        self.rig.network.send(request.to, request.from, answer, self.rig.now);
        self.rig.advance(Duration::from_millis(10));
    }

    /// How many calls to us were told.
    fn incoming(&self) -> u64 {
        let is_one = |event: &&Event| matches!(event, Event::CallCreated(state) if state.incoming);
        self.events.iter().filter(is_one).count() as u64
    }

    fn pick_call(&self, index: usize) -> CallId {
        match (index % 3, self.incoming()) {
            (0, incoming @ 1..) => CallId(CallId::FIRST_INCOMING.0 + incoming - 1),
            _ => CallId(index as u64 % self.calls.max(1) + 1),
        }
    }

    fn decide(&mut self, index: usize, answers: bool) {
        let call = match self.incoming() {
            incoming @ 1.. if !index.is_multiple_of(4) => CallId(CallId::FIRST_INCOMING.0 + incoming - 1),
            _ => self.pick_call(index),
        };
        self.rig.command(if answers {
            Command::Answer { call }
        } else {
            let (status, reason) = ([486, 603, 42][index / 3 % 3], "No".into());
            Command::Reject { call, status, reason }
        });
    }

    fn call_us(&mut self, offers: bool, is_merged: bool) {
        if !is_merged || self.called.0 == 0 {
            self.called = (self.called.0 + 1, None);
        }
        let branch = if is_merged { "merged" } else { "" };
        let mut invite = calling("INVITE", "INVITE", branch, self.called.0);
        if offers {
            let address = "127.0.0.1:30000".parse().unwrap();
            let mut far = FarEnd::new(address, &ALL_CODECS, self.rig.clock, self.rig.now);
            invite = invite.sdp(&far.session.create_offer(self.rig.now).unwrap());
            self.rig.far = Some(far);
        }
        self.say(invite.bytes());
    }

    fn cancel_or_acknowledge(&mut self, cancels: bool) {
        let (number, accepted) = self.called.clone();
        if cancels {
            return self.say(calling("CANCEL", "INVITE", "", number).bytes());
        }
        let Some(ok) = accepted else { return };
        let mut dialog = ServerDialog::of_response(&ok);
        let ack = dialog.numbered("ACK", 1);
        let now = self.rig.now;
        let far = self.rig.far.as_mut().filter(|far| far.session.is_offering());
        let ack = match far.map(|far| far.session.handle_answer(ok.body.as_bytes(), now)) {
            None => ack.sdp(&self.rig.far_answer(&ok.body, &ALL_CODECS)),
            Some(_) => ack,
        };
        dialog.cseq = 100;
        self.dialogs.push(dialog);
        self.say(ack.bytes());
    }

    fn request(&mut self, dialog: usize, method: &str, old: bool) {
        let offer = self.offer(dialog);
        let count = self.dialogs.len().max(1);
        let Some(dialog) = self.dialogs.get_mut(dialog % count) else {
            return;
        };
        let draft = if old {
            dialog.numbered(method, dialog.cseq)
        } else {
            dialog.request(method)
        };
        let draft = match (method, offer) {
            ("INFO", None) => draft.body("text/plain", "x"),
            ("INFO", Some(_)) => draft.body("application/dtmf-relay", "Signal=1"),
            ("INVITE" | "UPDATE" | "ACK", Some(sdp)) => draft.sdp(&sdp),
            _ => draft,
        };
        self.say(draft.bytes());
    }

    /// The newest far end's offer that holds, resumes or changes the codec, every other time.
    fn offer(&mut self, number: usize) -> Option<String> {
        let now = self.rig.now;
        let far = self.rig.far.as_mut().filter(|_| number.is_multiple_of(2))?;
        let direction = [Direction::SendOnly, Direction::SendRecv, Direction::Inactive][number % 3];
        far.session
            .set_codecs([vec![Codec::Pcmu], vec![Codec::Opus, Codec::Pcma]][number / 2 % 2].clone());
        far.session.reoffer(direction, now).ok()
    }

    fn say(&mut self, bytes: Vec<u8>) {
        self.rig.say_bytes(&bytes);
        self.said.push(bytes);
    }

    fn collect(&mut self) {
        if self.rig.closed_with.take() == Some(1006) {
            self.rig.close(None, "");
        }
        let heard = self.rig.inbox.drain(..).filter(|bytes| !bytes.starts_with(b"\r\n"));
        for message in heard.map(|bytes| Heard::parse(&bytes)) {
            let number = format!("calling-{}", self.called.0);
            match message.method() {
                "SIP/2.0" if message.second() == "200" && message.header("Call-ID") == number => {
                    let is_invite = message.header("CSeq").ends_with("INVITE") && !message.body.is_empty();
                    self.called.1 = is_invite.then_some(message).or(self.called.1.take());
                }
                "SIP/2.0" | "ACK" => {}
                _ => {
                    self.invites.heard(&message, self.rig.now);
                    self.requests.push(message);
                }
            }
        }
        self.events.append(&mut self.rig.unseen);
    }

    /// A call that the far end answers.
    pub(super) fn begin_call(&mut self) {
        if self.kind.registers {
            self.run(Step::Answer(0, 200, false));
        }
        self.run(Step::StartCall);
        // servers that do not answer hold the INVITE up
        self.run(Step::Wait(5_000));
        self.run(Step::Answer(0, 200, true));
        self.run(Step::Wait(2_000));
    }

    /// From now on nobody hears or says anything: what waits gives up, and a call that rings is ended by its owner. Then
    /// nothing is left: no transaction, no call, no socket, no timer, although nobody disconnected.
    pub(super) fn fall_silent(&mut self) {
        self.rig.network.is_down = true;
        self.rig.is_deaf = true;
        self.wait(Duration::from_secs(600));
        let first = CallId::FIRST_INCOMING.0;
        for call in (1..=self.calls).chain(first..first + self.incoming()) {
            let reason = None;
            self.rig.command(Command::EndCall {
                call: CallId(call),
                reason,
            });
        }
        self.wait(Duration::from_secs(64));
        let is_end = |event: &&Event| matches!(event, Event::Ended(..) | Event::Failed(..));
        let calls = self.calls + self.incoming();
        assert_eq!(self.events.iter().filter(is_end).count() as u64, calls);
        let left = (self.rig.agent.transactions(), self.rig.agent.calls());
        assert_eq!(left, (0, 0), "transactions and calls");
        assert_eq!(self.rig.sockets_in_use(), 0, "sockets");
        assert!(self.rig.ticking.is_empty());
        self.rig.far = None;
        self.rig.run_out();
        assert_eq!(self.rig.agent.poll_timeout(), None);
    }

    /// How often this run came to what it is about.
    pub(super) fn reached(&self) -> [(&'static str, usize); 13] {
        let count = |is: fn(&Event) -> bool| self.events.iter().filter(|event| is(event)).count();
        [
            ("calls placed", self.calls.try_into().unwrap()),
            (
                "placed and answered",
                count(|event| matches!(event, Event::Answered(state) if !state.incoming)),
            ),
            (
                "calls to us",
                count(|event| matches!(event, Event::CallCreated(state) if state.incoming)),
            ),
            (
                "to us and answered",
                count(|event| matches!(event, Event::Answered(state) if state.incoming)),
            ),
            (
                "media connected",
                count(|event| matches!(event, Event::MediaConnected(_))),
            ),
            (
                "reconnecting",
                count(|event| matches!(event, Event::Reconnecting { .. })),
            ),
            ("reconnected", count(|event| matches!(event, Event::Reconnected))),
            ("re-INVITEs sent", self.invites.sent),
            ("re-INVITEs accepted", self.invites.accepted),
            ("sockets closed in a call", self.rig.closed_sockets.len()),
            ("answers of servers", self.server_replies),
            ("sockets bound late", self.bound_late),
            ("UPDATEs not known", self.updates_refused),
        ]
    }

    /// Lets time pass in slices, so that it is known when something was sent. A connection that we give up meanwhile is
    /// closed, and none is opened.
    fn wait(&mut self, time: Duration) {
        let end = self.rig.now + time;
        while self.rig.now < end {
            self.rig.advance(rules::PRECISION.min(end - self.rig.now));
            self.collect();
        }
    }

    /// Disconnects, lets everything run out, and checks what was told.
    pub(super) fn finish(mut self) {
        self.rig.command(Command::Disconnect);
        self.rig.close(None, "");
        self.rig.advance(Duration::from_secs(3));
        self.rig.close(None, "");
        self.rig.far = None;
        self.rig.run_out();
        self.collect();
        assert_eq!(
            (self.rig.agent.poll_timeout(), self.rig.agent.transactions()),
            (None, 0)
        );
        assert_eq!((self.rig.agent.calls(), self.rig.sockets_in_use()), (0, 0));
        assert!(self.rig.ticking.is_empty());
        let mut lives: BTreeMap<u64, Vec<String>> = BTreeMap::new();
        for event in &self.events {
            if let Some(call) = event.call() {
                lives.entry(call.0).or_default().push(crate::support::rig::label(event));
            }
        }
        let calls = self.calls + self.incoming();
        assert_eq!(lives.len() as u64, calls, "each call was told of");
        for life in lives.values() {
            rules::check_life(life);
        }
        rules::check_hold(&self.events);
        rules::check_line(&self.events);
    }
}

impl Kind {
    /// One who registers also sends keep-alives.
    fn settings(self, register: bool) -> SipSettings {
        let mut settings = Rig::settings();
        settings.register = register;
        settings.policy.accept_incoming = true;
        if register {
            settings.keep_alive = KeepAlive::default();
        }
        if self.has_servers {
            let servers = IceServerSettings {
                urls: SERVERS.map(str::to_owned).to_vec(),
                username: Some(Secret("user".into())),
                credential: Some(Secret(stun_server::CREDENTIAL.into())),
            };
            settings.ice = IceConfig::new(&[servers], IceTransportPolicy::All).unwrap();
        }
        settings
    }
}

/// A request of the n-th call to us, in the transaction of one of its methods.
fn calling(method: &str, transaction: &str, branch: &str, number: u32) -> Draft {
    Draft::new(format!("{method} sip:caller@realm.example SIP/2.0"))
        .header(
            "Via",
            &format!("SIP/2.0/WSS gateway.example;branch=z9hG4bKcalling{branch}{number}{transaction}"),
        )
        .header("Max-Forwards", "70")
        .header("To", "<sip:caller@realm.example>")
        .header("From", "<sip:somebody@elsewhere.example>;tag=somebody")
        .header("Call-ID", &format!("calling-{number}"))
        .header("CSeq", &format!("1 {method}"))
        .header("Contact", "<sip:somebody@elsewhere.example>")
}

/// Tones, some of which are none.
fn tones(index: usize, in_rtp: bool) -> DtmfRequest {
    DtmfRequest {
        tones: ["1", "1,2#", "", "x"][index % 4].into(),
        transport: if in_rtp {
            DtmfTransport::Rfc4733
        } else {
            DtmfTransport::Info
        },
        duration: None,
        inter_tone_gap: None,
    }
}

/// One of the latest, the very last most often: they are the most telling.
fn pick<T>(items: &[T], index: usize) -> Option<&T> {
    let back = [0, 0, 0, 0, 0, 1, 1, 2, 3, 5][index % 10] % items.len().max(1);
    items.len().checked_sub(1 + back).and_then(|at| items.get(at))
}
