//! Answers to a TURN client's requests: which are believed, and what follows from them (RFC 8656 §7 to §12).
use std::time::{Duration, Instant};

use rtc_stun::attributes::{ATTR_ALTERNATE_DOMAIN, ATTR_XOR_RELAYED_ADDRESS};

use super::request::{Pending, Question, refresh_after};
use super::{Allocation, Context, Received, TurnClient, TurnEvent};
use crate::media::server_error::ServerError;
use crate::media::stun::message::StunMessage;

/// How often in a row one request is asked anew because the nonce was stale.
const MAX_TRIES: u8 = 4;
/// Longest lifetime that is believed; servers grant an hour at most by default.
const MAX_LIFETIME: Duration = Duration::from_secs(3600);

impl TurnClient {
    /// Takes what may answer the request at this place.
    pub(super) fn handle_response<'a>(
        &mut self,
        mut message: StunMessage,
        position: usize,
        context: &mut Context<'_>,
    ) -> Received<'a> {
        if !self.is_believable(&mut message, position) {
            // as if it had never come (RFC 8489 §9.2.5)
            return Received::Refused;
        }
        if let Some(pending) = self.requests.remove(position) {
            if message.is_success() {
                self.handle_success(pending.question, &message, context);
            } else {
                self.handle_error(&pending, &message, context);
            }
        }
        Received::Taken
    }

    /// Signed requests have signed answers. Challenges cannot be signed; nor are some servers' refusals of an allocation,
    /// and believing those costs no more than a server that is silent.
    fn is_believable(&mut self, message: &mut StunMessage, position: usize) -> bool {
        let Some(pending) = self.requests.get(position) else {
            return false;
        };
        if !message.is_success() && !message.is_error() {
            return false;
        }
        if !pending.is_signed {
            return true;
        }
        let is_challenge = message
            .error_code()
            .is_some_and(|error| matches!(error.code, 401 | 438));
        if message.is_error() && !message.has_integrity() {
            return is_challenge || self.allocation.is_none();
        }
        message.is_error() && is_challenge || self.credential.verifies(message)
    }

    fn handle_success(&mut self, question: Question, message: &StunMessage, context: &mut Context<'_>) {
        match question {
            Question::Allocate => self.handle_allocated(message, context),
            Question::Refresh => self.handle_refreshed(message, context.now),
            Question::Release => self.release(),
            Question::Clear => self.allocate(context),
            Question::Permit(peer) => self.permissions.grant(peer, context.now),
            Question::Bind(_, peer) => {
                self.channels.bind(peer, context.now);
                // a binding installs the permission, too (RFC 8656 §12)
                self.permissions.grant(peer.ip(), context.now);
            }
        }
    }

    fn handle_allocated(&mut self, message: &StunMessage, context: &mut Context<'_>) {
        let lifetime = message.lifetime().filter(|seconds| *seconds > 0);
        let relayed = message.xor_address(ATTR_XOR_RELAYED_ADDRESS);
        let (Some(relayed), Some(lifetime)) = (relayed, lifetime) else {
            let problem = "an Allocate response without relayed address or lifetime";
            self.end(TurnEvent::Failed(ServerError::Malformed(problem)));
            return;
        };
        let refresh = Some(context.now + refresh_after(believed(lifetime)));
        self.allocation = Some(Allocation { relayed, refresh });
        if self.closing.is_some() {
            self.ask(Question::Release, 0, context);
        } else {
            let mapped = message.mapped_address();
            self.events.push_back(TurnEvent::Allocated { relayed, mapped });
        }
    }

    fn handle_refreshed(&mut self, message: &StunMessage, now: Instant) {
        match (message.lifetime().filter(|seconds| *seconds > 0), &mut self.allocation) {
            (Some(lifetime), Some(allocation)) => allocation.refresh = Some(now + refresh_after(believed(lifetime))),
            _ => self.end(TurnEvent::Failed(ServerError::Malformed(
                "a Refresh response without a lifetime",
            ))),
        }
    }

    fn handle_error(&mut self, pending: &Pending, message: &StunMessage, context: &mut Context<'_>) {
        let code = message.error_code().map_or(0, |error| error.code);
        let question = pending.question;
        if self.closing.is_some() && question != Question::Release {
            return self.release();
        }
        let is_challenge = code == 401 && !pending.is_signed || code == 438 && pending.tries < MAX_TRIES;
        if is_challenge && self.credential.accept_challenge(message) {
            self.ask(question, pending.tries + 1, context);
        } else if code == 401 && pending.is_signed {
            self.give_up(question, ServerError::WrongCredential);
        } else if code == 300 && question == Question::Allocate {
            self.redirect(message);
        } else if code == 437 && question == Question::Allocate && !self.has_cleared && pending.is_signed {
            self.has_cleared = true;
            self.ask(Question::Clear, 0, context);
        } else if question == Question::Clear {
            self.allocate(context);
        } else {
            self.give_up(question, ServerError::refused(message));
        }
    }

    /// A question has no good answer.
    pub(super) fn give_up(&mut self, question: Question, error: ServerError) {
        // 437: the server has lost the allocation, whatever it was asked (RFC 8656 §7.3, §10.3)
        let is_lost = matches!(error, ServerError::Refused { code: 437, .. });
        match question {
            Question::Release => self.release(),
            Question::Allocate | Question::Clear | Question::Refresh => self.fail(error),
            Question::Permit(_) | Question::Bind(..) if is_lost => self.fail(error),
            Question::Permit(peer) if error == ServerError::NoAnswer => self.permissions.forget(peer),
            Question::Permit(peer) => {
                self.permissions.refuse(peer);
                if self.permissions.all_refused() {
                    self.events.push_back(TurnEvent::PeersRefused(error));
                }
            }
            Question::Bind(_, peer) => {
                tracing::debug!(%error, "the TURN server binds no channel; Send indications go on");
                self.channels.refuse(peer);
            }
        }
    }

    fn redirect(&mut self, message: &StunMessage) {
        let event = match message.alternate_server() {
            Some(server) => TurnEvent::Redirected {
                server,
                domain: message.text(ATTR_ALTERNATE_DOMAIN),
            },
            None => TurnEvent::Failed(ServerError::refused(message)),
        };
        self.end(event);
    }
}

fn believed(seconds: u32) -> Duration {
    Duration::from_secs(u64::from(seconds)).min(MAX_LIFETIME)
}
