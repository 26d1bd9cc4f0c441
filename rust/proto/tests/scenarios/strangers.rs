use crate::support::messages::stranger;
use crate::support::{Heard, Rig};

const US: &str = "sip:caller@realm.example";

fn status_of(method: &str, uri: &str, more: &[(&str, &str)]) -> Option<Heard> {
    let mut rig = Rig::connected();
    let mut draft = stranger(method, uri);
    for (name, value) in more {
        draft = draft.header(name, value);
    }
    rig.say(&draft);
    assert_eq!(rig.events(), Vec::<String>::new());
    (!rig.inbox.is_empty()).then(|| rig.hear("SIP/2.0"))
}

#[test]
fn requests_out_of_dialog_are_answered_by_the_table() {
    let table = [
        ("OPTIONS", US, 200),
        ("MESSAGE", US, 405),
        ("SUBSCRIBE", US, 405),
        ("NOTIFY", US, 481),
        ("REFER", US, 405),
        ("PUBLISH", US, 405),
        ("MADEUP", US, 501),
        ("REGISTER", US, 405),
        ("INVITE", US, 403),
        ("BYE", US, 481),
        ("INFO", US, 481),
        ("UPDATE", US, 481),
        ("CANCEL", US, 481),
        ("OPTIONS", "sip:somebody@realm.example", 404),
        ("MESSAGE", "sip:somebody@realm.example", 404),
        ("SUBSCRIBE", "sip:somebody@realm.example", 404),
        ("REGISTER", "sip:realm.example", 405),
        ("MADEUP", "sip:somebody@realm.example", 501),
        ("INVITE", "sip:realm.example", 404),
        ("OPTIONS", "sips:caller@realm.example", 416),
        ("INVITE", "tel:+49211", 416),
    ];
    for (method, uri, status) in table {
        let answer = status_of(method, uri, &[]).expect(method);
        assert_eq!(answer.second(), status.to_string(), "{method} {uri}");
        assert!(answer.header("To").contains(";tag="), "{method} {uri}");
        if status == 405 || method == "OPTIONS" && status == 200 {
            assert_eq!(answer.header("Allow"), "INVITE,ACK,CANCEL,BYE,UPDATE,OPTIONS,INFO");
        }
    }
}

#[test]
fn an_ack_is_never_answered() {
    assert!(status_of("ACK", US, &[]).is_none());
}

#[test]
fn requests_of_unknown_dialogs_get_481() {
    for method in ["BYE", "INFO", "INVITE", "UPDATE", "OPTIONS", "NOTIFY", "REFER"] {
        let mut rig = Rig::connected();
        let draft = String::from_utf8(stranger(method, US).bytes()).unwrap();
        rig.say_bytes(
            draft
                .replace("To: <sip:caller@realm.example>", "To: <sip:caller@realm.example>;tag=x")
                .as_bytes(),
        );
        assert_eq!(rig.hear_status(), 481, "{method}");
    }
}

#[test]
fn a_refused_invite_comes_again_and_is_acknowledged() {
    let mut rig = Rig::connected();
    let invite = stranger("INVITE", US);
    rig.say(&invite);
    let first = rig.hear("SIP/2.0");
    rig.say(&invite);
    assert_eq!(
        rig.hear("SIP/2.0").header("To"),
        first.header("To"),
        "the same answer again"
    );
    let ack = String::from_utf8(stranger("ACK", US).bytes()).unwrap();
    rig.say_bytes(ack.replace("z9hG4bKstrangerACK", "z9hG4bKstrangerINVITE").as_bytes());
    rig.hear_nothing();
    assert_eq!(rig.run_out().as_secs(), 0, "nothing waits any more");
}

#[test]
fn a_flood_of_invites_holds_little() {
    let mut rig = Rig::connected();
    for number in 0..1000 {
        let invite = String::from_utf8(stranger("INVITE", US).bytes()).unwrap();
        rig.say_bytes(
            invite
                .replace("z9hG4bKstranger", &format!("z9hG4bK{number}"))
                .as_bytes(),
        );
        assert_eq!(rig.hear_status(), 403);
    }
    assert_eq!(rig.run_out().as_secs(), 32);
}

#[test]
fn unknown_requirements_are_named() {
    let answer = status_of("OPTIONS", US, &[("Require", "timer, 100rel,nothing")]).unwrap();
    assert_eq!(
        (answer.second(), answer.header("Unsupported")),
        ("420", "100rel,nothing")
    );
}
