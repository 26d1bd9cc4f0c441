use rtc_stun::message::{
    METHOD_ALLOCATE, METHOD_BINDING, METHOD_CHANNEL_BIND, METHOD_CREATE_PERMISSION, METHOD_REFRESH, METHOD_SEND, Method,
};

use super::scripted_server::{PASSWORD, Refusal, ScriptedServer, USERNAME, data_indication};
use super::*;
use crate::media::unpredictable_random::UnpredictableRandom;
use crate::test_clock::start;

const MEDIA: &[u8] = &[0x80, 111, 0, 1];
const CHECK: &[u8] = &[0, 1, 0, 0];

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn peer() -> SocketAddr {
    address("198.51.100.7:40000")
}

/// A client and a server, and a network between them that takes no time.
struct Pair {
    client: TurnClient,
    server: ScriptedServer,
    carrier: Carrier,
    random: UnpredictableRandom,
    start: Instant,
    now: Instant,
    received: Vec<(SocketAddr, Vec<u8>)>,
    sent: Vec<Vec<u8>>,
}

impl Pair {
    fn new(carrier: Carrier) -> Self {
        Self::with_password(carrier, PASSWORD)
    }

    fn with_password(carrier: Carrier, password: &str) -> Self {
        let now = start();
        Self {
            client: TurnClient::new(carrier, Secret(USERNAME.into()), Secret(password.into())),
            server: ScriptedServer::new(),
            carrier,
            random: UnpredictableRandom::fixed(),
            start: now,
            now,
            received: Vec::new(),
            sent: Vec::new(),
        }
    }

    fn allocated(carrier: Carrier) -> Self {
        let mut pair = Self::new(carrier);
        pair.act(TurnClient::allocate);
        let events = pair.events();
        assert!(matches!(events[..], [TurnEvent::Allocated { .. }]), "{events:?}");
        pair
    }

    fn act<T>(&mut self, act: impl FnOnce(&mut TurnClient, &mut Context<'_>) -> T) -> T {
        let mut context = Context {
            now: self.now,
            random: &mut self.random,
        };
        let result = act(&mut self.client, &mut context);
        self.exchange();
        result
    }

    fn exchange(&mut self) {
        while let Some(frame) = self.client.poll_frame() {
            self.sent.push(frame.bytes.clone());
            let client = address("10.0.0.1:5000");
            if let Some(answer) = self.server.handle(client, &frame.bytes, self.now) {
                self.feed(&answer);
            }
        }
    }

    fn feed(&mut self, bytes: &[u8]) -> bool {
        let mut context = Context {
            now: self.now,
            random: &mut self.random,
        };
        if self.carrier == Carrier::Stream {
            let mut got = Vec::new();
            self.client.handle_stream(bytes, &mut context, &mut |peer, payload| {
                got.push((peer, payload.to_vec()));
            });
            self.received.extend(got);
            return true;
        }
        match self.client.handle_datagram(bytes, &mut context) {
            Received::Relayed(peer, payload) => self.received.push((peer, payload.to_vec())),
            Received::Taken => {}
            Received::Refused => return false,
        }
        true
    }

    fn send(&mut self, peer: SocketAddr, payload: &[u8]) -> bool {
        self.act(|client, context| client.send(peer, payload, context))
    }

    fn peer_sends(&mut self, payload: &[u8]) {
        let relayed = self.client.relayed().unwrap();
        let (_, mut bytes) = self.server.deliver(relayed, peer(), payload, self.now).unwrap();
        bytes.resize(bytes.len().next_multiple_of(4), 0);
        assert!(self.feed(&bytes));
    }

    /// Runs all that is due until then.
    fn run(&mut self, seconds: u64) {
        let end = self.start + Duration::from_secs(seconds);
        let mut steps = 0;
        while let Some(due) = self.client.poll_timeout().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.act(TurnClient::handle_timeout);
            steps += 1;
            assert!(steps < 100_000, "a timer that does not move on");
        }
        self.now = end;
    }

    fn events(&mut self) -> Vec<TurnEvent> {
        std::iter::from_fn(|| self.client.poll_event()).collect()
    }

    fn failure(&mut self) -> ServerError {
        match self.events().pop() {
            Some(TurnEvent::Failed(error)) => error,
            other => panic!("no failure: {other:?}"),
        }
    }
}

#[test]
fn allocates_once_challenged_and_learns_both_addresses() {
    for carrier in [Carrier::Datagrams, Carrier::Stream] {
        let mut pair = Pair::new(carrier);
        pair.server.nat = Some(address("203.0.113.9:1024"));
        pair.act(TurnClient::allocate);
        let (relayed, mapped) = (address("192.0.2.1:50000"), Some(address("203.0.113.9:1024")));
        assert_eq!(pair.events(), [TurnEvent::Allocated { relayed, mapped }]);
        assert_eq!(pair.server.seen, [(METHOD_ALLOCATE, false), (METHOD_ALLOCATE, true)]);
        assert_eq!(pair.client.relayed(), Some(relayed));
    }
}

#[test]
fn permits_binds_and_relays_both_ways() {
    for carrier in [Carrier::Datagrams, Carrier::Stream] {
        let mut pair = Pair::allocated(carrier);
        assert!(pair.send(peer(), CHECK));
        let relayed = pair.client.relayed().unwrap();
        assert_eq!(
            pair.server.to_peers,
            [(relayed, peer(), CHECK.to_vec())],
            "right behind its permission"
        );
        assert_eq!(pair.server.count(METHOD_CHANNEL_BIND), 0, "checks need no channel");
        pair.peer_sends(CHECK);
        assert!(pair.send(peer(), MEDIA) && pair.send(peer(), MEDIA));
        assert_eq!(pair.server.to_peers.len(), 3);
        assert_eq!(pair.sent.last().unwrap(), &[&[0x40, 0, 0, 4], MEDIA].concat());
        pair.peer_sends(MEDIA);
        assert_eq!(pair.received, [(peer(), CHECK.to_vec()), (peer(), MEDIA.to_vec())]);
        let requests = [METHOD_CREATE_PERMISSION, METHOD_CHANNEL_BIND].map(|method| pair.server.count(method));
        assert_eq!(requests, [1, 1]);
    }
}

#[test]
fn odd_payloads_are_padded_on_a_stream_only() {
    for (carrier, size) in [(Carrier::Datagrams, 9), (Carrier::Stream, 12)] {
        let mut pair = Pair::allocated(carrier);
        pair.send(peer(), MEDIA);
        pair.send(peer(), &[0x80; 5]);
        assert_eq!(pair.sent.last().unwrap().len(), size);
        assert_eq!(pair.server.to_peers.last().unwrap().2, [0x80; 5]);
    }
}

#[test]
fn everything_is_kept_up_for_hours() {
    let mut pair = Pair::allocated(Carrier::Datagrams);
    pair.send(peer(), MEDIA);
    for hour in 1..=3 {
        pair.run(hour * 3600);
        pair.server.to_peers.clear();
        assert!(pair.send(peer(), MEDIA));
        assert_eq!(pair.server.to_peers.len(), 1);
        pair.peer_sends(MEDIA);
    }
    assert_eq!(pair.events(), []);
    // every 540 s, 240 s and 540 s, and the NAT reminded every 15 s
    let counts =
        [METHOD_REFRESH, METHOD_CREATE_PERMISSION, METHOD_CHANNEL_BIND].map(|method| pair.server.count(method));
    assert_eq!(counts, [20, 41, 21]);
    assert!(pair.server.count(METHOD_BINDING) > 600);
}

#[test]
fn short_lifetimes_are_refreshed_half_way() {
    let mut pair = Pair::new(Carrier::Stream);
    pair.server.lifetime = 4;
    pair.act(TurnClient::allocate);
    pair.run(60);
    assert_eq!(pair.server.count(METHOD_REFRESH), 30);
    assert_eq!(pair.server.allocations.len(), 1);
    assert_eq!(pair.server.count(METHOD_BINDING), 0, "a connection needs no reminder");
}

#[test]
fn a_stale_nonce_costs_a_round_trip_wherever_it_strikes() {
    let mut pair = Pair::allocated(Carrier::Datagrams);
    for (nonce, second) in [("second", 100), ("third", 239), ("fourth", 539), ("fifth", 700)] {
        pair.run(second);
        pair.server.nonce = nonce.into();
        let other = SocketAddr::new(peer().ip(), 40_000 + u16::try_from(second).unwrap());
        assert!(pair.send(other, MEDIA));
    }
    pair.run(7200);
    assert_eq!(pair.server.allocations.len(), 1);
    assert_eq!(pair.server.allocations[0].channels.len(), 4);
    pair.server.nonce = "last".into();
    pair.act(TurnClient::close);
    assert_eq!(pair.events(), [TurnEvent::Released]);
    assert!(pair.server.allocations.is_empty());
}

#[test]
fn a_server_that_calls_every_nonce_stale_is_given_up() {
    let mut pair = Pair::new(Carrier::Datagrams);
    for _ in 0..10 {
        pair.server.refuse(METHOD_ALLOCATE, 438);
    }
    pair.act(TurnClient::allocate);
    assert!(matches!(pair.failure(), ServerError::Refused { code: 438, .. }));
    assert!(pair.client.is_over() && pair.client.poll_timeout().is_none());
    assert_eq!(pair.server.count(METHOD_ALLOCATE), 5);
}

#[test]
fn a_wrong_password_is_told_from_the_first_challenge() {
    let mut pair = Pair::with_password(Carrier::Datagrams, "guess");
    pair.act(TurnClient::allocate);
    let error = pair.failure();
    assert_eq!(error, ServerError::WrongCredential);
    assert!(error.to_string().contains("credential is wrong"));
    assert_eq!(pair.server.count(METHOD_ALLOCATE), 2);
}

#[test]
fn refusals_carry_their_code_signed_or_not() {
    for code in [400, 403, 420, 440, 442, 486, 500, 508] {
        for is_signed in [true, false] {
            let mut pair = Pair::new(Carrier::Datagrams);
            pair.server.refuse(METHOD_ALLOCATE, 401);
            pair.server.refusals.push_back(Refusal {
                method: METHOD_ALLOCATE,
                code,
                is_signed,
                alternate: None,
            });
            pair.act(TurnClient::allocate);
            let error = pair.failure();
            assert!(error.to_string().starts_with(&format!("{code} Scripted")), "{error}");
        }
    }
}

#[test]
fn what_the_port_was_allotted_before_is_cleared_once() {
    let mut pair = Pair::allocated(Carrier::Datagrams);
    pair.client = TurnClient::new(Carrier::Datagrams, Secret(USERNAME.into()), Secret(PASSWORD.into()));
    pair.act(TurnClient::allocate);
    assert!(matches!(pair.events()[..], [TurnEvent::Allocated { .. }]));
    assert_eq!(pair.server.allocations.len(), 1);
    let mut pair = Pair::new(Carrier::Datagrams);
    pair.server.refuse(METHOD_ALLOCATE, 401);
    pair.server.refuse(METHOD_ALLOCATE, 437);
    pair.server.refuse(METHOD_ALLOCATE, 437);
    pair.act(TurnClient::allocate);
    assert!(matches!(pair.failure(), ServerError::Refused { code: 437, .. }));
}

#[test]
fn a_redirection_names_the_other_server() {
    let mut pair = Pair::new(Carrier::Datagrams);
    let other = address("192.0.2.2:3479");
    pair.server.refusals.push_back(Refusal {
        method: METHOD_ALLOCATE,
        code: 300,
        is_signed: false,
        alternate: Some(other),
    });
    pair.act(TurnClient::allocate);
    assert_eq!(
        pair.events(),
        [TurnEvent::Redirected {
            server: other,
            domain: None
        }]
    );
    let mut pair = Pair::new(Carrier::Datagrams);
    pair.server.refuse(METHOD_ALLOCATE, 300);
    pair.act(TurnClient::allocate);
    assert!(pair.failure().to_string().contains("without saying where"));
}

#[test]
fn silence_ends_on_the_schedule() {
    for (carrier, sent, seconds) in [(Carrier::Datagrams, 7, 16), (Carrier::Stream, 1, 40)] {
        let mut pair = Pair::new(carrier);
        pair.server.is_silent = true;
        pair.act(TurnClient::allocate);
        pair.run(seconds);
        assert_eq!(pair.failure(), ServerError::NoAnswer);
        assert_eq!(pair.sent.len(), sent);
    }
}

#[test]
fn answers_that_are_not_the_servers_are_as_if_they_had_never_come() {
    for is_forged in [true, false] {
        let mut pair = Pair::new(Carrier::Datagrams);
        (pair.server.is_forged, pair.server.is_unsigned) = (is_forged, !is_forged);
        pair.act(TurnClient::allocate);
        assert_eq!(pair.events(), []);
        assert_eq!(pair.client.relayed(), None);
        // neither do forged refusals take an allocation that stands
        let mut pair = Pair::allocated(Carrier::Datagrams);
        (pair.server.is_forged, pair.server.is_unsigned) = (is_forged, !is_forged);
        pair.server.refuse(METHOD_REFRESH, 437);
        pair.run(541);
        assert!(pair.server.count(METHOD_REFRESH) > 0);
        assert_eq!(pair.events(), []);
        (pair.server.is_forged, pair.server.is_unsigned) = (false, false);
        pair.run(560);
        assert!(pair.client.relayed().is_some());
    }
}

#[test]
fn a_reflected_request_is_no_answer() {
    let mut pair = Pair::new(Carrier::Datagrams);
    pair.act(TurnClient::allocate);
    pair.server.is_silent = true;
    pair.run(541);
    let refresh = pair.sent.last().unwrap().clone();
    assert!(!pair.feed(&refresh));
    assert!(pair.client.relayed().is_some());
}

#[test]
fn a_lost_allocation_is_told() {
    let mut pair = Pair::allocated(Carrier::Datagrams);
    pair.server.allocations.clear();
    pair.run(541);
    assert!(matches!(pair.failure(), ServerError::Refused { code: 437, .. }));
    assert!(!pair.send(peer(), MEDIA));
    let mut pair = Pair::allocated(Carrier::Datagrams);
    pair.server.is_silent = true;
    pair.run(600);
    assert_eq!(pair.failure(), ServerError::NoAnswer);
    let mut pair = Pair::allocated(Carrier::Stream);
    pair.client.fail(ServerError::Connection("reset".into()));
    assert_eq!(pair.failure(), ServerError::Connection("reset".into()));
}

#[test]
fn a_refused_peer_is_told_once_and_gets_nothing() {
    let mut pair = Pair::allocated(Carrier::Datagrams);
    pair.server.refuse(METHOD_CREATE_PERMISSION, 403);
    pair.act(|client, context| client.permit(peer().ip(), context));
    assert!(matches!(
        pair.events()[..],
        [TurnEvent::PeersRefused(ServerError::Refused { code: 403, .. })]
    ));
    assert!(!pair.send(peer(), MEDIA));
    assert_eq!(pair.server.count(METHOD_CREATE_PERMISSION), 1);
    assert!(pair.send(address("198.51.100.8:1"), MEDIA), "another one is served");
    assert!(
        !pair.send(address("[2001:db8::1]:1"), MEDIA),
        "not through an IPv4 address"
    );
}

#[test]
fn a_refused_channel_leaves_indications_and_is_not_asked_for_again() {
    let mut pair = Pair::allocated(Carrier::Datagrams);
    pair.server.refuse(METHOD_CHANNEL_BIND, 508);
    for _ in 0..20 {
        assert!(pair.send(peer(), MEDIA));
    }
    let counts = [METHOD_CHANNEL_BIND, METHOD_SEND].map(|method| pair.server.count(method));
    assert_eq!(counts, [1, 20]);
    assert_eq!(pair.server.to_peers.len(), 20);
}

#[test]
fn tables_are_bounded() {
    let mut pair = Pair::allocated(Carrier::Datagrams);
    let served = (1..=250u8).filter(|last| pair.send(SocketAddr::from(([198, 51, 100, *last], 9)), MEDIA));
    assert_eq!(served.count(), 64);
    assert_eq!(pair.server.count(METHOD_CHANNEL_BIND), 16);
    assert!(!pair.send(peer(), &[0x80; MAX_PAYLOAD + 1]));
    for _ in 0..1000 {
        let mut context = Context {
            now: pair.now,
            random: &mut pair.random,
        };
        pair.client.send(address("198.51.100.1:9"), MEDIA, &mut context);
    }
    assert_eq!(std::iter::from_fn(|| pair.client.poll_frame()).count(), MAX_FRAMES);
}

#[test]
fn data_of_strangers_is_refused() {
    let mut pair = Pair::new(Carrier::Datagrams);
    assert!(!pair.feed(&data_indication(peer(), MEDIA)), "no allocation yet");
    pair.act(TurnClient::allocate);
    assert!(!pair.feed(&data_indication(peer(), MEDIA)), "no permission");
    assert!(!pair.feed(&[0x40, 0, 0, 0]), "no channel");
    pair.send(peer(), MEDIA);
    assert!(pair.feed(&data_indication(peer(), MEDIA)));
    assert!(pair.feed(&[0x40, 0, 0, 1, 0x80]));
    for bytes in [
        &[0x40, 0, 0, 2, 0x80][..],
        &[0x40, 1, 0, 0],
        &[0x4f, 0xff, 0, 0],
        &[0x40, 0, 0],
        &[0x50, 0, 0, 0],
        &[],
    ] {
        assert!(!pair.feed(bytes), "{bytes:?}");
    }
    assert_eq!(pair.received.len(), 2);
}

#[test]
fn closing_gives_the_allocation_back() {
    for carrier in [Carrier::Datagrams, Carrier::Stream] {
        let mut pair = Pair::allocated(carrier);
        pair.act(TurnClient::close);
        assert!(pair.server.allocations.is_empty());
        assert_eq!(pair.events(), [TurnEvent::Released]);
        assert!(!pair.send(peer(), MEDIA));
    }
}

#[test]
fn closing_does_not_wait_for_a_silent_server() {
    let mut pair = Pair::allocated(Carrier::Datagrams);
    pair.server.is_silent = true;
    pair.act(TurnClient::close);
    assert_eq!(pair.events(), []);
    pair.run(1);
    assert_eq!(pair.events(), [TurnEvent::Released]);
    let mut pair = Pair::new(Carrier::Datagrams);
    pair.server.is_silent = true;
    pair.act(TurnClient::allocate);
    pair.act(TurnClient::close);
    assert_eq!(
        pair.events(),
        [TurnEvent::Released],
        "nothing can come of an unsigned request"
    );
}

#[test]
fn an_allocation_that_comes_while_closing_is_given_back() {
    let mut pair = Pair::new(Carrier::Datagrams);
    let mut context = Context {
        now: pair.now,
        random: &mut pair.random,
    };
    pair.client.allocate(&mut context);
    let request = pair.client.poll_frame().unwrap().bytes;
    let challenge = pair
        .server
        .handle(address("10.0.0.1:5000"), &request, pair.now)
        .unwrap();
    pair.client.handle_datagram(&challenge, &mut context);
    pair.client.close(&mut context);
    pair.exchange();
    assert_eq!(pair.server.count(METHOD_REFRESH), 1);
    assert!(pair.server.allocations.is_empty());
    assert_eq!(pair.events(), [TurnEvent::Released]);
}

#[test]
fn a_stream_out_of_step_is_given_up() {
    let mut pair = Pair::allocated(Carrier::Stream);
    pair.feed(b"HTTP/1.1 200 OK\r\n");
    assert!(matches!(pair.failure(), ServerError::Malformed(_)));
}

#[test]
fn lifetimes_that_no_server_may_give_are_no_allocation() {
    let mut pair = Pair::new(Carrier::Datagrams);
    pair.server.lifetime = 0;
    pair.act(TurnClient::allocate);
    assert!(matches!(pair.failure(), ServerError::Malformed(_)));
    let mut pair = Pair::new(Carrier::Datagrams);
    pair.server.lifetime = u32::MAX;
    pair.act(TurnClient::allocate);
    pair.run(3600);
    assert_eq!(pair.server.count(METHOD_REFRESH), 1, "an hour at most is believed");
}

#[test]
fn no_secret_is_printed() {
    let mut pair = Pair::allocated(Carrier::Datagrams);
    pair.send(peer(), MEDIA);
    let text = format!("{:?}", pair.client);
    assert!(!text.contains(PASSWORD) && !text.contains(USERNAME), "{text}");
}

#[test]
fn methods_that_were_not_asked_answer_nothing() {
    let mut pair = Pair::new(Carrier::Datagrams);
    pair.server.is_silent = true;
    pair.act(TurnClient::allocate);
    let id = StunMessage::parse(&pair.sent[0]).unwrap().transaction();
    let other: Method = METHOD_REFRESH;
    assert!(!pair.feed(&finish(indication(other, id))));
}
