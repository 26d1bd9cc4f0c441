//! REGISTER: challenges, grants, refusals and silence.
mod support;

use std::time::Duration;

use c2c_gateway::io::GatewayEvent;
use c2c_gateway::misbehaviour::{Misbehaviour, Moment};
use c2c_gateway::settings::{Challenges, GatewaySettings};
use c2c_proto::sip::HeaderName;
use c2c_proto::sip::digest::{Algorithm, Attempts};
use support::{Connection, settings};

const CONTACT: &str = "Contact: <sip:x@c.invalid;transport=ws>;expires=600\r\nExpires: 600\r\n";

fn misbehaving(misbehaviour: Misbehaviour) -> GatewaySettings {
    GatewaySettings {
        misbehaviours: vec![misbehaviour],
        ..settings()
    }
}

/// Seconds of each registration granted.
fn granted(connection: &Connection) -> Vec<u32> {
    let expires = |event: &GatewayEvent| match event {
        GatewayEvent::Registered { expires, .. } => Some(*expires),
        _ => None,
    };
    connection.events.iter().filter_map(expires).collect()
}

#[test]
fn is_granted_after_a_challenge_and_runs_out() {
    let mut connection = Connection::open(settings());
    let request = connection.register(CONTACT);
    connection.send(&request.to_bytes());
    let challenge = connection.response();
    assert_eq!(challenge.status, 401);
    assert!(
        challenge
            .headers
            .get(HeaderName::WwwAuthenticate)
            .unwrap()
            .contains("qop=\"auth\"")
    );
    let request = connection.register(CONTACT);
    let response = connection.attempt(request);
    assert_eq!(response.status, 200);
    assert_eq!(granted(&connection), [600]);
    connection.advance(Duration::from_secs(599));
    assert_eq!(granted(&connection), [600]);
    connection.advance(Duration::from_secs(1));
    assert_eq!(granted(&connection), [600, 0]);
}

#[test]
fn is_refreshed_with_the_next_count_of_the_nonce_and_taken_back() {
    let mut connection = Connection::open(settings());
    let mut attempts = Attempts::default();
    let request = connection.register(CONTACT);
    connection.send(&request.to_bytes());
    let response = connection.response();
    assert!(connection.challenge(&response, &mut attempts));
    for _ in 0..2 {
        let request = connection.register(CONTACT);
        let request = connection.authorized(request, &mut attempts);
        connection.send(&request.to_bytes());
        assert_eq!(connection.response().status, 200);
    }
    let taken_back = connection.register("Contact: <sip:x@c.invalid;transport=ws>;expires=0\r\nExpires: 0\r\n");
    let taken_back = connection.authorized(taken_back, &mut attempts);
    connection.send(&taken_back.to_bytes());
    assert_eq!(connection.response().status, 200);
    assert_eq!(granted(&connection), [600, 600, 0]);
}

#[test]
fn a_count_that_was_used_is_stale() {
    let mut connection = Connection::open(settings());
    let mut attempts = Attempts::default();
    let request = connection.register(CONTACT);
    connection.send(&request.to_bytes());
    let response = connection.response();
    assert!(connection.challenge(&response, &mut attempts));
    let request = connection.register(CONTACT);
    let request = connection.authorized(request, &mut attempts);
    connection.send(&request.to_bytes());
    connection.send(&request.to_bytes());
    assert_eq!(connection.response().status, 200);
    let replayed = connection.response();
    assert_eq!(replayed.status, 401);
    assert!(
        replayed
            .headers
            .get(HeaderName::WwwAuthenticate)
            .unwrap()
            .ends_with("stale=true")
    );
}

#[test]
fn a_nonce_grows_old() {
    let mut connection = Connection::open(settings());
    let mut attempts = Attempts::default();
    let request = connection.register(CONTACT);
    connection.send(&request.to_bytes());
    let response = connection.response();
    assert!(connection.challenge(&response, &mut attempts));
    connection.advance(Duration::from_secs(61));
    let request = connection.register(CONTACT);
    let request = connection.authorized(request, &mut attempts);
    connection.send(&request.to_bytes());
    let stale = connection.response();
    assert_eq!(stale.status, 401);
    assert!(
        stale
            .headers
            .get(HeaderName::WwwAuthenticate)
            .unwrap()
            .ends_with("stale=true")
    );
}

#[test]
fn every_kind_of_challenge_can_be_met() {
    for algorithms in [vec![Algorithm::Md5], vec![Algorithm::Sha256, Algorithm::Md5]] {
        for qop in [false, true] {
            let challenge = Challenges {
                algorithms: algorithms.clone(),
                qop,
                ..Challenges::default()
            };
            let mut connection = Connection::open(GatewaySettings {
                challenge,
                ..settings()
            });
            let request = connection.register(CONTACT);
            assert_eq!(connection.attempt(request).status, 200);
        }
    }
}

#[test]
fn a_wrong_password_is_refused_as_told() {
    for status in [401, 403] {
        let challenge = Challenges {
            wrong_credentials_status: status,
            ..Challenges::default()
        };
        let settings = GatewaySettings {
            challenge,
            ..settings()
        };
        let mut connection = Connection::open(settings).with_password("wrong");
        let request = connection.register(CONTACT);
        assert_eq!(connection.attempt(request).status, status);
        assert!(granted(&connection).is_empty());
        assert!(matches!(connection.events[..], [GatewayEvent::Refused { status: told, .. }] if told == status));
    }
}

#[test]
fn nobody_is_challenged_without_users() {
    let mut connection = Connection::open(GatewaySettings::default());
    let request = connection.register(CONTACT);
    connection.send(&request.to_bytes());
    assert_eq!(connection.statuses(), [200]);
}

#[test]
fn a_stale_nonce_costs_one_more_round() {
    let mut connection = Connection::open(misbehaving(Misbehaviour::StaleNonce));
    let request = connection.register(CONTACT);
    assert_eq!(connection.attempt(request).status, 200);
    assert_eq!(granted(&connection), [600]);
}

#[test]
fn too_brief_an_interval_is_refused_once() {
    let mut connection = Connection::open(misbehaving(Misbehaviour::IntervalTooBrief(900)));
    let request = connection.register(CONTACT);
    let response = connection.attempt(request);
    assert_eq!(
        (response.status, response.headers.min_expires().unwrap()),
        (423, Some(900))
    );
    let request = connection.register(CONTACT);
    assert_eq!(connection.attempt(request).status, 200);
}

#[test]
fn can_be_rejected_or_ignored() {
    let reject = Misbehaviour::RejectRegister {
        status: 503,
        reason: "Max Devices Registered".into(),
    };
    let mut connection = Connection::open(misbehaving(reject));
    let request = connection.register(CONTACT);
    let response = connection.attempt(request);
    assert_eq!(
        (response.status, response.reason.as_str()),
        (503, "Max Devices Registered")
    );

    let mut connection = Connection::open(misbehaving(Misbehaviour::IgnoreRegister));
    let request = connection.register(CONTACT);
    connection.send(&request.to_bytes());
    assert!(connection.message().is_none());
}

#[test]
fn the_websocket_can_be_dropped_once_registered() {
    let mut connection = Connection::open(misbehaving(Misbehaviour::DropWebSocket(Moment::Registered)));
    let request = connection.register(CONTACT);
    assert_eq!(connection.attempt(request).status, 200);
    assert_eq!(connection.closed, Some(1006));
}

#[test]
fn other_requests_get_the_codes_of_the_rfc() {
    let mut connection = Connection::open(settings());
    for (method, status) in [
        ("OPTIONS", 200),
        ("MESSAGE", 405),
        ("SUBSCRIBE", 405),
        ("DANCE", 501),
        ("CANCEL", 481),
    ] {
        let request = connection.make(method, "sip:x@realm.example", "");
        connection.send(&request.to_bytes());
        assert_eq!(connection.statuses(), [status], "{method}");
    }
    let mut unknown = connection.make("BYE", "sip:x@realm.example", "");
    unknown
        .headers
        .set(HeaderName::To, "<sip:alice-1@realm.example>;tag=nobody");
    connection.send(&unknown.to_bytes());
    assert_eq!(connection.statuses(), [481]);
}

#[test]
fn what_is_no_sip_is_dropped_and_keep_alive_is_answered() {
    let mut connection = Connection::open(settings());
    for bytes in [&b"hello"[..], b"", b"\r\n", b"\xff\xfe", b"SIP/2.0 200 OK\r\n\r\n"] {
        connection.send(bytes);
        assert!(connection.message().is_none(), "{bytes:?}");
    }
    let request = connection.register(CONTACT);
    assert_eq!(connection.attempt(request).status, 200);
}
