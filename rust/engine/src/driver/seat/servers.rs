//! What calls ask of the network beside datagrams: names and connections of their TURN servers.
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use c2c_proto::io::{CallId, NetworkInput, NetworkRequest, StreamId};

use super::super::Note;
use super::{Floor, Seat};
use crate::agent::Agent;
use crate::resolve::resolve;
use crate::server_stream::{Destination, OpenServerStream, ServerRead, open_server_stream};

impl<A: Agent + 'static> Seat<A> {
    pub(super) fn ask_network(&mut self, floor: &mut Floor<A>, call: CallId, request: NetworkRequest, now: Instant) {
        match request {
            NetworkRequest::Resolve { host } => self.look_up(floor, call, host),
            NetworkRequest::OpenStream {
                stream,
                host,
                port,
                tls_name,
            } => self.open_stream(floor, call, stream, (host, port, tls_name), now),
            NetworkRequest::WriteStream {
                stream,
                bytes,
                droppable,
            } => {
                let written = self.calls.get_mut(&call);
                let written = written.map_or(Ok(()), |call| call.streams.write(stream, &bytes, droppable));
                if let Err(reason) = written {
                    self.stream_ended(floor, call, stream, reason, now);
                }
            }
            NetworkRequest::CloseStream { stream } => {
                if let Some(call) = self.calls.get_mut(&call) {
                    call.streams.close(&mut floor.sources, stream);
                }
            }
        }
    }

    /// The result of a look-up; a call that is over wants none.
    pub(crate) fn resolved(
        &mut self,
        call: CallId,
        host: &str,
        found: Result<Vec<SocketAddr>, std::io::Error>,
        now: Instant,
    ) {
        if !self.calls.contains_key(&call) {
            return;
        }
        let found = found.map_err(|error| error.to_string());
        let usable = found.and_then(|found| self.sockets.usable(found));
        let addresses: Result<Vec<IpAddr>, String> = usable.map(|found| found.iter().map(SocketAddr::ip).collect());
        self.agent
            .handle_network(call, NetworkInput::Resolved { host, addresses }, now);
    }

    /// The result of an attempt to connect; one that nobody waits for any more is dropped.
    pub(crate) fn stream_opened(
        &mut self,
        floor: &mut Floor<A>,
        call: CallId,
        stream: StreamId,
        result: Result<Box<OpenServerStream>, String>,
        now: Instant,
    ) {
        let Some(state) = self.calls.get_mut(&call) else {
            return;
        };
        if !state.streams.finish(stream) {
            return;
        }
        let taken = result.and_then(|open| {
            let taken = state
                .streams
                .take(&mut floor.sources, (self.id, call), stream, open.stream);
            let (local, remote) = (open.local, open.remote);
            taken.map(|()| (local, remote)).map_err(|error| error.to_string())
        });
        let input = match taken {
            Ok((local, remote)) => NetworkInput::StreamOpened { stream, local, remote },
            Err(reason) => NetworkInput::StreamClosed { stream, reason },
        };
        self.agent.handle_network(call, input, now);
    }

    /// Reads from a connection; `true` when there may be more.
    pub(crate) fn read_stream(&mut self, floor: &mut Floor<A>, call: CallId, stream: StreamId, now: Instant) -> bool {
        let Some(state) = self.calls.get_mut(&call) else {
            return false;
        };
        match state.streams.read(stream, &mut floor.buffer) {
            ServerRead::Bytes(length) => {
                let bytes = floor.buffer.get(..length).unwrap_or_default();
                self.agent
                    .handle_network(call, NetworkInput::StreamBytes { stream, bytes }, now);
                true
            }
            ServerRead::Nothing => false,
            ServerRead::End(reason) => {
                self.stream_ended(floor, call, stream, reason, now);
                false
            }
        }
    }

    fn look_up(&self, floor: &Floor<A>, call: CallId, host: String) {
        let (inbox, id) = (floor.inbox.clone(), self.id);
        resolve(host.clone(), 0, move |found| {
            inbox.send(Note::Resolved(id, call, host, found));
        });
    }

    fn open_stream(
        &mut self,
        floor: &Floor<A>,
        call: CallId,
        stream: StreamId,
        (host, port, tls_name): (String, u16, Option<String>),
        now: Instant,
    ) {
        let trust = self.dialing.as_ref().map(|dialing| dialing.tls.clone());
        let is_expected = self.calls.entry(call).or_default().streams.expect(stream);
        let Some(trust) = trust.filter(|_| is_expected) else {
            let reason = "this agent opens no more connections".into();
            self.agent
                .handle_network(call, NetworkInput::StreamClosed { stream, reason }, now);
            return;
        };
        let (inbox, id) = (floor.inbox.clone(), self.id);
        let tls = tls_name.map(|name| (name, trust));
        let destination = Destination {
            host,
            port,
            tls,
            sockets: self.sockets,
        };
        open_server_stream(destination, &floor.server_connectors, move |result| {
            inbox.send(Note::StreamOpened(id, call, stream, result));
        });
    }

    fn stream_ended(&mut self, floor: &mut Floor<A>, call: CallId, stream: StreamId, reason: String, now: Instant) {
        if let Some(state) = self.calls.get_mut(&call) {
            state.streams.close(&mut floor.sources, stream);
        }
        tracing::debug!("connection to a TURN server ended: {reason}");
        self.agent
            .handle_network(call, NetworkInput::StreamClosed { stream, reason }, now);
    }
}
