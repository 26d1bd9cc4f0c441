//! An agent's WebSocket from the first attempt to the end of the close handshake.
use std::time::{Duration, Instant};

use c2c_proto::io::TransportFailure;
use mio::{Interest, Token};

use super::sources::{Source, Sources};
use crate::connect::Progress;
use crate::mailbox::AgentId;
use crate::websocket::{Incoming, WebSocket, WebSocketEnd};

/// How long the peer may take to answer a close frame.
const CLOSE_LIMIT: Duration = Duration::from_secs(1);
/// An attempt limits itself; this is for one that is stuck in the resolver.
const GRACE: Duration = Duration::from_millis(500);

#[derive(Debug, Default)]
pub(crate) struct Line {
    state: State,
    attempt: u64,
    numbers: u64,
}

#[derive(Debug, Default)]
enum State {
    #[default]
    Down,
    Opening {
        deadline: Instant,
        limit: Duration,
        progress: Progress,
    },
    Up(WebSocket, Token),
    Closing(WebSocket, Token, Instant),
}

/// What the line's own time limits brought about.
#[derive(Debug)]
pub(crate) enum Overdue {
    Failed(TransportFailure),
    Closed(WebSocketEnd),
}

impl Line {
    /// A number for a new attempt.
    pub(crate) fn next_attempt(&mut self) -> u64 {
        self.numbers += 1;
        self.numbers
    }

    /// Waits for the attempt with this number, which tells its `progress`.
    pub(crate) fn open(
        &mut self,
        sources: &mut Sources,
        attempt: u64,
        (limit, progress): (Duration, Progress),
        now: Instant,
    ) {
        self.drop_socket(sources);
        self.attempt = attempt;
        self.state = State::Opening {
            deadline: now + limit + GRACE,
            limit,
            progress,
        };
    }

    /// Whether this attempt is still waited for; from now on it is not.
    pub(crate) fn finish_attempt(&mut self, attempt: u64) -> bool {
        let waited = matches!(self.state, State::Opening { .. }) && self.attempt == attempt;
        if waited {
            self.state = State::Down;
        }
        waited
    }

    /// Takes an open WebSocket.
    pub(crate) fn take(&mut self, sources: &mut Sources, agent: AgentId, socket: WebSocket) -> std::io::Result<()> {
        let interest = Interest::READABLE | Interest::WRITABLE;
        let token = sources.add_fd(
            Source::WebSocket(agent),
            std::os::fd::AsRawFd::as_raw_fd(&socket),
            interest,
        )?;
        self.state = State::Up(socket, token);
        Ok(())
    }

    /// Sends a message; nothing is sent on a line that is not up.
    pub(crate) fn send(&mut self, message: Vec<u8>) -> Result<(), WebSocketEnd> {
        match &mut self.state {
            State::Up(socket, _) => socket.send(message),
            _ => Ok(()),
        }
    }

    /// Sends a ping; nothing is sent on a line that is not up.
    pub(crate) fn ping(&mut self) -> Result<(), WebSocketEnd> {
        match &mut self.state {
            State::Up(socket, _) => socket.ping(),
            _ => Ok(()),
        }
    }

    /// Reads one message. While closing, messages count as nothing told.
    pub(crate) fn read(&mut self) -> Result<Incoming, WebSocketEnd> {
        match &mut self.state {
            State::Up(socket, _) => {
                let incoming = socket.read()?;
                if matches!(incoming, Incoming::Nothing) {
                    socket.flush()?;
                }
                Ok(incoming)
            }
            State::Closing(socket, ..) => match socket.read()? {
                Incoming::Message(_) => Ok(Incoming::Control),
                other => Ok(other),
            },
            _ => Ok(Incoming::Nothing),
        }
    }

    /// Starts the close handshake; the end if there is nothing to shake hands with.
    pub(crate) fn close(&mut self, code: u16, now: Instant) -> Result<(), Option<WebSocketEnd>> {
        match std::mem::take(&mut self.state) {
            State::Up(mut socket, token) => {
                let closed = socket.close(code);
                self.state = State::Closing(socket, token, now + CLOSE_LIMIT);
                closed.map_err(Some)
            }
            State::Opening { .. } => Err(Some(WebSocketEnd {
                code: None,
                reason: String::new(),
            })),
            State::Down => Err(None),
            closing @ State::Closing(..) => {
                self.state = closing;
                Ok(())
            }
        }
    }

    /// Lets the socket go.
    pub(crate) fn drop_socket(&mut self, sources: &mut Sources) {
        if let State::Up(socket, token) | State::Closing(socket, token, _) = std::mem::take(&mut self.state) {
            sources.remove_fd(token, std::os::fd::AsRawFd::as_raw_fd(&socket));
        }
    }

    /// Whether it is open, or will be if all goes well.
    pub(crate) fn is_wanted(&self) -> bool {
        matches!(self.state, State::Opening { .. } | State::Up(..))
    }

    pub(crate) fn is_up(&self) -> bool {
        matches!(self.state, State::Up(..))
    }

    pub(crate) fn is_down(&self) -> bool {
        matches!(self.state, State::Down)
    }

    /// When [`Self::overdue`] has to be asked.
    pub(crate) fn deadline(&self, now: Instant) -> Option<Instant> {
        match &self.state {
            State::Opening { deadline, progress, .. } => Some(*deadline + progress.waited(now)),
            State::Closing(_, _, deadline) => Some(*deadline),
            State::Down | State::Up(..) => None,
        }
    }

    /// What took too long; the line is down then.
    pub(crate) fn overdue(&mut self, sources: &mut Sources, now: Instant) -> Option<Overdue> {
        if self.deadline(now).is_none_or(|deadline| deadline > now) {
            return None;
        }
        if let State::Opening { limit, progress, .. } = &self.state {
            let failure = progress.timed_out(*limit);
            self.state = State::Down;
            return Some(Overdue::Failed(failure));
        }
        self.drop_socket(sources);
        Some(Overdue::Closed(WebSocketEnd {
            code: None,
            reason: "no answer to the close frame".into(),
        }))
    }
}
