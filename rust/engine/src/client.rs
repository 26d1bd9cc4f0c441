//! A client's handle on its agent: commands down, events up, PCM beside. No member blocks; all are safe from any thread.
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use c2c_proto::io::{CallId, Secret};
use c2c_proto::media::stats::CallStats;

use crate::agent::Agent;
use crate::audio_ring::{ReaderRing, Sides, WriterRing};
use crate::driver::Driver;
use crate::error::EngineError;
use crate::event_queue::LogLine;
use crate::mailbox::{AgentId, Directive, Mailbox, Notice};
use crate::route::Route;

/// What a client is told.
#[derive(Debug)]
pub enum ClientEvent<E> {
    /// Its agent tells something.
    Agent(E),
    /// A reader's ring has a frame, or a writer's ring has room, or either has ended.
    RingReady(u64),
    /// A log line.
    Log(LogLine),
    /// So many log lines were pushed out because nobody read them.
    LogLinesLost(u64),
    /// A panic or a full queue ended the client; always followed by [`ClientEvent::Closed`].
    EngineFailed(String),
    /// The last event.
    Closed,
}

/// One client of a driver.
#[derive(Debug)]
pub struct Client<A: Agent> {
    agent: AgentId,
    mailbox: Arc<Mailbox<A::Command, A::Event>>,
    /// Gone once the client is closed, so that the driver may end.
    driver: Mutex<Option<Driver<A>>>,
    writers: Mutex<HashMap<CallId, Arc<WriterRing>>>,
    /// [`ClientEvent::Closed`] was given out.
    over: AtomicBool,
    process: u32,
}

impl<A: Agent> Client<A> {
    pub(crate) fn new(agent: AgentId, mailbox: Arc<Mailbox<A::Command, A::Event>>, driver: Driver<A>) -> Self {
        Self {
            agent,
            mailbox,
            driver: Mutex::new(Some(driver)),
            writers: Mutex::new(HashMap::new()),
            over: AtomicBool::new(false),
            process: std::process::id(),
        }
    }

    /// Asks the agent for something; what becomes of it comes as an event.
    pub fn command(&self, command: A::Command) -> Result<(), EngineError> {
        self.send(Directive::Command(command))
    }

    /// How its WebSocket's server is reached from the next attempt on.
    pub fn route(&self, route: Route) -> Result<(), EngineError> {
        self.send(Directive::Route(route))
    }

    /// Opens a WebSocket ahead, for an agent that will soon want one to the same URI by the same route: it gets this one,
    /// opening or open. At most one is kept, for 15 s at most, and none while the agent has a WebSocket; one that is not
    /// used is closed with 1000, and nothing is told of it.
    pub fn prepare(&self, uri: String, route: Route) -> Result<(), EngineError> {
        self.send(Directive::Prepare(Secret(uri), route))
    }

    /// Closes what was opened ahead and not used.
    pub fn discard_prepared(&self) -> Result<(), EngineError> {
        self.send(Directive::DiscardPrepared)
    }

    /// All that happened since the last time, in order; call it after the wake-up bytes were read.
    pub fn poll_events(&self) -> Result<Vec<ClientEvent<A::Event>>, EngineError> {
        self.check_process()?;
        if self.over.load(Ordering::Acquire) {
            return Ok(Vec::new());
        }
        let waiting = self.mailbox.drain();
        let mut events: Vec<_> = waiting.lines.into_iter().map(ClientEvent::Log).collect();
        if waiting.lines_lost > 0 {
            events.push(ClientEvent::LogLinesLost(waiting.lines_lost));
        }
        events.extend(waiting.rings.into_iter().map(ClientEvent::RingReady));
        for notice in waiting.events {
            events.extend(client_event(notice));
            if matches!(events.last(), Some(ClientEvent::Closed)) {
                self.over.store(true, Ordering::Release);
                break;
            }
        }
        Ok(events)
    }

    /// A ring with what the call's far side says, or both sides, from now on; it ends with the call, at once if there is
    /// no such call.
    pub fn open_reader(&self, call: CallId, rate: u32, sides: Sides) -> Result<Arc<ReaderRing>, EngineError> {
        let ring = self.mailbox.reader_ring(rate, sides)?;
        self.send(Directive::OpenReader(call, ring.clone()))?;
        Ok(ring)
    }

    /// A ring for what this side says; refused while the call has another one that is not closed.
    pub fn open_writer(&self, call: CallId, rate: u32) -> Result<Arc<WriterRing>, EngineError> {
        let mut writers = self.writers.lock().unwrap_or_else(PoisonError::into_inner);
        writers.retain(|_, ring| !ring.closed() && !ring.ended());
        if writers.contains_key(&call) {
            return Err(EngineError::Invalid(
                "the call has a writer already: close it first".into(),
            ));
        }
        let ring = self.mailbox.writer_ring(rate)?;
        self.send(Directive::OpenWriter(call, ring.clone()))?;
        writers.insert(call, ring.clone());
        Ok(ring)
    }

    /// Numbers of a live call, at most a fifth of a second old.
    pub fn stats(&self, call: CallId) -> Result<Option<CallStats>, EngineError> {
        self.check_process()?;
        Ok(self.mailbox.stats(self.agent, call))
    }

    /// Ends the client: its agent gets the farewell command and 1.5 s to act on it. Doing it again does nothing.
    pub fn close(&self) -> Result<(), EngineError> {
        self.check_process()?;
        let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(driver) = driver {
            self.mailbox.send(self.agent, Directive::Close)?;
            driver.signal(&self.mailbox);
        }
        Ok(())
    }

    fn send(&self, directive: Directive<A::Command>) -> Result<(), EngineError> {
        self.check_process()?;
        let driver = self.driver.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(open) = driver.as_ref() else {
            return Err(EngineError::Closed);
        };
        match self.mailbox.send(self.agent, directive) {
            Ok(true) => open.signal(&self.mailbox),
            Ok(false) => {}
            Err(error) => {
                drop(driver);
                self.mailbox.tell_end(Notice::Failed(self.agent, error.to_string()));
                self.close()?;
                return Err(error);
            }
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

impl<A: Agent> Drop for Client<A> {
    fn drop(&mut self) {
        // in a forked child this does nothing: agent and driver are the parent's
        let _ = self.close();
    }
}

fn client_event<E>(notice: Notice<E>) -> Option<ClientEvent<E>> {
    match notice {
        Notice::Event(_, event) => Some(ClientEvent::Agent(event)),
        Notice::Failed(_, cause) | Notice::OwnerFailed(cause) => Some(ClientEvent::EngineFailed(cause)),
        Notice::Closed(_) | Notice::OwnerClosed => Some(ClientEvent::Closed),
        Notice::Accepted(..) => None,
    }
}
