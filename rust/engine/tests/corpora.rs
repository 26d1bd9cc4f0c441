//! Replays the corpora of the engine's fuzz targets on stable Rust; those of `c2c-proto` are replayed there.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
use std::fs;
use std::path::PathBuf;

use c2c_engine::survival;

/// What a target fuzzes: false is a finding.
type Check = fn(&[u8]) -> bool;

const TARGETS: &[(&str, Check)] = &[
    ("websocket_frames", survival::frames_survive),
    ("proxy_answer", survival::proxy_answer_survives),
    ("upgrade_answer", survival::upgrade_answer_survives),
    ("upgrade_request", survival::upgrade_request_survives),
];

#[test]
fn every_corpus_passes() {
    for (target, check) in TARGETS {
        let samples = corpus(target);
        assert!(!samples.is_empty(), "{target} has no corpus");
        for (path, sample) in samples {
            assert!(check(&sample), "{path:?}");
        }
    }
}

/// Each sample cut short everywhere, and with each of its bytes turned over.
#[test]
fn damaged_corpora_pass() {
    for (target, check) in TARGETS {
        for (path, sample) in corpus(target) {
            for place in 0..sample.len() {
                assert!(check(&sample[..place]), "{target}: {path:?} cut at {place}");
                for mask in [0x01, 0x80, 0xff] {
                    let mut damaged = sample.clone();
                    damaged[place] ^= mask;
                    assert!(check(&damaged), "{target}: {path:?} with {mask:#x} at {place}");
                }
            }
        }
    }
}

fn corpus(target: &str) -> Vec<(PathBuf, Vec<u8>)> {
    let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
        .join("../fuzz/corpus")
        .join(target);
    let paths = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    paths.map(|path| (path.clone(), fs::read(&path).unwrap())).collect()
}
