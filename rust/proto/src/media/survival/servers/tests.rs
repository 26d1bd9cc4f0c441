use super::*;
use crate::media::gatherer::FromServer;
use crate::media::stun::message::vectors;
use crate::media::turn::scripted_server::{PASSWORD, ScriptedServer, USERNAME, data_indication};
use crate::test_clock::start;

fn draw(random: &mut UnpredictableRandom, bound: usize) -> usize {
    usize::try_from(random.below(bound as u64)).unwrap()
}

/// Flips bits, cuts, doubles or fills in, a few times.
fn mutate(bytes: &mut Vec<u8>, random: &mut UnpredictableRandom) {
    for _ in 0..=draw(random, 4) {
        let at = draw(random, bytes.len().max(1));
        match draw(random, 6) {
            0 if !bytes.is_empty() => bytes[at] ^= 1 << draw(random, 8),
            1 => bytes.truncate(at),
            2 => bytes.insert(at.min(bytes.len()), u8::try_from(draw(random, 256)).unwrap()),
            3 if !bytes.is_empty() => bytes[at] = [0, 1, 0x40, 0x80, 0xff][draw(random, 5)],
            4 if bytes.len() < 2000 => bytes.extend_from_within(at..),
            5 if bytes.len() > 4 => bytes[3] = u8::try_from(draw(random, 256)).unwrap(),
            _ => {}
        }
    }
}

#[test]
fn mutated_vectors_are_refused_or_make_sense() {
    let mut random = UnpredictableRandom::fixed();
    let vectors: [&[u8]; 4] = [
        &vectors::REQUEST,
        &vectors::IPV4_RESPONSE,
        &vectors::IPV6_RESPONSE,
        &vectors::LONG_TERM_REQUEST,
    ];
    for round in 0..40_000 {
        let mut bytes = vectors[round % 4].to_vec();
        mutate(&mut bytes, &mut random);
        assert!(answer_survives(&bytes), "{bytes:?}");
    }
}

#[test]
fn random_scripts_leave_a_gatherer_alive() {
    let mut random = UnpredictableRandom::fixed();
    for _ in 0..2_000 {
        let mut bytes = vec![0; draw(&mut random, 600)];
        random.fill(&mut bytes);
        assert!(gatherer_survives(&bytes, start()), "{bytes:?}");
    }
}

/// A server whose answers are damaged on the way, some of them, for a whole call.
#[test]
fn damaged_answers_cost_time_at_most() {
    let mut random = UnpredictableRandom::fixed();
    let mut allocated = 0;
    for _ in 0..300 {
        allocated += usize::from(damaged_call(&mut random));
    }
    assert!(allocated > 100, "only {allocated} of 300 calls got through");
}

/// A gatherer, a server, and between them a network that damages every third answer.
struct DamagedCall<'a> {
    gatherer: IceGatherer,
    server: ScriptedServer,
    random: &'a mut UnpredictableRandom,
    now: Instant,
    relay: Option<SocketAddr>,
    is_lost: bool,
}

fn damaged_call(random: &mut UnpredictableRandom) -> bool {
    let settings = IceServerSettings {
        urls: vec!["turn:192.0.2.2".into()],
        username: Some(Secret(USERNAME.into())),
        credential: Some(Secret(PASSWORD.into())),
    };
    let config = IceConfig::new(&[settings], IceTransportPolicy::Relay).unwrap();
    let mut call = DamagedCall {
        gatherer: IceGatherer::new(&config, random),
        server: ScriptedServer::new(),
        random,
        now: start(),
        relay: None,
        is_lost: false,
    };
    let end = call.now + Duration::from_secs(1300);
    call.gatherer.set_sockets(&[local()], call.now);
    call.gatherer.permit([peer().ip()], call.now);
    for _ in 0..5_000 {
        call.exchange();
        let due = call.gatherer.poll_timeout().filter(|due| *due < end && !call.is_lost);
        let Some(due) = due else { return call.relay.is_some() };
        call.now = call.now.max(due);
        call.gatherer.handle_timeout(call.now);
    }
    panic!("a timer that does not move on")
}

impl DamagedCall<'_> {
    fn exchange(&mut self) {
        if let Some(relay) = self.relay {
            self.gatherer.send(relay, peer(), &[0x80; 20], self.now);
        }
        while let Some(output) = self.gatherer.poll_output() {
            let GatherOutput::Transmit(transmit) = output else {
                panic!("{output:?}");
            };
            let answer = self.server.handle(local(), &transmit.payload, self.now);
            for payload in answer.into_iter().chain([data_indication(peer(), b"data")]) {
                self.deliver(payload);
            }
        }
        while let Some(event) = self.gatherer.poll_event() {
            match event {
                GatherEvent::Candidate(candidate) => self.relay = Some(candidate.address),
                GatherEvent::RelayLost(_) => self.is_lost = true,
                _ => {}
            }
        }
    }

    fn deliver(&mut self, mut payload: Vec<u8>) {
        if draw(self.random, 3) == 0 {
            mutate(&mut payload, self.random);
        }
        let datagram = Datagram {
            local: local(),
            remote: SocketAddr::from(([192, 0, 2, 2], 3478)),
            payload: &payload,
        };
        if let FromServer::Relayed(inner) = self.gatherer.handle_datagram(datagram, self.now) {
            assert!(self.gatherer.is_relay(inner.local), "through a relay that stands");
            assert_eq!(inner.remote.ip(), peer().ip(), "from a peer that was permitted");
        }
    }
}

fn peer() -> SocketAddr {
    SocketAddr::from(([198, 51, 100, 7], 4000))
}

#[test]
fn urls_read_back() {
    let mut random = UnpredictableRandom::fixed();
    for _ in 0..20_000 {
        let mut bytes = b"turns:[2001:db8::1]:5349?transport=tcp".to_vec();
        mutate(&mut bytes, &mut random);
        assert!(server_url_survives(&bytes), "{bytes:?}");
    }
}
