use crate::support::messages::stranger;
use crate::support::random::Seeded;
use crate::support::{Rig, messages::Draft};
use c2c_proto::io::Command;

const US: &str = "sip:caller@realm.example";

fn text(draft: &Draft) -> String {
    String::from_utf8(draft.bytes()).unwrap()
}

#[test]
fn what_cannot_be_read_is_counted() {
    let mut rig = Rig::connected();
    let options = text(&stranger("OPTIONS", US));
    let too_long = vec![b'a'; 70_000];
    let garbage: [&[u8]; 5] = [
        b"GET / HTTP/1.1\r\n\r\n",
        b"\x00\xff\xfe",
        b"SIP/2.0 200\r\n",
        b"INVITE sip:a SIP/2.0",
        &too_long,
    ];
    for (number, message) in garbage.iter().enumerate() {
        rig.say_bytes(message);
        assert_eq!(rig.agent.malformed_messages(), number as u64 + 1);
        rig.hear_nothing();
    }
    rig.say_bytes(options.as_bytes());
    assert_eq!(rig.hear_status(), 200, "life goes on");
}

#[test]
fn requests_with_enough_headers_are_answered() {
    let options = text(&stranger("OPTIONS", US));
    let table = [
        (options.replace("Content-Length: 0", "Content-Length: 5"), 400),
        (options.replace("CSeq: 1 OPTIONS", "CSeq: 1 INFO"), 400),
        (options.replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia"), 505),
    ];
    for (message, status) in table {
        let mut rig = Rig::connected();
        rig.say_bytes(message.as_bytes());
        let answer = rig.hear("SIP/2.0");
        assert_eq!(answer.second(), status.to_string(), "{message}");
        assert!(answer.header("To").contains(";tag="));
        assert_eq!(rig.agent.malformed_messages(), 1);
    }
}

#[test]
fn responses_to_nothing_are_dropped() {
    let mut rig = Rig::connected();
    rig.say_bytes(
        b"SIP/2.0 200 OK\r\nVia: SIP/2.0/WSS x.invalid;branch=z9hG4bKnone\r\nTo: <sip:a@b>;tag=1\r\n\
          From: <sip:a@b>;tag=2\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\n\r\n",
    );
    rig.hear_nothing();
    assert_eq!(rig.events(), Vec::<String>::new());
}

/// Messages of a live call with random bytes changed, cut or doubled: the call may end, the client may not.
#[test]
fn damaged_messages_of_a_call_harm_nothing_else() {
    let mut random = Seeded(11);
    let (mut rig, mut dialog) = Rig::in_call();
    for number in 0..2000 {
        let method = ["INFO", "UPDATE", "OPTIONS", "INVITE", "NOTIFY"][number % 5];
        let mut message = dialog.request(method).body("application/json", "{}").bytes();
        for _ in 0..=random.draw() % 4 {
            let at = random.draw() as usize % message.len();
            match random.draw() % 3 {
                0 => message[at] = random.draw() as u8,
                1 => message.truncate(at.max(1)),
                _ => message.extend_from_within(at..),
            }
        }
        rig.say_bytes(&message);
        rig.inbox.clear();
    }
    rig.command(Command::Disconnect);
    rig.run_out();
    rig.close(None, "");
    assert_eq!(rig.events().last().map(String::as_str), Some("Disconnected -"));
}
