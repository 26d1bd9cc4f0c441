#![no_main]
use std::time::Instant;

libfuzzer_sys::fuzz_target!(|data: &[u8]| assert!(c2c_proto::media::survival::handshake_survives(data, Instant::now())));
