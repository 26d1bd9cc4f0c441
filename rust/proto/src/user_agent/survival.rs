//! What must hold for a client whatever comes at it, in any order: each call is told of once from its beginning to its one
//! end, what is sent can be read, no timer stands still, and after the end of the connection nothing is left. The fuzz target
//! `user_agent_inputs` and the replay of its corpus share this.
mod far_side;
mod ledger;
mod network;
mod surroundings;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use super::UserAgent;
use crate::io::{
    CallId, ClockOrigin, Command, Datagram, Event, Output, TransportFailure, TransportInput, TransportStep, UdpInput,
};
use crate::media::clip::Clip;
use crate::media::servers::IceConfig;
use crate::media::survival;
use far_side::FarSide;
use ledger::Ledger;
use network::Asked;
use surroundings::{Counting, Silence, servers, settings, tones};

/// Longest script that is run; what follows is left out.
const MAX_SCRIPT: usize = 4096;
/// Most timeouts of one script; time stands still afterwards.
const MAX_TIMEOUTS: usize = 20_000;
/// Most timeouts that may be due at one moment.
const MAX_AT_ONCE: usize = 200;
/// When the last of a client's timers has run out: the limit of a lost connection, and twice that of a transaction.
const SILENCE: Duration = Duration::from_secs(200);
/// Close code of a connection that is dropped: its end is told at once.
const DROPPED: u16 = 1006;
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

/// Runs a client through a script, one byte an input; `World::step` tells which. True unless a rule was broken.
pub fn inputs_survive(script: &[u8], now: Instant) -> bool {
    let script = script.get(..MAX_SCRIPT).unwrap_or(script);
    World::new(script, now).is_some_and(|mut world| {
        world.run();
        // every other script ends with what goes on still going on
        if script.len().is_multiple_of(2) {
            world.fall_silent();
        }
        world.finish();
        world.is_legal()
    })
}

struct World<'a> {
    agent: UserAgent,
    now: Instant,
    script: std::slice::Iter<'a, u8>,
    far: FarSide,
    ledger: Ledger,
    /// Calls that wait for their sockets.
    unbound: Vec<CallId>,
    /// How many calls were started.
    calls: u64,
    /// The call that commands are for.
    current: CallId,
    /// The last one that the far side placed.
    newest_incoming: CallId,
    asked: Asked,
    timeouts: usize,
    is_stuck: bool,
    /// Something was left though every call had ended.
    is_restless: bool,
}

impl<'a> World<'a> {
    fn new(script: &'a [u8], now: Instant) -> Option<Self> {
        let clock = ClockOrigin {
            instant: now,
            wall: UNIX_EPOCH,
        };
        let certificate = Arc::clone(survival::certificate()?);
        Some(Self {
            agent: UserAgent::new(clock, certificate, Box::new(Counting(0))),
            now,
            script: script.iter(),
            far: FarSide::default(),
            ledger: Ledger::default(),
            unbound: Vec::new(),
            calls: 0,
            current: CallId(1),
            newest_incoming: CallId::FIRST_INCOMING,
            asked: Asked::default(),
            timeouts: 0,
            is_stuck: false,
            is_restless: false,
        })
    }

    fn run(&mut self) {
        while let Some(&input) = self.script.next() {
            self.step(input);
            self.drain();
        }
    }

    /// Inputs by letter; capitals are the variant of the small letter. Any other byte is passed over.
    fn step(&mut self, input: u8) {
        match input {
            b'c' | b'C' => self.connect(input == b'C', IceConfig::default()),
            b'D' => self.connect(false, servers()),
            b'd' => self.command(Command::Disconnect),
            b'l' => self.command(Command::NetworkChanged),
            b'j' | b'J' => self.readdress(input == b'J'),
            b'q' => self.refuse_sending(),
            b'o' => self.open(),
            b'f' | b'F' => self.fail(TransportStep::Connect, None, input == b'F'),
            b'x' => self.close(),
            b'L' => self.agent.handle_transport(TransportInput::Alive, self.now),
            b'Q' => self.command(Command::Retry),
            b'K' => self.fail(TransportStep::Upgrade, Some(401), true),
            b'N' => self.command(Command::Renew(Some(Box::new(settings(true, IceConfig::default()))))),
            b'O' => self.command(Command::Renew(None)),
            b's' => self.start_call(),
            b'0'..=b'9' => self.current = CallId(u64::from(input - b'0')),
            b'b' | b'B' => self.bind(input == b'b'),
            b'e' | b'E' | b'i' | b'u' | b'U' | b'p' | b'P' | b'v' | b'V' => self.command_call(input),
            b't' => self.wait_for_next(),
            b'w' => self.wait_some(),
            b'T' => self.current = self.newest_incoming,
            b'G' => self.command(Command::Answer { call: self.current }),
            b'H' => self.reject(),
            b'k' => self.agent.tick(self.current, &mut Silence, self.now),
            b'g' => self.datagram(),
            b'h' => self.far.forget_latest(),
            b'z' => self.far.change_branch(),
            b'n' => self.damage(),
            b'X' => self.far.change_description(),
            b'W' | b'Z' => self.answer_network(input == b'W'),
            b'M' => self.stream_bytes(),
            b'Y' => self.server_datagram(),
            b'a' | b'A' | b'r' | b'R' | b'I' | b'S' | b'y' | b'm' => self.say(input),
            _ => {}
        }
    }

    /// Lets the far side say something; `far_side` tells what the byte that follows chooses.
    fn say(&mut self, input: u8) {
        let choice = if input == b'm' || input == b'y' {
            0
        } else {
            self.choice()
        };
        let bytes = match input {
            b'a' | b'A' => self.far.answer(choice, input == b'A'),
            b'r' | b'S' => self.far.request(choice, input == b'S'),
            b'R' | b'I' => self.far.stranger(choice, input == b'I'),
            b'm' => {
                let rest = self.script.as_slice();
                let length = memchr::memchr(0, rest).unwrap_or(rest.len());
                Some(self.take(length).to_vec())
            }
            _ => Some(self.far.again()),
        };
        if let Some(bytes) = bytes {
            let bytes = self.far.say(bytes);
            self.agent.handle_transport(TransportInput::Message(&bytes), self.now);
        }
    }

    fn damage(&mut self) {
        let (place, mask) = (self.choice(), self.choice());
        self.far.damage_next(place, mask);
    }

    fn choice(&mut self) -> u8 {
        self.script.next().copied().unwrap_or(0)
    }

    fn take(&mut self, length: usize) -> &'a [u8] {
        let rest = self.script.as_slice();
        let (taken, rest) = rest.split_at(length.min(rest.len()));
        self.script = rest.iter();
        taken
    }

    fn connect(&mut self, register: bool, ice: IceConfig) {
        self.command(Command::Connect(Box::new(settings(register, ice))));
    }

    fn open(&mut self) {
        let input = TransportInput::Opened {
            local: SocketAddr::new(LOCALHOST, 50_000),
            remote: SocketAddr::new(LOCALHOST, 8443),
            interfaces: vec![LOCALHOST],
        };
        self.agent.handle_transport(input, self.now);
    }

    fn fail(&mut self, step: TransportStep, http_status: Option<u16>, is_final: bool) {
        let failure = TransportFailure {
            step,
            cause: "refused".to_owned(),
            http_status,
            is_final,
        };
        self.agent.handle_transport(TransportInput::Failed(failure), self.now);
    }

    fn close(&mut self) {
        let input = TransportInput::Closed {
            code: Some(1006),
            reason: "lost".to_owned(),
        };
        self.agent.handle_transport(input, self.now);
    }

    fn start_call(&mut self) {
        self.calls += 1;
        self.current = CallId(self.calls);
        self.command(Command::StartCall {
            call: self.current,
            target: "app".to_owned(),
            headers: Vec::new(),
        });
    }

    fn reject(&mut self) {
        self.command(Command::Reject {
            call: self.current,
            status: 486,
            reason: "Busy Here".to_owned(),
        });
    }

    fn bind(&mut self, succeeds: bool) {
        let Some(call) = self.unbound.pop() else { return };
        let socket = SocketAddr::new(LOCALHOST, 40_000);
        let input = if succeeds {
            UdpInput::Bound(vec![socket])
        } else {
            UdpInput::Failed("no sockets".to_owned())
        };
        self.agent.handle_udp(call, input, self.now);
    }

    /// The machine has another address, or none.
    fn readdress(&mut self, is_none: bool) {
        let address = IpAddr::V4(Ipv4Addr::new(127, 0, 0, self.choice()));
        let input = TransportInput::Addresses {
            route: (!is_none).then_some(address),
            interfaces: if is_none { Vec::new() } else { vec![address] },
        };
        self.agent.handle_transport(input, self.now);
    }

    /// A datagram of the current call cannot be sent.
    fn refuse_sending(&mut self) {
        let input = UdpInput::Unsendable {
            local: SocketAddr::new(LOCALHOST, 40_000),
            remote: SocketAddr::new(LOCALHOST, 30_000),
        };
        self.agent.handle_udp(self.current, input, self.now);
    }

    fn command_call(&mut self, input: u8) {
        let call = self.current;
        let silence = || Clip::new(8_000, vec![0; 800]).map(Arc::new);
        let command = match input {
            b'e' | b'E' => Command::EndCall {
                call,
                reason: (input == b'E').then(|| (480, "Ended by user".to_owned())),
            },
            b'i' => Command::SendInfo {
                call,
                request: 1,
                content_type: "application/json".to_owned(),
                body: b"{}".to_vec(),
            },
            b'v' | b'V' => Command::SendDtmf {
                call,
                request: 2,
                dtmf: tones(input == b'v'),
            },
            b'u' | b'U' => Command::SetMuted {
                call,
                muted: input == b'U',
            },
            b'P' => Command::StopPlaying { call, play: 1 },
            _ => match silence() {
                Ok(clip) => Command::Play { call, play: 1, clip },
                Err(_) => return,
            },
        };
        self.command(command);
    }

    fn command(&mut self, command: Command) {
        self.agent.handle_command(command, self.now);
    }

    /// As many bytes from the far side as the next byte says.
    fn datagram(&mut self) {
        let length = usize::from(self.choice());
        let datagram = Datagram {
            local: SocketAddr::new(LOCALHOST, 40_000),
            remote: SocketAddr::new(LOCALHOST, 30_000),
            payload: self.take(length),
        };
        self.agent.handle_datagram(self.current, datagram, self.now);
    }

    /// As many fifths of a second as the next byte says.
    fn wait_some(&mut self) {
        let time = Duration::from_millis(200) * u32::from(self.choice());
        self.wait(time);
    }

    fn wait_for_next(&mut self) {
        let next = self.agent.poll_timeout();
        self.wait(next.map_or(Duration::ZERO, |next| next.saturating_duration_since(self.now)));
    }

    fn wait(&mut self, time: Duration) {
        let (end, mut at_once) = (self.now + time, 0);
        while let Some(at) = self.agent.poll_timeout().filter(|at| *at <= end) {
            at_once = if at > self.now { 0 } else { at_once + 1 };
            self.timeouts += 1;
            self.is_stuck |= at_once > MAX_AT_ONCE;
            if self.is_stuck || self.timeouts > MAX_TIMEOUTS {
                return;
            }
            self.now = self.now.max(at);
            self.agent.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while let Some(output) = self.agent.poll_output() {
            self.ledger.note(&output);
            match output {
                Output::CloseWebSocket(DROPPED) => self.close(),
                Output::Send(bytes) => self.far.hear(&bytes),
                Output::BindUdp { call, .. } => self.unbound.push(call),
                Output::Network(call, request) => self.asked.request(call, request),
                Output::Transmit(call, transmit) => self.asked.transmit(call, transmit),
                Output::Event(Event::CallCreated(state)) if state.incoming => self.newest_incoming = state.call,
                _ => {}
            }
        }
    }

    /// The owner ends every call, and nobody says anything any more: then nothing is left, though nobody disconnected.
    fn fall_silent(&mut self) {
        self.timeouts = 0;
        for call in self.ledger.calls() {
            self.command(Command::EndCall { call, reason: None });
            self.drain();
        }
        self.wait(SILENCE);
        let left = self.agent.transactions() + self.agent.calls();
        self.is_restless |= left > 0 || self.agent.poll_timeout().is_some() || !self.ledger.is_at_rest();
    }

    /// The client disconnects, and the driver does what it is asked for.
    fn finish(&mut self) {
        self.timeouts = 0;
        self.command(Command::Disconnect);
        self.drain();
        for _ in 0..2 {
            self.close();
            self.drain();
            self.wait(Duration::from_secs(3));
        }
    }

    fn is_legal(&self) -> bool {
        let is_over = self.agent.poll_timeout().is_none() && self.agent.transactions() == 0;
        is_over && !self.is_stuck && !self.is_restless && self.far.understands_all() && self.ledger.is_legal(self.calls)
    }
}

#[cfg(test)]
mod tests;
