//! Who we are to the SIP server: our addresses, and the header fields that every message of ours carries.
use crate::error::SettingsError;
use crate::io::{RandomSource, SipSettings};
use crate::sip::header::{HeaderName, MAX_TEXT, is_header_text};
use crate::sip::identifiers::{random_branch, random_token};
use crate::sip::{Capabilities, Headers, LocalHop, Method, NameAddr, Request, Uri, UriRef};

/// What we accept in a dialog.
pub(crate) const ALLOW: &str = "INVITE,ACK,CANCEL,BYE,UPDATE,OPTIONS,INFO";
/// What we accept as a body.
pub(crate) const ACCEPT: &str = "application/sdp,application/json,application/dtmf-relay";

/// Most proxies of a service route.
const MAX_SERVICE_ROUTE: usize = 8;

/// Addresses of one registration or connection.
#[derive(Debug)]
pub(crate) struct Identity {
    settings: Box<SipSettings>,
    address_of_record: Uri,
    registrar: Uri,
    hop: LocalHop,
    capabilities: Capabilities,
    contact_user: String,
    instance: String,
    gruu: Option<Uri>,
    service_route: Vec<String>,
}

impl Identity {
    /// Checks the settings and draws the names under which this connection is known. `instance` is a UUID.
    pub(crate) fn new(
        settings: Box<SipSettings>,
        instance: &str,
        random: &mut dyn RandomSource,
    ) -> Result<Self, SettingsError> {
        check_settings(&settings)?;
        Ok(Self {
            address_of_record: Uri::sip(&settings.user, &settings.realm).map_err(SettingsError::AddressOfRecord)?,
            registrar: Uri::sip("", &settings.realm).map_err(SettingsError::AddressOfRecord)?,
            hop: LocalHop {
                transport: "WSS",
                sent_by: format!("{}.invalid", name(random, 12)),
            },
            capabilities: Capabilities {
                allow: ALLOW.to_owned(),
                user_agent: settings.user_agent.clone(),
            },
            contact_user: name(random, 8),
            instance: instance.to_owned(),
            gruu: None,
            service_route: Vec::new(),
            settings,
        })
    }

    /// Takes newer settings and keeps the names under which far sides know us.
    pub(crate) fn renew(&mut self, settings: Box<SipSettings>) -> Result<(), SettingsError> {
        check_settings(&settings)?;
        self.address_of_record = Uri::sip(&settings.user, &settings.realm).map_err(SettingsError::AddressOfRecord)?;
        self.registrar = Uri::sip("", &settings.realm).map_err(SettingsError::AddressOfRecord)?;
        self.capabilities.user_agent.clone_from(&settings.user_agent);
        self.settings = settings;
        Ok(())
    }

    pub(crate) fn settings(&self) -> &SipSettings {
        &self.settings
    }

    pub(crate) fn address_of_record(&self) -> &Uri {
        &self.address_of_record
    }

    pub(crate) fn registrar(&self) -> &Uri {
        &self.registrar
    }

    /// The address of a user of our realm.
    pub(crate) fn target(&self, user: &str) -> Result<Uri, SettingsError> {
        Uri::sip(user, &self.settings.realm).map_err(SettingsError::Target)
    }

    /// Contact of a dialog: the GRUU when the registrar granted one (RFC 5627 §4.2).
    pub(crate) fn contact(&self) -> String {
        match &self.gruu {
            Some(gruu) => format!("<{gruu}>"),
            None => format!("<sip:{}@{};transport=ws;ob>", self.contact_user, self.hop.sent_by),
        }
    }

    /// Contact of a REGISTER (RFC 5626 §4.2, RFC 5627 §4.1).
    pub(crate) fn registration_contact(&self, expires: u32) -> String {
        let address = format!("<sip:{}@{};transport=ws>", self.contact_user, self.hop.sent_by);
        let instance = format!("+sip.instance=\"<urn:uuid:{}>\"", self.instance);
        format!("{address};+sip.ice;reg-id=1;{instance};expires={expires}")
    }

    /// Whether a Contact in the registrar's answer is ours: by instance and reg-id, or by its user.
    pub(crate) fn is_ours(&self, contact: &NameAddr<'_>) -> bool {
        let params = contact.params();
        let instance = params.unquoted("+sip.instance");
        let urn = instance.as_deref().map(|urn| urn.trim_matches(['<', '>']));
        let same_instance = urn.and_then(|urn| urn.strip_prefix("urn:uuid:")) == Some(self.instance.as_str());
        let same_user = contact.uri().user().as_deref() == Some(self.contact_user.as_str());
        same_user || (same_instance && params.get("reg-id") == Some("1"))
    }

    /// Remembers the public GRUU that the registrar granted with our Contact; forgets it when there is none.
    pub(crate) fn grant(&mut self, contact: &NameAddr<'_>) {
        let gruu = contact.params().unquoted("pub-gruu");
        self.gruu = gruu.and_then(|uri| Uri::parse(uri.as_ref()).ok());
    }

    /// Takes the Service-Route of a REGISTER's 2xx, or that there is none any more (RFC 3608 §6.1); `false` for one that
    /// cannot be followed: malformed, too long, or through a proxy that does not route loosely.
    pub(crate) fn follow_service_route(&mut self, headers: &Headers) -> bool {
        self.service_route.clear();
        let is_loose = |route: &NameAddr<'_>| route.uri().params().has("lr");
        let routes = headers.addresses(HeaderName::ServiceRoute).take(MAX_SERVICE_ROUTE + 1);
        let routes: Option<Vec<String>> = routes
            .map(|route| route.ok().filter(is_loose).map(|route| route.to_string()))
            .collect();
        match routes.filter(|routes| routes.len() <= MAX_SERVICE_ROUTE) {
            Some(routes) => self.service_route = routes,
            None => return false,
        }
        true
    }

    /// Routes of a request that starts a dialog.
    pub(crate) fn service_route(&self) -> &[String] {
        &self.service_route
    }

    /// Whether a Request-URI names us.
    pub(crate) fn is_addressed_by(&self, uri: UriRef<'_>) -> bool {
        let user = uri.user().unwrap_or_default();
        let is_granted = |gruu: &Uri| gruu.as_ref().user().is_some_and(|granted| granted == user);
        user == self.contact_user || user == self.settings.user || self.gruu.as_ref().is_some_and(is_granted)
    }

    /// The value of a new Via. JsSIP says WSS whatever the URI's scheme is, and so do we.
    pub(crate) fn via(&self, random: &mut dyn RandomSource) -> String {
        self.hop.via(&random_branch(random))
    }

    /// The last fields of a request of ours: Allow, Supported, User-Agent.
    pub(crate) fn close(&self, request: &mut Request) {
        let supported = self.supported(&request.method);
        self.capabilities.close(&mut request.headers, supported);
    }

    /// Extensions named in a request of this method, or in the answer to one.
    pub(crate) fn supported(&self, method: &Method) -> &'static str {
        match method {
            Method::Register => "path,gruu,outbound",
            Method::Invite if self.gruu.is_some() => "timer,gruu,ice,outbound",
            Method::Invite | Method::Update => "timer,ice,outbound",
            _ => "outbound",
        }
    }
}

fn check_settings(settings: &SipSettings) -> Result<(), SettingsError> {
    let uri = &settings.websocket_uri;
    if !uri.starts_with("wss://") && !uri.starts_with("ws://") {
        return Err(SettingsError::WebSocketUri);
    }
    for (name, text) in [
        (HeaderName::UserAgent, &settings.user_agent),
        (HeaderName::Authorization, &settings.username),
    ] {
        if !is_header_text(text) {
            return Err(SettingsError::Header(name.as_str().to_owned()));
        }
    }
    for (what, text) in [
        ("a user", &settings.user),
        ("a realm", &settings.realm),
        ("a user name", &settings.username),
        ("a user agent", &settings.user_agent),
    ] {
        if text.len() > MAX_TEXT {
            return Err(SettingsError::TooLong(what, MAX_TEXT));
        }
    }
    Ok(())
}

/// A short random name; only the Call-ID and the tags need to be unguessable.
fn name(random: &mut dyn RandomSource, length: usize) -> String {
    let mut name = random_token(random);
    name.truncate(length);
    name
}

/// A UUID of version 4 (RFC 9562 §5.4).
pub(crate) fn uuid(random: &mut dyn RandomSource) -> String {
    let mut bytes = [0; 16];
    random.fill(&mut bytes);
    let number = u128::from_be_bytes(bytes) & !(0xf << 76) & !(0x3 << 62) | (0x4 << 76) | (0x2 << 62);
    let hex = format!("{number:032x}");
    let part = |range| hex.get(range).unwrap_or_default();
    [part(0..8), part(8..12), part(12..16), part(16..20), part(20..32)].join("-")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Counts up, so that what is drawn differs.
    struct Counting(u8);

    impl RandomSource for Counting {
        fn fill(&mut self, bytes: &mut [u8]) {
            for byte in bytes {
                self.0 = self.0.wrapping_add(37);
                *byte = self.0;
            }
        }
    }

    fn settings(user: &str, realm: &str) -> Box<SipSettings> {
        Box::new(SipSettings {
            websocket_uri: "wss://sip.example:8443".into(),
            user: user.into(),
            realm: realm.into(),
            username: "alice".into(),
            password: crate::io::Secret("secret".into()),
            register: true,
            user_agent: "c2c/0.1.0".into(),
            register_expires: 600,
            session_expires: 90,
            local_address: None,
            ice: crate::media::servers::IceConfig::default(),
            reconnect_limit: std::time::Duration::from_secs(60),
            keep_alive: crate::io::KeepAlive::default(),
            refuse_md5: false,
            policy: crate::io::CallPolicy::default(),
        })
    }

    fn identity() -> Identity {
        Identity::new(settings("a b", "realm.example"), "u-1", &mut Counting(0)).unwrap()
    }

    #[test]
    fn the_user_is_escaped_and_recognised() {
        let identity = identity();
        assert_eq!(identity.address_of_record().as_str(), "sip:a%20b@realm.example");
        assert!(identity.is_addressed_by(UriRef::parse("sip:a%20b@x.example;gr=1").unwrap()));
        assert!(!identity.is_addressed_by(UriRef::parse("sip:b@realm.example").unwrap()));
    }

    #[test]
    fn contacts_of_the_answer_match_by_instance_or_user() {
        let identity = identity();
        let own = identity.registration_contact(60);
        assert!(identity.is_ours(&NameAddr::parse(&own).unwrap()));
        let same_instance = r#"<sip:x@y.invalid>;reg-id=1;+sip.instance="<urn:uuid:u-1>""#;
        assert!(identity.is_ours(&NameAddr::parse(same_instance).unwrap()));
        let other_flow = r#"<sip:x@y.invalid>;reg-id=2;+sip.instance="<urn:uuid:u-1>""#;
        assert!(!identity.is_ours(&NameAddr::parse(other_flow).unwrap()));
        assert!(!identity.is_ours(&NameAddr::parse("<sip:x@y.invalid>").unwrap()));
    }

    #[test]
    fn a_granted_gruu_becomes_the_contact() {
        let mut identity = identity();
        assert!(identity.contact().ends_with(".invalid;transport=ws;ob>"));
        let contact = r#"<sip:x@y>;pub-gruu="sip:a@realm.example;gr=urn:uuid:u-1""#;
        identity.grant(&NameAddr::parse(contact).unwrap());
        assert_eq!(identity.contact(), "<sip:a@realm.example;gr=urn:uuid:u-1>");
        assert!(identity.is_addressed_by(UriRef::parse("sip:a@realm.example;gr=urn:uuid:u-1").unwrap()));
        assert!(!identity.is_addressed_by(UriRef::parse("sip:realm.example").unwrap()));
        assert_eq!(identity.supported(&Method::Invite), "timer,gruu,ice,outbound");
    }

    #[test]
    fn bad_settings_are_refused() {
        let refuse = |settings| Identity::new(settings, "u-1", &mut Counting(0)).unwrap_err();
        assert!(matches!(refuse(settings("a", "")), SettingsError::AddressOfRecord(_)));
        assert!(matches!(
            refuse(settings("a", "b c")),
            SettingsError::AddressOfRecord(_)
        ));
        let mut http = settings("a", "b");
        http.websocket_uri = "https://sip.example".into();
        assert_eq!(refuse(http), SettingsError::WebSocketUri);
    }

    #[test]
    fn uuids_say_their_version() {
        let uuid = uuid(&mut Counting(9));
        assert_eq!(uuid.len(), 36);
        assert_eq!(uuid.as_bytes().get(14), Some(&b'4'));
        assert!(matches!(uuid.as_bytes().get(19), Some(b'8' | b'9' | b'a' | b'b')));
    }
}
