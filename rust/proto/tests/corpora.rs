//! Replays every file of every fuzz corpus through the function that its target fuzzes, on stable Rust.
use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use c2c_proto::media::survival;
use c2c_proto::sip::roundtrip;
use c2c_proto::user_agent::survival::inputs_survive;

/// What a target fuzzes: false is a finding.
type Check = fn(&[u8]) -> bool;

/// Corpus directories (named for their targets) and what the targets call.
const TARGETS: &[(&str, Check)] = &[
    ("sip_message", roundtrip::message_survives),
    ("sip_uri", roundtrip::uri_survives),
    ("digest", roundtrip::digest_survives),
    ("user_agent_inputs", |bytes| inputs_survive(bytes, now())),
    ("sdp", survival::sdp_survives),
    ("stun", survival::stun_survives),
    ("rtp", survival::rtp_survives),
    ("rtcp", |bytes| survival::rtcp_survives(bytes, now())),
    ("dtls", |bytes| survival::dtls_survives(bytes, now())),
    ("dtls_handshake", |bytes| survival::handshake_survives(bytes, now())),
    ("media_session", |bytes| survival::media_session_survives(bytes, now())),
    ("wav", survival::wav_survives),
    ("sound", |bytes| survival::sound_survives(bytes, now())),
    ("server_url", survival::server_url_survives),
    ("ice_gatherer", |bytes| survival::gatherer_survives(bytes, now())),
];

#[allow(clippy::disallowed_methods, reason = "a first Instant has to come from somewhere")]
fn now() -> Instant {
    Instant::now()
}

fn corpora() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus")
}

/// Targets that other crates replay.
const REPLAYED_ELSEWHERE: [&str; 5] = [
    "gateway",
    "proxy_answer",
    "upgrade_answer",
    "upgrade_request",
    "websocket_frames",
];

/// A target without a corpus, a corpus without a target, or either without a replay would go unnoticed.
#[test]
fn targets_corpora_and_replays_are_the_same() {
    let names = |directory: &str| -> BTreeSet<String> {
        let entries = fs::read_dir(corpora().join("..").join(directory)).unwrap();
        let paths = entries.map(|entry| entry.unwrap().path());
        // not .gitattributes
        let paths = paths.filter(|path| path.is_dir() || path.extension().is_some_and(|extension| extension == "rs"));
        let names = paths.map(|path| path.file_stem().unwrap().to_owned());
        names.map(|name| name.into_string().unwrap()).collect()
    };
    let replayed = TARGETS.iter().map(|(target, _)| *target).chain(REPLAYED_ELSEWHERE);
    let replayed: BTreeSet<String> = replayed.map(str::to_owned).collect();
    assert_eq!(names("fuzz_targets"), replayed);
    assert_eq!(names("corpus"), replayed);
    let manifest = fs::read_to_string(corpora().join("../Cargo.toml")).unwrap();
    let built = manifest
        .lines()
        .filter_map(|line| line.strip_prefix("path = \"fuzz_targets/")?.strip_suffix(".rs\""));
    assert_eq!(built.map(str::to_owned).collect::<BTreeSet<_>>(), replayed);
    for (crate_name, elsewhere) in [
        ("gateway", &REPLAYED_ELSEWHERE[..1]),
        ("engine", &REPLAYED_ELSEWHERE[1..]),
    ] {
        let path = corpora().join("../..").join(crate_name).join("tests/corpora.rs");
        let replay = fs::read_to_string(path).unwrap();
        let is_replayed = |target: &&str| replay.contains(&format!("(\"{target}\", "));
        assert!(elsewhere.iter().all(is_replayed), "{crate_name}");
    }
}

#[test]
fn every_corpus_passes() {
    for (target, check) in TARGETS {
        let mut count = 0;
        for entry in fs::read_dir(corpora().join(target)).unwrap() {
            let path = entry.unwrap().path();
            assert!(check(&fs::read(&path).unwrap()), "{path:?}");
            count += 1;
        }
        assert!(count > 0, "{target} has no corpus");
    }
}

/// What a fuzzer would try first, with a fixed seed, where no nightly toolchain is at hand.
#[test]
fn mutated_corpora_pass() {
    let mut random = Random(0x5eed);
    for (target, check) in TARGETS {
        for entry in fs::read_dir(corpora().join(target)).unwrap() {
            let sample = fs::read(entry.unwrap().path()).unwrap();
            // a whole handshake, or two, takes its time
            let times = if matches!(*target, "dtls_handshake" | "media_session") {
                20
            } else {
                300
            };
            for _ in 0..times {
                let bytes = mutated(&sample, &mut random);
                assert!(check(&bytes), "{target}: {:?}", bytes.escape_ascii().to_string());
            }
        }
    }
}

/// Scripts of nothing but inputs, in any order, reach further into a call than changed bytes.
#[test]
fn any_inputs_of_a_user_agent_pass() {
    const INPUTS: &[u8] = b"CcDofFxdssbbBeEiuUpPvVtwkghzAAAAaaaaRrrrSynNOlLqQjJK12XWWZMYY";
    // of the bytes that choose: 200, 180 and 401 most often
    const CHOICES: &[u8] = b"abcdddddefgghijklmnopqrst\x01\x80\xff";
    let mut random = Random(0x5eed);
    for _ in 0..3000 {
        let mut script = b"Coad".to_vec();
        for _ in 0..random.below(40) {
            script.push(INPUTS[random.below(INPUTS.len())]);
            script.push(CHOICES[random.below(CHOICES.len())]);
        }
        assert!(
            inputs_survive(&script, now()),
            "{:?}",
            script.escape_ascii().to_string()
        );
    }
}

fn mutated(sample: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = sample.to_vec();
    for _ in 0..=random.below(4) {
        let at = random.below(bytes.len().max(1));
        match random.below(5) {
            0 => bytes.truncate(at),
            1 => bytes.insert(at.min(bytes.len()), random.below(256) as u8),
            2 => bytes.extend_from_within(at.min(bytes.len())..),
            _ if !bytes.is_empty() => bytes[at] ^= 1 << random.below(8),
            _ => {}
        }
    }
    bytes
}

/// A linear congruential generator, so that a finding comes again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % bound
    }
}
