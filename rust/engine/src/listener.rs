//! The server's side: a port whose accepted connections become agents of the driver.
use std::fmt;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};

use c2c_proto::io::CallId;
use c2c_proto::media::stats::CallStats;

use crate::agent::Agent;
use crate::audio_ring::{ReaderRing, Sides, WriterRing};
use crate::driver::Driver;
use crate::error::EngineError;
use crate::event_queue::LogLine;
use crate::mailbox::{AgentId, Directive, Mailbox, Notice};

/// How to listen, and what becomes of who connects.
pub struct ListenOptions<A: Agent> {
    /// Where to listen; port 0 for any, [`Listener::local_addr`] tells which.
    pub address: SocketAddr,
    /// Certificate and key; without them `ws://`, on loopback only.
    pub tls: Option<Arc<rustls::ServerConfig>>,
    /// Makes the agent of a connection once its upgrade is done; its first input is `Opened`. Runs on the driver.
    pub make_agent: Box<dyn FnMut(SocketAddr) -> A + Send>,
    /// Decides what a peer that has just connected gets; [`Welcome::Upgrade`] for a well-behaved server. Runs on the driver.
    pub welcome: Box<dyn FnMut(SocketAddr) -> Welcome + Send>,
}

impl<A: Agent> fmt::Debug for ListenOptions<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ListenOptions")
            .field("address", &self.address)
            .finish_non_exhaustive()
    }
}

/// What a peer that connects gets.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Welcome {
    /// The upgrade, with subprotocol `sip` (RFC 7118 §4); a request that does not offer it gets 400.
    Upgrade,
    /// The upgrade without a subprotocol.
    WithoutSubprotocol,
    /// This HTTP status instead of the upgrade.
    Refuse(u16),
    /// Nothing, not even TLS, until it gives up or the listener is closed.
    Silence,
}

/// What a listener's owner is told.
#[derive(Debug)]
pub enum ListenerEvent<E> {
    /// A connection was accepted and upgraded and has become an agent.
    Accepted(AgentId, SocketAddr),
    /// An agent tells something.
    Agent(AgentId, E),
    /// A panic ended an agent; the others go on.
    AgentFailed(AgentId, String),
    /// An agent's connection is over and the agent is gone.
    AgentGone(AgentId),
    /// A ring of some agent has a frame, has room, or has ended.
    RingReady(u64),
    /// A log line.
    Log(LogLine),
    /// So many log lines were pushed out because nobody read them.
    LogLinesLost(u64),
    /// A full queue or a panic ended the listener; always followed by [`ListenerEvent::Closed`].
    EngineFailed(String),
    /// The last event.
    Closed,
}

/// A listening port and its agents.
#[derive(Debug)]
pub struct Listener<A: Agent> {
    id: AgentId,
    local: SocketAddr,
    mailbox: Arc<Mailbox<A::Command, A::Event>>,
    driver: Mutex<Option<Driver<A>>>,
    process: u32,
}

impl<A: Agent> Listener<A> {
    pub(crate) fn new(
        id: AgentId,
        local: SocketAddr,
        mailbox: Arc<Mailbox<A::Command, A::Event>>,
        driver: Driver<A>,
    ) -> Self {
        Self {
            id,
            local,
            mailbox,
            driver: Mutex::new(Some(driver)),
            process: std::process::id(),
        }
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.local
    }

    /// Asks an agent for something; an agent that is gone ignores it.
    pub fn command(&self, agent: AgentId, command: A::Command) -> Result<(), EngineError> {
        self.send(agent, Directive::Command(command))
    }

    /// All that happened since the last time; call it after the wake-up bytes were read.
    pub fn poll_events(&self) -> Result<Vec<ListenerEvent<A::Event>>, EngineError> {
        self.check_process()?;
        let waiting = self.mailbox.drain();
        let mut events: Vec<_> = waiting.lines.into_iter().map(ListenerEvent::Log).collect();
        if waiting.lines_lost > 0 {
            events.push(ListenerEvent::LogLinesLost(waiting.lines_lost));
        }
        events.extend(waiting.rings.into_iter().map(ListenerEvent::RingReady));
        events.extend(waiting.events.into_iter().map(listener_event));
        Ok(events)
    }

    /// A ring with what the far side of an agent's call says; it ends with the call, at once if there is no such call.
    pub fn open_reader(&self, agent: AgentId, call: CallId, rate: u32) -> Result<Arc<ReaderRing>, EngineError> {
        let ring = self.mailbox.reader_ring(rate, Sides::Far)?;
        self.send(agent, Directive::OpenReader(call, ring.clone()))?;
        Ok(ring)
    }

    /// A ring for what an agent's call says; a call plays the writers it has one after the other.
    pub fn open_writer(&self, agent: AgentId, call: CallId, rate: u32) -> Result<Arc<WriterRing>, EngineError> {
        let ring = self.mailbox.writer_ring(rate)?;
        self.send(agent, Directive::OpenWriter(call, ring.clone()))?;
        Ok(ring)
    }

    /// Numbers of a live call, at most a fifth of a second old.
    pub fn stats(&self, agent: AgentId, call: CallId) -> Result<Option<CallStats>, EngineError> {
        self.check_process()?;
        Ok(self.mailbox.stats(agent, call))
    }

    /// Closes the port and ends all agents. Doing it again does nothing.
    pub fn close(&self) -> Result<(), EngineError> {
        self.check_process()?;
        let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(driver) = driver {
            self.mailbox.send(self.id, Directive::Close)?;
            driver.signal(&self.mailbox);
        }
        Ok(())
    }

    fn send(&self, agent: AgentId, directive: Directive<A::Command>) -> Result<(), EngineError> {
        self.check_process()?;
        let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = driver.as_ref() else {
            return Err(EngineError::Closed);
        };
        if self.mailbox.send(agent, directive)? {
            open.signal(&self.mailbox);
        }
        Ok(())
    }

    fn check_process(&self) -> Result<(), EngineError> {
        if std::process::id() == self.process {
            Ok(())
        } else {
            Err(EngineError::Forked)
        }
    }
}

impl<A: Agent> Drop for Listener<A> {
    fn drop(&mut self) {
        // in a forked child this does nothing: agents and driver are the parent's
        let _ = self.close();
    }
}

fn listener_event<E>(notice: Notice<E>) -> ListenerEvent<E> {
    match notice {
        Notice::Accepted(agent, remote) => ListenerEvent::Accepted(agent, remote),
        Notice::Event(agent, event) => ListenerEvent::Agent(agent, event),
        Notice::Failed(agent, cause) => ListenerEvent::AgentFailed(agent, cause),
        Notice::Closed(agent) => ListenerEvent::AgentGone(agent),
        Notice::OwnerFailed(cause) => ListenerEvent::EngineFailed(cause),
        Notice::OwnerClosed => ListenerEvent::Closed,
    }
}
