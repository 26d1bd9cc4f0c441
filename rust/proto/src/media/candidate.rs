//! One ICE candidate as SDP writes it (RFC 8839 §5.1), reduced to what an agent with UDP only can use.
use std::fmt;
use std::net::{IpAddr, SocketAddr};

/// Where an address comes from (RFC 8445 §4).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CandidateKind {
    /// An interface of its owner.
    Host,
    /// Its owner's NAT as a STUN server saw it.
    ServerReflexive,
    /// Its owner's NAT as the peer saw it.
    PeerReflexive,
    /// A TURN server.
    Relayed,
}

impl CandidateKind {
    fn token(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::ServerReflexive => "srflx",
            Self::PeerReflexive => "prflx",
            Self::Relayed => "relay",
        }
    }

    fn from_token(token: &str) -> Option<Self> {
        [Self::Host, Self::ServerReflexive, Self::PeerReflexive, Self::Relayed]
            .into_iter()
            .find(|kind| kind.token() == token)
    }
}

/// A UDP candidate of component 1.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Candidate {
    /// Groups candidates of one kind and base.
    pub foundation: String,
    /// RFC 8445 §5.1.2.
    pub priority: u32,
    /// Its transport address.
    pub address: SocketAddr,
    /// Where it comes from.
    pub kind: CandidateKind,
    /// For diagnosis (RFC 8839 §5.1): the base of a reflexive candidate, the mapped address of a relayed one.
    pub related: Option<SocketAddr>,
}

impl Candidate {
    /// A local socket's candidate; `index` is its place in the order of preference, 0 the best.
    pub fn host(address: SocketAddr, index: u16) -> Self {
        let local_preference = u32::from(u16::MAX - index);
        Self {
            foundation: (u32::from(index) + 1).to_string(),
            priority: (126 << 24) | (local_preference << 8) | 255,
            address,
            kind: CandidateKind::Host,
            related: None,
        }
    }

    /// What a server sees of a local socket; `index` is the socket's place, `server` the place of the server that told.
    pub fn server_reflexive(address: SocketAddr, base: SocketAddr, index: u16, server: u16) -> Self {
        let local_preference = u32::from(u16::MAX - index);
        Self {
            foundation: format!("s{server}x{index}"),
            priority: (100 << 24) | (local_preference << 8) | 255,
            address,
            kind: CandidateKind::ServerReflexive,
            related: Some(base),
        }
    }

    /// A TURN server's; `preference` is 2 for a server reached by UDP, 1 for TCP, 0 for TLS.
    pub fn relayed(address: SocketAddr, related: SocketAddr, preference: u8, server: u16) -> Self {
        let local_preference = u32::from(u16::MAX - server);
        Self {
            foundation: format!("r{server}"),
            priority: (u32::from(preference) << 24) | (local_preference << 8) | 255,
            address,
            kind: CandidateKind::Relayed,
            related: Some(related),
        }
    }

    /// Hides whose address it is behind (RFC 8839 §5.1: zero address, port 9).
    #[must_use]
    pub fn without_related(mut self) -> Self {
        let unspecified = match self.address.ip() {
            IpAddr::V4(_) => IpAddr::from([0; 4]),
            IpAddr::V6(_) => IpAddr::from([0; 16]),
        };
        self.related = self.related.map(|_| SocketAddr::new(unspecified, 9));
        self
    }

    /// Reads the value of `a=candidate`. `None`: malformed, or one that we have no use for (TCP, RTCP's component,
    /// host names and mDNS, addresses that nobody can be reached at).
    pub fn parse(value: &str) -> Option<Self> {
        let mut fields = value.split_ascii_whitespace();
        let foundation = fields.next().filter(|foundation| foundation.len() <= 32)?;
        let component = fields.next()?;
        let transport = fields.next()?;
        let priority = fields.next()?.parse().ok()?;
        let ip = fields.next()?.parse::<IpAddr>().ok()?.to_canonical();
        let port = fields.next()?.parse().ok().filter(|port| *port != 0)?;
        let kind = (fields.next()? == "typ").then(|| fields.next()).flatten()?;
        if component != "1" || !transport.eq_ignore_ascii_case("udp") || !is_reachable(ip) {
            return None;
        }
        Some(Self {
            foundation: foundation.to_owned(),
            priority,
            address: SocketAddr::new(ip, port),
            kind: CandidateKind::from_token(kind)?,
            // of no use for checks
            related: None,
        })
    }
}

impl fmt::Display for Candidate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            foundation,
            priority,
            address,
            kind,
            related,
        } = self;
        write!(
            f,
            "{foundation} 1 udp {priority} {} {} typ {}",
            address.ip(),
            address.port(),
            kind.token()
        )?;
        match related {
            Some(related) => write!(f, " raddr {} rport {}", related.ip(), related.port()),
            None => Ok(()),
        }
    }
}

fn is_reachable(ip: IpAddr) -> bool {
    let broadcast = matches!(ip, IpAddr::V4(ip) if ip.is_broadcast());
    !ip.is_unspecified() && !ip.is_multicast() && !broadcast
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_what_browsers_and_gateways_write() {
        let chromium = "2546255116 1 udp 2122260223 127.0.0.1 44145 typ host generation 0 network-id 2 network-cost 50";
        let candidate = Candidate::parse(chromium).unwrap();
        assert_eq!(candidate.address, "127.0.0.1:44145".parse().unwrap());
        assert_eq!(
            (candidate.priority, candidate.kind),
            (2_122_260_223, CandidateKind::Host)
        );
        let rtpengine = Candidate::parse("fFOXS2W1jGgkluP9 1 UDP 2130706431 127.0.0.1 30046 typ host").unwrap();
        assert_eq!(rtpengine.foundation, "fFOXS2W1jGgkluP9");
        let relayed = "1 1 udp 41885439 203.0.113.9 50000 typ relay raddr 192.0.2.1 rport 6000";
        assert_eq!(Candidate::parse(relayed).unwrap().kind, CandidateKind::Relayed);
        assert!(
            Candidate::parse("1 1 udp 1 2001:db8::1 9 typ host")
                .unwrap()
                .address
                .is_ipv6()
        );
    }

    #[test]
    fn leaves_out_what_cannot_be_used() {
        for value in [
            "",
            "1 1 udp",
            "1 1 tcp 1518280447 127.0.0.1 9 typ host tcptype active",
            "1 2 udp 1 127.0.0.1 9000 typ host",
            "1 1 udp 1 7f1b1f0c-5d4c-4f3c-9d7b-0a2d3f4a5b6c.local 9000 typ host",
            "1 1 udp 1 media.example 9000 typ host",
            "1 1 udp 1 0.0.0.0 9000 typ host",
            "1 1 udp 1 239.1.2.3 9000 typ host",
            "1 1 udp 1 255.255.255.255 9000 typ host",
            "1 1 udp 1 127.0.0.1 0 typ host",
            "1 1 udp 1 127.0.0.1 70000 typ host",
            "1 1 udp -1 127.0.0.1 9000 typ host",
            "1 1 udp 1 127.0.0.1 9000 typ magic",
            "1 1 udp 1 127.0.0.1 9000 host",
        ] {
            assert_eq!(Candidate::parse(value), None, "{value}");
        }
    }

    #[test]
    fn gathered_candidates_name_what_they_stand_for() {
        let base = "10.0.0.1:5000".parse().unwrap();
        let reflexive = Candidate::server_reflexive("203.0.113.9:6000".parse().unwrap(), base, 0, 1);
        let text = "s1x0 1 udp 1694498815 203.0.113.9 6000 typ srflx raddr 10.0.0.1 rport 5000";
        assert_eq!(reflexive.to_string(), text);
        let by_udp = Candidate::relayed("192.0.2.1:50000".parse().unwrap(), base, 2, 0);
        let by_tls = Candidate::relayed("192.0.2.1:50001".parse().unwrap(), base, 0, 1);
        assert!(reflexive.priority > by_udp.priority && by_udp.priority > by_tls.priority);
        let hidden = by_tls.without_related().to_string();
        assert_eq!(
            hidden,
            "r1 1 udp 16776959 192.0.2.1 50001 typ relay raddr 0.0.0.0 rport 9"
        );
        assert_eq!(Candidate::parse(&hidden).unwrap().address.port(), 50001);
    }

    #[test]
    fn a_host_candidate_reads_back() {
        let first = Candidate::host("192.0.2.7:4000".parse().unwrap(), 0);
        let second = Candidate::host("198.51.100.7:4001".parse().unwrap(), 1);
        assert_eq!(first.to_string(), "1 1 udp 2130706431 192.0.2.7 4000 typ host");
        assert!(first.priority > second.priority);
        assert_eq!(Candidate::parse(&second.to_string()), Some(second));
    }
}
