#![no_main]
use std::time::Instant;

libfuzzer_sys::fuzz_target!(|data: &[u8]| assert!(c2c_proto::media::survival::media_session_survives(data, Instant::now())));
