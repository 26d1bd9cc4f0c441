//! The machine's addresses, which come and go while calls last.
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::{Session, UserAgent};
use crate::io::Output;

/// Most local addresses that a call binds; each one is a socket.
const MAX_ADDRESSES: usize = 8;

/// What is known of the machine's addresses.
#[derive(Default)]
pub(crate) struct LocalAddresses {
    /// Those that calls bind, most wanted first.
    pub(crate) wanted: Vec<IpAddr>,
    /// All of them, as the driver told.
    all: Vec<IpAddr>,
}

impl LocalAddresses {
    /// Whether an address is still there. Loopback always is, unless the driver tells of it.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        let is_untold = address.is_loopback() && !self.all.iter().any(IpAddr::is_loopback);
        is_untold || self.all.contains(&address)
    }
}

/// The most wanted address for a call that uses this one: another version of IP is no better way.
pub(crate) fn best_for(used: Option<IpAddr>, addresses: &[IpAddr]) -> Option<IpAddr> {
    let mut same = addresses.iter();
    same.find(|address| used.is_none_or(|used| used.is_ipv4() == address.is_ipv4()))
        .copied()
}

/// Whether two addresses are one interface's, as far as they show: IPv6 hosts make themselves new addresses in their network
/// of 64 bits (RFC 8981), and the old ones stay for a while.
pub(crate) fn are_of_one_network(one: IpAddr, other: IpAddr) -> bool {
    match (one, other) {
        (IpAddr::V6(one), IpAddr::V6(other)) => one.segments()[..4] == other.segments()[..4],
        _ => false,
    }
}

impl UserAgent {
    /// Notes the addresses for calls, and the server that they were chosen for.
    pub(super) fn note_addresses(&mut self, route: IpAddr, server: SocketAddr, interfaces: &[IpAddr]) {
        let named = self.session.as_ref().and_then(Session::named_address);
        self.core.addresses = LocalAddresses {
            wanted: local_addresses(named, route, server.ip(), interfaces),
            all: interfaces.iter().chain([&route]).map(IpAddr::to_canonical).collect(),
        };
        self.server = Some(server);
    }

    /// Where a new call gathers, most wanted first: the machine may have moved since the connection began. Nowhere without one.
    pub(super) fn call_addresses(&self) -> Vec<IpAddr> {
        if self.connection.is_open() {
            self.core.addresses.wanted.clone()
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
        let (Some(server), Some(_)) = (self.server, &self.session) else {
            return;
        };
        let known = self.core.addresses.wanted.clone();
        if let Some(route) = route {
            self.note_addresses(route, server, interfaces);
        } else {
            self.core.addresses.all = interfaces.iter().map(IpAddr::to_canonical).collect();
            self.core
                .addresses
                .wanted
                .retain(|address| interfaces.contains(address));
        }
        if let Some((session, mut ctx)) = self.session(now) {
            for call in session.calls.values_mut() {
                call.check_addresses(&mut ctx);
            }
        }
        if self.core.addresses.wanted != known {
            self.try_anew(now);
        }
    }
}

/// The addresses a call binds: the named one, or the one that routes to the server and then the other interfaces;
/// loopback only when the server is on loopback.
fn local_addresses(named: Option<IpAddr>, route: IpAddr, server: IpAddr, interfaces: &[IpAddr]) -> Vec<IpAddr> {
    if let Some(named) = named {
        return vec![named];
    }
    let is_near = server.to_canonical().is_loopback();
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in [&route].into_iter().chain(interfaces).map(IpAddr::to_canonical) {
        if (is_near || !address.is_loopback()) && is_unicast(address) && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses.truncate(MAX_ADDRESSES);
    addresses
}

/// Link-local IPv6 is left out too: it cannot be bound without its zone, which SDP cannot carry (RFC 8839 §5.1).
fn is_unicast(address: IpAddr) -> bool {
    let link_local = matches!(address, IpAddr::V6(v6) if v6.is_unicast_link_local());
    !address.is_unspecified() && !address.is_multicast() && !link_local
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    fn addresses(route: &str, server: &str, interfaces: &[&str]) -> Vec<String> {
        let interfaces: Vec<IpAddr> = interfaces.iter().map(|text| ip(text)).collect();
        let found = local_addresses(None, ip(route), ip(server), &interfaces);
        found.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn route_comes_first_and_loopback_only_to_loopback() {
        let interfaces = ["127.0.0.1", "10.0.0.7", "192.0.2.1", "fe80::1", "::1"];
        let far = addresses("192.0.2.1", "198.51.100.1", &interfaces);
        assert_eq!(far, ["192.0.2.1", "10.0.0.7"]);
        let near = addresses("127.0.0.1", "127.0.0.1", &interfaces);
        assert_eq!(near, ["127.0.0.1", "10.0.0.7", "192.0.2.1", "::1"]);
        let mapped = addresses("::ffff:192.0.2.7", "::ffff:192.0.2.1", &["127.0.0.1"]);
        assert_eq!(mapped, ["192.0.2.7"]);
    }

    #[test]
    fn a_named_address_is_the_only_one() {
        let (route, server, named) = (ip("10.0.0.7"), ip("10.0.0.1"), ip("192.0.2.9"));
        assert_eq!(local_addresses(Some(named), route, server, &[route]), [named]);
    }

    #[test]
    fn a_machine_with_many_interfaces_offers_a_few_and_knows_them_all() {
        let many: Vec<IpAddr> = (1..100).map(|last| ip(&format!("192.0.2.{last}"))).collect();
        let wanted = local_addresses(None, ip("192.0.2.50"), ip("203.0.113.1"), &many);
        assert_eq!((wanted.len(), wanted[0]), (MAX_ADDRESSES, ip("192.0.2.50")));
        let addresses = LocalAddresses { wanted, all: many };
        assert!(addresses.has(ip("192.0.2.99")) && addresses.has(ip("::ffff:192.0.2.99")));
        assert!(addresses.has(ip("127.0.0.1")) && !addresses.has(ip("198.51.100.1")));
    }

    #[test]
    fn the_best_is_of_the_same_version() {
        let addresses = [ip("2001:db8::7"), ip("192.0.2.7")];
        assert_eq!(best_for(None, &addresses), Some(addresses[0]));
        assert_eq!(best_for(Some(ip("192.0.2.9")), &addresses), Some(addresses[1]));
        assert_eq!(best_for(Some(ip("192.0.2.9")), &addresses[..1]), None);
        assert!(are_of_one_network(ip("2001:db8::1"), ip("2001:db8::2")));
        assert!(!are_of_one_network(ip("2001:db8::1"), ip("2001:db8:0:1::1")));
        assert!(!are_of_one_network(ip("192.0.2.7"), ip("192.0.2.8")));
    }
}
