//! Listeners on the driver, and what connects to them.
use std::net::TcpListener;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use super::{Reactor, panic_text};
use crate::agent::Agent;
use crate::driver::port::Port;
use crate::driver::seat::Seat;
use crate::listener::ListenOptions;
use crate::logs::{LogSink, with_sink};
use crate::mailbox::{AgentId, Mailbox, Notice};
use crate::websocket::OpenWebSocket;

impl<A: Agent + 'static> Reactor<A> {
    /// Watches a listener's port.
    pub(super) fn listen(
        &mut self,
        id: AgentId,
        socket: TcpListener,
        options: ListenOptions<A>,
        mailbox: &Arc<Mailbox<A::Command, A::Event>>,
    ) {
        match Port::open(id, socket, options, mailbox.clone(), &mut self.floor.sources) {
            Ok(port) => drop(self.ports.insert(id, port)),
            Err(error) => end_owner(mailbox, Some(format!("watching the port: {error}"))),
        }
    }

    /// Takes what connects; `Some(true)` when there may be more.
    pub(super) fn accept(&mut self, id: AgentId) -> Option<bool> {
        let port = self.ports.get_mut(&id)?;
        let sink: Arc<dyn LogSink> = port.mailbox.clone();
        let floor = &self.floor;
        match with_sink(&sink, || catch_unwind(AssertUnwindSafe(|| port.accept(floor)))) {
            Ok(more) => Some(more),
            Err(panic) => {
                self.close_port(id, Some(panic_text(&*panic)));
                None
            }
        }
    }

    /// Makes the agent of a connection that is upgraded.
    pub(super) fn upgraded(&mut self, listener: AgentId, result: Result<Box<OpenWebSocket>, String>) {
        let Some(port) = self.ports.get_mut(&listener) else {
            return;
        };
        let mailbox = port.mailbox.clone();
        let sink: Arc<dyn LogSink> = mailbox.clone();
        let made = with_sink(&sink, || match result {
            Ok(open) => {
                catch_unwind(AssertUnwindSafe(|| port.make_agent(open.remote))).map(|agent| Some((open, agent)))
            }
            Err(cause) => {
                tracing::debug!("a connection was not upgraded: {cause}");
                Ok(None)
            }
        });
        match made {
            Ok(Some((open, agent))) => {
                let id = AgentId::next();
                mailbox.tell_end(Notice::Accepted(id, open.remote));
                self.seats.insert(id, Seat::of_listener(id, listener, agent, mailbox));
                self.serve(id, |seat, floor, now| seat.take_socket(floor, *open, now));
            }
            Ok(None) => {}
            Err(panic) => self.close_port(listener, Some(panic_text(&*panic))),
        }
    }

    /// Ends a listener and all agents of its connections.
    pub(super) fn close_port(&mut self, id: AgentId, failure: Option<String>) {
        let Some(port) = self.ports.remove(&id) else { return };
        let mailbox = port.mailbox.clone();
        port.close(&mut self.floor.sources);
        let agents: Vec<AgentId> = self
            .seats
            .iter()
            .filter(|(_, seat)| seat.owner() == id)
            .map(|(id, _)| *id)
            .collect();
        for agent in agents {
            self.end(agent, None);
        }
        end_owner(&mailbox, failure);
    }
}

fn end_owner<C, E>(mailbox: &Mailbox<C, E>, failure: Option<String>) {
    if let Some(cause) = failure {
        mailbox.tell_end(Notice::OwnerFailed(cause));
    }
    mailbox.tell_end(Notice::OwnerClosed);
}
