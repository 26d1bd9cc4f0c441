use crate::support::Rig;

#[test]
fn the_second_answer_is_acknowledged_and_ended() {
    let (mut rig, invite) = Rig::inviting();
    rig.say(&invite.answer(180, "Ringing", "one"));
    rig.say(&invite.answer(180, "Ringing", "two"));
    assert_eq!(rig.events(), ["Ringing", "Ringing"]);
    rig.answer(&invite, "two");
    assert_eq!(rig.events(), ["TrackAdded", "Answered"]);
    let late = invite.answer(200, "OK", "one").sdp("v=0\r\n");
    rig.say(&late);
    let (ack, bye) = (rig.hear("ACK"), rig.hear("BYE"));
    for message in [&ack, &bye] {
        assert!(message.header("To").ends_with(";tag=one"));
    }
    rig.say(&bye.reply(200, "OK"));
    assert_eq!(rig.events(), Vec::<String>::new());
}
