//! The machine's address goes in a call, or its path falls silent: ICE restart by re-INVITE, and what becomes of it.
use std::time::Duration;

use crate::support::{CALL, Heard, Rig, ServerDialog};
use c2c_proto::io::{Command, SipSettings, Stage};
use c2c_proto::media::description::Direction;
use c2c_proto::media::session::MediaEvent;

const OLD: &str = "127.0.0.1";
const NEW: &str = "127.0.0.2";

fn in_call() -> (Rig, ServerDialog) {
    let (mut rig, dialog) = Rig::in_call();
    rig.sound.tone = Some(440.0);
    rig.far.as_mut().unwrap().sound.tone = Some(1_000.0);
    rig.advance(Duration::from_secs(1));
    (rig, dialog)
}

fn version(sdp: &str) -> u64 {
    let origin = sdp.lines().find(|line| line.starts_with("o=")).unwrap();
    origin.split(' ').nth(2).unwrap().parse().unwrap()
}

fn line<'a>(sdp: &'a str, start: &str) -> &'a str {
    sdp.lines().find(|line| line.starts_with(start)).unwrap()
}

/// How many handshakes the far end saw, and whether it hears us now.
fn far_is_well(rig: &mut Rig) {
    let heard = rig.far.as_ref().unwrap().sound.heard.len();
    let ours = rig.sound.heard.len();
    rig.advance(Duration::from_secs(2));
    let far = rig.far.as_ref().unwrap();
    assert_eq!(
        far.events
            .iter()
            .filter(|event| **event == MediaEvent::Connected)
            .count(),
        1
    );
    assert!(far.sound.loudness(far.sound.heard.len() - heard) > 4_000.0);
    assert!(rig.sound.loudness(rig.sound.heard.len() - ours) > 4_000.0);
}

fn restarts(rig: &Rig) -> u64 {
    rig.agent.stats(CALL, rig.now).unwrap().ice_restarts
}

/// The client's re-INVITE after the address moved.
fn moved() -> (Rig, ServerDialog, Heard) {
    let (mut rig, dialog) = in_call();
    rig.move_to(OLD, NEW);
    let invite = rig.hear("INVITE");
    (rig, dialog, invite)
}

#[test]
fn the_call_goes_on_from_the_new_address() {
    let (mut rig, mut dialog, invite) = moved();
    assert_eq!(invite.header("Call-ID"), dialog.call_id);
    assert_eq!(invite.header("To"), dialog.local);
    assert!(invite.get("Contact").is_some());
    assert_eq!(invite.header("Session-Expires"), "90;refresher=uac");
    assert!(invite.body.contains("127.0.0.2") && !invite.body.contains("candidate:1 1 udp 2130706431 127.0.0.1"));
    assert_eq!(version(&invite.body), 3);
    assert_eq!(
        rig.bind_requests.last().unwrap(),
        &[NEW.parse::<std::net::IpAddr>().unwrap()]
    );
    rig.answer_reinvite(&invite);
    rig.advance(Duration::from_secs(1));
    far_is_well(&mut rig);
    assert_eq!(restarts(&rig), 1);
    rig.advance(Duration::from_secs(3));
    assert_eq!(rig.closed_sockets.len(), 1);
    assert_eq!(rig.closed_sockets[0].ip().to_string(), OLD);
    assert_eq!(rig.events(), Vec::<String>::new());
    rig.say(&dialog.request("BYE"));
    assert_eq!(rig.hear_status(), 200);
    assert_eq!(rig.events(), ["Ended remote Terminated"]);
}

#[test]
fn its_credentials_are_new_and_its_certificate_is_not() {
    let (mut rig, invite) = Rig::inviting();
    rig.answer(&invite, "callee");
    rig.advance(Duration::from_secs(2));
    rig.move_to(OLD, NEW);
    let again = rig.hear("INVITE");
    for (start, is_kept) in [
        ("a=ice-ufrag", false),
        ("a=ice-pwd", false),
        ("a=fingerprint", true),
        ("a=ssrc", true),
    ] {
        assert_eq!(
            line(&again.body, start) == line(&invite.body, start),
            is_kept,
            "{start}"
        );
    }
}

#[test]
fn the_2xx_is_acknowledged_each_time_that_it_comes() {
    let (mut rig, _, invite) = moved();
    let sdp = rig.answer_reinvite(&invite);
    for _ in 0..2 {
        rig.say(&invite.reply(200, "OK").sdp(&sdp));
        assert_eq!(rig.hear("ACK").cseq(), invite.cseq());
    }
    rig.advance(Duration::from_secs(1));
    assert_eq!(restarts(&rig), 1);
}

#[test]
fn a_refused_restart_is_tried_three_times_in_30_s_and_then_the_call_ends_with_its_path() {
    let (mut rig, _, mut invite) = moved();
    for attempt in 1..=3 {
        rig.say(&invite.reply(488, "Not Acceptable Here"));
        assert_eq!(rig.hear("ACK").cseq(), invite.cseq());
        rig.advance(Duration::from_millis(1_500));
        if attempt < 3 {
            invite = rig.hear("INVITE");
        }
    }
    rig.hear_nothing();
    rig.advance(Duration::from_secs(40));
    let mut messages: Vec<Heard> = rig.inbox.drain(..).map(|bytes| Heard::parse(&bytes)).collect();
    let bye = messages.pop().unwrap();
    assert_eq!(bye.header("Reason"), "SIP ;cause=408; text=\"RTP Timeout\"");
    assert!(
        messages.len() <= 1,
        "at most a fourth one when the first is half a minute old"
    );
    assert_eq!(rig.end().0.stage, Some(Stage::Ice));
    assert_eq!(rig.events(), ["Ended local RTP Timeout"]);
}

#[test]
fn a_refused_restart_costs_nothing_while_the_path_works() {
    let (mut rig, _) = in_call();
    rig.addresses(&[NEW, OLD]);
    let invite = rig.hear("INVITE");
    rig.say(&invite.reply(488, "Not Acceptable Here"));
    rig.hear("ACK");
    assert_eq!(rig.events(), ["Warning"]);
    far_is_well(&mut rig);
    rig.addresses(&[NEW, OLD]);
    rig.is_deaf = true;
    rig.advance(Duration::from_secs(30));
    rig.hear_nothing();
    assert_eq!((restarts(&rig), rig.closed_sockets.len()), (0, 2));
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn glare_waits_and_offers_the_same_again() {
    let (mut rig, mut dialog, invite) = moved();
    rig.say(&dialog.request("INVITE").sdp(&invite.body));
    assert_eq!(rig.hear_status(), 491);
    rig.say(&dialog.request("INVITE"));
    assert_eq!(rig.hear_status(), 491, "nor one without an offer");
    rig.say(&invite.reply(491, "Request Pending"));
    rig.hear("ACK");
    rig.advance(Duration::from_secs(2));
    rig.hear_nothing();
    rig.advance(Duration::from_millis(2_100));
    let again = rig.hear("INVITE");
    assert_eq!(line(&again.body, "a=ice-ufrag"), line(&invite.body, "a=ice-ufrag"));
    assert!(again.cseq() > invite.cseq());
    rig.answer_reinvite(&again);
    rig.advance(Duration::from_secs(1));
    far_is_well(&mut rig);
}

#[test]
fn a_challenge_is_answered() {
    let (mut rig, _, invite) = moved();
    let challenge = invite.reply(407, "Proxy Authentication Required");
    rig.say(&challenge.header(
        "Proxy-Authenticate",
        "Digest realm=\"realm.example\", nonce=\"n\", qop=\"auth\"",
    ));
    rig.hear("ACK");
    let again = rig.hear("INVITE");
    assert!(again.get("Proxy-Authorization").is_some() && again.body == invite.body);
    rig.answer_reinvite(&again);
    rig.advance(Duration::from_secs(1));
    far_is_well(&mut rig);
}

#[test]
fn a_dialog_that_is_gone_ends_the_call() {
    let (mut rig, _, invite) = moved();
    rig.say(&invite.reply(481, "Call/Transaction Does Not Exist"));
    rig.hear("ACK");
    rig.hear("BYE");
    assert_eq!(rig.events(), ["Ended local Dialog Error"]);
}

#[test]
fn an_unanswered_restart_is_cancelled_and_the_call_lives_as_long_as_its_path() {
    let (mut rig, _) = in_call();
    rig.is_deaf = true;
    rig.addresses(&[NEW, OLD]);
    let invite = rig.hear("INVITE");
    rig.say(&invite.reply(100, "Trying"));
    rig.advance(Duration::from_secs(33));
    let cancel = rig.hear("CANCEL");
    assert_eq!(cancel.cseq(), invite.cseq());
    rig.say(&cancel.reply(200, "OK"));
    rig.say(&invite.reply(487, "Request Terminated"));
    rig.hear("ACK");
    assert_eq!(rig.events(), ["Warning"]);
    rig.advance(Duration::from_secs(5));
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn a_silent_path_is_left_before_consent_is_lost() {
    let (mut rig, _) = in_call();
    rig.is_deaf = true;
    rig.network.is_down = true;
    rig.advance(Duration::from_secs(16));
    let invite = rig.hear("INVITE");
    rig.network.is_down = false;
    rig.answer_reinvite(&invite);
    rig.advance(Duration::from_secs(40));
    rig.is_deaf = false;
    far_is_well(&mut rig);
    assert_eq!(restarts(&rig), 1);
}

#[test]
fn a_held_call_moves_and_stays_held() {
    let (mut rig, mut dialog) = in_call();
    let hold = rig
        .far
        .as_mut()
        .unwrap()
        .session
        .reoffer(Direction::SendOnly, rig.now)
        .unwrap();
    rig.say(&dialog.request("INVITE").sdp(&hold));
    let ok = rig.hear("SIP/2.0");
    rig.far
        .as_mut()
        .unwrap()
        .session
        .handle_answer(ok.body.as_bytes(), rig.now)
        .unwrap();
    rig.move_to(OLD, NEW);
    rig.hear_nothing();
    rig.say(&dialog.numbered("ACK", dialog.cseq));
    let invite = rig.hear("INVITE");
    let answer = rig.answer_reinvite(&invite);
    assert!(answer.contains("a=sendonly"));
    rig.advance(Duration::from_secs(2));
    assert_eq!(restarts(&rig), 1);
    assert_eq!(rig.events(), ["HoldChanged"]);
}

#[test]
fn the_far_sides_restart_is_answered_and_followed() {
    for method in ["INVITE", "UPDATE"] {
        let (mut rig, mut dialog) = in_call();
        let far = rig.far.as_mut().unwrap();
        far.session
            .begin_restart(&["127.0.0.1:30000".parse().unwrap()], rig.now)
            .unwrap();
        let offer = far.session.restart_offer(rig.now).unwrap();
        rig.say(&dialog.request(method).sdp(&offer));
        let ok = rig.hear("SIP/2.0");
        assert_eq!(ok.second(), "200", "{method}");
        rig.far
            .as_mut()
            .unwrap()
            .session
            .handle_answer(ok.body.as_bytes(), rig.now)
            .unwrap();
        if method == "INVITE" {
            rig.say(&dialog.numbered("ACK", dialog.cseq));
        }
        rig.advance(Duration::from_secs(1));
        far_is_well(&mut rig);
        assert_eq!(restarts(&rig), 1);
        assert_eq!(rig.events(), Vec::<String>::new());
    }
}

#[test]
fn network_changed_looks_at_the_addresses_and_the_same_ones_change_nothing() {
    let (mut rig, _) = in_call();
    rig.command(Command::NetworkChanged);
    assert_eq!(rig.trail.last().unwrap(), "ListAddresses");
    rig.addresses(&[OLD]);
    rig.hear_nothing();
    assert_eq!(rig.bind_requests.len(), 1);
}

#[test]
fn an_address_that_moved_before_the_answer_is_left_with_it() {
    let (mut rig, invite) = Rig::inviting();
    rig.move_to(OLD, NEW);
    rig.hear_nothing();
    let sdp = rig.far_answer(&invite.body, &[c2c_proto::media::codec::Codec::Opus]);
    rig.say(&invite.answer(200, "OK", "callee").sdp(&sdp));
    rig.hear("ACK");
    let again = rig.hear("INVITE");
    rig.answer_reinvite(&again);
    rig.advance(Duration::from_secs(2));
    assert_eq!(rig.events(), ["TrackAdded", "Answered", "MediaConnected"]);
    assert_eq!(restarts(&rig), 1);
}

#[test]
fn a_machine_without_any_address_waits_for_one() {
    let (mut rig, _) = in_call();
    rig.gone.insert(OLD.parse().unwrap());
    rig.addresses(&[]);
    rig.is_deaf = true;
    rig.advance(Duration::from_secs(10));
    rig.hear_nothing();
    rig.addresses(&[NEW]);
    rig.advance(Duration::from_secs(1));
    let invite = rig.hear("INVITE");
    rig.answer_reinvite(&invite);
    rig.advance(Duration::from_secs(1));
    rig.is_deaf = false;
    far_is_well(&mut rig);
}

#[test]
fn a_new_call_gathers_at_the_new_addresses() {
    let mut rig = Rig::connected();
    rig.move_to(OLD, NEW);
    rig.invite(CALL);
    assert_eq!(rig.bind_requests, [[NEW.parse::<std::net::IpAddr>().unwrap()]]);
}

#[test]
fn a_new_call_without_any_address_fails_at_once() {
    let mut rig = Rig::connected();
    rig.addresses(&[]);
    rig.command(Command::StartCall {
        call: CALL,
        target: "app-1".into(),
        headers: vec![],
    });
    assert_eq!(rig.end().0.stage, Some(Stage::Ice));
    assert_eq!(rig.events(), ["CallCreated", "Failed local WebRTC Error"]);
}

#[test]
fn an_outage_longer_than_the_limit_of_its_reinvite_repeats_that_and_nothing_else() {
    for provisional in [false, true] {
        let (mut rig, _, invite) = moved();
        if provisional {
            rig.say(&invite.reply(100, "Trying"));
        }
        rig.is_deaf = true;
        let patience = rig.now + Duration::from_secs(100);
        rig.far.as_mut().unwrap().session.keep_until(patience);
        rig.close(Some(1006), "");
        rig.advance(Duration::from_secs(45));
        rig.open_from(&[NEW]);
        let again = rig.hear("INVITE");
        assert_eq!((again.branch(), again.cseq()), (invite.branch(), invite.cseq()));
        rig.hear("ACK");
        let update = rig.hear("UPDATE");
        rig.say(&update.reply(200, "OK"));
        rig.advance(Duration::from_secs(20));
        rig.hear_nothing();
        rig.answer_reinvite(&again);
        rig.advance(Duration::from_secs(1));
        rig.is_deaf = false;
        far_is_well(&mut rig);
        assert_eq!(restarts(&rig), 1);
    }
}

#[test]
fn the_ack_that_may_be_lost_is_repeated() {
    let (mut rig, _, invite) = moved();
    let far = rig.far.as_mut().unwrap();
    let sdp = far.session.handle_offer(invite.body.as_bytes(), rig.now).unwrap();
    rig.say(&invite.reply(200, "OK").sdp(&sdp));
    let ack = rig.hear("ACK");
    rig.is_deaf = true;
    rig.advance(Duration::from_secs(30));
    rig.close(Some(1006), "");
    rig.command(Command::Retry);
    rig.open_from(&[NEW]);
    let again = rig.hear("ACK");
    assert_eq!((again.branch(), again.cseq()), (ack.branch(), invite.cseq()));
    rig.hear("UPDATE");
    rig.hear_nothing();
}

#[test]
fn a_call_moves_between_addresses_of_ipv6() {
    let mut rig = Rig::new();
    rig.far_address = "[2001:db8:f::1]:30000".parse().unwrap();
    rig.command(Command::Connect(Box::new(SipSettings {
        register: false,
        ..Rig::settings()
    })));
    rig.open_from(&["2001:db8:a::1"]);
    rig.events();
    let invite = rig.invite(CALL);
    rig.answer(&invite, "callee");
    rig.sound.tone = Some(440.0);
    rig.far.as_mut().unwrap().sound.tone = Some(1_000.0);
    rig.advance(Duration::from_secs(2));
    rig.addresses(&["2001:db8:a::2", "2001:db8:a::1"]);
    rig.hear_nothing();
    rig.move_to("2001:db8:a::1", "2001:db8:b::1");
    let invite = rig.hear("INVITE");
    assert!(invite.body.contains("2001:db8:b::1") && !invite.body.contains("2001:db8:a::1"));
    rig.answer_reinvite(&invite);
    rig.advance(Duration::from_secs(1));
    far_is_well(&mut rig);
    assert_eq!(restarts(&rig), 1);
}

#[test]
fn a_better_address_of_the_other_version_of_ip_is_none() {
    let (mut rig, _) = in_call();
    rig.addresses(&["2001:db8::7", OLD]);
    rig.addresses(&[OLD, "2001:db8::7"]);
    rig.addresses(&["2001:db8::8", OLD]);
    rig.hear_nothing();
    far_is_well(&mut rig);
    assert_eq!(restarts(&rig), 0);
}

#[test]
fn an_address_in_use_that_calls_would_not_bind_any_more_is_still_there() {
    let (mut rig, _) = in_call();
    let mut many: Vec<String> = (1..10).map(|number| format!("2001:db8:{number}::1")).collect();
    many.push(OLD.to_owned());
    let many: Vec<&str> = many.iter().map(String::as_str).collect();
    rig.addresses(&many);
    rig.is_deaf = true;
    rig.advance(Duration::from_secs(20));
    assert_eq!((rig.bind_requests.len(), restarts(&rig)), (1, 0));
}

#[test]
fn a_move_without_a_socket_is_told_once() {
    let (mut rig, _) = in_call();
    rig.is_deaf = true;
    for address in [OLD, NEW] {
        rig.gone.insert(address.parse().unwrap());
    }
    rig.addresses(&[NEW]);
    rig.advance(Duration::from_secs(5));
    assert!(rig.bind_requests.len() > 3);
    assert_eq!(rig.events(), ["Warning"]);
    rig.gone.remove(&NEW.parse().unwrap());
    rig.advance(Duration::from_secs(2));
    let invite = rig.hear("INVITE");
    rig.answer_reinvite(&invite);
    rig.advance(Duration::from_secs(2));
    assert_eq!(restarts(&rig), 1);
}
