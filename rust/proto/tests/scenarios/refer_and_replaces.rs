//! Nobody else moves or starts a call: REFER (RFC 3515) and Replaces (RFC 3891) are refused.
use std::time::Duration;

use crate::support::messages::stranger;
use crate::support::{CALL, Rig};

const US: &str = "sip:caller@realm.example";

fn assert_nothing_came_of_it(rig: &mut Rig) {
    rig.advance(Duration::from_secs(5));
    rig.hear_nothing();
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn refer_in_a_call_is_not_allowed_and_the_call_goes_on() {
    let (mut rig, mut dialog) = Rig::in_call();
    let refer = dialog
        .request("REFER")
        .header("Refer-To", "<sip:premium@elsewhere.example>");
    rig.say(&refer);
    let answer = rig.hear("SIP/2.0");
    assert_eq!(answer.second(), "405");
    assert!(!answer.header("Allow").contains("REFER"));
    assert_nothing_came_of_it(&mut rig);
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn refer_out_of_a_call_is_not_allowed() {
    let mut rig = Rig::connected();
    rig.say(&stranger("REFER", US).header("Refer-To", "<sip:premium@elsewhere.example>"));
    assert_eq!(rig.hear_status(), 405);
    assert_nothing_came_of_it(&mut rig);
}

#[test]
fn an_invite_that_would_replace_a_call_is_refused() {
    let (mut rig, dialog) = Rig::in_call();
    let tag = |value: &str| value.rsplit_once(";tag=").unwrap().1.to_owned();
    let (to, from) = (tag(&dialog.remote), tag(&dialog.local));
    let replaces = format!("{};to-tag={to};from-tag={from}", dialog.call_id);
    for (branch, require, status) in [("plain", None, 403), ("required", Some("replaces"), 420)] {
        let mut invite = stranger("INVITE", US).header("Replaces", &replaces);
        if let Some(option) = require {
            invite = invite.header("Require", option);
        }
        let text = String::from_utf8(invite.bytes()).unwrap();
        rig.say_bytes(text.replace("z9hG4bKstranger", &format!("z9hG4bK{branch}")).as_bytes());
        assert_eq!(rig.hear_status(), status, "{branch}");
    }
    assert_nothing_came_of_it(&mut rig);
    assert!(
        rig.agent.stats(CALL, rig.now).is_some(),
        "the call that it named goes on"
    );
}

#[test]
fn nothing_of_it_is_offered() {
    let (_, invite) = Rig::inviting();
    assert!(!invite.header("Supported").contains("replaces"));
    assert!(!invite.header("Allow").contains("REFER"));
}
