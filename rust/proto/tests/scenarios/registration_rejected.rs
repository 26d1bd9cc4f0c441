use crate::support::registrar::granted;
use crate::support::{Heard, Rig};
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
fn the_cause_is_the_sdks() {
    let table = [
        (403, "Rejected"),
        (404, "Not Found"),
        (486, "Busy"),
        (503, "SIP Failure Code"),
        (302, "Redirected"),
    ];
    for (status, cause) in table {
        let (mut rig, register) = registering();
        rig.say(&register.reply(status, "No").tag("r"));
        assert_eq!(rig.events(), [format!("RegistrationFailed {cause} {status}")]);
        assert_eq!(rig.run_out().as_secs(), 0, "nothing is tried again");
        rig.hear_nothing();
    }
}

#[test]
fn silence_is_a_request_timeout() {
    let (mut rig, register) = registering();
    rig.say(&register.reply(100, "Trying"));
    assert_eq!(rig.run_out().as_secs(), 32);
    assert_eq!(rig.events(), ["RegistrationFailed Request Timeout -"]);
}

#[test]
fn an_answer_without_our_contact_is_a_failure() {
    let (mut rig, register) = registering();
    let ok = register.reply(200, "OK").tag("r");
    rig.say(&ok.header("Contact", "<sip:somebody@else.invalid>;expires=60"));
    assert_eq!(rig.events(), ["RegistrationFailed SIP Failure Code 200"]);
}

#[test]
fn min_expires_is_adopted() {
    let (mut rig, register) = registering();
    rig.say(
        &register
            .reply(423, "Interval Too Brief")
            .tag("r")
            .header("Min-Expires", "1800"),
    );
    let again = rig.hear("REGISTER");
    assert_eq!((again.header("Expires"), again.cseq()), ("1800", register.cseq() + 1));
    rig.say(&granted(&again, 1800));
    assert_eq!(rig.events(), ["Registered"]);
}

#[test]
fn a_registrar_that_raises_for_ever_is_left() {
    let (mut rig, mut register) = registering();
    for seconds in ["700", "800", "900"] {
        rig.say(
            &register
                .reply(423, "Interval Too Brief")
                .tag("r")
                .header("Min-Expires", seconds),
        );
        if seconds != "900" {
            register = rig.hear("REGISTER");
        }
    }
    assert_eq!(rig.events(), ["RegistrationFailed SIP Failure Code 423"]);
}

#[test]
fn a_423_without_min_expires_fails() {
    let (mut rig, register) = registering();
    rig.say(&register.reply(423, "Interval Too Brief").tag("r"));
    assert_eq!(rig.events(), ["RegistrationFailed SIP Failure Code 423"]);
}
