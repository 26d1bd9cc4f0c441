//! Placing a call.
use std::time::Instant;

use super::UserAgent;
use crate::call::Call;
use crate::call::end::{self, cause};
use crate::io::{CallEnd, CallId, CallState, CallStatus, Event, Originator, Stage};
use crate::media::stats::CallStats;

/// Most live calls of one client; one beyond fails.
const MAX_LIVE: usize = 64;
/// Most calls of one client, with those that are over and wait for late messages (32 s, Timer M of RFC 6026 §8.4).
const MAX_CALLS: usize = 1024;

impl UserAgent {
    /// Places a call, or says at once why it fails.
    pub(super) fn start_call(&mut self, id: CallId, target: &str, headers: Vec<(String, String)>, now: Instant) {
        if let Err(end) = self.try_start_call(id, target, headers, now) {
            self.refuse_call(id, end, now);
        }
    }

    fn try_start_call(
        &mut self,
        id: CallId,
        target: &str,
        headers: Vec<(String, String)>,
        now: Instant,
    ) -> Result<(), CallEnd> {
        let addresses = self.call_addresses();
        let is_open = self.connection.is_open() && !self.is_recovering();
        let session = self.session(now).filter(|_| is_open);
        let (session, mut ctx) = session.ok_or_else(|| end::connection_lost("there is none"))?;
        if session.calls.contains_key(&id) {
            return Ok(());
        }
        let live = session.calls.values().filter(|call| !call.is_over()).count();
        if live >= MAX_LIVE || session.calls.len() >= MAX_CALLS {
            return Err(refusal("this client has too many calls; end some first".to_owned()));
        }
        if addresses.is_empty() {
            let hint = "this machine has no address to call from at the moment; check its network";
            return Err(end::failure(Originator::Local, cause::WEBRTC_ERROR, Stage::Ice, hint));
        }
        let call = Call::start(id, target, headers, &addresses, &mut ctx);
        session
            .calls
            .insert(id, call.map_err(|error| refusal(error.to_string()))?);
        Ok(())
    }

    /// The two events of a call that never was.
    fn refuse_call(&mut self, id: CallId, end: CallEnd, now: Instant) {
        let mut state = CallState {
            call: id,
            status: CallStatus::Init,
            incoming: false,
            started: self.core.clock.wall_at(now),
            answered: None,
            muted: false,
            local_hold: false,
            remote_hold: false,
        };
        self.emit(Event::CallCreated(state));
        state.status = CallStatus::Failed;
        self.emit(Event::Failed(state, end, Box::<CallStats>::default()));
    }
}

fn refusal(hint: String) -> CallEnd {
    let mut end = end::failure(Originator::Local, cause::INTERNAL_ERROR, Stage::Invite, hint);
    end.description = Some(end.hint.clone());
    end
}
