use std::time::Duration;

use c2c_proto::media::codec::Codec;
use c2c_proto::media::description::Direction;

use crate::support::{CALL, Rig};

/// As rtpengine does it: the call runs on Opus, then an offer lists `0 126` over the same path.
#[test]
fn opus_becomes_pcmu() {
    let (mut rig, mut dialog) = Rig::in_call();
    rig.sound.tone = Some(440.0);
    rig.far.as_mut().unwrap().sound.tone = Some(500.0);
    rig.advance(Duration::from_secs(1));
    assert_eq!(rig.agent.stats(CALL, rig.now).unwrap().codec, "opus");
    let now = rig.now;
    let far = rig.far.as_mut().unwrap();
    far.session.set_codecs(vec![Codec::Pcmu]);
    let offer = far.session.reoffer(Direction::SendRecv, now).unwrap();
    assert!(offer.contains("SAVPF 0 126\r\n") && offer.contains("a=setup:actpass"));
    rig.say(&dialog.request("INVITE").sdp(&offer));
    let ok = rig.hear("SIP/2.0");
    assert_eq!(ok.second(), "200");
    assert!(ok.body.contains("SAVPF 0 126\r\n"), "{}", ok.body);
    assert!(ok.body.contains("a=setup:passive"), "the role that it has");
    rig.say(&dialog.numbered("ACK", dialog.cseq));
    let far = rig.far.as_mut().unwrap();
    far.session.handle_answer(ok.body.as_bytes(), now).unwrap();
    rig.advance(Duration::from_secs(2));
    assert_eq!(rig.events(), Vec::<String>::new(), "no new connection, no hold");
    let stats = rig.agent.stats(CALL, rig.now).unwrap();
    assert_eq!(
        (stats.codec.as_str(), stats.packets_lost, stats.packets_rejected),
        ("PCMU", 0, 0)
    );
    assert!(rig.sound.loudness(24_000) > 3_000.0);
    assert!(rig.far.as_ref().unwrap().sound.loudness(24_000) > 3_000.0);
}

#[test]
fn one_that_we_do_not_have_gets_488_and_the_call_goes_on() {
    let (mut rig, mut dialog) = Rig::in_call();
    let now = rig.now;
    let far = rig.far.as_mut().unwrap();
    let offer = far.session.reoffer(Direction::SendRecv, now).unwrap();
    let offer = offer
        .replace("SAVPF 111 0 8", "SAVPF 111")
        .replace("opus/48000/2", "speex/16000");
    rig.say(&dialog.request("INVITE").sdp(&offer));
    let refusal = rig.hear("SIP/2.0");
    assert_eq!(refusal.second(), "488");
    assert!(refusal.header("Warning").contains("no common codec"));
    rig.sound.tone = Some(440.0);
    rig.advance(Duration::from_secs(1));
    assert!(rig.far.as_ref().unwrap().sound.loudness(24_000) > 3_000.0);
}
