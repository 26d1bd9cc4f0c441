//! Duty 15: no text of a user makes a header field, a line or a message of its own.
use std::time::Duration;

use crate::support::{CALL, Heard, Rig};
use c2c_proto::io::{Command, Secret, SipSettings};

/// Line ends of each kind, NUL, and a whole header that would be a second message.
const ATTACKS: [&str; 6] = [
    "x\r\nInjected: 1",
    "x\nInjected: 1",
    "x\rInjected: 1",
    "x\0Injected: 1",
    "x\r\n\r\nINVITE sip:premium@elsewhere.example SIP/2.0\r\nInjected: 1",
    "x\u{85}Injected: 1\u{2028}\r\n Injected: 1",
];

/// Everything that was sent reads as SIP and has nothing injected; gives it.
fn sent(rig: &mut Rig, attack: &str) -> Vec<Heard> {
    let messages: Vec<Vec<u8>> = rig.inbox.drain(..).collect();
    messages
        .iter()
        .map(|bytes| {
            assert!(!bytes.contains(&0), "{attack:?}");
            let heard = Heard::parse(bytes);
            let header = String::from_utf8_lossy(bytes);
            let header = header.split("\r\n\r\n").next().unwrap();
            for line in header.split(['\r', '\n']) {
                assert!(!line.trim_start().starts_with("Injected"), "{attack:?}: {header}");
            }
            heard
        })
        .collect()
}

#[test]
fn duty_15_settings() {
    type Edit = fn(&mut SipSettings, String);
    let edits: [(&str, Edit); 6] = [
        ("user", |settings, text| settings.user = text),
        ("realm", |settings, text| settings.realm = text),
        ("username", |settings, text| settings.username = text),
        ("password", |settings, text| settings.password = Secret(text)),
        ("user agent", |settings, text| settings.user_agent = text),
        ("WebSocket URI", |settings, text| {
            settings.websocket_uri = format!("wss://{text}");
        }),
    ];
    for (what, edit) in edits {
        for attack in ATTACKS {
            let mut settings = Rig::settings();
            edit(&mut settings, attack.to_owned());
            let mut rig = Rig::new();
            rig.command(Command::Connect(Box::new(settings)));
            rig.open();
            for register in sent(&mut rig, attack) {
                let realm = "Digest realm=\"realm.example\", nonce=\"n\"";
                rig.say(
                    &register
                        .reply(401, "Unauthorized")
                        .tag("r")
                        .header("WWW-Authenticate", realm),
                );
            }
            let answers = sent(&mut rig, attack);
            assert!(answers.len() <= 1, "{what} {attack:?}");
        }
    }
}

#[test]
fn duty_15_targets_and_headers_of_a_call() {
    for attack in ATTACKS {
        for (target, name, value) in [(attack, "X", "1"), ("app", attack, "1"), ("app", "X-Source", attack)] {
            let mut rig = Rig::connected();
            rig.command(Command::StartCall {
                call: CALL,
                target: target.into(),
                headers: vec![(name.into(), value.into())],
            });
            let sent = sent(&mut rig, attack);
            if target == "app" {
                assert!(sent.is_empty(), "refused, not mended: {attack:?}");
                assert_eq!(
                    rig.events().last().map(|event| event.starts_with("Failed local ")),
                    Some(true)
                );
            } else {
                assert!(
                    sent.iter()
                        .all(|message| message.start.ends_with("@realm.example SIP/2.0"))
                );
            }
        }
    }
}

#[test]
fn duty_15_info_and_reasons() {
    for attack in ATTACKS {
        let (mut rig, _) = Rig::in_call();
        for (request, content_type) in [(1, attack), (2, "application/json")] {
            rig.command(Command::SendInfo {
                call: CALL,
                request,
                content_type: content_type.into(),
                body: attack.as_bytes().to_vec(),
            });
        }
        assert_eq!(rig.events().len(), 2);
        // bodies are bytes and may hold anything
        let bodies: Vec<Vec<u8>> = rig.inbox.drain(..).collect();
        assert_eq!(bodies.len(), 1, "{attack:?}");
        assert!(bodies[0].ends_with(attack.as_bytes()));
        rig.command(Command::EndCall {
            call: CALL,
            reason: Some((480, attack.into())),
        });
        let messages = sent(&mut rig, attack);
        assert_eq!(messages.len(), 1, "{attack:?}");
        assert!(messages[0].header("Reason").starts_with("SIP ;cause=480; text=\""));
        let (mut rig, invite) = Rig::inviting();
        rig.say(&invite.answer(180, "Ringing", "callee"));
        rig.command(Command::EndCall {
            call: CALL,
            reason: Some((480, attack.into())),
        });
        assert_eq!(sent(&mut rig, attack).len(), 1);
    }
}

/// NUL within quotes, where a media type may have much, is no header's either.
#[test]
fn duty_15_a_content_type_has_no_nul_and_a_limit() {
    let (mut rig, _) = Rig::in_call();
    let long = format!("a/b;x=\"{}\"", "x".repeat(2_000));
    for content_type in ["a/b;x=\"\0\"", "a/b;x=\"\r\nInjected: 1\"", &long] {
        rig.command(Command::SendInfo {
            call: CALL,
            request: 1,
            content_type: content_type.into(),
            body: Vec::new(),
        });
        rig.hear_nothing();
        let events = rig.events();
        assert!(events.len() == 1 && events[0].starts_with("InfoFailed"), "{events:?}");
    }
}

/// What users say has a limit each, so that no message of ours is beyond the 64 kB that peers accept.
#[test]
fn duty_15_what_users_say_is_not_endless() {
    type Edit = fn(&mut SipSettings, String);
    let many =
        |count: usize| -> Vec<(String, String)> { (0..count).map(|at| (format!("X-{at}"), "1".into())).collect() };
    let cases = [
        ("app".repeat(400), vec![], false),
        ("app".to_owned(), vec![("X".to_owned(), "x".repeat(16 * 1024))], false),
        ("app".to_owned(), vec![("x".repeat(16 * 1024), "1".to_owned())], false),
        ("app".to_owned(), many(65), false),
        ("app".to_owned(), many(64), true),
        (
            "app".to_owned(),
            vec![("X".to_owned(), "x".repeat(16 * 1024 - 1))],
            true,
        ),
    ];
    for (number, (target, headers, passes)) in cases.into_iter().enumerate() {
        let mut rig = Rig::connected();
        rig.command(Command::StartCall {
            call: CALL,
            target,
            headers,
        });
        assert_eq!(!rig.inbox.is_empty(), passes, "{number}");
        assert!(rig.inbox.iter().all(|message| message.len() < 32 * 1024));
        let refused = rig.events().iter().any(|event| event.starts_with("Failed local "));
        assert_eq!(refused, !passes, "{number}");
    }
    let edits: [Edit; 4] = [
        |settings, text| settings.user = text,
        |settings, text| settings.realm = text,
        |settings, text| settings.username = text,
        |settings, text| settings.user_agent = text,
    ];
    for edit in edits {
        let mut settings = Rig::settings();
        edit(&mut settings, "x".repeat(1_025));
        let mut rig = Rig::new();
        rig.command(Command::Connect(Box::new(settings)));
        assert!(rig.inbox.is_empty() && !rig.trail.iter().any(|output| output == "OpenWebSocket"));
    }
    let (mut rig, _) = Rig::in_call();
    rig.command(Command::EndCall {
        call: CALL,
        reason: Some((480, "x".repeat(100_000))),
    });
    assert!(rig.hear("BYE").header("Reason").len() < 300);
}

/// Nor does what the far side says come back as a line of ours.
#[test]
fn duty_15_what_the_far_side_says() {
    let (mut rig, mut dialog) = Rig::in_call();
    for attack in [
        "v=0\r\nm=audio 9 X\r\nInjected: 1",
        "v=0\r\na=\r\n\r\nInjected: 1",
        "x\r\n\r\nInjected: 1",
    ] {
        rig.say(&dialog.request("INVITE").sdp(attack));
        let answers = sent(&mut rig, attack);
        assert_eq!(answers.len(), 1);
        assert_eq!(answers[0].second(), "488");
    }
    rig.advance(Duration::from_secs(1));
    assert_eq!(rig.events(), Vec::<String>::new());
}
