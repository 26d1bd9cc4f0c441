//! Which addresses and ports a client's sockets may have.
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// The one version of IP that a client uses.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum IpVersion {
    /// IPv4 only.
    V4,
    /// IPv6 only.
    V6,
}

/// UDP ports from the first to the last, both included.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PortRange {
    first: u16,
    last: u16,
}

impl PortRange {
    /// `None` for a range without ports, or with port 0, which means any.
    pub fn new(first: u16, last: u16) -> Option<Self> {
        (0 < first && first <= last).then_some(Self { first, last })
    }

    /// Each port once, beginning somewhere and going round; `start` is any number.
    pub(crate) fn ports(self, start: u64) -> impl Iterator<Item = u16> {
        let count = u64::from(self.last - self.first) + 1;
        let first = self.first;
        // below `count`, so it fits and the sum is at most `last`
        (0..count).map(move |step| first + u16::try_from((start % count + step) % count).unwrap_or(0))
    }
}

impl fmt::Display for PortRange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.first, self.last)
    }
}

/// What all of a client's sockets keep to.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SocketOptions {
    /// The WebSocket, its proxy, calls and their STUN and TURN servers use this version only; both when absent.
    pub ip_version: Option<IpVersion>,
    /// Ports of calls' UDP sockets; the system chooses when absent.
    pub udp_ports: Option<PortRange>,
}

impl SocketOptions {
    pub(crate) fn allows(self, ip: IpAddr) -> bool {
        match self.ip_version {
            None => true,
            Some(IpVersion::V4) => ip.is_ipv4(),
            Some(IpVersion::V6) => ip.is_ipv6(),
        }
    }

    /// A server's addresses that may be used; an error's text if it has none.
    pub(crate) fn usable(self, found: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, String> {
        let usable: Vec<SocketAddr> = found.into_iter().filter(|address| self.allows(address.ip())).collect();
        if !usable.is_empty() {
            return Ok(usable);
        }
        Err(match self.ip_version {
            None => "it has no address".into(),
            Some(IpVersion::V4) => "it has no IPv4 address, and ip_version=4 allows no other".into(),
            Some(IpVersion::V6) => "it has no IPv6 address, and ip_version=6 allows no other".into(),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_gives_each_of_its_ports_once_from_anywhere() {
        let range = PortRange::new(40_000, 40_003).unwrap();
        for start in [0, 2, 3, u64::MAX] {
            let mut ports: Vec<u16> = range.ports(start).collect();
            ports.sort_unstable();
            assert_eq!(ports, [40_000, 40_001, 40_002, 40_003]);
        }
        assert_eq!(range.ports(3).next(), Some(40_003));
        assert_eq!(PortRange::new(1, u16::MAX).unwrap().ports(7).count(), 65_535);
        assert_eq!(PortRange::new(5, 5).unwrap().ports(9).collect::<Vec<_>>(), [5]);
    }

    #[test]
    fn a_range_without_ports_is_none() {
        assert_eq!(PortRange::new(0, 10), None);
        assert_eq!(PortRange::new(11, 10), None);
    }

    #[test]
    fn one_version_leaves_the_other_out() {
        let both: Vec<SocketAddr> = vec!["[::1]:1".parse().unwrap(), "127.0.0.1:1".parse().unwrap()];
        let of = |ip_version| SocketOptions {
            ip_version,
            udp_ports: None,
        };
        assert_eq!(of(None).usable(both.clone()).unwrap(), both);
        assert_eq!(of(Some(IpVersion::V4)).usable(both.clone()).unwrap(), both[1..]);
        assert_eq!(of(Some(IpVersion::V6)).usable(both.clone()).unwrap(), both[..1]);
        let error = of(Some(IpVersion::V4)).usable(both[..1].to_vec()).unwrap_err();
        assert!(error.contains("IPv4"), "{error}");
    }
}
