//! Duty 1: whoever may challenge us could collect digests for another server (CVE-2021-41158). Only challenges to requests
//! of our own, of our own realm, are answered, and not for ever.
use std::time::Duration;

use crate::support::messages::stranger;
use crate::support::registrar::{REALM, challenge};
use crate::support::{CALL, Heard, Rig};
use c2c_proto::io::Command;

const EVIL: &str = "Digest realm=\"evil.example\", nonce=\"evil\", qop=\"auth\"";

fn registering() -> (Rig, Heard) {
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(Rig::settings())));
    rig.open();
    let register = rig.hear("REGISTER");
    (rig, register)
}

/// Takes all messages of the client; how many answer a challenge for this realm.
fn answers_for(rig: &mut Rig, realm: &str) -> usize {
    let realm = format!("realm=\"{realm}\"");
    let messages: Vec<Heard> = rig.inbox.drain(..).map(|bytes| Heard::parse(&bytes)).collect();
    let credentials = messages
        .iter()
        .flat_map(|message| &message.headers)
        .filter(|(name, _)| name == "Authorization" || name == "Proxy-Authorization");
    credentials.filter(|(_, value)| value.contains(&realm)).count()
}

#[test]
fn duty_01_challenges_that_answer_nothing_of_ours_are_not_answered() {
    let (mut rig, register) = registering();
    let honest = String::from_utf8(challenge(&register, "nonce", "").bytes()).unwrap();
    let branch = register.branch();
    for forged in [
        honest.replace(branch, "z9hG4bKguessed"),
        honest.replace(&format!("{} REGISTER", register.cseq()), "1 INVITE"),
        honest.replace(&format!("{} REGISTER", register.cseq()), "1 OPTIONS"),
        honest.replace(
            &format!("{} REGISTER", register.cseq()),
            &format!("{} ACK", register.cseq()),
        ),
        honest.replace(&format!("branch={branch}"), "branch=z9hG4bK"),
        honest
            .replace("SIP/2.0 401", "SIP/2.0 407")
            .replace(branch, &branch[..branch.len() - 1]),
    ] {
        rig.say_bytes(forged.as_bytes());
        rig.hear_nothing();
    }
    rig.say_bytes(honest.as_bytes());
    assert_eq!(answers_for(&mut rig, REALM), 1, "the honest one is");
}

#[test]
fn duty_01_a_challenge_in_a_request_is_not_answered() {
    let mut rig = Rig::registered();
    for method in ["OPTIONS", "INVITE", "MESSAGE", "BYE", "REGISTER"] {
        let request = stranger(method, "sip:caller@realm.example");
        let request = request
            .header("WWW-Authenticate", EVIL)
            .header("Proxy-Authenticate", EVIL);
        rig.say(&request);
    }
    rig.advance(Duration::from_secs(1));
    assert_eq!(
        (answers_for(&mut rig, "evil.example"), answers_for(&mut rig, REALM)),
        (0, 0)
    );
}

#[test]
fn duty_01_the_realm_is_pinned_by_the_first_success() {
    for method in ["INVITE", "INFO", "UPDATE", "BYE", "REGISTER"] {
        for (status, name) in [(401, "WWW-Authenticate"), (407, "Proxy-Authenticate")] {
            let (mut rig, victim) = asking(method);
            rig.say(&victim.reply(status, "Who are you?").tag("evil").header(name, EVIL));
            rig.advance(Duration::from_secs(2));
            assert_eq!(answers_for(&mut rig, "evil.example"), 0, "{method} {status}");
        }
    }
}

/// A registered client and its request of this method, which waits for an answer.
fn asking(method: &str) -> (Rig, Heard) {
    let mut rig = Rig::registered();
    rig.is_deaf = true;
    let invite = rig.invite(CALL);
    if method == "INVITE" {
        return (rig, invite);
    }
    rig.answer(&invite, "callee");
    let request = provoke(&mut rig, method);
    (rig, request)
}

#[test]
fn duty_01_endless_challenges_to_any_request_get_two_answers_at_most() {
    for method in ["INVITE", "INFO", "UPDATE", "BYE"] {
        for stale in ["", ", stale=true"] {
            let (mut rig, mut request) = asking(method);
            let mut answers = 0;
            for round in 0..50 {
                rig.say(&challenge(&request, &format!("other-nonce-{round}"), stale));
                let mut messages = rig.inbox.drain(..).map(|bytes| Heard::parse(&bytes));
                match messages.rfind(|heard| heard.method() == method) {
                    Some(again) => request = again,
                    None => break,
                }
                answers += 1;
            }
            assert!((1..=2).contains(&answers), "{method}: {answers} answers, {stale}");
        }
    }
}

/// The client's next request of this method.
fn provoke(rig: &mut Rig, method: &str) -> Heard {
    match method {
        "INFO" => rig.command(Command::SendInfo {
            call: CALL,
            request: 1,
            content_type: "application/json".into(),
            body: b"{}".to_vec(),
        }),
        "BYE" => rig.end_call(),
        "UPDATE" => rig.advance(Duration::from_secs(46)),
        _ => rig.command(Command::Disconnect),
    }
    let mut requests = rig.inbox.drain(..).map(|bytes| Heard::parse(&bytes));
    requests.rfind(|heard| heard.method() == method).expect(method)
}

#[test]
fn duty_01_a_challenged_cancel_is_left_alone() {
    let mut rig = Rig::registered();
    let invite = rig.invite(CALL);
    rig.say(&invite.answer(180, "Ringing", "callee"));
    rig.end_call();
    let cancel = rig.hear("CANCEL");
    rig.say(&challenge(&cancel, "nonce-2", ""));
    rig.hear_nothing();
}

#[test]
fn duty_01_endless_challenges_get_two_answers_at_most() {
    for stale in ["", ", stale=true"] {
        let (mut rig, mut request) = registering();
        let mut answers = 0;
        for round in 0..50 {
            rig.say(&challenge(&request, &format!("nonce-{round}"), stale));
            match rig.inbox.front() {
                Some(_) => request = rig.hear("REGISTER"),
                None => break,
            }
            answers += usize::from(request.get("Authorization").is_some());
        }
        assert!((1..=2).contains(&answers), "{answers} answers, {stale}");
    }
}

#[test]
fn duty_01_the_same_nonce_is_answered_once() {
    let (mut rig, register) = registering();
    rig.say(&challenge(&register, "nonce", ""));
    let again = rig.hear("REGISTER");
    rig.say(&challenge(&again, "nonce", ""));
    rig.hear_nothing();
    rig.say(&challenge(&register, "nonce", ""));
    rig.hear_nothing();
}

/// A server that refuses us while we reconnect makes us fetch the settings anew: that gives it no other realm.
#[test]
fn duty_01_renewed_settings_keep_the_realm() {
    type Change = fn(&mut c2c_proto::io::SipSettings);
    let changes: [(Change, usize); 3] = [
        (|_| {}, 0),
        (|settings| settings.user_agent = "newer".into(), 0),
        (|settings| settings.password = c2c_proto::io::Secret("newer".into()), 1),
    ];
    for (change, answers) in changes {
        let mut rig = Rig::registered();
        let invite = rig.invite(CALL);
        rig.answer(&invite, "callee");
        rig.is_deaf = true;
        rig.close(Some(1006), "");
        rig.reopen();
        let register = rig.hear("REGISTER");
        rig.say(&register.reply(403, "Forbidden"));
        let mut settings = Rig::settings();
        change(&mut settings);
        rig.command(Command::Renew(Some(Box::new(settings))));
        let register = rig.hear("REGISTER");
        let refusal = register.reply(401, "Unauthorized").tag("evil");
        rig.say(&refusal.header("WWW-Authenticate", EVIL));
        assert_eq!(answers_for(&mut rig, "evil.example"), answers);
    }
}
