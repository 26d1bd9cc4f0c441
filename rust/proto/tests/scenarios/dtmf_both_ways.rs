use std::time::Duration;

use c2c_proto::dtmf::{DtmfRequest, DtmfTransport};
use c2c_proto::io::{Command, Event};
use c2c_proto::media::codec::Codec;
use c2c_proto::media::description::Direction;
use c2c_proto::media::session::MediaEvent;

use crate::support::{CALL, Rig};

fn request(tones: &str, transport: DtmfTransport) -> DtmfRequest {
    DtmfRequest {
        tones: tones.into(),
        transport,
        duration: None,
        inter_tone_gap: None,
    }
}

fn send(rig: &mut Rig, dtmf: DtmfRequest) {
    let (call, request) = (CALL, 5);
    rig.command(Command::SendDtmf { call, request, dtmf });
}

/// Tones that the far end heard in RTP, with milliseconds.
fn heard(rig: &Rig) -> Vec<(char, u128)> {
    let events = rig.far.as_ref().unwrap().events.iter();
    let tones = events.filter_map(|event| match event {
        MediaEvent::ToneReceived(tone) => Some((tone.tone.character(), tone.duration.as_millis())),
        _ => None,
    });
    tones.collect()
}

/// Tones that our owner was told of: character, milliseconds, transport.
fn told(rig: &mut Rig) -> Vec<(char, Option<u128>, DtmfTransport)> {
    let tones = rig.unseen.iter().filter_map(|event| match event {
        Event::DtmfReceived(received) => Some((
            received.tone.character(),
            received.duration.map(|time| time.as_millis()),
            received.transport,
        )),
        _ => None,
    });
    let tones = tones.collect();
    rig.unseen.clear();
    tones
}

#[test]
fn info_goes_one_tone_at_a_time() {
    let (mut rig, _) = Rig::in_call();
    rig.is_deaf = true;
    send(&mut rig, request("1d,#", DtmfTransport::Info));
    assert_eq!(rig.events(), ["DtmfSent"]);
    for (signal, after) in [("1", 0), ("D", 600), ("#", 2_600)] {
        rig.advance(Duration::from_millis(after));
        let info = rig.hear("INFO");
        assert_eq!(info.header("Content-Type"), "application/dtmf-relay");
        assert_eq!(info.body, format!("Signal={signal}\r\nDuration=100"));
        rig.say(&info.reply(200, "OK"));
        rig.hear_nothing();
    }
    rig.advance(Duration::from_secs(30));
    rig.hear_nothing();
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn times_are_kept_within_bounds_and_later_tones_wait_their_turn() {
    let (mut rig, _) = Rig::in_call();
    rig.is_deaf = true;
    let timed = DtmfRequest {
        duration: Some(Duration::from_millis(10)),
        inter_tone_gap: Some(Duration::from_millis(200)),
        ..request("1", DtmfTransport::Info)
    };
    send(&mut rig, timed);
    send(&mut rig, request("2", DtmfTransport::Info));
    assert_eq!(rig.hear("INFO").body, "Signal=1\r\nDuration=70");
    rig.advance(Duration::from_millis(269));
    rig.hear_nothing();
    rig.advance(Duration::from_millis(1));
    assert_eq!(rig.hear("INFO").body, "Signal=2\r\nDuration=100");
    assert_eq!(rig.events(), ["DtmfSent", "DtmfSent"]);
}

#[test]
fn a_tone_that_is_refused_drops_the_rest() {
    for (status, event) in [(415, "Warning"), (481, "DtmfFailed"), (408, "DtmfFailed")] {
        let (mut rig, _) = Rig::in_call();
        rig.is_deaf = true;
        send(&mut rig, request("123", DtmfTransport::Info));
        let info = rig.hear("INFO");
        rig.say(&info.reply(status, "No"));
        assert_eq!(rig.events(), ["DtmfSent", event]);
        rig.advance(Duration::from_secs(5));
        rig.hear_nothing();
        send(&mut rig, request("4", DtmfTransport::Info));
        assert_eq!(rig.hear("INFO").body, "Signal=4\r\nDuration=100");
    }
}

#[test]
fn a_far_side_that_never_answers_a_tone_is_told_and_the_call_goes_on() {
    let (mut rig, _) = Rig::in_call();
    rig.is_deaf = true;
    send(&mut rig, request("1", DtmfTransport::Info));
    rig.hear("INFO");
    rig.advance(Duration::from_secs(33));
    let failed = rig.unseen.last().cloned();
    assert!(
        matches!(&failed, Some(Event::DtmfFailed { cause, .. }) if cause == "Request Timeout"),
        "{failed:?}"
    );
    assert_eq!(rig.events(), ["DtmfSent", "DtmfFailed"]);
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn a_tone_that_finds_nobody_may_end_the_call() {
    for (status, end) in [(Some(481), "Dialog Error"), (None, "Request Timeout")] {
        let mut rig = Rig::connected_with(|settings| {
            settings.policy.end_on_info_rejected = true;
            settings.policy.end_on_info_timeout = true;
        });
        let invite = rig.invite(CALL);
        rig.answer(&invite, "callee");
        rig.advance(Duration::from_secs(1));
        rig.is_deaf = true;
        rig.events();
        send(&mut rig, request("12", DtmfTransport::Info));
        let info = rig.hear("INFO");
        match status {
            Some(status) => rig.say(&info.reply(status, "No")),
            None => rig.advance(Duration::from_secs(33)),
        }
        assert_eq!(rig.events(), ["DtmfSent".to_owned(), format!("Ended local {end}")]);
    }
}

#[test]
fn the_call_s_end_ends_them() {
    let (mut rig, _) = Rig::in_call();
    send(&mut rig, request("123", DtmfTransport::Info));
    rig.hear("INFO");
    rig.end_call();
    rig.hear("BYE");
    assert_eq!(rig.events(), ["DtmfSent", "Ended local Terminated"]);
    rig.advance(Duration::from_secs(2));
    rig.hear_nothing();
    send(&mut rig, request("1", DtmfTransport::Info));
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn rtp_carries_them_at_either_clock_and_sound_goes_on() {
    for codec in [Codec::Opus, Codec::Pcmu] {
        let (mut rig, invite) = Rig::inviting();
        let sdp = rig.far_answer(&invite.body, &[codec]);
        rig.say(&invite.answer(200, "OK", "callee").sdp(&sdp));
        rig.hear("ACK");
        rig.sound.tone = Some(440.0);
        rig.advance(Duration::from_secs(2));
        rig.events();
        send(&mut rig, request("159#", DtmfTransport::Rfc4733));
        assert_eq!(rig.events(), ["DtmfSent"]);
        rig.advance(Duration::from_secs(4));
        assert_eq!(heard(&rig), [('1', 100), ('5', 100), ('9', 100), ('#', 100)]);
        rig.hear_nothing();
        let now = rig.now;
        let far = rig.far.as_ref().unwrap();
        assert!(far.sound.loudness(24_000) > 3_000.0);
        let stats = far.session.stats(now);
        assert_eq!((stats.packets_lost, stats.packets_rejected), (0, 0), "{stats:?}");
    }
}

#[test]
fn tones_in_rtp_are_told_once() {
    let (mut rig, _) = Rig::in_call();
    let far = rig.far.as_mut().unwrap();
    let steps = request("0A*", DtmfTransport::Rfc4733).steps().unwrap();
    far.session.send_tones(steps).unwrap();
    rig.advance(Duration::from_secs(3));
    let expected = ['0', 'A', '*'].map(|tone| (tone, Some(100), DtmfTransport::Rfc4733));
    assert_eq!(told(&mut rig), expected);
}

#[test]
fn tones_by_info_are_told() {
    let (mut rig, mut dialog) = Rig::in_call();
    rig.say(
        &dialog
            .request("INFO")
            .body("application/dtmf-relay", "Signal=7\r\nDuration=250\r\n"),
    );
    assert_eq!(rig.hear_status(), 200);
    assert_eq!(told(&mut rig), [('7', Some(250), DtmfTransport::Info)]);
    rig.say(&dialog.request("INFO").body("application/dtmf", "*"));
    assert_eq!(rig.hear_status(), 200);
    assert_eq!(rig.events(), ["DtmfReceived", "InfoReceived application/dtmf *"]);
    rig.say(&dialog.request("INFO").body("application/dtmf-relay", "Signal=seven"));
    assert_eq!(rig.hear_status(), 200, "answered and forgotten");
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn what_cannot_be_sent_is_told() {
    let cause = |rig: &mut Rig| match rig.unseen.pop() {
        Some(Event::DtmfFailed { cause, .. }) => cause,
        other => panic!("{other:?}"),
    };
    let (mut rig, invite) = Rig::inviting();
    send(&mut rig, request("1", DtmfTransport::Info));
    assert_eq!(cause(&mut rig), "the call is not answered");
    let sdp = rig.far_answer(&invite.body, &[Codec::Opus]);
    let deaf = sdp.replace(" 110", "").replace(" 126", "");
    rig.say(&invite.answer(200, "OK", "callee").sdp(&deaf));
    rig.hear("ACK");
    send(&mut rig, request("1", DtmfTransport::Rfc4733));
    assert!(cause(&mut rig).contains("takes no telephone-events"));
    for tones in ["", "12x", "1 2"] {
        send(&mut rig, request(tones, DtmfTransport::Info));
        assert_eq!(cause(&mut rig), format!("Invalid tones: {tones}"));
    }
    send(&mut rig, request(&"1".repeat(300), DtmfTransport::Info));
    assert!(cause(&mut rig).contains("too many"));
    rig.hear_nothing();
}

#[test]
fn a_held_call_sends_none_in_rtp() {
    let (mut rig, mut dialog) = Rig::in_call();
    let now = rig.now;
    let far = rig.far.as_mut().unwrap();
    let offer = far.session.reoffer(Direction::SendOnly, now).unwrap();
    rig.say(&dialog.request("UPDATE").sdp(&offer));
    assert_eq!(rig.hear_status(), 200);
    send(&mut rig, request("1", DtmfTransport::Rfc4733));
    assert_eq!(rig.events(), ["HoldChanged", "DtmfFailed"]);
    send(&mut rig, request("1", DtmfTransport::Info));
    assert_eq!(rig.events(), ["DtmfSent"]);
}
