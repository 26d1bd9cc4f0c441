#![no_main]
use std::time::Instant;

libfuzzer_sys::fuzz_target!(|data: &[u8]| assert!(c2c_gateway::survival::messages_survive(data, Instant::now())));
