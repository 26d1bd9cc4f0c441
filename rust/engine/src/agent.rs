//! What a driver thread drives: a sans-IO agent with one WebSocket, and any number of calls with UDP sockets and 20 ms slots.
use std::time::Instant;

use c2c_proto::io::{AudioPort, CallId, Command, Datagram, Event, NetworkInput, Output, TransportInput, UdpInput};
use c2c_proto::media::stats::CallStats;
use c2c_proto::user_agent::UserAgent;

/// A sans-IO agent: `c2c_proto`'s `UserAgent` for clients, the gateway's agent for its connections.
pub trait Agent: Send {
    /// What its owner may ask of it.
    type Command: Send;
    /// What it tells its owner.
    type Event: Send;

    /// Takes a command of its owner.
    fn handle_command(&mut self, command: Self::Command, now: Instant);
    /// Takes what happened to its WebSocket.
    fn handle_transport(&mut self, input: TransportInput<'_>, now: Instant);
    /// Takes the answer to `Output::BindUdp`.
    fn handle_udp(&mut self, call: CallId, input: UdpInput, now: Instant);
    /// Takes a datagram that came to one of the call's sockets.
    fn handle_datagram(&mut self, call: CallId, datagram: Datagram<'_>, now: Instant);
    /// Takes what became of an `Output::Network`; an agent that never asks for one has nothing to take.
    fn handle_network(&mut self, _call: CallId, _input: NetworkInput<'_>, _now: Instant) {}
    /// Runs what is due.
    fn handle_timeout(&mut self, now: Instant);
    /// Sends and plays 20 ms of a call's sound.
    fn tick(&mut self, call: CallId, audio: &mut dyn AudioPort, now: Instant);
    /// The next thing to do; call until `None` after each input.
    fn poll_output(&mut self) -> Option<Output<Self::Event>>;
    /// When `handle_timeout` is due; asked after the outputs are drained.
    fn poll_timeout(&self) -> Option<Instant>;
    /// Numbers of a live call.
    fn stats(&self, call: CallId, now: Instant) -> Option<CallStats>;
}

impl Agent for UserAgent {
    type Command = Command;
    type Event = Event;

    fn handle_command(&mut self, command: Command, now: Instant) {
        self.handle_command(command, now);
    }

    fn handle_transport(&mut self, input: TransportInput<'_>, now: Instant) {
        self.handle_transport(input, now);
    }

    fn handle_udp(&mut self, call: CallId, input: UdpInput, now: Instant) {
        self.handle_udp(call, input, now);
    }

    fn handle_datagram(&mut self, call: CallId, datagram: Datagram<'_>, now: Instant) {
        self.handle_datagram(call, datagram, now);
    }

    fn handle_network(&mut self, call: CallId, input: NetworkInput<'_>, now: Instant) {
        self.handle_network(call, input, now);
    }

    fn handle_timeout(&mut self, now: Instant) {
        self.handle_timeout(now);
    }

    fn tick(&mut self, call: CallId, audio: &mut dyn AudioPort, now: Instant) {
        self.tick(call, audio, now);
    }

    fn poll_output(&mut self) -> Option<Output<Event>> {
        self.poll_output()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.poll_timeout()
    }

    fn stats(&self, call: CallId, now: Instant) -> Option<CallStats> {
        self.stats(call, now)
    }
}
