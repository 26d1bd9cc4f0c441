//! What must hold for the engine's own readers whatever a peer sends; the fuzz targets and the replay of their corpora share this.
use std::io::{self, Cursor, Read, Write};

use tungstenite::handshake::derive_accept_key;
use tungstenite::protocol::{Role, WebSocket};

use crate::accept::upgrade;
use crate::connect::upgrade_on;
use crate::listener::Welcome;
use crate::proxy::{MAX_HEAD, Proxy};
use crate::websocket::{MESSAGE_LIMIT, websocket_config};

/// Reads frames of a server until they end: no message is larger than the limit, and the end comes.
pub fn frames_survive(frames: &[u8]) -> bool {
    let socket = WebSocket::from_raw_socket(Peer::new(frames), Role::Client, Some(websocket_config()));
    ends(socket, frames.len())
}

/// Asks for the upgrade: whatever the server answers, and whatever frames follow, it ends. `{accept}` in the answer stands for
/// the accept key that the request asks for.
pub fn upgrade_answer_survives(answer: &[u8]) -> bool {
    let peer = Answering {
        answer: Some(answer),
        said: Vec::new(),
        asked: Vec::new(),
    };
    let length = answer.len();
    upgrade_on("wss://far.example/path", peer).map_or(true, |socket| ends(socket, length))
}

/// Reads an HTTP request for the upgrade as a listener does, and the frames behind it.
pub fn upgrade_request_survives(request: &[u8]) -> bool {
    let upgraded = upgrade(Peer::new(request), Welcome::Upgrade);
    upgraded.map_or(true, |socket| ends(socket, request.len()))
}

/// Reads a connection's frames to their end.
fn ends<S: Read + Write>(mut socket: WebSocket<S>, length: usize) -> bool {
    // a frame has two bytes at least
    for _ in 0..=length {
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

/// A server that has to know the request before it answers.
struct Answering<'a> {
    /// Until it was said.
    answer: Option<&'a [u8]>,
    said: Vec<u8>,
    asked: Vec<u8>,
}

impl Read for Answering<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if let Some(answer) = self.answer.take() {
            let asked = String::from_utf8_lossy(&std::mem::take(&mut self.asked)).into_owned();
            let key = asked.lines().find_map(|line| line.strip_prefix("Sec-WebSocket-Key: "));
            let accept = derive_accept_key(key.unwrap_or_default().as_bytes());
            self.said = replaced(answer, b"{accept}", accept.as_bytes());
            self.said.reverse();
        }
        let length = buffer.len().min(self.said.len());
        for byte in buffer.iter_mut().take(length) {
            *byte = self.said.pop().unwrap_or(0);
        }
        Ok(length)
    }
}

impl Write for Answering<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.asked.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

fn replaced(bytes: &[u8], what: &[u8], by: &[u8]) -> Vec<u8> {
    let Some(at) = bytes.windows(what.len()).position(|window| window == what) else {
        return bytes.to_vec();
    };
    let (head, tail) = bytes.split_at(at);
    [head, by, tail.get(what.len()..).unwrap_or_default()].concat()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn samples_reach_the_frames() {
        let answer = "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Accept: {accept}\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
        let peer = |answer: &'static str| Answering {
            answer: Some(answer.as_bytes()),
            said: Vec::new(),
            asked: Vec::new(),
        };
        assert!(upgrade_on("wss://far.example/path", peer(answer)).is_ok());
        assert!(upgrade_on("wss://far.example/path", peer("HTTP/1.1 404 No\r\n\r\n")).is_err());
        let request = "GET / HTTP/1.1\r\nHost: us\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
            Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: sip\r\n\r\n";
        assert!(upgrade(Peer::new(request.as_bytes()), Welcome::Upgrade).is_ok());
    }
}
