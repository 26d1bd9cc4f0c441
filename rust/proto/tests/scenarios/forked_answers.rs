use crate::support::{CALL, Rig, ServerDialog};

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

#[test]
fn each_branch_that_lost_is_acknowledged_and_ended_once() {
    let (mut rig, invite) = Rig::inviting();
    for tag in ["one", "two", "three"] {
        rig.say(&invite.answer(180, "Ringing", tag));
    }
    rig.answer(&invite, "two");
    rig.events();
    let mut branches = Vec::new();
    for loser in ["one", "three", "four"] {
        let ok = invite.answer(200, "OK", loser).sdp("v=0\r\n");
        rig.say(&ok);
        let (ack, bye) = (rig.hear("ACK"), rig.hear("BYE"));
        assert!(bye.header("To").ends_with(&format!(";tag={loser}")));
        assert_eq!((ack.cseq(), bye.cseq()), (invite.cseq(), invite.cseq() + 1));
        branches.push((ok, ack.branch().to_owned()));
    }
    for (ok, branch) in &branches {
        rig.say(ok);
        assert_eq!(
            rig.hear("ACK").branch(),
            branch,
            "the same ACK again, and no second BYE"
        );
    }
    rig.hear_nothing();
    assert_eq!(rig.events(), Vec::<String>::new());
    assert!(rig.agent.stats(CALL, rig.now).is_some(), "the call goes on");
}

#[test]
fn a_branch_that_answers_behind_the_end_is_ended_too() {
    let (mut rig, invite) = Rig::inviting();
    rig.answer(&invite, "one");
    rig.end_call();
    let bye = rig.hear("BYE");
    rig.say(&bye.reply(200, "OK"));
    rig.say(&invite.answer(200, "OK", "two").sdp("v=0\r\n"));
    rig.hear("ACK");
    assert!(rig.hear("BYE").header("To").ends_with(";tag=two"));
    assert_eq!(rig.events(), ["TrackAdded", "Answered", "Ended local Terminated"]);
    rig.run_out();
    assert_eq!(rig.agent.transactions(), 0);
}

#[test]
fn several_that_cross_our_cancel_are_all_ended() {
    let (mut rig, invite) = Rig::inviting();
    rig.say(&invite.answer(180, "Ringing", "one"));
    rig.end_call();
    rig.hear("CANCEL");
    for tag in ["one", "two"] {
        let ok = invite.answer(200, "OK", tag).sdp("v=0\r\n");
        rig.say(&ok);
        rig.hear("ACK");
        assert!(rig.hear("BYE").header("To").ends_with(&format!(";tag={tag}")));
        rig.say(&ok);
        rig.hear("ACK");
        rig.hear_nothing();
    }
    assert_eq!(rig.events(), ["Ringing", "Failed local Canceled"]);
}

#[test]
fn a_branch_that_lost_before_it_answered_is_unknown() {
    let (mut rig, invite) = Rig::inviting();
    rig.say(&invite.answer(180, "Ringing", "one"));
    rig.answer(&invite, "two");
    let mut lost = ServerDialog::new(&invite, "one");
    for method in ["BYE", "INFO", "UPDATE", "INVITE"] {
        rig.say(&lost.request(method));
        assert_eq!(rig.hear_status(), 481, "{method}");
    }
    assert_eq!(rig.events(), ["Ringing", "TrackAdded", "Answered"]);
}
