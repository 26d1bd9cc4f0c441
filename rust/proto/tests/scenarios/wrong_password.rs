use crate::support::registrar::challenge;
use crate::support::{CALL, Heard, Rig};
use c2c_proto::io::Command;

fn registering() -> (Rig, Heard) {
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(Rig::settings())));
    rig.open();
    assert_eq!(rig.events(), ["Connecting", "Connected"]);
    let register = rig.hear("REGISTER");
    (rig, register)
}

#[test]
fn credentials_are_sent_once() {
    let (mut rig, register) = registering();
    rig.say(&challenge(&register, "nonce-1", ""));
    let register = rig.hear("REGISTER");
    rig.say(&challenge(&register, "nonce-2", ""));
    assert_eq!(rig.events(), ["RegistrationFailed Authentication Error 401"]);
    rig.hear_nothing();
}

#[test]
fn unknown_schemes_and_algorithms_are_not_answered() {
    for value in [
        "Basic realm=\"realm.example\"",
        "Digest realm=\"realm.example\", nonce=\"n\", algorithm=MD5-sess",
        "Digest realm=\"realm.example\", nonce=\"n\", qop=\"auth-int\"",
    ] {
        let (mut rig, register) = registering();
        let refusal = register.reply(401, "Unauthorized").tag("r");
        rig.say(&refusal.header("WWW-Authenticate", value));
        assert_eq!(rig.events(), ["RegistrationFailed Authentication Error 401"], "{value}");
        rig.hear_nothing();
    }
}

/// Duty 1 of the security list: the realm that took the credentials is the only one that gets them.
#[test]
fn another_realm_gets_no_credentials() {
    let mut rig = Rig::registered();
    let invite = rig.invite(CALL);
    let refusal = invite.reply(401, "Unauthorized").tag("evil");
    rig.say(&refusal.header(
        "WWW-Authenticate",
        "Digest realm=\"evil.example\", nonce=\"n\", qop=\"auth\"",
    ));
    rig.hear("ACK");
    rig.hear_nothing();
    assert_eq!(rig.events(), ["Failed remote Authentication Error 401"]);
}

/// Duty 1: a challenge that answers nothing of ours is not answered.
#[test]
fn unasked_challenges_are_ignored() {
    let (mut rig, register) = registering();
    let stray = challenge(&register, "nonce-1", "");
    let stray = String::from_utf8(stray.bytes())
        .unwrap()
        .replace(register.branch(), "z9hG4bKother");
    rig.say_bytes(stray.as_bytes());
    rig.hear_nothing();
    assert_eq!(rig.events(), Vec::<String>::new());
}
