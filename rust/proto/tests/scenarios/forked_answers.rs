use crate::support::registrar::{challenge, is_authorised};
use crate::support::{CALL, Rig, ServerDialog};
use c2c_proto::io::CallId;

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

#[test]
fn a_branch_that_lost_and_names_no_contact_costs_no_call() {
    let (mut rig, invite) = Rig::inviting();
    rig.answer(&invite, "one");
    rig.events();
    rig.say(&invite.reply(200, "OK").tag("two").sdp("v=0\r\n"));
    for method in ["ACK", "BYE"] {
        let request = rig.hear(method);
        assert_eq!(request.second(), invite.second());
        assert!(request.header("To").ends_with(";tag=two"));
    }
    rig.say(&invite.reply(200, "OK").tag("three").header("Record-Route", "<nowhere"));
    rig.hear_nothing();
    assert_eq!(rig.events(), Vec::<String>::new());
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn the_bye_of_a_branch_that_lost_answers_one_challenge() {
    let (mut rig, invite) = Rig::inviting();
    rig.answer(&invite, "one");
    rig.say(&invite.answer(200, "OK", "two").sdp("v=0\r\n"));
    rig.hear("ACK");
    let bye = rig.hear("BYE");
    rig.say(&challenge(&bye, "nonce-1", ""));
    let again = rig.hear("BYE");
    assert!(is_authorised(&again, "nonce-1"));
    assert_eq!((again.header("To"), again.cseq()), (bye.header("To"), bye.cseq() + 1));
    rig.say(&challenge(&again, "nonce-2", ""));
    rig.hear_nothing();
}

/// Requests of ours wait for their answers; how many branches of this INVITE it takes until no more may.
fn fill(rig: &mut Rig, invite: &crate::support::Heard) {
    for number in 0..96 {
        rig.say(&invite.answer(200, "OK", &format!("branch-{number}")).sdp("v=0\r\n"));
        rig.hear("ACK");
        rig.hear("BYE");
    }
}

#[test]
fn a_challenged_invite_that_may_not_be_sent_again_fails_the_call() {
    let (mut rig, first) = Rig::inviting();
    rig.answer(&first, "one");
    rig.end_call();
    let bye = rig.hear("BYE");
    rig.say(&bye.reply(200, "OK"));
    rig.events();
    let second = rig.invite(CallId(2));
    fill(&mut rig, &first);
    rig.say(&challenge(&second, "nonce-1", ""));
    rig.hear("ACK");
    rig.hear_nothing();
    assert_eq!(rig.events(), ["Failed local Internal Error"]);
}

#[test]
fn a_challenged_update_that_may_not_be_sent_again_is_tried_later() {
    let (mut rig, invite) = Rig::inviting();
    rig.answer(&invite, "one");
    rig.close(Some(1006), "");
    rig.reopen();
    rig.hear("ACK");
    let update = rig.hear("UPDATE");
    rig.events();
    fill(&mut rig, &invite);
    rig.say(&challenge(&update, "nonce-1", ""));
    rig.hear_nothing();
    rig.is_deaf = true;
    // the BYEs that nobody answers make room after 32 s
    rig.advance(std::time::Duration::from_secs(41));
    rig.hear("UPDATE");
    assert_eq!(rig.events(), ["MediaConnected"]);
}
