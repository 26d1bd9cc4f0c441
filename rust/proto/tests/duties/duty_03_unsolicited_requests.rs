//! Duty 3: ghost calls and what else strangers send (GHSA-g7xg-7c54-rmpj): refused unless it is of a dialog of ours, whose
//! names nobody guesses.
use std::collections::BTreeSet;
use std::time::Duration;

use crate::support::messages::stranger;
use crate::support::{CALL, Heard, Rig};

const US: &str = "sip:caller@realm.example";

#[test]
fn duty_03_no_request_of_a_stranger_does_anything() {
    let table = [
        ("INVITE", 403),
        ("MESSAGE", 405),
        ("SUBSCRIBE", 405),
        ("REFER", 405),
        ("PUBLISH", 405),
        ("REGISTER", 405),
        ("NOTIFY", 481),
        ("INFO", 481),
        ("UPDATE", 481),
        ("PRACK", 481),
        ("BYE", 481),
        ("CANCEL", 481),
    ];
    for (method, status) in table {
        let (mut rig, _) = Rig::in_call();
        rig.is_deaf = true;
        let (bound, ticking) = (rig.bind_requests.len(), rig.ticking.clone());
        let request = stranger(method, US)
            .header("Refer-To", "<sip:premium@elsewhere.example>")
            .header("Event", "talk");
        rig.say(&request.sdp("v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n"));
        assert_eq!(rig.hear_status(), status, "{method}");
        rig.advance(Duration::from_secs(5));
        rig.hear_nothing();
        assert_eq!(rig.events(), Vec::<String>::new(), "{method}");
        assert_eq!((rig.bind_requests.len(), &rig.ticking), (bound, &ticking), "{method}");
        assert!(rig.agent.stats(CALL, rig.now).is_some(), "{method}");
    }
}

/// What names a dialog and its transactions: 26 letters of 32, 130 bits, never twice.
#[test]
fn duty_03_names_have_128_bits_and_come_once() {
    let mut seen = BTreeSet::new();
    for seed in 0..50 {
        let mut rig = Rig::seeded(seed);
        rig.command(c2c_proto::io::Command::Connect(Box::new(Rig::settings())));
        rig.open();
        rig.register(600);
        rig.events();
        let invite = rig.invite(CALL);
        for name in names(&invite) {
            assert_eq!(name.len(), 26, "{name}");
            assert!(
                name.bytes().all(|byte| matches!(byte, b'a'..=b'z' | b'2'..=b'7')),
                "{name}"
            );
            assert!(seen.insert(name), "it came before");
        }
    }
}

/// So have those of a REGISTER, and the tag that we give as called side.
#[test]
fn duty_03_names_of_registrations_and_of_the_called_side_are_as_long() {
    let mut seen = BTreeSet::new();
    for seed in 0..50 {
        let mut rig = Rig::seeded(seed);
        rig.command(c2c_proto::io::Command::Connect(Box::new(Rig::settings())));
        rig.open();
        let register = rig.hear("REGISTER");
        rig.say(&stranger("OPTIONS", US));
        let answer = rig.hear("SIP/2.0");
        let (_, tag) = answer.header("To").rsplit_once(";tag=").unwrap();
        for name in names(&register).into_iter().chain([tag.to_owned()]) {
            assert_eq!(name.len(), 26, "{name}");
            assert!(seen.insert(name), "it came before");
        }
    }
}

fn names(invite: &Heard) -> [String; 3] {
    let (_, tag) = invite.header("From").rsplit_once(";tag=").unwrap();
    let branch = invite.branch().strip_prefix("z9hG4bK").unwrap();
    [invite.header("Call-ID"), tag, branch].map(str::to_owned)
}
