use rtc_ice::attributes::control::{AttrControlled, AttrControlling};
use rtc_ice::attributes::use_candidate::UseCandidateAttr;
use rtc_stun::attributes::{ATTR_USE_CANDIDATE, ATTR_USERNAME};
use rtc_stun::error_code::CODE_ROLE_CONFLICT;
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Message, Setter};
use rtc_stun::textattrs::Username;
use rtc_stun::xoraddr::XorMappedAddress;

use super::consent::{FAILURE_TIMEOUT, SILENCE};
use super::*;
use crate::io::Secret;
use crate::media::timing_random::TimingRandom;

struct Fixed;

impl RandomSource for Fixed {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(7);
    }
}

#[allow(clippy::disallowed_methods)]
fn clock() -> Instant {
    Instant::now()
}

fn address(text: &str) -> SocketAddr {
    text.parse().unwrap()
}

fn credentials(name: &str) -> IceCredentials {
    IceCredentials {
        ufrag: name.into(),
        password: Secret(format!("{name}-password-of-enough-length")),
    }
}

/// A peer that says exactly what a test wants.
struct Peer {
    at: SocketAddr,
}

impl Peer {
    fn new(port: u16) -> Self {
        Self {
            at: SocketAddr::new([198, 51, 100, 1].into(), port),
        }
    }

    fn sign(message: &mut Message, password: &str) {
        let provider = AwsLcRsProvider::new();
        MessageIntegrity::new_short_term_integrity_with_provider(password.into(), provider.crypto())
            .add_to(message)
            .unwrap();
        FINGERPRINT.add_to(message).unwrap();
    }

    fn request(extra: Vec<Box<dyn Setter>>, password: &str) -> Vec<u8> {
        let mut message = Message::new();
        let mut setters: Vec<Box<dyn Setter>> = vec![
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId::new()),
            Box::new(Username::new(ATTR_USERNAME, "ours:theirs".into())),
        ];
        setters.extend(extra);
        message.build(&setters).unwrap();
        Self::sign(&mut message, password);
        message.raw
    }

    /// An authentic check of a controlling peer.
    fn check(nominate: bool) -> Vec<u8> {
        let mut extra: Vec<Box<dyn Setter>> = vec![Box::new(AttrControlling(1))];
        if nominate {
            extra.push(Box::new(UseCandidateAttr::new()));
        }
        Self::request(extra, &credentials("ours").password.0)
    }

    /// What a full or lite agent answers to a check of ours.
    fn answer(request: &Transmit, password: &str) -> Vec<u8> {
        let mut asked = Message {
            raw: request.payload.clone(),
            ..Message::default()
        };
        asked.decode().unwrap();
        let mut message = Message::new();
        let mapped = XorMappedAddress {
            ip: request.local.ip(),
            port: request.local.port(),
        };
        message
            .build(&[Box::new(asked), Box::new(BINDING_SUCCESS), Box::new(mapped)])
            .unwrap();
        Self::sign(&mut message, password);
        message.raw
    }
}

struct Bench {
    ice: Ice,
    local: SocketAddr,
    now: Instant,
}

impl Bench {
    fn new(is_controlling: bool, peers: &[&Peer]) -> Self {
        let mut bench = Self::offered();
        bench.start("theirs", is_controlling, peers);
        bench
    }

    /// Without the peer's answer.
    fn offered() -> Self {
        let now = clock();
        let mut ice = Ice::new(credentials("ours"), Box::new(TimingRandom::new(&mut Fixed)), now).unwrap();
        let local = address("192.0.2.1:4000");
        ice.set_sockets(&[local]);
        Self { ice, local, now }
    }

    fn start(&mut self, theirs: &str, is_controlling: bool, peers: &[&Peer]) {
        let candidates: Vec<Candidate> = peers.iter().map(|peer| Candidate::host(peer.at, 0)).collect();
        self.ice
            .start(credentials(theirs), &candidates, is_controlling, self.now)
            .unwrap();
    }

    /// The success responses among what was sent.
    fn responses(&mut self) -> Vec<Transmit> {
        let sent = self.sent().into_iter();
        sent.filter(|transmit| transmit.payload.starts_with(&[1, 1])).collect()
    }

    fn hand_in(&mut self, from: SocketAddr, payload: &[u8]) -> bool {
        self.ice.handle_datagram(
            Datagram {
                local: self.local,
                remote: from,
                payload,
            },
            self.now,
        )
    }

    fn sent(&mut self) -> Vec<Transmit> {
        std::iter::from_fn(|| self.ice.poll_transmit()).collect()
    }

    fn requests(&mut self) -> Vec<Transmit> {
        self.sent()
            .into_iter()
            .filter(|transmit| transmit.payload.starts_with(&[0, 1]))
            .collect()
    }

    fn advance(&mut self, time: Duration) {
        self.now += time;
        self.ice.handle_timeout(self.now);
    }

    /// Answers everything that was asked of this peer until now.
    fn answer_all(&mut self, peer: &Peer) -> usize {
        let requests = self.requests();
        let of_peer = requests.iter().filter(|request| request.remote == peer.at);
        of_peer
            .map(|request| Peer::answer(request, &credentials("theirs").password.0))
            .filter(|answer| self.hand_in(peer.at, answer))
            .count()
    }

    fn route(&self, peer: &Peer) -> Route {
        Route {
            local: self.local,
            remote: peer.at,
        }
    }
}

fn has(transmit: &Transmit, attribute: rtc_stun::attributes::AttrType) -> bool {
    let mut message = Message {
        raw: transmit.payload.clone(),
        ..Message::default()
    };
    message.decode().unwrap();
    message.contains(attribute)
}

#[test]
fn nominates_to_a_lite_peer_that_only_answers() {
    let peer = Peer::new(1);
    let mut bench = Bench::new(true, &[&peer]);
    assert_eq!(bench.answer_all(&peer), 1);
    assert_eq!(bench.ice.poll_event(), Some(IceEvent::Connected));
    assert_eq!(
        bench.ice.target(),
        Some(bench.route(&peer)),
        "used before it is nominated"
    );
    bench.advance(CHECK_INTERVAL);
    let nominations = bench.requests();
    assert!(nominations.iter().any(|request| has(request, ATTR_USE_CANDIDATE)));
    let answer = Peer::answer(&nominations[0], &credentials("theirs").password.0);
    assert!(bench.hand_in(peer.at, &answer));
    assert_eq!(bench.ice.pairs.selected(), Some(bench.route(&peer)));
    for _ in 0..5 {
        bench.advance(CHECK_INTERVAL);
    }
    assert!(bench.requests().is_empty(), "no more checks but consent");
}

#[test]
fn a_nomination_before_the_pair_is_valid_is_answered_and_remembered() {
    let peer = Peer::new(1);
    let mut bench = Bench::new(false, &[&peer]);
    bench.sent();
    assert!(bench.hand_in(peer.at, &Peer::check(true)));
    assert_eq!(bench.ice.poll_event(), Some(IceEvent::Checked(bench.route(&peer))));
    let sent = bench.sent();
    assert!(
        sent.iter().any(|transmit| transmit.payload.starts_with(&[1, 1])),
        "a success response"
    );
    assert_eq!(bench.ice.pairs.selected(), None);
    let triggered = sent
        .iter()
        .find(|transmit| transmit.payload.starts_with(&[0, 1]))
        .unwrap();
    assert!(bench.hand_in(peer.at, &Peer::answer(triggered, &credentials("theirs").password.0)));
    assert_eq!(bench.ice.pairs.selected(), Some(bench.route(&peer)));
}

#[test]
fn follows_a_peer_that_nominates_another_pair_later() {
    let (first, second) = (Peer::new(1), Peer::new(2));
    let mut bench = Bench::new(false, &[&first, &second]);
    let asked = bench.requests();
    assert_eq!(asked.len(), 2);
    for request in &asked {
        assert!(bench.hand_in(
            request.remote,
            &Peer::answer(request, &credentials("theirs").password.0)
        ));
    }
    assert!(bench.hand_in(first.at, &Peer::check(true)));
    assert_eq!(bench.ice.target(), Some(bench.route(&first)));
    assert!(bench.hand_in(second.at, &Peer::check(true)));
    assert_eq!(bench.ice.target(), Some(bench.route(&second)));
}

#[test]
fn learns_a_peer_behind_a_nat_from_its_check() {
    let peer = Peer::new(1);
    let mut bench = Bench::new(false, &[]);
    assert!(!bench.ice.is_checked_from(bench.route(&peer)));
    assert!(bench.hand_in(peer.at, &Peer::check(false)));
    assert!(bench.ice.is_checked_from(bench.route(&peer)));
    assert!(
        !bench.ice.is_valid(bench.route(&peer)),
        "anybody may have repeated it from there"
    );
    assert_eq!(bench.answer_all(&peer), 1, "its address is checked in turn");
    assert!(bench.ice.is_valid(bench.route(&peer)));
    assert_eq!(bench.ice.target(), Some(bench.route(&peer)));
}

#[test]
fn a_check_that_overtakes_the_answer_is_answered_with_it() {
    let peer = Peer::new(1);
    let mut bench = Bench::offered();
    assert!(bench.hand_in(peer.at, &Peer::check(false)));
    assert_eq!(bench.responses(), [], "nothing says yet whose it is");
    bench.start("theirs", true, &[]);
    assert_eq!(bench.ice.poll_event(), Some(IceEvent::Checked(bench.route(&peer))));
    let responses = bench.responses();
    assert_eq!(responses.len(), 1);
    assert_eq!(responses[0].remote, peer.at);
}

#[test]
fn early_checks_that_are_forged_old_or_of_another_fork_are_not_answered() {
    let peer = Peer::new(1);
    let mut bench = Bench::offered();
    bench.hand_in(peer.at, &Peer::request(vec![Box::new(AttrControlling(1))], "guessed"));
    bench.start("theirs", true, &[]);
    assert_eq!(bench.responses(), [], "forged");

    let mut bench = Bench::offered();
    bench.hand_in(peer.at, &Peer::check(false));
    bench.now += Duration::from_secs(4);
    bench.start("theirs", true, &[]);
    assert_eq!(bench.responses(), [], "old");

    let mut bench = Bench::offered();
    bench.hand_in(peer.at, &Peer::check(false));
    bench.start("others", true, &[]);
    assert_eq!(bench.responses(), [], "of the fork that lost");
    assert!(!bench.ice.is_checked_from(bench.route(&peer)));
}

#[test]
fn of_the_early_checks_the_last_sixteen_are_kept() {
    let mut bench = Bench::offered();
    for port in 1..=20 {
        let peer = Peer::new(port);
        assert!(bench.hand_in(peer.at, &Peer::check(false)));
    }
    bench.start("theirs", true, &[]);
    let answered: Vec<u16> = bench
        .responses()
        .iter()
        .map(|response| response.remote.port())
        .collect();
    assert_eq!(answered, (5..=20).collect::<Vec<_>>());
}

#[test]
fn a_forged_role_conflict_turns_nothing_a_real_one_does() {
    let peer = Peer::new(1);
    let mut bench = Bench::new(true, &[&peer]);
    bench.sent();
    let conflict = |password: &str| {
        let claim: Vec<Box<dyn Setter>> = vec![Box::new(AttrControlling(u64::MAX))];
        Peer::request(claim, password)
    };
    assert!(!bench.hand_in(peer.at, &conflict("somebody else's password")));
    assert!(bench.sent().is_empty(), "not even an error goes out");
    assert!(bench.ice.agent.is_controlling());
    assert!(bench.hand_in(peer.at, &conflict(&credentials("ours").password.0)));
    assert!(!bench.ice.agent.is_controlling());
}

#[test]
fn a_487_turns_our_role() {
    let peer = Peer::new(1);
    let mut bench = Bench::new(true, &[&peer]);
    let request = bench.requests().remove(0);
    let mut asked = Message {
        raw: request.payload.clone(),
        ..Message::default()
    };
    asked.decode().unwrap();
    let mut refusal = Message::new();
    refusal
        .build(&[Box::new(asked), Box::new(BINDING_ERROR), Box::new(CODE_ROLE_CONFLICT)])
        .unwrap();
    let mut forged = refusal.clone();
    Peer::sign(&mut forged, "somebody else's password");
    assert!(!bench.hand_in(peer.at, &forged.raw));
    assert!(bench.ice.agent.is_controlling());
    Peer::sign(&mut refusal, &credentials("theirs").password.0);
    assert!(bench.hand_in(peer.at, &refusal.raw));
    assert!(!bench.ice.agent.is_controlling());
    bench.advance(CHECK_INTERVAL);
    assert!(
        bench
            .requests()
            .iter()
            .all(|request| has(request, rtc_stun::attributes::ATTR_ICE_CONTROLLED))
    );
}

#[test]
fn what_follows_the_integrity_is_not_believed() {
    let peer = Peer::new(1);
    let mut bench = Bench::new(false, &[&peer]);
    bench.answer_all(&peer);
    let mut message = Message::new();
    let name = Username::new(ATTR_USERNAME, "ours:theirs".into());
    message
        .build(&[
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId::new()),
            Box::new(name),
            Box::new(AttrControlling(1)),
        ])
        .unwrap();
    let provider = AwsLcRsProvider::new();
    MessageIntegrity::new_short_term_integrity_with_provider(credentials("ours").password.0.clone(), provider.crypto())
        .add_to(&mut message)
        .unwrap();
    UseCandidateAttr::new().add_to(&mut message).unwrap();
    FINGERPRINT.add_to(&mut message).unwrap();
    assert!(!bench.hand_in(peer.at, &message.raw));
    assert_eq!(bench.ice.pairs.selected(), None);
}

#[test]
fn unauthentic_requests_of_every_kind_are_refused() {
    let peer = Peer::new(1);
    let mut bench = Bench::new(false, &[&peer]);
    bench.sent();
    let authentic = Peer::check(false);
    let mut other_name = Message::new();
    let name = Username::new(ATTR_USERNAME, "ours:others".into());
    other_name
        .build(&[Box::new(BINDING_REQUEST), Box::new(name), Box::new(AttrControlled(1))])
        .unwrap();
    Peer::sign(&mut other_name, &credentials("ours").password.0);
    let mut unsigned = Message::new();
    let name = Username::new(ATTR_USERNAME, "ours:theirs".into());
    unsigned.build(&[Box::new(BINDING_REQUEST), Box::new(name)]).unwrap();
    let trailing = [&authentic[..], &[0; 4]].concat();
    let elsewhere = Datagram {
        local: address("192.0.2.1:4001"),
        remote: peer.at,
        payload: &authentic,
    };
    assert!(
        !bench.ice.handle_datagram(elsewhere, bench.now),
        "to a socket that is no candidate"
    );
    for forged in [
        other_name.raw,
        unsigned.raw,
        trailing,
        Peer::request(Vec::new(), "wrong"),
    ] {
        assert!(!bench.hand_in(peer.at, &forged));
    }
    assert!(bench.sent().is_empty());
    assert!(!bench.ice.is_checked_from(bench.route(&peer)));
    assert!(bench.hand_in(peer.at, &authentic));
}

#[test]
fn a_response_counts_only_from_where_the_check_went_in_time_and_once() {
    let peer = Peer::new(1);
    let mut bench = Bench::new(true, &[&peer]);
    let request = bench.requests().remove(0);
    let answer = Peer::answer(&request, &credentials("theirs").password.0);
    assert!(!bench.hand_in(Peer::new(2).at, &answer), "from another address");
    assert!(!bench.hand_in(peer.at, &Peer::answer(&request, "wrong")), "forged");
    assert!(
        !bench.hand_in(
            peer.at,
            &Peer::answer(&stranger_request(), &credentials("theirs").password.0)
        ),
        "unasked"
    );
    assert_eq!(bench.ice.target(), None);
    assert!(bench.hand_in(peer.at, &answer));
    assert!(!bench.hand_in(peer.at, &answer), "twice");

    let mut late = Bench::new(true, &[&peer]);
    let request = late.requests().remove(0);
    late.now += Duration::from_secs(5);
    assert!(!late.hand_in(peer.at, &Peer::answer(&request, &credentials("theirs").password.0)));
}

fn stranger_request() -> Transmit {
    let payload = Peer::request(Vec::new(), "anything");
    Transmit {
        local: address("192.0.2.1:4000"),
        remote: Peer::new(1).at,
        payload,
    }
}

#[test]
fn consent_is_checked_each_4_to_6_s_and_expires_after_30() {
    let peer = Peer::new(1);
    let mut bench = Bench::new(true, &[&peer]);
    bench.answer_all(&peer);
    bench.advance(CHECK_INTERVAL);
    bench.answer_all(&peer);
    assert_eq!(bench.ice.poll_event(), Some(IceEvent::Connected));
    for _ in 0..50 {
        let before = bench.now;
        let due = bench.ice.poll_timeout().unwrap();
        let wait = due - before;
        assert!(
            (Duration::from_secs(4)..=Duration::from_secs(6)).contains(&wait),
            "{wait:?}"
        );
        bench.advance(wait);
        assert_eq!(bench.answer_all(&peer), 1);
    }
    let silent_since = bench.now;
    let mut unanswered = 0;
    let failure = loop {
        let due = bench.ice.poll_timeout().unwrap();
        bench.advance(due - bench.now);
        unanswered += bench.requests().len();
        match bench.ice.poll_event() {
            Some(IceEvent::Silent) => assert_eq!(bench.now - silent_since, SILENCE),
            Some(event) => break event,
            None => {}
        }
    };
    assert!(matches!(failure, IceEvent::Failed(MediaError::IceFailed(text)) if text.contains("consent")));
    assert_eq!(bench.now - silent_since, FAILURE_TIMEOUT);
    // quick ones until silence is told, then one each 2 s
    assert!((15..=25).contains(&unanswered), "{unanswered}");
    assert_eq!(bench.ice.poll_timeout(), None);
    assert!(
        bench.hand_in(peer.at, &Peer::check(false)) && bench.sent().is_empty(),
        "and nothing is sent any more"
    );
}

#[test]
fn the_limit_of_a_restart_does_not_shorten_the_wait_for_a_lost_connection() {
    let peer = Peer::new(1);
    let mut bench = Bench::new(true, &[&peer]);
    bench.answer_all(&peer);
    bench.advance(CHECK_INTERVAL);
    bench.answer_all(&peer);
    let silent_since = bench.now;
    bench.ice.keep_until(silent_since + 3 * FAILURE_TIMEOUT);
    bench.ice.keep_at_least_until(silent_since + FAILURE_TIMEOUT / 2);
    while !matches!(bench.ice.poll_event(), Some(IceEvent::Failed(_))) {
        let due = bench.ice.poll_timeout().unwrap();
        bench.advance(due - bench.now);
        bench.requests();
    }
    assert_eq!(bench.now - silent_since, 3 * FAILURE_TIMEOUT);
}

#[test]
fn slows_down_and_gives_up_when_nobody_answers() {
    let peer = Peer::new(1);
    let mut bench = Bench::new(true, &[&peer]);
    let mut count = 0;
    while let Some(due) = bench.ice.poll_timeout() {
        bench.advance(due - bench.now);
        count += bench.requests().len();
    }
    assert!(
        matches!(bench.ice.poll_event(), Some(IceEvent::Failed(MediaError::IceFailed(text)))
        if text.contains("1 local and 1 remote"))
    );
    assert!((60..120).contains(&count), "{count} checks");
}

#[test]
fn checks_a_hundred_pairs_at_most_and_only_those_of_our_family() {
    let now = clock();
    let mut ice = Ice::new(credentials("ours"), Box::new(TimingRandom::new(&mut Fixed)), now).unwrap();
    ice.set_sockets(&[address("192.0.2.1:4000"), address("192.0.2.2:4000")]);
    let mut candidates = vec![Candidate::host(address("[2001:db8::1]:9"), 0)];
    candidates.extend((1..=200).map(|port| Candidate::host(Peer::new(port).at, port)));
    ice.start(credentials("theirs"), &candidates, true, now).unwrap();
    let sent: Vec<Transmit> = std::iter::from_fn(|| ice.poll_transmit()).collect();
    assert_eq!(sent.len(), checklist::MAX_CHECKED_PAIRS);
    assert!(
        sent.iter()
            .all(|transmit| transmit.remote.is_ipv4() && transmit.remote.port() <= 50),
        "the best ones"
    );
}
