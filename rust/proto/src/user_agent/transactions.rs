//! The transactions that are under way on one connection.
mod held;

use std::collections::BTreeSet;
use std::time::Instant;

pub(crate) use held::{Hold, MAX_HELD_BYTES, Resumed};

use crate::io::CallId;
use crate::sip::digest::Attempts;
use crate::sip::transaction::{
    ClientTransaction, Expiry, InviteClientTransaction, InviteResponse, InviteServerTransaction, ResponseClass,
    Retransmission, TransactionKey, is_merged,
};
use crate::sip::{Method, Reason, Request, Response};

/// Most client transactions without a final response; a request beyond fails. What ends things always gets through: there is
/// at most one BYE and one CANCEL a call. The BYEs of branches that lost are as many as the far side likes, so that they stop
/// at [`MAX_CLIENTS`].
const MAX_UNANSWERED: usize = 96;
/// Most client transactions, with those that wait for their answer to come again (RFC 6026 §7.2).
const MAX_CLIENTS: usize = 2048;
/// Most INVITEs being answered at once; one beyond is answered without a transaction (RFC 3261 §8.2.7).
const MAX_SERVERS: usize = 32;

/// Whose request it is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Owner {
    Registration,
    Invite(CallId),
    Cancel(CallId),
    Bye(CallId),
    /// BYE in the dialog of a branch that lost.
    Stray(CallId),
    Info(CallId, u64),
    /// INFO with a tone, of those that were asked for by this number.
    Tone(CallId, u64),
    Update(CallId),
    /// INVITE in the dialog, with an ICE restart.
    Reinvite(CallId),
    /// An INVITE that another one of the call has replaced.
    Abandoned(CallId),
}

/// A request of ours with what has been tried to authenticate it.
#[derive(Clone, Debug)]
pub(crate) struct Sent {
    pub(crate) owner: Owner,
    pub(crate) request: Request,
    pub(crate) attempts: Attempts,
}

/// What became of a request of ours.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) sent: Sent,
    /// `None` when nobody answered in time.
    pub(crate) response: Option<Response>,
    /// The request was sent on more than one connection, so the far side may have had it before.
    pub(crate) is_repeated: bool,
}

/// What a request that arrived means to the transactions.
#[derive(PartialEq, Eq, Debug)]
pub(crate) enum Received {
    /// Nobody's yet.
    New(Request),
    /// Nothing to do.
    Absorbed,
    /// The same bytes again.
    Send(Vec<u8>),
}

enum Machine {
    Invite(InviteClientTransaction),
    Other(ClientTransaction),
}

struct Client {
    key: TransactionKey,
    sent: Sent,
    machine: Machine,
    /// Whether the final response came (an accepted INVITE stays for further ones).
    is_answered: bool,
    /// How many connections it left on.
    connections: u8,
}

struct Server {
    key: TransactionKey,
    machine: InviteServerTransaction,
}

/// All transactions of one connection; few enough to be searched one by one, in the order in which they began.
#[derive(Default)]
pub(crate) struct Transactions {
    clients: Vec<Client>,
    servers: Vec<Server>,
    hold: Hold,
}

impl Transactions {
    /// Starts one for a request of ours and gives its bytes; `None` when there are too many.
    pub(crate) fn start(&mut self, sent: Sent, now: Instant) -> Option<Vec<u8>> {
        if !self.has_room_for(sent.owner) {
            return None;
        }
        let bytes = sent.request.to_bytes();
        let machine = if sent.request.method == Method::Invite {
            Machine::Invite(InviteClientTransaction::new(sent.request.clone(), now))
        } else {
            Machine::Other(ClientTransaction::new(now))
        };
        let connections = u8::from(self.may_send(sent.owner));
        self.clients.push(Client {
            key: TransactionKey::of_sent(&sent.request),
            sent,
            machine,
            is_answered: false,
            connections,
        });
        Some(bytes)
    }

    fn has_room_for(&self, owner: Owner) -> bool {
        let unanswered = self.clients.iter().filter(|client| !client.is_answered).count();
        let is_urgent = matches!(owner, Owner::Stray(_)) || unanswered < MAX_UNANSWERED;
        owner.ends_something() || (is_urgent && self.clients.len() < MAX_CLIENTS)
    }

    /// Takes a response: what it says to the owner of its request, and an ACK to be sent.
    pub(crate) fn handle_response(&mut self, response: Response, now: Instant) -> (Option<Answer>, Option<Vec<u8>>) {
        let key = TransactionKey::of_response(&response);
        let Some(client) = self.clients.iter_mut().find(|client| Some(&client.key) == key.as_ref()) else {
            return (None, None);
        };
        client.is_answered |= !response.is_provisional();
        let (is_for_owner, ack) = client.machine.handle_response(&response, now);
        let sent = is_for_owner.then(|| (client.sent.clone(), client.is_repeated()));
        self.clients.retain(|client| !client.machine.is_terminated());
        let answer = sent.map(|(sent, is_repeated)| Answer {
            sent,
            response: Some(response),
            is_repeated,
        });
        (answer, ack)
    }

    /// The CANCEL of an INVITE, once there was a provisional response and before the final one.
    pub(crate) fn cancel(&mut self, owner: Owner, reason: Option<&Reason<'_>>, now: Instant) -> Option<Request> {
        let mut clients = self.clients.iter_mut();
        clients.find_map(|client| match &mut client.machine {
            Machine::Invite(invite) if client.sent.owner == owner => invite.cancel(reason, now),
            _ => None,
        })
    }

    /// Takes a request: whether it belongs to an INVITE that is being answered.
    pub(crate) fn handle_request(&mut self, request: Request) -> Received {
        let key = TransactionKey::of_received(&request);
        let Some(server) = self.servers.iter_mut().find(|server| server.key == key) else {
            return Received::New(request);
        };
        let meaning = server.machine.handle_request(&request);
        self.servers.retain(|server| !server.machine.is_terminated());
        match meaning {
            Retransmission::Send(bytes) => Received::Send(bytes),
            Retransmission::AckForUser => Received::New(request),
            Retransmission::Absorbed | Retransmission::Acknowledged => Received::Absorbed,
        }
    }

    /// Whether a request came before on another path (RFC 3261 §8.2.2.2).
    pub(crate) fn has_merged(&self, request: &Request) -> bool {
        let mut ongoing = self.servers.iter().map(|server| server.machine.invite());
        ongoing.any(|ongoing| is_merged(request, ongoing))
    }

    /// Whether the INVITE that a CANCEL names is known.
    pub(crate) fn knows_cancelled(&self, cancel: &Request) -> bool {
        let key = TransactionKey::cancelled_by(cancel);
        self.servers.iter().any(|server| server.key == key)
    }

    /// The bytes of a response to a request; starts a transaction where one is needed to wait for an ACK.
    pub(crate) fn respond(&mut self, request: &Request, response: &Response, now: Instant) -> Vec<u8> {
        if request.method != Method::Invite {
            return response.to_bytes();
        }
        let key = TransactionKey::of_received(request);
        if let Some(server) = self.servers.iter_mut().find(|server| server.key == key) {
            let bytes = server.machine.respond(response, now);
            return bytes.unwrap_or_else(|| response.to_bytes());
        }
        if self.servers.len() >= MAX_SERVERS {
            return response.to_bytes();
        }
        let mut machine = InviteServerTransaction::new(request.clone());
        let bytes = machine.respond(response, now);
        self.servers.push(Server { key, machine });
        bytes.unwrap_or_else(|| response.to_bytes())
    }

    /// The calls that have requests under way.
    pub(crate) fn busy(&self) -> BTreeSet<CallId> {
        let owners = self.clients.iter().map(|client| client.sent.owner);
        owners.filter_map(Owner::call).collect()
    }

    /// Whether a request of this owner waits for its final response.
    pub(crate) fn is_unanswered(&self, owner: Owner) -> bool {
        self.clients
            .iter()
            .any(|client| client.sent.owner == owner && !client.is_answered)
    }

    /// How many there are, of both sides.
    pub(crate) fn len(&self) -> usize {
        self.clients.len() + self.servers.len()
    }

    /// Whether every request of ours has its final response.
    pub(crate) fn is_quiet(&self) -> bool {
        self.clients.iter().all(|client| client.is_answered)
    }

    /// How many bytes of INFO wait for their answers, of all calls.
    pub(crate) fn info_bytes(&self) -> usize {
        let infos = self.clients.iter().filter(|client| client.is_info());
        infos.map(|client| client.sent.request.body.len()).sum()
    }

    /// How many INFO requests of a call wait for their answers.
    pub(crate) fn infos(&self, call: CallId) -> usize {
        let is_info = |client: &&Client| matches!(client.sent.owner, Owner::Info(id, _) if id == call);
        self.clients.iter().filter(is_info).count()
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let running = self.clients.iter().filter(|client| self.may_send(client.sent.owner));
        let clients = running.filter_map(|client| client.machine.poll_timeout());
        let servers = self.servers.iter().filter(|_| self.is_connected());
        let servers = servers.filter_map(|server| server.machine.poll_timeout());
        clients.chain(servers).min()
    }

    /// Ends what is due; gives the requests that nobody answered.
    pub(crate) fn handle_timeout(&mut self, now: Instant) -> Vec<Answer> {
        if self.is_connected() {
            for server in &mut self.servers {
                // an unacknowledged refusal is nobody's trouble
                server.machine.handle_timeout(now);
            }
        }
        self.servers.retain(|server| !server.machine.is_terminated());
        let mut unanswered = Vec::new();
        let hold = self.hold;
        let runs = |client: &&mut Client| hold == Hold::Nothing || client.sent.owner == Owner::Registration;
        for client in self.clients.iter_mut().filter(runs) {
            if client.machine.handle_timeout(now) == Expiry::TimedOut {
                unanswered.push(client.unanswered());
            }
        }
        self.clients.retain(|client| !client.machine.is_terminated());
        unanswered
    }

    /// The transport is gone, and everything with it; the owners are told by whoever knows why.
    pub(crate) fn clear(&mut self) {
        self.clients.clear();
        self.servers.clear();
    }
}

impl Owner {
    fn call(self) -> Option<CallId> {
        match self {
            Self::Registration => None,
            Self::Invite(call)
            | Self::Cancel(call)
            | Self::Bye(call)
            | Self::Stray(call)
            | Self::Info(call, _)
            | Self::Tone(call, _)
            | Self::Update(call)
            | Owner::Reinvite(call)
            | Owner::Abandoned(call) => Some(call),
        }
    }

    fn ends_something(self) -> bool {
        matches!(self, Self::Registration | Self::Cancel(_) | Self::Bye(_))
    }
}

impl Machine {
    /// Whether the response is for the owner, and an ACK to be sent.
    fn handle_response(&mut self, response: &Response, now: Instant) -> (bool, Option<Vec<u8>>) {
        match self {
            Self::Invite(invite) => match invite.handle_response(response, now) {
                InviteResponse::Absorbed => (false, None),
                InviteResponse::Provisional | InviteResponse::Success => (true, None),
                InviteResponse::Rejected(ack) => (true, Some(ack.to_bytes())),
            },
            Self::Other(other) => (other.handle_response(response) == ResponseClass::Final, None),
        }
    }

    fn handle_timeout(&mut self, now: Instant) -> Expiry {
        match self {
            Self::Invite(invite) => invite.handle_timeout(now),
            Self::Other(other) => other.handle_timeout(now),
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        match self {
            Self::Invite(invite) => invite.poll_timeout(),
            Self::Other(other) => other.poll_timeout(),
        }
    }

    fn is_terminated(&self) -> bool {
        match self {
            Self::Invite(invite) => invite.is_terminated(),
            Self::Other(other) => other.is_terminated(),
        }
    }
}
