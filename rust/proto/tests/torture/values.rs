//! What was read of a message, by a few words that name it.
use c2c_proto::sip::digest::Authorization;
use c2c_proto::sip::{Headers, Message, NameAddr, UriRef, Via};

/// A value as text; `-` for one that is not there, `malformed` for one that cannot be read.
pub(crate) fn value(message: &Message, what: &str) -> String {
    let headers = message.headers();
    let (first, rest) = what.split_once(' ').unwrap_or((what, ""));
    match first {
        "method" | "uri" | "status" | "reason" => start_line(message, first, rest),
        "to" => headers.to().map_or_else(|_| malformed(), |to| of_address(&to, rest)),
        "from" => headers
            .from()
            .map_or_else(|_| malformed(), |from| of_address(&from, rest)),
        "contact" => headers.contact().map_or_else(
            |_| malformed(),
            |contact| contact.map_or_else(|| "-".into(), |contact| of_address(&contact, rest)),
        ),
        "via" => headers.via().map_or_else(|_| malformed(), |via| of_via(&via, rest)),
        "vias" => headers.vias().flatten().count().to_string(),
        "contacts" => headers.contacts().flatten().count().to_string(),
        "call-id" => shown(headers.call_id().ok()),
        "cseq" => headers.cseq().map_or_else(|_| malformed(), |cseq| cseq.to_string()),
        "max-forwards" => number(headers.max_forwards()),
        "content-type" => content_type(headers),
        "credentials" => shown(headers.get("Authorization").and_then(Authorization::parse)),
        "body" => message.body().len().to_string(),
        "header" => shown(headers.get(rest)),
        _ => panic!("what is {what:?}?"),
    }
}

fn start_line(message: &Message, first: &str, rest: &str) -> String {
    match (message, first) {
        (Message::Request(request), "method") => request.method.to_string(),
        (Message::Request(request), _) => of_uri(request.uri.as_ref(), rest),
        (Message::Response(response), "status") => response.status.to_string(),
        (Message::Response(response), _) => response.reason.clone(),
    }
}

fn of_address(address: &NameAddr<'_>, what: &str) -> String {
    match what {
        "display" => shown(address.display_name()),
        "tag" => shown(address.tag()),
        _ => match what.split_once(' ') {
            Some(("param", name)) => param(address.params().has(name), address.params().unquoted(name)),
            Some(("uri", rest)) => of_uri(address.uri(), rest),
            _ => address.uri().to_string(),
        },
    }
}

fn of_uri(uri: UriRef<'_>, what: &str) -> String {
    match what {
        "scheme" => uri.scheme().to_owned(),
        "user" => shown(uri.user()),
        "password" => shown(uri.password()),
        "host" => uri.host().to_owned(),
        "port" => shown(uri.port()),
        "headers" => shown(uri.headers()),
        "" => uri.to_string(),
        _ => {
            let name = what
                .strip_prefix("param ")
                .unwrap_or_else(|| panic!("what is {what:?}?"));
            param(uri.params().has(name), uri.params().get(name))
        }
    }
}

fn of_via(via: &Via<'_>, what: &str) -> String {
    match what {
        "transport" => via.transport().to_owned(),
        "host" => via.host().to_owned(),
        "port" => shown(via.port()),
        name => param(via.params().has(name), via.params().get(name)),
    }
}

fn content_type(headers: &Headers) -> String {
    headers
        .content_type()
        .map_or_else(|_| malformed(), |kind| shown(kind.map(|kind| kind.essence)))
}

fn number<E>(number: Result<Option<u32>, E>) -> String {
    number.map_or_else(|_| malformed(), shown)
}

/// A parameter without a value is empty.
fn param<T: ToString>(is_there: bool, value: Option<T>) -> String {
    if is_there && value.is_none() {
        String::new()
    } else {
        shown(value)
    }
}

fn shown<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(|| "-".to_owned(), |value| value.to_string())
}

fn malformed() -> String {
    "malformed".to_owned()
}
