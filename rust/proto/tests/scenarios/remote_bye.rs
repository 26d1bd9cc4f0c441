use std::time::Duration;

use crate::support::Rig;

#[test]
fn the_reason_becomes_the_description() {
    let (mut rig, mut dialog) = Rig::in_call();
    rig.say(
        &dialog
            .request("BYE")
            .header("Reason", "Q.850;cause=16;text=\"NORMAL_CLEARING\""),
    );
    assert_eq!(rig.hear_status(), 200);
    assert_eq!(rig.events(), ["Ended remote Terminated 16"]);
    rig.say(&dialog.request("BYE"));
    assert_eq!(rig.hear_status(), 481, "the dialog is gone");
}

#[test]
fn without_a_reason_there_is_none() {
    for reason in [None, Some("garbage;;"), Some("SIP;text=\"x\"")] {
        let (mut rig, mut dialog) = Rig::in_call();
        let bye = dialog.request("BYE");
        rig.say(&reason.map_or(bye.clone(), |reason| bye.header("Reason", reason)));
        assert_eq!(rig.hear_status(), 200);
        assert_eq!(rig.events(), ["Ended remote Terminated"]);
    }
}

#[test]
fn a_bye_out_of_order_is_refused() {
    let (mut rig, mut dialog) = Rig::in_call();
    rig.say(&dialog.request("OPTIONS"));
    assert_eq!(rig.hear_status(), 200);
    rig.say(&dialog.numbered("BYE", dialog.cseq));
    assert_eq!(rig.hear_status(), 500);
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn a_stranger_cannot_hang_up() {
    let (mut rig, dialog) = Rig::in_call();
    let mut forged = dialog;
    forged.local = forged.local.replace(";tag=callee", ";tag=guessed");
    rig.say(&forged.request("BYE"));
    assert_eq!(rig.hear_status(), 481);
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn media_that_ends_before_it_is_no_news() {
    let (mut rig, mut dialog) = Rig::in_call();
    let now = rig.now;
    let far = rig.far.as_mut().unwrap();
    far.session.close(now);
    rig.advance(Duration::from_millis(500));
    assert_eq!(rig.events(), Vec::<String>::new(), "its close_notify overtook the BYE");
    rig.say(&dialog.request("BYE"));
    assert_eq!(rig.hear_status(), 200);
    assert_eq!(rig.events(), ["Ended remote Terminated"]);
}
