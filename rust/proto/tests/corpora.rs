//! Replays every file of every fuzz corpus through the function that its target fuzzes, on stable Rust.
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
            for _ in 0..300 {
                let bytes = mutated(&sample, &mut random);
                assert!(check(&bytes), "{target}: {:?}", bytes.escape_ascii().to_string());
            }
        }
    }
}

/// Scripts of nothing but inputs, in any order, reach further into a call than changed bytes.
#[test]
fn any_inputs_of_a_user_agent_pass() {
    const INPUTS: &[u8] = b"CcofFxdssbbBeEiuUpPvVtwkghzAAAAaaaaRrrrSynNOlLqQjJK12";
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
