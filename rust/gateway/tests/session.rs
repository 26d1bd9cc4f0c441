//! Session timers, hold and re-INVITE.
mod support;

use std::time::Duration;

use c2c_gateway::io::{CallCommand, GatewayEvent};
use c2c_gateway::script::Step;
use c2c_gateway::settings::GatewaySettings;
use c2c_proto::dtmf::{DtmfRequest, DtmfTransport};
use c2c_proto::io::{Command, Event};
use c2c_proto::media::codec::Codec;
use c2c_proto::sip::Refresher;
use support::pair::{CALL, Pair, Side};

/// With the codec that costs the least time.
fn settings() -> GatewaySettings {
    GatewaySettings {
        codecs: vec![Codec::Pcmu],
        ..support::settings()
    }
}

fn refreshes(pair: &Pair) -> Vec<bool> {
    let by_us = |event: &GatewayEvent| match event {
        GatewayEvent::SessionRefreshed { by_us, .. } => Some(*by_us),
        _ => None,
    };
    pair.gateway_events.iter().filter_map(by_us).collect()
}

#[test]
fn the_gateway_refreshes_at_half_the_interval() {
    let mut pair = Pair::connected(settings());
    pair.run_for(Duration::from_secs(100));
    assert_eq!(refreshes(&pair), [true, true]);
    assert_eq!(pair.sent(Side::Gateway, "UPDATE"), 2);
}

#[test]
fn the_client_refreshes_when_it_is_told_to() {
    let mut pair = Pair::connected(GatewaySettings {
        refresher: Refresher::Uac,
        ..settings()
    });
    pair.run_for(Duration::from_secs(100));
    assert_eq!(refreshes(&pair), [false, false]);
    assert_eq!(pair.sent(Side::Client, "UPDATE"), 2);
}

#[test]
fn the_gateway_keeps_no_timer_when_it_wants_none() {
    let mut pair = Pair::connected(GatewaySettings {
        session_expires: 0,
        ..settings()
    });
    pair.run_for(Duration::from_secs(100));
    assert_eq!(pair.sent(Side::Gateway, "UPDATE"), 0);
    pair.gateway_call(CallCommand::HangUp(None));
    assert_eq!(pair.gateway_end().how, "BYE");
}

#[test]
fn a_refresh_by_command_is_answered() {
    let mut pair = Pair::connected(settings());
    pair.gateway_call(CallCommand::Refresh);
    pair.gateway_told(
        |event| matches!(event, GatewayEvent::Responded { method, status: 200, .. } if method == "UPDATE"),
    );
}

fn reinvite_accepted(event: &GatewayEvent) -> bool {
    matches!(event, GatewayEvent::Responded { method, status: 200, .. } if method == "INVITE")
}

#[test]
fn the_client_is_held_and_resumed() {
    let mut pair = Pair::connected(settings());
    for (command, held) in [(CallCommand::Hold, true), (CallCommand::Resume, false)] {
        pair.gateway_call(command);
        pair.client_told(|event| matches!(event, Event::HoldChanged(state) if state.remote_hold == held));
        pair.gateway_told(reinvite_accepted);
        pair.run_for(Duration::from_secs(1));
    }
}

#[test]
fn tones_go_both_ways_and_the_codec_changes() {
    let tones = |tones: &str| DtmfRequest {
        tones: tones.into(),
        transport: DtmfTransport::Rfc4733,
        duration: None,
        inter_tone_gap: None,
    };
    let mut pair = Pair::connected(GatewaySettings {
        script: [Step::SendTones(tones("42")), Step::ChangeCodecs(vec![Codec::Pcma])].into(),
        ..settings()
    });
    for wanted in ['4', '2'] {
        pair.client_told(|event| matches!(event, Event::DtmfReceived(tone) if tone.tone.character() == wanted));
    }
    pair.gateway_told(reinvite_accepted);
    pair.command(Command::SendDtmf {
        call: CALL,
        request: 1,
        dtmf: tones("#"),
    });
    pair.gateway_told(|event| matches!(event, GatewayEvent::DtmfReceived(tone) if tone.tone.character() == '#'));
    pair.gateway_call(CallCommand::HangUp(None));
    assert_eq!(pair.client_end().1.codec, "PCMA");
}

#[test]
fn media_flows_before_the_answer() {
    let script = [Step::Progress {
        time: Duration::from_secs(2),
        clip: None,
    }];
    let mut pair = Pair::registered(GatewaySettings {
        script: script.into(),
        ..settings()
    });
    pair.call();
    pair.client_told(|event| matches!(event, Event::MediaConnected(_)));
    let is_answered = |pair: &Pair| {
        pair.client_events
            .iter()
            .any(|event| matches!(event, Event::Answered(_)))
    };
    assert!(!is_answered(&pair));
    pair.run_until(is_answered);
}
