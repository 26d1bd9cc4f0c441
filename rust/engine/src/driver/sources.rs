//! Which socket an event of the poll belongs to.
use std::collections::HashMap;
use std::io;
use std::os::fd::RawFd;

use c2c_proto::io::{CallId, StreamId};
use mio::event::Source as Pollable;
use mio::unix::SourceFd;
use mio::{Interest, Registry, Token};

use crate::mailbox::AgentId;

/// A socket that became ready.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Source {
    /// An agent's WebSocket.
    WebSocket(AgentId),
    /// The n-th UDP socket of a call.
    Udp(AgentId, CallId, usize),
    /// A call's connection to a TURN server.
    Server(AgentId, CallId, StreamId),
    /// A listener's port.
    Port(AgentId),
}

/// All registered sockets. Tokens are never used twice, so that a late event finds nothing.
#[derive(Debug)]
pub(crate) struct Sources {
    registry: Registry,
    next: usize,
    by_token: HashMap<Token, Source>,
}

impl Sources {
    pub(crate) fn new(registry: Registry) -> Self {
        Self {
            registry,
            next: 1,
            by_token: HashMap::new(),
        }
    }

    pub(crate) fn get(&self, token: Token) -> Option<Source> {
        self.by_token.get(&token).copied()
    }

    /// Watches a socket for both directions; it is edge-triggered, so read and write until nothing goes.
    pub(crate) fn add(&mut self, source: Source, socket: &mut impl Pollable, interest: Interest) -> io::Result<Token> {
        let token = Token(self.next);
        self.next += 1;
        self.registry.register(socket, token, interest)?;
        self.by_token.insert(token, source);
        Ok(token)
    }

    /// As [`Self::add`], for a socket that is no type of mio's.
    pub(crate) fn add_fd(&mut self, source: Source, fd: RawFd, interest: Interest) -> io::Result<Token> {
        self.add(source, &mut SourceFd(&fd), interest)
    }

    pub(crate) fn remove(&mut self, token: Token, socket: &mut impl Pollable) {
        self.by_token.remove(&token);
        let _ = self.registry.deregister(socket);
    }

    pub(crate) fn remove_fd(&mut self, token: Token, fd: RawFd) {
        self.remove(token, &mut SourceFd(&fd));
    }
}
