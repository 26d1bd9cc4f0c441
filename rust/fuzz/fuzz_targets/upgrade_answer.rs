#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| assert!(c2c_engine::survival::upgrade_answer_survives(data)));
