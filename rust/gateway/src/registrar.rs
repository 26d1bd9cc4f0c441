//! Where users can be reached (RFC 3261 §10.3), for one connection; the contact is never used, only echoed.
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use c2c_proto::sip::{HeaderName, NameAddr, Request, Response};

use crate::settings::GatewaySettings;

/// The registrations of one connection.
#[derive(Debug, Default)]
pub(crate) struct Registrar {
    until: BTreeMap<String, Instant>,
}

/// What a REGISTER came to.
#[derive(Debug)]
pub(crate) enum Registered {
    /// Granted for so many seconds; 0 when it was taken back.
    Granted {
        aor: String,
        expires: u32,
        response: Response,
    },
    /// Asked for no change, or makes no sense.
    Answered(Response),
}

impl Registrar {
    /// Registers, refreshes, takes back or looks up.
    pub(crate) fn handle(
        &mut self,
        request: &Request,
        tag: &str,
        settings: &GatewaySettings,
        now: Instant,
    ) -> Registered {
        let Ok(aor) = request.headers.to().map(|to| to.uri().as_str().to_owned()) else {
            return answered(request, 400, "Bad To", tag);
        };
        if request.headers.get(HeaderName::Contact) == Some("*") {
            return self.take_back(aor, request, tag);
        }
        let Ok(contact) = request.headers.contact() else {
            return answered(request, 400, "Bad Contact", tag);
        };
        let Some(contact) = contact else {
            return answered(request, 200, "OK", tag);
        };
        let expires = asked_expires(&contact, request).min(settings.register_expires);
        if expires == 0 {
            return self.take_back(aor, request, tag);
        }
        if self.until.len() >= MOST_USERS && !self.until.contains_key(&aor) {
            return answered(request, 503, "Max Devices Registered", tag);
        }
        self.until
            .insert(aor.clone(), now + Duration::from_secs(u64::from(expires)));
        Registered::Granted {
            aor,
            expires,
            response: granted(request, &contact, expires, tag),
        }
    }

    /// An address-of-record whose registration has run out.
    pub(crate) fn poll_expired(&mut self, now: Instant) -> Option<String> {
        let aor = self.until.iter().find(|(_, until)| **until <= now)?.0.clone();
        self.until.remove(&aor);
        Some(aor)
    }

    /// When the next one runs out.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.until.values().min().copied()
    }

    /// Forgets all, and says which there were.
    pub(crate) fn clear(&mut self) -> Vec<String> {
        std::mem::take(&mut self.until).into_keys().collect()
    }

    fn take_back(&mut self, aor: String, request: &Request, tag: &str) -> Registered {
        self.until.remove(&aor);
        Registered::Granted {
            aor,
            expires: 0,
            response: Response::new(request, 200, "OK", Some(tag)),
        }
    }
}

fn asked_expires(contact: &NameAddr<'_>, request: &Request) -> u32 {
    let of_contact = contact.params().get("expires").and_then(|text| text.parse().ok());
    of_contact
        .or_else(|| request.headers.expires().ok().flatten())
        .unwrap_or(DEFAULT_EXPIRES)
}

/// 200 with the contact as it came but for its `expires` (RFC 3261 §10.3 step 8), as outbound clients ask (RFC 5626 §6).
fn granted(request: &Request, contact: &NameAddr<'_>, expires: u32, tag: &str) -> Response {
    let mut response = Response::new(request, 200, "OK", Some(tag));
    let mut value = format!("<{}>;expires={expires}", contact.uri().as_str());
    for (name, text) in contact.params().iter().filter(|(name, _)| *name != "expires") {
        value.push(';');
        value.push_str(name);
        if let Some(text) = text {
            value.push('=');
            value.push_str(text);
        }
    }
    response.headers.push(HeaderName::Contact, value);
    if contact.params().has("reg-id") {
        response.headers.push(HeaderName::Supported, "outbound");
        response.headers.push(HeaderName::Require, "outbound");
    }
    response
}

fn answered(request: &Request, status: u16, reason: &str, tag: &str) -> Registered {
    Registered::Answered(Response::new(request, status, reason, Some(tag)))
}

/// RFC 3261 §10.2.1.1.
const DEFAULT_EXPIRES: u32 = 3600;
const MOST_USERS: usize = 16;

#[cfg(test)]
mod tests {
    use c2c_proto::sip::Message;

    use super::*;

    fn request(contact: &str) -> Request {
        let text = format!(
            "REGISTER sip:r.example SIP/2.0\r\nVia: SIP/2.0/WSS x.invalid;branch=z9hG4bK1\r\nTo: <sip:u@r.example>\r\n\
             From: <sip:u@r.example>;tag=1\r\nCall-ID: c\r\nCSeq: 2 REGISTER\r\nExpires: 700\r\n{contact}\r\n"
        );
        match Message::parse(text.as_bytes()).unwrap() {
            Message::Request(request) => request,
            Message::Response(_) => panic!("a response"),
        }
    }

    fn register(registrar: &mut Registrar, contact: &str, now: Instant) -> (Option<u32>, Response) {
        match registrar.handle(&request(contact), "t", &GatewaySettings::default(), now) {
            Registered::Granted { expires, response, .. } => (Some(expires), response),
            Registered::Answered(response) => (None, response),
        }
    }

    const CONTACT: &str =
        "Contact: <sip:o@x.invalid;transport=ws>;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:a>\";expires=60\r\n";

    #[test]
    fn echoes_the_contact_and_expires_it() {
        let (mut registrar, now) = (Registrar::default(), Instant::now());
        let (expires, response) = register(&mut registrar, CONTACT, now);
        assert_eq!((expires, response.status), (Some(60), 200));
        assert_eq!(
            response.headers.get(HeaderName::Contact),
            Some("<sip:o@x.invalid;transport=ws>;expires=60;+sip.ice;reg-id=1;+sip.instance=\"<urn:uuid:a>\"")
        );
        assert_eq!(registrar.poll_expired(now), None);
        let due = registrar.poll_timeout().unwrap();
        assert_eq!(due, now + Duration::from_secs(60));
        assert_eq!(registrar.poll_expired(due).as_deref(), Some("sip:u@r.example"));
        assert_eq!(registrar.poll_timeout(), None);
    }

    #[test]
    fn grants_no_more_than_the_limit() {
        let contact = "Contact: <sip:o@x.invalid>\r\n";
        assert_eq!(
            register(&mut Registrar::default(), contact, Instant::now()).0,
            Some(600)
        );
    }

    #[test]
    fn takes_back_and_looks_up() {
        let (mut registrar, now) = (Registrar::default(), Instant::now());
        register(&mut registrar, CONTACT, now);
        assert_eq!(register(&mut registrar, "", now).0, None);
        assert!(registrar.poll_timeout().is_some());
        let (expires, response) = register(&mut registrar, &CONTACT.replace("=60", "=0"), now);
        assert_eq!((expires, response.headers.get(HeaderName::Contact)), (Some(0), None));
        assert_eq!(registrar.poll_timeout(), None);
    }
}
