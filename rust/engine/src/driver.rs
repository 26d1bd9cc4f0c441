//! Driver threads: each drives the agents of any number of clients and listeners; no interpreter, no lock on its way.
mod backlog;
mod call_streams;
mod calls;
mod line;
mod port;
mod prepared;
mod reactor;
mod seat;
mod sources;
mod timers;
mod watch;

use std::net::{SocketAddr, TcpListener};
use std::os::unix::net::UnixStream;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Sender, channel};
use std::sync::{Arc, Mutex, PoisonError, Weak};
use std::thread::Builder;
use std::time::Duration;
use std::{fmt, io};

use c2c_proto::io::{CallId, StreamId, TransportFailure};
use mio::{Poll, Waker};

use crate::agent::Agent;
use crate::client::Client;
pub use crate::connect::OPEN_LIMIT;
use crate::error::{EngineError, open_files_limit};
use crate::histogram::{DurationCounts, Histogram};
use crate::listener::{ListenOptions, Listener};
use crate::local_network::LocalNetwork;
use crate::mailbox::{AgentId, Mailbox};
use crate::server_stream::OpenServerStream;
use crate::socket_options::SocketOptions;
use crate::tls::TlsTrust;
use crate::websocket::OpenWebSocket;
use crate::{logs, threads};
use reactor::{Reactor, panic_text};

/// What a new client brings.
#[derive(Debug)]
pub struct ClientOptions<A: Agent> {
    /// Its protocol state.
    pub agent: A,
    /// Whom it trusts.
    pub tls: TlsTrust,
    /// The last command its agent gets when the client is closed.
    pub farewell: Option<A::Command>,
    /// Time for one attempt to open its WebSocket; [`OPEN_LIMIT`] is usual.
    pub open_limit: Duration,
    /// Which addresses and ports its sockets may have.
    pub sockets: SocketOptions,
}

/// A handle on a driver thread; the thread ends with the last handle and the last of its agents.
pub struct Driver<A: Agent>(Arc<Handle<A>>);

impl<A: Agent> Clone for Driver<A> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<A: Agent> fmt::Debug for Driver<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Driver")
    }
}

struct Handle<A: Agent> {
    inbox: Inbox<A>,
    counts: Arc<Counts>,
    process: u32,
}

impl<A: Agent> Drop for Handle<A> {
    fn drop(&mut self) {
        if std::process::id() == self.process {
            self.inbox.send(Note::Finish);
        }
    }
}

impl<A: Agent + 'static> Driver<A> {
    /// Starts a driver thread of its own.
    pub fn start() -> Result<Self, EngineError> {
        open_files_limit();
        logs::capture_logs();
        let refused = |error| EngineError::system("making the driver's poll", error);
        let poll = Poll::new().map_err(refused)?;
        let waker = Waker::new(poll.registry(), reactor::WAKE).map_err(refused)?;
        let (sender, notes) = channel();
        let inbox = Inbox {
            sender,
            waker: Arc::new(waker),
        };
        let counts = Arc::new(Counts::default());
        let reactor = Reactor::new(poll, notes, inbox.clone(), counts.clone());
        run(reactor.map_err(refused)?, inbox.clone(), counts.clone())?;
        Ok(Self(Arc::new(Handle {
            inbox,
            counts,
            process: std::process::id(),
        })))
    }

    /// Gives an agent to the driver. The second value is the end of the wake-up that the owner sleeps on.
    pub fn add(&self, options: ClientOptions<A>) -> Result<(Client<A>, UnixStream), EngineError> {
        let (mailbox, owner) = new_mailbox::<A>()?;
        let agent = AgentId::next();
        self.send(Note::Add(agent, Box::new(options), mailbox.clone()))?;
        Ok((Client::new(agent, mailbox, self.clone()), owner))
    }

    /// Listens at an address; each WebSocket that comes becomes an agent.
    pub fn listen(&self, options: ListenOptions<A>) -> Result<(Listener<A>, UnixStream), EngineError> {
        if options.tls.is_none() && !options.address.ip().is_loopback() {
            return Err(EngineError::Invalid(format!(
                "{}: without TLS only loopback is listened on",
                options.address
            )));
        }
        let refused = |error| EngineError::system("listening", error);
        let socket = TcpListener::bind(options.address).map_err(refused)?;
        socket.set_nonblocking(true).map_err(refused)?;
        let local = socket.local_addr().map_err(refused)?;
        let (mailbox, owner) = new_mailbox::<A>()?;
        let listener = AgentId::next();
        self.send(Note::Listen(listener, socket, Box::new(options), mailbox.clone()))?;
        Ok((Listener::new(listener, local, mailbox, self.clone()), owner))
    }

    fn send(&self, note: Note<A>) -> Result<(), EngineError> {
        if self.0.inbox.send(note) {
            Ok(())
        } else {
            Err(EngineError::Closed)
        }
    }
}

impl<A: Agent> Driver<A> {
    /// What the thread did so far.
    pub fn stats(&self) -> DriverStats {
        self.0.counts.snapshot()
    }

    /// Makes the driver look into a mailbox.
    pub(crate) fn signal(&self, mailbox: &Arc<Mailbox<A::Command, A::Event>>) {
        self.0.inbox.send(Note::Commands(mailbox.clone()));
    }
}

/// What a driver thread is told by its handles and its workers.
pub(crate) enum Note<A: Agent> {
    Add(AgentId, Box<ClientOptions<A>>, Arc<Mailbox<A::Command, A::Event>>),
    Listen(
        AgentId,
        TcpListener,
        Box<ListenOptions<A>>,
        Arc<Mailbox<A::Command, A::Event>>,
    ),
    Commands(Arc<Mailbox<A::Command, A::Event>>),
    /// An attempt to connect is over; the number tells a late one.
    Opened(AgentId, u64, Result<Box<OpenWebSocket>, TransportFailure>),
    /// A look-up for a call is over.
    Resolved(AgentId, CallId, String, io::Result<Vec<SocketAddr>>),
    /// An attempt to connect to a call's TURN server is over.
    StreamOpened(AgentId, CallId, StreamId, Result<Box<OpenServerStream>, String>),
    /// The machine's addresses were looked at, in vain if there are none to tell.
    Looked(Option<LocalNetwork>),
    /// A listener's peer was served.
    Upgraded(AgentId, Result<Box<OpenWebSocket>, String>),
    /// No handle is left: end with the last agent.
    Finish,
    /// Say farewell to all and end.
    EndAll,
}

/// Where notes for a driver thread go; never blocks. Bounded by what may be under way: one `Commands` per mailbox, one
/// result per attempt.
pub(crate) struct Inbox<A: Agent> {
    sender: Sender<Note<A>>,
    waker: Arc<Waker>,
}

impl<A: Agent> Clone for Inbox<A> {
    fn clone(&self) -> Self {
        Self {
            sender: self.sender.clone(),
            waker: self.waker.clone(),
        }
    }
}

impl<A: Agent> Inbox<A> {
    /// Whether the thread is still there to read it; one that is gone has told all its owners so.
    pub(crate) fn send(&self, note: Note<A>) -> bool {
        let sent = self.sender.send(note).is_ok();
        sent && self.waker.wake().is_ok()
    }
}

/// What a driver thread did.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct DriverStats {
    /// How long single items of work took; none should take a millisecond.
    pub items: DurationCounts,
    /// How late calls' 20 ms ticks were.
    pub lateness: DurationCounts,
    /// Ticks more than 5 ms late.
    pub late_ticks: u64,
    /// Ticks left out since the machine had stalled for longer than is caught up.
    pub skipped_ticks: u64,
    /// Datagrams that the system did not take, or errors it reported for a socket.
    pub udp_errors: u64,
    /// Agents ended by a panic.
    pub panics: u64,
}

#[derive(Default, Debug)]
pub(crate) struct Counts {
    pub(crate) items: Histogram,
    pub(crate) lateness: Histogram,
    pub(crate) late_ticks: AtomicU64,
    pub(crate) skipped_ticks: AtomicU64,
    pub(crate) udp_errors: AtomicU64,
    pub(crate) panics: AtomicU64,
    /// The thread is gone.
    ended: AtomicBool,
}

impl Counts {
    fn snapshot(&self) -> DriverStats {
        DriverStats {
            items: self.items.snapshot(),
            lateness: self.lateness.snapshot(),
            late_ticks: self.late_ticks.load(Ordering::Relaxed),
            skipped_ticks: self.skipped_ticks.load(Ordering::Relaxed),
            udp_errors: self.udp_errors.load(Ordering::Relaxed),
            panics: self.panics.load(Ordering::Relaxed),
        }
    }
}

/// The driver that all clients of a process share: started by the first, ended with the last.
pub struct Drivers<A: Agent>(Mutex<Option<(u32, Weak<Handle<A>>)>>);

impl<A: Agent> fmt::Debug for Drivers<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Drivers")
    }
}

impl<A: Agent> Default for Drivers<A> {
    fn default() -> Self {
        Self::new()
    }
}

impl<A: Agent> Drivers<A> {
    /// None yet.
    pub const fn new() -> Self {
        Self(Mutex::new(None))
    }

    /// The driver that runs, if it is this process's: a fork has none.
    fn running(&self) -> Option<Driver<A>> {
        let current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (process, handle) = current.as_ref()?;
        if *process != std::process::id() {
            return None;
        }
        handle
            .upgrade()
            .filter(|handle| !handle.counts.ended.load(Ordering::Relaxed))
            .map(Driver)
    }
}

impl<A: Agent + 'static> Drivers<A> {
    /// The driver that runs, or a new one.
    pub fn acquire(&self) -> Result<Driver<A>, EngineError> {
        if let Some(driver) = self.running() {
            return Ok(driver);
        }
        let driver = Driver::start()?;
        let mut current = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *current = Some((std::process::id(), Arc::downgrade(&driver.0)));
        Ok(driver)
    }
}

type NewMailbox<A> = (Arc<Mailbox<<A as Agent>::Command, <A as Agent>::Event>>, UnixStream);

fn new_mailbox<A: Agent>() -> Result<NewMailbox<A>, EngineError> {
    let (mailbox, owner) = Mailbox::new().map_err(|error| EngineError::system("making a wake-up", error))?;
    Ok((Arc::new(mailbox), owner))
}

/// Runs the loop on a thread of its own. Whatever ends it, all owners are told.
fn run<A: Agent + 'static>(mut reactor: Reactor<A>, inbox: Inbox<A>, counts: Arc<Counts>) -> Result<(), EngineError> {
    let body = move || {
        let ended = catch_unwind(AssertUnwindSafe(|| reactor.run()));
        counts.ended.store(true, Ordering::Relaxed);
        match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => reactor.give_up(&format!("the driver's poll failed: {error}")),
            Err(panic) => reactor.give_up(&panic_text(&*panic)),
        }
    };
    let thread = Builder::new().name("c2c-driver".into()).spawn(body);
    let handle = thread.map_err(|error| EngineError::system("starting the driver thread", error))?;
    // the thread's wake-up goes with the thread, not with this memory of it
    let (sender, waker) = (inbox.sender, Arc::downgrade(&inbox.waker));
    threads::remember(handle, move || {
        if let Some(waker) = waker.upgrade() {
            Inbox {
                sender: sender.clone(),
                waker,
            }
            .send(Note::EndAll);
        }
    });
    Ok(())
}
