//! The URI of a STUN or TURN server (RFC 7064, RFC 7065).
use std::fmt;
use std::net::{IpAddr, Ipv6Addr};

/// Default ports, RFC 8489 §8.1.
const PORT: u16 = 3478;
const TLS_PORT: u16 = 5349;

/// What a server is asked for, and whether through TLS.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Scheme {
    /// A server-reflexive address.
    Stun,
    /// The same; a UDP address can only be learned by UDP, so that TLS changes nothing but the default port.
    Stuns,
    /// A relayed address.
    Turn,
    /// A relayed address, through TLS.
    Turns,
}

impl Scheme {
    /// Whether it is a TURN server.
    pub fn relays(self) -> bool {
        matches!(self, Self::Turn | Self::Turns)
    }

    fn token(self) -> &'static str {
        match self {
            Self::Stun => "stun",
            Self::Stuns => "stuns",
            Self::Turn => "turn",
            Self::Turns => "turns",
        }
    }

    fn from_token(token: &str) -> Option<Self> {
        [Self::Stun, Self::Stuns, Self::Turn, Self::Turns]
            .into_iter()
            .find(|scheme| scheme.token().eq_ignore_ascii_case(token))
    }

    fn default_port(self) -> u16 {
        match self {
            Self::Stun | Self::Turn => PORT,
            Self::Stuns | Self::Turns => TLS_PORT,
        }
    }
}

/// What carries the messages to a server.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Debug)]
pub enum ServerTransport {
    /// Datagrams from the call's own socket.
    Udp,
    /// A connection.
    Tcp,
    /// A connection through TLS.
    Tls,
}

/// A parsed `stun:`, `stuns:`, `turn:` or `turns:` URI.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub struct ServerUrl {
    /// `stun` to `turns`.
    pub scheme: Scheme,
    /// From the scheme and `?transport=`.
    pub transport: ServerTransport,
    /// Name or address; IPv6 without brackets.
    pub host: String,
    /// The one given, else 3478, or 5349 for TLS.
    pub port: u16,
}

impl ServerUrl {
    /// Parses one. The error says what is wrong and repeats nothing of the URL, where a password may stand by mistake.
    pub fn parse(url: &str) -> Result<Self, &'static str> {
        let (scheme, rest) = url.split_once(':').ok_or("is no URL: write turn:host:port")?;
        let scheme = Scheme::from_token(scheme).ok_or("must begin with stun:, stuns:, turn: or turns:")?;
        if rest.starts_with("//") {
            return Err("has no // after the scheme: write turn:host:port");
        }
        let (authority, query) = match rest.split_once('?') {
            Some((authority, query)) => (authority, Some(query)),
            None => (rest, None),
        };
        let transport = parse_transport(scheme, query)?;
        let (host, port) = split_authority(authority)?;
        Ok(Self {
            scheme,
            transport,
            host,
            port: port.unwrap_or(scheme.default_port()),
        })
    }

    /// The host, if it is an address.
    pub fn ip(&self) -> Option<IpAddr> {
        self.host.parse().ok()
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let scheme = self.scheme.token();
        let port = self.port;
        if self.host.contains(':') {
            write!(f, "{scheme}:[{}]:{port}", self.host)?;
        } else {
            write!(f, "{scheme}:{}:{port}", self.host)?;
        }
        match (self.scheme, self.transport) {
            (Scheme::Turn, ServerTransport::Tcp) => f.write_str("?transport=tcp"),
            _ => Ok(()),
        }
    }
}

fn parse_transport(scheme: Scheme, query: Option<&str>) -> Result<ServerTransport, &'static str> {
    let Some(query) = query else {
        return Ok(match scheme {
            Scheme::Turns => ServerTransport::Tls,
            Scheme::Turn | Scheme::Stun | Scheme::Stuns => ServerTransport::Udp,
        });
    };
    if !scheme.relays() {
        return Err("has a query; stun: and stuns: take none (RFC 7064)");
    }
    let value = query
        .strip_prefix("transport=")
        .ok_or("takes no query but ?transport=")?;
    match (value.to_ascii_lowercase().as_str(), scheme) {
        ("udp", Scheme::Turn) => Ok(ServerTransport::Udp),
        ("tcp", Scheme::Turn) => Ok(ServerTransport::Tcp),
        ("tcp", _) => Ok(ServerTransport::Tls),
        ("udp", _) => Err("asks for TURN over DTLS, which is not supported: use ?transport=tcp"),
        _ => Err("has an unknown ?transport=: use udp or tcp"),
    }
}

fn split_authority(authority: &str) -> Result<(String, Option<u16>), &'static str> {
    if authority.contains('@') {
        return Err("takes no user: give username and credential beside urls");
    }
    let (host, port) = if let Some(bracketed) = authority.strip_prefix('[') {
        let (host, rest) = bracketed.split_once(']').ok_or("has a [ without ]")?;
        host.parse::<Ipv6Addr>()
            .map_err(|_| "has no IPv6 address between [ and ]")?;
        (host, rest.strip_prefix(':').or((!rest.is_empty()).then_some("")))
    } else if let Some((host, port)) = authority.split_once(':') {
        (check_name(host)?, Some(port))
    } else {
        (check_name(authority)?, None)
    };
    Ok((host.to_owned(), port.map(parse_port).transpose()?))
}

fn parse_port(port: &str) -> Result<u16, &'static str> {
    let is_number = !port.is_empty() && port.len() <= 5 && port.bytes().all(|byte| byte.is_ascii_digit());
    let port = is_number.then(|| port.parse().ok()).flatten();
    port.filter(|port| *port != 0)
        .ok_or("has a port that is no number from 1 to 65535")
}

/// An IPv4 address or a host name (RFC 1123 §2.1; underscores occur).
fn check_name(host: &str) -> Result<&str, &'static str> {
    let is_label = |label: &str| {
        (1..=63).contains(&label.len())
            && label
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte))
    };
    let labels = host.strip_suffix('.').unwrap_or(host);
    if host.is_empty() {
        Err("names no host")
    } else if host.len() > 253 || !labels.split('.').all(is_label) {
        Err("has a host that is neither a name nor an address; IPv6 goes into [ ]")
    } else {
        Ok(host)
    }
}
