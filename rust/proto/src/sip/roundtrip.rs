//! What must hold for any bytes: whatever was read prints as something that reads the same, and nothing panics on the way.
//! Fuzz targets, the replay of their corpora and property tests share these.
use super::Dialog;
use super::digest::{Authorization, Challenge};
use super::header::{HeaderName, Headers, is_header_text};
use super::message::{Message, Request, Response};
use super::transaction::TransactionKey;
use super::uri::{Uri, UriRef, escape_user};

/// Reads a message and all that user agents read of it. True when it was refused, or survives printing.
pub fn message_survives(bytes: &[u8]) -> bool {
    let message = match Message::parse(bytes) {
        Ok(message) => message,
        Err(error) => return error.response.is_none_or(|response| !response.to_bytes().is_empty()),
    };
    read_fields(message.headers());
    match &message {
        Message::Request(request) => read_request(request),
        Message::Response(response) => drop(TransactionKey::of_response(response)),
    }
    let printed = message.to_bytes();
    Message::parse(&printed).is_ok_and(|again| again.to_bytes() == printed && unframed(again) == unframed(message))
}

/// Reads a URI. True when the text is none, or the URI equals itself, its owned copy and its rebuilt user and host.
pub fn uri_survives(bytes: &[u8]) -> bool {
    let Ok(text) = std::str::from_utf8(bytes) else {
        return true;
    };
    let Ok(uri) = UriRef::parse(text) else { return true };
    let owned = uri.to_uri();
    let rebuilt = Uri::sip(&uri.user().unwrap_or_default(), uri.host());
    let same_user =
        rebuilt.is_ok_and(|rebuilt| rebuilt.as_ref().user() == uri.user() && rebuilt.as_ref().host() == uri.host());
    let is_request_uri = Uri::parse(uri.to_request_uri().as_str()).is_ok_and(|uri| uri.as_ref().headers().is_none());
    uri.equivalent(uri)
        && owned.as_str() == text
        && Uri::parse(text).is_ok_and(|again| again == owned && again.as_ref().port() == uri.port())
        && uri
            .user()
            .is_none_or(|user| UriRef::parse(&format!("sip:{}@h", escape_user(&user))).is_ok())
        && (!uri.is_sip() || (same_user && is_request_uri))
}

/// Reads a challenge or credentials. True when the text is neither, or what was read prints as something that reads the same.
pub fn digest_survives(bytes: &[u8]) -> bool {
    let text = String::from_utf8_lossy(bytes);
    let challenge = Challenge::parse(&text).is_none_or(|challenge| {
        let printed = challenge.to_string();
        Challenge::parse(&printed) == Some(challenge)
    });
    let credentials = Authorization::parse(&text).is_none_or(|credentials| {
        let printed = credentials.to_string();
        // a count that is no number is printed as it came
        credentials.count().is_none() || Authorization::parse(&printed) == Some(credentials)
    });
    challenge && credentials
}

/// Content-Length is the printer's: it may be new. A reason phrase that may not be printed is left out.
fn unframed(mut message: Message) -> Message {
    match &mut message {
        Message::Request(request) => request.headers.remove(HeaderName::ContentLength),
        Message::Response(response) => {
            if !is_header_text(&response.reason) {
                response.reason.clear();
            }
            response.headers.remove(HeaderName::ContentLength)
        }
    };
    message
}

fn read_fields(headers: &Headers) {
    let _ = (
        headers.max_forwards(),
        headers.expires(),
        headers.min_expires(),
        headers.content_type(),
    );
    let _ = (
        headers.session_expires(),
        headers.min_se(),
        headers.reasons().count(),
        headers.vias().count(),
    );
    let _ = (
        headers.contacts().count(),
        headers.routes().count(),
        headers.record_routes().count(),
    );
    let _ = (
        headers.lists(HeaderName::Supported, "timer"),
        headers.lists(HeaderName::Require, "100rel"),
    );
    for name in [HeaderName::WwwAuthenticate, HeaderName::ProxyAuthenticate] {
        headers
            .get_all(name)
            .filter_map(Challenge::parse)
            .for_each(|challenge| drop(challenge.to_string()));
    }
    for name in [HeaderName::Authorization, HeaderName::ProxyAuthorization] {
        headers
            .get_all(name)
            .filter_map(Authorization::parse)
            .for_each(|answer| drop(answer.to_string()));
    }
}

fn read_request(request: &Request) {
    drop((
        TransactionKey::of_received(request),
        TransactionKey::cancelled_by(request),
    ));
    let _ = request.uri.as_ref().equivalent(request.uri.as_ref());
    if let Ok(mut dialog) = Dialog::from_request(request, "tag", 0) {
        let _ = dialog.handle_request(request);
        drop(dialog.request(request.method.clone(), String::new()).to_bytes());
    }
    let ok = Response::new(request, 200, "OK", Some("tag"));
    drop((Dialog::from_response(request, &ok), ok.to_bytes()));
}
