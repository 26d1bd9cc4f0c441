#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| assert!(c2c_proto::sip::roundtrip::digest_survives(data)));
