//! The machine's own addresses: which there are, and which of them leads to a server.
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket};

use crate::socket_options::SocketOptions;

/// What was seen at one moment.
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub(crate) struct LocalNetwork {
    /// Addresses of all interfaces that are up.
    pub(crate) addresses: Vec<IpAddr>,
    /// The address from which each server would be reached; servers without a way are left out.
    pub(crate) routes: Vec<(IpAddr, IpAddr)>,
}

impl LocalNetwork {
    /// Looks, for the sake of these servers; `None` if the system refuses (for want of a descriptor, say), which is not to
    /// have no address. It may take a while on a machine with many interfaces.
    pub(crate) fn look(servers: &[IpAddr]) -> Option<Self> {
        Self::of(up_addresses(), servers)
    }

    fn of(addresses: io::Result<Vec<IpAddr>>, servers: &[IpAddr]) -> Option<Self> {
        let mut addresses = match addresses {
            Ok(addresses) => addresses,
            Err(error) => {
                tracing::debug!("this machine's addresses cannot be read: {error}");
                return None;
            }
        };
        addresses.sort_unstable();
        let routes = servers.iter().filter_map(|server| Some((*server, route_to(*server)?)));
        Some(Self {
            addresses,
            routes: routes.collect(),
        })
    }

    /// The address from which a server would be reached.
    pub(crate) fn route(&self, server: IpAddr) -> Option<IpAddr> {
        let known = self.routes.iter().find(|(known, _)| *known == server);
        known.map(|(_, route)| *route)
    }

    /// Whether an address is still there. Loopback has more of them than it tells.
    pub(crate) fn has(&self, address: IpAddr) -> bool {
        address.is_loopback() || self.addresses.contains(&address.to_canonical())
    }
}

/// Those that the calls of a new connection may use; at least the connection's own if the system tells none.
pub(crate) fn usable_now(local: SocketAddr, server: SocketAddr, sockets: SocketOptions) -> Vec<IpAddr> {
    usable(&or_own(up_addresses(), local), server, sockets)
}

/// Those that calls may use. Loopback only where the server is there too; link-local IPv6 never, since it needs a scope to
/// be of use.
pub(crate) fn usable(addresses: &[IpAddr], server: SocketAddr, sockets: SocketOptions) -> Vec<IpAddr> {
    let wanted = addresses.iter().filter(|ip| {
        sockets.allows(**ip)
            && match ip {
                ip if ip.is_loopback() => server.ip().is_loopback(),
                IpAddr::V6(ip) => !ip.is_unicast_link_local(),
                IpAddr::V4(_) => true,
            }
    });
    wanted.copied().collect()
}

/// Addresses of all interfaces that are up.
fn up_addresses() -> io::Result<Vec<IpAddr>> {
    let all = if_addrs::get_if_addrs()?.into_iter();
    let up = all.filter(|interface| interface.is_oper_up() || interface.is_loopback());
    Ok(up.map(|interface| interface.ip()).collect())
}

fn or_own(addresses: io::Result<Vec<IpAddr>>, local: SocketAddr) -> Vec<IpAddr> {
    addresses.unwrap_or_else(|_| vec![local.ip().to_canonical()])
}

/// What the system's routes say; nothing is sent for that.
fn route_to(server: IpAddr) -> Option<IpAddr> {
    let any: IpAddr = match server {
        IpAddr::V4(_) => Ipv4Addr::UNSPECIFIED.into(),
        IpAddr::V6(_) => Ipv6Addr::UNSPECIFIED.into(),
    };
    let socket = UdpSocket::bind((any, 0)).ok()?;
    // the port does not matter, but 0 is none
    socket.connect((server, 9)).ok()?;
    Some(socket.local_addr().ok()?.ip().to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> IpAddr {
        text.parse().unwrap()
    }

    #[test]
    fn loopback_leads_to_loopback() {
        let seen = LocalNetwork::look(&[ip("127.0.0.1"), ip("127.0.0.9")]).unwrap();
        assert_eq!(seen.route(ip("127.0.0.1")), Some(ip("127.0.0.1")));
        assert!(seen.route(ip("127.0.0.9")).is_some_and(|route| route.is_loopback()));
        assert!(seen.addresses.contains(&ip("127.0.0.1")));
        assert!(seen.has(ip("127.0.0.2")) && !seen.has(ip("192.0.2.77")));
    }

    #[test]
    fn who_cannot_look_has_seen_nothing() {
        // EMFILE
        let refused = io::Error::from_raw_os_error(24);
        assert_eq!(LocalNetwork::of(Err(refused), &[ip("127.0.0.1")]), None);
        let refused = io::Error::from_raw_os_error(24);
        assert_eq!(
            or_own(Err(refused), "192.0.2.7:50000".parse().unwrap()),
            [ip("192.0.2.7")]
        );
    }

    #[test]
    fn loopback_counts_only_towards_loopback_and_link_local_never() {
        let all = [ip("127.0.0.1"), ip("10.0.0.7"), ip("fe80::1"), ip("2001:db8::7")];
        let any = SocketOptions::default();
        let near = usable(&all, "127.0.0.1:443".parse().unwrap(), any);
        assert_eq!(near, [ip("127.0.0.1"), ip("10.0.0.7"), ip("2001:db8::7")]);
        let far = usable(&all, "192.0.2.1:443".parse().unwrap(), any);
        assert_eq!(far, [ip("10.0.0.7"), ip("2001:db8::7")]);
    }
}
