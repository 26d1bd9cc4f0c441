use std::time::Duration;

use crate::support::{CALL, Rig, ServerDialog};

/// A call with the SDP that the far end answered.
fn in_call() -> (Rig, ServerDialog, String) {
    let (mut rig, invite) = Rig::inviting();
    let codecs = [
        c2c_proto::media::codec::Codec::Opus,
        c2c_proto::media::codec::Codec::Pcmu,
    ];
    let sdp = rig.far_answer(&invite.body, &codecs);
    rig.say(
        &invite
            .answer(200, "OK", "callee")
            .sdp(&sdp)
            .header("Session-Expires", "90;refresher=uac"),
    );
    rig.hear("ACK");
    rig.advance(Duration::from_secs(2));
    assert_eq!(rig.events(), ["TrackAdded", "Answered", "MediaConnected"]);
    rig.is_deaf = true;
    (rig, ServerDialog::new(&invite, "callee"), sdp)
}

#[test]
fn one_that_changes_nothing_is_answered() {
    let (mut rig, mut dialog, sdp) = in_call();
    rig.say(
        &dialog
            .request("INVITE")
            .sdp(&sdp)
            .header("Session-Expires", "90;refresher=uac"),
    );
    let ok = rig.hear("SIP/2.0");
    assert_eq!(ok.second(), "200");
    assert!(ok.body.contains("m=audio"));
    assert_eq!(ok.header("Session-Expires"), "90;refresher=uac");
    assert!(ok.get("Contact").is_some());
    rig.say(&dialog.numbered("ACK", dialog.cseq));
    rig.advance(Duration::from_secs(5));
    rig.hear_nothing();
    assert_eq!(rig.events(), Vec::<String>::new());
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn one_with_another_certificate_alone_gets_488_and_the_call_goes_on() {
    let (mut rig, mut dialog, sdp) = in_call();
    let (before, digest) = sdp.split_once("sha-256 ").unwrap();
    let flipped = if digest.starts_with("00") { "01" } else { "00" };
    let other = format!("{before}sha-256 {flipped}{}", &digest[2..]);
    rig.say(&dialog.request("INVITE").sdp(&other));
    let refusal = rig.hear("SIP/2.0");
    assert_eq!(refusal.second(), "488");
    assert!(refusal.header("Warning").starts_with("399 "));
    rig.say(&dialog.request("INVITE").sdp("rubbish"));
    assert_eq!(rig.hear_status(), 488);
    rig.say(&dialog.request("INVITE").body("text/plain", "hello"));
    assert_eq!(rig.hear_status(), 415);
    rig.advance(Duration::from_secs(40));
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn one_without_an_offer_gets_ours() {
    let (mut rig, mut dialog, sdp) = in_call();
    rig.say(&dialog.request("INVITE"));
    let ok = rig.hear("SIP/2.0");
    assert_eq!(ok.second(), "200");
    assert!(ok.body.contains("m=audio"));
    rig.say(&dialog.request("INVITE").sdp(&sdp));
    let refusal = rig.hear("SIP/2.0");
    assert_eq!(refusal.second(), "500", "the one before is not finished");
    assert!(refusal.header("Retry-After").parse::<u32>().unwrap() <= 10);
    rig.say(&dialog.numbered("ACK", dialog.cseq - 1).sdp(&sdp));
    assert_eq!(rig.events(), Vec::<String>::new());
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn a_2xx_is_repeated_until_its_ack_and_then_given_up() {
    let (mut rig, mut dialog, sdp) = in_call();
    rig.say(&dialog.request("INVITE").sdp(&sdp));
    let first = rig.hear("SIP/2.0");
    rig.advance(Duration::from_millis(3600));
    for _ in 0..3 {
        assert_eq!(rig.hear("SIP/2.0").header("To"), first.header("To"));
    }
    rig.hear_nothing();
    rig.advance(Duration::from_secs(32));
    let last = rig.inbox.pop_back().unwrap();
    let bye = crate::support::Heard::parse(&last);
    assert_eq!(bye.header("Reason"), "SIP ;cause=408; text=\"No ACK\"");
    assert_eq!(rig.events(), ["Ended local No ACK"]);
}

#[test]
fn one_while_our_own_invite_is_in_progress_gets_491() {
    let (mut rig, invite) = Rig::inviting();
    rig.say(&invite.answer(183, "Session Progress", "callee"));
    let mut dialog = ServerDialog::new(&invite, "callee");
    rig.say(&dialog.request("INVITE").sdp("v=0\r\n"));
    assert_eq!(rig.hear_status(), 491);
    assert_eq!(rig.events(), ["Ringing"]);
}

#[test]
fn other_requests_in_the_dialog_are_answered() {
    let (mut rig, mut dialog, _) = in_call();
    rig.say(&dialog.request("OPTIONS"));
    assert_eq!(rig.hear_status(), 200);
    let others = [
        ("REFER", 405),
        ("NOTIFY", 405),
        ("MESSAGE", 405),
        ("PRACK", 405),
        ("MADEUP", 501),
    ];
    for (method, status) in others {
        rig.say(&dialog.request(method));
        assert_eq!(rig.hear_status(), status, "{method}");
    }
    rig.say(&dialog.request("CANCEL"));
    assert_eq!(rig.hear_status(), 481);
    assert_eq!(rig.events(), Vec::<String>::new());
}
