//! Replays the corpus of the gateway's fuzz target on stable Rust.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
use std::fs;
use std::path::PathBuf;
use std::time::Instant;

use c2c_gateway::survival::messages_survive;

/// What a target fuzzes: false is a finding.
type Check = fn(&[u8]) -> bool;

const TARGETS: &[(&str, Check)] = &[("gateway", |bytes| messages_survive(bytes, Instant::now()))];

#[test]
fn every_corpus_passes_also_damaged() {
    for (target, check) in TARGETS {
        let directory = PathBuf::from(env!("CARGO_MANIFEST_DIR"))
            .join("../fuzz/corpus")
            .join(target);
        let mut count = 0;
        for entry in fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            let sample = fs::read(&path).unwrap();
            assert!(check(&sample), "{path:?}");
            for place in (0..sample.len()).step_by(7) {
                assert!(check(&sample[..place]), "{path:?} cut at {place}");
                let mut damaged = sample.clone();
                damaged[place] ^= 0x20;
                assert!(check(&damaged), "{path:?} changed at {place}");
            }
            count += 1;
        }
        assert!(count > 0, "{target} has no corpus");
    }
}
