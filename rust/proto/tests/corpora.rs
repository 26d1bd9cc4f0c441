//! Replays every file of every fuzz corpus through the function that its target fuzzes, on stable Rust.
use std::fs;
use std::path::PathBuf;

use c2c_proto::sip::roundtrip;

/// What a target fuzzes: false is a finding.
type Check = fn(&[u8]) -> bool;

/// Corpus directories (named for their targets) and what the targets call.
const TARGETS: &[(&str, Check)] = &[
    ("sip_message", roundtrip::message_survives),
    ("sip_uri", roundtrip::uri_survives),
];

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
