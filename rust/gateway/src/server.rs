//! A gateway on sockets: certificates, a driver of its own, and one agent a connection.
use std::collections::HashMap;
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Instant, SystemTime};

use c2c_engine::AgentId;
use c2c_engine::driver::Driver;
use c2c_engine::error::EngineError;
use c2c_engine::event_queue::LogLine;
use c2c_engine::listener::{ListenOptions, Listener, ListenerEvent, Welcome};
use c2c_engine::random::SystemRandomSource;
use c2c_engine::tls::provider;
use c2c_proto::io::{CallId, ClockOrigin};
use c2c_proto::media::dtls::DtlsCertificate;
use c2c_proto::media::error::MediaError;
use rustls::ServerConfig;

use crate::agent::GatewayAgent;
use crate::certificate::{CertificateError, Certificates, names_at};
use crate::context::Shared;
use crate::io::{CallCommand, GatewayCommand, GatewayEvent};
use crate::misbehaviour::Misbehaviour;
use crate::settings::GatewaySettings;

/// A listening gateway. No member blocks; all are safe from any thread.
pub struct GatewayServer {
    listener: Listener<GatewayAgent>,
    certificates: Certificates,
    agents: Mutex<HashMap<u64, AgentId>>,
}

/// What a gateway's owner is told.
#[derive(Debug)]
pub enum ServerEvent {
    /// The agent of this connection tells something.
    Agent(u64, GatewayEvent),
    /// A log line.
    Log(LogLine),
    /// The driver or an agent failed.
    Failed(String),
    /// The last event.
    Closed,
}

/// Why a gateway cannot start.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// No certificates for TLS.
    #[error(transparent)]
    Certificates(#[from] CertificateError),
    /// TLS does not take them.
    #[error("the gateway's certificates cannot be used: {0}")]
    Tls(#[from] rustls::Error),
    /// No certificate for DTLS.
    #[error(transparent)]
    Media(#[from] MediaError),
    /// No port, no thread.
    #[error(transparent)]
    Engine(#[from] EngineError),
}

impl GatewayServer {
    /// Listens at `address`, with TLS unless it is not `secure`. The second value is the end of the wake-up that the owner
    /// sleeps on.
    pub fn start(
        settings: GatewaySettings,
        address: SocketAddr,
        secure: bool,
    ) -> Result<(Self, UnixStream), ServerError> {
        let certificates = Certificates::generate(&names_at(address.ip()), SystemTime::now())?;
        let tls = if secure {
            Some(server_config(&certificates)?)
        } else {
            None
        };
        let welcome = welcome(&settings);
        let shared = Arc::new(Shared {
            settings,
            certificate: Arc::new(DtlsCertificate::generate()?),
            secure,
            clock: ClockOrigin {
                instant: Instant::now(),
                wall: SystemTime::now(),
            },
        });
        let mut connections = 0;
        let make_agent = move |_| {
            connections += 1;
            GatewayAgent::new(connections, shared.clone(), Box::new(SystemRandomSource::default()))
        };
        let options = ListenOptions {
            address,
            tls,
            make_agent: Box::new(make_agent),
            welcome: Box::new(move |_| welcome),
        };
        let (listener, wake) = Driver::start()?.listen(options)?;
        let agents = Mutex::new(HashMap::new());
        Ok((
            Self {
                listener,
                certificates,
                agents,
            },
            wake,
        ))
    }

    /// Where it listens.
    pub fn local_addr(&self) -> SocketAddr {
        self.listener.local_addr()
    }

    /// What clients must trust, and what else serves under the same name.
    pub fn certificates(&self) -> &Certificates {
        &self.certificates
    }

    /// All that happened since the last time; call it after the wake-up bytes were read.
    pub fn poll_events(&self) -> Result<Vec<ServerEvent>, EngineError> {
        let mut numbers: HashMap<AgentId, u64> = self.known().iter().map(|(number, agent)| (*agent, *number)).collect();
        let events = self.listener.poll_events()?.into_iter();
        Ok(events
            .filter_map(|event| self.server_event(event, &mut numbers))
            .collect())
    }

    /// Asks for something in a call; one that is over ignores it.
    pub fn command_call(&self, call: CallId, command: CallCommand) -> Result<(), EngineError> {
        self.command(GatewayAgent::connection_of(call), GatewayCommand::Call(call, command))
    }

    /// Asks for something on a connection; one that is gone ignores it.
    pub fn command(&self, connection: u64, command: GatewayCommand) -> Result<(), EngineError> {
        let agent = self.known().get(&connection).copied();
        agent.map_or(Ok(()), |agent| self.listener.command(agent, command))
    }

    /// Closes the port and all connections.
    pub fn close(&self) -> Result<(), EngineError> {
        self.listener.close()
    }

    /// Agents name their connection in their first event.
    fn server_event(
        &self,
        event: ListenerEvent<GatewayEvent>,
        numbers: &mut HashMap<AgentId, u64>,
    ) -> Option<ServerEvent> {
        match event {
            ListenerEvent::Agent(agent, event) => {
                if let GatewayEvent::Opened { connection, .. } = event {
                    self.known().insert(connection, agent);
                    numbers.insert(agent, connection);
                }
                Some(ServerEvent::Agent(*numbers.get(&agent)?, event))
            }
            ListenerEvent::AgentGone(agent) => {
                self.known().retain(|_, known| *known != agent);
                None
            }
            ListenerEvent::AgentFailed(_, cause) | ListenerEvent::EngineFailed(cause) => {
                Some(ServerEvent::Failed(cause))
            }
            ListenerEvent::Log(line) => Some(ServerEvent::Log(line)),
            ListenerEvent::Closed => Some(ServerEvent::Closed),
            ListenerEvent::Accepted(..) | ListenerEvent::RingReady(_) | ListenerEvent::LogLinesLost(_) => None,
        }
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<u64, AgentId>> {
        self.agents.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn welcome(settings: &GatewaySettings) -> Welcome {
    let refused = settings.misbehaviour(|m| match m {
        Misbehaviour::RefuseUpgrade(status) => Some(Welcome::Refuse(*status)),
        Misbehaviour::NoSubprotocol => Some(Welcome::WithoutSubprotocol),
        _ => None,
    });
    refused.unwrap_or(Welcome::Upgrade)
}

fn server_config(certificates: &Certificates) -> Result<Arc<ServerConfig>, rustls::Error> {
    let config = ServerConfig::builder_with_provider(provider())
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(
            vec![certificates.certificate_der.clone()],
            certificates.key_der.clone_key(),
        )?;
    Ok(Arc::new(config))
}
