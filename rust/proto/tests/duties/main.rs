//! The security duties of a SIP and WebRTC client, each attacked in a test that is named for it; `docs/security.md` lists them.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test fails by panicking, and its first Instant has to come from somewhere"
)]
#[path = "../media/network.rs"]
#[allow(dead_code, reason = "the media tests use all of it")]
mod network;
#[path = "../support/mod.rs"]
mod support;

mod duty_01_digest_leak;
mod duty_02_digest_downgrade;
mod duty_03_unsolicited_requests;
mod duty_04_dialog_spoofed;
mod duty_05_stun_spoofed;
mod duty_06_dtls_race;
mod duty_07_fingerprint;
mod duty_09_media_injected;
mod duty_10_limits;
mod duty_12_secrets_shown;
mod duty_15_headers_injected;
