//! What must hold for the engine's own readers whatever a peer sends; the fuzz targets and the replay of their corpora share this.
use std::io::{self, Cursor, Read, Write};

use tungstenite::protocol::{Role, WebSocket};

use crate::proxy::{MAX_HEAD, Proxy};
use crate::websocket::{MESSAGE_LIMIT, websocket_config};

/// Reads frames of a server until they end: no message is larger than the limit, and the end comes.
pub fn frames_survive(frames: &[u8]) -> bool {
    let mut socket = WebSocket::from_raw_socket(Peer::new(frames), Role::Client, Some(websocket_config()));
    // a frame has two bytes at least
    for _ in 0..=frames.len() {
        match socket.read() {
            Ok(message) if message.len() > MESSAGE_LIMIT => return false,
            Ok(_) => {}
            Err(_) => return true,
        }
    }
    false
}

/// Asks a proxy for a tunnel: whatever it answers, what follows its head is left to the tunnel, and no head is read for ever.
pub fn proxy_answer_survives(answer: &[u8]) -> bool {
    let proxy = Proxy {
        host: "proxy.example".to_owned(),
        port: 3128,
        authorization: None,
    };
    let mut peer = Peer::new(answer);
    let is_open = proxy.open_tunnel(&mut peer, "far.example:443").is_ok();
    let read = usize::try_from(peer.says.position()).unwrap_or(usize::MAX);
    let head = answer.get(..read).unwrap_or_default();
    read <= MAX_HEAD && (!is_open || head.ends_with(b"\r\n\r\n"))
}

/// Says what it has to say, and takes anything.
struct Peer<'a> {
    says: Cursor<&'a [u8]>,
}

impl<'a> Peer<'a> {
    fn new(says: &'a [u8]) -> Self {
        Self {
            says: Cursor::new(says),
        }
    }
}

impl Read for Peer<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.says.read(buffer)
    }
}

impl Write for Peer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
