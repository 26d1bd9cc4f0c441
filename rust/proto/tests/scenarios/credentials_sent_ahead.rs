use std::time::Duration;

use crate::support::registrar::{REALM, challenge, granted, is_authorised};
use crate::support::{CALL, Heard, Rig};
use c2c_proto::io::{CallId, Command};

/// How often the nonce of a request was used.
fn count(request: &Heard) -> u32 {
    let (_, count) = request.header("Authorization").split_once("nc=").unwrap();
    u32::from_str_radix(count, 16).unwrap()
}

fn proxy_challenge(request: &Heard, nonce: &str) -> crate::support::messages::Draft {
    let value = format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", qop=\"auth\"");
    let response = request.reply(407, "Proxy Authentication Required").tag("proxy");
    response.header("Proxy-Authenticate", &value)
}

fn send_info(rig: &mut Rig) -> Heard {
    rig.command(Command::SendInfo {
        call: CALL,
        request: 1,
        content_type: "application/json".into(),
        body: b"{}".to_vec(),
    });
    rig.hear("INFO")
}

#[test]
fn every_request_carries_the_last_nonce_with_its_next_count() {
    let mut rig = Rig::registered();
    let invite = rig.invite(CALL);
    assert!(is_authorised(&invite, "nonce-1"));
    assert_eq!(invite.names()[5..7], ["CSeq", "Authorization"]);
    rig.answer(&invite, "callee");
    let info = send_info(&mut rig);
    rig.say(&info.reply(200, "OK"));
    rig.end_call();
    let bye = rig.hear("BYE");
    for (request, expected) in [(&invite, 2), (&info, 3), (&bye, 4)] {
        assert!(is_authorised(request, "nonce-1"), "{}", request.start);
        assert_eq!(count(request), expected, "{}", request.start);
    }
    rig.say(&bye.reply(200, "OK"));
    rig.command(Command::Disconnect);
    let register = rig.hear("REGISTER");
    assert!(is_authorised(&register, "nonce-1"));
    assert_eq!((register.cseq(), count(&register)), (3, 5));
}

#[test]
fn cancel_and_ack_carry_none() {
    let mut rig = Rig::registered();
    let invite = rig.invite(CALL);
    rig.say(&invite.answer(180, "Ringing", "callee"));
    rig.end_call();
    let cancel = rig.hear("CANCEL");
    assert_eq!(cancel.get("Authorization"), None);
    rig.say(&cancel.reply(200, "OK"));
    rig.say(&invite.reply(487, "Request Terminated").tag("callee"));
    assert_eq!(rig.hear("ACK").get("Authorization"), None);
}

#[test]
fn a_server_that_never_asked_gets_no_credentials() {
    let (mut rig, _) = Rig::in_call();
    let info = send_info(&mut rig);
    rig.end_call();
    let bye = rig.hear("BYE");
    for request in [info, bye] {
        assert_eq!(request.get("Authorization"), None);
        assert_eq!(request.get("Proxy-Authorization"), None);
    }
}

/// Whether the server says that the nonce was old, or just asks again.
#[test]
fn an_old_nonce_costs_one_more_request_and_no_call() {
    for more in [", stale=true", ""] {
        let mut rig = Rig::registered();
        let first = rig.invite(CALL);
        rig.say(&challenge(&first, "nonce-2", more));
        assert_eq!(rig.hear("ACK").cseq(), first.cseq());
        let second = rig.hear("INVITE");
        assert!(is_authorised(&second, "nonce-2"));
        assert_eq!((second.cseq(), count(&second)), (first.cseq() + 1, 1));
        assert_eq!(second.header("Call-ID"), first.header("Call-ID"));
        assert_ne!(second.branch(), first.branch());
        rig.answer(&second, "callee");
        rig.end_call();
        assert_eq!(count(&rig.hear("BYE")), 2);
        assert_eq!(rig.events(), ["TrackAdded", "Answered", "Ended local Terminated"]);
    }
}

#[test]
fn a_wrong_password_is_sent_once_for_each_request() {
    let mut rig = Rig::registered();
    let first = rig.invite(CALL);
    rig.say(&challenge(&first, "nonce-2", ""));
    rig.hear("ACK");
    let second = rig.hear("INVITE");
    rig.say(&challenge(&second, "nonce-3", ""));
    rig.hear("ACK");
    rig.hear_nothing();
    assert_eq!(rig.events(), ["Failed remote Authentication Error 401"]);
    // what was refused is not tried unasked
    assert_eq!(rig.invite(CallId(2)).get("Authorization"), None);
}

#[test]
fn a_proxy_is_learned_from_its_first_challenge() {
    let mut rig = Rig::registered();
    let first = rig.invite(CALL);
    rig.say(&proxy_challenge(&first, "nonce-2"));
    rig.hear("ACK");
    let second = rig.hear("INVITE");
    rig.answer(&second, "callee");
    rig.end_call();
    let bye = rig.hear("BYE");
    rig.say(&bye.reply(200, "OK"));
    rig.events();
    let next = rig.invite(CallId(2));
    for (at, request) in [&second, &bye, &next].into_iter().enumerate() {
        let value = request.header("Proxy-Authorization");
        assert!(value.contains("nonce=\"nonce-2\""), "{value}");
        assert!(value.ends_with(&format!("nc=0000000{}", at + 1)), "{value}");
        assert_eq!(request.get("Authorization"), None, "{}", request.start);
    }
    rig.advance(Duration::from_secs(570));
    let refresh = std::iter::from_fn(|| rig.inbox.pop_front())
        .map(|bytes| Heard::parse(&bytes))
        .find(|heard| heard.method() == "REGISTER");
    let refresh = refresh.expect("a refresh");
    assert!(is_authorised(&refresh, "nonce-2"));
    assert_eq!(refresh.get("Proxy-Authorization"), None);
}

#[test]
fn the_server_s_next_nonce_is_used() {
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(Rig::settings())));
    rig.open();
    let register = rig.hear("REGISTER");
    rig.say(&challenge(&register, "nonce-1", ""));
    let register = rig.hear("REGISTER");
    let next = "qop=auth, nextnonce=\"nonce-2\"";
    rig.say(&granted(&register, 600).header("Authentication-Info", next));
    assert_eq!(rig.events(), ["Connecting", "Connected", "Registered"]);
    let invite = rig.invite(CALL);
    assert!(is_authorised(&invite, "nonce-2"));
    assert_eq!(count(&invite), 1);
}

/// RFC 4028 §7.4's second INVITE is a request of its own: its nonce is counted on.
#[test]
fn no_count_is_used_twice() {
    let mut rig = Rig::registered();
    let first = rig.invite(CALL);
    rig.say(
        &first
            .reply(422, "Session Interval Too Small")
            .tag("x")
            .header("Min-SE", "300"),
    );
    rig.hear("ACK");
    let second = rig.hear("INVITE");
    assert_eq!(second.header("Session-Expires"), "300");
    assert!(is_authorised(&second, "nonce-1"));
    assert_eq!((count(&first), count(&second)), (2, 3));
}
