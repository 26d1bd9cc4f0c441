#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| assert!(c2c_proto::media::survival::wav_survives(data)));
