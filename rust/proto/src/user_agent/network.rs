//! The machine's addresses, which come and go while calls last.
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::UserAgent;
use super::connection::local_addresses;
use crate::io::Output;

impl UserAgent {
    /// Notes the addresses for calls, and the server that they were chosen for.
    pub(super) fn note_addresses(&mut self, addresses: Vec<IpAddr>, server: SocketAddr) {
        self.core.addresses = addresses;
        self.server = Some(server);
    }

    /// Where a new call gathers, most wanted first: the machine may have moved since the connection began. Nowhere without one.
    pub(super) fn call_addresses(&self) -> Vec<IpAddr> {
        if self.connection.is_open() {
            self.core.addresses.clone()
        } else {
            Vec::new()
        }
    }

    /// Has the driver look which addresses there are.
    pub(super) fn list_addresses(&mut self) {
        if self.session.is_some() {
            self.core.outputs.push_back(Output::ListAddresses);
        }
    }

    /// Other addresses: calls whose own is gone, or for which there is a better one, move. Without a way to the server
    /// those that were known and are still there count.
    pub(super) fn addresses_changed(&mut self, route: Option<IpAddr>, interfaces: &[IpAddr], now: Instant) {
        let (Some(server), Some(session)) = (self.server, &self.session) else {
            return;
        };
        let named = session.signaling.identity.settings().local_address;
        let known = self.core.addresses.clone();
        match route {
            Some(route) => {
                let local = SocketAddr::new(route, 0);
                self.core.addresses = local_addresses(named, local, server, interfaces);
            }
            None => self.core.addresses.retain(|address| interfaces.contains(address)),
        }
        if let Some((session, mut ctx)) = self.session(now) {
            for call in session.calls.values_mut() {
                call.check_addresses(&mut ctx);
            }
        }
        if self.core.addresses != known {
            self.retry(now);
        }
    }
}
