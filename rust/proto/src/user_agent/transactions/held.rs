//! While there is no connection: requests are begun and wait, and what was under way is repeated, or replaced, on the next one.
use std::time::Instant;

use super::{Client, Machine, Owner, Transactions};
use crate::io::CallId;
use crate::sip::digest::Attempts;
use crate::sip::transaction::ClientTransaction;
use crate::sip::{Reason, Request};

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
    pub(crate) fn resume(&mut self, now: Instant) -> Vec<Vec<u8>> {
        self.hold = Hold::Nothing;
        let mut requests = self.repeat_refusals(now);
        let waits = |client: &&mut Client| !client.is_answered && client.sent.owner != Owner::Registration;
        for client in self.clients.iter_mut().filter(waits) {
            match &mut client.machine {
                Machine::Invite(invite) => {
                    invite.restart(now);
                    if matches!(client.sent.owner, Owner::Reinvite(_)) {
                        requests.push(client.repeat());
                    }
                }
                Machine::Other(other) => {
                    *other = ClientTransaction::new(now);
                    requests.push(client.repeat());
                }
            }
        }
        requests
    }

    /// A call's INVITE that waits for its final response.
    pub(crate) fn repeat_invite(&mut self, call: CallId) -> Option<RepeatedInvite> {
        let client = self.unanswered_invite(call)?;
        let bytes = client.repeat();
        let was_sent = client.is_repeated;
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
            .retain(|client| client.is_sent || client.sent.owner != owner);
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
        self.is_repeated = self.is_sent;
        self.is_sent = true;
        self.sent.request.to_bytes()
    }
}
