//! A WebSocket of which nothing blocks: whole messages in and out, bounded both ways (RFC 6455, RFC 7118).
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsRawFd, RawFd};

use tungstenite::error::ProtocolError;
use tungstenite::protocol::frame::coding::CloseCode;
use tungstenite::protocol::{CloseFrame, WebSocketConfig};
use tungstenite::{Bytes, Error, Message, WebSocket as Protocol};

use crate::stream::Stream;

/// The largest message taken; SIP's own limit is 64 kB, answered by SIP.
pub(crate) const MESSAGE_LIMIT: usize = 128 * 1024;
/// Bytes that may wait for a peer that does not read; more fail the connection.
const WRITE_LIMIT: usize = 512 * 1024;

/// The settings that each WebSocket of ours has.
pub(crate) fn websocket_config() -> WebSocketConfig {
    WebSocketConfig::default()
        .read_buffer_size(8 * 1024)
        .write_buffer_size(0)
        .max_write_buffer_size(WRITE_LIMIT)
        .max_message_size(Some(MESSAGE_LIMIT))
        .max_frame_size(Some(MESSAGE_LIMIT))
}

/// What a worker hands to the driver.
#[derive(Debug)]
pub(crate) struct OpenWebSocket {
    pub(crate) socket: WebSocket,
    pub(crate) local: SocketAddr,
    pub(crate) remote: SocketAddr,
    pub(crate) interfaces: Vec<IpAddr>,
}

/// One open WebSocket.
#[derive(Debug)]
pub(crate) struct WebSocket(Protocol<Stream>);

/// How a WebSocket ended: the peer's close code, and its reason or the error's text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct WebSocketEnd {
    pub(crate) code: Option<u16>,
    pub(crate) reason: String,
}

/// What a read gave.
#[derive(Debug)]
pub(crate) enum Incoming {
    /// A whole message.
    Message(Vec<u8>),
    /// A ping, a pong: already answered where that is due.
    Control,
    /// The peer's close frame; an answer is on its way.
    Close(WebSocketEnd),
    /// Nothing more for now.
    Nothing,
}

impl WebSocket {
    /// Takes over after the upgrade; from now on nothing blocks.
    pub(crate) fn new(mut upgraded: Protocol<Stream>) -> io::Result<Self> {
        upgraded.get_mut().unblock()?;
        Ok(Self(upgraded))
    }

    /// Reads one message, text or binary.
    pub(crate) fn read(&mut self) -> Result<Incoming, WebSocketEnd> {
        match self.0.read() {
            Ok(Message::Text(text)) => Ok(Incoming::Message(text.as_bytes().to_vec())),
            Ok(Message::Binary(bytes)) => Ok(Incoming::Message(bytes.to_vec())),
            Ok(Message::Close(frame)) => {
                // the answer; on a server's side it ends the connection, which is no news any more
                let _ = self.0.flush();
                Ok(Incoming::Close(close_end(frame)))
            }
            Ok(_) => {
                self.flush()?;
                Ok(Incoming::Control)
            }
            Err(error) if would_block(&error) => Ok(Incoming::Nothing),
            Err(error) => Err(self.fail(&error)),
        }
    }

    /// Sends one message as text, or as binary if it is no UTF-8; fails when too much waits for the peer.
    pub(crate) fn send(&mut self, message: Vec<u8>) -> Result<(), WebSocketEnd> {
        let message = match String::from_utf8(message) {
            Ok(text) => Message::text(text),
            Err(error) => Message::binary(error.into_bytes()),
        };
        self.write(message)
    }

    /// Sends a ping, which the peer answers; an empty one allocates nothing.
    pub(crate) fn ping(&mut self) -> Result<(), WebSocketEnd> {
        self.write(Message::Ping(Bytes::new()))
    }

    /// Sends what waits, as far as the peer takes it.
    pub(crate) fn flush(&mut self) -> Result<(), WebSocketEnd> {
        match self.0.flush() {
            Ok(()) => Ok(()),
            Err(error) if would_block(&error) => Ok(()),
            Err(error) => Err(end_of(&error)),
        }
    }

    /// Starts the close handshake; read until it ends.
    pub(crate) fn close(&mut self, code: u16) -> Result<(), WebSocketEnd> {
        let frame = CloseFrame {
            code: CloseCode::from(code),
            reason: "".into(),
        };
        match self.0.close(Some(frame)) {
            Ok(()) => self.flush(),
            Err(error) if would_block(&error) => Ok(()),
            Err(error) => Err(end_of(&error)),
        }
    }

    fn write(&mut self, message: Message) -> Result<(), WebSocketEnd> {
        match self.0.send(message) {
            Ok(()) => Ok(()),
            Err(error) if would_block(&error) => Ok(()),
            Err(error) => Err(self.fail(&error)),
        }
    }

    /// Tells the peer what it did wrong, as far as that goes without waiting.
    fn fail(&mut self, error: &Error) -> WebSocketEnd {
        let code = match error {
            Error::Capacity(_) => Some(CloseCode::Size),
            Error::Utf8(_) => Some(CloseCode::Invalid),
            Error::Protocol(_) | Error::AttackAttempt => Some(CloseCode::Protocol),
            Error::WriteBufferFull(_) => Some(CloseCode::Policy),
            _ => None,
        };
        if let Some(code) = code {
            let _ = self.0.close(Some(CloseFrame {
                code,
                reason: "".into(),
            }));
            let _ = self.0.flush();
        }
        end_of(error)
    }
}

impl Drop for WebSocket {
    fn drop(&mut self) {
        self.0.get_mut().say_goodbye();
    }
}

impl AsRawFd for WebSocket {
    fn as_raw_fd(&self) -> RawFd {
        self.0.get_ref().as_raw_fd()
    }
}

fn would_block(error: &Error) -> bool {
    matches!(error, Error::Io(error) if error.kind() == io::ErrorKind::WouldBlock)
}

fn close_end(frame: Option<CloseFrame>) -> WebSocketEnd {
    match frame {
        Some(frame) => WebSocketEnd {
            code: Some(frame.code.into()),
            reason: printable(&frame.reason),
        },
        None => WebSocketEnd {
            code: None,
            reason: String::new(),
        },
    }
}

/// A foreign text for logs and exceptions: a line break in it would begin a line of its own.
fn printable(text: &str) -> String {
    text.chars().filter(|letter| !letter.is_control()).collect()
}

fn end_of(error: &Error) -> WebSocketEnd {
    let reason = match error {
        Error::ConnectionClosed | Error::AlreadyClosed => String::new(),
        Error::WriteBufferFull(_) => format!("the peer does not read: more than {WRITE_LIMIT} bytes wait for it"),
        Error::Protocol(ProtocolError::ResetWithoutClosingHandshake | ProtocolError::SendAfterClosing) => {
            error.to_string()
        }
        Error::Utf8(_) | Error::Protocol(_) | Error::AttackAttempt => {
            // the package's RemoteProtocolError knows it by these words
            format!("the far side broke the WebSocket protocol: {error}")
        }
        error => error.to_string(),
    };
    WebSocketEnd { code: None, reason }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_close_reason_has_no_control_characters() {
        let frame = CloseFrame {
            code: CloseCode::Normal,
            reason: "bye\r\n2026-01-01 ERROR \u{1b}[2Jforged\u{9b}".into(),
        };
        let end = close_end(Some(frame));
        assert_eq!(end.code, Some(1000));
        assert_eq!(end.reason, "bye2026-01-01 ERROR [2Jforged");
    }

    #[test]
    fn a_connection_that_breaks_off_breaks_no_protocol() {
        let broken_off = end_of(&Error::Protocol(ProtocolError::ResetWithoutClosingHandshake));
        assert!(!broken_off.reason.contains("broke"), "{}", broken_off.reason);
        let broken = end_of(&Error::Protocol(ProtocolError::NonZeroReservedBits));
        assert!(broken.reason.starts_with("the far side broke the WebSocket protocol: "));
    }
}
