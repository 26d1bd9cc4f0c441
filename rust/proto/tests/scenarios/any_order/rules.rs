//! What must hold of what a client told and sent.
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use crate::support::Heard;
use c2c_proto::io::{CallId, Event};

/// How exactly it is known when something was sent.
pub(super) const PRECISION: Duration = Duration::from_millis(500);
/// Timer B: how long an INVITE's transaction lives without an answer (RFC 3261 §17.1.1.2), less what is not known exactly.
const TIMEOUT: Duration = Duration::from_secs(31);

/// Our INVITEs in dialogs: there is never a second one while the first has no final response (RFC 3261 §14.1).
#[derive(Default)]
pub(super) struct Invites {
    /// The last one of each dialog, by Call-ID.
    last: BTreeMap<String, Reinvite>,
    /// How many were sent, and how many accepted.
    pub(super) sent: usize,
    pub(super) accepted: usize,
}

struct Reinvite {
    cseq: u32,
    /// When its transaction ends by itself; not while there is a provisional response.
    until: Option<Instant>,
    is_answered: bool,
}

impl Invites {
    /// Takes a request of ours.
    pub(super) fn heard(&mut self, request: &Heard, now: Instant) {
        let is_in_dialog = request.header("To").contains(";tag=");
        let call = request.header("Call-ID");
        match (request.method(), self.last.get_mut(call)) {
            // sent again on another connection, or cancelled: it ends within that time
            ("INVITE" | "CANCEL", Some(last)) if last.cseq == request.cseq() => last.until = Some(now + TIMEOUT),
            ("INVITE", last) if is_in_dialog => {
                if let Some(last) = last {
                    let is_over = last.is_answered || last.until.is_some_and(|until| until <= now);
                    assert!(is_over, "INVITE {} while {} has no answer", request.cseq(), last.cseq);
                }
                self.sent += 1;
                let invite = Reinvite {
                    cseq: request.cseq(),
                    until: Some(now + TIMEOUT),
                    is_answered: false,
                };
                self.last.insert(call.to_owned(), invite);
            }
            _ => {}
        }
    }

    /// An INVITE of ours got a response.
    pub(super) fn answered(&mut self, invite: &Heard, status: u16) {
        let last = self.last.get_mut(invite.header("Call-ID"));
        if let Some(last) = last.filter(|last| last.cseq == invite.cseq()) {
            self.accepted += usize::from((200..300).contains(&status) && !last.is_answered);
            last.is_answered |= status >= 200;
            last.until = last.until.filter(|_| status >= 200);
        }
    }
}

/// A call is made, perhaps rings, perhaps is answered once, and ends once, with nothing behind it.
pub(super) fn check_life(life: &[String]) {
    let count = |word: &str| life.iter().filter(|event| event.starts_with(word)).count();
    let at = |word: &str| life.iter().position(|event| event.starts_with(word));
    let last = life.last().unwrap();
    assert_eq!((at("CallCreated"), count("CallCreated")), (Some(0), 1), "{life:?}");
    assert_eq!(count("Ended") + count("Failed"), 1, "{life:?}");
    assert!(last.starts_with("Ended") || last.starts_with("Failed"), "{life:?}");
    assert!(
        count("Answered") <= 1 && count("TrackAdded") <= 1 && count("MediaConnected") <= 1,
        "{life:?}"
    );
    assert_eq!(count("Answered"), count("Ended"), "{life:?}");
    if let Some(answered) = at("Answered") {
        assert!(at("TrackAdded").is_some_and(|track| track < answered), "{life:?}");
        let ringing = life.iter().rposition(|event| event == "Ringing");
        assert!(ringing.is_none_or(|ringing| ringing < answered), "{life:?}");
    }
    let needs_answer = count("InfoSent") + count("DtmfSent") + count("DtmfReceived") + count("HoldChanged");
    assert!(needs_answer == 0 || count("Answered") == 1, "{life:?}");
}

/// Each `HoldChanged` is a change.
pub(super) fn check_hold(events: &[Event]) {
    let mut held: BTreeMap<CallId, bool> = BTreeMap::new();
    for event in events {
        match event {
            Event::Answered(state) => assert_eq!(held.insert(state.call, state.remote_hold), None),
            Event::HoldChanged(state) => {
                assert_eq!(held.insert(state.call, state.remote_hold), Some(!state.remote_hold));
            }
            _ => {}
        }
    }
}

/// The connection's events come in an order that makes sense.
pub(super) fn check_line(events: &[Event]) {
    let (mut connected, mut registered, mut reconnecting) = (false, false, false);
    for event in events {
        match event {
            Event::Connecting => assert!(!connected),
            Event::Connected => {
                assert!(!connected && !registered);
                connected = true;
            }
            Event::Registered => {
                assert!(connected && !registered);
                registered = true;
            }
            Event::Unregistered => assert!(std::mem::take(&mut registered)),
            Event::Reconnecting { .. } => {
                assert!(!connected && !registered && !reconnecting);
                reconnecting = true;
            }
            Event::Reconnected => assert!(connected && std::mem::take(&mut reconnecting)),
            Event::SettingsRefused { .. } => assert!(connected || reconnecting),
            Event::RegistrationFailed { .. } => reconnecting = false,
            Event::ConnectFailed(failure) if failure.is_final => reconnecting = false,
            Event::Disconnected { code, reason } => {
                connected = false;
                // the answer to `Disconnect`
                reconnecting &= code.is_some() || reason.is_some();
            }
            _ => {}
        }
    }
    assert!(!connected && !registered);
}
