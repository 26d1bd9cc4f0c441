//! Looks at the machine's addresses.
use std::time::Instant;

use super::Reactor;
use crate::agent::Agent;
use crate::driver::Note;
use crate::driver::seat::Seat;
use crate::local_network::LocalNetwork;
use crate::mailbox::AgentId;

impl<A: Agent + 'static> Reactor<A> {
    /// Has the machine's addresses looked at when it is time.
    pub(super) fn run_watch(&mut self) {
        let now = Instant::now();
        let due = self.floor.watch.due(self.floor.slots.deadline().is_some(), now);
        if due.is_none_or(|due| due > now) {
            return;
        }
        let servers = self.seats.values().filter_map(Seat::server);
        let servers = self.floor.watch.start(servers, now);
        if servers.is_empty() {
            return self.floor.watch.give_up();
        }
        let inbox = self.floor.inbox.clone();
        let is_looked_for = self.floor.lookers.submit(move || {
            inbox.send(Note::Looked(LocalNetwork::look(&servers)));
        });
        if !is_looked_for {
            self.floor.watch.give_up();
        }
    }

    /// Tells the clients of other addresses, and those whose connection's own is gone.
    pub(super) fn looked(&mut self, seen: Option<LocalNetwork>) {
        let is_news = self.floor.watch.finish(seen);
        let clients = self.seats.values().filter(|seat| seat.server().is_some());
        let clients: Vec<AgentId> = clients.map(Seat::id).collect();
        for client in clients {
            self.serve(client, |seat, floor, now| seat.look(floor, is_news, now));
        }
    }
}
