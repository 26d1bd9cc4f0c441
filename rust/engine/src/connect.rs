//! Opening a client's WebSocket: name, TCP, TLS, HTTP upgrade with subprotocol `sip` (RFC 7118 §4), each within a time limit.
use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use c2c_proto::io::{TransportFailure, TransportStep};
use rustls::pki_types::ServerName;
use rustls::{AlertDescription, ClientConnection, StreamOwned};
use tungstenite::error::ProtocolError;
use tungstenite::handshake::HandshakeError;
use tungstenite::handshake::client::{Request as HttpRequest, generate_key};
use tungstenite::http::Uri;
use tungstenite::{Error, client};

use crate::happy_eyeballs::connect_first;
use crate::local_network::usable_now;
use crate::resolve::{literal, resolve};
use crate::route::{Route, is_public};
use crate::socket_options::SocketOptions;
use crate::stream::{Stream, Wire};
use crate::tls::TlsTrust;
use crate::websocket::{OpenWebSocket, WebSocket, websocket_config};
use crate::workers::Workers;

/// Time for a whole attempt, unless a client brings its own.
pub const OPEN_LIMIT: Duration = Duration::from_secs(10);
/// Time for TCP to one address.
const ADDRESS_LIMIT: Duration = Duration::from_secs(3);

/// A WebSocket URI, taken apart.
#[derive(Clone, Debug)]
struct Target {
    uri: Uri,
    host: String,
    port: u16,
    tls: bool,
}

/// How far an attempt has come, for whoever runs out of patience with it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Progress(Arc<Marks>);

#[derive(Debug, Default)]
struct Marks {
    step: AtomicU8,
    queued: OnceLock<Instant>,
    started: OnceLock<Instant>,
}

impl Progress {
    fn enter(&self, step: TransportStep) {
        self.0.step.store(step as u8, Ordering::Relaxed);
    }

    /// How long it has waited for a thread, which does not count against its limit.
    pub(crate) fn waited(&self, now: Instant) -> Duration {
        let Some(queued) = self.0.queued.get() else {
            return Duration::ZERO;
        };
        let until = self.0.started.get().copied().unwrap_or(now);
        until.saturating_duration_since(*queued)
    }

    /// The failure of an attempt that takes longer than `limit`.
    pub(crate) fn timed_out(&self, limit: Duration) -> TransportFailure {
        let step = match self.0.step.load(Ordering::Relaxed) {
            0 => TransportStep::Resolve,
            1 => TransportStep::Connect,
            2 => TransportStep::Tls,
            _ => TransportStep::Upgrade,
        };
        failure(step, format!("no answer within {} seconds", limit.as_secs_f32()))
    }
}

/// What an attempt needs to know.
#[derive(Debug)]
pub(crate) struct Request {
    pub(crate) uri: String,
    pub(crate) trust: TlsTrust,
    pub(crate) route: Route,
    pub(crate) sockets: SocketOptions,
    pub(crate) limit: Duration,
    pub(crate) progress: Progress,
}

/// Starts an attempt; its result goes to `done` on some worker, perhaps after the limit, or never. Never blocks.
pub(crate) fn open_websocket(
    request: Request,
    workers: &Workers,
    done: impl FnOnce(Result<Box<OpenWebSocket>, TransportFailure>) + Send + 'static,
) {
    let target = match parse_target(&request.uri) {
        Ok(target) => target,
        Err(failure) => return done(Err(failure)),
    };
    let Request {
        trust,
        route,
        sockets,
        limit,
        progress,
        ..
    } = request;
    let (host, port) = match &route.proxy {
        Some(proxy) => (proxy.host.clone(), proxy.port),
        None => (target.host.clone(), target.port),
    };
    let attempt = Attempt {
        trust,
        route,
        sockets,
        progress,
        begun: Instant::now(),
        limit,
        target,
    };
    if let Some(ip) = literal(&host) {
        return attempt.submit(workers, Ok(vec![SocketAddr::new(ip, port)]), Box::new(done));
    }
    let workers = workers.clone();
    resolve(host, port, move |found| attempt.submit(&workers, found, Box::new(done)));
}

type Done = Box<dyn FnOnce(Result<Box<OpenWebSocket>, TransportFailure>) + Send>;

struct Attempt {
    target: Target,
    trust: TlsTrust,
    route: Route,
    sockets: SocketOptions,
    progress: Progress,
    begun: Instant,
    limit: Duration,
}

impl Attempt {
    fn submit(self, workers: &Workers, found: io::Result<Vec<SocketAddr>>, done: Done) {
        let marks = self.progress.0.clone();
        let queued = Instant::now();
        // one that is refused waits for no thread: its time limit tells
        if workers.submit(move || done(self.run(found))) {
            let _ = marks.queued.set(queued);
        }
    }

    fn run(self, found: io::Result<Vec<SocketAddr>>) -> Result<Box<OpenWebSocket>, TransportFailure> {
        let _ = self.progress.0.started.set(Instant::now());
        let deadline = self.begun + self.limit + self.progress.waited(Instant::now());
        let addresses = self.check_addresses(found)?;
        self.progress.enter(TransportStep::Connect);
        let tcp = connect_first(&addresses, deadline, ADDRESS_LIMIT)?;
        let lost = |error: io::Error| failure(TransportStep::Connect, error.to_string());
        let (local, remote) = (tcp.local_addr().map_err(lost)?, tcp.peer_addr().map_err(lost)?);
        let mut wire = Wire::until(tcp, deadline).map_err(lost)?;
        if let Some(proxy) = &self.route.proxy {
            let Target { host, port, .. } = &self.target;
            proxy.open_tunnel(&mut wire, &format!("{host}:{port}"))?;
        }
        let stream = if self.target.tls {
            self.progress.enter(TransportStep::Tls);
            handshake(wire, &self.trust, &self.target.host)?
        } else {
            Stream::Plain(wire)
        };
        let socket = self.upgrade(stream)?;
        Ok(Box::new(OpenWebSocket {
            socket,
            local,
            remote,
            interfaces: usable_now(local, remote, self.sockets),
        }))
    }

    fn check_addresses(&self, found: io::Result<Vec<SocketAddr>>) -> Result<Vec<SocketAddr>, TransportFailure> {
        let proxy = self.route.proxy.as_ref();
        let host = proxy.map_or_else(|| self.target.host.clone(), |proxy| format!("proxy {}", proxy.host));
        let unresolved = |why: String| failure(TransportStep::Resolve, format!("{host}: {why}"));
        let found = found.map_err(|error| unresolved(error.to_string()))?;
        let mut addresses = self.sockets.usable(found).map_err(unresolved)?;
        let is_near = proxy.is_none() && addresses.iter().all(|address| address.ip().is_loopback());
        if !self.target.tls && !is_near {
            return Err(final_failure(
                TransportStep::Connect,
                "ws:// is for loopback only: use wss://".into(),
            ));
        }
        if self.route.public_only {
            self.check_public(&mut addresses)?;
        }
        Ok(addresses)
    }

    /// The proxy itself was chosen by the user, and may be anywhere.
    fn check_public(&self, addresses: &mut Vec<SocketAddr>) -> Result<(), TransportFailure> {
        let is_refused = if self.route.proxy.is_some() {
            literal(&self.target.host).is_some_and(|ip| !is_public(ip))
        } else {
            addresses.retain(|address| is_public(address.ip()));
            addresses.is_empty()
        };
        if is_refused {
            let cause = format!(
                "{} is an address of this machine or of a private network",
                self.target.host
            );
            return Err(final_failure(TransportStep::Connect, cause));
        }
        Ok(())
    }

    fn upgrade(&self, stream: Stream) -> Result<WebSocket, TransportFailure> {
        self.progress.enter(TransportStep::Upgrade);
        let request = self
            .request()
            .map_err(|error| final_failure(TransportStep::Upgrade, error.to_string()))?;
        let websocket = ask_for_upgrade(request, stream)?;
        WebSocket::new(websocket).map_err(|error| io_failure(TransportStep::Upgrade, &error))
    }

    fn request(&self) -> Result<HttpRequest, tungstenite::http::Error> {
        self.target.request()
    }
}

impl Target {
    fn request(&self) -> Result<HttpRequest, tungstenite::http::Error> {
        let Self { uri, host, port, tls } = self;
        let default = if *tls { 443 } else { 80 };
        let host = if *port == default {
            host.clone()
        } else {
            format!("{host}:{port}")
        };
        HttpRequest::builder()
            .uri(uri.clone())
            .header("Host", host)
            .header("Connection", "Upgrade")
            .header("Upgrade", "websocket")
            .header("Sec-WebSocket-Version", "13")
            .header("Sec-WebSocket-Key", generate_key())
            .header("Sec-WebSocket-Protocol", "sip")
            .body(())
    }
}

/// Sends the HTTP request and reads what the server answers.
fn ask_for_upgrade<S: Read + Write>(
    request: HttpRequest,
    stream: S,
) -> Result<tungstenite::WebSocket<S>, TransportFailure> {
    let upgraded = client::client_with_config(request, stream, Some(websocket_config()));
    upgraded.map(|(websocket, _)| websocket).map_err(|error| match error {
        HandshakeError::Failure(error) => upgrade_failure(&error),
        HandshakeError::Interrupted(_) => failure(TransportStep::Upgrade, "no answer in time".into()),
    })
}

/// The upgrade of a client to this URI, for [`crate::survival`].
pub(crate) fn upgrade_on<S: Read + Write>(uri: &str, stream: S) -> Result<tungstenite::WebSocket<S>, TransportFailure> {
    let request = parse_target(uri)?.request();
    ask_for_upgrade(
        request.map_err(|error| final_failure(TransportStep::Upgrade, error.to_string()))?,
        stream,
    )
}

/// TLS with a server that must prove to be `host`.
pub(crate) fn handshake(mut wire: Wire, trust: &TlsTrust, host: &str) -> Result<Stream, TransportFailure> {
    let config = trust.config().map_err(|why| final_failure(TransportStep::Tls, why))?;
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    let name = ServerName::try_from(host);
    let name =
        name.map_err(|_| final_failure(TransportStep::Tls, "the host is no name a certificate can have".into()))?;
    let mut connection =
        ClientConnection::new(config, name).map_err(|error| final_failure(TransportStep::Tls, error.to_string()))?;
    connection
        .complete_io(&mut wire)
        .map_err(|error| io_failure(TransportStep::Tls, &error))?;
    Ok(Stream::Client(Box::new(StreamOwned::new(connection, wire))))
}

/// A failure at TCP that may pass.
pub(crate) fn connection_failure(cause: String) -> TransportFailure {
    failure(TransportStep::Connect, cause)
}

fn parse_target(uri: &str) -> Result<Target, TransportFailure> {
    // the URI may carry a token: it is never quoted
    let bad = |what: &str| final_failure(TransportStep::Resolve, format!("WebSocket URI: {what}"));
    let uri: Uri = uri.parse().map_err(|_| bad("not a URI"))?;
    let tls = match uri.scheme_str() {
        Some("wss") => true,
        Some("ws") => false,
        _ => return Err(bad("its scheme must be wss (or ws, to loopback)")),
    };
    let authority = uri.authority().filter(|authority| !authority.host().is_empty());
    let authority = authority.ok_or_else(|| bad("it has no host"))?;
    let host = authority.host().to_owned();
    let port = match authority.port_u16() {
        Some(port) => port,
        None if authority.as_str().ends_with(&host) => {
            if tls {
                443
            } else {
                80
            }
        }
        None => return Err(bad("its port is no number below 65536")),
    };
    Ok(Target { uri, host, port, tls })
}

fn upgrade_failure(error: &Error) -> TransportFailure {
    match error {
        Error::Http(response) => {
            let status = response.status();
            TransportFailure {
                step: TransportStep::Upgrade,
                cause: format!("the server answered {status} instead of upgrading to WebSocket"),
                http_status: Some(status.as_u16()),
                is_final: status.is_client_error(),
            }
        }
        Error::Protocol(ProtocolError::SecWebSocketSubProtocolError(_)) => {
            let cause = "the server does not speak SIP over WebSocket: its answer lacks the subprotocol 'sip'";
            final_failure(TransportStep::Upgrade, cause.into())
        }
        Error::Io(error) => io_failure(TransportStep::Upgrade, error),
        error => failure(TransportStep::Upgrade, error.to_string()),
    }
}

/// With TLS 1.3 the server's verdict on the client's certificate comes with the first read after the handshake.
fn io_failure(step: TransportStep, error: &io::Error) -> TransportFailure {
    let Some(tls) = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>()) else {
        return failure(step, error.to_string());
    };
    let cause = tls.to_string();
    if is_final(tls) {
        final_failure(TransportStep::Tls, cause)
    } else {
        failure(TransportStep::Tls, cause)
    }
}

/// What the same two parties will not do better the next time.
fn is_final(error: &rustls::Error) -> bool {
    match error {
        rustls::Error::InvalidCertificate(_)
        | rustls::Error::NoCertificatesPresented
        | rustls::Error::UnsupportedNameType
        | rustls::Error::PeerIncompatible(_)
        | rustls::Error::InvalidCertRevocationList(_) => true,
        rustls::Error::AlertReceived(alert) => !matches!(
            alert,
            AlertDescription::InternalError | AlertDescription::CloseNotify | AlertDescription::UserCanceled
        ),
        _ => false,
    }
}

fn failure(step: TransportStep, cause: String) -> TransportFailure {
    TransportFailure {
        step,
        cause,
        http_status: None,
        is_final: false,
    }
}

fn final_failure(step: TransportStep, cause: String) -> TransportFailure {
    TransportFailure {
        is_final: true,
        ..failure(step, cause)
    }
}
