use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use rtc_stun::message::{METHOD_ALLOCATE, METHOD_BINDING, METHOD_CREATE_PERMISSION, METHOD_REFRESH};

use super::*;
use crate::io::{NetworkInput, NetworkRequest, Secret, StreamId};
use crate::media::candidate::CandidateKind;
use crate::media::servers::IceServerSettings;
use crate::media::turn::scripted_server::{PASSWORD, Refusal, ScriptedServer, USERNAME};
use crate::test_clock::start;

const CHECK: &[u8] = &[0, 1, 0, 0];
const MEDIA: &[u8] = &[0x80, 111, 0, 1];

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn socket() -> SocketAddr {
    address("10.0.0.1:5000")
}

fn peer() -> SocketAddr {
    address("198.51.100.7:40000")
}

fn config(urls: &[&str], policy: IceTransportPolicy) -> IceConfig {
    let settings: Vec<IceServerSettings> = urls
        .iter()
        .map(|url| IceServerSettings {
            urls: vec![(*url).to_owned()],
            username: Some(Secret(USERNAME.into())),
            credential: Some(Secret(PASSWORD.into())),
        })
        .collect();
    IceConfig::new(&settings, policy).unwrap()
}

/// A gatherer in a world of scripted servers. Names and connections are given by hand.
struct World {
    gatherer: IceGatherer,
    servers: BTreeMap<SocketAddr, ScriptedServer>,
    streams: HashMap<StreamId, SocketAddr>,
    requests: Vec<NetworkRequest>,
    start: Instant,
    now: Instant,
}

impl World {
    fn new(urls: &[&str], policy: IceTransportPolicy) -> Self {
        let now = start();
        Self {
            gatherer: IceGatherer::new(&config(urls, policy), &mut UnpredictableRandom::fixed()),
            servers: BTreeMap::new(),
            streams: HashMap::new(),
            requests: Vec::new(),
            start: now,
            now,
        }
    }

    fn with_server(mut self, at: &str) -> Self {
        let mut server = ScriptedServer::new();
        server.nat = Some(address("203.0.113.9:6000"));
        self.servers.insert(address(at), server);
        self
    }

    fn server(&mut self, at: &str) -> &mut ScriptedServer {
        self.servers.get_mut(&address(at)).unwrap()
    }

    fn gather(&mut self, sockets: &[SocketAddr]) {
        self.gatherer.set_sockets(sockets, self.now);
        self.exchange();
    }

    fn exchange(&mut self) {
        while let Some(output) = self.gatherer.poll_output() {
            match output {
                GatherOutput::Transmit(transmit) => self.carry(&transmit),
                GatherOutput::Network(NetworkRequest::WriteStream { stream, bytes, .. }) => self.write(stream, &bytes),
                GatherOutput::Network(request) => self.requests.push(request),
            }
        }
    }

    fn carry(&mut self, transmit: &Transmit) {
        let Some(server) = self.servers.get_mut(&transmit.remote) else {
            return;
        };
        if let Some(payload) = server.handle(transmit.local, &transmit.payload, self.now) {
            let datagram = Datagram {
                local: transmit.local,
                remote: transmit.remote,
                payload: &payload,
            };
            assert!(matches!(
                self.gatherer.handle_datagram(datagram, self.now),
                FromServer::Taken
            ));
        }
    }

    fn write(&mut self, stream: StreamId, bytes: &[u8]) {
        let at = self.streams[&stream];
        let client = SocketAddr::new([10, 0, 0, 1].into(), 20_000 + u16::try_from(stream.0).unwrap());
        if let Some(answer) = self.servers.get_mut(&at).unwrap().handle(client, bytes, self.now) {
            let bytes = &answer;
            self.gatherer
                .handle_network(NetworkInput::StreamBytes { stream, bytes }, self.now);
        }
    }

    fn resolve(&mut self, host: &str, addresses: Result<&[&str], &str>) {
        let addresses = addresses
            .map(|texts| texts.iter().map(|text| text.parse().unwrap()).collect())
            .map_err(str::to_owned);
        self.gatherer
            .handle_network(NetworkInput::Resolved { host, addresses }, self.now);
        self.exchange();
    }

    fn open(&mut self, stream: StreamId, at: &str) {
        self.streams.insert(stream, address(at));
        let (local, remote) = (socket(), address(at));
        self.gatherer
            .handle_network(NetworkInput::StreamOpened { stream, local, remote }, self.now);
        self.exchange();
    }

    fn cut(&mut self, stream: StreamId, reason: &str) {
        let reason = reason.to_owned();
        self.gatherer
            .handle_network(NetworkInput::StreamClosed { stream, reason }, self.now);
        self.exchange();
    }

    fn run(&mut self, millis: u64) {
        let end = self.start + Duration::from_millis(millis);
        let mut steps = 0;
        while let Some(due) = self.gatherer.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.gatherer.handle_timeout(self.now);
            self.exchange();
            steps += 1;
            assert!(steps < 100_000, "a timer that does not move on");
        }
        self.now = end;
    }

    fn send(&mut self, relay: SocketAddr, payload: &[u8]) -> bool {
        let is_sent = self.gatherer.send(relay, peer(), payload, self.now);
        self.exchange();
        is_sent
    }

    fn events(&mut self) -> Vec<GatherEvent> {
        std::iter::from_fn(|| self.gatherer.poll_event()).collect()
    }

    /// Candidates as kind and address, then everything else.
    fn news(&mut self) -> (Vec<(CandidateKind, String)>, Vec<GatherEvent>) {
        let (candidates, rest): (Vec<_>, Vec<_>) = self
            .events()
            .into_iter()
            .partition(|event| matches!(event, GatherEvent::Candidate(_)));
        let kinds = candidates.into_iter().map(|event| match event {
            GatherEvent::Candidate(candidate) => (candidate.kind, candidate.address.to_string()),
            _ => unreachable!(),
        });
        (kinds.collect(), rest)
    }
}

fn warnings(events: &[GatherEvent]) -> Vec<&str> {
    let texts = events.iter().filter_map(|event| match event {
        GatherEvent::Warning(text) => Some(text.as_str()),
        _ => None,
    });
    texts.collect()
}

use CandidateKind::{Relayed, ServerReflexive};
use IceTransportPolicy::{All, Relay as RelayOnly};

#[test]
fn without_servers_it_is_complete_at_once() {
    let mut world = World::new(&[], All);
    assert!(!world.gatherer.is_complete());
    world.gather(&[socket()]);
    assert_eq!(world.events(), [GatherEvent::Complete]);
    assert_eq!(world.gatherer.poll_timeout(), None);
    world.gatherer.close(world.now);
    assert_eq!(world.events(), [GatherEvent::Closed]);
}

#[test]
fn every_server_is_asked_and_the_last_answer_completes() {
    let mut world = World::new(&["stun:192.0.2.1", "turn:192.0.2.2"], All)
        .with_server("192.0.2.1:3478")
        .with_server("192.0.2.2:3478");
    world.gather(&[socket()]);
    let (candidates, rest) = world.news();
    let reflexive = (ServerReflexive, "203.0.113.9:6000".to_owned());
    assert_eq!(candidates, [reflexive, (Relayed, "192.0.2.1:50000".to_owned())]);
    assert_eq!(rest, [GatherEvent::Complete]);
    assert!(world.gatherer.failures().is_empty());
}

#[test]
fn the_sdp_lines_of_gathered_candidates() {
    let lines = |policy| -> Vec<String> {
        let mut world = World::new(&["turn:192.0.2.2"], policy).with_server("192.0.2.2:3478");
        world.gather(&[socket()]);
        let candidates = world.events().into_iter().filter_map(|event| match event {
            GatherEvent::Candidate(candidate) => Some(candidate.to_string()),
            _ => None,
        });
        candidates.collect()
    };
    assert_eq!(
        lines(All),
        [
            "s0x0 1 udp 1694498815 203.0.113.9 6000 typ srflx raddr 10.0.0.1 rport 5000",
            "r0 1 udp 50331647 192.0.2.1 50000 typ relay raddr 203.0.113.9 rport 6000",
        ]
    );
    assert_eq!(
        lines(RelayOnly),
        ["r0 1 udp 50331647 192.0.2.1 50000 typ relay raddr 0.0.0.0 rport 9"]
    );
}

#[test]
fn no_nat_no_reflexive_candidate() {
    let mut world = World::new(&["stun:192.0.2.1"], All).with_server("192.0.2.1:3478");
    world.server("192.0.2.1:3478").nat = None;
    world.gather(&[socket()]);
    assert_eq!(world.events(), [GatherEvent::Complete]);
}

#[test]
fn silent_servers_cost_the_budget_and_leave_a_warning_each() {
    for (policy, millis) in [(All, 500), (RelayOnly, 2000)] {
        let mut world = World::new(
            &[
                "stun:192.0.2.1",
                "turn:192.0.2.2",
                "turns:turn.example",
                "turn:x.example",
            ],
            policy,
        );
        world.gather(&[socket()]);
        world.run(millis - 1);
        assert_eq!(world.events(), []);
        world.run(millis);
        let events = world.events();
        assert_eq!(events.last(), Some(&GatherEvent::Complete));
        let texts = warnings(&events);
        assert_eq!(texts.len(), 4);
        assert!(texts[0].starts_with("stun:192.0.2.1:3478: no answer"), "{}", texts[0]);
        assert!(
            texts[2].starts_with("turns:turn.example:5349: no answer"),
            "{}",
            texts[2]
        );
        world.run(120_000);
        assert_eq!(world.events(), [], "told once");
    }
}

#[test]
fn a_wrong_credential_is_told_at_once_and_without_it() {
    let mut world = World::new(&["turn:192.0.2.2"], All).with_server("192.0.2.2:3478");
    let mut wrong = config(&["turn:192.0.2.2"], All);
    wrong.servers[0].credential = Secret("hunter2".into());
    world.gatherer = IceGatherer::new(&wrong, &mut UnpredictableRandom::fixed());
    world.gather(&[socket()]);
    let events = world.events();
    assert_eq!(events.last(), Some(&GatherEvent::Complete));
    let text = "turn:192.0.2.2:3478: 401: the username or the credential is wrong, or has expired";
    assert_eq!(warnings(&events), [text]);
    assert_eq!(world.gatherer.failures(), [text]);
    let printed = format!("{events:?}{:?}", world.gatherer);
    assert!(!printed.contains("hunter2") && !printed.contains(USERNAME));
}

#[test]
fn a_name_is_looked_up_once_and_may_fail() {
    let mut world = World::new(
        &["stun:nat.example", "turn:nat.example", "turn:nat.example?transport=tcp"],
        All,
    );
    world.gather(&[socket()]);
    let host = "nat.example".to_owned();
    let (stream, port) = (StreamId(0), 3478);
    assert_eq!(
        world.requests,
        [
            NetworkRequest::OpenStream {
                stream,
                host: host.clone(),
                port,
                tls_name: None
            },
            NetworkRequest::Resolve { host }
        ]
    );
    world.resolve("nat.example", Err("no such name"));
    world.cut(stream, "no such name");
    let events = world.events();
    assert_eq!(warnings(&events).len(), 3);
    assert!(warnings(&events)[0].contains("its name was not found (no such name)"));
    assert_eq!(events.last(), Some(&GatherEvent::Complete));
}

#[test]
fn relays_through_tcp_and_tls() {
    for (url, tls_name) in [
        ("turn:turn.example?transport=tcp", None),
        ("turns:turn.example", Some("turn.example")),
    ] {
        let mut world = World::new(&[url], RelayOnly).with_server("192.0.2.2:3478");
        world.gather(&[socket()]);
        let Some(NetworkRequest::OpenStream {
            stream,
            tls_name: asked,
            ..
        }) = world.requests.pop()
        else {
            panic!("no connection was asked for");
        };
        assert_eq!(asked.as_deref(), tls_name);
        world.open(stream, "192.0.2.2:3478");
        let (candidates, rest) = world.news();
        assert_eq!((candidates.len(), rest), (1, vec![GatherEvent::Complete]));
        let relay = address(&candidates[0].1);
        assert!(world.gatherer.is_relay(relay) && world.send(relay, CHECK));
        assert_eq!(world.server("192.0.2.2:3478").to_peers.len(), 1);
        let (_, bytes) = world
            .server("192.0.2.2:3478")
            .deliver(relay, peer(), MEDIA, start())
            .unwrap();
        let halves = bytes.split_at(5);
        for bytes in [halves.0, halves.1] {
            let input = NetworkInput::StreamBytes { stream, bytes };
            world.gatherer.handle_network(input, world.now);
        }
        let relayed = RelayedDatagram {
            relay,
            peer: peer(),
            payload: MEDIA.to_vec(),
        };
        assert_eq!(world.gatherer.poll_relayed(), Some(relayed));
        world.gatherer.close(world.now);
        world.exchange();
        assert_eq!(world.events(), [GatherEvent::Closed]);
        assert_eq!(world.requests.pop(), Some(NetworkRequest::CloseStream { stream }));
        assert!(world.server("192.0.2.2:3478").allocations.is_empty());
    }
}

#[test]
fn peers_are_permitted_on_relays_that_stand_and_that_come() {
    let mut world = World::new(&["turn:192.0.2.2", "turn:192.0.2.3?transport=tcp"], All)
        .with_server("192.0.2.2:3478")
        .with_server("192.0.2.3:3478");
    world.gather(&[socket()]);
    world
        .gatherer
        .permit([peer().ip(), peer().ip(), address("[2001:db8::1]:1").ip()], world.now);
    world.exchange();
    assert_eq!(world.server("192.0.2.2:3478").count(METHOD_CREATE_PERMISSION), 1);
    world.open(StreamId(0), "192.0.2.3:3478");
    assert_eq!(world.server("192.0.2.3:3478").count(METHOD_CREATE_PERMISSION), 1);
}

#[test]
fn a_relay_carries_both_ways() {
    let mut world = World::new(&["turn:192.0.2.2"], All).with_server("192.0.2.2:3478");
    world.gather(&[socket()]);
    let relay = address(&world.news().0[1].1);
    assert!(!world.send(address("192.0.2.1:1"), MEDIA), "not a relay of ours");
    assert!(world.send(relay, CHECK) && world.send(relay, MEDIA) && world.send(relay, MEDIA));
    assert_eq!(world.server("192.0.2.2:3478").to_peers.len(), 3);
    let now = world.now;
    let (local, payload) = world
        .server("192.0.2.2:3478")
        .deliver(relay, peer(), MEDIA, now)
        .unwrap();
    let datagram = Datagram {
        local,
        remote: address("192.0.2.2:3478"),
        payload: &payload,
    };
    let FromServer::Relayed(inner) = world.gatherer.handle_datagram(datagram, world.now) else {
        panic!("not relayed");
    };
    assert_eq!((inner.local, inner.remote, inner.payload), (relay, peer(), MEDIA));
    // the same bytes from elsewhere, or to another socket, are nothing of ours
    for (local, remote) in [(local, peer()), (address("10.0.0.2:5000"), address("192.0.2.2:3478"))] {
        let datagram = Datagram {
            local,
            remote,
            payload: &payload,
        };
        assert!(matches!(
            world.gatherer.handle_datagram(datagram, world.now),
            FromServer::NotOurs
        ));
    }
    assert_eq!(world.gatherer.rejected(), 0);
}

#[test]
fn an_answer_after_the_budget_still_gives_a_candidate() {
    let mut world = World::new(&["turn:192.0.2.2"], All).with_server("192.0.2.2:3478");
    world.server("192.0.2.2:3478").is_silent = true;
    world.gather(&[socket()]);
    world.run(500);
    assert_eq!(warnings(&world.events()).len(), 1);
    world.server("192.0.2.2:3478").is_silent = false;
    world.run(2000);
    let (candidates, rest) = world.news();
    assert_eq!((candidates.len(), rest), (2, vec![]));
}

#[test]
fn a_lost_datagram_does_not_cost_the_candidate() {
    for lost_for in [1, 199] {
        let mut world = World::new(&["stun:192.0.2.2"], All).with_server("192.0.2.2:3478");
        world.server("192.0.2.2:3478").is_silent = true;
        world.gather(&[socket()]);
        world.run(lost_for);
        world.server("192.0.2.2:3478").is_silent = false;
        world.run(499);
        assert_eq!(world.news().0.len(), 1);
    }
}

#[test]
fn another_socket_and_address_are_tried_beside_a_silent_one() {
    let mut world = World::new(&["turn:dual.example"], All)
        .with_server("[2001:db8::2]:3478")
        .with_server("192.0.2.2:3478");
    world.server("[2001:db8::2]:3478").is_silent = true;
    world.gather(&[address("[2001:db8::1]:5000"), socket()]);
    world.resolve("dual.example", Ok(&["2001:db8::2", "192.0.2.2"]));
    assert_eq!(world.server("192.0.2.2:3478").seen.len(), 0);
    world.run(150);
    let (candidates, rest) = world.news();
    assert_eq!((candidates.len(), rest), (2, vec![GatherEvent::Complete]));
    // the slower one comes to nothing, even if it wakes up
    world.server("[2001:db8::2]:3478").is_silent = false;
    world.run(60_000);
    assert!(world.server("[2001:db8::2]:3478").allocations.is_empty());
    assert_eq!(world.events(), []);
}

#[test]
fn a_refusal_lets_the_next_way_be_tried_at_once() {
    let mut world = World::new(&["turn:two.example"], All)
        .with_server("192.0.2.2:3478")
        .with_server("192.0.2.3:3478");
    world.server("192.0.2.2:3478").refuse(METHOD_ALLOCATE, 508);
    world.gather(&[socket()]);
    world.resolve("two.example", Ok(&["192.0.2.2", "192.0.2.3"]));
    assert_eq!(world.news().1, [GatherEvent::Complete]);
    assert_eq!(world.server("192.0.2.3:3478").allocations.len(), 1);
}

#[test]
fn an_address_that_no_socket_reaches_is_told() {
    let mut world = World::new(&["turn:[2001:db8::2]", "stun:[2001:db8::2]", "turn:192.0.2.2"], All);
    world.gather(&[address("127.0.0.1:5000")]);
    let events = world.events();
    assert_eq!(warnings(&events).len(), 3);
    assert!(
        warnings(&events)
            .iter()
            .all(|text| text.contains("no local address reaches it"))
    );
    assert_eq!(events.last(), Some(&GatherEvent::Complete));
}

#[test]
fn two_urls_of_one_server_share_its_allocation() {
    let mut world =
        World::new(&["turn:192.0.2.2", "turn:same.example", "stun:192.0.2.2"], All).with_server("192.0.2.2:3478");
    world.gather(&[socket()]);
    world.resolve("same.example", Ok(&["192.0.2.2"]));
    let (candidates, rest) = world.news();
    assert_eq!((candidates.len(), rest), (2, vec![GatherEvent::Complete]));
    assert_eq!(world.server("192.0.2.2:3478").count(METHOD_ALLOCATE), 2);
    assert_eq!(world.server("192.0.2.2:3478").count(METHOD_BINDING), 1);
}

fn redirection(to: &str) -> Refusal {
    Refusal {
        method: METHOD_ALLOCATE,
        code: 300,
        is_signed: false,
        alternate: Some(address(to)),
    }
}

#[test]
fn redirections_are_followed_and_not_in_circles() {
    let mut world = World::new(&["turn:192.0.2.2"], All)
        .with_server("192.0.2.2:3478")
        .with_server("192.0.2.3:3479");
    world
        .server("192.0.2.2:3478")
        .refusals
        .push_back(redirection("192.0.2.3:3479"));
    world.gather(&[socket()]);
    assert_eq!(world.news().1, [GatherEvent::Complete]);
    assert_eq!(world.server("192.0.2.3:3479").allocations.len(), 1);

    let mut world = World::new(&["turn:192.0.2.2"], All)
        .with_server("192.0.2.2:3478")
        .with_server("192.0.2.3:3479");
    for _ in 0..10 {
        world
            .server("192.0.2.2:3478")
            .refusals
            .push_back(redirection("192.0.2.3:3479"));
        world
            .server("192.0.2.3:3479")
            .refusals
            .push_back(redirection("192.0.2.2:3478"));
    }
    world.gather(&[socket()]);
    assert!(warnings(&world.events())[0].contains("without end"));
}

#[test]
fn a_redirected_connection_keeps_its_certificate_name() {
    let mut world = World::new(&["turns:turn.example"], RelayOnly)
        .with_server("192.0.2.2:5349")
        .with_server("192.0.2.3:5350");
    world
        .server("192.0.2.2:5349")
        .refusals
        .push_back(redirection("192.0.2.3:5350"));
    world.gather(&[socket()]);
    world.open(StreamId(0), "192.0.2.2:5349");
    let (first, second) = (StreamId(0), StreamId(1));
    assert_eq!(
        world.requests[1..],
        [
            NetworkRequest::OpenStream {
                stream: second,
                host: "192.0.2.3".into(),
                port: 5350,
                tls_name: Some("turn.example".into())
            },
            NetworkRequest::CloseStream { stream: first }
        ]
    );
    world.open(second, "192.0.2.3:5350");
    assert_eq!(world.news().0.len(), 1);
}

#[test]
fn a_lost_relay_is_told() {
    let mut world = World::new(&["turn:192.0.2.2?transport=tcp"], RelayOnly).with_server("192.0.2.2:3478");
    world.gather(&[socket()]);
    world.open(StreamId(0), "192.0.2.2:3478");
    let relay = address(&world.news().0[0].1);
    world.cut(StreamId(0), "reset by peer");
    let events = world.events();
    assert_eq!(warnings(&events).len(), 1);
    assert!(warnings(&events)[0].contains("the relayed address is lost: the connection failed: reset by peer"));
    assert_eq!(events.last(), Some(&GatherEvent::RelayLost(relay)));
    assert!(!world.send(relay, MEDIA));
    assert!(
        !world
            .requests
            .contains(&NetworkRequest::CloseStream { stream: StreamId(0) })
    );
}

#[test]
fn closing_gives_everything_back_and_waits_for_nobody_long() {
    let mut world = World::new(
        &[
            "turn:192.0.2.2",
            "turn:192.0.2.3",
            "turns:late.example",
            "stun:192.0.2.4",
        ],
        All,
    )
    .with_server("192.0.2.2:3478")
    .with_server("192.0.2.3:3478")
    .with_server("192.0.2.4:3478");
    world.gather(&[socket()]);
    world.server("192.0.2.3:3478").is_silent = true;
    world.events();
    world.gatherer.close(world.now);
    world.exchange();
    assert_eq!(world.server("192.0.2.2:3478").count(METHOD_REFRESH), 1);
    assert_eq!(
        world.requests.last(),
        Some(&NetworkRequest::CloseStream { stream: StreamId(0) })
    );
    assert_eq!(world.events(), []);
    world.run(500);
    assert_eq!(world.events(), [GatherEvent::Closed]);
    assert_eq!(world.gatherer.poll_timeout(), None);
    world.open(StreamId(0), "192.0.2.2:3478");
    world.resolve("late.example", Ok(&["192.0.2.2"]));
    world.run(60_000);
    assert_eq!(world.events(), []);
}

#[test]
fn a_nats_mapping_is_kept_until_ice_has_chosen() {
    let mut world = World::new(&["stun:192.0.2.1"], All).with_server("192.0.2.1:3478");
    world.gather(&[socket()]);
    world.run(60_000);
    assert_eq!(world.server("192.0.2.1:3478").count(METHOD_BINDING), 5);
    world.gatherer.end_keep_alive();
    assert_eq!(world.gatherer.poll_timeout(), None);
}
