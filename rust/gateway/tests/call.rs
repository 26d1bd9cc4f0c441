//! Calls of the project's own user agent, from INVITE to BYE.
mod support;

use std::time::Duration;

use c2c_gateway::io::{CallCommand, GatewayEvent};
use c2c_gateway::script::{HangUpReason, Step};
use c2c_gateway::settings::GatewaySettings;
use c2c_proto::io::{Command, Event, Originator};
use c2c_proto::media::codec::Codec;
use support::pair::{CALL, Pair, Side, level_at, tone};
use support::{Connection, settings};

fn scripted(steps: &[Step]) -> GatewaySettings {
    GatewaySettings {
        script: steps.into(),
        ..settings()
    }
}

const SECOND: Duration = Duration::from_secs(1);

#[test]
fn is_answered_and_both_sides_hear_each_other() {
    let mut pair = Pair::connected(scripted(&[Step::Play {
        clip: tone(440.0, 2.0),
        background: false,
    }]));
    let (play, clip) = (1, tone(1000.0, 2.0));
    pair.command(Command::Play { call: CALL, play, clip });
    pair.client_told(|event| matches!(event, Event::PlayEnded { completed: true, .. }));
    pair.gateway_told(|event| matches!(event, GatewayEvent::Played(_)));
    pair.command(Command::EndCall {
        call: CALL,
        reason: None,
    });
    let end = pair.gateway_end();
    assert_eq!(
        (end.by, end.how.as_str(), end.answered),
        (Originator::Remote, "BYE", true)
    );
    let heard = end.heard.unwrap();
    let middle = &heard.samples()[24_000..72_000];
    assert!((level_at(1000.0, middle, heard.rate()) + 20.0).abs() < 1.0);
    assert!(level_at(440.0, middle, heard.rate()) < -60.0);
    let middle = &pair.heard.0[8_000..24_000];
    assert!((level_at(440.0, middle, 16_000) + 20.0).abs() < 1.0);
    let (end, stats) = pair.client_end();
    assert_eq!((end.originator, end.cause.as_str()), (Originator::Local, "Terminated"));
    assert_eq!((stats.codec.as_str(), stats.packets_lost), ("opus", 0));
}

#[test]
fn g711_only_agents_are_heard_too() {
    for (codec, name) in [(Codec::Pcmu, "PCMU"), (Codec::Pcma, "PCMA")] {
        let play = Step::Play {
            clip: tone(440.0, 1.0),
            background: false,
        };
        let mut pair = Pair::connected(GatewaySettings {
            codecs: vec![codec],
            ..scripted(&[play, Step::HangUp(None)])
        });
        let (end, stats) = pair.client_end();
        assert_eq!((end.originator, stats.codec.as_str()), (Originator::Remote, name));
        assert!((level_at(440.0, &pair.heard.0[4_000..12_000], 16_000) + 20.0).abs() < 1.0);
    }
}

#[test]
fn rings_for_as_long_as_the_script_says() {
    let mut pair = Pair::registered(scripted(&[Step::Ring(3 * SECOND)]));
    pair.call();
    pair.client_told(|event| matches!(event, Event::Ringing(_)));
    let rang = pair.now;
    pair.client_told(|event| matches!(event, Event::Answered(_)));
    assert_eq!((pair.now - rang).as_secs(), 3);
    assert_eq!(pair.started().target, "sip:app-1@realm.example");
    let names: Vec<&str> = pair.started().headers.iter().map(|(name, _)| name.as_str()).collect();
    assert!(
        names.contains(&"X-Source") && !names.contains(&"Authorization"),
        "{names:?}"
    );
}

#[test]
fn is_rejected() {
    let reject = Step::Reject {
        status: 486,
        reason: "Busy Here".into(),
    };
    let mut pair = Pair::registered(scripted(&[Step::Ring(SECOND), reject]));
    pair.call();
    let (end, _) = pair.client_end();
    assert_eq!((end.cause.as_str(), end.description.as_deref()), ("Busy", Some("486")));
    assert_eq!(pair.gateway_end().status, Some(486));
}

#[test]
fn is_cancelled_while_it_rings() {
    let mut pair = Pair::registered(scripted(&[Step::Ring(60 * SECOND)]));
    pair.call();
    pair.client_told(|event| matches!(event, Event::Ringing(_)));
    let reason = Some((480, "Ended by user".to_owned()));
    pair.command(Command::EndCall { call: CALL, reason });
    let (end, _) = pair.client_end();
    assert_eq!((end.originator, end.cause.as_str()), (Originator::Local, "Canceled"));
    let end = pair.gateway_end();
    assert_eq!((end.how.as_str(), end.status), ("CANCEL", Some(487)));
    assert!(end.reason.unwrap().contains("Ended by user"));
    pair.run_for(SECOND);
    assert_eq!(
        pair.sent(Side::Client, "ACK"),
        1,
        "of the 487: the INVITE was not challenged"
    );
}

#[test]
fn an_invite_without_sdp_is_refused() {
    let mut connection = Connection::open(GatewaySettings::default());
    let invite = connection.make("INVITE", "sip:app-1@realm.example", "Contact: <sip:x@c.invalid>\r\n");
    connection.send(&invite.to_bytes());
    assert_eq!(connection.statuses(), [100, 488]);
    assert!(
        connection
            .events
            .iter()
            .any(|event| matches!(event, GatewayEvent::CallEnded(..)))
    );
}

#[test]
fn what_the_client_requires_and_nobody_has_is_named() {
    let mut connection = Connection::open(GatewaySettings::default());
    let headers = "Contact: <sip:x@c.invalid>\r\nRequire: timer, 100rel\r\n";
    let invite = connection.make("INVITE", "sip:app-1@realm.example", headers);
    connection.send(&invite.to_bytes());
    let response = connection.response();
    assert_eq!(
        (response.status, response.headers.get("Unsupported")),
        (420, Some("100rel"))
    );
}

#[test]
fn the_gateway_hangs_up_with_a_reason() {
    let reason = HangUpReason {
        protocol: "Q.850".into(),
        cause: 16,
        text: "NORMAL_CLEARING".into(),
    };
    let mut pair = Pair::registered(scripted(&[Step::HangUp(Some(reason))]));
    pair.call();
    let (end, _) = pair.client_end();
    assert_eq!((end.originator, end.cause.as_str()), (Originator::Remote, "Terminated"));
    assert_eq!(end.description.as_deref(), Some("16"));
    pair.gateway_told(|event| matches!(event, GatewayEvent::Responded { status: 200, .. }));
}

#[test]
fn info_goes_both_ways_and_an_early_one_is_not_missed() {
    let info = Step::SendInfo {
        content_type: "application/json".into(),
        body: b"{\"event\":\"greeting\"}".to_vec(),
    };
    let play = Step::Play {
        clip: tone(440.0, 1.0),
        background: false,
    };
    let mut pair = Pair::connected(scripted(&[
        info,
        play,
        Step::AwaitInfo(60 * SECOND),
        Step::HangUp(None),
    ]));
    pair.client_told(|event| matches!(event, Event::InfoReceived { body, .. } if body == b"{\"event\":\"greeting\"}"));
    let (request, content_type, body) = (3, "application/json".to_owned(), b"{}".to_vec());
    pair.command(Command::SendInfo {
        call: CALL,
        request,
        content_type,
        body,
    });
    pair.gateway_told(|event| matches!(event, GatewayEvent::InfoReceived { body, .. } if body == b"{}"));
    let (end, _) = pair.client_end();
    assert_eq!(end.originator, Originator::Remote);
}

#[test]
fn echo_comes_back() {
    let mut pair = Pair::connected(scripted(&[Step::Echo(60 * SECOND)]));
    let (play, clip) = (1, tone(1000.0, 2.0));
    pair.command(Command::Play { call: CALL, play, clip });
    pair.client_told(|event| matches!(event, Event::PlayEnded { .. }));
    let end = pair.heard.0.len();
    assert!((level_at(1000.0, &pair.heard.0[end - 16_000..], 16_000) + 20.0).abs() < 1.5);
}

#[test]
fn the_agent_listens_until_the_client_is_silent() {
    let listen = Step::Listen {
        silence: Some(SECOND),
        at_most: 60 * SECOND,
    };
    let mut pair = Pair::connected(scripted(&[listen, Step::HangUp(None)]));
    pair.run_for(2 * SECOND);
    let (play, clip) = (1, tone(1000.0, 1.0));
    let started = pair.now;
    pair.command(Command::Play { call: CALL, play, clip });
    pair.client_end();
    let taken = (pair.now - started).as_secs_f64();
    assert!((2.0..2.5).contains(&taken), "{taken}");
}

#[test]
fn a_second_call_follows_the_first_on_the_same_connection() {
    let mut pair = Pair::connected(settings());
    pair.gateway_call(CallCommand::HangUp(None));
    pair.client_end();
    let call = c2c_proto::io::CallId(8);
    pair.command(Command::StartCall {
        call,
        target: "app-2".into(),
        headers: Vec::new(),
    });
    pair.client_told(|event| matches!(event, Event::MediaConnected(told) if *told == call));
    pair.command(Command::Disconnect);
    pair.client_told(|event| matches!(event, Event::Disconnected { .. }));
    pair.gateway_told(|event| matches!(event, GatewayEvent::Closed { .. }));
    let unregistered = |event: &GatewayEvent| matches!(event, GatewayEvent::Registered { expires: 0, .. });
    assert!(pair.gateway_events.iter().any(unregistered));
}

#[test]
fn an_answer_that_is_never_acknowledged_ends_the_call() {
    let mut pair = Pair::registered(settings());
    pair.loses = Some("ACK");
    pair.call();
    let end = pair.gateway_end();
    assert_eq!(
        (end.by, end.how.as_str(), end.answered),
        (Originator::System, "no ACK", false)
    );
    assert_eq!(pair.client_end().0.originator, Originator::Remote);
    assert!(pair.sent(Side::Client, "ACK") > 5, "one for each repeated 200");
}
