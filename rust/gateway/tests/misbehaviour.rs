//! What goes wrong on demand, and what the project's own user agent makes of it.
mod support;

use std::time::Duration;

use c2c_gateway::io::GatewayEvent;
use c2c_gateway::misbehaviour::{BadAnswer, Misbehaviour, Moment};
use c2c_gateway::settings::GatewaySettings;
use c2c_proto::io::{Command, Event, Originator, Stage};
use support::pair::{CALL, Pair, Side, level_at, tone};
use support::settings;

fn misbehaving(misbehaviour: Misbehaviour) -> GatewaySettings {
    GatewaySettings {
        misbehaviours: vec![misbehaviour],
        ..settings()
    }
}

fn send_info(pair: &mut Pair) {
    pair.command(Command::SendInfo {
        call: CALL,
        request: 1,
        content_type: "application/json".into(),
        body: b"{}".to_vec(),
    });
}

#[test]
fn the_websocket_is_dropped_in_any_state_of_the_call() {
    for moment in [Moment::Answered, Moment::MediaConnected] {
        let mut pair = Pair::registered(misbehaving(Misbehaviour::DropWebSocket(moment)));
        pair.call();
        assert_eq!(pair.gateway_end().how, "websocket lost", "{moment:?}");
        // the client comes back, but this far side has ended the call with the connection
        let (end, _) = pair.client_end();
        assert_eq!(end.cause, "Dialog Error", "{moment:?}");
    }
}

#[test]
fn the_websocket_is_dropped_while_it_rings() {
    let mut pair = Pair::registered(misbehaving(Misbehaviour::DropWebSocket(Moment::Ringing)));
    pair.call();
    assert_eq!(pair.gateway_end().how, "websocket lost");
    let (end, _) = pair.client_end();
    assert_eq!(end.cause, "Connection Error");
}

#[test]
fn an_answer_that_cannot_be_used_ends_the_call() {
    let bad = [
        BadAnswer::Missing,
        BadAnswer::Garbage,
        BadAnswer::NoCommonCodec,
        BadAnswer::NoFingerprint,
        BadAnswer::NoIceCredentials,
        BadAnswer::AudioRefused,
    ];
    for bad in bad {
        let mut pair = Pair::registered(misbehaving(Misbehaviour::Answer(bad)));
        pair.call();
        let (end, _) = pair.client_end();
        assert_eq!(end.cause, "Bad Media Description", "{bad:?}");
        assert_eq!(pair.gateway_end().how, "BYE", "{bad:?}");
    }
}

#[test]
fn a_wrong_fingerprint_gives_no_keys() {
    let mut pair = Pair::registered(misbehaving(Misbehaviour::Answer(BadAnswer::WrongFingerprint)));
    pair.call();
    let (end, stats) = pair.client_end();
    assert_eq!(end.stage, Some(Stage::Dtls));
    assert_eq!(
        (stats.srtp_profile.as_str(), stats.packets_sent, stats.packets_received),
        ("", 0, 0)
    );
}

#[test]
fn malformed_messages_do_no_harm() {
    let mut pair = Pair::connected(misbehaving(Misbehaviour::MalformedSip));
    pair.run_for(Duration::from_secs(1));
    assert!(pair.sent(Side::Gateway, "") > 15);
    send_info(&mut pair);
    pair.gateway_told(|event| matches!(event, GatewayEvent::InfoReceived { .. }));
    pair.command(Command::EndCall {
        call: CALL,
        reason: None,
    });
    assert_eq!(pair.gateway_end().how, "BYE");
}

#[test]
fn hostile_datagrams_do_no_harm() {
    let mut pair = Pair::connected(misbehaving(Misbehaviour::HostileDatagrams));
    let (play, clip) = (1, tone(1000.0, 1.0));
    pair.command(Command::Play { call: CALL, play, clip });
    pair.client_told(|event| matches!(event, Event::PlayEnded { completed: true, .. }));
    pair.command(Command::EndCall {
        call: CALL,
        reason: None,
    });
    let heard = pair.gateway_end().heard.unwrap();
    assert!((level_at(1000.0, &heard.samples()[12_000..36_000], heard.rate()) + 20.0).abs() < 1.0);
    let (_, stats) = pair.client_end();
    assert!(stats.packets_rejected >= 5, "{stats:?}");
}

#[test]
fn lost_media_is_counted() {
    let mut pair = Pair::connected(misbehaving(Misbehaviour::MediaLoss(0.2)));
    pair.run_for(Duration::from_secs(20));
    pair.command(Command::EndCall {
        call: CALL,
        reason: None,
    });
    let (_, stats) = pair.client_end();
    assert!((100..300).contains(&stats.packets_lost), "{stats:?}");
}

#[test]
fn delayed_media_shows_as_jitter() {
    let mut pair = Pair::connected(misbehaving(Misbehaviour::MediaJitter(Duration::from_millis(60))));
    pair.run_for(Duration::from_secs(5));
    pair.command(Command::EndCall {
        call: CALL,
        reason: None,
    });
    let (_, stats) = pair.client_end();
    assert!((0.005..0.06).contains(&stats.jitter), "{stats:?}");
    assert!(stats.packets_received > 200, "{stats:?}");
}

#[test]
fn an_ignored_or_refused_info_is_told() {
    let mut pair = Pair::connected(misbehaving(Misbehaviour::RejectInfo(415)));
    send_info(&mut pair);
    pair.client_told(|event| matches!(event, Event::InfoFailed { status: Some(415), .. }));

    let mut pair = Pair::connected(misbehaving(Misbehaviour::IgnoreInfo));
    send_info(&mut pair);
    pair.client_told(|event| matches!(event, Event::InfoFailed { status: None, .. }));
}

#[test]
fn a_stalled_or_ignored_invite_can_be_given_up() {
    let mut pair = Pair::registered(misbehaving(Misbehaviour::StallInvite));
    pair.call();
    pair.gateway_told(|event| matches!(event, GatewayEvent::CallStarted(_)));
    pair.run_for(Duration::from_secs(10));
    pair.command(Command::EndCall {
        call: CALL,
        reason: None,
    });
    assert_eq!(pair.client_end().0.cause, "Canceled");
    assert_eq!(pair.gateway_end().how, "CANCEL");

    let mut pair = Pair::registered(misbehaving(Misbehaviour::IgnoreInvite));
    pair.call();
    let (end, _) = pair.client_end();
    assert_eq!((end.originator, end.cause.as_str()), (Originator::Local, "Canceled"));
}

#[test]
fn a_bye_that_nobody_answers_ends_the_call_all_the_same() {
    let mut pair = Pair::connected(misbehaving(Misbehaviour::IgnoreBye));
    pair.command(Command::EndCall {
        call: CALL,
        reason: None,
    });
    assert_eq!(pair.client_end().0.cause, "Terminated");
    assert_eq!(pair.gateway_end().how, "BYE");
}

#[test]
fn a_wrong_password_fails_the_registration() {
    let mut pair = Pair::new(settings());
    pair.connect("wrong", 90);
    pair.client_told(|event| matches!(event, Event::RegistrationFailed { status: Some(403), .. }));
    let refused = |event: &GatewayEvent| matches!(event, GatewayEvent::Refused { status: 403, .. });
    assert!(pair.gateway_events.iter().any(refused));
}
