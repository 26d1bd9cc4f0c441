use std::time::Duration;

use crate::support::far_end::FarEnd;
use crate::support::messages::{Draft, stranger};
use crate::support::rig::ALL_CODECS;
use crate::support::{Heard, Rig};
use c2c_proto::io::{CallId, CallPolicy, Command, SipSettings};

pub(crate) const INCOMING: CallId = CallId::FIRST_INCOMING;

/// A client that takes calls, and the far side's INVITE with its offer.
pub(crate) fn reachable() -> (Rig, Draft) {
    let mut rig = Rig::new();
    let settings = SipSettings {
        register: false,
        reconnect_limit: Duration::from_secs(30),
        policy: CallPolicy {
            accept_incoming: true,
            ..CallPolicy::default()
        },
        ..Rig::settings()
    };
    rig.command(Command::Connect(Box::new(settings)));
    rig.open();
    rig.events();
    rig.is_deaf = true;
    let address = "127.0.0.1:30000".parse().unwrap();
    let mut far = FarEnd::new(address, &ALL_CODECS, rig.clock, rig.now);
    let offer = far.session.create_offer(rig.now).unwrap();
    rig.far = Some(far);
    let invite = stranger("INVITE", "sip:caller@realm.example").sdp(&offer);
    (rig, invite)
}

/// It rings; gives the 180.
pub(crate) fn ringing() -> (Rig, Heard) {
    let (mut rig, invite) = reachable();
    rig.say(&invite);
    let ringing = rig.hear("SIP/2.0");
    assert_eq!(ringing.second(), "180");
    assert!(ringing.header("To").contains(";tag="));
    assert_eq!(rig.events(), ["CallCreated", "Ringing"]);
    (rig, ringing)
}

/// A request of the caller in the dialog.
pub(crate) fn request(ringing: &Heard, method: &str, cseq: u32) -> Draft {
    Draft::new(format!("{method} sip:caller@realm.example SIP/2.0"))
        .header(
            "Via",
            &format!("SIP/2.0/WSS gateway.example;branch=z9hG4bK{method}{cseq}"),
        )
        .header("To", ringing.header("To"))
        .header("From", ringing.header("From"))
        .header("Call-ID", ringing.header("Call-ID"))
        .header("CSeq", &format!("{cseq} {method}"))
}

pub(crate) fn end_of(rig: &mut Rig, status: &str, event: &str) {
    assert_eq!(rig.hear("SIP/2.0").second(), status);
    assert_eq!(rig.events(), [event]);
}

#[test]
fn an_answered_call_has_sound_and_ends_with_bye() {
    let (mut rig, ringing) = ringing();
    rig.command(Command::Answer { call: INCOMING });
    let ok = rig.hear("SIP/2.0");
    assert_eq!((ok.second(), ok.header("To")), ("200", ringing.header("To")));
    assert!(ok.get("Contact").is_some() && ok.get("Session-Expires").is_some());
    assert_eq!(rig.events(), ["TrackAdded", "Answered"]);
    rig.far
        .as_mut()
        .unwrap()
        .session
        .handle_answer(ok.body.as_bytes(), rig.now)
        .unwrap();
    rig.say(&request(&ringing, "ACK", 1));
    rig.advance(Duration::from_secs(3));
    assert_eq!(rig.events(), ["MediaConnected"]);
    assert!(rig.far.as_ref().unwrap().is_connected());
    rig.hear_nothing();
    rig.say(&request(&ringing, "BYE", 2));
    end_of(&mut rig, "200", "Ended remote Terminated");
}

#[test]
fn a_200_is_repeated_until_it_is_acknowledged_or_given_up() {
    let (mut rig, _) = ringing();
    rig.command(Command::Answer { call: INCOMING });
    let ok = rig.hear("SIP/2.0");
    let far = rig.far.as_mut().unwrap();
    far.session.handle_answer(ok.body.as_bytes(), rig.now).unwrap();
    rig.is_deaf = false;
    rig.advance(Duration::from_secs(2));
    assert_eq!((rig.hear_status(), rig.hear_status()), (200, 200));
    rig.advance(Duration::from_secs(31));
    rig.inbox.retain(|bytes| bytes.starts_with(b"BYE"));
    assert_eq!(rig.hear("BYE").header("Reason"), "SIP ;cause=408; text=\"No ACK\"");
    assert_eq!(rig.events().last().unwrap(), "Ended local No ACK");
}

/// It was answered, and ended before the ACK.
fn parting() -> (Rig, Heard) {
    let (mut rig, ringing) = ringing();
    rig.command(Command::Answer { call: INCOMING });
    assert_eq!(rig.hear_status(), 200);
    rig.command(Command::EndCall {
        call: INCOMING,
        reason: Some((480, "Ended by user".to_owned())),
    });
    assert_eq!(rig.events(), ["TrackAdded", "Answered", "Ended local Terminated"]);
    rig.hear_nothing();
    (rig, ringing)
}

#[test]
fn bye_waits_for_the_ack() {
    let (mut rig, ringing) = parting();
    rig.say(&request(&ringing, "ACK", 1));
    let bye = rig.hear("BYE");
    assert_eq!(bye.header("Reason"), "SIP ;cause=480; text=\"Ended by user\"");
    assert_eq!(
        (bye.header("From"), bye.header("To")),
        (ringing.header("To"), ringing.header("From"))
    );
    rig.say(&bye.reply(200, "OK"));
    rig.advance(Duration::from_secs(40));
    rig.hear_nothing();
}

#[test]
fn bye_waits_no_longer_than_the_ack_may_take() {
    let (mut rig, _) = parting();
    rig.advance(Duration::from_secs(31));
    rig.inbox.retain(|bytes| !bytes.starts_with(b"SIP/2.0 200"));
    rig.hear_nothing();
    rig.advance(Duration::from_secs(2));
    rig.inbox.retain(|bytes| !bytes.starts_with(b"SIP/2.0 200"));
    rig.hear("BYE");
}

#[test]
fn bye_does_not_wait_when_the_connection_is_closed() {
    let (mut rig, _) = parting();
    rig.command(Command::Disconnect);
    rig.hear("BYE");
}

#[test]
fn bye_that_waited_follows_the_200_on_the_next_connection() {
    let (mut rig, ringing) = parting();
    rig.close(Some(1006), "lost");
    rig.reopen();
    assert_eq!(rig.hear_status(), 200);
    rig.hear_nothing();
    rig.say(&request(&ringing, "ACK", 1));
    rig.hear("BYE");
}

/// It was answered, and ended while the connection was away.
fn parted_meanwhile() -> (Rig, Heard) {
    let (mut rig, ringing) = ringing();
    rig.command(Command::Answer { call: INCOMING });
    assert_eq!(rig.hear_status(), 200);
    rig.close(Some(1006), "lost");
    rig.events();
    rig.command(Command::EndCall {
        call: INCOMING,
        reason: None,
    });
    assert_eq!(rig.events(), ["Ended local Terminated"]);
    (rig, ringing)
}

#[test]
fn a_call_answered_and_ended_while_the_connection_is_away_says_both_on_the_next_one() {
    let (mut rig, ringing) = parted_meanwhile();
    rig.reopen();
    let again = rig.hear("SIP/2.0");
    assert_eq!((again.second(), again.header("To")), ("200", ringing.header("To")));
    rig.hear_nothing();
    rig.say(&request(&ringing, "ACK", 1));
    let bye = rig.hear("BYE");
    rig.say(&bye.reply(200, "OK"));
    rig.advance(Duration::from_secs(40));
    rig.hear_nothing();
    assert_eq!(rig.agent.transactions(), 0);
}

#[test]
fn its_bye_waits_neither_for_ever_nor_beyond_a_disconnect() {
    let (mut rig, _) = parted_meanwhile();
    rig.reopen();
    rig.advance(Duration::from_secs(33));
    rig.inbox.retain(|bytes| !bytes.starts_with(b"SIP/2.0 200"));
    rig.hear("BYE");
    let (mut rig, _) = parted_meanwhile();
    rig.reopen();
    assert_eq!(rig.hear_status(), 200);
    rig.command(Command::Disconnect);
    rig.hear("BYE");
}

#[test]
fn the_called_side_refreshes_when_it_is_asked_to() {
    let (mut rig, invite) = reachable();
    rig.say(&invite.header("Session-Expires", "90;refresher=uas"));
    let ringing = rig.hear("SIP/2.0");
    rig.command(Command::Answer { call: INCOMING });
    let ok = rig.hear("SIP/2.0");
    assert_eq!(ok.header("Session-Expires"), "90;refresher=uas");
    let far = rig.far.as_mut().unwrap();
    far.session.handle_answer(ok.body.as_bytes(), rig.now).unwrap();
    rig.say(&request(&ringing, "ACK", 1));
    rig.is_deaf = false;
    rig.advance(Duration::from_secs(46));
    let update = rig.hear("UPDATE");
    assert_eq!(update.second(), "sip:stranger@elsewhere.example");
    assert_eq!(
        (update.header("From"), update.header("To"), update.header("Call-ID")),
        (ringing.header("To"), ringing.header("From"), ringing.header("Call-ID"))
    );
    assert_eq!(update.header("Session-Expires"), "90;refresher=uac");
    rig.say(&update.reply(200, "OK").header("Session-Expires", "90;refresher=uac"));
    rig.advance(Duration::from_secs(46));
    rig.hear("UPDATE");
}

#[test]
fn an_address_that_moved_while_it_rang_is_left_with_the_ack() {
    let (mut rig, ringing) = ringing();
    rig.move_to("127.0.0.1", "127.0.0.2");
    rig.hear_nothing();
    rig.command(Command::Answer { call: INCOMING });
    let ok = rig.hear("SIP/2.0");
    let far = rig.far.as_mut().unwrap();
    far.session.handle_answer(ok.body.as_bytes(), rig.now).unwrap();
    rig.is_deaf = false;
    rig.say(&request(&ringing, "ACK", 1));
    let glare = rig.hear("INVITE");
    rig.say(&glare.reply(491, "Request Pending"));
    rig.hear("ACK");
    rig.advance(Duration::from_millis(2_100));
    let again = rig.hear("INVITE");
    rig.answer_reinvite(&again);
    rig.advance(Duration::from_secs(2));
    assert_eq!(rig.events(), ["TrackAdded", "Answered", "MediaConnected"]);
}

#[test]
fn a_call_may_be_rejected() {
    let (mut rig, _) = ringing();
    let reason = "Busy Here".to_owned();
    rig.command(Command::Reject {
        call: INCOMING,
        status: 486,
        reason,
    });
    end_of(&mut rig, "486", "Failed local Rejected");
}

#[test]
fn ending_a_call_that_rings_rejects_it() {
    let (mut rig, _) = ringing();
    rig.command(Command::EndCall {
        call: INCOMING,
        reason: None,
    });
    end_of(&mut rig, "480", "Failed local Rejected");
}

#[test]
fn nobody_answers_for_a_minute() {
    let (mut rig, _) = ringing();
    rig.advance(Duration::from_secs(59));
    rig.hear_nothing();
    rig.advance(Duration::from_secs(2));
    end_of(&mut rig, "408", "Failed local No Answer");
}

#[test]
fn the_caller_cancels() {
    let (mut rig, ringing) = ringing();
    let cancel = stranger("CANCEL", "sip:caller@realm.example");
    let text = String::from_utf8(cancel.bytes()).unwrap();
    rig.say_bytes(
        text.replace("z9hG4bKstrangerCANCEL", "z9hG4bKstrangerINVITE")
            .as_bytes(),
    );
    let ok = rig.hear("SIP/2.0");
    // RFC 3261 §9.2: the same tag in all responses
    assert_eq!((ok.second(), ok.header("To")), ("200", ringing.header("To")));
    end_of(&mut rig, "487", "Failed remote Canceled");
    rig.say(&request(&ringing, "BYE", 2));
    assert_eq!(rig.hear_status(), 481);
}

#[test]
fn what_is_no_plain_call_is_refused() {
    for (headers, status) in [
        (("Replaces", "a;from-tag=b;to-tag=c"), 403),
        (("Require", "100rel"), 420),
        (("Session-Expires", "10"), 422),
    ] {
        let (mut rig, invite) = reachable();
        rig.say(&invite.header(headers.0, headers.1));
        assert_eq!(rig.hear_status(), status);
        assert_eq!(rig.events(), Vec::<String>::new());
    }
}

#[test]
fn the_same_invite_on_another_path_is_no_second_call() {
    let (mut rig, invite) = reachable();
    rig.say(&invite);
    assert_eq!(rig.hear_status(), 180);
    rig.events();
    let text = String::from_utf8(invite.bytes()).unwrap();
    rig.say_bytes(text.replace("z9hG4bKstranger", "z9hG4bKother").as_bytes());
    assert_eq!(rig.hear_status(), 482);
    rig.say(&invite);
    assert_eq!(rig.hear_status(), 180);
    assert_eq!(rig.events(), Vec::<String>::new());
}

/// An INVITE without an offer was answered; gives our 200, whose offer the far side has not answered.
fn offered() -> (Rig, Heard) {
    let (mut rig, _) = reachable();
    rig.say(&stranger("INVITE", "sip:caller@realm.example"));
    assert_eq!(rig.hear_status(), 180);
    rig.command(Command::Answer { call: INCOMING });
    let ok = rig.hear("SIP/2.0");
    assert_eq!(ok.second(), "200");
    assert_eq!(rig.events(), ["CallCreated", "Ringing", "TrackAdded", "Answered"]);
    (rig, ok)
}

#[test]
fn an_invite_without_an_offer_gets_ours_in_the_200() {
    let (mut rig, ok) = offered();
    let answer = rig.far_answer(&ok.body, &ALL_CODECS);
    rig.say(&request(&ok, "ACK", 1).sdp(&answer));
    rig.advance(Duration::from_secs(3));
    assert_eq!(rig.events(), ["MediaConnected"]);
    assert!(rig.far.as_ref().unwrap().is_connected());
    rig.say(&request(&ok, "BYE", 2));
    end_of(&mut rig, "200", "Ended remote Terminated");
}

#[test]
fn an_ack_without_the_answer_to_our_offer_ends_the_call() {
    let (mut rig, ok) = offered();
    rig.say(&request(&ok, "ACK", 1));
    assert!(rig.hear("BYE").header("Reason").contains("cause=488"));
    assert_eq!(rig.events(), ["Ended local Bad Media Description"]);
}

#[test]
fn a_call_rings_on_while_the_connection_is_away_and_is_answered_on_the_next_one() {
    let (mut rig, ringing) = ringing();
    rig.close(Some(1006), "lost");
    rig.command(Command::Answer { call: INCOMING });
    assert_eq!(rig.events(), ["Disconnected 1006", "Reconnecting"]);
    rig.reopen();
    let ok = rig.hear("SIP/2.0");
    assert_eq!((ok.second(), ok.header("To")), ("200", ringing.header("To")));
    assert_eq!(
        rig.events(),
        ["Connecting", "Connected", "Reconnected", "TrackAdded", "Answered"]
    );
    rig.say(&request(&ringing, "ACK", 1));
    rig.say(&request(&ringing, "BYE", 2));
    end_of(&mut rig, "200", "Ended remote Terminated");
}

#[test]
fn a_call_rejected_while_the_connection_is_away_is_refused_on_the_next_one() {
    let (mut rig, _) = ringing();
    rig.close(Some(1006), "lost");
    rig.events();
    rig.command(Command::Reject {
        call: INCOMING,
        status: 603,
        reason: "Decline".to_owned(),
    });
    assert_eq!(rig.events(), ["Failed local Rejected"]);
    rig.reopen();
    assert_eq!(rig.hear_status(), 603);
}

#[test]
fn a_call_that_rang_out_while_the_connection_was_away_is_refused_on_the_next_one() {
    let (mut rig, _) = ringing();
    rig.advance(Duration::from_secs(50));
    rig.close(Some(1006), "lost");
    rig.events();
    rig.advance(Duration::from_secs(20));
    let events = rig.events();
    assert!(events.contains(&"Failed local No Answer".to_owned()), "{events:?}");
    rig.open();
    assert_eq!(rig.hear_status(), 408);
}

#[test]
fn a_call_that_rings_ends_when_the_connection_stays_away() {
    let (mut rig, _) = ringing();
    rig.close(Some(1006), "lost");
    rig.advance(Duration::from_secs(31));
    let events = rig.events();
    assert!(
        events.contains(&"Failed system Connection Error".to_owned()),
        "{events:?}"
    );
    assert_eq!(rig.agent.transactions(), 0);
    rig.open();
    rig.hear_nothing();
}

#[test]
fn a_200_that_may_be_lost_with_the_connection_is_sent_again_on_the_next_one() {
    let (mut rig, ringing) = ringing();
    rig.command(Command::Answer { call: INCOMING });
    assert_eq!(rig.hear_status(), 200);
    rig.events();
    rig.close(Some(1006), "lost");
    rig.is_deaf = false;
    rig.reopen();
    let again = rig.hear("SIP/2.0");
    assert_eq!((again.second(), again.header("To")), ("200", ringing.header("To")));
    rig.say(&request(&ringing, "ACK", 1));
    let update = rig.hear("UPDATE");
    rig.say(&update.reply(200, "OK"));
    rig.advance(Duration::from_secs(2));
    rig.hear_nothing();
    rig.say(&request(&ringing, "BYE", 2));
    assert_eq!(rig.hear_status(), 200);
}

#[test]
fn a_second_call_finds_it_busy() {
    let (mut rig, _) = ringing();
    let (_, invite) = reachable();
    let text = String::from_utf8(invite.bytes()).unwrap();
    let other = text
        .replace("z9hG4bKstranger", "z9hG4bKother")
        .replace("stranger-call", "other-call");
    rig.say_bytes(other.as_bytes());
    assert_eq!(rig.hear_status(), 486);
    assert_eq!(rig.events(), Vec::<String>::new());
}
