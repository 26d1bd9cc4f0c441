//! Duty 2: no weaker digest than the server offers (RFC 8760 §2.4), and none at all rather than one that we do not know.
use crate::support::messages::Draft;
use crate::support::registrar::REALM;
use crate::support::{Heard, Rig};
use c2c_proto::io::{Command, SipSettings};

fn challenged(algorithms: &[&str]) -> (Rig, Option<Heard>) {
    challenged_with(Rig::settings(), algorithms)
}

fn challenged_with(settings: SipSettings, algorithms: &[&str]) -> (Rig, Option<Heard>) {
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(settings)));
    rig.open();
    let register = rig.hear("REGISTER");
    let refusal = register.reply(401, "Unauthorized").tag("registrar");
    let with = |draft: Draft, (number, algorithm): (usize, &&str)| {
        let value = format!("Digest realm=\"{REALM}\", nonce=\"n{number}\", qop=\"auth\", algorithm={algorithm}");
        draft.header("WWW-Authenticate", &value)
    };
    rig.say(&algorithms.iter().enumerate().fold(refusal, with));
    let answer = (!rig.inbox.is_empty()).then(|| rig.hear("REGISTER"));
    (rig, answer)
}

#[test]
fn duty_02_the_stronger_algorithm_is_taken_wherever_it_stands() {
    for (offer, taken) in [
        (&["MD5", "SHA-256"][..], "SHA-256"),
        (&["SHA-256", "MD5"], "SHA-256"),
        (&["MD5", "SHA-512-256"], "SHA-512-256"),
        (&["SHA-1", "MD5", "sha-256"], "SHA-256"),
        (&["MD5"], "MD5"),
    ] {
        let (_, answer) = challenged(offer);
        let authorization = answer.expect("an answer").header("Authorization").to_owned();
        assert!(
            authorization.starts_with(&format!("Digest algorithm={taken}, ")),
            "{offer:?}: {authorization}"
        );
    }
}

#[test]
fn duty_02_what_we_do_not_know_is_not_answered() {
    for offer in [&["SHA-3"][..], &["MD5-sess"], &["", "NONE"], &["MD4", "SHA-1"]] {
        let (mut rig, answer) = challenged(offer);
        assert!(answer.is_none(), "{offer:?}");
        let failure = "RegistrationFailed Authentication Error 401";
        assert_eq!(rig.events().last().map(String::as_str), Some(failure));
    }
}

/// A server that was brought to offer MD5 only gets no answer from who refuses it; better ones are answered as ever.
#[test]
fn duty_02_md5_can_be_refused() {
    let strict = || SipSettings {
        refuse_md5: true,
        ..Rig::settings()
    };
    for offer in [&["MD5"][..], &["MD5", "SHA-3"], &["MD5-sess", "MD5"]] {
        let (mut rig, answer) = challenged_with(strict(), offer);
        assert!(answer.is_none(), "{offer:?}");
        let failure = "RegistrationFailed Authentication Error 401";
        assert_eq!(rig.events().last().map(String::as_str), Some(failure));
    }
    let (_, answer) = challenged_with(strict(), &["MD5", "SHA-256"]);
    assert!(
        answer
            .unwrap()
            .header("Authorization")
            .starts_with("Digest algorithm=SHA-256, ")
    );
}
