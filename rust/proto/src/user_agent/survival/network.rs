//! The network of a script beside its sockets: names, connections to TURN servers, and what the servers say.
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use super::World;
use crate::io::{CallId, Datagram, NetworkInput, NetworkRequest, StreamId, Transmit};

/// Most requests that are remembered.
const MAX_ASKED: usize = 32;
const LOCALHOST: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const SERVER: SocketAddr = SocketAddr::new(LOCALHOST, 3478);

/// What calls asked of the network and of their servers.
#[derive(Default)]
pub(super) struct Asked {
    requests: VecDeque<(CallId, NetworkRequest)>,
    /// The last connection that was asked for.
    stream: Option<(CallId, StreamId)>,
    /// The last datagram to a server.
    datagram: Option<(CallId, SocketAddr, Vec<u8>)>,
}

impl Asked {
    pub(super) fn request(&mut self, call: CallId, request: NetworkRequest) {
        if let NetworkRequest::OpenStream { stream, .. } = &request {
            self.stream = Some((call, *stream));
        }
        self.requests.push_back((call, request));
        self.requests.truncate(MAX_ASKED);
    }

    pub(super) fn transmit(&mut self, call: CallId, transmit: Transmit) {
        if transmit.remote == SERVER {
            self.datagram = Some((call, transmit.local, transmit.payload));
        }
    }
}

impl World<'_> {
    /// The oldest request is done, or fails.
    pub(super) fn answer_network(&mut self, succeeds: bool) {
        let Some((call, request)) = self.asked.requests.pop_front() else {
            return;
        };
        let input = match &request {
            NetworkRequest::Resolve { host } => NetworkInput::Resolved {
                host,
                addresses: if succeeds {
                    Ok(vec![LOCALHOST])
                } else {
                    Err("no such name".to_owned())
                },
            },
            NetworkRequest::OpenStream { stream, .. } if succeeds => NetworkInput::StreamOpened {
                stream: *stream,
                local: SocketAddr::new(LOCALHOST, 40_001),
                remote: SERVER,
            },
            NetworkRequest::OpenStream { stream, .. } | NetworkRequest::WriteStream { stream, .. } if !succeeds => {
                NetworkInput::StreamClosed {
                    stream: *stream,
                    reason: "reset".to_owned(),
                }
            }
            _ => return,
        };
        self.agent.handle_network(call, input, self.now);
    }

    /// Bytes come on the last connection.
    pub(super) fn stream_bytes(&mut self) {
        let length = usize::from(self.choice());
        let bytes = self.take(length);
        if let Some((call, stream)) = self.asked.stream {
            let input = NetworkInput::StreamBytes { stream, bytes };
            self.agent.handle_network(call, input, self.now);
        }
    }

    /// A server answers the last datagram: a type, the request's transaction, and attributes from the script.
    pub(super) fn server_datagram(&mut self) {
        let (kind, length) = (self.choice(), self.choice() / 4 * 4);
        let attributes = self.take(usize::from(length));
        let Some((call, local, request)) = &self.asked.datagram else {
            return;
        };
        let mut payload = request.get(..20).unwrap_or_default().to_vec();
        let head = [1, kind, 0, attributes.len().to_le_bytes().first().copied().unwrap_or(0)];
        if let Some(start) = payload.get_mut(..4) {
            start.copy_from_slice(&head);
        }
        payload.extend_from_slice(attributes);
        let (local, remote) = (*local, SERVER);
        let datagram = Datagram {
            local,
            remote,
            payload: &payload,
        };
        self.agent.handle_datagram(*call, datagram, self.now);
    }
}
