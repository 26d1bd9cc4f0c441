//! Which transaction a message belongs to (RFC 3261 §17.1.3, §17.2.3).
use crate::sip::{Headers, Method, Request, Response};

/// Branch and method; on the server's side also who sent it.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct TransactionKey {
    branch: String,
    /// Empty on the client's side: its branches are its own.
    sent_by: String,
    method: Method,
}

impl TransactionKey {
    /// The client transaction of a request that is sent, by its topmost Via.
    pub fn of_sent(request: &Request) -> Self {
        Self {
            branch: branch(&request.headers),
            sent_by: String::new(),
            method: request.method.clone(),
        }
    }

    /// The client transaction that a response answers.
    pub fn of_response(response: &Response) -> Option<Self> {
        let method = response.headers.cseq().ok()?.method;
        Some(Self {
            branch: branch(&response.headers),
            sent_by: String::new(),
            method,
        })
    }

    /// The server transaction of a request that arrived; an ACK has that of its INVITE (if that was not accepted).
    pub fn of_received(request: &Request) -> Self {
        let method = match &request.method {
            Method::Ack => Method::Invite,
            method => method.clone(),
        };
        let via = request.headers.via();
        let sent_by = via.map(|via| format!("{}:{}", via.host().to_ascii_lowercase(), via.port().unwrap_or(0)));
        Self {
            branch: branch(&request.headers),
            sent_by: sent_by.unwrap_or_default(),
            method,
        }
    }

    /// The INVITE that a CANCEL asks to end (RFC 3261 §9.2).
    pub fn cancelled_by(cancel: &Request) -> Self {
        Self {
            method: Method::Invite,
            ..Self::of_received(cancel)
        }
    }

    /// The method.
    pub fn method(&self) -> &Method {
        &self.method
    }
}

/// Whether a request without a To tag came a second time on another path, to be answered 482 (RFC 3261 §8.2.2.2).
pub fn is_merged(new: &Request, ongoing: &Request) -> bool {
    let origin = |request: &Request| {
        let from = request.headers.from().ok()?.tag().map(str::to_owned);
        Some((
            from,
            request.headers.call_id().ok()?.to_owned(),
            request.headers.cseq().ok()?,
        ))
    };
    let is_untagged = new.headers.to().is_ok_and(|to| to.tag().is_none());
    let same_origin = origin(new).is_some_and(|new| Some(new) == origin(ongoing));
    is_untagged && same_origin && TransactionKey::of_received(new) != TransactionKey::of_received(ongoing)
}

/// The topmost branch. Without the cookie of RFC 3261 §8.1.1.7, or with nothing behind it, it is unique only together with
/// what else names a request in RFC 2543.
fn branch(headers: &Headers) -> String {
    let via = headers.via().ok();
    let branch = via.and_then(|via| via.branch()).unwrap_or_default();
    let unique = branch.split_at_checked(COOKIE.len());
    if unique.is_some_and(|(begin, rest)| begin.eq_ignore_ascii_case(COOKIE) && !rest.is_empty()) {
        return branch.to_owned();
    }
    let number = headers.cseq().map_or(0, |cseq| cseq.number);
    let tag = headers.from().ok().and_then(|from| from.tag()).unwrap_or_default();
    format!("{branch} {} {number} {tag}", headers.call_id().unwrap_or_default())
}

const COOKIE: &str = "z9hG4bK";

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::Message;

    fn request(method: &str, via: &str) -> Request {
        let text = format!(
            "{method} sip:b@x SIP/2.0\r\nVia: SIP/2.0/WSS {via}\r\nTo: <sip:b@x>\r\nFrom: <sip:a@x>;tag=1\r\n\
             Call-ID: c\r\nCSeq: 1 {method}\r\n\r\n"
        );
        match Message::parse(text.as_bytes()) {
            Ok(Message::Request(request)) => request,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn an_ack_belongs_to_its_invite_and_a_cancel_does_not() {
        let invite = TransactionKey::of_received(&request("INVITE", "h;branch=z9hG4bK1"));
        assert_eq!(
            TransactionKey::of_received(&request("ACK", "H;branch=z9hG4bK1")),
            invite
        );
        let cancel = request("CANCEL", "h;branch=z9hG4bK1");
        assert_ne!(TransactionKey::of_received(&cancel), invite);
        assert_eq!(TransactionKey::cancelled_by(&cancel), invite);
        assert_ne!(
            TransactionKey::of_received(&request("INVITE", "h:5061;branch=z9hG4bK1")),
            invite
        );
        assert_ne!(
            TransactionKey::of_received(&request("INVITE", "h;branch=z9hG4bK2")),
            invite
        );
    }

    #[test]
    fn a_response_finds_its_request() {
        let sent = request("INFO", "h;branch=z9hG4bK1");
        let response = Response::new(&sent, 200, "OK", Some("t"));
        assert_eq!(
            TransactionKey::of_response(&response),
            Some(TransactionKey::of_sent(&sent))
        );
    }

    #[test]
    fn a_request_on_a_second_path_is_merged() {
        let (one, two) = (
            request("INVITE", "h;branch=z9hG4bK1"),
            request("INVITE", "h;branch=z9hG4bK2"),
        );
        assert!(is_merged(&two, &one) && !is_merged(&one, &one));
        let mut other = two.clone();
        other.headers.set("Call-ID", "d");
        assert!(!is_merged(&other, &one));
        let mut tagged = two;
        tagged.headers.set("To", "<sip:b@x>;tag=2");
        assert!(!is_merged(&tagged, &one));
    }

    #[test]
    fn branches_without_cookie_are_told_apart_by_call() {
        // the second is RFC 4475 §3.2.1, badbranch
        for branch in ["h;branch=1", "h;branch=z9hG4bK", "h"] {
            let (one, mut two) = (request("INVITE", branch), request("INVITE", branch));
            assert_eq!(TransactionKey::of_received(&one), TransactionKey::of_received(&two));
            two.headers.set("Call-ID", "d");
            assert_ne!(TransactionKey::of_received(&one), TransactionKey::of_received(&two));
        }
    }
}
