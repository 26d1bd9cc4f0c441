//! What Python hands to the engine about servers, users and trust.
use std::net::IpAddr;
use std::time::Duration;

use c2c_engine::proxy::Proxy;
use c2c_engine::socket_options::{IpVersion, PortRange, SocketOptions};
use c2c_proto::io::{self, CallPolicy, KeepAlive, KeepAliveKind, Secret};
use c2c_proto::media::servers::{IceConfig, IceServerSettings, IceTransportPolicy};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Longest time that may be asked for: a day.
const MAX_SECONDS: f64 = 86_400.0;

/// What the server and the user are; `repr` shows no secret.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct SipSettings(pub(crate) io::SipSettings);

#[pymethods]
impl SipSettings {
    #[new]
    #[pyo3(signature = (*, websocket_uri, user, realm, username="", password="", register=true,
        user_agent=default_user_agent(), register_expires=600, session_expires=90, local_address=None, ice=None,
        reconnect_limit=60.0, keep_alive=7.0, keep_alive_kind="ping", end_on_info_rejected=false,
        end_on_info_timeout=false, accept_incoming=false, refuse_md5=false))]
    #[expect(
        clippy::too_many_arguments,
        clippy::fn_params_excessive_bools,
        reason = "keyword-only in Python"
    )]
    fn new(
        websocket_uri: String,
        user: String,
        realm: String,
        username: &str,
        password: &str,
        register: bool,
        user_agent: String,
        register_expires: u32,
        session_expires: u32,
        local_address: Option<&str>,
        ice: Option<&IceSettings>,
        reconnect_limit: f64,
        keep_alive: f64,
        keep_alive_kind: &str,
        end_on_info_rejected: bool,
        end_on_info_timeout: bool,
        accept_incoming: bool,
        refuse_md5: bool,
    ) -> PyResult<Self> {
        Ok(Self(io::SipSettings {
            websocket_uri,
            user,
            realm,
            username: username.into(),
            password: Secret(password.into()),
            refuse_md5,
            register,
            user_agent,
            register_expires,
            session_expires,
            local_address: local_address.map(parse_address).transpose()?,
            ice: ice.map(|ice| ice.0.clone()).unwrap_or_default(),
            reconnect_limit: seconds("reconnect_limit", reconnect_limit)?,
            keep_alive: KeepAlive {
                interval: seconds("keep_alive", keep_alive)?,
                kind: parse_kind(keep_alive_kind)?,
            },
            policy: CallPolicy {
                end_on_info_rejected,
                end_on_info_timeout,
                accept_incoming,
            },
        }))
    }

    /// Who the client is; not for logs.
    #[getter]
    fn user(&self) -> &str {
        &self.0.user
    }

    /// Neither the password, nor the URI (which may carry a token), nor the user id is shown.
    fn __repr__(&self) -> String {
        format!("SipSettings(realm={:?}, register={:?})", self.0.realm, self.0.register)
    }
}

/// STUN and TURN servers, each (urls, username, credential), and `all` or `relay`; `repr` shows no secret.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct IceSettings(pub(crate) IceConfig);

#[pymethods]
impl IceSettings {
    #[new]
    #[pyo3(signature = (*, servers, policy="all"))]
    fn new(servers: Vec<(Vec<String>, Option<String>, Option<String>)>, policy: &str) -> PyResult<Self> {
        let policy = match policy {
            "all" => IceTransportPolicy::All,
            "relay" => IceTransportPolicy::Relay,
            _ => {
                return Err(PyValueError::new_err("iceTransportPolicy: must be 'all' or 'relay'"));
            }
        };
        let servers = servers
            .into_iter()
            .map(|(urls, username, credential)| IceServerSettings {
                urls,
                username: username.map(Secret),
                credential: credential.map(Secret),
            });
        let servers: Vec<_> = servers.collect();
        let config = IceConfig::new(&servers, policy);
        Ok(Self(config.map_err(|error| PyValueError::new_err(error.to_string()))?))
    }

    fn __repr__(&self) -> String {
        let urls: Vec<String> = self
            .0
            .servers
            .iter()
            .flat_map(|server| &server.urls)
            .map(ToString::to_string)
            .collect();
        format!("IceSettings({urls:?}, policy={:?})", self.0.policy)
    }
}

/// Roots (PEM bytes replace the platform's) and an optional client certificate and key (PEM).
#[pyclass(frozen, module = "c2c._c2c")]
#[derive(Clone)]
pub(crate) struct TlsSettings {
    pub(crate) ca: Option<Vec<u8>>,
    pub(crate) client_cert: Option<Vec<u8>>,
    pub(crate) client_key: Option<Vec<u8>>,
}

#[pymethods]
impl TlsSettings {
    #[new]
    #[pyo3(signature = (*, ca_pem=None, client_cert_pem=None, client_key_pem=None))]
    fn new(
        ca_pem: Option<Vec<u8>>,
        client_cert_pem: Option<Vec<u8>>,
        client_key_pem: Option<Vec<u8>>,
    ) -> PyResult<Self> {
        if client_cert_pem.is_some() != client_key_pem.is_some() {
            return Err(PyValueError::new_err("a client certificate and its key go together"));
        }
        Ok(Self {
            ca: ca_pem,
            client_cert: client_cert_pem,
            client_key: client_key_pem,
        })
    }

    fn __repr__(&self) -> String {
        let ca = if self.ca.is_some() { "..." } else { "None" };
        let client = if self.client_cert.is_some() { "***" } else { "None" };
        format!("TlsSettings(ca_pem={ca}, client_cert_pem={client})")
    }
}

/// An HTTP proxy; `authorization` is the value of `Proxy-Authorization`. `repr` shows no secret.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct ProxySettings(pub(crate) Proxy);

#[pymethods]
impl ProxySettings {
    #[new]
    #[pyo3(signature = (*, host, port, authorization=None))]
    fn new(host: String, port: u16, authorization: Option<String>) -> Self {
        Self(Proxy {
            host,
            port,
            authorization: authorization.map(Secret),
        })
    }

    fn __repr__(&self) -> String {
        let authorization = if self.0.authorization.is_some() { "***" } else { "None" };
        format!(
            "ProxySettings(host={:?}, port={}, authorization={authorization})",
            self.0.host, self.0.port
        )
    }
}

/// Which addresses and ports an engine's sockets may have.
pub(crate) fn socket_options(ip_version: Option<u8>, port_range: Option<(u16, u16)>) -> PyResult<SocketOptions> {
    let ip_version = match ip_version {
        None => None,
        Some(4) => Some(IpVersion::V4),
        Some(6) => Some(IpVersion::V6),
        Some(_) => return Err(PyValueError::new_err("ip_version: must be 4 or 6")),
    };
    let no_ports = || PyValueError::new_err("port_range: must be two ports, the lower one first");
    let udp_ports = port_range.map(|(first, last)| PortRange::new(first, last).ok_or_else(no_ports));
    Ok(SocketOptions {
        ip_version,
        udp_ports: udp_ports.transpose()?,
    })
}

fn default_user_agent() -> String {
    concat!("c2c/", env!("CARGO_PKG_VERSION")).into()
}

/// Seconds from 0 to a day.
fn seconds(name: &str, value: f64) -> PyResult<Duration> {
    let refused = || PyValueError::new_err(format!("{name}: must be seconds from 0 to {MAX_SECONDS}"));
    let limited = Some(value).filter(|value| *value <= MAX_SECONDS);
    limited
        .and_then(|value| Duration::try_from_secs_f64(value).ok())
        .ok_or_else(refused)
}

fn parse_kind(text: &str) -> PyResult<KeepAliveKind> {
    match text {
        "ping" => Ok(KeepAliveKind::Ping),
        "crlf" => Ok(KeepAliveKind::Crlf),
        _ => Err(PyValueError::new_err("keep_alive_kind: must be 'ping' or 'crlf'")),
    }
}

fn parse_address(text: &str) -> PyResult<IpAddr> {
    text.parse()
        .map_err(|_| PyValueError::new_err(format!("local_address: {text:?} is no IP address")))
}
