use std::time::Duration;

use crate::support::Rig;
use c2c_proto::io::Stage;
use c2c_proto::media::codec::Codec;

#[test]
fn ice_that_never_connects_ends_an_answered_call() {
    let (mut rig, invite) = Rig::inviting();
    rig.network.is_down = true;
    rig.answer(&invite, "callee");
    rig.advance(Duration::from_secs(44));
    let bye = rig.hear("BYE");
    assert_eq!(bye.header("Reason"), "SIP ;cause=408; text=\"RTP Timeout\"");
    let (end, _) = rig.end();
    assert_eq!(end.stage, Some(Stage::Ice));
    assert!(end.hint.contains("ICE"), "{}", end.hint);
    assert_eq!(rig.events(), ["TrackAdded", "Answered", "Ended local RTP Timeout"]);
}

#[test]
fn before_the_answer_it_is_canceled() {
    let (mut rig, invite) = Rig::inviting();
    rig.network.is_down = true;
    let sdp = rig.far_answer(&invite.body, &[Codec::Opus]);
    rig.say(&invite.answer(183, "Session Progress", "callee").sdp(&sdp));
    rig.advance(Duration::from_secs(60));
    assert_eq!(
        rig.hear("CANCEL").header("Reason"),
        "SIP ;cause=408 ;text=\"RTP Timeout\""
    );
    let (end, _) = rig.end();
    assert_eq!(end.stage, Some(Stage::Ice));
    assert_eq!(rig.events(), ["TrackAdded", "Ringing", "Failed local Canceled"]);
}

#[test]
fn a_wrong_fingerprint_ends_the_call_at_its_stage() {
    let (mut rig, invite) = Rig::inviting();
    let sdp = rig.far_answer(&invite.body, &[Codec::Opus]);
    let (before, after) = sdp.split_once("a=fingerprint:sha-256 ").unwrap();
    let flipped = if after.starts_with("00") { "01" } else { "00" };
    let sdp = format!("{before}a=fingerprint:sha-256 {flipped}{}", &after[2..]);
    rig.say(&invite.answer(200, "OK", "callee").sdp(&sdp));
    rig.hear("ACK");
    rig.advance(Duration::from_secs(10));
    rig.hear("BYE");
    let (end, _) = rig.end();
    assert_eq!(end.stage, Some(Stage::Dtls));
    assert_eq!(rig.events(), ["TrackAdded", "Answered", "Ended local RTP Timeout"]);
    assert!(rig.sound.heard.iter().all(|sample| *sample == 0), "nothing was heard");
}
