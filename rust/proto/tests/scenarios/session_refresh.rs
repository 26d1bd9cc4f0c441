use std::time::Duration;

use crate::support::{CALL, Heard, Rig, ServerDialog};

/// A call whose 2xx had this Session-Expires.
fn in_call(session_expires: Option<&str>) -> (Rig, ServerDialog) {
    let (mut rig, invite) = Rig::inviting();
    let sdp = rig.far_answer(&invite.body, &[c2c_proto::media::codec::Codec::Opus]);
    let ok = invite.answer(200, "OK", "callee").sdp(&sdp);
    rig.say(&session_expires.map_or(ok.clone(), |value| ok.header("Session-Expires", value)));
    rig.hear("ACK");
    rig.advance(Duration::from_secs(1));
    assert_eq!(rig.events(), ["TrackAdded", "Answered", "MediaConnected"]);
    rig.is_deaf = true;
    (rig, ServerDialog::new(&invite, "callee"))
}

/// The far end's answer to an offer of ours in mid-call.
fn answer_to(rig: &mut Rig, offer: &str) -> String {
    let now = rig.now;
    let far = rig.far.as_mut().unwrap();
    far.session.handle_offer(offer.as_bytes(), now).unwrap()
}

fn refresh_after(rig: &mut Rig, seconds: u64) -> Heard {
    rig.advance(Duration::from_secs(seconds - 1));
    rig.hear_nothing();
    rig.advance(Duration::from_secs(2));
    rig.hear("UPDATE")
}

#[test]
fn we_refresh_at_half_the_interval() {
    let (mut rig, _) = in_call(Some("90;refresher=uac"));
    for _ in 0..3 {
        let update = refresh_after(&mut rig, 45 - 1);
        assert_eq!(update.header("Session-Expires"), "90;refresher=uac");
        assert_eq!(update.header("Supported"), "timer,ice,outbound");
        assert_eq!(update.body, "");
        rig.say(&update.reply(200, "OK").header("Session-Expires", "90;refresher=uac"));
        rig.advance(Duration::from_secs(1));
    }
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn without_an_interval_we_refresh_too() {
    let (mut rig, _) = in_call(None);
    refresh_after(&mut rig, 44);
}

#[test]
fn a_refreshing_peer_is_watched() {
    let (mut rig, mut dialog) = in_call(Some("90;refresher=uas"));
    rig.advance(Duration::from_secs(60));
    rig.say(&dialog.request("UPDATE").header("Session-Expires", "90;refresher=uac"));
    let ok = rig.hear("SIP/2.0");
    assert_eq!((ok.second(), ok.header("Session-Expires")), ("200", "90;refresher=uac"));
    rig.advance(Duration::from_secs(98));
    rig.hear_nothing();
    rig.advance(Duration::from_secs(2));
    let bye = rig.hear("BYE");
    assert_eq!(bye.header("Reason"), "SIP ;cause=408; text=\"Session Timer Expired\"");
    assert_eq!(rig.events(), ["Ended local Request Timeout"]);
}

#[test]
fn an_unanswered_refresh_ends_the_call() {
    let (mut rig, _) = in_call(Some("90;refresher=uac"));
    refresh_after(&mut rig, 44);
    rig.advance(Duration::from_secs(33));
    assert_eq!(
        rig.hear("BYE").header("Reason"),
        "SIP ;cause=408; text=\"Request Timeout\""
    );
    assert_eq!(rig.events(), ["Ended local Request Timeout"]);
}

#[test]
fn a_peer_without_the_dialog_ends_the_call() {
    let (mut rig, _) = in_call(Some("90;refresher=uac"));
    let update = refresh_after(&mut rig, 44);
    rig.say(&update.reply(481, "Call/Transaction Does Not Exist"));
    rig.hear("BYE");
    assert_eq!(rig.events(), ["Ended local Dialog Error"]);
}

#[test]
fn a_peer_without_update_keeps_the_call() {
    let (mut rig, _) = in_call(None);
    let update = refresh_after(&mut rig, 44);
    rig.say(&update.reply(405, "Method Not Allowed"));
    rig.advance(Duration::from_secs(300));
    rig.hear_nothing();
    assert_eq!(rig.events(), ["Warning"]);
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn glare_and_failures_of_the_moment_are_tried_again() {
    let (mut rig, _) = in_call(Some("90;refresher=uac"));
    let update = refresh_after(&mut rig, 44);
    rig.say(&update.reply(491, "Request Pending"));
    rig.advance(Duration::from_millis(2099));
    rig.hear_nothing();
    rig.advance(Duration::from_millis(1902));
    let update = rig.hear("UPDATE");
    rig.say(&update.reply(500, "Server Internal Error"));
    rig.advance(Duration::from_secs(11));
    let update = rig.hear("UPDATE");
    rig.say(&update.reply(422, "Session Interval Too Small").header("Min-SE", "120"));
    let update = rig.hear("UPDATE");
    assert_eq!(update.header("Session-Expires"), "120;refresher=uac");
    assert_eq!(update.header("Min-SE"), "120");
    rig.say(&update.reply(200, "OK").header("Session-Expires", "120;refresher=uac"));
    refresh_after(&mut rig, 60);
}

#[test]
fn an_interval_below_ours_is_refused() {
    let (mut rig, mut dialog) = in_call(Some("90;refresher=uac"));
    rig.say(&dialog.request("UPDATE").header("Session-Expires", "30;refresher=uac"));
    let refusal = rig.hear("SIP/2.0");
    assert_eq!((refusal.second(), refusal.header("Min-SE")), ("422", "60"));
}

#[test]
fn also_when_an_invite_asks_for_it() {
    let (mut rig, mut dialog) = in_call(Some("90;refresher=uac"));
    rig.say(&dialog.request("INVITE").header("Session-Expires", "59"));
    let refusal = rig.hear("SIP/2.0");
    assert_eq!((refusal.second(), refusal.header("Min-SE")), ("422", "60"));
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn an_invite_refreshes_as_an_update_does() {
    let (mut rig, mut dialog) = in_call(Some("90;refresher=uas"));
    rig.advance(Duration::from_secs(60));
    rig.say(&dialog.request("INVITE").header("Session-Expires", "180;refresher=uac"));
    let ok = rig.hear("SIP/2.0");
    assert_eq!(
        (ok.second(), ok.header("Session-Expires")),
        ("200", "180;refresher=uac")
    );
    let answer = answer_to(&mut rig, &ok.body);
    rig.say(&dialog.numbered("ACK", dialog.cseq).sdp(&answer));
    rig.advance(Duration::from_secs(197));
    rig.hear_nothing();
    rig.advance(Duration::from_secs(2));
    assert_eq!(
        rig.hear("BYE").header("Reason"),
        "SIP ;cause=408; text=\"Session Timer Expired\""
    );
    assert_eq!(rig.events(), ["Ended local Request Timeout"]);
}

#[test]
fn the_role_can_pass_to_us() {
    let (mut rig, mut dialog) = in_call(Some("90;refresher=uas"));
    rig.say(&dialog.request("UPDATE").header("Session-Expires", "120;refresher=uas"));
    assert_eq!(rig.hear("SIP/2.0").header("Session-Expires"), "120;refresher=uas");
    refresh_after(&mut rig, 60);
}
