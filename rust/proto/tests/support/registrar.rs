//! The server's side of digest and registration, computed here and not by the code under test.
use md5::{Digest, Md5};

use super::messages::{Draft, Heard};

pub(crate) const REALM: &str = "realm.example";
pub(crate) const USERNAME: &str = "digest-user";
pub(crate) const PASSWORD: &str = "sentinel-password";

/// 401 with a challenge for this nonce.
pub(crate) fn challenge(request: &Heard, nonce: &str, more: &str) -> Draft {
    let value = format!("Digest realm=\"{REALM}\", nonce=\"{nonce}\", qop=\"auth\"{more}");
    request
        .reply(401, "Unauthorized")
        .tag("registrar")
        .header("WWW-Authenticate", &value)
}

/// 200 to a REGISTER: its own Contact with an interval.
pub(crate) fn granted(request: &Heard, expires: u32) -> Draft {
    let contact = request.header("Contact");
    let (contact, _) = contact.rsplit_once(";expires=").expect("expires");
    request
        .reply(200, "OK")
        .tag("registrar")
        .header("Contact", &format!("{contact};expires={expires}"))
}

/// Whether a request carries the right answer to a challenge with this nonce (RFC 2617 §3.2.2.1, MD5, qop=auth).
pub(crate) fn is_authorised(request: &Heard, nonce: &str) -> bool {
    let Some(value) = request.get("Authorization") else {
        return false;
    };
    let field = |name: &str| {
        let (_, rest) = value.split_once(&format!("{name}=")).expect(name);
        rest.split(',').next().unwrap().trim_matches('"').to_owned()
    };
    let ha1 = md5(&format!("{USERNAME}:{REALM}:{PASSWORD}"));
    let ha2 = md5(&format!("{}:{}", request.method(), request.second()));
    let (nc, cnonce) = (field("nc"), field("cnonce"));
    let expected = md5(&format!("{ha1}:{nonce}:{nc}:{cnonce}:auth:{ha2}"));
    field("nonce") == nonce && field("uri") == request.second() && field("response") == expected
}

fn md5(text: &str) -> String {
    let digest = Md5::digest(text.as_bytes());
    let digit = |nibble: u8| char::from_digit(u32::from(nibble), 16).unwrap();
    digest
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(byte & 15)])
        .collect()
}
