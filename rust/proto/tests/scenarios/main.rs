//! Scenarios of the user agent in virtual time; each file is one, named for it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]
#[path = "../support/mod.rs"]
mod support;

mod address_moved;
mod answer_without_opus;
mod answer_without_sdp;
mod any_order;
mod bye_crosses_bye;
mod call_answered;
mod call_cancelled_while_ringing;
mod call_rejected;
mod calls_in_quick_succession;
mod codec_changed_in_mid_call;
mod connect_retried;
mod credentials_sent_ahead;
mod digest_stale_nonce;
mod disconnect;
mod dtmf_both_ways;
mod early_media;
mod forked_answers;
mod ice_servers;
mod incoming_call;
mod info_both_ways;
mod keep_alive;
mod malformed_messages;
mod media_fails;
mod muted_and_playing;
mod offer_in_our_200;
mod refer_and_replaces;
mod registered_with_digest;
mod registration_refreshed;
mod registration_rejected;
mod reinvite;
mod remote_bye;
mod remote_hold;
mod secrets_never_shown;
mod service_route;
mod session_refresh;
mod settings_refused;
mod strangers;
mod target_moves;
mod two_hundred_crosses_cancel;
mod websocket_lost;
mod websocket_lost_in_dialog;
mod websocket_lost_in_invite;
mod wrong_password;
