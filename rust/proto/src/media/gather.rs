//! Which local addresses a call offers as host candidates.
use std::net::IpAddr;

/// Addresses offered at most; each one is a socket per call.
pub const MAX_ADDRESSES: usize = 4;

/// Addresses to bind, most wanted first: the one that routes to the SIP server, then the other interfaces. Loopback
/// counts only when the server is on loopback; `only` is the user's own choice and excludes the rest.
pub fn host_addresses(route: IpAddr, server: IpAddr, interfaces: &[IpAddr], only: Option<IpAddr>) -> Vec<IpAddr> {
    if let Some(address) = only {
        return vec![address];
    }
    let mut addresses: Vec<IpAddr> = Vec::new();
    for address in [route]
        .into_iter()
        .chain(interfaces.iter().copied())
        .map(|ip| ip.to_canonical())
    {
        let is_wanted = address.is_loopback() <= server.to_canonical().is_loopback() && is_usable(address);
        if is_wanted && !addresses.contains(&address) {
            addresses.push(address);
        }
    }
    addresses.truncate(MAX_ADDRESSES);
    addresses
}

/// Link-local IPv6 needs a zone that SDP cannot carry (RFC 8839 §5.1).
fn is_usable(address: IpAddr) -> bool {
    let is_link_local = matches!(address, IpAddr::V6(ip) if ip.is_unicast_link_local());
    !address.is_unspecified() && !address.is_multicast() && !is_link_local
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ips(texts: &[&str]) -> Vec<IpAddr> {
        texts.iter().map(|text| text.parse().unwrap()).collect()
    }

    fn gathered(route: &str, server: &str, interfaces: &[&str], only: Option<&str>) -> Vec<IpAddr> {
        let only = only.map(|text| text.parse().unwrap());
        host_addresses(route.parse().unwrap(), server.parse().unwrap(), &ips(interfaces), only)
    }

    #[test]
    fn the_route_comes_first_and_nothing_twice() {
        let interfaces = [
            "127.0.0.1",
            "192.0.2.7",
            "198.51.100.7",
            "fe80::1",
            "2001:db8::7",
            "::1",
        ];
        let addresses = gathered("198.51.100.7", "203.0.113.1", &interfaces, None);
        assert_eq!(addresses, ips(&["198.51.100.7", "192.0.2.7", "2001:db8::7"]));
    }

    #[test]
    fn loopback_only_for_a_server_on_loopback() {
        assert_eq!(
            gathered("127.0.0.1", "127.0.0.1", &["127.0.0.1", "192.0.2.7"], None),
            ips(&["127.0.0.1", "192.0.2.7"])
        );
        assert_eq!(
            gathered("::ffff:192.0.2.7", "::ffff:192.0.2.1", &["127.0.0.1"], None),
            ips(&["192.0.2.7"])
        );
    }

    #[test]
    fn the_users_choice_excludes_the_rest() {
        assert_eq!(
            gathered("192.0.2.7", "203.0.113.1", &["192.0.2.7"], Some("198.51.100.7")),
            ips(&["198.51.100.7"])
        );
    }

    #[test]
    fn a_machine_with_many_interfaces_offers_a_few() {
        let many: Vec<String> = (1..100).map(|last| format!("192.0.2.{last}")).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(gathered("192.0.2.50", "203.0.113.1", &many, None).len(), MAX_ADDRESSES);
    }
}
