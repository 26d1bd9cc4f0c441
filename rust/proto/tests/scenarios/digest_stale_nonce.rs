use crate::support::registrar::{challenge, granted, is_authorised};
use crate::support::{CALL, Rig};
use c2c_proto::io::Command;

#[test]
fn a_stale_nonce_costs_one_more_request() {
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(Rig::settings())));
    rig.open();
    let register = rig.hear("REGISTER");
    rig.say(&challenge(&register, "old", ""));
    let register = rig.hear("REGISTER");
    rig.say(&challenge(&register, "new", ", stale=true"));
    let register = rig.hear("REGISTER");
    assert!(is_authorised(&register, "new"));
    assert_eq!(register.cseq(), 3);
    rig.say(&granted(&register, 600));
    assert_eq!(rig.events(), ["Connecting", "Connected", "Registered"]);
}

#[test]
fn a_nonce_that_is_stale_for_ever_is_an_authentication_error() {
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(Rig::settings())));
    rig.open();
    let mut heard = 0;
    while !rig.inbox.is_empty() && heard < 10 {
        let register = rig.hear("REGISTER");
        heard += 1;
        rig.say(&challenge(&register, &format!("nonce-{heard}"), ", stale=true"));
    }
    assert!(heard <= 3, "{heard} REGISTERs");
    assert_eq!(rig.events()[2..], ["RegistrationFailed Authentication Error 401"]);
}

#[test]
fn an_invite_is_authorised_and_keeps_its_dialog() {
    let mut rig = Rig::registered();
    let first = rig.invite(CALL);
    rig.say(&challenge(&first, "nonce-9", ""));
    let ack = rig.hear("ACK");
    assert_eq!((ack.cseq(), ack.branch()), (first.cseq(), first.branch()));
    let second = rig.hear("INVITE");
    assert!(is_authorised(&second, "nonce-9"));
    assert_eq!(second.cseq(), first.cseq() + 1);
    assert_ne!(second.branch(), first.branch());
    for same in ["Call-ID", "From", "To", "X-Source"] {
        assert_eq!(second.header(same), first.header(same));
    }
    assert_eq!(second.body, first.body);
    rig.answer(&second, "callee");
    assert_eq!(rig.events(), ["TrackAdded", "Answered"]);
}

#[test]
fn proxies_are_answered_with_their_own_header() {
    let mut rig = Rig::registered();
    let first = rig.invite(CALL);
    let value = "Digest realm=\"realm.example\", nonce=\"n\"";
    rig.say(
        &first
            .reply(407, "Proxy Authentication Required")
            .tag("p")
            .header("Proxy-Authenticate", value),
    );
    rig.hear("ACK");
    let second = rig.hear("INVITE");
    assert!(second.get("Proxy-Authorization").is_some() && second.get("Authorization").is_none());
}
