//! One connection of the gateway as the engine's driver sees it: sans-IO.
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use c2c_engine::agent::Agent;
use c2c_proto::io::{AudioPort, CallId, Datagram, Output, RandomSource, TransportInput, UdpInput};
use c2c_proto::media::stats::CallStats;
use c2c_proto::sip::LocalHop;
use c2c_proto::sip::identifiers::random_token;

use crate::context::{Context, DROPPED, Shared};
use crate::io::{GatewayCommand, GatewayEvent};
use crate::serving::Serving;

/// Registrar and answering user agent of one WebSocket connection.
pub struct GatewayAgent {
    connection: u64,
    serving: Serving,
    shared: Arc<Shared>,
    random: Box<dyn RandomSource>,
    outputs: VecDeque<Output<GatewayEvent>>,
    hop: LocalHop,
    local: SocketAddr,
}

impl GatewayAgent {
    /// An agent for the connection of this number, whose calls are told apart from all others' by it.
    pub fn new(connection: u64, shared: Arc<Shared>, mut random: Box<dyn RandomSource>) -> Self {
        let tag = random_token(random.as_mut());
        Self {
            connection,
            serving: Serving::new(tag, connection << CALL_BITS),
            hop: LocalHop {
                transport: if shared.secure { "WSS" } else { "WS" },
                sent_by: String::new(),
            },
            shared,
            random,
            outputs: VecDeque::new(),
            local: (Ipv4Addr::LOCALHOST, 0).into(),
        }
    }

    /// The connection of a call.
    pub fn connection_of(call: CallId) -> u64 {
        call.0 >> CALL_BITS
    }

    fn parts(&mut self, now: Instant) -> (&mut Serving, Context<'_>) {
        let context = Context {
            shared: &self.shared,
            random: self.random.as_mut(),
            outputs: &mut self.outputs,
            hop: &self.hop,
            local: self.local,
            now,
        };
        (&mut self.serving, context)
    }

    fn opened(&mut self, local: SocketAddr, remote: SocketAddr, now: Instant) {
        self.local = local;
        self.hop.sent_by = local.to_string();
        let (connection, remote) = (self.connection, remote.to_string());
        let (_, mut context) = self.parts(now);
        context.tell(GatewayEvent::Opened { connection, remote });
    }
}

impl Agent for GatewayAgent {
    type Command = GatewayCommand;
    type Event = GatewayEvent;

    fn handle_command(&mut self, command: GatewayCommand, now: Instant) {
        let (serving, mut context) = self.parts(now);
        match command {
            GatewayCommand::Call(id, command) => {
                if let Some(call) = serving.call(id) {
                    call.handle_command(command, &mut context);
                }
                serving.forget_calls();
            }
            GatewayCommand::SendRaw(message) => context.output(Output::Send(message)),
            GatewayCommand::DropWebSocket => context.output(Output::CloseWebSocket(DROPPED)),
            GatewayCommand::CloseWebSocket(code) => context.output(Output::CloseWebSocket(code)),
        }
    }

    fn handle_transport(&mut self, input: TransportInput<'_>, now: Instant) {
        match input {
            TransportInput::Opened { local, remote, .. } => self.opened(local, remote, now),
            TransportInput::Message(KEEP_ALIVE) => self.outputs.push_back(Output::Send(PONG.to_vec())),
            TransportInput::Message(bytes) => {
                let (serving, mut context) = self.parts(now);
                serving.handle_message(bytes, &mut context);
            }
            TransportInput::Alive | TransportInput::Failed(_) | TransportInput::Addresses { .. } => {}
            TransportInput::Closed { code, .. } => {
                let (serving, mut context) = self.parts(now);
                serving.lose(&mut context);
                context.tell(GatewayEvent::Closed { code });
            }
        }
    }

    fn handle_udp(&mut self, call: CallId, input: UdpInput, now: Instant) {
        let (serving, mut context) = self.parts(now);
        let sockets = match input {
            UdpInput::Bound(sockets) => sockets,
            UdpInput::Failed(_) => Vec::new(),
            UdpInput::Unsendable { .. } => return,
        };
        if let Some(call) = serving.call(call) {
            call.bound(&sockets, &mut context);
        }
        serving.forget_calls();
    }

    fn handle_datagram(&mut self, call: CallId, datagram: Datagram<'_>, now: Instant) {
        let (serving, mut context) = self.parts(now);
        if let Some(call) = serving.call(call) {
            call.handle_datagram(datagram, &mut context);
        }
    }

    fn handle_timeout(&mut self, now: Instant) {
        let (serving, mut context) = self.parts(now);
        serving.handle_timeout(&mut context);
    }

    /// The agent has ears of its own: the driver's port stays unused.
    fn tick(&mut self, call: CallId, _audio: &mut dyn AudioPort, now: Instant) {
        let (serving, mut context) = self.parts(now);
        if let Some(call) = serving.call(call) {
            call.tick(&mut context);
        }
    }

    fn poll_output(&mut self) -> Option<Output<GatewayEvent>> {
        self.outputs.pop_front()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.serving.poll_timeout()
    }

    fn stats(&self, call: CallId, now: Instant) -> Option<CallStats> {
        self.serving.stats(call, now)
    }
}

/// RFC 5626 §4.4.1.
const KEEP_ALIVE: &[u8] = b"\r\n\r\n";
const PONG: &[u8] = b"\r\n";
/// Calls of a connection are numbered from its number times two to the power of this.
const CALL_BITS: u32 = 20;
