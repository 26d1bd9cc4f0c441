use super::*;

fn settings(urls: &[&str], username: Option<&str>, credential: Option<&str>) -> IceServerSettings {
    IceServerSettings {
        urls: urls.iter().map(|url| (*url).to_owned()).collect(),
        username: username.map(|name| Secret(name.to_owned())),
        credential: credential.map(|word| Secret(word.to_owned())),
    }
}

#[test]
fn reads_every_form_of_rfc_7064_and_7065() {
    use ServerTransport::{Tcp, Tls, Udp};
    for (url, transport, printed) in [
        ("stun:example.org", Udp, "stun:example.org:3478"),
        ("stuns:example.org", Udp, "stuns:example.org:5349"),
        ("STUN:192.0.2.1:99", Udp, "stun:192.0.2.1:99"),
        ("stun:[2001:db8::1]", Udp, "stun:[2001:db8::1]:3478"),
        ("turn:example.org", Udp, "turn:example.org:3478"),
        ("turn:e.org:8000?transport=udp", Udp, "turn:e.org:8000"),
        ("turn:e.org?transport=TCP", Tcp, "turn:e.org:3478?transport=tcp"),
        ("turns:example.org.", Tls, "turns:example.org.:5349"),
        ("turns:[::1]:443?transport=tcp", Tls, "turns:[::1]:443"),
        ("turn:a_b-c.example", Udp, "turn:a_b-c.example:3478"),
    ] {
        let parsed = ServerUrl::parse(url).unwrap_or_else(|problem| panic!("{url}: {problem}"));
        assert_eq!(
            (parsed.transport, parsed.to_string().as_str()),
            (transport, printed),
            "{url}"
        );
        assert_eq!(ServerUrl::parse(printed), Ok(parsed), "{printed} reads back");
    }
    let bracketed = ServerUrl::parse("turn:[::1]").unwrap();
    assert_eq!((bracketed.host.as_str(), bracketed.ip()), ("::1", "::1".parse().ok()));
    assert_eq!(ServerUrl::parse("turn:example.org").unwrap().ip(), None);
}

#[test]
fn refuses_what_is_no_server_and_says_why() {
    for (url, problem) in [
        ("", "is no URL"),
        ("example.org", "is no URL"),
        ("http://example.org", "must begin with stun:"),
        ("turn://example.org", "has no //"),
        ("stun:example.org?transport=udp", "take none"),
        ("turn:example.org?transport=sctp", "unknown ?transport="),
        ("turn:example.org?transport=", "unknown ?transport="),
        ("turn:example.org?x=1", "no query but"),
        ("turns:example.org?transport=udp", "DTLS"),
        ("turn:", "names no host"),
        ("turn::3478", "names no host"),
        ("turn:example.org:", "port"),
        ("turn:example.org:0", "port"),
        ("turn:example.org:65536", "port"),
        ("turn:example.org:+80", "port"),
        ("turn:example.org:80:80", "port"),
        ("turn:[::1", "without ]"),
        ("turn:[::1]x", "port"),
        ("turn:[1.2.3.4]", "IPv6"),
        ("turn:2001:db8::1", "port"),
        ("turn:ex ample.org", "neither a name"),
        ("turn:exämple.org", "neither a name"),
        ("turn:a..b", "neither a name"),
        ("turn:example.org\r\nX", "neither a name"),
    ] {
        let found = ServerUrl::parse(url).expect_err(url);
        assert!(found.contains(problem), "{url:?}: {found}");
    }
    let long = format!("turn:{}.org", "a".repeat(64));
    assert!(ServerUrl::parse(&long).is_err());
}

#[test]
fn errors_name_the_element_and_repeat_no_value() {
    let good = settings(&["stun:example.org"], None, None);
    for (servers, element) in [
        (vec![good.clone(), settings(&[], None, None)], "iceServers[1].urls"),
        (
            vec![settings(&["stun:a", "hunter2@b"], None, None)],
            "iceServers[0].urls[1]",
        ),
        (
            vec![settings(&["turn:joe:hunter2@b"], None, None)],
            "iceServers[0].urls[0]",
        ),
        (
            vec![settings(&["turn:b"], None, Some("hunter2"))],
            "iceServers[0].username",
        ),
        (
            vec![settings(&["turn:b"], Some("joe"), None)],
            "iceServers[0].credential",
        ),
        (
            vec![settings(&["turn:b"], Some("joe"), Some(""))],
            "iceServers[0].credential",
        ),
        (
            vec![settings(&["turn:b"], Some("hunter2\n"), Some("hunter2"))],
            "iceServers[0].username",
        ),
        (
            vec![settings(&["turn:b"], Some(&"hunter2".repeat(73)), Some("x"))],
            "iceServers[0].username",
        ),
        (vec![good.clone(); 17], "iceServers"),
        (vec![settings(&["stun:a"; 17], None, None)], "iceServers"),
    ] {
        let error = IceConfig::new(&servers, IceTransportPolicy::All).expect_err(element);
        assert_eq!(error.element, element, "{error}");
        assert!(!format!("{error} {error:?}").contains("hunter2"), "{error}");
    }
    let error = IceConfig::new(&[good], IceTransportPolicy::Relay).unwrap_err();
    assert_eq!(error.element, "iceTransportPolicy");
}

#[test]
fn a_configuration_prints_no_secret() {
    let servers = [settings(&["stun:a", "turn:b"], Some("1999:hunter2"), Some("hunter2"))];
    let config = IceConfig::new(&servers, IceTransportPolicy::Relay).unwrap();
    assert_eq!(config.servers[0].credential.0, "hunter2");
    assert!(!format!("{config:?} {servers:?}").contains("hunter2"));
    assert!(IceConfig::new(&[], IceTransportPolicy::All).unwrap().servers.is_empty());
}
