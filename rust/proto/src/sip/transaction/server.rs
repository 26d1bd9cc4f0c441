//! Non-INVITE server transaction (RFC 3261 §17.2.2).
use crate::sip::{Request, Response};

/// A request other than INVITE and ACK that is being answered. Completed lasts for timer J, which is zero: with the final
/// response it is over. It has no timer; the user answers within `64*T1` (RFC 4320).
#[derive(Clone, Debug)]
pub struct ServerTransaction {
    request: Request,
    state: State,
}

#[derive(Clone, PartialEq, Eq, Debug)]
enum State {
    Trying,
    /// With the last provisional response.
    Proceeding(Vec<u8>),
    Terminated,
}

impl ServerTransaction {
    /// Starts when the request arrives.
    pub fn new(request: Request) -> Self {
        Self {
            request,
            state: State::Trying,
        }
    }

    /// The request.
    pub fn request(&self) -> &Request {
        &self.request
    }

    /// Takes the user's response; gives the bytes to be sent, or `None` after the final one.
    pub fn respond(&mut self, response: &Response) -> Option<Vec<u8>> {
        if self.state == State::Terminated {
            return None;
        }
        let bytes = response.to_bytes();
        self.state = if response.is_provisional() {
            State::Proceeding(bytes.clone())
        } else {
            State::Terminated
        };
        Some(bytes)
    }

    /// Takes the same request again; gives the bytes to be sent again, if there are any.
    pub fn handle_retransmission(&self) -> Option<&[u8]> {
        match &self.state {
            State::Proceeding(bytes) => Some(bytes),
            State::Trying | State::Terminated => None,
        }
    }

    /// The transport failed; the user is told by whoever knows why.
    pub fn handle_transport_error(&mut self) {
        self.state = State::Terminated;
    }

    /// Whether it may be dropped.
    pub fn is_terminated(&self) -> bool {
        self.state == State::Terminated
    }
}
