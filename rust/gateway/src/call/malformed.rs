//! SIP messages that a client must drop or refuse without harm to its calls.

/// Each is one WebSocket message; `call_id` is that of a live call.
pub(crate) fn messages(call_id: &str) -> Vec<Vec<u8>> {
    let mut messages: Vec<Vec<u8>> = PLAIN.iter().map(|text| text.as_bytes().to_vec()).collect();
    messages.push(format!("INFO sip:x SIP/2.0\r\nCall-ID: {call_id}\r\nContent-Length: 99\r\n\r\nshort").into_bytes());
    messages.push(format!("BYE sip:x@y SIP/2.0\r\nCall-ID: {call_id}\r\nCSeq: 99999999999 BYE\r\n\r\n").into_bytes());
    messages.push(format!("BYE sip:x@y SIP/2.0\r\n{FIELDS}Call-ID: {call_id}\r\n\r\n").into_bytes());
    messages.push(
        [
            b"INFO sip:a@b SIP/2.0\r\nX: ".to_vec(),
            vec![b'a'; 70_000],
            b"\r\n\r\n".to_vec(),
        ]
        .concat(),
    );
    messages.push(
        [
            b"OPTIONS sip:a@b SIP/2.0\r\n".to_vec(),
            b"Via: x\r\n".repeat(200),
            b"\r\n".to_vec(),
        ]
        .concat(),
    );
    messages
}

/// A request of another dialog with the same Call-ID: tags that nobody gave.
const FIELDS: &str = "Via: SIP/2.0/WSS x.invalid;branch=z9hG4bKnobody\r\nFrom: <sip:a@b>;tag=nobody\r\n\
    To: <sip:c@d>;tag=nothing\r\nCSeq: 1 BYE\r\n";

const PLAIN: &[&str] = &[
    "hello",
    "\r\n\r\n\r\n",
    "SIP/2.0\r\n\r\n",
    "SIP/2.0 999999999 Huge\r\n\r\n",
    "SIP/2.0 200 OK\r\n\r\n",
    "INVITE\r\n\r\n",
    "INVITE sip:a@b SIP/7.0\r\nVia: SIP/2.0/WSS x\r\n\r\n",
    "BYE sip:a@b SIP/2.0\r\nCSeq: -1 BYE\r\nCall-ID:\r\nFrom: <\r\nTo: >\r\n\r\n",
    "OPTIONS sip:a@b SIP/2.0\r\nContent-Length: 18446744073709551616\r\n\r\n",
    "\u{0}\u{1}\u{2}\u{fffd}",
];
