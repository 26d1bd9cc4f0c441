//! The WebSocket is lost in a call with a far side that has no UPDATE: a re-INVITE refreshes the target (RFC 3261 §14).
use std::time::Duration;

use crate::support::{CALL, Heard, Rig, ServerDialog};
use c2c_proto::media::codec::Codec;

/// What such a far side says that it can do.
const ALLOW: &str = "INVITE, ACK, CANCEL, BYE, INFO, OPTIONS";

/// A call whose 2xx had this Allow, with no ACK left to repeat.
fn in_call(allow: &str, session_expires: Option<&str>) -> (Rig, ServerDialog) {
    let (mut rig, invite) = Rig::inviting();
    let sdp = rig.far_answer(&invite.body, &[Codec::Opus]);
    let ok = invite.answer(200, "OK", "callee").sdp(&sdp).header("Allow", allow);
    rig.say(&session_expires.map_or(ok.clone(), |value| ok.header("Session-Expires", value)));
    rig.hear("ACK");
    rig.advance(Duration::from_secs(33));
    assert_eq!(rig.events(), ["TrackAdded", "Answered", "MediaConnected"]);
    (rig, ServerDialog::new(&invite, "callee"))
}

/// The client's next message after a loss.
fn after_loss(rig: &mut Rig, method: &str) -> Heard {
    rig.close(Some(1006), "");
    rig.reopen();
    rig.events();
    rig.hear(method)
}

/// The call is refreshed, hears and is heard.
fn is_well(rig: &mut Rig) {
    let before = rig.agent.stats(CALL, rig.now).unwrap();
    rig.advance(Duration::from_secs(1));
    let after = rig.agent.stats(CALL, rig.now).unwrap();
    assert!(after.packets_sent > before.packets_sent && after.packets_received > before.packets_received);
    assert_eq!(after.ice_restarts, 0);
    rig.hear_nothing();
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn without_update_in_allow_a_reinvite_is_sent_at_once() {
    let (mut rig, dialog) = in_call(ALLOW, Some("90;refresher=uas"));
    let invite = after_loss(&mut rig, "INVITE");
    assert_eq!(invite.header("Call-ID"), dialog.call_id);
    assert!(invite.get("Contact").is_some() && invite.get("Session-Expires").is_some());
    rig.hear_nothing();
    rig.answer_reinvite(&invite);
    is_well(&mut rig);
}

#[test]
fn with_update_in_allow_update_is_sent() {
    let (mut rig, _) = in_call("INVITE, ACK, CANCEL, BYE, UPDATE", None);
    let update = after_loss(&mut rig, "UPDATE");
    rig.say(&update.reply(200, "OK"));
    is_well(&mut rig);
}

#[test]
fn an_update_that_is_refused_is_replaced_and_not_tried_again() {
    for (status, reason) in [(405, "Method Not Allowed"), (501, "Not Implemented")] {
        let (mut rig, _) = in_call("INVITE, ACK, CANCEL, BYE, UPDATE", None);
        let update = after_loss(&mut rig, "UPDATE");
        rig.say(&update.reply(status, reason));
        let invite = rig.hear("INVITE");
        rig.answer_reinvite(&invite);
        is_well(&mut rig);
        let again = after_loss(&mut rig, "ACK");
        assert_eq!(again.cseq(), invite.cseq(), "that may be lost");
        let invite = rig.hear("INVITE");
        rig.answer_reinvite(&invite);
        is_well(&mut rig);
    }
}

#[test]
fn glare_is_waited_out() {
    let (mut rig, mut dialog) = in_call(ALLOW, None);
    let invite = after_loss(&mut rig, "INVITE");
    rig.say(&dialog.request("INVITE").sdp(&invite.body));
    assert_eq!(rig.hear_status(), 491, "theirs, while ours is out");
    rig.say(&invite.reply(491, "Request Pending"));
    rig.hear("ACK");
    rig.advance(Duration::from_millis(2_099));
    rig.hear_nothing();
    rig.advance(Duration::from_millis(1_902));
    let again = rig.hear("INVITE");
    assert!(again.cseq() > invite.cseq());
    rig.answer_reinvite(&again);
    is_well(&mut rig);
}

#[test]
fn it_waits_for_the_ack_of_the_far_side_s_own_reinvite() {
    let (mut rig, mut dialog) = in_call(ALLOW, None);
    rig.say(&dialog.request("INVITE"));
    rig.hear("SIP/2.0");
    rig.close(Some(1006), "");
    rig.reopen();
    rig.events();
    let ok = rig.hear("SIP/2.0");
    rig.hear_nothing();
    let now = rig.now;
    let far = &mut rig.far.as_mut().unwrap().session;
    let sdp = far.handle_offer(ok.body.as_bytes(), now).unwrap();
    rig.say(&dialog.numbered("ACK", dialog.cseq).sdp(&sdp));
    let invite = rig.hear("INVITE");
    rig.answer_reinvite(&invite);
    is_well(&mut rig);
}

#[test]
fn another_loss_sends_the_same_reinvite_again() {
    let (mut rig, _) = in_call(ALLOW, None);
    let invite = after_loss(&mut rig, "INVITE");
    let again = after_loss(&mut rig, "INVITE");
    assert_eq!((again.branch(), again.cseq()), (invite.branch(), invite.cseq()));
    rig.hear_nothing();
    rig.answer_reinvite(&again);
    is_well(&mut rig);
}

#[test]
fn a_far_side_that_forgot_the_call_ends_it() {
    let (mut rig, _) = in_call(ALLOW, None);
    let invite = after_loss(&mut rig, "INVITE");
    rig.say(&invite.reply(481, "Call/Transaction Does Not Exist"));
    rig.hear("ACK");
    rig.hear("BYE");
    assert_eq!(rig.events(), ["Ended local Dialog Error"]);
}

#[test]
fn one_that_refuses_the_reinvite_too_keeps_the_call() {
    let (mut rig, _) = in_call(ALLOW, None);
    let invite = after_loss(&mut rig, "INVITE");
    rig.say(&invite.reply(488, "Not Acceptable Here"));
    rig.hear("ACK");
    assert_eq!(rig.events(), ["Warning"]);
    is_well(&mut rig);
}

#[test]
fn an_unanswered_reinvite_ends_the_call() {
    let (mut rig, _) = in_call(ALLOW, None);
    rig.is_deaf = true;
    after_loss(&mut rig, "INVITE");
    rig.advance(Duration::from_secs(33));
    let bye = loop {
        let message = Heard::parse(&rig.inbox.pop_front().expect("a BYE"));
        if message.method() == "BYE" {
            break message;
        }
    };
    assert_eq!(bye.header("Reason"), "SIP ;cause=408; text=\"Request Timeout\"");
    assert_eq!(rig.events(), ["Ended local Request Timeout"]);
}

#[test]
fn one_that_is_never_decided_is_cancelled_and_the_call_goes_on() {
    let (mut rig, _) = in_call(ALLOW, None);
    rig.is_deaf = true;
    let invite = after_loss(&mut rig, "INVITE");
    rig.say(&invite.reply(100, "Trying"));
    rig.advance(Duration::from_secs(33));
    let cancel = rig.hear("CANCEL");
    rig.say(&cancel.reply(200, "OK"));
    rig.say(&invite.reply(487, "Request Terminated"));
    rig.hear("ACK");
    assert_eq!(rig.events(), ["Warning"]);
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn an_ice_restart_refreshes_too() {
    let (mut rig, _) = in_call(ALLOW, None);
    rig.addresses(&["127.0.0.2", "127.0.0.1"]);
    let restart = rig.hear("INVITE");
    let again = after_loss(&mut rig, "INVITE");
    assert_eq!(again.branch(), restart.branch());
    rig.hear_nothing();
    rig.answer_reinvite(&again);
    // the new connection came by the first address, so the call moves back; no INVITE but restarts
    let back = rig.hear("INVITE");
    let ufrag = |invite: &Heard| {
        invite
            .body
            .lines()
            .find(|line| line.starts_with("a=ice-ufrag"))
            .map(str::to_owned)
    };
    assert_ne!(ufrag(&back), ufrag(&again));
    rig.answer_reinvite(&back);
    rig.advance(Duration::from_secs(1));
    rig.hear_nothing();
}

#[test]
fn a_session_timer_without_update_refreshes_by_reinvite() {
    let (mut rig, _) = in_call(ALLOW, Some("90;refresher=uac"));
    rig.advance(Duration::from_secs(13));
    let invite = rig.hear("INVITE");
    assert_eq!(invite.header("Session-Expires"), "90;refresher=uac");
    rig.answer_reinvite(&invite);
    rig.advance(Duration::from_secs(46));
    let invite = rig.hear("INVITE");
    rig.answer_reinvite(&invite);
    is_well(&mut rig);
}

#[test]
fn an_outage_longer_than_its_limit_repeats_it_and_nothing_else() {
    for provisional in [false, true] {
        let (mut rig, _) = in_call(ALLOW, None);
        let invite = after_loss(&mut rig, "INVITE");
        if provisional {
            rig.say(&invite.reply(100, "Trying"));
        }
        rig.is_deaf = true;
        rig.close(Some(1006), "");
        rig.advance(Duration::from_secs(45));
        rig.open();
        rig.events();
        let again = rig.hear("INVITE");
        assert_eq!((again.branch(), again.cseq()), (invite.branch(), invite.cseq()));
        rig.advance(Duration::from_secs(31));
        rig.hear_nothing();
        rig.answer_reinvite(&again);
        rig.is_deaf = false;
        is_well(&mut rig);
    }
}

#[test]
fn a_restart_waits_for_the_end_of_one_that_was_cancelled() {
    let (mut rig, _) = in_call(ALLOW, None);
    let invite = after_loss(&mut rig, "INVITE");
    rig.say(&invite.reply(100, "Trying"));
    rig.is_deaf = true;
    rig.advance(Duration::from_secs(33));
    rig.hear("CANCEL");
    assert_eq!(rig.events(), ["Warning"]);
    rig.addresses(&["127.0.0.2", "127.0.0.1"]);
    rig.hear_nothing();
    rig.say(&invite.reply(487, "Request Terminated"));
    rig.hear("ACK");
    let restart = rig.hear("INVITE");
    rig.answer_reinvite(&restart);
    rig.advance(Duration::from_secs(1));
    assert_eq!(rig.agent.stats(CALL, rig.now).unwrap().ice_restarts, 1);
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn one_that_was_cancelled_is_cancelled_again_on_the_next_connection() {
    let (mut rig, _) = in_call(ALLOW, None);
    let invite = after_loss(&mut rig, "INVITE");
    rig.say(&invite.reply(100, "Trying"));
    rig.is_deaf = true;
    rig.advance(Duration::from_secs(33));
    let cancel = rig.hear("CANCEL");
    rig.say(&cancel.reply(200, "OK"));
    // 487 is lost with the connection
    rig.close(Some(1006), "");
    rig.reopen();
    assert_eq!(rig.hear("INVITE").branch(), invite.branch());
    assert_eq!(rig.hear("CANCEL").branch(), invite.branch());
    rig.hear_nothing();
    rig.say(&invite.reply(487, "Request Terminated"));
    rig.hear("ACK");
    let refresh = rig.hear("INVITE");
    assert!(
        refresh.cseq() > invite.cseq(),
        "the new connection wants a refresh of its own"
    );
    rig.answer_reinvite(&refresh);
    rig.is_deaf = false;
    rig.events();
    is_well(&mut rig);
}

#[test]
fn a_late_success_of_one_that_was_given_up_is_acknowledged_and_no_more() {
    let (mut rig, _) = in_call(ALLOW, None);
    let invite = after_loss(&mut rig, "INVITE");
    rig.say(&invite.reply(100, "Trying"));
    rig.is_deaf = true;
    rig.advance(Duration::from_secs(33));
    rig.hear("CANCEL");
    rig.addresses(&["127.0.0.2", "127.0.0.1"]);
    rig.events();
    rig.answer_reinvite(&invite);
    let restart = rig.hear("INVITE");
    assert!(restart.cseq() > invite.cseq());
    rig.say(&invite.reply(200, "OK").sdp("v=0"));
    assert_eq!(rig.hear("ACK").cseq(), invite.cseq(), "it came again");
    rig.answer_reinvite(&restart);
    rig.advance(Duration::from_secs(1));
    assert_eq!(rig.agent.stats(CALL, rig.now).unwrap().ice_restarts, 1);
    assert_eq!(rig.events(), Vec::<String>::new());
}
