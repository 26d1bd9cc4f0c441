//! How a client reaches servers: directly or through a proxy, and at which addresses.
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::proxy::Proxy;

/// The way to a WebSocket's server.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Route {
    /// The HTTP proxy on the way.
    pub proxy: Option<Proxy>,
    /// Whether addresses of this machine and of private networks are refused. Asked of the resolved address, so that no
    /// name can be changed in between; names behind a proxy are the proxy's to resolve.
    pub public_only: bool,
}

/// Whether an address belongs to the public Internet (IANA's special-purpose registries, RFC 6890).
pub(crate) fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [first, second, third, _] = ip.octets();
    let is_shared = first == 100 && (64..128).contains(&second);
    let is_protocol = (first, second, third) == (192, 0, 0);
    let is_benchmark = first == 198 && (18..20).contains(&second);
    let is_special = ip.is_private() || ip.is_loopback() || ip.is_link_local() || ip.is_documentation();
    !(is_special || is_shared || is_protocol || is_benchmark || first == 0 || first >= 224)
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    if let Some(v4) = embedded(ip) {
        return is_public_v4(v4);
    }
    let [first, second, ..] = ip.segments();
    let is_documentation = (first, second) == (0x2001, 0xdb8);
    let is_local = ip.is_unicast_link_local() || ip.is_unique_local() || ip.is_loopback() || ip.is_unspecified();
    !(is_local || ip.is_multicast() || is_documentation)
}

/// The IPv4 address that an IPv6 address leads to: mapped (`::ffff:0:0/96`) or by NAT64 (`64:ff9b::/96`).
fn embedded(ip: Ipv6Addr) -> Option<Ipv4Addr> {
    let [0x64, 0xff9b, 0, 0, 0, 0, high, low] = ip.segments() else {
        return ip.to_ipv4_mapped();
    };
    Some(Ipv4Addr::from(u32::from(high) << 16 | u32::from(low)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn public_addresses() {
        for ip in [
            "8.8.8.8",
            "172.32.0.1",
            "100.128.0.1",
            "2606:4700::1111",
            "::ffff:8.8.8.8",
            "64:ff9b::808:808",
        ] {
            assert!(is_public(ip.parse().unwrap()), "{ip}");
        }
    }

    #[test]
    fn addresses_of_this_machine_and_of_private_networks() {
        for ip in [
            "127.0.0.1",
            "10.0.0.1",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "100.64.0.1",
            "0.0.0.0",
            "224.0.0.1",
            "255.255.255.255",
            "192.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fd00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "64:ff9b::a00:1",
        ] {
            assert!(!is_public(ip.parse().unwrap()), "{ip}");
        }
    }
}
