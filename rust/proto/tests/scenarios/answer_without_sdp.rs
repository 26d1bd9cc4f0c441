use crate::support::Rig;
use c2c_proto::io::Stage;

#[test]
fn it_is_acknowledged_and_ended() {
    let (mut rig, invite) = Rig::inviting();
    rig.say(&invite.answer(200, "OK", "callee"));
    rig.hear("ACK");
    assert_eq!(rig.hear("BYE").header("Reason"), "SIP ;cause=400; text=\"Missing SDP\"");
    let (end, _) = rig.end();
    assert_eq!((end.stage, end.sip_status), (Some(Stage::Media), Some(200)));
    assert!(end.hint.starts_with("Missing SDP"));
    assert_eq!(rig.events(), ["Failed remote Bad Media Description 200"]);
}

#[test]
fn so_is_one_with_rubbish() {
    for sdp in ["v=0\r\n", "rubbish", "\0\0\0\0"] {
        let (mut rig, invite) = Rig::inviting();
        rig.say(&invite.answer(200, "OK", "callee").sdp(sdp));
        rig.hear("ACK");
        assert_eq!(
            rig.hear("BYE").header("Reason"),
            "SIP ;cause=488; text=\"Not Acceptable Here\""
        );
        assert_eq!(rig.events(), ["Failed remote Bad Media Description 200"]);
    }
}

#[test]
fn an_answer_that_makes_no_dialog_is_the_servers_fault() {
    let (mut rig, invite) = Rig::inviting();
    let ok = invite.reply(200, "OK").tag("callee").sdp("v=0\r\n");
    rig.say(&ok);
    // RFC 3261 §13.2.2.4: an ACK for each 2xx, on the INVITE's way where it names no other
    let (ack, bye) = (rig.hear("ACK"), rig.hear("BYE"));
    for request in [&ack, &bye] {
        assert_eq!(request.second(), invite.second());
        assert!(request.header("To").ends_with(";tag=callee"));
    }
    assert_eq!((ack.cseq(), bye.cseq()), (invite.cseq(), invite.cseq() + 1));
    assert_eq!(rig.events(), ["Failed remote Dialog Error"]);
    rig.say(&ok);
    assert_eq!(rig.hear("ACK").branch(), ack.branch());
    rig.hear_nothing();
}

#[test]
fn nothing_is_sent_where_no_way_leads() {
    let (mut rig, invite) = Rig::inviting();
    let ok = invite.reply(200, "OK").tag("callee").sdp("v=0\r\n");
    rig.say(&ok.header("Record-Route", "<nowhere"));
    rig.hear_nothing();
    assert_eq!(rig.events(), ["Failed remote Dialog Error"]);
}
