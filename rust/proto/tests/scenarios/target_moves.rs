//! The far side's Contact moves in mid-call (RFC 3261 §12.2, RFC 3311 §5.2): what we send next goes there.
use std::time::Duration;

use crate::support::Rig;
use crate::support::messages::Draft;

const ELSEWHERE: &str = "<sip:app@other-gateway.example;transport=ws>";

fn moved(draft: &Draft) -> Vec<u8> {
    let text = String::from_utf8(draft.bytes()).unwrap();
    let at = text.find("Contact: ").unwrap();
    let end = at + text[at..].find("\r\n").unwrap();
    format!("{}Contact: {ELSEWHERE}{}", &text[..at], &text[end..]).into_bytes()
}

fn assert_bye_goes_there(rig: &mut Rig) {
    rig.end_call();
    assert_eq!(rig.hear("BYE").second(), ELSEWHERE.trim_matches(['<', '>']));
}

#[test]
fn by_update() {
    let (mut rig, mut dialog) = Rig::in_call();
    rig.say_bytes(&moved(&dialog.request("UPDATE")));
    assert_eq!(rig.hear_status(), 200);
    assert_bye_goes_there(&mut rig);
}

#[test]
fn by_an_invite_without_an_offer() {
    let (mut rig, mut dialog) = Rig::in_call();
    rig.say_bytes(&moved(&dialog.request("INVITE")));
    assert_eq!(rig.hear_status(), 200);
    assert_bye_goes_there(&mut rig);
}

#[test]
fn by_the_answer_to_our_refresh() {
    let (mut rig, _) = Rig::in_call();
    rig.is_deaf = true;
    rig.advance(Duration::from_secs(45));
    let update = rig.hear("UPDATE");
    rig.say(&update.reply(200, "OK").header("Contact", ELSEWHERE));
    assert_bye_goes_there(&mut rig);
}

#[test]
fn not_by_info_or_options() {
    let (mut rig, mut dialog) = Rig::in_call();
    for method in ["INFO", "OPTIONS"] {
        rig.say_bytes(&moved(&dialog.request(method).body("application/json", "{}")));
        assert_eq!(rig.hear_status(), 200);
    }
    rig.end_call();
    assert!(rig.hear("BYE").second().starts_with("sip:app@gateway.example"));
}
