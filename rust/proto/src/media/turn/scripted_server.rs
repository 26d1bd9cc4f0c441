//! A STUN and TURN server for tests: one address, any number of clients, told what to do wrong.
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use md5::{Digest, Md5};
use rtc_stun::addr::MappedAddress;
use rtc_stun::attributes::{
    ATTR_ALTERNATE_SERVER, ATTR_CHANNEL_NUMBER, ATTR_DATA, ATTR_ERROR_CODE, ATTR_LIFETIME, ATTR_NONCE, ATTR_REALM,
    ATTR_REQUESTED_TRANSPORT, ATTR_USERNAME, ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS, ATTR_XORMAPPED_ADDRESS,
};
use rtc_stun::message::{
    CLASS_ERROR_RESPONSE, CLASS_SUCCESS_RESPONSE, METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND,
    METHOD_CREATE_PERMISSION, METHOD_DATA, METHOD_REFRESH, METHOD_SEND, Message, MessageType, Method, TransactionId,
};

use crate::media::stun::message::{StunMessage, add_xor_address, finish, indication, sign};

pub(in crate::media) const USERNAME: &str = "1999:rig";
pub(in crate::media) const PASSWORD: &str = "open sesame";
const REALM: &str = "turn.example";

/// What one client was allotted.
#[derive(Debug)]
pub(in crate::media) struct Allocation {
    pub(in crate::media) client: SocketAddr,
    pub(in crate::media) relayed: SocketAddr,
    pub(in crate::media) expires: Instant,
    pub(in crate::media) permissions: Vec<(std::net::IpAddr, Instant)>,
    pub(in crate::media) channels: Vec<(u16, SocketAddr, Instant)>,
}

/// A refusal to come.
#[derive(Clone, Debug)]
pub(in crate::media) struct Refusal {
    pub(in crate::media) method: Method,
    pub(in crate::media) code: u16,
    /// Signed, if the request was.
    pub(in crate::media) is_signed: bool,
    /// For 300.
    pub(in crate::media) alternate: Option<SocketAddr>,
}

/// The server. Its answers to datagrams are returned; what it sends to peers is kept in `to_peers`.
#[derive(Debug)]
pub(in crate::media) struct ScriptedServer {
    pub(in crate::media) relay_ip: std::net::IpAddr,
    pub(in crate::media) lifetime: u32,
    pub(in crate::media) nonce: String,
    /// The address that clients seem to have, instead of their own.
    pub(in crate::media) nat: Option<SocketAddr>,
    pub(in crate::media) is_silent: bool,
    /// Responses come without MESSAGE-INTEGRITY.
    pub(in crate::media) is_unsigned: bool,
    /// Responses come with a wrong one.
    pub(in crate::media) is_forged: bool,
    pub(in crate::media) refusals: VecDeque<Refusal>,
    pub(in crate::media) allocations: Vec<Allocation>,
    /// Method and whether it was signed, of all requests and indications.
    pub(in crate::media) seen: Vec<(Method, bool)>,
    /// Relayed address, peer, payload.
    pub(in crate::media) to_peers: Vec<(SocketAddr, SocketAddr, Vec<u8>)>,
    next_port: u16,
}

impl ScriptedServer {
    pub(in crate::media) fn new() -> Self {
        Self {
            relay_ip: [192, 0, 2, 1].into(),
            lifetime: 600,
            nonce: "first".into(),
            nat: None,
            is_silent: false,
            is_unsigned: false,
            is_forged: false,
            refusals: VecDeque::new(),
            allocations: Vec::new(),
            seen: Vec::new(),
            to_peers: Vec::new(),
            next_port: 50_000,
        }
    }

    /// Refuses the next request of a method.
    pub(in crate::media) fn refuse(&mut self, method: Method, code: u16) {
        self.refusals.push_back(Refusal {
            method,
            code,
            is_signed: true,
            alternate: None,
        });
    }

    /// How many requests or indications of a method came.
    pub(in crate::media) fn count(&self, method: Method) -> usize {
        self.seen.iter().filter(|(seen, _)| *seen == method).count()
    }

    /// Takes one message of a client's; gives the answer.
    pub(in crate::media) fn handle(&mut self, client: SocketAddr, bytes: &[u8], now: Instant) -> Option<Vec<u8>> {
        self.allocations.retain(|allocation| now < allocation.expires);
        if self.is_silent {
            return None;
        }
        if bytes.first().is_some_and(|first| *first >= 0x40) {
            self.relay_channel_data(client, bytes, now);
            return None;
        }
        let mut message = StunMessage::parse(bytes).expect("the client sends well-formed STUN");
        self.seen.push((message.method(), message.has_integrity()));
        if message.is_indication() {
            self.relay_indication(client, &message, now);
            return None;
        }
        Some(self.answer(client, &mut message, now))
    }

    /// What a peer sends to a relayed address, as the client gets it: `ChannelData` if there is a channel.
    pub(in crate::media) fn deliver(
        &self,
        relayed: SocketAddr,
        peer: SocketAddr,
        payload: &[u8],
        now: Instant,
    ) -> Option<(SocketAddr, Vec<u8>)> {
        let allocation = self
            .allocations
            .iter()
            .find(|allocation| allocation.relayed == relayed)?;
        allocation.lets(peer, now).then_some(())?;
        let bound = allocation
            .channels
            .iter()
            .find(|(_, bound, until)| *bound == peer && now < *until);
        let bytes = match bound {
            Some((number, ..)) => super::channel::encode(*number, payload, false)?,
            None => data_indication(peer, payload),
        };
        Some((allocation.client, bytes))
    }

    fn answer(&mut self, client: SocketAddr, message: &mut StunMessage, now: Instant) -> Vec<u8> {
        let (method, id) = (message.method(), message.transaction());
        if let Some(at) = self.refusals.iter().position(|refusal| refusal.method == method) {
            let refusal = self.refusals.remove(at).unwrap();
            let signed = refusal.is_signed && message.has_integrity();
            return self.error(method, id, refusal.code, signed, refusal.alternate);
        }
        if method == METHOD_BINDING {
            return finish(self.success(method, id, client));
        }
        if !message.has_integrity() || message.text(ATTR_USERNAME).as_deref() != Some(USERNAME) {
            return self.error(method, id, 401, false, None);
        }
        if !message.is_authentic(&key()) {
            return self.error(method, id, 401, false, None);
        }
        if message.text(ATTR_NONCE).as_deref() != Some(&self.nonce) {
            return self.error(method, id, 438, false, None);
        }
        match self.serve(client, message, now) {
            Ok(response) => self.signed(response),
            Err(code) => self.error(method, id, code, true, None),
        }
    }

    fn serve(&mut self, client: SocketAddr, message: &StunMessage, now: Instant) -> Result<Message, u16> {
        let mut response = self.success(message.method(), message.transaction(), client);
        let at = self
            .allocations
            .iter()
            .position(|allocation| allocation.client == client);
        if message.method() == METHOD_ALLOCATE {
            assert_eq!(message.attribute(ATTR_REQUESTED_TRANSPORT), Some(&[17, 0, 0, 0][..]));
            let allocation = at.is_none().then(|| self.allocate(client, now)).ok_or(437u16)?;
            add_xor_address(&mut response, ATTR_XOR_RELAYED_ADDRESS, allocation);
            response.add(ATTR_LIFETIME, &self.lifetime.to_be_bytes());
            return Ok(response);
        }
        let at = at.ok_or(437u16)?;
        let peer = message.xor_address(ATTR_XOR_PEER_ADDRESS);
        match message.method() {
            METHOD_REFRESH => {
                let lifetime = message.lifetime().unwrap_or(self.lifetime).min(self.lifetime);
                response.add(ATTR_LIFETIME, &lifetime.to_be_bytes());
                self.allocations[at].expires = now + Duration::from_secs(lifetime.into());
                self.allocations.retain(|allocation| now < allocation.expires);
            }
            METHOD_CREATE_PERMISSION => self.allocations[at].permit(peer.ok_or(400u16)?.ip(), now),
            METHOD_CHANNEL_BIND => self.allocations[at].bind(message, peer.ok_or(400u16)?, now)?,
            _ => return Err(400),
        }
        Ok(response)
    }

    fn allocate(&mut self, client: SocketAddr, now: Instant) -> SocketAddr {
        let relayed = SocketAddr::new(self.relay_ip, self.next_port);
        self.next_port += 1;
        self.allocations.push(Allocation {
            client,
            relayed,
            expires: now + Duration::from_secs(self.lifetime.into()),
            permissions: Vec::new(),
            channels: Vec::new(),
        });
        relayed
    }

    fn relay_indication(&mut self, client: SocketAddr, message: &StunMessage, now: Instant) {
        if message.method() != METHOD_SEND {
            return;
        }
        let peer = message.xor_address(ATTR_XOR_PEER_ADDRESS).unwrap();
        let payload = message.attribute(ATTR_DATA).unwrap().to_vec();
        self.relay(client, peer, payload, now);
    }

    fn relay_channel_data(&mut self, client: SocketAddr, bytes: &[u8], now: Instant) {
        let (number, payload) = super::channel::decode(bytes).unwrap();
        let allocation = self.allocations.iter().find(|allocation| allocation.client == client);
        let mut channels = allocation.iter().flat_map(|allocation| &allocation.channels);
        let bound = channels.find(|(bound, _, until)| *bound == number && now < *until);
        if let Some((_, peer, _)) = bound.copied() {
            self.relay(client, peer, payload.to_vec(), now);
        }
    }

    fn relay(&mut self, client: SocketAddr, peer: SocketAddr, payload: Vec<u8>, now: Instant) {
        let allocation = self.allocations.iter().find(|allocation| allocation.client == client);
        if let Some(allocation) = allocation.filter(|allocation| allocation.lets(peer, now)) {
            self.to_peers.push((allocation.relayed, peer, payload));
        }
    }

    fn success(&self, method: Method, id: TransactionId, client: SocketAddr) -> Message {
        let mut message = response(MessageType::new(method, CLASS_SUCCESS_RESPONSE), id);
        add_xor_address(&mut message, ATTR_XORMAPPED_ADDRESS, self.nat.unwrap_or(client));
        message
    }

    fn error(&self, method: Method, id: TransactionId, code: u16, signed: bool, to: Option<SocketAddr>) -> Vec<u8> {
        let mut message = response(MessageType::new(method, CLASS_ERROR_RESPONSE), id);
        let (class, number) = ((code / 100) as u8, (code % 100) as u8);
        message.add(ATTR_ERROR_CODE, &[&[0, 0, class, number], &b"Scripted"[..]].concat());
        if matches!(code, 401 | 438) {
            message.add(ATTR_REALM, REALM.as_bytes());
            message.add(ATTR_NONCE, self.nonce.as_bytes());
        }
        if let Some(to) = to {
            let to = MappedAddress {
                ip: to.ip(),
                port: to.port(),
            };
            to.add_to_as(&mut message, ATTR_ALTERNATE_SERVER).unwrap();
        }
        if signed { self.signed(message) } else { finish(message) }
    }

    fn signed(&self, mut message: Message) -> Vec<u8> {
        if self.is_forged {
            sign(&mut message, b"another key");
        } else if !self.is_unsigned {
            sign(&mut message, &key());
        }
        finish(message)
    }
}

impl Allocation {
    /// RFC 8656 §9: five minutes.
    fn permit(&mut self, ip: std::net::IpAddr, now: Instant) {
        self.permissions.retain(|(known, _)| *known != ip);
        self.permissions.push((ip, now + Duration::from_secs(300)));
    }

    /// RFC 8656 §12.2: ten minutes; neither number nor peer may be bound otherwise.
    fn bind(&mut self, message: &StunMessage, peer: SocketAddr, now: Instant) -> Result<(), u16> {
        let &[high, low, 0, 0] = message.attribute(ATTR_CHANNEL_NUMBER).ok_or(400u16)? else {
            return Err(400);
        };
        let number = u16::from_be_bytes([high, low]);
        self.channels.retain(|(_, _, until)| now < *until);
        let is_taken = |(known, bound, _): &(u16, SocketAddr, Instant)| (*known == number) != (*bound == peer);
        if !(0x4000..=0x4fff).contains(&number) || self.channels.iter().any(is_taken) {
            return Err(400);
        }
        self.channels.retain(|(known, ..)| *known != number);
        self.channels.push((number, peer, now + Duration::from_secs(600)));
        self.permit(peer.ip(), now);
        Ok(())
    }

    fn lets(&self, peer: SocketAddr, now: Instant) -> bool {
        self.permissions
            .iter()
            .any(|(ip, until)| *ip == peer.ip() && now < *until)
    }
}

/// A Data indication, as a server or somebody else makes it.
pub(in crate::media) fn data_indication(peer: SocketAddr, payload: &[u8]) -> Vec<u8> {
    let mut message = indication(METHOD_DATA, TransactionId([7; 12]));
    add_xor_address(&mut message, ATTR_XOR_PEER_ADDRESS, peer);
    message.add(ATTR_DATA, payload);
    finish(message)
}

fn response(typ: MessageType, id: TransactionId) -> Message {
    let mut message = Message::new();
    message.typ = typ;
    message.transaction_id = id;
    message.write_header();
    message
}

fn key() -> Vec<u8> {
    Md5::digest(format!("{USERNAME}:{REALM}:{PASSWORD}")).to_vec()
}
