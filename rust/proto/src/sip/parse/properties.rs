//! print∘parse is the identity on whatever can be built.
use proptest::prelude::*;

use crate::sip::header::quote;
use crate::sip::roundtrip::{message_survives, uri_survives};
use crate::sip::{Message, Method, Request, Response, Uri};

fn token() -> impl Strategy<Value = String> {
    "[a-zA-Z0-9.!%*_+`'~-]{1,20}"
}

/// Text of one line as a value may have it.
fn value() -> impl Strategy<Value = String> {
    prop_oneof![token(), token().prop_map(|text| quote(&text)), "[^\r\n]{0,60}"]
}

fn uri() -> impl Strategy<Value = String> {
    let host = prop_oneof![
        "[a-z0-9]{1,12}(\\.[a-z]{2,5})?",
        Just("[2001:db8::1]".to_owned()),
        Just("192.0.2.1".to_owned())
    ];
    let user = prop_oneof![Just(String::new()), "[a-zA-Z0-9._~%&=+$,;?/-]{1,16}@"];
    let tail = ("(:[1-9][0-9]{0,3})?", "(;[a-z]{1,5}(=[a-z0-9~.:]{1,9})?){0,4}");
    (user, host, tail).prop_map(|(user, host, (port, params))| format!("sip:{user}{host}{port}{params}"))
}

fn fields() -> impl Strategy<Value = Vec<(String, String)>> {
    let known = prop_oneof![
        "Supported",
        "x",
        "Route",
        "CONTACT",
        "Record-Route",
        "Expires",
        "Subject"
    ];
    let name = prop_oneof![token().prop_map(|text| format!("X-{text}")), known];
    prop::collection::vec((name, value()), 0..12)
}

prop_compose! {
    fn request()(
        method in token(), uri in uri(), peer in uri(), tag in token(), branch in token(),
        number in 0_u32..1 << 31, fields in fields(), body in prop::collection::vec(any::<u8>(), 0..200),
    ) -> Request {
        let mut request = Request::new(Method::from(method.as_str()), Uri::parse(uri).unwrap());
        let headers = &mut request.headers;
        headers.push("v", format!("SIP/2.0/WSS a.invalid;branch=z9hG4bK{branch}"));
        headers.push("To", format!("<{peer}>"));
        headers.push("from", format!("\"{tag}\" <{peer}>;tag={tag}"));
        headers.push("Call-ID", &branch);
        headers.push("CSeq", format!("{number} {method}"));
        for (name, value) in fields {
            headers.push(name.as_str(), value);
        }
        headers.push("Content-Length", body.len());
        request.body = body;
        request
    }
}

proptest! {
    #[test]
    fn requests_are_read_as_they_were_built(request in request()) {
        let message = Message::from(request);
        let bytes = message.to_bytes();
        let again = Message::parse(&bytes).unwrap();
        prop_assert_eq!(again.to_bytes(), bytes);
        prop_assert_eq!(again, message);
    }

    #[test]
    fn responses_are_read_as_they_were_built(request in request(), status in 100_u16..700, reason in "[^\r\n]{0,30}") {
        let message = Message::from(Response::new(&request, status, &reason, Some("t")));
        let bytes = message.to_bytes();
        let again = Message::parse(&bytes).unwrap();
        prop_assert_eq!(again.to_bytes(), bytes);
    }

    #[test]
    fn any_uri_survives(text in prop_oneof![uri(), "sips?:.{0,40}", ".{0,40}"]) {
        prop_assert!(uri_survives(text.as_bytes()));
    }

    #[test]
    fn damaged_messages_survive(request in request(), places in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..6)) {
        let mut bytes = request.to_bytes();
        for (place, byte) in places {
            let at = place.index(bytes.len());
            bytes[at] = byte;
        }
        prop_assert!(message_survives(&bytes));
    }
}
