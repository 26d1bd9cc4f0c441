//! Asks for credentials and judges them (RFC 3261 §22, RFC 7616), for one connection.
use std::collections::VecDeque;
use std::time::Instant;

use c2c_proto::sip::digest::{Authorization, Challenge, Qop};
use c2c_proto::sip::identifiers::random_token;
use c2c_proto::sip::{HeaderName, Method, Request, Response};

use crate::context::Context;
use crate::io::GatewayEvent;
use crate::misbehaviour::Misbehaviour;

/// The nonces of one connection.
#[derive(Default)]
pub(crate) struct Challenger {
    nonces: VecDeque<Nonce>,
    was_stale: bool,
}

struct Nonce {
    text: String,
    issued: Instant,
    count: u32,
}

impl Challenger {
    /// `Err` with the response to be sent when the request is not to be let in.
    pub(crate) fn judge(&mut self, request: &Request, tag: &str, context: &mut Context<'_>) -> Result<(), Response> {
        if context.settings().users.is_empty() {
            return Ok(());
        }
        let header = if is_proxied(request, context) {
            HeaderName::ProxyAuthorization
        } else {
            HeaderName::Authorization
        };
        let Some(answer) = request.headers.get_all(header).find_map(Authorization::parse) else {
            return Err(self.challenge(request, tag, false, context));
        };
        if !is_right(&answer, request, context) {
            return Err(self.refuse(request, tag, context));
        }
        if self.is_fresh(&answer, request, context) {
            return Ok(());
        }
        Err(self.challenge(request, tag, true, context))
    }

    /// Each count of a nonce is good once (RFC 7616 §3.4: `nc`).
    fn is_fresh(&mut self, answer: &Authorization, request: &Request, context: &Context<'_>) -> bool {
        let is_wanted_stale = context.settings().misbehaves(&Misbehaviour::StaleNonce);
        if is_wanted_stale && request.method == Method::Register && !std::mem::replace(&mut self.was_stale, true) {
            return false;
        }
        let lifetime = context.settings().challenge.nonce_lifetime;
        let known = self.nonces.iter_mut().find(|nonce| nonce.text == answer.nonce());
        let Some(nonce) = known.filter(|nonce| nonce.issued + lifetime > context.now) else {
            return false;
        };
        let count = answer.count().unwrap_or(nonce.count + 1);
        let is_next = count > nonce.count;
        nonce.count = nonce.count.max(count);
        is_next
    }

    fn refuse(&mut self, request: &Request, tag: &str, context: &mut Context<'_>) -> Response {
        let status = context.settings().challenge.wrong_credentials_status;
        let method = request.method.as_str().to_owned();
        context.tell(GatewayEvent::Refused { method, status });
        if status == 401 {
            return self.challenge(request, tag, false, context);
        }
        Response::new(request, 403, "Forbidden", Some(tag))
    }

    fn challenge(&mut self, request: &Request, tag: &str, stale: bool, context: &mut Context<'_>) -> Response {
        let (mut response, header) = if is_proxied(request, context) {
            let response = Response::new(request, 407, "Proxy Authentication Required", Some(tag));
            (response, HeaderName::ProxyAuthenticate)
        } else {
            (
                Response::new(request, 401, "Unauthorized", Some(tag)),
                HeaderName::WwwAuthenticate,
            )
        };
        let nonce = self.issue(context);
        let settings = context.settings();
        for algorithm in &settings.challenge.algorithms {
            let challenge = Challenge {
                realm: settings.realm.clone(),
                nonce: nonce.clone(),
                opaque: None,
                algorithm: *algorithm,
                qop: if settings.challenge.qop { Qop::Auth } else { Qop::None },
                stale,
            };
            response.headers.push(header, challenge);
        }
        response
    }

    fn issue(&mut self, context: &mut Context<'_>) -> String {
        let text = random_token(context.random);
        if self.nonces.len() >= MOST_NONCES {
            self.nonces.pop_front();
        }
        self.nonces.push_back(Nonce {
            text: text.clone(),
            issued: context.now,
            count: 0,
        });
        text
    }
}

/// Right user, password, realm and URI.
fn is_right(answer: &Authorization, request: &Request, context: &Context<'_>) -> bool {
    let settings = context.settings();
    let user = settings.users.iter().find(|user| user.username == answer.username());
    user.is_some_and(|user| answer.verify(user, &request.method))
        && answer.realm() == settings.realm
        && answer.uri() == request.uri.as_str()
}

fn is_proxied(request: &Request, context: &Context<'_>) -> bool {
    context.settings().challenge.as_proxy && request.method != Method::Register
}

/// Oldest dropped: its credentials are then stale.
const MOST_NONCES: usize = 16;
