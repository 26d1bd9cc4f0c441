//! Two media sessions joined by a network in virtual time: latency, and a rule that decides each datagram's fate.
use std::collections::BTreeMap;
use std::f64::consts::TAU;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, Instant, SystemTime};

use c2c_proto::io::{AudioPort, ClockOrigin, Datagram, FRAME, RandomSource, Transmit};
use c2c_proto::media::dtls::DtlsCertificate;
use c2c_proto::media::session::{MediaConfig, MediaEvent, MediaSession};

/// Rate of the test ports, Hz.
pub(crate) const RATE: u32 = 16_000;

/// `SplitMix64`: each test names its seed.
pub(crate) struct Seeded(pub u64);

impl Seeded {
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl RandomSource for Seeded {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            *byte = self.next() as u8;
        }
    }
}

/// Plays a tone, records what it hears.
pub(crate) struct TonePort {
    frequency: f64,
    phase: f64,
    pub(crate) heard: Vec<i16>,
}

impl TonePort {
    pub(crate) fn new(frequency: f64) -> Self {
        Self {
            frequency,
            phase: 0.0,
            heard: Vec::new(),
        }
    }

    /// Part of the energy of the last second heard that is at this frequency, 0 to 1.
    pub(crate) fn share_of(&self, frequency: f64) -> f64 {
        let last = &self.heard[self.heard.len().saturating_sub(RATE as usize)..];
        let (mut re, mut im, mut energy) = (0.0, 0.0, 0.0);
        for (at, sample) in last.iter().enumerate() {
            let (sample, angle) = (f64::from(*sample), TAU * frequency * at as f64 / f64::from(RATE));
            re += sample * angle.cos();
            im += sample * angle.sin();
            energy += sample * sample;
        }
        if energy == 0.0 {
            0.0
        } else {
            2.0 * (re * re + im * im) / (energy * last.len() as f64)
        }
    }
}

impl AudioPort for TonePort {
    fn outgoing_rate(&self) -> Option<u32> {
        Some(RATE)
    }

    fn pull(&mut self, frame: &mut [i16]) -> bool {
        for sample in frame {
            *sample = (8_000.0 * self.phase.sin()) as i16;
            self.phase = (self.phase + TAU * self.frequency / f64::from(RATE)) % TAU;
        }
        true
    }

    fn incoming_rates(&self) -> Vec<u32> {
        vec![RATE]
    }

    fn push(&mut self, rate: u32, samples: &[i16], _position: u64) {
        assert_eq!(rate, RATE);
        self.heard.extend_from_slice(samples);
    }
}

/// Which of the two.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Side {
    /// The one who offers.
    Caller,
    /// The one who answers.
    Callee,
}

/// What a datagram is, by its first bytes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(crate) enum Kind {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

pub(crate) fn kind_of(payload: &[u8]) -> Kind {
    match (payload[0], payload[1]) {
        (0..=3, _) => Kind::Stun,
        (20..=63, _) => Kind::Dtls,
        (128..=191, 192..=223) => Kind::Rtcp,
        (128..=191, _) => Kind::Rtp,
        other => panic!("a datagram of no known kind: {other:?}"),
    }
}

/// What becomes of a datagram: when each copy arrives after the usual latency, and with what in it.
pub(crate) type Fate = Vec<(Duration, Vec<u8>)>;
/// Sender, number among all it sent (from 0), the datagram.
pub(crate) type Rule = Box<dyn FnMut(Side, usize, &Transmit) -> Fate>;

pub(crate) fn deliver(transmit: &Transmit) -> Fate {
    vec![(Duration::ZERO, transmit.payload.clone())]
}

pub(crate) struct Peer {
    pub(crate) session: MediaSession,
    pub(crate) port: TonePort,
    pub(crate) address: SocketAddr,
    /// Its sockets whose addresses are there: others neither send nor receive.
    pub(crate) sockets: Vec<SocketAddr>,
    pub(crate) events: Vec<(Duration, MediaEvent)>,
    sent: usize,
}

impl Peer {
    pub(crate) fn has(&self, event: &MediaEvent) -> bool {
        self.events.iter().any(|(_, seen)| seen == event)
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.has(&MediaEvent::Connected)
    }

    pub(crate) fn failure(&self) -> Option<&c2c_proto::media::error::MediaError> {
        self.events.iter().find_map(|(_, event)| match event {
            MediaEvent::Failed(error) => Some(error),
            _ => None,
        })
    }
}

/// A call between two sessions.
pub(crate) struct Call {
    pub(crate) caller: Peer,
    pub(crate) callee: Peer,
    pub(crate) latency: Duration,
    pub(crate) rule: Rule,
    pub(crate) origin: Instant,
    pub(crate) now: Instant,
    next_tick: Instant,
    wire: BTreeMap<(Instant, u64), (Side, Transmit)>,
    order: u64,
}

static CERTIFICATES: LazyLock<[Arc<DtlsCertificate>; 2]> =
    LazyLock::new(|| std::array::from_fn(|_| Arc::new(DtlsCertificate::generate().unwrap())));

/// Settings of a session made now; its certificate differs from the other side's.
pub(crate) fn config(side: Side, now: Instant) -> MediaConfig {
    let certificate = &CERTIFICATES[side as usize];
    let clock = ClockOrigin {
        instant: now,
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000),
    };
    MediaConfig::new(Arc::clone(certificate), clock, now)
}

/// A session of a third machine with a certificate of its own, ready to answer.
pub(crate) fn answerer(address: SocketAddr, now: Instant) -> MediaSession {
    let certificate = Arc::new(DtlsCertificate::generate().unwrap());
    let settings = MediaConfig {
        certificate,
        ..config(Side::Callee, now)
    };
    let mut session = MediaSession::new(settings, &mut Seeded(3), now).unwrap();
    session.set_sockets(&[address], now);
    session
}

impl Call {
    /// Two sessions with one socket each, not yet introduced.
    pub(crate) fn new(adapt: impl Fn(Side, &mut MediaConfig)) -> Self {
        let now = Instant::now();
        let peer = |side, address: &str, seed, frequency| {
            let mut settings = config(side, now);
            adapt(side, &mut settings);
            let address = address.parse().unwrap();
            let mut session = MediaSession::new(settings, &mut Seeded(seed), now).unwrap();
            session.set_sockets(&[address], now);
            Peer {
                session,
                port: TonePort::new(frequency),
                address,
                sockets: vec![address],
                events: Vec::new(),
                sent: 0,
            }
        };
        Self {
            caller: peer(Side::Caller, "192.0.2.1:40000", 1, 440.0),
            callee: peer(Side::Callee, "198.51.100.1:50000", 2, 1_000.0),
            latency: Duration::from_millis(10),
            rule: Box::new(|_, _, transmit| deliver(transmit)),
            origin: now,
            now,
            next_tick: now,
            wire: BTreeMap::new(),
            order: 0,
        }
    }

    pub(crate) fn plain() -> Self {
        Self::new(|_, _| {})
    }

    /// Offer and answer, each with an edit on its way.
    pub(crate) fn signal_edited(&mut self, offer: impl Fn(String) -> String, answer: impl Fn(String) -> String) {
        let text = offer(self.caller.session.create_offer(self.now).unwrap());
        let text = answer(self.callee.session.handle_offer(text.as_bytes(), self.now).unwrap());
        self.caller.session.handle_answer(text.as_bytes(), self.now).unwrap();
    }

    pub(crate) fn signal(&mut self) {
        self.signal_edited(|offer| offer, |answer| answer);
    }

    /// Signals and runs until both are connected.
    pub(crate) fn connect(&mut self) {
        self.signal();
        self.run_until(Duration::from_secs(30), |call| {
            call.caller.is_connected() && call.callee.is_connected()
        });
        assert!(
            self.is_connected(),
            "{:?} / {:?}",
            self.caller.events,
            self.callee.events
        );
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.caller.is_connected() && self.callee.is_connected()
    }

    pub(crate) fn elapsed(&self) -> Duration {
        self.now - self.origin
    }

    pub(crate) fn run_for(&mut self, time: Duration) {
        let end = self.now + time;
        self.run_until(time, |_| false);
        self.now = end;
    }

    /// Runs in virtual time until the condition holds, `limit` at most.
    pub(crate) fn run_until(&mut self, limit: Duration, condition: impl Fn(&Self) -> bool) {
        let end = self.now + limit;
        let mut stuck = 0;
        loop {
            self.drain();
            if condition(self) {
                return;
            }
            let next = self.next_moment();
            if next > end {
                return;
            }
            stuck = if next <= self.now { stuck + 1 } else { 0 };
            assert!(stuck < 1_000, "a timer stays in the past");
            self.now = next.max(self.now);
            self.step();
        }
    }

    /// Hands a datagram to a side at once, from outside of the network's rules.
    pub(crate) fn inject(&mut self, to: Side, from: SocketAddr, payload: &[u8]) {
        let now = self.now;
        let peer = self.peer(to);
        let local = peer.address;
        peer.session.handle_datagram(
            Datagram {
                local,
                remote: from,
                payload,
            },
            now,
        );
        self.drain();
    }

    pub(crate) fn peer(&mut self, side: Side) -> &mut Peer {
        match side {
            Side::Caller => &mut self.caller,
            Side::Callee => &mut self.callee,
        }
    }

    fn next_moment(&self) -> Instant {
        let timers = [self.caller.session.poll_timeout(), self.callee.session.poll_timeout()];
        let arrival = self.wire.keys().next().map(|(at, _)| *at);
        timers
            .into_iter()
            .flatten()
            .chain(arrival)
            .chain([self.next_tick])
            .min()
            .unwrap()
    }

    fn step(&mut self) {
        let now = self.now;
        while let Some(entry) = self.wire.first_entry().filter(|entry| entry.key().0 <= now) {
            let (to, transmit) = entry.remove();
            let peer = self.peer(to);
            if peer.sockets.contains(&transmit.remote) {
                let Transmit {
                    local: remote,
                    remote: local,
                    payload,
                } = transmit;
                peer.session.handle_datagram(
                    Datagram {
                        local,
                        remote,
                        payload: &payload,
                    },
                    now,
                );
            }
            self.drain();
        }
        let is_tick = self.next_tick <= now;
        for peer in [&mut self.caller, &mut self.callee] {
            if peer.session.poll_timeout().is_some_and(|due| due <= now) {
                peer.session.handle_timeout(now);
            }
            if is_tick {
                peer.session.tick(&mut peer.port, now);
            }
        }
        if is_tick {
            self.next_tick += FRAME;
        }
    }

    fn drain(&mut self) {
        for side in [Side::Caller, Side::Callee] {
            let elapsed = self.now - self.origin;
            loop {
                let peer = self.peer(side);
                while let Some(event) = peer.session.poll_event() {
                    peer.events.push((elapsed, event));
                }
                let Some(transmit) = peer.session.poll_transmit() else {
                    break;
                };
                let index = peer.sent;
                peer.sent += 1;
                self.send(side, index, &transmit);
            }
        }
    }

    fn send(&mut self, from: Side, index: usize, transmit: &Transmit) {
        let to = if from == Side::Caller {
            Side::Callee
        } else {
            Side::Caller
        };
        if !self.peer(from).sockets.contains(&transmit.local) {
            return;
        }
        for (extra, payload) in (self.rule)(from, index, transmit) {
            self.order += 1;
            let at = self.now + self.latency + extra;
            self.wire.insert(
                (at, self.order),
                (
                    to,
                    Transmit {
                        payload,
                        ..transmit.clone()
                    },
                ),
            );
        }
    }
}
