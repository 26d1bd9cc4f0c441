//! Replays every file of every fuzz corpus through the function that its target fuzzes, on stable Rust.
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use c2c_proto::media::survival;
use c2c_proto::sip::roundtrip;

/// What a target fuzzes: false is a finding.
type Check = fn(&[u8]) -> bool;

/// Corpus directories (named for their targets) and what the targets call.
const TARGETS: &[(&str, Check)] = &[
    ("sip_message", roundtrip::message_survives),
    ("sip_uri", roundtrip::uri_survives),
    ("sdp", survival::sdp_survives),
    ("stun", survival::stun_survives),
    ("rtp", survival::rtp_survives),
    ("rtcp", |bytes| survival::rtcp_survives(bytes, now())),
    ("dtls", |bytes| survival::dtls_survives(bytes, now())),
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
fn mutated_media_corpora_pass() {
    let mut state = 0x5eed_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    let is_media = |target: &str| !target.starts_with("sip_");
    for (target, check) in TARGETS.iter().filter(|(target, _)| is_media(target)) {
        for entry in fs::read_dir(corpora().join(target)).unwrap() {
            let sample = fs::read(entry.unwrap().path()).unwrap();
            for _ in 0..300 {
                let mut bytes = sample.clone();
                for _ in 0..=next() % 4 {
                    let at = next() % bytes.len().max(1);
                    match next() % 4 {
                        0 => bytes.truncate(at),
                        1 => bytes.insert(at.min(bytes.len()), next() as u8),
                        _ if !bytes.is_empty() => bytes[at] ^= 1 << (next() % 8),
                        _ => {}
                    }
                }
                assert!(check(&bytes), "{target}: {bytes:x?}");
            }
        }
    }
}
