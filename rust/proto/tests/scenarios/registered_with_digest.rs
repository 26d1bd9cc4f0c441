use crate::support::registrar::{challenge, granted, is_authorised};
use crate::support::{CALL, Rig};
use c2c_proto::io::Command;

fn connecting() -> Rig {
    let mut rig = Rig::new();
    rig.command(Command::Connect(Box::new(Rig::settings())));
    assert_eq!(rig.opened, ["wss://gateway.example:8443"]);
    rig.open();
    assert_eq!(rig.events(), ["Connecting", "Connected"]);
    rig
}

#[test]
fn the_challenge_is_answered_and_the_gruu_used() {
    let mut rig = connecting();
    let first = rig.hear("REGISTER");
    assert_eq!(first.get("Authorization"), None);
    rig.say(&challenge(&first, "nonce-1", ""));
    let second = rig.hear("REGISTER");
    assert!(is_authorised(&second, "nonce-1"));
    assert_eq!(second.cseq(), first.cseq() + 1);
    for same in ["Call-ID", "From", "To", "Contact"] {
        assert_eq!(second.header(same), first.header(same), "{same}");
    }
    assert_ne!(second.branch(), first.branch());
    let gruu = "sip:caller@realm.example;gr=urn:uuid:1";
    let ok = granted(&second, 600).header("Supported", "outbound");
    let ok = String::from_utf8(ok.bytes()).unwrap();
    let ok = ok.replace(";expires=600", &format!(";expires=600;pub-gruu=\"{gruu}\""));
    rig.say_bytes(ok.as_bytes());
    assert_eq!(rig.events(), ["Registered"]);
    let invite = rig.invite(CALL);
    assert_eq!(invite.header("Contact"), format!("<{gruu}>"));
    assert_eq!(invite.header("Supported"), "timer,gruu,ice,outbound");
}

#[test]
fn headers_are_those_of_the_trace() {
    let mut rig = connecting();
    let register = rig.hear("REGISTER");
    assert_eq!(register.start, "REGISTER sip:realm.example SIP/2.0");
    let names = [
        "Via",
        "Max-Forwards",
        "To",
        "From",
        "Call-ID",
        "CSeq",
        "Expires",
        "Contact",
        "Allow",
        "Supported",
        "User-Agent",
        "Content-Length",
    ];
    assert_eq!(register.names(), names);
    assert!(register.header("Via").starts_with("SIP/2.0/WSS "));
    assert!(register.header("Via").contains(".invalid;branch=z9hG4bK"));
    assert_eq!(register.header("Max-Forwards"), "69");
    assert_eq!(register.header("To"), "<sip:caller@realm.example>");
    assert_eq!(register.header("Expires"), "600");
    assert_eq!(register.header("Supported"), "path,gruu,outbound");
    assert_eq!(register.header("Allow"), "INVITE,ACK,CANCEL,BYE,UPDATE,OPTIONS,INFO");
    assert_eq!(register.header("User-Agent"), "c2c/0.1.0");
    let contact = register.header("Contact");
    assert!(contact.contains(".invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:"));
    assert!(contact.ends_with(">\";expires=600"), "{contact}");
}

#[test]
fn authorization_stands_behind_cseq() {
    let mut rig = connecting();
    let first = rig.hear("REGISTER");
    rig.say(&challenge(&first, "nonce-1", ""));
    let second = rig.hear("REGISTER");
    assert_eq!(second.names()[5..8], ["CSeq", "Authorization", "Expires"]);
    let value = second.header("Authorization");
    assert!(
        value.starts_with("Digest algorithm=MD5, username=\"digest-user\", realm="),
        "{value}"
    );
    assert!(value.ends_with("nc=00000001"), "{value}");
}

#[test]
fn runtime_endpoints_do_not_register() {
    let mut rig = Rig::connected();
    rig.hear_nothing();
    assert_eq!(rig.run_out().as_secs(), 0);
}
