use std::time::Duration;

use c2c_proto::media::codec::Codec;

use crate::support::{CALL, Heard, Rig, ServerDialog};

/// A re-INVITE without an offer, and our 200 with one.
fn asked() -> (Rig, ServerDialog, Heard) {
    let (mut rig, mut dialog) = Rig::in_call();
    rig.say(&dialog.request("INVITE"));
    let ok = rig.hear("SIP/2.0");
    assert_eq!(ok.second(), "200");
    assert!(ok.body.contains("a=setup:actpass") && ok.body.contains("SAVPF 111 0 8 110 126\r\n"));
    (rig, dialog, ok)
}

/// What the far end answers, when it wants only these codecs.
fn answer(rig: &mut Rig, ok: &Heard, codecs: &[Codec]) -> String {
    let now = rig.now;
    let far = rig.far.as_mut().unwrap();
    far.session.set_codecs(codecs.to_vec());
    far.session.handle_offer(ok.body.as_bytes(), now).unwrap()
}

#[test]
fn the_ack_brings_the_answer() {
    let (mut rig, dialog, ok) = asked();
    let sdp = answer(&mut rig, &ok, &[Codec::Pcma]);
    rig.say(&dialog.numbered("ACK", dialog.cseq).sdp(&sdp));
    rig.sound.tone = Some(440.0);
    rig.advance(Duration::from_secs(2));
    assert_eq!(rig.agent.stats(CALL, rig.now).unwrap().codec, "PCMA");
    assert!(rig.far.as_ref().unwrap().sound.loudness(24_000) > 3_000.0);
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn the_answer_may_hold() {
    let (mut rig, dialog, ok) = asked();
    let sdp = answer(&mut rig, &ok, &[Codec::Opus]).replace("a=sendrecv", "a=inactive");
    rig.say(&dialog.numbered("ACK", dialog.cseq).sdp(&sdp));
    assert_eq!(rig.events(), ["HoldChanged"]);
}

#[test]
fn offers_that_cross_it_get_491() {
    let (mut rig, mut dialog, ok) = asked();
    rig.say(&dialog.request("UPDATE").sdp(&ok.body));
    assert_eq!(rig.hear_status(), 491);
    rig.say(&dialog.request("INVITE").sdp(&ok.body));
    assert_eq!(rig.hear_status(), 500, "its INVITE is not finished");
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn an_ack_without_an_answer_ends_the_call() {
    let (mut rig, dialog, _) = asked();
    rig.say(&dialog.numbered("ACK", dialog.cseq));
    assert_eq!(rig.events(), ["Ended local Bad Media Description"]);
}
