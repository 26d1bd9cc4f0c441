//! A listener on its driver: takes connections and has workers upgrade them.
use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::fd::AsRawFd;
use std::sync::Arc;

use mio::{Interest, Token};

use super::Note;
use super::seat::Floor;
use super::sources::{Source, Sources};
use crate::accept::accept_websocket;
use crate::agent::Agent;
use crate::listener::{ListenOptions, Welcome};
use crate::mailbox::{AgentId, Mailbox};

/// Connections that are kept without an answer.
const SILENT: usize = 64;
/// Connections taken in a row.
const BATCH: usize = 16;

pub(crate) struct Port<A: Agent> {
    id: AgentId,
    socket: TcpListener,
    token: Token,
    options: ListenOptions<A>,
    pub(crate) mailbox: Arc<Mailbox<A::Command, A::Event>>,
    silent: Vec<TcpStream>,
}

impl<A: Agent + 'static> Port<A> {
    pub(crate) fn open(
        id: AgentId,
        socket: TcpListener,
        options: ListenOptions<A>,
        mailbox: Arc<Mailbox<A::Command, A::Event>>,
        sources: &mut Sources,
    ) -> io::Result<Self> {
        let token = sources.add_fd(Source::Port(id), socket.as_raw_fd(), Interest::READABLE)?;
        Ok(Self {
            id,
            socket,
            token,
            options,
            mailbox,
            silent: Vec::new(),
        })
    }

    pub(crate) fn id(&self) -> AgentId {
        self.id
    }

    /// Takes what connects; `true` when there may be more.
    pub(crate) fn accept(&mut self, floor: &Floor<A>) -> bool {
        for _ in 0..BATCH {
            match self.socket.accept() {
                Ok((tcp, remote)) => self.serve(floor, tcp, remote),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return false,
                Err(error) if error.kind() == io::ErrorKind::ConnectionAborted => {}
                Err(error) => {
                    // the next connection tries again
                    tracing::warn!("taking a connection: {error}{}", crate::error::remedy(&error));
                    return false;
                }
            }
        }
        true
    }

    /// The agent of a connection that is upgraded.
    pub(crate) fn make_agent(&mut self, remote: SocketAddr) -> A {
        (self.options.make_agent)(remote)
    }

    pub(crate) fn close(self, sources: &mut Sources) {
        sources.remove_fd(self.token, self.socket.as_raw_fd());
    }

    fn serve(&mut self, floor: &Floor<A>, tcp: TcpStream, remote: SocketAddr) {
        let welcome = (self.options.welcome)(remote);
        if welcome == Welcome::Silence {
            self.silent.truncate(SILENT - 1);
            self.silent.insert(0, tcp);
            return;
        }
        let (id, tls, inbox) = (self.id, self.options.tls.clone(), floor.inbox.clone());
        let taken = floor.acceptors.submit(move || {
            inbox.send(Note::Upgraded(id, accept_websocket(tcp, remote, tls, welcome)));
        });
        if !taken {
            tracing::warn!(%remote, "connection dropped: too many wait for their upgrade");
        }
    }
}
