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

/// The WebSocket is lost and back; the UPDATE that tells our target anew.
fn after_loss(rig: &mut Rig) -> Heard {
    rig.close(Some(1006), "");
    rig.reopen();
    rig.events();
    rig.hear("ACK");
    rig.hear("UPDATE")
}

#[test]
fn a_retry_of_our_refresh_costs_no_call_whose_far_side_refreshes() {
    for (status, reason) in [
        (491, "Request Pending"),
        (500, "Server Internal Error"),
        (503, "Service Unavailable"),
        (504, "Server Time-out"),
    ] {
        let (mut rig, _) = in_call(Some("90;refresher=uas"));
        let update = after_loss(&mut rig);
        assert_eq!(update.header("Session-Expires"), "90;refresher=uas");
        rig.say(&update.reply(status, reason));
        rig.advance(Duration::from_secs(11));
        let again = rig.hear("UPDATE");
        rig.hear_nothing();
        rig.say(&again.reply(200, "OK").header("Session-Expires", "90;refresher=uas"));
        rig.advance(Duration::from_secs(90));
        rig.hear_nothing();
        assert_eq!(rig.events(), Vec::<String>::new(), "{status}");
    }
}

#[test]
fn retries_do_not_put_off_the_end_of_a_far_side_that_is_gone() {
    let (mut rig, _) = in_call(Some("90;refresher=uas"));
    let mut update = after_loss(&mut rig);
    for _ in 0..8 {
        rig.say(&update.reply(500, "Server Internal Error"));
        rig.advance(Duration::from_secs(11));
        update = rig.hear("UPDATE");
    }
    rig.say(&update.reply(500, "Server Internal Error"));
    rig.advance(Duration::from_secs(13));
    rig.inbox.retain(|bytes| !bytes.starts_with(b"UPDATE"));
    assert!(rig.hear("BYE").header("Reason").contains("Session Timer Expired"));
    assert_eq!(rig.events(), ["Ended local Request Timeout"]);
}

#[test]
fn a_refresh_of_the_far_side_that_crosses_ours_takes_its_place() {
    let (mut rig, mut dialog) = in_call(Some("90;refresher=uac"));
    let update = refresh_after(&mut rig, 44);
    rig.say(&dialog.request("INVITE").header("Session-Expires", "90;refresher=uac"));
    let ok = rig.hear("SIP/2.0");
    assert_eq!(ok.header("Session-Expires"), "90;refresher=uac");
    let answer = answer_to(&mut rig, &ok.body);
    rig.say(&dialog.numbered("ACK", dialog.cseq).sdp(&answer));
    rig.say(&update.reply(491, "Request Pending"));
    rig.advance(Duration::from_secs(98));
    rig.hear_nothing();
    assert_eq!(rig.events(), Vec::<String>::new());
    rig.advance(Duration::from_secs(2));
    rig.hear("BYE");
    assert_eq!(rig.events(), ["Ended local Request Timeout"]);
}

#[test]
fn a_far_side_that_is_to_refresh_is_told_that_it_must_know_how() {
    let (mut rig, mut dialog) = in_call(None);
    for (method, refresher) in [("UPDATE", "uac"), ("UPDATE", "uas"), ("INVITE", "uac")] {
        let asked = format!("90;refresher={refresher}");
        rig.say(&dialog.request(method).header("Session-Expires", &asked));
        let ok = rig.hear("SIP/2.0");
        assert_eq!((ok.second(), ok.header("Session-Expires")), ("200", asked.as_str()));
        assert_eq!(
            ok.get("Require"),
            (refresher == "uac").then_some("timer"),
            "RFC 4028 §9"
        );
    }
}

/// It names no interval but supports timers: it was promised that we refresh.
#[test]
fn a_promise_to_a_far_side_without_update_is_kept() {
    let (mut rig, mut dialog) = in_call(None);
    let asked = dialog.request("INVITE").header("Supported", "timer");
    rig.say(&asked.header("Allow", "INVITE, ACK, CANCEL, BYE"));
    let ok = rig.hear("SIP/2.0");
    assert_eq!(ok.header("Session-Expires"), "90;refresher=uas");
    let answer = answer_to(&mut rig, &ok.body);
    rig.say(&dialog.numbered("ACK", dialog.cseq).sdp(&answer));
    rig.advance(Duration::from_secs(46));
    let invite = rig.hear("INVITE");
    assert_eq!(invite.header("Session-Expires"), "90;refresher=uac");
}

#[test]
fn a_far_side_with_neither_update_nor_timer_is_left_alone() {
    let (mut rig, mut dialog) = in_call(None);
    let options = dialog.request("OPTIONS");
    rig.say(&options.header("Allow", "INVITE, ACK, CANCEL, BYE"));
    assert_eq!(rig.hear_status(), 200);
    rig.advance(Duration::from_secs(300));
    rig.hear_nothing();
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn endless_422_end_refreshing_not_the_call() {
    let (mut rig, _) = in_call(Some("90;refresher=uac"));
    let mut update = refresh_after(&mut rig, 44);
    for minimum in [91, 92] {
        let refusal = update.reply(422, "Session Interval Too Small");
        rig.say(&refusal.header("Min-SE", &minimum.to_string()));
        update = rig.hear("UPDATE");
        assert_eq!(update.header("Min-SE"), minimum.to_string());
    }
    rig.say(&update.reply(422, "Session Interval Too Small").header("Min-SE", "93"));
    rig.hear_nothing();
    assert_eq!(rig.events(), ["Warning"]);
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn a_far_side_says_when_to_try_again() {
    for (retry_after, seconds) in [
        ("5", 5),
        ("18 (busy);duration=3600", 18),
        ("0", 1),
        ("soon", 10),
        ("7200", 22),
    ] {
        let (mut rig, _) = in_call(Some("90;refresher=uac"));
        let update = refresh_after(&mut rig, 44);
        let refusal = update.reply(503, "Service Unavailable");
        rig.say(&refusal.header("Retry-After", retry_after));
        rig.advance(Duration::from_millis(seconds * 1000 - 1));
        rig.hear_nothing();
        rig.advance(Duration::from_secs(1));
        rig.hear("UPDATE");
    }
}

#[test]
fn a_refresh_that_a_proxy_gave_up_ends_the_call() {
    let (mut rig, _) = in_call(Some("90;refresher=uac"));
    let update = refresh_after(&mut rig, 44);
    rig.say(&update.reply(408, "Request Timeout"));
    assert!(rig.hear("BYE").header("Reason").contains("Dialog Error"));
    assert_eq!(rig.events(), ["Ended local Dialog Error"]);
}
