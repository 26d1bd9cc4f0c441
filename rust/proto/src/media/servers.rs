//! STUN and TURN servers as the browser's `RTCConfiguration` names them (RFC 7064, RFC 7065, W3C WebRTC §4.2).
use std::time::Duration;

pub use self::url::{Scheme, ServerTransport, ServerUrl};
use crate::io::Secret;

mod url;

/// URLs that one configuration may name; each costs look-ups and requests for every call.
pub const MAX_URLS: usize = 16;
/// USERNAME is shorter than 509 bytes (RFC 8489 §14.3).
const MAX_USERNAME: usize = 508;
/// Longer credentials are mistakes; REST-style ones have some 30 bytes.
const MAX_CREDENTIAL: usize = 1024;

/// Which candidates a call may use (`iceTransportPolicy`).
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum IceTransportPolicy {
    /// Every kind.
    #[default]
    All,
    /// Only relayed ones: the peer sees no address but the TURN server's.
    Relay,
}

/// How long a call waits for its servers before it goes on with what they gave so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct GatherBudget {
    /// After the first host candidate; a call that may use no host candidate has no such limit.
    pub after_host: Duration,
    /// After the start, in any case.
    pub at_most: Duration,
}

impl Default for GatherBudget {
    fn default() -> Self {
        Self {
            after_host: Duration::from_millis(500),
            at_most: Duration::from_secs(2),
        }
    }
}

/// The servers of a client and what its calls use them for.
#[derive(Clone, Default, Debug)]
pub struct IceConfig {
    /// In the order given.
    pub servers: Vec<IceServer>,
    /// Which candidates may be used.
    pub policy: IceTransportPolicy,
    /// How long to wait for the servers.
    pub budget: GatherBudget,
}

/// One element of `iceServers` as the user wrote it.
#[derive(Clone, Default, Debug)]
pub struct IceServerSettings {
    /// `urls`, one or many.
    pub urls: Vec<String>,
    /// `username`.
    pub username: Option<Secret>,
    /// `credential`.
    pub credential: Option<Secret>,
}

impl IceConfig {
    /// Checks what the user wrote. Errors: [`IceServerError`], with the element's name in the browser's spelling.
    pub fn new(servers: &[IceServerSettings], policy: IceTransportPolicy) -> Result<Self, IceServerError> {
        let mut parsed = Vec::with_capacity(servers.len().min(MAX_URLS));
        let mut urls = 0;
        for (index, settings) in servers.iter().enumerate() {
            let server = IceServer::new(settings).map_err(|error| error.inside(&format!("iceServers[{index}]")))?;
            urls += server.urls.len();
            if urls > MAX_URLS {
                return Err(IceServerError::new(
                    "iceServers",
                    "more than 16 URLs; name fewer servers",
                ));
            }
            parsed.push(server);
        }
        if policy == IceTransportPolicy::Relay && !parsed.iter().any(IceServer::relays) {
            let problem = "\"relay\" needs a turn: or turns: server in iceServers";
            return Err(IceServerError::new("iceTransportPolicy", problem));
        }
        Ok(Self {
            servers: parsed,
            policy,
            budget: GatherBudget::default(),
        })
    }
}

/// One server, or several that take the same credential.
#[derive(Clone, Debug)]
pub struct IceServer {
    /// Where it is reached.
    pub urls: Vec<ServerUrl>,
    /// For TURN; secret, since it often carries a user's name.
    pub username: Secret,
    /// For TURN.
    pub credential: Secret,
}

impl IceServer {
    /// Checks one element. Errors name the member: `urls[0]`, `username`, `credential`.
    pub fn new(settings: &IceServerSettings) -> Result<Self, IceServerError> {
        if settings.urls.is_empty() {
            return Err(IceServerError::new("urls", "names no URL"));
        }
        let mut urls = Vec::with_capacity(settings.urls.len().min(MAX_URLS));
        for (index, url) in settings.urls.iter().take(MAX_URLS + 1).enumerate() {
            let parsed = ServerUrl::parse(url);
            urls.push(parsed.map_err(|problem| IceServerError::new(&format!("urls[{index}]"), problem))?);
        }
        let server = Self {
            urls,
            username: settings.username.clone().unwrap_or_default(),
            credential: settings.credential.clone().unwrap_or_default(),
        };
        if server.relays() {
            check_length("username", &server.username, MAX_USERNAME)?;
            check_length("credential", &server.credential, MAX_CREDENTIAL)?;
        }
        Ok(server)
    }

    fn relays(&self) -> bool {
        self.urls.iter().any(|url| url.scheme.relays())
    }
}

/// What is wrong with a configuration.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{element}: {problem}")]
pub struct IceServerError {
    /// The element in the browser's spelling, for example `iceServers[0].urls[1]`.
    pub element: String,
    /// What is wrong and what to write instead; without the value.
    pub problem: String,
}

impl IceServerError {
    fn new(element: &str, problem: &str) -> Self {
        Self {
            element: element.to_owned(),
            problem: problem.to_owned(),
        }
    }

    fn inside(self, parent: &str) -> Self {
        Self {
            element: format!("{parent}.{}", self.element),
            ..self
        }
    }
}

fn check_length(element: &str, value: &Secret, limit: usize) -> Result<(), IceServerError> {
    if value.0.is_empty() {
        return Err(IceServerError::new(element, "is missing; a TURN server needs one"));
    }
    if value.0.len() > limit {
        return Err(IceServerError::new(element, &format!("is longer than {limit} bytes")));
    }
    if value.0.contains(char::is_control) {
        return Err(IceServerError::new(element, "has control characters"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
