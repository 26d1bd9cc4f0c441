//! What a client told of its calls, and whether that makes sense.
use std::collections::BTreeMap;

use crate::io::{CallId, Event, Output};

/// All calls of one run.
#[derive(Default)]
pub(super) struct Ledger {
    lives: BTreeMap<CallId, Life>,
    line: Line,
    is_broken: bool,
}

/// The connection, as it was told.
#[derive(Default)]
struct Line {
    is_connected: bool,
    is_reconnecting: bool,
    was_asked: bool,
}

/// One call, as it was told.
#[derive(Default)]
struct Life {
    is_created: bool,
    is_answered: bool,
    is_ended: bool,
    is_ticking: bool,
    has_sockets: bool,
    is_released: bool,
}

impl Ledger {
    pub(super) fn note(&mut self, output: &Output<Event>) {
        let is_legal = match output {
            Output::Event(event) => match event.call() {
                Some(call) => self.life(call).note(event),
                None => self.line.note(event),
            },
            Output::BindUdp { call, .. } => self.life(*call).bind(),
            Output::StartTicking(call) => !std::mem::replace(&mut self.life(*call).is_ticking, true),
            Output::StopTicking(call) => std::mem::take(&mut self.life(*call).is_ticking),
            Output::Release(call) => !std::mem::replace(&mut self.life(*call).is_released, true),
            _ => true,
        };
        self.is_broken |= !is_legal;
    }

    /// Whether that many calls of ours were told of, each from its beginning to its end, as those of the far side's, and
    /// gave back what they had.
    pub(super) fn is_legal(&self, calls: u64) -> bool {
        let placed = self.lives.keys().filter(|call| **call < CallId::FIRST_INCOMING).count();
        !self.is_broken && placed as u64 == calls && self.is_at_rest()
    }

    /// Whether each call has ended and gave back what it had.
    pub(super) fn is_at_rest(&self) -> bool {
        let is_over = |life: &Life| life.is_ended && !life.is_ticking && life.has_sockets == life.is_released;
        self.lives.values().all(is_over)
    }

    /// All calls that were told of.
    pub(super) fn calls(&self) -> Vec<CallId> {
        self.lives.keys().copied().collect()
    }

    /// How many calls were answered, and how many are over.
    #[cfg(test)]
    pub(super) fn counts(&self) -> (usize, usize) {
        let count = |is: fn(&Life) -> bool| self.lives.values().filter(|life| is(life)).count();
        (count(|life| life.is_answered), count(|life| life.is_ended))
    }

    fn life(&mut self, call: CallId) -> &mut Life {
        self.lives.entry(call).or_default()
    }
}

impl Line {
    /// Whether an event may come now: a loss is told once, is followed by one end, and asks for settings once.
    fn note(&mut self, event: &Event) -> bool {
        let was_connected = self.is_connected;
        match event {
            Event::Connecting => !was_connected,
            Event::Connected => !std::mem::replace(&mut self.is_connected, true),
            Event::Disconnected {
                code: None,
                reason: None,
            } => {
                *self = Self::default();
                true
            }
            Event::Disconnected { .. } => std::mem::take(&mut self.is_connected),
            Event::Reconnecting { .. } => !was_connected && !std::mem::replace(&mut self.is_reconnecting, true),
            Event::Reconnected => {
                self.was_asked = false;
                was_connected && std::mem::take(&mut self.is_reconnecting)
            }
            // a refused refresh asks on a connection that stands, and may again when the next one is refused
            Event::SettingsRefused { .. } if !self.is_reconnecting => was_connected,
            Event::SettingsRefused { .. } => !std::mem::replace(&mut self.was_asked, true),
            Event::ConnectFailed(failure) if failure.is_final => {
                (self.is_reconnecting, self.was_asked) = (false, false);
                !was_connected
            }
            Event::RegistrationFailed { .. } => {
                (self.is_reconnecting, self.was_asked) = (false, false);
                true
            }
            _ => true,
        }
    }
}

impl Life {
    /// More sockets are for another path, which only an answered call looks for.
    fn bind(&mut self) -> bool {
        !std::mem::replace(&mut self.has_sockets, true) || (self.is_answered && !self.is_ended)
    }

    /// Whether an event may come now.
    fn note(&mut self, event: &Event) -> bool {
        let (was_created, was_answered) = (self.is_created, self.is_answered);
        let may_come = !self.is_ended
            && match event {
                Event::CallCreated(_) => !was_created,
                Event::Answered(_) | Event::Ringing(_) | Event::Failed(..) => was_created && !was_answered,
                Event::Ended(..) | Event::InfoSent { .. } | Event::InfoReceived { .. } => was_answered,
                _ => was_created,
            };
        self.is_created = true;
        self.is_answered |= matches!(event, Event::Answered(_));
        self.is_ended |= matches!(event, Event::Ended(..) | Event::Failed(..));
        may_come
    }
}
