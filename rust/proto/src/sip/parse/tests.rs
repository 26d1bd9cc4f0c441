use super::*;

const INVITE: &str = "INVITE sip:b@x.example SIP/2.0\r\nVia: SIP/2.0/WSS a.invalid;branch=z9hG4bK1\r\nTo: <sip:b@x.example>\r\n\
    From: <sip:a@x.example>;tag=1\r\nCall-ID: c\r\nCSeq: 1 INVITE\r\nContent-Length: 3\r\n\r\n";

fn parse(text: &str) -> Result<Message, ParseError> {
    Message::parse(text.as_bytes())
}

fn kind_of(text: &str) -> ParseErrorKind {
    parse(text).unwrap_err().kind
}

#[test]
fn the_body_is_cut_at_content_length() {
    assert_eq!(parse(&format!("{INVITE}abcd")).unwrap().body(), b"abc");
    assert_eq!(kind_of(&format!("{INVITE}ab")), ParseErrorKind::Body);
    let without = INVITE.replace("Content-Length: 3\r\n", "");
    assert_eq!(parse(&format!("{without}abcd")).unwrap().body(), b"abcd");
}

#[test]
fn bodies_are_bytes() {
    let mut bytes = INVITE.as_bytes().to_vec();
    bytes.extend([0, 0xff, 0x0d]);
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(message.body(), [0, 0xff, 0x0d]);
    assert_eq!(message.to_bytes(), bytes);
}

#[test]
fn folds_become_spaces() {
    let folded = INVITE.replace("To: <sip", "To:\r\n  \"x\"\r\n\t<sip");
    let Message::Request(request) = parse(&format!("{folded}abc")).unwrap() else {
        panic!("a request")
    };
    assert_eq!(request.headers.get("t"), Some("\"x\"  \t<sip:b@x.example>"));
    assert_eq!(request.headers.to().unwrap().display_name().as_deref(), Some("x"));
}

#[test]
fn header_text_that_is_no_utf8_is_replaced() {
    let mut bytes = INVITE.replace("To: ", "To: gr\u{1}n ").into_bytes();
    bytes
        .iter_mut()
        .filter(|byte| **byte == 1)
        .for_each(|byte| *byte = 0xfc);
    bytes.extend(b"abc");
    let message = Message::parse(&bytes).unwrap();
    assert_eq!(
        message.headers().to().unwrap().display_name().as_deref(),
        Some("gr\u{fffd}n")
    );
    assert_eq!(message.body(), b"abc");
}

#[test]
fn leading_empty_lines_are_skipped() {
    assert!(parse(&format!("\r\n\r\n{INVITE}abc")).is_ok());
    assert_eq!(kind_of("\r\n\r\n"), ParseErrorKind::Truncated);
    assert_eq!(kind_of(""), ParseErrorKind::Truncated);
}

#[test]
fn line_ends_are_carriage_return_and_line_feed() {
    for bad in [
        "Subject: a\nb\r\n",
        "Subject: a\rb\r\n",
        "Subject: a\n",
        "Subject\r\n",
        ": x\r\n",
        "Sub ject: x\r\n",
    ] {
        let text = INVITE.replace("Call-ID", &format!("{bad}Call-ID"));
        assert_eq!(kind_of(&format!("{text}abc")), ParseErrorKind::Line, "{bad:?}");
    }
}

#[test]
fn sizes_are_bounded() {
    let many = |count: usize| INVITE.replace("Call-ID", &format!("{}Call-ID", "X: 1\r\n".repeat(count))) + "abc";
    assert!(parse(&many(MAX_HEADERS - 6)).is_ok());
    assert_eq!(kind_of(&many(MAX_HEADERS - 5)), ParseErrorKind::TooManyHeaders);
    assert_eq!(kind_of(&"x".repeat(MAX_MESSAGE + 1)), ParseErrorKind::TooLarge);
}

#[test]
fn routing_fields_are_required_once() {
    for name in ["Via", "To", "From", "Call-ID", "CSeq"] {
        let without = INVITE.replace(&format!("\r\n{name}: "), "\r\nX: ");
        assert_eq!(kind_of(&format!("{without}abc")), HeaderError::Missing(name).into());
    }
    let twice = INVITE.replace("CSeq", "CSeq: 5 INVITE\r\nCSeq");
    assert_eq!(kind_of(&format!("{twice}abc")), HeaderError::Repeated("CSeq").into());
    assert_eq!(
        kind_of(&(INVITE.replace("1 INVITE", "1 BYE") + "abc")),
        ParseErrorKind::MethodMismatch
    );
}

#[test]
fn refused_requests_are_answered_unless_ack() {
    let answer = parse(&format!("{INVITE}ab")).unwrap_err().response.unwrap();
    assert_eq!((answer.status, answer.headers.get("Call-ID")), (400, Some("c")));
    assert_eq!(
        answer.headers.get(HeaderName::Via),
        Some("SIP/2.0/WSS a.invalid;branch=z9hG4bK1")
    );
    let version = parse(&INVITE.replace("SIP/2.0\r\nVia", "SIP/7.0\r\nVia")).unwrap_err();
    assert_eq!(
        (version.kind, version.response.unwrap().status),
        (ParseErrorKind::Version, 505)
    );
    assert_eq!(parse(&INVITE.replace("INVITE", "ACK")).unwrap_err().response, None);
    assert_eq!(parse(&INVITE.replace("Via", "X")).unwrap_err().response, None);
}

#[test]
fn responses_are_read() {
    let response = INVITE.replace("INVITE sip:b@x.example SIP/2.0", "SIP/2.0 180 Es klingelt") + "abc";
    let Message::Response(response) = parse(&response).unwrap() else {
        panic!("a response")
    };
    assert_eq!((response.status, response.reason.as_str()), (180, "Es klingelt"));
    for start in [
        "SIP/2.0 99 x",
        "SIP/2.0 700 x",
        "SIP/2.0 4294967301 x",
        "SIP/2.0  200 x",
        "SIP/2.0 +20 x",
        "SIP/2.0",
    ] {
        assert_eq!(
            kind_of(&INVITE.replace("INVITE sip:b@x.example SIP/2.0", start)),
            ParseErrorKind::StartLine,
            "{start}"
        );
    }
    assert!(parse(&(INVITE.replace("INVITE sip:b@x.example SIP/2.0", "SIP/2.0 100") + "abc")).is_ok());
}
