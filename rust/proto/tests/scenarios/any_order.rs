//! Any order of messages, losses, timeouts and commands leaves a legal state.
mod rules;
mod world;

use std::collections::BTreeMap;

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};

use world::{Kind, World};

/// One thing that may happen; the numbers choose among what there is at that moment.
#[derive(Clone, Debug)]
pub(super) enum Step {
    /// With or without registering.
    Connect(bool),
    Disconnect,
    Opened,
    OpenFailed(bool),
    Closed,
    /// HTTP 401 to the upgrade.
    UpgradeRefused,
    /// The next attempt comes at once, and succeeds.
    Reopen,
    /// With newer settings, or without any.
    Renew(bool),
    Retry,
    Alive,
    StartCall,
    EndCall(usize),
    SendInfo(usize),
    /// By INFO or in RTP.
    SendDtmf(usize, bool),
    Mute(usize, bool),
    Play(usize),
    StopPlaying(usize),
    /// Answers a request that was heard, with a status, and with SDP where that fits.
    Answer(usize, u16, bool),
    /// A request in a dialog, perhaps with a number that was used; half of the INVITEs and UPDATEs carry an offer.
    Request(usize, usize, bool),
    /// A message that the server has sent before.
    Again(usize),
    Garbage(Vec<u8>),
    Stranger(usize),
    /// A call to us, with or without an offer, perhaps the last one on another path.
    CallUs(bool, bool),
    /// The call to us is answered or rejected.
    Decide(usize, bool),
    /// The far side gives up, or acknowledges our 200.
    CancelOrAck(bool),
    Wait(u64),
    CutNetwork(bool),
    /// Sockets wait to be bound from now on, or are bound at once.
    BindByHand(bool),
    /// Those that wait longest are bound, or cannot be.
    Bind(bool),
    /// What a call asks of the network is done, or fails.
    Network(bool),
    /// The STUN and TURN server answers what is on its way to it.
    ServerAnswers(usize),
    /// The machine's addresses are others, or were looked at.
    Addresses(usize),
    /// Sending from an address is refused from now on, or works again.
    Refuse(usize, bool),
    NetworkChanged,
}

const METHODS: [&str; 9] = [
    "INVITE", "ACK", "BYE", "CANCEL", "INFO", "UPDATE", "OPTIONS", "REFER", "NOTIFY",
];

/// What addresses the machine may have.
const ADDRESSES: [&[&str]; 4] = [&["127.0.0.1"], &["127.0.0.2"], &["127.0.0.2", "127.0.0.1"], &[]];

/// What servers answer, success more often than all else.
fn status() -> impl Strategy<Value = u16> {
    prop_oneof![
        2 => Just(100),
        4 => prop::sample::select(vec![180, 183]),
        10 => Just(200),
        2 => prop::sample::select(vec![202, 401, 407]),
        1 => prop::sample::select(vec![302, 403, 405, 408, 422, 423, 481, 486, 487, 491, 500, 603]),
    ]
}

/// Weights such that what [`MINIMA`] names is reached, and a connection lives through a few dozen steps.
fn step() -> impl Strategy<Value = Step> {
    let index = 0..64_usize;
    prop_oneof![
        6 => any::<bool>().prop_map(Step::Connect),
        1 => Just(Step::Disconnect),
        10 => Just(Step::Opened),
        1 => any::<bool>().prop_map(Step::OpenFailed),
        3 => Just(Step::Closed),
        1 => Just(Step::UpgradeRefused),
        2 => any::<bool>().prop_map(Step::Renew),
        3 => Just(Step::Retry),
        5 => Just(Step::Reopen),
        1 => Just(Step::Alive),
        8 => Just(Step::StartCall),
        4 => index.clone().prop_map(Step::EndCall),
        6 => index.clone().prop_map(Step::SendInfo),
        3 => (index.clone(), any::<bool>()).prop_map(|(call, rtp)| Step::SendDtmf(call, rtp)),
        3 => (index.clone(), any::<bool>()).prop_map(|(call, muted)| Step::Mute(call, muted)),
        4 => index.clone().prop_map(Step::Play),
        3 => index.clone().prop_map(Step::StopPlaying),
        40 => (index.clone(), status(), 0..8_u8).prop_map(|(request, status, sdp)| Step::Answer(request, status, sdp > 0)),
        10 => (index.clone(), index.clone(), any::<bool>())
            .prop_map(|(dialog, method, old)| Step::Request(dialog, method, old)),
        6 => index.clone().prop_map(Step::Again),
        2 => prop::collection::vec(any::<u8>(), 0..40).prop_map(Step::Garbage),
        2 => index.clone().prop_map(Step::Stranger),
        8 => (any::<bool>(), 0..6_u8).prop_map(|(offers, merged)| Step::CallUs(offers, merged == 0)),
        10 => (index.clone(), 0..4_u8).prop_map(|(call, rejects)| Step::Decide(call, rejects > 0)),
        6 => (0..4_u8).prop_map(|cancels| Step::CancelOrAck(cancels == 0)),
        12 => prop_oneof![3 => 0..2_000_u64, 1 => 0..40_000_u64].prop_map(Step::Wait),
        1 => any::<bool>().prop_map(Step::CutNetwork),
        6 => any::<bool>().prop_map(Step::BindByHand),
        8 => (0..8_u8).prop_map(|fails| Step::Bind(fails > 0)),
        6 => (0..4_u8).prop_map(|fails| Step::Network(fails > 0)),
        8 => index.clone().prop_map(Step::ServerAnswers),
        4 => index.clone().prop_map(Step::Addresses),
        2 => (index.clone(), any::<bool>()).prop_map(|(address, is_gone)| Step::Refuse(address, is_gone)),
        1 => Just(Step::NetworkChanged),
    ]
}

/// What fixed runs reach at least: half of what they did when the weights were chosen.
const RUNS: usize = 100;
const MINIMA: [(&str, usize); 13] = [
    ("calls placed", 100),
    ("placed and answered", 35),
    ("calls to us", 15),
    ("to us and answered", 3),
    ("media connected", 30),
    ("reconnecting", 20),
    ("reconnected", 7),
    ("re-INVITEs sent", 10),
    ("re-INVITEs accepted", 3),
    ("sockets closed in a call", 2),
    ("answers of servers", 3),
    ("sockets bound late", 4),
    ("UPDATEs not known", 1),
];

/// With or without registering, and with or without STUN and TURN servers.
fn kind() -> impl Strategy<Value = Kind> {
    let servers = prop_oneof![3 => Just(false), 1 => Just(true)];
    (any::<bool>(), servers, any::<bool>()).prop_map(|(registers, has_servers, is_in_call)| Kind {
        registers,
        has_servers,
        is_in_call,
    })
}

fn steps(longest: usize) -> impl Strategy<Value = Vec<Step>> {
    prop::collection::vec(step(), 1..longest)
}

fn run(kind: Kind, steps: Vec<Step>) -> World {
    let mut world = World::new(kind);
    world.run(Step::Connect(kind.registers));
    world.run(Step::Opened);
    if kind.is_in_call {
        world.begin_call();
    }
    for step in steps {
        world.run(step);
    }
    world
}

/// 48 runs, or `PROPTEST_CASES` of them.
fn config() -> ProptestConfig {
    let asked = std::env::var("PROPTEST_CASES").ok().and_then(|text| text.parse().ok());
    ProptestConfig {
        cases: asked.unwrap_or(48),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn leaves_a_legal_state(kind in kind(), steps in steps(80)) {
        run(kind, steps).finish();
    }

    #[test]
    fn comes_to_rest_when_nobody_answers(kind in kind(), steps in steps(60)) {
        let mut world = run(kind, steps);
        world.fall_silent();
        world.finish();
    }
}

/// What the runs reach, over fixed ones: were the weights to lead nowhere, the rules would hold of nothing.
#[test]
fn runs_reach_what_they_are_about() {
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(ProptestConfig::default(), random);
    let mut reached: BTreeMap<&str, usize> = BTreeMap::new();
    for _ in 0..RUNS {
        let kind = kind().new_tree(&mut runner).unwrap().current();
        let steps = steps(80).new_tree(&mut runner).unwrap().current();
        for (what, count) in run(kind, steps).reached() {
            *reached.entry(what).or_default() += count;
        }
    }
    let missed = MINIMA.iter().filter(|(what, minimum)| reached[what] < *minimum);
    let missed: Vec<_> = missed.collect();
    assert!(missed.is_empty(), "{missed:?} of {reached:?}");
}
