//! What must hold for any bytes from STUN and TURN servers: nothing panics, no timer stands still, no queue grows without
//! bound. Fuzz targets, the replay of their corpora and tests share these.
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use rtc_stun::attributes::{ATTR_DATA, ATTR_NONCE, ATTR_REALM, ATTR_XOR_PEER_ADDRESS, ATTR_XOR_RELAYED_ADDRESS};

use crate::io::{Datagram, NetworkInput, NetworkRequest, RandomSource, Secret, StreamId};
use crate::media::gatherer::{GatherEvent, GatherOutput, IceGatherer};
use crate::media::servers::{IceConfig, IceServerSettings, IceTransportPolicy, ServerUrl};
use crate::media::stun::message::StunMessage;
use crate::media::unpredictable_random::UnpredictableRandom;

/// Steps of one run; more of the input is not looked at.
const MAX_STEPS: usize = 200;

/// Reads a server's message and all that is read of one. True when it was refused, or everything read makes sense.
pub(super) fn answer_survives(bytes: &[u8]) -> bool {
    let Some(mut message) = StunMessage::parse(bytes) else {
        return true;
    };
    let addresses = [
        message.mapped_address(),
        message.alternate_server(),
        message.xor_address(ATTR_XOR_RELAYED_ADDRESS),
        message.xor_address(ATTR_XOR_PEER_ADDRESS),
    ];
    let is_usable = |address: &SocketAddr| address.port() != 0 && !address.ip().is_unspecified();
    let located = message.locate(ATTR_DATA).map(|range| bytes.get(range));
    let _ = (
        message.error_code(),
        message.lifetime(),
        message.text(ATTR_REALM),
        message.text(ATTR_NONCE),
    );
    addresses.iter().flatten().all(is_usable)
        && located == message.attribute(ATTR_DATA).map(Some)
        && !message.is_authentic(b"a key that nobody signs with")
}

/// Reads a server's URL. True when it was refused, or prints as one that reads the same.
pub fn server_url_survives(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return true;
    };
    ServerUrl::parse(text).map_or(true, |url| ServerUrl::parse(&url.to_string()) == Ok(url))
}

/// Feeds a gatherer with datagrams and connection bytes cut from the input, and lets time pass in between. Each piece is a
/// length, a kind and its bytes; in STUN messages the transaction id of the last request may take the place of theirs.
pub fn gatherer_survives(bytes: &[u8], now: Instant) -> bool {
    let mut run = Run::new(now);
    let mut rest = bytes;
    for _ in 0..MAX_STEPS {
        let Some((&[length, kind], tail)) = rest.split_first_chunk() else {
            break;
        };
        let (piece, tail) = tail.split_at(tail.len().min(usize::from(length) * 4));
        rest = tail;
        if !run.step(kind, piece) {
            return false;
        }
    }
    run.finish()
}

/// A gatherer with a server of each kind, all of which the input speaks for.
struct Run {
    gatherer: IceGatherer,
    now: Instant,
    last_id: [u8; 12],
    relays: Vec<SocketAddr>,
}

/// A seed that is no secret.
struct Seed;

impl RandomSource for Seed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

impl Run {
    fn new(now: Instant) -> Self {
        let urls = [
            "stun:192.0.2.1",
            "turn:192.0.2.2",
            "turn:192.0.2.3?transport=tcp",
            "turns:turn.example",
        ];
        let settings = IceServerSettings {
            urls: urls.map(str::to_owned).to_vec(),
            username: Some(Secret("user".into())),
            credential: Some(Secret("password".into())),
        };
        let config = IceConfig::new(&[settings], IceTransportPolicy::All).unwrap_or_default();
        let mut run = Self {
            gatherer: IceGatherer::new(&config, &mut UnpredictableRandom::new(&mut Seed)),
            now,
            last_id: [0; 12],
            relays: Vec::new(),
        };
        run.gatherer.set_sockets(&[local()], now);
        run.gatherer.permit([[198, 51, 100, 7].into()], now);
        run.drain();
        run
    }

    fn step(&mut self, kind: u8, piece: &[u8]) -> bool {
        let mut piece = piece.to_vec();
        if let Some(id) = piece.get_mut(8..20).filter(|_| kind & 0x80 != 0) {
            id.copy_from_slice(&self.last_id);
        }
        match kind & 7 {
            0 | 1 => self.datagram(1 + (kind & 1), &piece),
            2 | 3 => self.stream(u32::from(kind & 1), &piece),
            4 => self.open(u32::from(kind >> 3 & 1)),
            5 => self.resolve(&piece),
            6 => return self.pass(u64::from(kind >> 3) * 997),
            _ => self.send(&piece),
        }
        self.drain()
    }

    fn datagram(&mut self, server: u8, payload: &[u8]) {
        let remote = SocketAddr::from(([192, 0, 2, server], 3478));
        let local = local();
        let datagram = Datagram { local, remote, payload };
        self.gatherer.handle_datagram(datagram, self.now);
    }

    fn stream(&mut self, stream: u32, bytes: &[u8]) {
        let stream = StreamId(stream);
        let input = NetworkInput::StreamBytes { stream, bytes };
        self.gatherer.handle_network(input, self.now);
    }

    fn open(&mut self, stream: u32) {
        let (stream, remote) = (StreamId(stream), SocketAddr::from(([192, 0, 2, 3], 3478)));
        let local = local();
        let input = NetworkInput::StreamOpened { stream, local, remote };
        self.gatherer.handle_network(input, self.now);
    }

    fn resolve(&mut self, piece: &[u8]) {
        let octets = piece
            .chunks_exact(4)
            .filter_map(|octets| <[u8; 4]>::try_from(octets).ok());
        let addresses = Ok(octets.map(Into::into).collect());
        let host = "turn.example";
        self.gatherer
            .handle_network(NetworkInput::Resolved { host, addresses }, self.now);
    }

    fn send(&mut self, piece: &[u8]) {
        let peer = SocketAddr::from(([198, 51, 100, 7], 4000));
        for relay in self.relays.clone() {
            self.gatherer.send(relay, peer, piece, self.now);
        }
    }

    /// Lets time pass; false when a timer that was run is still due.
    fn pass(&mut self, millis: u64) -> bool {
        let end = self.now + Duration::from_millis(millis);
        for _ in 0..10_000 {
            let Some(due) = self.gatherer.poll_timeout().filter(|due| *due <= end) else {
                self.now = end;
                return true;
            };
            self.now = self.now.max(due);
            self.gatherer.handle_timeout(self.now);
            if !self.drain() {
                return false;
            }
        }
        false
    }

    /// Takes what came out; false when it is more than one input can justify.
    fn drain(&mut self) -> bool {
        let mut outputs = 0;
        while let Some(output) = self.gatherer.poll_output() {
            outputs += 1;
            self.note_id(&output);
        }
        while let Some(event) = self.gatherer.poll_event() {
            if let GatherEvent::Candidate(candidate) = event {
                self.relays.push(candidate.address);
            }
        }
        while self.gatherer.poll_relayed().is_some() {}
        self.relays.truncate(8);
        outputs < 1000
    }

    fn note_id(&mut self, output: &GatherOutput) {
        let bytes = match output {
            GatherOutput::Transmit(transmit) => &transmit.payload,
            GatherOutput::Network(NetworkRequest::WriteStream { bytes, .. }) => bytes,
            GatherOutput::Network(_) => return,
        };
        if let Some(id) = bytes.get(8..20) {
            self.last_id.copy_from_slice(id);
        }
    }

    fn finish(mut self) -> bool {
        self.gatherer.close(self.now);
        self.drain() && self.pass(1000) && self.gatherer.poll_timeout().is_none()
    }
}

fn local() -> SocketAddr {
    SocketAddr::from(([10, 0, 0, 1], 5000))
}

#[cfg(test)]
mod tests;
