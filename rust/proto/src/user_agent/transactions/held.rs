//! While there is no connection: requests are begun and wait, and what was under way is repeated, or replaced, on the next one.
use std::time::Instant;

use super::{Answer, Client, Machine, Owner, Transactions};
use crate::io::CallId;
use crate::sip::digest::Attempts;
use crate::sip::transaction::ClientTransaction;
use crate::sip::{Reason, Request};

/// On how many connections a request is sent: it may be what costs them.
const MAX_CONNECTIONS: u8 = 3;
/// Most bytes of INFO that leave at once when the connection is back; the driver's queue takes twice as many.
pub(crate) const MAX_HELD_BYTES: usize = 256 * 1024;

/// What may leave.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub(crate) enum Hold {
    /// Everything.
    #[default]
    Nothing,
    /// Requests wait until we are registered again.
    Requests,
    /// There is no connection.
    All,
}

/// What follows from the end of a loss.
pub(crate) struct Resumed {
    /// To be sent, in this order.
    pub(crate) requests: Vec<Vec<u8>>,
    /// Given up.
    pub(crate) failed: Vec<Answer>,
}

/// An INVITE to be sent again.
pub(crate) struct RepeatedInvite {
    pub(crate) bytes: Vec<u8>,
    /// Whether it left before, on another connection.
    pub(crate) was_sent: bool,
}

impl Transactions {
    pub(crate) fn is_held(&self) -> bool {
        self.hold != Hold::Nothing
    }

    /// Whether responses and ACKs may leave.
    pub(crate) fn is_connected(&self) -> bool {
        self.hold != Hold::All
    }

    /// Whether a request of this owner may leave.
    pub(crate) fn may_send(&self, owner: Owner) -> bool {
        match self.hold {
            Hold::Nothing => true,
            Hold::Requests => owner == Owner::Registration,
            Hold::All => false,
        }
    }

    pub(crate) fn hold(&mut self, hold: Hold) {
        self.hold = hold;
    }

    /// The connection is lost. What is made anew on the next one ends here: registration and session refresh.
    pub(crate) fn suspend(&mut self) {
        self.hold = Hold::All;
        self.clients
            .retain(|client| !matches!(client.sent.owner, Owner::Registration | Owner::Update(_)));
    }

    /// The connection is back: the requests that wait for an answer or were never sent, in their order, behind our refusals. The INVITEs
    /// that make calls are for these to repeat.
    pub(crate) fn resume(&mut self, now: Instant) -> Resumed {
        self.hold = Hold::Nothing;
        let failed = self.give_up_repeats();
        let mut requests = self.repeat_refusals(now);
        let waits = |client: &&mut Client| !client.is_answered && client.sent.owner != Owner::Registration;
        for client in self.clients.iter_mut().filter(waits) {
            match &mut client.machine {
                Machine::Invite(invite) => invite.restart(now),
                Machine::Other(other) => *other = ClientTransaction::new(now),
            }
            if !client.is_call() {
                requests.push(client.repeat());
            }
        }
        Resumed { requests, failed }
    }

    /// Gives up what was sent on so many connections in vain, and INFO that is too much for one.
    fn give_up_repeats(&mut self) -> Vec<Answer> {
        let mut bytes = 0;
        let given_up = self.clients.extract_if(.., |client| {
            let is_worn = client.connections >= MAX_CONNECTIONS && !client.is_answered && !client.is_call();
            if client.is_info() && !is_worn {
                bytes += client.sent.request.body.len();
            }
            is_worn || (client.is_info() && bytes > MAX_HELD_BYTES)
        });
        given_up.map(|client| client.unanswered()).collect()
    }

    /// A call's INVITE that waits for its final response.
    pub(crate) fn repeat_invite(&mut self, call: CallId) -> Option<RepeatedInvite> {
        let client = self.unanswered_invite(call)?;
        let bytes = client.repeat();
        let was_sent = client.is_repeated();
        Some(RepeatedInvite { bytes, was_sent })
    }

    /// Gives a call's INVITE up, of which nothing was heard on the new connection: its CANCEL, and its body. None without
    /// one, or when it never left.
    pub(crate) fn abandon(
        &mut self,
        call: CallId,
        reason: Option<&Reason<'_>>,
        now: Instant,
    ) -> Option<(Request, Vec<u8>)> {
        let client = self.unanswered_invite(call)?;
        let Machine::Invite(invite) = &mut client.machine else {
            return None;
        };
        let cancel = invite.abandon(reason, now)?;
        client.sent.owner = Owner::Abandoned(call);
        Some((cancel, client.sent.request.body.clone()))
    }

    /// Whether an INVITE was accepted so lately that its 2xx may come again.
    pub(crate) fn is_accepted(&self, owner: Owner) -> bool {
        self.clients
            .iter()
            .any(|client| client.sent.owner == owner && client.is_answered)
    }

    /// Forgets the INVITE of a call that is over if it never left.
    pub(crate) fn forget_unsent_invite(&mut self, call: CallId) {
        let owner = Owner::Invite(call);
        self.clients
            .retain(|client| client.connections > 0 || client.sent.owner != owner);
    }

    /// Forgets all requests of calls, and those for them.
    pub(crate) fn forget_calls(&mut self) {
        self.servers.clear();
        self.clients.retain(|client| client.sent.owner == Owner::Registration);
    }

    /// The refusals whose ACK has not come: they may be lost with the connection.
    fn repeat_refusals(&mut self, now: Instant) -> Vec<Vec<u8>> {
        let machines = self.servers.iter_mut().map(|server| &mut server.machine);
        machines.filter_map(|machine| machine.repeat_refusal(now)).collect()
    }

    fn unanswered_invite(&mut self, call: CallId) -> Option<&mut Client> {
        let owner = Owner::Invite(call);
        self.clients
            .iter_mut()
            .find(|client| client.sent.owner == owner && !client.is_answered)
    }
}

impl Client {
    /// Its bytes, to be sent now, perhaps again. The server may have forgotten the nonce with the connection: it may ask anew.
    fn repeat(&mut self) -> Vec<u8> {
        self.sent.attempts = Attempts::default();
        self.connections = self.connections.saturating_add(1);
        self.sent.request.to_bytes()
    }

    /// Whether it left on another connection before, so that the far side may have had it.
    pub(super) fn is_repeated(&self) -> bool {
        self.connections > 1
    }

    pub(super) fn is_info(&self) -> bool {
        matches!(self.sent.owner, Owner::Info(..))
    }

    /// What its owner gets when no answer came.
    pub(super) fn unanswered(&self) -> Answer {
        Answer {
            sent: self.sent.clone(),
            response: None,
            is_repeated: self.is_repeated(),
        }
    }

    /// Whether it is an INVITE that makes a call, or made one that was replaced.
    fn is_call(&self) -> bool {
        matches!(self.machine, Machine::Invite(_)) && !matches!(self.sent.owner, Owner::Reinvite(_))
    }
}
