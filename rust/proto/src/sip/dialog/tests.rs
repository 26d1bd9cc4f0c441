use super::*;
use crate::sip::{Capabilities, LocalHop, Message};

fn parse(text: &str) -> Message {
    Message::parse(text.as_bytes()).unwrap_or_else(|error| panic!("{error}: {text}"))
}

fn request(text: &str) -> Request {
    match parse(text) {
        Message::Request(request) => request,
        Message::Response(_) => panic!("a request"),
    }
}

fn response(text: &str) -> Response {
    match parse(text) {
        Message::Response(response) => response,
        Message::Request(_) => panic!("a response"),
    }
}

fn invite() -> Request {
    request(
        "INVITE sip:bob@x SIP/2.0\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\r\nTo: <sip:bob@x>\r\n\
         From: \"Al\" <sip:al@x>;tag=a\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\nContact: <sip:al@a.invalid;ob>\r\n\
         Record-Route: <sip:p1;lr>, <sip:p2;lr>\r\n\r\n",
    )
}

fn answer(status: u16, extra: &str) -> Response {
    response(&format!(
        "SIP/2.0 {status} x\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\r\nTo: <sip:bob@x>;tag=b\r\n\
         From: \"Al\" <sip:al@x>;tag=a\r\nCall-ID: c\r\nCSeq: 7 INVITE\r\n{extra}\r\n"
    ))
}

fn from_bob(method: &str, cseq: u32, extra: &str) -> Request {
    request(&format!(
        "{method} sip:al@a.invalid SIP/2.0\r\nVia: SIP/2.0/WSS b;branch=z9hG4bK9\r\nTo: \"Al\" <sip:al@x>;tag=a\r\n\
         From: <sip:bob@x>;tag=b\r\nCall-ID: c\r\nCSeq: {cseq} {method}\r\n{extra}\r\n"
    ))
}

fn lines(request: &Request) -> Vec<String> {
    let text = String::from_utf8(request.to_bytes()).unwrap();
    text.lines().map(str::to_owned).collect()
}

#[test]
fn the_caller_reverses_the_record_route() {
    let ok = answer(
        200,
        "Record-Route: <sip:p1;lr>\r\nRecord-Route: <sip:p2;lr>\r\nContact: <sip:bob@b;gr=1>\r\n",
    );
    let mut dialog = Dialog::from_response(&invite(), &ok).unwrap();
    assert_eq!(dialog.state(), DialogState::Confirmed);
    let bye = dialog.request(Method::Bye, "SIP/2.0/WSS a.invalid;branch=z9hG4bK2".to_owned());
    assert_eq!(
        lines(&bye),
        [
            "BYE sip:bob@b;gr=1 SIP/2.0",
            "Route: <sip:p2;lr>",
            "Route: <sip:p1;lr>",
            "Via: SIP/2.0/WSS a.invalid;branch=z9hG4bK2",
            "Max-Forwards: 69",
            "To: <sip:bob@x>;tag=b",
            "From: \"Al\" <sip:al@x>;tag=a",
            "Call-ID: c",
            "CSeq: 8 BYE",
            "Content-Length: 0",
            "",
        ]
    );
    assert_eq!(lines(&dialog.ack(7, String::new()))[7], "Call-ID: c");
    assert_eq!(dialog.ack(7, String::new()).headers.get("CSeq"), Some("7 ACK"));
    assert_eq!(
        dialog.request(Method::Info, String::new()).headers.get("CSeq"),
        Some("9 INFO")
    );
}

#[test]
fn the_called_side_keeps_the_record_route_and_names_itself() {
    let mut dialog = Dialog::from_request(&invite(), "b", 99).unwrap();
    assert_eq!(dialog.state(), DialogState::Early);
    dialog.confirm_called();
    assert_eq!(dialog.state(), DialogState::Confirmed);
    let info = dialog.request(Method::Info, "SIP/2.0/WSS b;branch=z9hG4bK3".to_owned());
    assert_eq!(
        lines(&info)[..3],
        [
            "INFO sip:al@a.invalid;ob SIP/2.0",
            "Route: <sip:p1;lr>",
            "Route: <sip:p2;lr>"
        ]
    );
    assert_eq!(info.headers.get("To"), Some("\"Al\" <sip:al@x>;tag=a"));
    assert_eq!(info.headers.get("From"), Some("<sip:bob@x>;tag=b"));
    assert_eq!(info.headers.get("CSeq"), Some("100 INFO"));
}

/// RFC 3261 §12.2.1.1, the example with strict routers.
#[test]
fn a_strict_router_takes_the_request_uri() {
    let routes = "Record-Route: <sip:proxy2;lr>,<sip:proxy1?a=b>\r\nContact: <sip:bob@b?Subject=x>\r\n";
    let mut dialog = Dialog::from_response(&invite(), &answer(200, routes)).unwrap();
    let bye = lines(&dialog.request(Method::Bye, String::new()));
    assert_eq!(
        bye[..3],
        ["BYE sip:proxy1 SIP/2.0", "Route: <sip:proxy2;lr>", "Route: <sip:bob@b>"]
    );
}

#[test]
fn an_early_dialog_is_confirmed_with_the_route_of_the_2xx() {
    let ringing = answer(180, "Record-Route: <sip:old;lr>\r\nContact: <sip:bob@old>\r\n");
    let mut dialog = Dialog::from_response(&invite(), &ringing).unwrap();
    assert_eq!(dialog.state(), DialogState::Early);
    dialog
        .confirm(&answer(200, "Record-Route: <sip:new;lr>\r\nContact: <sip:bob@new>\r\n"))
        .unwrap();
    let bye = lines(&dialog.request(Method::Bye, String::new()));
    assert_eq!(bye[..2], ["BYE sip:bob@new SIP/2.0", "Route: <sip:new;lr>"]);
    dialog
        .confirm(&answer(200, "Record-Route: <sip:later;lr>\r\n"))
        .unwrap();
    assert_eq!(lines(&dialog.request(Method::Bye, String::new()))[..2], bye[..2]);
}

#[test]
fn a_dialog_needs_a_contact_and_an_early_one_a_tag() {
    assert_eq!(
        Dialog::from_response(&invite(), &answer(200, "")),
        Err(HeaderError::Missing("Contact"))
    );
    let mut untagged = answer(180, "Contact: <sip:bob@b>\r\n");
    untagged.headers.set("To", "<sip:bob@x>");
    assert_eq!(
        Dialog::from_response(&invite(), &untagged),
        Err(HeaderError::Malformed("To"))
    );
    untagged.status = 200;
    assert_eq!(Dialog::from_response(&invite(), &untagged).unwrap().id().remote_tag, "");
}

#[test]
fn messages_are_matched_by_call_and_both_tags() {
    let ok = answer(200, "Contact: <sip:bob@b>\r\n");
    let dialog = Dialog::from_response(&invite(), &ok).unwrap();
    assert!(dialog.matches_response(&ok) && dialog.matches_request(&from_bob("BYE", 1, "")));
    for (name, value) in [
        ("To", "<sip:al@x>;tag=z"),
        ("From", "<sip:bob@x>;tag=z"),
        ("Call-ID", "z"),
        ("From", "<sip:bob@x>"),
    ] {
        let mut other = from_bob("BYE", 1, "");
        other.headers.set(name, value);
        assert!(!dialog.matches_request(&other), "{name}: {value}");
    }
}

#[test]
fn requests_of_the_peer_must_rise() {
    let mut dialog = Dialog::from_response(&invite(), &answer(200, "Contact: <sip:bob@b>\r\n")).unwrap();
    assert_eq!(dialog.handle_request(&from_bob("INFO", 5, "")), Ok(()));
    assert_eq!(dialog.handle_request(&from_bob("INFO", 9, "")), Ok(()));
    for cseq in [0, 5, 8, 9] {
        let error = dialog.handle_request(&from_bob("BYE", cseq, "")).unwrap_err();
        assert_eq!((error, error.status()), (DialogRequestError::OutOfOrder, 500));
    }
    assert_eq!(dialog.handle_request(&from_bob("BYE", 10, "")), Ok(()));
}

#[test]
fn only_target_refreshes_move_the_target() {
    let mut dialog = Dialog::from_request(&invite(), "b", 0).unwrap();
    let mut from_al = from_bob("INFO", 8, "Contact: <sip:spoof@z>\r\n");
    dialog.handle_request(&from_al).unwrap();
    assert_eq!(dialog.remote_target().as_str(), "sip:al@a.invalid;ob");
    from_al = from_bob("UPDATE", 9, "Contact: <sip:al@moved;alias=127.0.0.1~53222~6>\r\n");
    dialog.handle_request(&from_al).unwrap();
    assert_eq!(dialog.remote_target().as_str(), "sip:al@moved;alias=127.0.0.1~53222~6");
    let refused = dialog.handle_request(&from_bob("INVITE", 10, "Contact: <al@z>\r\n"));
    assert_eq!(refused.unwrap_err().status(), 400);
    dialog
        .handle_success(&Method::Invite, &answer(200, "Contact: <sip:al@again>\r\n"))
        .unwrap();
    assert_eq!(dialog.remote_target().as_str(), "sip:al@again");
    dialog
        .handle_success(&Method::Info, &answer(200, "Contact: <sip:al@no>\r\n"))
        .unwrap();
    assert_eq!(dialog.remote_target().as_str(), "sip:al@again");
}

fn trace(text: &str) -> String {
    text.split_once('\n').unwrap().1.replace('\n', "\r\n")
}

/// The dialog that JsSIP made of traces 08 and 10 sends JsSIP's INFO and BYE, byte for byte.
#[test]
fn requests_look_like_those_in_the_traces() {
    let invite = request(&trace(include_str!("../../../tests/data/traces/08-invite-auth.txt")));
    let ringing = response(&trace(include_str!("../../../tests/data/traces/09-invite-180.txt")));
    let mut dialog = Dialog::from_response(&invite, &ringing).unwrap();
    dialog
        .confirm(&response(&trace(include_str!(
            "../../../tests/data/traces/10-invite-200-answer.txt"
        ))))
        .unwrap();
    let hop = LocalHop {
        transport: "WSS",
        sent_by: "seteh6lg7b39.invalid".to_owned(),
    };
    let allow = "INVITE,ACK,CANCEL,BYE,UPDATE,MESSAGE,OPTIONS,REFER,INFO,NOTIFY,SUBSCRIBE".to_owned();
    let capabilities = Capabilities {
        allow,
        user_agent: "JsSIP 3.13.8".to_owned(),
    };
    let mut info = dialog.request(Method::Info, hop.via("z9hG4bK3697958"));
    info.headers.push(HeaderName::ContentType, "application/json");
    capabilities.close(&mut info.headers, "outbound");
    info.body = br#"{"text":"hello","data":{"quoteId":1}}"#.to_vec();
    let expected = trace(include_str!("../../../tests/data/traces/12-info-json.txt"));
    assert_eq!(String::from_utf8(info.to_bytes()).unwrap(), expected.trim_end());
    let mut ack = dialog.ack(4271, hop.via("z9hG4bK7642516"));
    capabilities.close(&mut ack.headers, "outbound");
    let expected = trace(include_str!("../../../tests/data/traces/11-ack-of-200.txt"));
    assert_eq!(
        String::from_utf8(ack.to_bytes()).unwrap().trim_end(),
        expected.trim_end()
    );
}
