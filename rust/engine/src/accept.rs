//! A listener's side of the upgrade, on a worker: TLS, HTTP request, subprotocol `sip`, or the misbehaviour asked for.
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustls::{ServerConfig, ServerConnection, StreamOwned};
use tungstenite::accept_hdr_with_config;
use tungstenite::handshake::server::{ErrorResponse, Request, Response};
use tungstenite::http::{HeaderValue, StatusCode};

use crate::listener::Welcome;
use crate::local_network::usable_now;
use crate::socket_options::SocketOptions;
use crate::stream::{Stream, Wire};
use crate::websocket::{OpenWebSocket, WebSocket, websocket_config};

/// Time a peer has for TLS and its request.
const LIMIT: Duration = Duration::from_secs(10);

/// Serves one peer; the error says what it did wrong, or how it was turned away.
pub(crate) fn accept_websocket(
    tcp: TcpStream,
    remote: SocketAddr,
    tls: Option<Arc<ServerConfig>>,
    welcome: Welcome,
) -> Result<Box<OpenWebSocket>, String> {
    let text = |error: io::Error| error.to_string();
    let local = tcp.local_addr().map_err(text)?;
    let mut wire = Wire::until(tcp, Instant::now() + LIMIT).map_err(text)?;
    let stream = match tls {
        None => Stream::Plain(wire),
        Some(config) => {
            let mut connection = ServerConnection::new(config).map_err(|error| error.to_string())?;
            connection.complete_io(&mut wire).map_err(text)?;
            Stream::Server(Box::new(StreamOwned::new(connection, wire)))
        }
    };
    let upgraded = upgrade(stream, welcome)?;
    let socket = WebSocket::new(upgraded).map_err(text)?;
    Ok(Box::new(OpenWebSocket {
        socket,
        local,
        remote,
        interfaces: usable_now(local, remote, SocketOptions::default()),
    }))
}

/// Reads the HTTP request and answers it.
pub(crate) fn upgrade<S: Read + Write>(stream: S, welcome: Welcome) -> Result<tungstenite::WebSocket<S>, String> {
    #[expect(clippy::result_large_err, reason = "tungstenite's signature")]
    let answer = |request: &Request, response: Response| answer(welcome, request, response);
    accept_hdr_with_config(stream, answer, Some(websocket_config())).map_err(|error| error.to_string())
}

#[expect(clippy::result_large_err, reason = "tungstenite's signature")]
fn answer(welcome: Welcome, request: &Request, mut response: Response) -> Result<Response, ErrorResponse> {
    match welcome {
        Welcome::Refuse(status) => Err(refusal(StatusCode::from_u16(status).unwrap_or(StatusCode::BAD_REQUEST))),
        Welcome::WithoutSubprotocol | Welcome::Silence => Ok(response),
        Welcome::Upgrade if offers_sip(request) => {
            response
                .headers_mut()
                .insert("Sec-WebSocket-Protocol", HeaderValue::from_static("sip"));
            Ok(response)
        }
        Welcome::Upgrade => Err(refusal(StatusCode::BAD_REQUEST)),
    }
}

fn offers_sip(request: &Request) -> bool {
    let offers = request.headers().get_all("Sec-WebSocket-Protocol");
    offers
        .iter()
        .filter_map(|offer| offer.to_str().ok())
        .flat_map(|offer| offer.split(','))
        .any(|name| name.trim() == "sip")
}

fn refusal(status: StatusCode) -> ErrorResponse {
    let mut refusal = ErrorResponse::new(None);
    *refusal.status_mut() = status;
    refusal
        .headers_mut()
        .insert("Content-Length", HeaderValue::from_static("0"));
    refusal
}
