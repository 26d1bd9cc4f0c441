use crate::support::Rig;

#[test]
fn both_are_answered_and_the_end_is_told_once() {
    let (mut rig, mut dialog) = Rig::in_call();
    rig.end_call();
    let bye = rig.hear("BYE");
    rig.say(&dialog.request("BYE"));
    assert_eq!(rig.hear_status(), 200);
    rig.say(&bye.reply(481, "Call/Transaction Does Not Exist"));
    assert_eq!(rig.events(), ["Ended local Terminated"]);
    rig.run_out();
    rig.hear_nothing();
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn a_challenged_bye_is_sent_again() {
    let mut rig = Rig::registered();
    let invite = rig.invite(crate::support::CALL);
    rig.answer(&invite, "callee");
    rig.end_call();
    let bye = rig.hear("BYE");
    rig.say(&crate::support::registrar::challenge(&bye, "nonce-3", ""));
    let again = rig.hear("BYE");
    assert!(crate::support::registrar::is_authorised(&again, "nonce-3"));
    assert_eq!(again.cseq(), bye.cseq() + 1);
    rig.say(&again.reply(200, "OK"));
    assert_eq!(rig.events(), ["TrackAdded", "Answered", "Ended local Terminated"]);
}

#[test]
fn an_unanswered_bye_is_nobodys_trouble() {
    let (mut rig, _) = Rig::in_call();
    rig.end_call();
    rig.run_out();
    assert_eq!(rig.events(), ["Ended local Terminated"]);
}
