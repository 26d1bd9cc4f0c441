//! The sans-IO client: one WebSocket to a SIP server, one registration, any number of calls.
mod connection;
pub(crate) mod context;
pub(crate) mod identity;
mod incoming;
pub(crate) mod network;
mod outgoing;
mod pulse;
mod recovery;
mod refusal;
#[doc(hidden)]
pub mod survival;
mod trace;
pub(crate) mod transactions;
mod transport;

use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

use connection::Connection;
use context::{Context, Core, Signaling};
use recovery::Recovery;
use refusal::Refusals;

use crate::call::Call;
use crate::io::{
    AudioPort, CallId, ClockOrigin, Command, Datagram, Event, NetworkInput, Output, RandomSource, TransportInput,
    UdpInput,
};
use crate::media::dtls::DtlsCertificate;
use crate::media::stats::CallStats;
use crate::registration::Registration;

/// One client. Fed by the `handle_*` methods and `tick`; after each, `poll_output` until `None`, then `poll_timeout`.
pub struct UserAgent {
    core: Core,
    connection: Connection,
    /// From `Connect` to the end of its connection.
    session: Option<Session>,
    /// UUID of `+sip.instance` (RFC 5626 §4.1).
    instance: String,
    malformed: u64,
    /// Where the last connection went.
    server: Option<SocketAddr>,
}

/// What one connection carries.
struct Session {
    signaling: Signaling,
    registration: Registration,
    calls: BTreeMap<CallId, Call>,
    /// From a loss of the connection until it is back.
    recovery: Option<Recovery>,
    /// How long calls would still have waited when the last loss was overcome.
    patience_left: Option<Duration>,
    refusals: Refusals,
}

impl UserAgent {
    /// A client that does nothing until it gets `Connect`.
    pub fn new(clock: ClockOrigin, certificate: Arc<DtlsCertificate>, mut random: Box<dyn RandomSource>) -> Self {
        Self {
            instance: identity::uuid(random.as_mut()),
            core: Core {
                random,
                clock,
                certificate,
                outputs: VecDeque::new(),
                next_incoming: CallId::FIRST_INCOMING.0,
                addresses: network::LocalAddresses::default(),
            },
            connection: Connection::new(),
            session: None,
            malformed: 0,
            server: None,
        }
    }

    /// Takes a command of its owner.
    pub fn handle_command(&mut self, command: Command, now: Instant) {
        match command {
            Command::Connect(settings) => self.connect(settings, now),
            Command::Disconnect => self.disconnect(now),
            Command::Renew(settings) => self.renew(settings, now),
            Command::Retry => self.retry(now),
            Command::NetworkChanged => {
                self.list_addresses();
                self.try_anew(now);
            }
            Command::StartCall { call, target, headers } => self.start_call(call, &target, headers, now),
            Command::SendInfo {
                call,
                request,
                content_type,
                body,
            } => self.with_call(call, now, |call, ctx| call.send_info(request, &content_type, body, ctx)),
            Command::SendDtmf { call, request, dtmf } => {
                self.with_call(call, now, |call, ctx| call.send_dtmf(request, &dtmf, ctx));
            }
            Command::Answer { call } => self.with_call(call, now, Call::answer),
            Command::Reject { call, status, reason } => {
                let status = if (300..700).contains(&status) { status } else { 480 };
                self.with_call(call, now, |call, ctx| call.reject(status, &reason, ctx));
            }
            Command::EndCall { call, reason } => self.with_call(call, now, |call, ctx| call.hang_up(reason, ctx)),
            Command::SetMuted { call, muted } => self.with_call(call, now, |call, ctx| call.set_muted(muted, ctx)),
            Command::Play { call, play, clip } => self.with_call(call, now, |call, ctx| call.play(play, clip, ctx)),
            Command::StopPlaying { call, play } => {
                self.with_call(call, now, |call, ctx| call.stop_playing(play, ctx));
            }
        }
        self.settle(now);
    }

    /// Takes what happened to the WebSocket.
    pub fn handle_transport(&mut self, input: TransportInput<'_>, now: Instant) {
        if matches!(input, TransportInput::Message(_) | TransportInput::Alive) {
            self.connection.hear(now);
        }
        match input {
            TransportInput::Opened {
                local,
                remote,
                interfaces,
            } => self.opened(local, remote, &interfaces, now),
            TransportInput::Addresses { route, interfaces } => self.addresses_changed(route, &interfaces, now),
            TransportInput::Message(bytes) => self.handle_message(bytes, now),
            TransportInput::Alive => {}
            TransportInput::Failed(failure) => self.open_failed(failure, now),
            TransportInput::Closed { code, reason } => self.closed(code, reason, now),
        }
        self.settle(now);
    }

    /// Takes the answer to `Output::BindUdp`.
    pub fn handle_udp(&mut self, call: CallId, input: UdpInput, now: Instant) {
        self.with_call(call, now, |call, ctx| call.handle_udp(input, ctx));
        self.settle(now);
    }

    /// Takes a datagram that came to one of the call's sockets.
    pub fn handle_datagram(&mut self, call: CallId, datagram: Datagram<'_>, now: Instant) {
        self.with_call(call, now, |call, ctx| call.handle_datagram(datagram, ctx));
        if self.connection.is_lingering() {
            // it may have been what the connection's end waited for
            self.settle(now);
        }
    }

    /// Takes what became of an `Output::Network`.
    pub fn handle_network(&mut self, call: CallId, input: NetworkInput<'_>, now: Instant) {
        self.with_call(call, now, |call, ctx| call.handle_network(input, ctx));
        self.settle(now);
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.run_connection(now);
        self.run_recovery(now);
        let unanswered = self
            .session
            .as_mut()
            .map(|session| session.signaling.transactions.handle_timeout(now));
        for answer in unanswered.into_iter().flatten() {
            self.handle_answer(answer, now);
        }
        if let Some((session, mut ctx)) = self.session(now) {
            session.registration.handle_timeout(&mut ctx);
            for call in session.calls.values_mut() {
                call.handle_timeout(&mut ctx);
            }
        }
        self.settle(now);
    }

    /// Sends and plays 20 ms of a call's sound.
    pub fn tick(&mut self, call: CallId, audio: &mut dyn AudioPort, now: Instant) {
        self.with_call(call, now, |call, ctx| call.tick(audio, ctx));
    }

    /// The next thing to do.
    pub fn poll_output(&mut self) -> Option<Output<Event>> {
        let output = self.core.outputs.pop_front();
        if let Some(Output::Send(bytes)) = &output {
            trace::sent(bytes);
        }
        output
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let connection = self.connection.poll_timeout();
        let session = self.session.as_ref().and_then(Session::poll_timeout);
        connection.into_iter().chain(session).min()
    }

    /// Numbers of a live call.
    pub fn stats(&self, call: CallId, now: Instant) -> Option<CallStats> {
        let call = self.session.as_ref()?.calls.get(&call)?;
        (!call.is_over()).then(|| call.stats(now))
    }

    /// How many messages were refused because they could not be read.
    pub fn malformed_messages(&self) -> u64 {
        self.malformed
    }

    /// How many SIP transactions are under way, of both sides.
    pub fn transactions(&self) -> usize {
        self.session
            .as_ref()
            .map_or(0, |session| session.signaling.transactions.len())
    }

    /// How many calls are kept: those that go on, and those of which a transaction, a relay or a BYE is left.
    pub fn calls(&self) -> usize {
        self.session.as_ref().map_or(0, |session| session.calls.len())
    }

    /// The session, and the context in which its parts work.
    fn session(&mut self, now: Instant) -> Option<(SessionParts<'_>, Context<'_>)> {
        let Session {
            signaling,
            registration,
            calls,
            recovery,
            ..
        } = self.session.as_mut()?;
        let ctx = Context {
            now,
            is_open: self.connection.is_open() && recovery.is_none(),
            core: &mut self.core,
            signaling,
        };
        Some((SessionParts { registration, calls }, ctx))
    }

    fn with_call(&mut self, id: CallId, now: Instant, act: impl FnOnce(&mut Call, &mut Context<'_>)) {
        if let Some((session, mut ctx)) = self.session(now)
            && let Some(call) = session.calls.get_mut(&id)
        {
            act(call, &mut ctx);
        }
    }
}

/// What of a session is not in its context.
struct SessionParts<'a> {
    registration: &'a mut Registration,
    calls: &'a mut BTreeMap<CallId, Call>,
}

impl Session {
    /// The only local address that calls may use, if the user named one.
    fn named_address(&self) -> Option<IpAddr> {
        self.signaling.identity.settings().local_address
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let calls = self.calls.values().filter_map(Call::poll_timeout).min();
        let times = [
            self.signaling.transactions.poll_timeout(),
            self.registration.poll_timeout(),
            self.recovery.as_ref().and_then(Recovery::poll_timeout),
            calls,
        ];
        times.into_iter().flatten().min()
    }
}
