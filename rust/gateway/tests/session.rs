//! Session timers, hold and re-INVITE.
mod support;

use std::time::Duration;

use c2c_gateway::io::{CallCommand, GatewayEvent};
use c2c_gateway::settings::GatewaySettings;
use c2c_proto::media::codec::Codec;
use c2c_proto::sip::Refresher;
use support::pair::{Pair, Side};

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
