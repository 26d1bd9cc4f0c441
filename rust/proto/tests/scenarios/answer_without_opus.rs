use std::time::Duration;

use crate::support::Rig;
use c2c_proto::io::Stage;
use c2c_proto::media::codec::Codec;

#[test]
fn g711_is_used_when_the_far_end_has_only_that() {
    for (codec, name) in [(Codec::Pcmu, "PCMU"), (Codec::Pcma, "PCMA")] {
        let (mut rig, invite) = Rig::inviting();
        let sdp = rig.far_answer(&invite.body, &[codec]);
        rig.say(&invite.answer(200, "OK", "callee").sdp(&sdp));
        rig.far.as_mut().unwrap().sound.tone = Some(500.0);
        rig.advance(Duration::from_secs(2));
        assert_eq!(rig.events(), ["TrackAdded", "Answered", "MediaConnected"]);
        let stats = rig.agent.stats(crate::support::CALL, rig.now).unwrap();
        assert_eq!(stats.codec, name);
        assert!(rig.sound.loudness(24_000) > 3_000.0);
    }
}

#[test]
fn no_common_codec_ends_the_call() {
    let (mut rig, invite) = Rig::inviting();
    let sdp = rig.far_answer(&invite.body, &[Codec::Pcmu]);
    let sdp = sdp
        .replace("a=rtpmap:0 PCMU/8000\r\n", "a=rtpmap:96 speex/8000\r\n")
        .replace("UDP/TLS/RTP/SAVPF 0", "UDP/TLS/RTP/SAVPF 96");
    rig.say(&invite.answer(200, "OK", "callee").sdp(&sdp));
    rig.hear("ACK");
    rig.hear("BYE");
    let (end, _) = rig.end();
    assert_eq!(end.stage, Some(Stage::Media));
    assert!(end.hint.contains("codec"), "{}", end.hint);
    assert_eq!(rig.events(), ["Failed remote Bad Media Description 200"]);
}
