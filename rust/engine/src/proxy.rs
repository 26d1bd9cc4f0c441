//! An HTTP proxy on the way to a WebSocket's server: CONNECT (RFC 9110 §9.3.6), before any TLS.
use std::io::{self, Read, Write};

use c2c_proto::io::{Secret, TransportFailure, TransportStep};
use tungstenite::http::StatusCode;

/// Longest head of an answer that is read; its headers are of no interest.
pub(crate) const MAX_HEAD: usize = 16_384;

/// The proxy that a client dials through; its credentials are shown nowhere.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proxy {
    /// Name or address; IPv6 with or without brackets.
    pub host: String,
    /// TCP port.
    pub port: u16,
    /// Value of `Proxy-Authorization`, if the proxy wants one.
    pub authorization: Option<Secret>,
}

impl Proxy {
    /// Asks for a tunnel to `authority` (host and port); afterwards `wire` leads there.
    pub(crate) fn open_tunnel(&self, wire: &mut (impl Read + Write), authority: &str) -> Result<(), TransportFailure> {
        let asked = wire.write_all(self.request(authority).as_bytes());
        let head = asked.and_then(|()| read_head(wire));
        let head = head.map_err(|error| self.failure(&error.to_string(), None, false))?;
        match status_of(&head) {
            Some(status) if status.is_success() => Ok(()),
            Some(StatusCode::PROXY_AUTHENTICATION_REQUIRED) => {
                let what = if self.authorization.is_some() {
                    "other"
                } else {
                    "a user name and"
                };
                let cause = format!("it wants {what} credentials (407 Proxy Authentication Required)");
                Err(self.failure(&cause, Some(407), true))
            }
            Some(status) => {
                let cause = format!("it answered {status} instead of connecting to {authority}");
                Err(self.failure(&cause, Some(status.as_u16()), status.is_client_error()))
            }
            None => Err(self.failure("its answer is not HTTP", None, true)),
        }
    }

    fn request(&self, authority: &str) -> String {
        let authorization = self.authorization.as_ref();
        let authorization =
            authorization.map_or_else(String::new, |value| format!("Proxy-Authorization: {}\r\n", value.0));
        format!("CONNECT {authority} HTTP/1.1\r\nHost: {authority}\r\n{authorization}\r\n")
    }

    pub(crate) fn failure(&self, cause: &str, http_status: Option<u16>, is_final: bool) -> TransportFailure {
        TransportFailure {
            step: TransportStep::Connect,
            cause: format!("proxy {}:{}: {cause}", self.host, self.port),
            http_status,
            is_final,
        }
    }
}

/// The answer up to its empty line and not a byte more: what follows is the tunnel's.
fn read_head(wire: &mut impl Read) -> io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() == MAX_HEAD {
            return Err(io::Error::other("its answer has no end"));
        }
        wire.read_exact(&mut byte)?;
        head.extend(byte);
    }
    Ok(head)
}

/// `HTTP/1.1 200 whatever`.
fn status_of(head: &[u8]) -> Option<StatusCode> {
    let line = head.split(|byte| *byte == b'\r').next()?;
    let mut words = line.split(|byte| *byte == b' ');
    let is_http = words.next()?.starts_with(b"HTTP/1.");
    StatusCode::from_bytes(words.next()?).ok().filter(|_| is_http)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Says `answer` and keeps what it is told.
    struct Peer<'a> {
        answer: &'a [u8],
        told: Vec<u8>,
    }

    impl Read for Peer<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            self.answer.read(buffer)
        }
    }

    impl Write for Peer<'_> {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.told.write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn proxy(authorization: Option<&str>) -> Proxy {
        Proxy {
            host: "proxy.example".into(),
            port: 3128,
            authorization: authorization.map(|value| Secret(value.into())),
        }
    }

    fn failure(answer: &[u8]) -> TransportFailure {
        let mut peer = Peer {
            answer,
            told: Vec::new(),
        };
        proxy(Some("Basic sentinel"))
            .open_tunnel(&mut peer, "sip.example:8443")
            .unwrap_err()
    }

    #[test]
    fn a_tunnel_begins_right_behind_the_empty_line() {
        let answer = b"HTTP/1.0 200 Connection established\r\nVia: x\r\n\r\nfirst bytes";
        let mut peer = Peer {
            answer,
            told: Vec::new(),
        };
        proxy(None).open_tunnel(&mut peer, "sip.example:8443").unwrap();
        assert_eq!(peer.answer, b"first bytes");
        assert_eq!(
            peer.told,
            b"CONNECT sip.example:8443 HTTP/1.1\r\nHost: sip.example:8443\r\n\r\n"
        );
    }

    #[test]
    fn credentials_are_sent_and_not_shown() {
        let mut peer = Peer {
            answer: b"HTTP/1.1 200 OK\r\n\r\n",
            told: Vec::new(),
        };
        let proxy = proxy(Some("Basic sentinel"));
        proxy.open_tunnel(&mut peer, "a:1").unwrap();
        assert!(peer.told.ends_with(b"\r\nProxy-Authorization: Basic sentinel\r\n\r\n"));
        assert!(!format!("{proxy:?}").contains("sentinel"));
    }

    #[test]
    fn refusals() {
        for (answer, status, is_final) in [
            ("HTTP/1.1 407 Auth\r\n\r\n", Some(407), true),
            ("HTTP/1.1 403 No\r\n\r\n", Some(403), true),
            ("HTTP/1.1 502 Bad\r\n\r\n", Some(502), false),
            ("SSH-2.0-OpenSSH\r\n\r\n", None, true),
            ("HTTP/1.1 \r\n\r\n", None, true),
            ("", None, false),
        ] {
            let failure = failure(answer.as_bytes());
            assert_eq!((failure.http_status, failure.is_final), (status, is_final), "{answer}");
            assert!(
                failure.cause.starts_with("proxy proxy.example:3128: "),
                "{}",
                failure.cause
            );
            assert!(!failure.cause.contains("sentinel"));
        }
    }

    #[test]
    fn an_answer_without_end_is_not_read_to_its_end() {
        let answer = vec![b'x'; 2 * MAX_HEAD];
        let mut peer = Peer {
            answer: &answer,
            told: Vec::new(),
        };
        proxy(None).open_tunnel(&mut peer, "a:1").unwrap_err();
        assert_eq!(peer.answer.len(), MAX_HEAD);
    }
}
