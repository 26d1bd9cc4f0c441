//! Asking the servers: names, sockets, connections.
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::inquiry::{Inquiry, Route, routes};
use super::relay::{GatherOutput, Path, Relay};
use super::{Binding, IceGatherer, MAX_RELAYED, RelayedDatagram};
use crate::io::{NetworkInput, NetworkRequest, StreamId, Transmit};
use crate::media::server_error::ServerError;
use crate::media::servers::ServerTransport;
use crate::media::stun::BindingClient;
use crate::media::turn::{Context, TurnClient};

/// Sockets from which one STUN server is asked: the most wanted of the call's.
const MAX_BINDINGS: usize = 4;

impl IceGatherer {
    /// Takes the answer to a request of ours.
    pub fn handle_network(&mut self, input: NetworkInput<'_>, now: Instant) {
        match input {
            NetworkInput::Resolved { host, addresses } => self.handle_resolved(host, &addresses, now),
            NetworkInput::StreamOpened { stream, local, .. } => self.with_stream(
                stream,
                |relay, context| {
                    relay.stream_base = Some(local.ip());
                    relay.client.allocate(context);
                },
                now,
            ),
            NetworkInput::StreamBytes { stream, bytes } => self.handle_bytes(stream, bytes, now),
            NetworkInput::StreamClosed { stream, reason } => self.with_stream(
                stream,
                |relay, _| {
                    relay.is_cut = true;
                    relay.client.fail(ServerError::Connection(reason));
                },
                now,
            ),
        }
        self.follow(now);
    }

    pub(super) fn ask_all(&mut self, now: Instant) {
        let mut names: Vec<String> = Vec::new();
        for index in 0..self.inquiries.len() {
            let Some(inquiry) = self.inquiries.get(index) else {
                return;
            };
            let url = inquiry.url.clone();
            if url.transport != ServerTransport::Udp {
                let tls_name = (url.transport == ServerTransport::Tls).then(|| url.host.clone());
                self.open_stream(index, url.host, url.port, tls_name);
            } else if let Some(ip) = url.ip() {
                self.ask_by_udp(index, &[ip], now);
            } else if !names.contains(&url.host) {
                names.push(url.host);
            }
        }
        let requests = names.into_iter().map(|host| NetworkRequest::Resolve { host });
        self.outputs.extend(requests.map(GatherOutput::Network));
    }

    /// Starts the ways to TURN servers whose time has come.
    pub(super) fn try_routes(&mut self, now: Instant) {
        for index in 0..self.inquiries.len() {
            while let Some(route) = self
                .inquiries
                .get_mut(index)
                .and_then(|inquiry| inquiry.next_route(now))
            {
                self.try_route(index, route, now);
            }
        }
    }

    pub(super) fn open_stream(&mut self, index: usize, host: String, port: u16, tls_name: Option<String>) {
        let stream = StreamId(self.next_stream);
        self.next_stream += 1;
        self.add_relay(index, Path::Stream(stream), tls_name.clone());
        self.outputs
            .push_back(GatherOutput::Network(NetworkRequest::OpenStream {
                stream,
                host,
                port,
                tls_name,
            }));
    }

    fn handle_resolved(&mut self, host: &str, addresses: &Result<Vec<IpAddr>, String>, now: Instant) {
        for index in 0..self.inquiries.len() {
            let inquiry = self.inquiries.get_mut(index);
            let Some(inquiry) = inquiry.filter(|inquiry| inquiry.is_pending() && inquiry.url.host == host) else {
                continue;
            };
            if inquiry.url.transport != ServerTransport::Udp || self.is_closing {
                continue;
            }
            match addresses {
                Ok(addresses) => self.ask_by_udp(index, addresses, now),
                Err(reason) => {
                    inquiry.note(ServerError::NotFound(reason.clone()));
                }
            }
        }
    }

    fn handle_bytes(&mut self, stream: StreamId, bytes: &[u8], now: Instant) {
        let mut arrived = Vec::new();
        self.with_stream(
            stream,
            |relay, context| {
                let announced = relay.announced;
                let mut take = |peer: SocketAddr, payload: &[u8]| {
                    arrived.extend(announced.map(|relay| RelayedDatagram {
                        relay,
                        peer,
                        payload: payload.to_vec(),
                    }));
                };
                relay.client.handle_stream(bytes, context, &mut take);
            },
            now,
        );
        self.relayed.extend(arrived);
        let excess = self.relayed.len().saturating_sub(MAX_RELAYED);
        self.relayed.drain(..excess);
    }

    fn with_stream(&mut self, stream: StreamId, act: impl FnOnce(&mut Relay, &mut Context<'_>), now: Instant) {
        let random = &mut self.random;
        if let Some(relay) = self.relays.iter_mut().find(|relay| relay.stream() == Some(stream)) {
            act(relay, &mut Context { now, random });
        }
    }

    fn ask_by_udp(&mut self, index: usize, addresses: &[IpAddr], now: Instant) {
        let Some(inquiry) = self.inquiries.get_mut(index) else {
            return;
        };
        if inquiry.relays_by_udp() {
            inquiry.set_routes(&self.sockets, addresses, now);
            if !inquiry.has_routes() {
                inquiry.note(ServerError::NoRoute);
            }
        } else {
            let port = inquiry.url.port;
            self.ask_bindings(index, addresses, port, now);
        }
    }

    /// Asks a STUN server from every socket, at its first address of that family.
    fn ask_bindings(&mut self, index: usize, addresses: &[IpAddr], port: u16, now: Instant) {
        let mut asked = 0;
        for local in self.sockets.clone().iter().take(MAX_BINDINGS) {
            let Some(route) = routes(&[*local], addresses, port, 1).pop() else {
                continue;
            };
            let (client, payload) = BindingClient::new(route.local, route.server, &mut self.random, now);
            self.bindings.push(Binding { inquiry: index, client });
            self.outputs.push_back(GatherOutput::Transmit(Transmit {
                local: route.local,
                remote: route.server,
                payload,
            }));
            asked += 1;
        }
        if let Some(inquiry) = self.inquiries.get_mut(index).filter(|_| asked == 0) {
            inquiry.note(ServerError::NoRoute);
        }
    }

    /// One allocation a way: a server keeps them apart by the two addresses (RFC 8656 §3.2).
    fn try_route(&mut self, index: usize, route: Route, now: Instant) {
        if self.relays.iter().any(|relay| relay.is_at(route)) {
            // another URL means the same server, and speaks for both
            self.inquiries.get_mut(index).into_iter().for_each(Inquiry::give_way);
            return;
        }
        let random = &mut self.random;
        let relay = add_relay(&mut self.relays, &self.inquiries, index, Path::Datagrams(route), None);
        if let Some(relay) = relay {
            relay.client.allocate(&mut Context { now, random });
        }
    }

    fn add_relay(&mut self, index: usize, path: Path, tls_name: Option<String>) {
        add_relay(&mut self.relays, &self.inquiries, index, path, tls_name);
    }
}

fn add_relay<'a>(
    relays: &'a mut Vec<Relay>,
    inquiries: &[Inquiry],
    index: usize,
    path: Path,
    tls_name: Option<String>,
) -> Option<&'a mut Relay> {
    let inquiry = inquiries.get(index)?;
    let (username, credential) = (inquiry.username.clone(), inquiry.credential.clone());
    relays.push(Relay {
        inquiry: index,
        client: TurnClient::new(Relay::carrier(&path), username, credential),
        path,
        tls_name,
        is_cut: false,
        stream_base: None,
        announced: None,
    });
    relays.last_mut()
}
