//! What must hold for two ends of a call's media whatever happens between them: offers and answers with changed lines,
//! datagrams lost, repeated, damaged and spliced, checks that are signed with the right password and make no sense. Nothing
//! panics, and no timer stands still.
use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr};
use std::slice::Iter;
use std::sync::Arc;
use std::time::{Duration, Instant, UNIX_EPOCH};

use rtc_stun::message::Message;

use super::certificate;
use crate::io::{AudioPort, ClockOrigin, Datagram, RandomSource, Transmit};
use crate::media::description::Direction;
use crate::media::error::MediaError;
use crate::media::session::{MediaConfig, MediaSession};
use crate::media::stun::message::{finish, sign};

/// Steps of one run; more of the script is not looked at.
const MAX_STEPS: usize = 400;
/// Datagrams under way in one direction; more are lost.
const MAX_FLYING: usize = 64;
/// Timeouts of one script; time stands still afterwards.
const MAX_TIMEOUTS: usize = 5_000;
/// Timeouts that may be due at one moment.
const MAX_AT_ONCE: usize = 200;
const OURS: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 40_000);
const FAR: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 30_000);

/// Runs two ends through a script, one byte a step; `Pair::step` tells which. True unless a timer stood still.
pub fn media_session_survives(script: &[u8], now: Instant) -> bool {
    Pair::new(script, now).is_some_and(|mut pair| {
        for _ in 0..MAX_STEPS {
            let Some(&step) = pair.script.next() else { break };
            pair.step(step);
            pair.drain();
        }
        pair.finish()
    })
}

struct Pair<'a> {
    ours: MediaSession,
    far: MediaSession,
    now: Instant,
    script: Iter<'a, u8>,
    to_ours: VecDeque<Transmit>,
    to_far: VecDeque<Transmit>,
    /// What the next description is changed by: a line and what is done to it.
    change: Option<(u8, u8)>,
    /// Our ICE password, as the far end knows it.
    password: Vec<u8>,
    timeouts: usize,
    is_stuck: bool,
}

impl<'a> Pair<'a> {
    fn new(script: &'a [u8], now: Instant) -> Option<Self> {
        let mut pair = Self {
            ours: session(OURS, 1, now)?,
            far: session(FAR, 2, now)?,
            now,
            script: script.iter(),
            to_ours: VecDeque::new(),
            to_far: VecDeque::new(),
            change: None,
            password: Vec::new(),
            timeouts: 0,
            is_stuck: false,
        };
        pair.drain();
        Some(pair)
    }

    /// Steps by letter; any other byte is passed over. What a step needs to know follows it.
    fn step(&mut self, step: u8) {
        match step {
            b'c' => self.change = Some((self.choice(), self.choice())),
            b'o' => self.negotiate(true),
            b'f' => self.negotiate(false),
            b'r' => self.restart(),
            b'x' => self.exchange(),
            b'n' => self.deliver(|_| {}),
            b'N' => self.damage(),
            b'd' => drop(self.to_ours.pop_front()),
            b'D' => drop(self.to_far.pop_front()),
            b'a' => self.to_ours.extend(self.to_ours.front().cloned()),
            b's' => self.splice(),
            b'S' => self.signed(),
            b'p' => self.foreign(),
            b't' => self.wait_for_next(),
            b'w' => {
                let time = Duration::from_millis(20) * u32::from(self.choice());
                self.wait(time);
            }
            b'k' => {
                self.ours.tick(&mut Silence, self.now);
                self.far.tick(&mut Silence, self.now);
            }
            b'z' => self.far.close(self.now),
            _ => {}
        }
    }

    /// An offer of one end, perhaps changed, and its answer, perhaps changed.
    fn negotiate(&mut self, is_ours: bool) {
        let direction = [Direction::SendRecv, Direction::SendOnly, Direction::Inactive];
        let direction = direction
            .get(usize::from(self.choice()) % 3)
            .copied()
            .unwrap_or(Direction::SendRecv);
        let now = self.now;
        let from = if is_ours { &mut self.ours } else { &mut self.far };
        let offer = from.reoffer(direction, now).or_else(|_| from.create_offer(now));
        if let Ok(offer) = offer {
            self.hand_over(is_ours, &offer);
        }
    }

    /// An ICE restart of ours, to the same socket.
    fn restart(&mut self) {
        if self.ours.begin_restart(&[OURS], self.now).is_ok()
            && let Ok(offer) = self.ours.restart_offer(self.now)
        {
            self.hand_over(true, &offer);
        }
    }

    fn hand_over(&mut self, is_ours: bool, offer: &str) {
        self.learn(is_ours, offer);
        let (offer, now) = (self.changed(offer), self.now);
        let to = if is_ours { &mut self.far } else { &mut self.ours };
        let answer: Result<String, MediaError> = to.handle_offer(&offer, now);
        let Ok(answer) = answer else {
            let from = if is_ours { &mut self.ours } else { &mut self.far };
            return from.withdraw_offer();
        };
        self.learn(!is_ours, &answer);
        let answer = self.changed(&answer);
        let from = if is_ours { &mut self.ours } else { &mut self.far };
        if from.handle_answer(&answer, now).is_err() {
            from.withdraw_offer();
        }
    }

    fn learn(&mut self, is_ours: bool, sdp: &str) {
        let password = sdp.lines().find_map(|line| line.strip_prefix("a=ice-pwd:"));
        if let Some(password) = password.filter(|_| is_ours) {
            self.password = password.as_bytes().to_vec();
        }
    }

    /// One line is left out, doubled, put first, cut short or has a bit turned over; only once.
    fn changed(&mut self, sdp: &str) -> Vec<u8> {
        let mut lines: Vec<Vec<u8>> = sdp
            .split_inclusive("\r\n")
            .map(|line| line.as_bytes().to_vec())
            .collect();
        let Some((place, how)) = self.change.take() else {
            return lines.concat();
        };
        let at = usize::from(place) % lines.len().max(1);
        if let Some(mut line) = lines.get(at).cloned() {
            lines.remove(at);
            match how % 5 {
                0 => {}
                1 => lines.splice(at..at, [line.clone(), line]).for_each(drop),
                2 => lines.insert(0, line),
                3 => {
                    line.truncate(usize::from(how / 5) % line.len().max(1));
                    line.extend_from_slice(b"\r\n");
                    lines.insert(at, line);
                }
                _ => {
                    let length = line.len().max(1);
                    if let Some(byte) = line.get_mut(usize::from(how / 5) % length) {
                        *byte ^= 1 << (how % 7);
                    }
                    lines.insert(at, line);
                }
            }
        }
        lines.concat()
    }

    /// All that is under way arrives, and what comes of it.
    fn exchange(&mut self) {
        for _ in 0..MAX_FLYING {
            let (to_ours, to_far) = (std::mem::take(&mut self.to_ours), std::mem::take(&mut self.to_far));
            if to_ours.is_empty() && to_far.is_empty() {
                return;
            }
            for transmit in to_ours {
                take(&mut self.ours, &transmit, self.now);
            }
            for transmit in to_far {
                take(&mut self.far, &transmit, self.now);
            }
            self.drain();
        }
    }

    /// The next datagram to us arrives, after a change.
    fn deliver(&mut self, change: impl FnOnce(&mut Vec<u8>)) {
        if let Some(mut transmit) = self.to_ours.pop_front() {
            change(&mut transmit.payload);
            take(&mut self.ours, &transmit, self.now);
        }
    }

    fn damage(&mut self) {
        let (place, mask) = (usize::from(self.choice()), self.choice());
        self.deliver(|payload| {
            let at = place * payload.len() / 256;
            if let Some(byte) = payload.get_mut(at) {
                *byte ^= mask;
            }
        });
    }

    /// The head of the next datagram with the tail of the one behind it; that one stays.
    fn splice(&mut self) {
        let (head, tail) = (usize::from(self.choice()), usize::from(self.choice()));
        let second = self
            .to_ours
            .get(1)
            .map(|transmit| transmit.payload.clone())
            .unwrap_or_default();
        self.deliver(|payload| {
            payload.truncate(head * payload.len() / 256);
            payload.extend_from_slice(second.get(tail * second.len() / 256..).unwrap_or_default());
        });
    }

    /// A STUN message from the far end's socket with attributes from the script, signed with our password.
    fn signed(&mut self) {
        let (kind, length) = (self.choice(), usize::from(self.choice() / 4 * 4));
        let attributes = self.take_bytes(length);
        let length = u8::try_from(attributes.len()).unwrap_or(0);
        let kind: u16 = [0x0001, 0x0101, 0x0111, 0x0011]
            .get(usize::from(kind % 4))
            .copied()
            .unwrap_or(1);
        let mut message = Message::new();
        message.raw = [
            &kind.to_be_bytes()[..],
            &[0, length],
            &[0x21, 0x12, 0xa4, 0x42],
            &[7; 12],
            attributes,
        ]
        .concat();
        if message.decode().is_err() || !sign(&mut message, &self.password) {
            return;
        }
        let payload = finish(message);
        self.arrive(&payload);
    }

    /// Bytes from the script, from the far end's socket.
    fn foreign(&mut self) {
        let length = usize::from(self.choice());
        let payload = self.take_bytes(length);
        self.arrive(payload);
    }

    fn arrive(&mut self, payload: &[u8]) {
        let datagram = Datagram {
            local: OURS,
            remote: FAR,
            payload,
        };
        self.ours.handle_datagram(datagram, self.now);
    }

    fn wait_for_next(&mut self) {
        let next = [self.ours.poll_timeout(), self.far.poll_timeout()];
        let next = next.into_iter().flatten().min();
        self.wait(next.map_or(Duration::ZERO, |next| next.saturating_duration_since(self.now)));
    }

    fn wait(&mut self, time: Duration) {
        let (end, mut at_once) = (self.now + time, 0);
        loop {
            let next = [self.ours.poll_timeout(), self.far.poll_timeout()]
                .into_iter()
                .flatten()
                .min();
            let Some(at) = next.filter(|at| *at <= end) else { break };
            at_once = if at > self.now { 0 } else { at_once + 1 };
            self.timeouts += 1;
            self.is_stuck |= at_once > MAX_AT_ONCE;
            if self.is_stuck || self.timeouts > MAX_TIMEOUTS {
                return;
            }
            self.now = self.now.max(at);
            self.ours.handle_timeout(self.now);
            self.far.handle_timeout(self.now);
            self.drain();
        }
        self.now = end;
    }

    fn drain(&mut self) {
        while self.ours.poll_event().is_some() {}
        while self.far.poll_event().is_some() {}
        self.to_far.extend(std::iter::from_fn(|| self.ours.poll_transmit()));
        self.to_ours.extend(std::iter::from_fn(|| self.far.poll_transmit()));
        self.to_far.truncate(MAX_FLYING);
        self.to_ours.truncate(MAX_FLYING);
    }

    /// Both ends close; nothing is left to be done.
    fn finish(mut self) -> bool {
        self.ours.close(self.now);
        self.far.close(self.now);
        self.drain();
        self.timeouts = 0;
        self.wait(Duration::from_secs(2));
        !self.is_stuck && self.ours.is_closed()
    }

    fn choice(&mut self) -> u8 {
        self.script.next().copied().unwrap_or(0)
    }

    fn take_bytes(&mut self, length: usize) -> &'a [u8] {
        let rest = self.script.as_slice();
        let (taken, rest) = rest.split_at(length.min(rest.len()));
        self.script = rest.iter();
        taken
    }
}

/// An end with one socket.
fn session(socket: SocketAddr, seed: u64, now: Instant) -> Option<MediaSession> {
    let clock = ClockOrigin {
        instant: now,
        wall: UNIX_EPOCH,
    };
    let config = MediaConfig::new(Arc::clone(certificate()?), clock, now);
    let mut session = MediaSession::new(config, &mut Seeded(seed), now).ok()?;
    session.set_sockets(&[socket], now);
    Some(session)
}

fn take(session: &mut MediaSession, transmit: &Transmit, now: Instant) {
    let datagram = Datagram {
        local: transmit.remote,
        remote: transmit.local,
        payload: &transmit.payload,
    };
    session.handle_datagram(datagram, now);
}

/// The same in each run.
struct Seeded(u64);

impl RandomSource for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = self.0.to_be_bytes().into_iter().next().unwrap_or(0);
        }
    }
}

/// Nobody plays; somebody listens.
struct Silence;

impl AudioPort for Silence {
    fn outgoing_rate(&self) -> Option<u32> {
        None
    }

    fn pull(&mut self, _frame: &mut [i16]) -> bool {
        false
    }

    fn incoming_rates(&self) -> Vec<u32> {
        vec![48_000]
    }

    fn push(&mut self, _rate: u32, _samples: &[i16], _position: u64) {}
}

#[cfg(test)]
mod tests {
    use super::*;

    /// How far a script comes: whether media connected at both ends.
    fn connects(script: &str) -> bool {
        let now = crate::test_clock::start();
        let mut pair = Pair::new(script.as_bytes(), now).unwrap();
        while let Some(&step) = pair.script.next() {
            pair.step(step);
            pair.drain();
        }
        let is_connected = pair.ours.is_path_alive() && pair.ours.stats(now).packets_sent > 0;
        assert!(pair.finish(), "{script}");
        is_connected
    }

    #[test]
    fn scripts_do_what_they_say() {
        assert!(!connects(""));
        assert!(!connects("o0"), "no datagram arrived");
        let connected = "o0 x tx tx tx tx tx tx tx tx kx kx kx";
        assert!(connects(connected));
        assert!(
            connects(&format!("{connected} f0 x kx r x tx tx tx")),
            "offers of both sides"
        );
        assert!(!connects("c\x08\x00o0 x tx tx"), "without one of its lines");
    }
}
