//! A call's connections to TURN servers.
use std::collections::{HashMap, HashSet};
use std::io;
use std::os::fd::AsRawFd;

use c2c_proto::io::{CallId, StreamId};
use mio::{Interest, Token};

use super::sources::{Source, Sources};
use crate::mailbox::AgentId;
use crate::server_stream::{ServerRead, ServerStream};

/// Connections of one call that may be open or opening; the agent's own limits are lower.
const LIMIT: usize = 64;

#[derive(Debug, Default)]
pub(crate) struct CallStreams {
    awaited: HashSet<StreamId>,
    open: HashMap<StreamId, (ServerStream, Token)>,
}

impl CallStreams {
    /// Notes that a connection is being opened; `false` when there are too many.
    pub(crate) fn expect(&mut self, stream: StreamId) -> bool {
        self.awaited.len() + self.open.len() < LIMIT && self.awaited.insert(stream)
    }

    /// Whether this connection is still waited for; from now on it is not.
    pub(crate) fn finish(&mut self, stream: StreamId) -> bool {
        self.awaited.remove(&stream)
    }

    /// Takes an open connection.
    pub(crate) fn take(
        &mut self,
        sources: &mut Sources,
        owner: (AgentId, CallId),
        id: StreamId,
        stream: ServerStream,
    ) -> io::Result<()> {
        let source = Source::Server(owner.0, owner.1, id);
        let token = sources.add_fd(source, stream.as_raw_fd(), Interest::READABLE | Interest::WRITABLE)?;
        self.open.insert(id, (stream, token));
        Ok(())
    }

    /// Reads what is there; before it reports nothing it writes what waits.
    pub(crate) fn read(&mut self, id: StreamId, buffer: &mut [u8]) -> ServerRead {
        let Some((stream, _)) = self.open.get_mut(&id) else {
            return ServerRead::Nothing;
        };
        match stream.read(buffer) {
            ServerRead::Nothing => match stream.flush() {
                Ok(()) => ServerRead::Nothing,
                Err(reason) => ServerRead::End(reason),
            },
            read => read,
        }
    }

    /// Writes one whole message; what is not open takes nothing.
    pub(crate) fn write(&mut self, id: StreamId, message: &[u8], is_droppable: bool) -> Result<(), String> {
        match self.open.get_mut(&id) {
            Some((stream, _)) => stream.write(message, is_droppable),
            None => Ok(()),
        }
    }

    /// Closes a connection, or gives up opening it.
    pub(crate) fn close(&mut self, sources: &mut Sources, id: StreamId) {
        self.awaited.remove(&id);
        if let Some((stream, token)) = self.open.remove(&id) {
            sources.remove_fd(token, stream.as_raw_fd());
        }
    }

    /// Closes all.
    pub(crate) fn release(&mut self, sources: &mut Sources) {
        self.awaited.clear();
        for (_, (stream, token)) in self.open.drain() {
            sources.remove_fd(token, stream.as_raw_fd());
        }
    }
}
