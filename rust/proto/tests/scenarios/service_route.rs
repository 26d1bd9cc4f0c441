//! Service-Route and Path in the answer to REGISTER (RFC 3608, RFC 3327).
use std::time::Duration;

use crate::support::registrar::granted;
use crate::support::{CALL, Rig};
use c2c_proto::io::Command;

const ROUTE: &str = "<sip:edge.example;transport=ws;lr>";

/// A client whose REGISTER was granted with these header fields, and the events of that.
fn registered(fields: &[(&str, &str)]) -> (Rig, Vec<String>) {
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(Rig::settings())));
    rig.open();
    let register = rig.hear("REGISTER");
    let ok = fields
        .iter()
        .fold(granted(&register, 60), |ok, (name, value)| ok.header(name, value));
    rig.say(&ok);
    let events = rig.events();
    (rig, events)
}

fn routes(message: &crate::support::Heard) -> Vec<&str> {
    message
        .headers
        .iter()
        .filter(|(name, _)| name == "Route")
        .map(|(_, value)| value.as_str())
        .collect()
}

#[test]
fn calls_take_the_service_route_in_its_order_with_ack_and_cancel() {
    let two = format!("{ROUTE}, <sip:core.example;lr>");
    let (mut rig, events) = registered(&[("Service-Route", &two), ("Service-Route", "<sip:last.example;lr>")]);
    assert_eq!(events, ["Connecting", "Connected", "Registered"]);
    let expected = [ROUTE, "<sip:core.example;lr>", "<sip:last.example;lr>"];
    let invite = rig.invite(CALL);
    assert_eq!(routes(&invite), expected);
    assert_eq!(
        invite.start, "INVITE sip:app-1@realm.example SIP/2.0",
        "the target stays in the Request-URI"
    );
    rig.say(&invite.answer(180, "Ringing", "callee"));
    rig.end_call();
    assert_eq!(routes(&rig.hear("CANCEL")), expected);
    rig.say(&invite.reply(487, "Request Terminated").tag("callee"));
    assert_eq!(routes(&rig.hear("ACK")), expected);
}

#[test]
fn the_dialog_has_its_own_route() {
    let (mut rig, _) = registered(&[("Service-Route", ROUTE)]);
    let invite = rig.invite(CALL);
    let sdp = rig.far_answer(&invite.body, &crate::support::rig::ALL_CODECS);
    rig.say(&invite.answer(200, "OK", "callee").sdp(&sdp));
    let recorded = [
        "<sip:one.example;transport=ws;lr=on>",
        "<sip:two.example;transport=ws;lr=on>",
    ];
    assert_eq!(routes(&rig.hear("ACK")), recorded);
}

#[test]
fn registering_again_replaces_or_ends_it() {
    let (mut rig, _) = registered(&[("Service-Route", ROUTE)]);
    for (field, expected) in [
        (Some("<sip:other.example;lr>"), vec!["<sip:other.example;lr>"]),
        (None, vec![]),
    ] {
        rig.advance(Duration::from_secs(56));
        let register = rig.hear("REGISTER");
        assert!(routes(&register).is_empty(), "it is for requests to others");
        let ok = granted(&register, 60);
        rig.say(&field.map_or(ok.clone(), |route| ok.header("Service-Route", route)));
        let call = c2c_proto::io::CallId(10 + u64::from(field.is_none()));
        // the call before has ended unanswered by now
        rig.events();
        assert_eq!(routes(&rig.invite(call)), expected);
    }
}

#[test]
fn one_that_cannot_be_followed_is_left_with_a_warning() {
    let long = ["<sip:a.example;lr>"; 9].join(",");
    for route in ["rubbish <", "<sip:strict.example>", &long] {
        let (mut rig, events) = registered(&[("Service-Route", route)]);
        assert_eq!(events, ["Connecting", "Connected", "Warning", "Registered"], "{route}");
        assert!(routes(&rig.invite(CALL)).is_empty());
    }
}

/// The path is between the registrar and its proxies; we only say that we understand it.
#[test]
fn a_path_changes_nothing() {
    let (mut rig, events) = registered(&[("Path", ROUTE), ("Supported", "path,outbound")]);
    assert_eq!(events, ["Connecting", "Connected", "Registered"]);
    assert!(routes(&rig.invite(CALL)).is_empty());
}
