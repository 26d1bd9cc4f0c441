//! A TURN client (RFC 8656): one allocation on one server, through one of the call's sockets or a connection of its own.
//! Told the time, handed bytes; what it wants sent is left to [`TurnClient::poll_frame`].
use std::collections::VecDeque;
use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rtc_stun::attributes::{ATTR_DATA, ATTR_XOR_PEER_ADDRESS};
use rtc_stun::message::{METHOD_BINDING, METHOD_DATA, METHOD_SEND};

use self::authentication::LongTermCredential;
use self::channel::Channels;
use self::permission::{Permission, Permissions};
use self::request::{DueRequest, Pending, Question, Requests};
use self::stream_framing::StreamFraming;
use super::server_error::ServerError;
use super::stun::KEEP_ALIVE;
use super::stun::message::{StunMessage, add_xor_address, finish, indication, transaction_id};
use super::stun::transaction::{GATHERING_RTO, RTO, Transaction};
use crate::io::{RandomSource, Secret};

mod authentication;
mod channel;
mod permission;
mod request;
mod response;
#[cfg(test)]
pub(in crate::media) mod scripted_server;
mod stream_framing;

/// Frames that may wait to be sent; relayed datagrams beyond are dropped, the newest first.
const MAX_FRAMES: usize = 256;
/// How long the answer to the release is waited for.
const RELEASE_WAIT: Duration = Duration::from_millis(500);
/// Datagrams larger than this are not relayed.
const MAX_PAYLOAD: usize = 8192;

/// Time and randomness of one step.
pub(in crate::media) struct Context<'a> {
    /// The present.
    pub(in crate::media) now: Instant,
    /// For transaction ids.
    pub(in crate::media) random: &'a mut dyn RandomSource,
}

/// What carries a client's messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::media) enum Carrier {
    /// One message a datagram, retransmitted.
    Datagrams,
    /// A byte stream.
    Stream,
}

/// One whole message to the server.
pub(in crate::media) struct Frame {
    /// Its bytes, padded if the carrier wants that.
    pub(in crate::media) bytes: Vec<u8>,
    /// Whether it is a relayed datagram, which may be lost.
    pub(in crate::media) droppable: bool,
}

/// Its bytes may hold the user's name and the server's nonce.
impl fmt::Debug for Frame {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Frame({} bytes)", self.bytes.len())
    }
}

/// What became of an allocation.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::media) enum TurnEvent {
    /// It stands.
    Allocated {
        /// Where peers send to.
        relayed: SocketAddr,
        /// Our address as the server sees it.
        mapped: Option<SocketAddr>,
    },
    /// Go to another server (300).
    Redirected {
        /// Its address.
        server: SocketAddr,
        /// The name in its certificate, if it has another one.
        domain: Option<String>,
    },
    /// The server refused every peer that we asked it to let through.
    PeersRefused(ServerError),
    /// There is none, or it is lost.
    Failed(ServerError),
    /// Given back, or not answered within half a second.
    Released,
}

/// What came of a message from the server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::media) enum Received<'a> {
    /// A peer's datagram.
    Relayed(SocketAddr, &'a [u8]),
    /// Something for the client itself.
    Taken,
    /// Malformed, forged, or out of place.
    Refused,
}

/// A client of one server.
#[derive(Debug)]
pub(in crate::media) struct TurnClient {
    carrier: Carrier,
    credential: LongTermCredential,
    requests: Requests,
    allocation: Option<Allocation>,
    permissions: Permissions,
    channels: Channels,
    framing: StreamFraming,
    has_cleared: bool,
    closing: Option<Instant>,
    is_over: bool,
    keep_alive: Option<Instant>,
    frames: VecDeque<Frame>,
    events: VecDeque<TurnEvent>,
}

#[derive(Debug)]
struct Allocation {
    relayed: SocketAddr,
    refresh: Option<Instant>,
}

impl TurnClient {
    pub(in crate::media) fn new(carrier: Carrier, username: Secret, password: Secret) -> Self {
        Self {
            carrier,
            credential: LongTermCredential::new(username, password),
            requests: Requests::default(),
            allocation: None,
            permissions: Permissions::default(),
            channels: Channels::default(),
            framing: StreamFraming::default(),
            has_cleared: false,
            closing: None,
            is_over: false,
            keep_alive: None,
            frames: VecDeque::new(),
            events: VecDeque::new(),
        }
    }

    /// Asks for an allocation; for a stream, once it is open.
    pub(in crate::media) fn allocate(&mut self, context: &mut Context<'_>) {
        self.ask(Question::Allocate, 0, context);
    }

    /// The relayed address while there is one.
    pub(in crate::media) fn relayed(&self) -> Option<SocketAddr> {
        let allocation = self.allocation.as_ref().filter(|_| self.closing.is_none());
        allocation.map(|allocation| allocation.relayed)
    }

    /// Whether nothing will come of it any more.
    pub(in crate::media) fn is_over(&self) -> bool {
        self.is_over
    }

    /// Takes a datagram from the server.
    pub(in crate::media) fn handle_datagram<'a>(&mut self, bytes: &'a [u8], context: &mut Context<'_>) -> Received<'a> {
        match bytes.first() {
            _ if self.is_over => Received::Refused,
            Some(0..=3) => self.handle_stun(bytes, context),
            Some(first) if channel::FIRST_BYTES.contains(first) => self.handle_channel_data(bytes),
            _ => Received::Refused,
        }
    }

    /// Takes what came on the connection, and gives each relayed datagram to `relay`.
    pub(in crate::media) fn handle_stream(
        &mut self,
        bytes: &[u8],
        context: &mut Context<'_>,
        relay: &mut dyn FnMut(SocketAddr, &[u8]),
    ) {
        let mut framing = std::mem::take(&mut self.framing);
        framing.push(bytes);
        while !self.is_over {
            match framing.next_message() {
                Ok(Some(message)) => {
                    if let Received::Relayed(peer, payload) = self.handle_datagram(message, context) {
                        relay(peer, payload);
                    }
                }
                Ok(None) => break,
                Err(_) => self.fail(ServerError::Malformed(
                    "the connection carries something other than TURN",
                )),
            }
        }
        self.framing = framing;
    }

    pub(in crate::media) fn poll_timeout(&self) -> Option<Instant> {
        if self.is_over {
            return None;
        }
        let refresh = self.allocation.as_ref().and_then(|allocation| allocation.refresh);
        let upkeep = [
            refresh,
            self.keep_alive,
            self.permissions.poll_timeout(),
            self.channels.poll_timeout(),
        ];
        let upkeep = upkeep.into_iter().flatten().filter(|_| self.closing.is_none());
        upkeep.chain(self.requests.poll_timeout()).chain(self.closing).min()
    }

    pub(in crate::media) fn handle_timeout(&mut self, context: &mut Context<'_>) {
        if self.closing.is_some_and(|limit| context.now >= limit) {
            self.release();
        }
        while let Some(due) = self.requests.next_due(context.now) {
            match due {
                DueRequest::Again(bytes) => self.push(bytes, false, context.now),
                DueRequest::TimedOut(pending) => self.give_up(pending.question, ServerError::NoAnswer),
            }
        }
        if self.relayed().is_some() && !self.is_over {
            self.keep_up(context);
        }
    }

    /// The next message to send; drain it after every call.
    pub(in crate::media) fn poll_frame(&mut self) -> Option<Frame> {
        self.frames.pop_front()
    }

    pub(in crate::media) fn poll_event(&mut self) -> Option<TurnEvent> {
        self.events.pop_front()
    }

    /// Has the server let a peer through.
    pub(in crate::media) fn permit(&mut self, peer: IpAddr, context: &mut Context<'_>) {
        let serves = self
            .relayed()
            .is_some_and(|relayed| relayed.is_ipv4() == peer.is_ipv4());
        if serves && self.permissions.request(peer) {
            self.ask(Question::Permit(peer), 0, context);
        }
    }

    /// Sends a datagram to a peer; `false` when it cannot be relayed. It goes out right behind the request for the
    /// permission, if that is still missing: servers work in order, and ICE repeats what is lost.
    pub(in crate::media) fn send(&mut self, peer: SocketAddr, payload: &[u8], context: &mut Context<'_>) -> bool {
        self.permit(peer.ip(), context);
        let is_refused = matches!(self.permissions.get(peer.ip()), None | Some(Permission::Refused));
        if self.relayed().is_none() || is_refused || payload.len() > MAX_PAYLOAD {
            return false;
        }
        // the first datagram that is no STUN goes where the sound will go
        let is_stun = payload.first().is_none_or(|first| *first < 4);
        if !is_stun && self.channels.request(peer) {
            self.ask_for_channel(peer, context);
        }
        let bound = self.channels.bound(peer);
        let channel_data = bound.and_then(|number| channel::encode(number, payload, self.carrier == Carrier::Stream));
        let bytes = channel_data.unwrap_or_else(|| send_indication(peer, payload, context));
        self.push(bytes, true, context.now);
        true
    }

    /// Gives the allocation back; [`TurnEvent::Released`] follows.
    pub(in crate::media) fn close(&mut self, context: &mut Context<'_>) {
        if self.is_over || self.closing.is_some() {
            return;
        }
        if self.allocation.is_none() && !self.credential.is_challenged() {
            // nothing can come of what was sent so far
            self.release();
            return;
        }
        self.closing = Some(context.now + RELEASE_WAIT);
        if self.allocation.is_some() {
            self.requests.clear();
            self.ask(Question::Release, 0, context);
        }
    }

    /// Ends it, since its connection has ended.
    pub(in crate::media) fn fail(&mut self, error: ServerError) {
        if self.is_over {
            return;
        }
        if self.closing.is_some() {
            self.release();
        } else {
            self.end(TurnEvent::Failed(error));
        }
    }

    fn ask(&mut self, question: Question, tries: u8, context: &mut Context<'_>) {
        let id = transaction_id(context.random);
        let bytes = question.encode(id, &self.credential);
        let rto = if self.allocation.is_some() { RTO } else { GATHERING_RTO };
        let transaction = match self.carrier {
            Carrier::Datagrams => Transaction::over_datagrams(id, bytes.clone(), rto, context.now),
            Carrier::Stream => Transaction::over_stream(id, bytes.clone(), context.now),
        };
        self.requests.push(Pending {
            question,
            is_signed: self.credential.is_challenged(),
            tries,
            transaction,
        });
        self.push(bytes, false, context.now);
    }

    fn ask_for_channel(&mut self, peer: SocketAddr, context: &mut Context<'_>) {
        if let Some(number) = self.channels.number(peer) {
            self.ask(Question::Bind(number, peer), 0, context);
        }
    }

    /// Refreshes what is due, and reminds the NAT on the way.
    fn keep_up(&mut self, context: &mut Context<'_>) {
        let refresh = self.allocation.as_mut().map(|allocation| &mut allocation.refresh);
        if refresh.is_some_and(|due| due.take_if(|due| context.now >= *due).is_some()) {
            self.ask(Question::Refresh, 0, context);
        }
        while let Some(peer) = self.permissions.next_due(context.now) {
            self.ask(Question::Permit(peer), 0, context);
        }
        while let Some(peer) = self.channels.next_due(context.now) {
            self.ask_for_channel(peer, context);
        }
        if self.keep_alive.is_some_and(|due| context.now >= due) {
            let reminder = finish(indication(METHOD_BINDING, transaction_id(context.random)));
            self.push(reminder, false, context.now);
        }
    }

    fn handle_stun<'a>(&mut self, bytes: &'a [u8], context: &mut Context<'_>) -> Received<'a> {
        let Some(message) = StunMessage::parse(bytes) else {
            return Received::Refused;
        };
        if message.is_indication() && message.method() == METHOD_DATA {
            return self.handle_data(&message, bytes);
        }
        let Some(position) = self.requests.position(message.transaction(), message.method()) else {
            return Received::Refused;
        };
        self.handle_response(message, position, context)
    }

    fn handle_data<'a>(&self, message: &StunMessage, bytes: &'a [u8]) -> Received<'a> {
        let peer = message.xor_address(ATTR_XOR_PEER_ADDRESS);
        let peer = peer.filter(|peer| self.relayed().is_some() && self.permissions.admits(peer.ip()));
        match (peer, message.locate(ATTR_DATA).and_then(|range| bytes.get(range))) {
            (Some(peer), Some(payload)) => Received::Relayed(peer, payload),
            _ => Received::Refused,
        }
    }

    fn handle_channel_data<'a>(&self, bytes: &'a [u8]) -> Received<'a> {
        let data = channel::decode(bytes).filter(|_| self.relayed().is_some());
        let peer = data.and_then(|(number, _)| self.channels.peer(number));
        match (peer, data) {
            (Some(peer), Some((_, payload))) => Received::Relayed(peer, payload),
            _ => Received::Refused,
        }
    }

    fn release(&mut self) {
        self.end(TurnEvent::Released);
    }

    fn end(&mut self, event: TurnEvent) {
        self.is_over = true;
        self.allocation = None;
        self.requests.clear();
        self.events.push_back(event);
    }

    fn push(&mut self, bytes: Vec<u8>, droppable: bool, now: Instant) {
        if droppable && self.frames.len() >= MAX_FRAMES {
            return;
        }
        self.frames.push_back(Frame { bytes, droppable });
        self.keep_alive = (self.carrier == Carrier::Datagrams).then_some(now + KEEP_ALIVE);
    }
}

/// RFC 8656 §11.1.
fn send_indication(peer: SocketAddr, payload: &[u8], context: &mut Context<'_>) -> Vec<u8> {
    let mut message = indication(METHOD_SEND, transaction_id(context.random));
    add_xor_address(&mut message, ATTR_XOR_PEER_ADDRESS, peer);
    message.add(ATTR_DATA, payload);
    finish(message)
}

#[cfg(test)]
mod tests;
