use std::time::Duration;

use crate::support::Rig;
use c2c_proto::media::codec::Codec;

#[test]
fn the_answer_is_acknowledged_and_ended() {
    let (mut rig, invite) = Rig::inviting();
    rig.say(&invite.answer(180, "Ringing", "callee"));
    rig.end_call();
    rig.hear("CANCEL");
    let sdp = rig.far_answer(&invite.body, &[Codec::Opus]);
    let ok = invite.answer(200, "OK", "callee").sdp(&sdp);
    rig.say(&ok);
    assert_eq!(rig.hear("ACK").cseq(), invite.cseq());
    let bye = rig.hear("BYE");
    assert!(bye.header("To").ends_with(";tag=callee"));
    rig.say(&bye.reply(200, "OK"));
    assert_eq!(rig.events(), ["Ringing", "Failed local Canceled"]);
    assert!(rig.run_out() <= Duration::from_secs(32));
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn also_when_cancel_had_to_wait() {
    let (mut rig, invite) = Rig::inviting();
    rig.end_call();
    let sdp = rig.far_answer(&invite.body, &[Codec::Opus]);
    rig.say(&invite.answer(200, "OK", "callee").sdp(&sdp));
    rig.hear("ACK");
    rig.hear("BYE");
    rig.hear_nothing();
    assert_eq!(rig.events(), ["Failed local Canceled"]);
}
