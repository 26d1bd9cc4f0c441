use super::*;

#[test]
fn components_are_found() {
    let text = "sip:alice%20b;day=tue:pw@[2001:db8::1]:5061;transport=tcp;lr?subject=x&a=b";
    let uri = UriRef::parse(text).unwrap();
    assert_eq!(
        (uri.scheme(), uri.user().as_deref(), uri.password()),
        ("sip", Some("alice b;day=tue"), Some("pw"))
    );
    assert_eq!((uri.host(), uri.port()), ("[2001:db8::1]", Some(5061)));
    assert_eq!(
        (uri.params().as_str(), uri.headers()),
        (";transport=tcp;lr", Some("subject=x&a=b"))
    );
    assert_eq!(uri.to_uri().to_string(), text);
    assert_eq!(uri.to_request_uri().to_string() + "?subject=x&a=b", text);
}

#[test]
fn one_colon_too_many_before_an_embedded_ipv4_address_is_overlooked() {
    for host in ["[2001:db8:::192.0.2.1]", "[:::192.0.2.1]", "[2001:db8::192.0.2.1]"] {
        let text = format!("sip:us@{host}:5061");
        let uri = UriRef::parse(&text).unwrap();
        assert_eq!((uri.host(), uri.port()), (host, Some(5061)));
    }
    let others = [
        "[2001:db8:::1]",
        "[2001:::1:192.0.2.1]",
        "[2001::db8:::192.0.2.1]",
        "[1:::2:::192.0.2.1]",
        "[1::::192.0.2.1]",
        "[1:::192.0.2.256]",
        "[1:2:3:4:5:6:::192.0.2.1]",
    ];
    for host in others {
        assert!(UriRef::parse(&format!("sip:us@{host}")).is_err(), "{host}");
    }
}

#[test]
fn parameters_stay_as_they_came() {
    let uri = UriRef::parse("sip:callee-1@realm.example;alias=127.0.0.1~53222~6;gr=urn:uuid:8d99d7bb").unwrap();
    assert_eq!(uri.params().get("alias"), Some("127.0.0.1~53222~6"));
    assert_eq!(uri.params().get("gr"), Some("urn:uuid:8d99d7bb"));
}

#[test]
fn other_schemes_are_opaque() {
    let uri = UriRef::parse("tel:+358-555-1234567;postd=pp22").unwrap();
    assert_eq!(
        (uri.is_sip(), uri.scheme(), uri.host(), uri.user()),
        (false, "tel", "", None)
    );
    assert_eq!((uri.params().as_str(), uri.headers()), ("", None));
}

#[test]
fn bad_texts_are_refused() {
    for text in [
        "",
        "sip",
        "sip:",
        ":a",
        "1sip:a",
        "sip:a b@c",
        "<sip:a@b>",
        "sip:@b",
        "sip:a@",
        "sip:a@b@c",
        "sip:a@b:",
        "sip:a@b:99999",
        "sip:a@b:+1",
        "sip:a@[::1",
        "sip:a@[::g]",
        "sip:a@[::1]x",
        "sip:a@b/c",
        "sip:a@b\"c",
    ] {
        assert!(UriRef::parse(text).is_err(), "{text}");
    }
}

#[test]
fn parameters_are_bounded() {
    assert!(Uri::parse(format!("sip:a@b{}", ";a".repeat(Params::MAX))).is_ok());
    assert!(Uri::parse(format!("sip:a@b{}", ";a".repeat(Params::MAX + 1))).is_err());
}

#[test]
fn users_are_escaped_and_unescaped() {
    let uri = Uri::sip("a b@ü:c+1", "example.com").unwrap();
    assert_eq!(uri.as_str(), "sip:a%20b%40%C3%BC%3Ac+1@example.com");
    assert_eq!(uri.as_ref().user().as_deref(), Some("a b@ü:c+1"));
    assert_eq!(
        (unescape("50%"), unescape("%+1%zz"), unescape("%ff")),
        ("50%".into(), "%+1%zz".into(), "%ff".into())
    );
    assert_eq!(Uri::sip("", "example.com").unwrap().as_str(), "sip:example.com");
}

/// The examples of RFC 3261 §19.1.4.
#[test]
fn equality_is_that_of_the_rfc() {
    let same = [
        (
            "sip:%61lice@atlanta.com;transport=TCP",
            "sip:alice@AtLanTa.CoM;Transport=tcp",
        ),
        ("sip:carol@chicago.com", "sip:carol@chicago.com;newparam=5"),
        ("sip:carol@chicago.com;security=on", "sip:carol@chicago.com;newparam=5"),
        // not the RFC's: a name that comes twice, escapes in names (RFC 4475 §3.1.1.3)
        ("sip:a;n;n=~", "sip:a;n;n=~"),
        ("sip:a@b;%6C%72;n%61me=v%25%34%31", "sip:a@b;lr;name=v%2541"),
    ];
    let different = [
        (
            "SIP:ALICE@AtLanTa.CoM;Transport=udp",
            "sip:alice@AtLanTa.CoM;Transport=UDP",
        ),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com:5060"),
        ("sip:bob@biloxi.com", "sip:bob@biloxi.com;transport=udp"),
        (
            "sip:carol@chicago.com;security=on",
            "sip:carol@chicago.com;security=off",
        ),
        ("sip:bob@phone21.boxesbybob.com", "sip:bob@192.0.2.4"),
        ("tel:1", "tel:2"),
        // escapes are undone once
        ("sip:a@b;name=v%25%34%31", "sip:a@b;name=vA"),
        ("sip:a@b;%74ransport=tcp", "sip:a@b"),
    ];
    let equivalent = |(a, b): (&str, &str)| UriRef::parse(a).unwrap().equivalent(UriRef::parse(b).unwrap());
    assert!(same.into_iter().all(equivalent));
    assert!(!different.into_iter().any(equivalent));
}
