//! One configured URL: which ways to it are left to try, and what became of it.
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use crate::io::Secret;
use crate::media::server_error::ServerError;
use crate::media::servers::{IceConfig, ServerTransport, ServerUrl};

/// Addresses of one name that are tried.
const MAX_ADDRESSES: usize = 4;
/// Ways to one TURN server that are tried, each from another socket or to another address.
const MAX_ROUTES: usize = 6;
/// How long one way has before the next is tried beside it (RFC 8305 §5 recommends 250 ms, half of the whole budget).
pub(super) const STAGGER: Duration = Duration::from_millis(150);
/// Redirections followed.
const MAX_REDIRECTS: usize = 3;

/// What a URL gave.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Outcome {
    /// Nothing yet.
    Pending,
    /// An address.
    Answered,
    /// Nothing, for good.
    Failed,
}

/// A local socket and a server's address.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Route {
    pub(super) local: SocketAddr,
    pub(super) server: SocketAddr,
}

/// One URL.
#[derive(Debug)]
pub(super) struct Inquiry {
    pub(super) url: ServerUrl,
    pub(super) username: Secret,
    pub(super) credential: Secret,
    pub(super) outcome: Outcome,
    /// Whether the user was told that it is slow or failed.
    pub(super) is_reported: bool,
    error: Option<ServerError>,
    routes: VecDeque<Route>,
    next_route: Option<Instant>,
    redirects: Vec<SocketAddr>,
}

impl Inquiry {
    /// One for each URL of a configuration.
    pub(super) fn all(config: &IceConfig) -> Vec<Self> {
        let servers = config.servers.iter();
        let urls = servers.flat_map(|server| server.urls.iter().map(move |url| (server, url)));
        let new = urls.map(|(server, url)| Self {
            url: url.clone(),
            username: server.username.clone(),
            credential: server.credential.clone(),
            outcome: Outcome::Pending,
            is_reported: false,
            error: None,
            routes: VecDeque::new(),
            next_route: None,
            redirects: Vec::new(),
        });
        new.collect()
    }

    pub(super) fn is_pending(&self) -> bool {
        self.outcome == Outcome::Pending
    }

    /// Whether it is asked for a relayed address by datagrams.
    pub(super) fn relays_by_udp(&self) -> bool {
        self.url.scheme.relays() && self.url.transport == ServerTransport::Udp
    }

    /// Notes the ways to a TURN server, the most wanted socket's first.
    pub(super) fn set_routes(&mut self, sockets: &[SocketAddr], addresses: &[IpAddr], now: Instant) {
        self.routes = routes(sockets, addresses, self.url.port, MAX_ROUTES).into();
        self.next_route = Some(now);
    }

    /// The next way, if its time has come.
    pub(super) fn next_route(&mut self, now: Instant) -> Option<Route> {
        self.next_route
            .filter(|due| now >= *due && self.outcome == Outcome::Pending)?;
        let route = self.routes.pop_front();
        self.next_route = (!self.routes.is_empty()).then_some(now + STAGGER);
        route
    }

    /// Lets the next way be tried at once.
    pub(super) fn hasten(&mut self, now: Instant) {
        self.next_route = self.next_route.map(|_| now);
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.next_route.filter(|_| self.is_pending())
    }

    pub(super) fn has_routes(&self) -> bool {
        !self.routes.is_empty()
    }

    /// Whether it was asked in every way there is, in vain.
    pub(super) fn is_spent(&self) -> bool {
        self.is_pending() && self.error.is_some() && self.routes.is_empty()
    }

    /// Leaves the server to another URL.
    pub(super) fn give_way(&mut self) {
        if self.routes.is_empty() {
            self.outcome = Outcome::Answered;
        }
    }

    /// Puts a redirection in front of all other ways; `false` when it leads in a circle.
    pub(super) fn redirect(&mut self, server: SocketAddr) -> bool {
        let is_new = !self.redirects.contains(&server) && self.redirects.len() < MAX_REDIRECTS;
        if is_new {
            self.redirects.push(server);
        }
        is_new
    }

    pub(super) fn push_route(&mut self, route: Route, now: Instant) {
        self.routes.push_front(route);
        self.next_route = Some(now);
    }

    /// Keeps the reason that says most: an answer says more than silence.
    pub(super) fn note(&mut self, error: ServerError) {
        if self.error.is_none() || !matches!(error, ServerError::NoAnswer | ServerError::NoRoute) {
            self.error = Some(error);
        }
    }

    /// Why it gave nothing, without any credential.
    pub(super) fn failure(&self) -> String {
        match &self.error {
            Some(error) => format!("{}: {error}", self.url),
            None => format!("{}: {}", self.url, ServerError::NoAnswer),
        }
    }
}

/// The ways from sockets to a server's addresses.
pub(super) fn routes(sockets: &[SocketAddr], addresses: &[IpAddr], port: u16, limit: usize) -> Vec<Route> {
    let mut found = Vec::new();
    for local in sockets {
        for ip in addresses.iter().take(MAX_ADDRESSES) {
            let server = SocketAddr::new(*ip, port);
            if found.len() < limit && reaches(*local, server) {
                found.push(Route { local: *local, server });
            }
        }
    }
    found
}

/// Nothing leaves a machine from its loopback address.
fn reaches(local: SocketAddr, server: SocketAddr) -> bool {
    local.is_ipv4() == server.is_ipv4() && (server.ip().is_loopback() || !local.ip().is_loopback())
}
