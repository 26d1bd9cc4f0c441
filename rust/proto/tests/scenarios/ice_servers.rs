use std::net::SocketAddr;
use std::time::Duration;

use crate::support::network::Flying;
use crate::support::stun_server::{ALLOCATED, CREDENTIAL, REFRESHED, allocation, challenge, mapped, signed, stun};
use crate::support::{CALL, Rig};
use c2c_proto::io::{Command, Event, NetworkInput, NetworkRequest, Secret, SipSettings, Stage, StreamId};
use c2c_proto::media::servers::{IceConfig, IceServerSettings, IceTransportPolicy};

const SERVER: &str = "127.0.0.1:3478";

/// Connected, with these servers.
fn rig(urls: &[&str], policy: IceTransportPolicy) -> Rig {
    let servers = IceServerSettings {
        urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        username: Some(Secret("user".into())),
        credential: Some(Secret(CREDENTIAL.into())),
    };
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(SipSettings {
        register: false,
        ice: IceConfig::new(&[servers], policy).unwrap(),
        ..Rig::settings()
    })));
    rig.open();
    assert_eq!(rig.events(), ["Connecting", "Connected"]);
    rig.command(Command::StartCall {
        call: CALL,
        target: "app-1".into(),
        headers: Vec::new(),
    });
    rig
}

fn answer(rig: &mut Rig, input: NetworkInput<'_>) {
    rig.agent.handle_network(CALL, input, rig.now);
    rig.advance(Duration::ZERO);
}

fn warnings(rig: &Rig) -> Vec<String> {
    let texts = rig.unseen.iter().filter_map(|event| match event {
        Event::Warning { stage, text } => {
            assert_eq!(*stage, Stage::Ice);
            Some(text.clone())
        }
        _ => None,
    });
    texts.collect()
}

/// The request that is under way to the server; it arrives now.
fn asked(rig: &mut Rig) -> Flying {
    let request = rig.network.sent_to(SERVER.parse().unwrap()).expect("it is asked");
    rig.network.forget();
    request
}

fn reply(rig: &mut Rig, request: &Flying, answer: Vec<u8>) {
    rig.network.send(request.to, request.from, answer, rig.now);
    rig.advance(Duration::from_millis(10));
}

/// A call with a relay, whose INVITE is out.
fn relayed() -> Rig {
    let mut rig = rig(&["turn:127.0.0.1"], IceTransportPolicy::Relay);
    let request = asked(&mut rig);
    reply(&mut rig, &request, challenge(&request.payload));
    let request = asked(&mut rig);
    reply(&mut rig, &request, signed(ALLOCATED, &request.payload, &allocation()));
    let invite = rig.hear("INVITE");
    assert!(
        invite.body.contains("203.0.113.6 4000 typ relay raddr 0.0.0.0 rport 9"),
        "{}",
        invite.body
    );
    assert!(!invite.body.contains("typ host"));
    rig
}

#[test]
fn the_sockets_stay_until_the_relay_is_given_back_though_the_nonce_is_stale() {
    let mut rig = relayed();
    rig.end_call();
    assert_eq!(rig.events(), ["CallCreated", "Failed local Canceled"]);
    assert_eq!(rig.trail.last().unwrap(), "Failed local Canceled");
    assert!(rig.trail.contains(&"EndAudio".to_owned()) && rig.released.is_empty());
    let request = asked(&mut rig);
    let stale = [
        (0x0009, vec![0, 0, 4, 38]),
        (0x0014, b"realm".to_vec()),
        (0x0015, b"other".to_vec()),
    ];
    reply(&mut rig, &request, stun(0x0114, &request.payload, &stale));
    assert!(rig.released.is_empty());
    let request = asked(&mut rig);
    assert!(request.payload.windows(5).any(|window| window == b"other"));
    reply(
        &mut rig,
        &request,
        signed(REFRESHED, &request.payload, &[(0x000d, vec![0; 4])]),
    );
    assert_eq!(rig.released, [CALL]);
    assert!(rig.events().is_empty());
}

#[test]
fn a_server_that_does_not_take_its_relay_back_costs_half_a_second() {
    let mut rig = relayed();
    rig.end_call();
    rig.network.is_down = true;
    rig.advance(Duration::from_millis(499));
    assert!(rig.released.is_empty());
    rig.advance(Duration::from_millis(1));
    assert_eq!(rig.released, [CALL]);
}

#[test]
fn a_lost_connection_keeps_the_relay() {
    let mut rig = relayed();
    rig.close(Some(1006), "gone");
    rig.advance(Duration::from_secs(2));
    assert!(rig.released.is_empty());
}

#[test]
fn a_connection_that_is_given_up_waits_for_no_relay() {
    let mut rig = relayed();
    rig.close(Some(1006), "gone");
    rig.command(Command::Retry);
    rig.refuse_upgrade();
    rig.command(Command::Renew(None));
    assert_eq!(rig.released, [CALL]);
    rig.advance(Duration::from_secs(2));
    assert_eq!(rig.released, [CALL]);
}

#[test]
fn disconnect_waits_for_the_relay() {
    let mut rig = relayed();
    rig.command(Command::Disconnect);
    assert_eq!(rig.closed_with, None);
    let request = asked(&mut rig);
    reply(
        &mut rig,
        &request,
        signed(REFRESHED, &request.payload, &[(0x000d, vec![0; 4])]),
    );
    assert_eq!(rig.released, [CALL]);
}

#[test]
fn a_silent_server_costs_half_a_second_and_a_warning() {
    let mut rig = rig(&["stun:192.0.2.1", "turn:127.0.0.1"], IceTransportPolicy::All);
    rig.advance(Duration::from_millis(499));
    rig.hear_nothing();
    rig.advance(Duration::from_millis(1));
    let invite = rig.hear("INVITE");
    assert!(invite.body.contains(" typ host") && !invite.body.contains(" typ relay"));
    let warnings = warnings(&rig);
    assert!(
        warnings
            .iter()
            .any(|text| text.starts_with("turn:127.0.0.1:3478: no answer")),
        "{warnings:?}"
    );
    rig.answer(&invite, "callee");
    rig.events();
    rig.advance(Duration::from_secs(2));
    assert!(
        rig.far.as_ref().unwrap().is_connected(),
        "the call goes on without them"
    );
}

#[test]
fn what_a_stun_server_sees_is_offered() {
    let mut rig = rig(&["stun:127.0.0.1"], IceTransportPolicy::All);
    rig.hear_nothing();
    let request = rig.network.sent_to(SERVER.parse().unwrap()).expect("it is asked");
    let answer = stun(0x0101, &request.payload, &[mapped()]);
    rig.network.send(request.to, request.from, answer, rig.now);
    rig.advance(Duration::from_millis(20));
    let invite = rig.hear("INVITE");
    let base = request.from;
    let candidate = format!("203.0.113.7 4000 typ srflx raddr {} rport {}", base.ip(), base.port());
    assert!(invite.body.contains(&candidate), "{}", invite.body);
    assert_eq!(rig.events(), ["CallCreated"]);
}

#[test]
fn a_wrong_password_ends_the_wait_with_a_warning() {
    let mut rig = rig(&["turn:127.0.0.1"], IceTransportPolicy::All);
    for _ in 0..2 {
        let request = rig.network.sent_to(SERVER.parse().unwrap()).expect("it is asked");
        rig.network.forget();
        rig.network
            .send(request.to, request.from, challenge(&request.payload), rig.now);
        rig.advance(Duration::from_millis(10));
    }
    rig.hear("INVITE");
    let warnings = warnings(&rig);
    assert!(
        warnings[0].contains("401") && warnings[0].contains("credential"),
        "{warnings:?}"
    );
    assert!(!warnings[0].contains(CREDENTIAL));
}

#[test]
fn a_name_is_looked_up_once_and_may_not_exist() {
    let urls = ["stun:stun.example", "turn:stun.example", "turn:stun.example:5000"];
    let mut rig = rig(&urls, IceTransportPolicy::All);
    let host = "stun.example".to_owned();
    assert_eq!(rig.requests, [(CALL, NetworkRequest::Resolve { host })]);
    rig.hear_nothing();
    let addresses = Err("Name or service not known".to_owned());
    answer(
        &mut rig,
        NetworkInput::Resolved {
            host: "stun.example",
            addresses,
        },
    );
    rig.hear("INVITE");
    assert_eq!(warnings(&rig).len(), 3);
}

#[test]
fn relay_only_without_a_relay_fails_and_says_why() {
    let mut rig = rig(&["turns:turn.example"], IceTransportPolicy::Relay);
    let opened = rig.requests.pop_front().unwrap().1;
    assert!(
        matches!(&opened, NetworkRequest::OpenStream { host, port: 5349, tls_name: Some(name), .. }
            if host == "turn.example" && name == host)
    );
    let (stream, reason) = (StreamId(0), "invalid peer certificate".to_owned());
    answer(&mut rig, NetworkInput::StreamClosed { stream, reason });
    rig.hear_nothing();
    let (end, _) = rig.end();
    assert_eq!(end.stage, Some(Stage::Ice));
    for part in ["relay", "turns:turn.example:5349", "invalid peer certificate"] {
        assert!(end.hint.contains(part), "{}", end.hint);
    }
    assert_eq!(rig.events(), ["CallCreated", "Warning", "Failed local WebRTC Error"]);
    assert_eq!(rig.released, [CALL]);
}

#[test]
fn relay_only_waits_two_seconds_for_a_silent_server() {
    let mut rig = rig(&["turn:127.0.0.1"], IceTransportPolicy::Relay);
    rig.advance(Duration::from_millis(1_999));
    assert_eq!(rig.events(), ["CallCreated"]);
    rig.advance(Duration::from_millis(1));
    assert_eq!(rig.end().0.stage, Some(Stage::Ice));
    assert_eq!(rig.events(), ["Warning", "Failed local WebRTC Error"]);
    rig.hear_nothing();
}

#[test]
fn a_call_ended_while_it_gathers_sends_no_invite() {
    let mut rig = rig(
        &["turn:127.0.0.1", "turn:turn.example?transport=tcp"],
        IceTransportPolicy::All,
    );
    rig.end_call();
    assert_eq!(rig.events(), ["CallCreated", "Failed local Canceled"]);
    let stream = StreamId(0);
    let address: SocketAddr = SERVER.parse().unwrap();
    let (local, remote) = (address, address);
    answer(&mut rig, NetworkInput::StreamOpened { stream, local, remote });
    rig.advance(Duration::from_secs(5));
    rig.hear_nothing();
    assert!(rig.events().is_empty());
    assert_eq!(rig.released, [CALL]);
}

#[test]
fn a_connection_lost_while_it_gathers_keeps_the_call_until_the_limit() {
    let mut rig = rig(&["turn:127.0.0.1"], IceTransportPolicy::All);
    rig.close(Some(1006), "gone");
    let events = rig.events();
    assert_eq!(events[..2], ["CallCreated", "Disconnected 1006"], "{events:?}");
    rig.advance(Duration::from_secs(61));
    rig.hear_nothing();
    assert!(rig.events().contains(&"Failed system Connection Error".to_owned()));
}

#[test]
fn no_credential_is_shown() {
    let mut rig = rig(&["turn:127.0.0.1?transport=tcp"], IceTransportPolicy::All);
    let stream = StreamId(0);
    let address: SocketAddr = SERVER.parse().unwrap();
    let (local, remote) = (address, address);
    rig.requests.clear();
    answer(&mut rig, NetworkInput::StreamOpened { stream, local, remote });
    let NetworkRequest::WriteStream { bytes, .. } = rig.requests[0].1.clone() else {
        panic!("{:?}", rig.requests)
    };
    let bytes = challenge(&bytes);
    answer(&mut rig, NetworkInput::StreamBytes { stream, bytes: &bytes });
    let shown = format!(
        "{:?} {:?} {:?}",
        rig.requests,
        rig.unseen,
        NetworkInput::StreamBytes { stream, bytes: &bytes }
    );
    assert!(rig.requests.iter().any(|(_, request)| matches!(
        request,
        NetworkRequest::WriteStream { bytes, .. } if bytes.windows(4).any(|window| window == b"user")
    )));
    for secret in ["user", CREDENTIAL, "117, 115, 101, 114", "realm"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}
