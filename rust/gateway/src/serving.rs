//! What one connection's client is served: registrar, challenges and calls.
use std::collections::BTreeMap;
use std::time::Instant;

use c2c_proto::io::CallId;
use c2c_proto::media::stats::CallStats;
use c2c_proto::sip::{HeaderName, Message, Method, Request, Response};

use crate::call::{Call, capable, refuse};
use crate::capabilities::SUPPORTED;
use crate::challenger::Challenger;
use crate::context::Context;
use crate::io::GatewayEvent;
use crate::misbehaviour::{Misbehaviour, Moment};
use crate::registrar::{Registered, Registrar};

/// The state of one connection.
pub(crate) struct Serving {
    /// Our tag outside dialogs.
    tag: String,
    registrar: Registrar,
    challenger: Challenger,
    calls: BTreeMap<CallId, Call>,
    next_call: u64,
    was_too_brief: bool,
}

impl Serving {
    /// Calls are numbered from `first_call` on.
    pub(crate) fn new(tag: String, first_call: u64) -> Self {
        Self {
            tag,
            registrar: Registrar::default(),
            challenger: Challenger::default(),
            calls: BTreeMap::new(),
            next_call: first_call,
            was_too_brief: false,
        }
    }

    /// One WebSocket message; what cannot be read is answered if it was a request that tells how, and dropped otherwise.
    pub(crate) fn handle_message(&mut self, bytes: &[u8], context: &mut Context<'_>) {
        match Message::parse(bytes) {
            Ok(Message::Request(request)) => self.handle_request(request, context),
            Ok(Message::Response(response)) => {
                let mut calls = self.calls.values_mut();
                calls.any(|call| call.handle_response(&response, context));
            }
            Err(error) => {
                if let Some(response) = error.response {
                    context.respond(&response);
                }
            }
        }
        self.forget_calls();
    }

    /// The call of this number, if it is there.
    pub(crate) fn call(&mut self, id: CallId) -> Option<&mut Call> {
        self.calls.get_mut(&id)
    }

    pub(crate) fn stats(&self, id: CallId, now: Instant) -> Option<CallStats> {
        self.calls.get(&id)?.stats(now)
    }

    /// Drops calls of which nothing is left.
    pub(crate) fn forget_calls(&mut self) {
        self.calls.retain(|_, call| !call.is_over());
    }

    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>) {
        while let Some(aor) = self.registrar.poll_expired(context.now) {
            context.tell(GatewayEvent::Registered { aor, expires: 0 });
        }
        for call in self.calls.values_mut() {
            call.handle_timeout(context);
        }
        self.forget_calls();
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let calls = self.calls.values().filter_map(Call::poll_timeout);
        calls.chain(self.registrar.poll_timeout()).min()
    }

    /// The connection is gone.
    pub(crate) fn lose(&mut self, context: &mut Context<'_>) {
        for call in self.calls.values_mut() {
            call.lose(context);
        }
        self.calls.clear();
        for aor in self.registrar.clear() {
            context.tell(GatewayEvent::Registered { aor, expires: 0 });
        }
    }

    fn handle_request(&mut self, request: Request, context: &mut Context<'_>) {
        let is_in_dialog = request.headers.to().is_ok_and(|to| to.tag().is_some());
        match request.method {
            Method::Ack => self.handle_ack(&request, context),
            Method::Cancel => self.handle_cancel(&request, context),
            _ if is_in_dialog => self.handle_in_dialog(&request, context),
            Method::Register => self.handle_register(&request, context),
            Method::Invite => self.handle_invite(request, context),
            Method::Options => context.respond(&capable(&request)),
            _ => refuse(&request, context),
        }
    }

    fn handle_ack(&mut self, ack: &Request, context: &mut Context<'_>) {
        if let Some(call) = self.calls.values_mut().find(|call| call.owns(ack)) {
            call.acknowledge(ack, context);
        }
    }

    fn handle_cancel(&mut self, cancel: &Request, context: &mut Context<'_>) {
        match self.calls.values_mut().find(|call| call.is_cancelled_by(cancel)) {
            Some(call) => call.cancel(cancel, context),
            None => self.answer(cancel, 481, "Call/Transaction Does Not Exist", context),
        }
    }

    fn handle_in_dialog(&mut self, request: &Request, context: &mut Context<'_>) {
        match self.calls.values_mut().find(|call| call.owns(request)) {
            Some(call) => call.handle_request(request, context),
            None => self.answer(request, 481, "Call/Transaction Does Not Exist", context),
        }
    }

    fn handle_register(&mut self, request: &Request, context: &mut Context<'_>) {
        if context.settings().misbehaves(&Misbehaviour::IgnoreRegister) {
            return;
        }
        if let Some((status, reason)) = rejects_register(context) {
            return self.refuse(request, status, &reason, context);
        }
        if let Err(response) = self.challenger.judge(request, &self.tag, context) {
            return context.respond(&response);
        }
        if let Some(min_expires) = self.too_brief(context) {
            let mut response = Response::new(request, 423, "Interval Too Brief", Some(&self.tag));
            response.headers.push(HeaderName::MinExpires, min_expires);
            return context.respond(&response);
        }
        self.register(request, context);
    }

    fn register(&mut self, request: &Request, context: &mut Context<'_>) {
        match self
            .registrar
            .handle(request, &self.tag, &context.shared.settings, context.now)
        {
            Registered::Answered(response) => context.respond(&response),
            Registered::Granted { aor, expires, response } => {
                context.respond(&response);
                context.tell(GatewayEvent::Registered { aor, expires });
                if expires > 0 {
                    context.reach(Moment::Registered);
                }
            }
        }
    }

    fn handle_invite(&mut self, invite: Request, context: &mut Context<'_>) {
        if context.settings().misbehaves(&Misbehaviour::IgnoreInvite) {
            return;
        }
        if let Err(response) = self.challenger.judge(&invite, &self.tag, context) {
            return context.respond(&response);
        }
        if let Some(option) = unsupported(&invite) {
            let mut response = Response::new(&invite, 420, "Bad Extension", Some(&self.tag));
            response.headers.push(HeaderName::Unsupported, option);
            return context.respond(&response);
        }
        if self.calls.len() >= MOST_CALLS {
            return self.refuse(&invite, 503, "Too Many Calls", context);
        }
        let id = CallId(self.next_call);
        self.next_call += 1;
        match Call::start(id, invite, context) {
            Ok(call) => {
                self.calls.insert(id, call);
            }
            Err(response) => context.respond(&response),
        }
    }

    /// The Min-Expires of a 423, once.
    fn too_brief(&mut self, context: &Context<'_>) -> Option<u32> {
        let min_expires = context.settings().misbehaviour(|m| match m {
            Misbehaviour::IntervalTooBrief(min_expires) => Some(*min_expires),
            _ => None,
        })?;
        (!std::mem::replace(&mut self.was_too_brief, true)).then_some(min_expires)
    }

    fn refuse(&mut self, request: &Request, status: u16, reason: &str, context: &mut Context<'_>) {
        self.answer(request, status, reason, context);
        let method = request.method.as_str().to_owned();
        context.tell(GatewayEvent::Refused { method, status });
    }

    fn answer(&self, request: &Request, status: u16, reason: &str, context: &mut Context<'_>) {
        context.respond(&Response::new(request, status, reason, Some(&self.tag)));
    }
}

fn rejects_register(context: &Context<'_>) -> Option<(u16, String)> {
    context.settings().misbehaviour(|m| match m {
        Misbehaviour::RejectRegister { status, reason } => Some((*status, reason.clone())),
        _ => None,
    })
}

/// The first option that the client requires and we have not (RFC 3261 §8.2.2.3).
fn unsupported(request: &Request) -> Option<String> {
    let wanted = request.headers.values(HeaderName::Require);
    let is_unknown = |option: &&str| !SUPPORTED.split(',').any(|known| known.eq_ignore_ascii_case(option));
    wanted.filter(|option| is_unknown(option)).map(str::to_owned).next()
}

/// Calls of one connection at a time; one more gets 503.
const MOST_CALLS: usize = 256;
