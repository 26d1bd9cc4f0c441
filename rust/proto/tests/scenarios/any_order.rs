//! Any order of messages, losses, timeouts and commands leaves a legal state.
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use proptest::prelude::*;

use crate::support::far_end::FarEnd;
use crate::support::messages::{Draft, stranger};
use crate::support::registrar::{challenge, granted};
use crate::support::rig::ALL_CODECS;
use crate::support::{Heard, Rig, ServerDialog};
use c2c_proto::dtmf::{DtmfRequest, DtmfTransport};
use c2c_proto::io::{CallId, CallPolicy, Command, Event, KeepAlive, SipSettings, TransportInput};
use c2c_proto::media::clip::Clip;
use c2c_proto::media::codec::Codec;
use c2c_proto::media::description::Direction;

/// One thing that may happen; the numbers choose among what there is at that moment.
#[derive(Clone, Debug)]
enum Step {
    /// With or without registering.
    Connect(bool),
    Disconnect,
    Opened,
    OpenFailed(bool),
    Closed,
    /// HTTP 401 to the upgrade.
    UpgradeRefused,
    /// With newer settings, or without any.
    Renew(bool),
    Retry,
    Alive,
    StartCall,
    EndCall(usize),
    SendInfo(usize),
    /// By INFO or in RTP.
    SendDtmf(usize, bool),
    Mute(usize, bool),
    Play(usize),
    StopPlaying(usize),
    /// Answers a request that was heard, with a status, and with SDP where that fits.
    Answer(usize, u16, bool),
    /// A request in a dialog, perhaps with a number that was used; half of the INVITEs and UPDATEs carry an offer.
    Request(usize, usize, bool),
    /// A message that the server has sent before.
    Again(usize),
    Garbage(Vec<u8>),
    Stranger(usize),
    /// A call to us, with or without an offer, perhaps the last one on another path.
    CallUs(bool, bool),
    /// The call to us is answered or rejected.
    Decide(usize, bool),
    /// The far side gives up, or acknowledges our 200.
    CancelOrAck(bool),
    Wait(u64),
    CutNetwork(bool),
    /// The machine's addresses are others, or were looked at.
    Addresses(usize),
    /// Sending from an address is refused from now on, or works again.
    Refuse(usize, bool),
    NetworkChanged,
}

const METHODS: [&str; 9] = [
    "INVITE", "ACK", "BYE", "CANCEL", "INFO", "UPDATE", "OPTIONS", "REFER", "NOTIFY",
];

/// What addresses the machine may have.
const ADDRESSES: [&[&str]; 4] = [&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.2", "127.0.0.1"], &[]];

/// What servers answer, success more often than all else.
fn status() -> impl Strategy<Value = u16> {
    prop_oneof![
        2 => Just(100),
        4 => prop::sample::select(vec![180, 183]),
        10 => Just(200),
        2 => prop::sample::select(vec![202, 401, 407]),
        1 => prop::sample::select(vec![302, 403, 408, 422, 423, 481, 486, 487, 491, 500, 603]),
    ]
}

/// Weights such that about half of the calls are answered, and a connection lives through a few dozen steps.
fn step() -> impl Strategy<Value = Step> {
    let index = 0..64_usize;
    prop_oneof![
        6 => any::<bool>().prop_map(Step::Connect),
        1 => Just(Step::Disconnect),
        10 => Just(Step::Opened),
        1 => any::<bool>().prop_map(Step::OpenFailed),
        3 => Just(Step::Closed),
        1 => Just(Step::UpgradeRefused),
        2 => any::<bool>().prop_map(Step::Renew),
        3 => Just(Step::Retry),
        1 => Just(Step::Alive),
        8 => Just(Step::StartCall),
        4 => index.clone().prop_map(Step::EndCall),
        6 => index.clone().prop_map(Step::SendInfo),
        3 => (index.clone(), any::<bool>()).prop_map(|(call, rtp)| Step::SendDtmf(call, rtp)),
        3 => (index.clone(), any::<bool>()).prop_map(|(call, muted)| Step::Mute(call, muted)),
        4 => index.clone().prop_map(Step::Play),
        3 => index.clone().prop_map(Step::StopPlaying),
        40 => (index.clone(), status(), 0..8_u8).prop_map(|(request, status, sdp)| Step::Answer(request, status, sdp > 0)),
        10 => (index.clone(), index.clone(), any::<bool>())
            .prop_map(|(dialog, method, old)| Step::Request(dialog, method, old)),
        6 => index.clone().prop_map(Step::Again),
        2 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Step::Garbage),
        2 => index.clone().prop_map(Step::Stranger),
        6 => (any::<bool>(), 0..6_u8).prop_map(|(offers, merged)| Step::CallUs(offers, merged == 0)),
        8 => (index.clone(), 0..4_u8).prop_map(|(call, rejects)| Step::Decide(call, rejects > 0)),
        6 => (0..4_u8).prop_map(|cancels| Step::CancelOrAck(cancels == 0)),
        10 => prop_oneof![3 => 0..2_000_u64, 1 => 0..40_000_u64].prop_map(Step::Wait),
        1 => any::<bool>().prop_map(Step::CutNetwork),
        2 => index.clone().prop_map(Step::Addresses),
        2 => (index.clone(), any::<bool>()).prop_map(|(address, is_gone)| Step::Refuse(address, is_gone)),
        1 => Just(Step::NetworkChanged),
    ]
}

/// The world of one run: what was heard, said and begun.
struct World {
    rig: Rig,
    requests: Vec<Heard>,
    said: Vec<Vec<u8>>,
    dialogs: Vec<ServerDialog>,
    /// The last call to us: the number of its INVITE, and our 200.
    called: (u32, Option<Heard>),
    calls: u64,
    events: Vec<Event>,
}

impl World {
    fn new() -> Self {
        Self {
            rig: Rig::new(),
            requests: Vec::new(),
            said: Vec::new(),
            dialogs: Vec::new(),
            called: (0, None),
            calls: 0,
            events: Vec::new(),
        }
    }

    fn run(&mut self, step: Step) {
        match step {
            Step::Opened => self.rig.open(),
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
            Step::Wait(milliseconds) => self.rig.advance(Duration::from_millis(milliseconds)),
            Step::CutNetwork(is_down) => self.rig.network.is_down = is_down,
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
            Step::Connect(register) => Command::Connect(Box::new(settings(register))),
            Step::Renew(newer) => Command::Renew(newer.then(|| Box::new(settings(true)))),
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
        let Some(request) = pick(&self.requests, request).cloned() else {
            return;
        };
        let tag = format!("tag{}", status % 3);
        let is_invite = request.method() == "INVITE";
        let mut draft = match status {
            401 => challenge(&request, &format!("nonce-{}", self.said.len()), ""),
            200 if request.method() == "REGISTER" => granted(&request, 60),
            422 => request.reply(422, "Too Small").tag(&tag).header("Min-SE", "120"),
            423 => request.reply(423, "Too Brief").tag(&tag).header("Min-Expires", "700"),
            _ => request.answer(status, "Whatever", &tag),
        };
        if is_invite && sdp && (180..300).contains(&status) {
            let answer = self.rig.far_answer(&request.body, &[Codec::Opus, Codec::Pcmu]);
            draft = draft.sdp(&answer);
        }
        if is_invite && status > 100 {
            self.dialogs.push(ServerDialog::new(&request, &tag));
        }
        self.say(draft.bytes());
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
        let call = self.pick_call(index);
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
                _ => self.requests.push(message),
            }
        }
        self.events.append(&mut self.rig.unseen);
    }

    /// From now on nobody hears or says anything: what waits gives up, and a call that rings is ended by its owner. Then no
    /// transaction is left, although the WebSocket still stands.
    fn fall_silent(&mut self) {
        self.rig.network.is_down = true;
        self.rig.is_deaf = true;
        self.rig.advance(Duration::from_secs(600));
        let first = CallId::FIRST_INCOMING.0;
        for call in (1..=self.calls).chain(first..first + self.incoming()) {
            let reason = None;
            self.rig.command(Command::EndCall {
                call: CallId(call),
                reason,
            });
        }
        self.rig.advance(Duration::from_secs(64));
        self.collect();
        assert_eq!(self.rig.agent.transactions(), 0);
        let is_end = |event: &&Event| matches!(event, Event::Ended(..) | Event::Failed(..));
        let calls = self.calls + self.incoming();
        assert_eq!(self.events.iter().filter(is_end).count() as u64, calls);
    }

    /// Disconnects, lets everything run out, and checks what was told.
    fn finish(mut self) {
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
            check_life(life);
        }
        check_hold(&self.events);
        check_line(&self.events);
    }
}

/// One who registers also sends keep-alives.
fn settings(register: bool) -> SipSettings {
    let mut settings = Rig::settings();
    settings.register = register;
    settings.policy = CallPolicy {
        accept_incoming: true,
        ..CallPolicy::default()
    };
    if register {
        settings.keep_alive = KeepAlive::default();
    }
    settings
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

/// A call is made, perhaps rings, perhaps is answered once, and ends once, with nothing behind it.
fn check_life(life: &[String]) {
    let count = |word: &str| life.iter().filter(|event| event.starts_with(word)).count();
    let at = |word: &str| life.iter().position(|event| event.starts_with(word));
    let last = life.last().unwrap();
    assert_eq!((at("CallCreated"), count("CallCreated")), (Some(0), 1), "{life:?}");
    assert_eq!(count("Ended") + count("Failed"), 1, "{life:?}");
    assert!(last.starts_with("Ended") || last.starts_with("Failed"), "{life:?}");
    assert!(
        count("Answered") <= 1 && count("TrackAdded") <= 1 && count("MediaConnected") <= 1,
        "{life:?}"
    );
    assert_eq!(count("Answered"), count("Ended"), "{life:?}");
    if let Some(answered) = at("Answered") {
        assert!(at("TrackAdded").is_some_and(|track| track < answered), "{life:?}");
        let ringing = life.iter().rposition(|event| event == "Ringing");
        assert!(ringing.is_none_or(|ringing| ringing < answered), "{life:?}");
    }
    let needs_answer = count("InfoSent") + count("DtmfSent") + count("DtmfReceived") + count("HoldChanged");
    assert!(needs_answer == 0 || count("Answered") == 1, "{life:?}");
}

/// Each `HoldChanged` is a change.
fn check_hold(events: &[Event]) {
    let mut held: BTreeMap<CallId, bool> = BTreeMap::new();
    for event in events {
        match event {
            Event::Answered(state) => assert_eq!(held.insert(state.call, state.remote_hold), None),
            Event::HoldChanged(state) => {
                assert_eq!(held.insert(state.call, state.remote_hold), Some(!state.remote_hold));
            }
            _ => {}
        }
    }
}

/// The connection's events come in an order that makes sense.
fn check_line(events: &[Event]) {
    let (mut connected, mut registered, mut reconnecting) = (false, false, false);
    for event in events {
        match event {
            Event::Connecting => assert!(!connected),
            Event::Connected => {
                assert!(!connected && !registered);
                connected = true;
            }
            Event::Registered => {
                assert!(connected && !registered);
                registered = true;
            }
            Event::Unregistered => assert!(std::mem::take(&mut registered)),
            Event::Reconnecting { .. } => {
                assert!(!connected && !registered && !reconnecting);
                reconnecting = true;
            }
            Event::Reconnected => assert!(connected && std::mem::take(&mut reconnecting)),
            Event::SettingsRefused { .. } => assert!(connected || reconnecting),
            Event::RegistrationFailed { .. } => reconnecting = false,
            Event::ConnectFailed(failure) if failure.is_final => reconnecting = false,
            Event::Disconnected { code, reason } => {
                connected = false;
                // the answer to `Disconnect`
                reconnecting &= code.is_some() || reason.is_some();
            }
            _ => {}
        }
    }
    assert!(!connected && !registered);
}

/// 48 runs, or `PROPTEST_CASES` of them.
fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(48),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn leaves_a_legal_state(register: bool, steps in prop::collection::vec(step(), 1..80)) {
        let mut world = World::new();
        world.run(Step::Connect(register));
        world.run(Step::Opened);
        for step in steps {
            world.run(step);
        }
        world.finish();
    }

    #[test]
    fn ends_every_transaction_when_nobody_answers(register: bool, steps in prop::collection::vec(step(), 1..60)) {
        let mut world = World::new();
        world.run(Step::Connect(register));
        world.run(Step::Opened);
        for step in steps {
            world.run(step);
        }
        world.fall_silent();
        world.finish();
    }
}
