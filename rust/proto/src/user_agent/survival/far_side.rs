//! The server of a script: it answers, asks, repeats itself and garbles what it says.
use crate::sip::header::HeaderName;
use crate::sip::{Message, Method, Request, RequestHead, Response, Uri};

/// Answers that a byte chooses, `a` the first.
const STATUSES: [u16; 20] = [
    100, 180, 183, 200, 202, 302, 401, 407, 403, 404, 408, 422, 423, 481, 486, 487, 488, 491, 500, 603,
];
/// Requests that a byte chooses, `a` the first.
const METHODS: [Method; 11] = [
    Method::Bye,
    Method::Info,
    Method::Invite,
    Method::Update,
    Method::Ack,
    Method::Cancel,
    Method::Options,
    Method::Refer,
    Method::Notify,
    Method::Prack,
    Method::Message,
];
/// Most requests of the client that are remembered.
const MAX_HEARD: usize = 32;
/// What each description says of itself and its path.
const SESSION: &str = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\n";
const PATH: &str = "c=IN IP4 127.0.0.1\r\na=ice-ufrag:farside\r\na=ice-pwd:password-of-the-far-side\r\na=fingerprint:sha-256 \
    37:3F:2D:65:1E:57:40:20:AE:30:14:7F:77:66:99:73:E8:46:B3:EB:14:D6:11:91:66:28:B1:11:CE:43:51:B5\r\n\
    a=rtcp-mux\r\na=candidate:1 1 UDP 2113929471 127.0.0.1 30000 typ host\r\n";
/// Descriptions: three codecs, one on hold, another path without candidates, a second section, nothing that we have.
const MEDIA: [(&str, &str); 5] = [
    (
        "m=audio 30000 UDP/TLS/RTP/SAVPF 111 0 126\r\n",
        "a=rtpmap:111 opus/48000/2\r\na=rtpmap:126 telephone-event/8000\r\na=setup:active\r\na=sendrecv\r\n",
    ),
    (
        "m=audio 30000 UDP/TLS/RTP/SAVPF 0\r\n",
        "a=setup:passive\r\na=sendonly\r\n",
    ),
    (
        "m=audio 9 UDP/TLS/RTP/SAVPF 8 111\r\n",
        "a=rtpmap:111 opus/48000/2\r\na=setup:actpass\r\na=ice-lite\r\na=inactive\r\n",
    ),
    (
        "m=audio 30000 UDP/TLS/RTP/SAVPF 0\r\n",
        "a=setup:active\r\nm=video 0 UDP/TLS/RTP/SAVPF 96\r\nc=IN IP4 127.0.0.1\r\n",
    ),
    ("m=audio 30000 UDP/TLS/RTP/SAVPF 9\r\n", "a=setup:active\r\n"),
];

#[derive(Default)]
pub(super) struct FarSide {
    /// Requests of the client, the latest last; no ACK.
    heard: Vec<Request>,
    /// What was said last.
    said: Vec<u8>,
    damage: Option<(u8, u8)>,
    /// Which of several phones answers.
    branch: u8,
    /// Which of the descriptions it sends.
    description: usize,
    cseq: u32,
    was_garbled: bool,
}

impl FarSide {
    /// Takes a message of the client.
    pub(super) fn hear(&mut self, bytes: &[u8]) {
        match Message::parse(bytes) {
            Ok(Message::Request(request)) if request.method == Method::Ack => {}
            Ok(Message::Request(request)) => {
                self.heard.push(request);
                let excess = self.heard.len().saturating_sub(MAX_HEARD);
                self.heard.drain(..excess);
            }
            // an answer to a malformed request may have its faults, and a keep-alive is no message
            Ok(Message::Response(_)) => {}
            Err(_) => self.was_garbled |= !bytes.starts_with(b"SIP/2.0 ") && bytes != b"\r\n",
        }
    }

    /// Whether every request of the client could be read.
    pub(super) fn understands_all(&self) -> bool {
        !self.was_garbled
    }

    /// What is answered next is an earlier request.
    pub(super) fn forget_latest(&mut self) {
        self.heard.pop();
    }

    pub(super) fn change_branch(&mut self) {
        self.branch = (self.branch + 1) % 3;
    }

    pub(super) fn change_description(&mut self) {
        self.description = (self.description + 1) % MEDIA.len();
    }

    pub(super) fn damage_next(&mut self, place: u8, mask: u8) {
        self.damage = Some((place, mask));
    }

    /// Garbles a message if that was asked for, and remembers it.
    pub(super) fn say(&mut self, mut bytes: Vec<u8>) -> Vec<u8> {
        if let Some((place, mask)) = self.damage.take() {
            let at = bytes.len() * usize::from(place) / 256;
            if let Some(byte) = bytes.get_mut(at) {
                *byte ^= mask;
            }
        }
        self.said.clone_from(&bytes);
        bytes
    }

    /// What was said last.
    pub(super) fn again(&self) -> Vec<u8> {
        self.said.clone()
    }

    /// A response to the latest request.
    pub(super) fn answer(&self, choice: u8, with_sdp: bool) -> Option<Vec<u8>> {
        let (request, status) = (self.heard.last()?, *chosen(&STATUSES, choice)?);
        let mut response = Response::new(request, status, "x", Some(&self.tag()));
        let headers = &mut response.headers;
        match request.headers.get(HeaderName::Contact) {
            Some(contact) if request.method == Method::Register => headers.push(HeaderName::Contact, contact),
            _ => headers.push(HeaderName::Contact, "<sip:far@127.0.0.1>"),
        }
        let challenge = "Digest realm=\"far.example\", nonce=\"n\", qop=\"auth\"";
        match status {
            401 => headers.push(HeaderName::WwwAuthenticate, challenge),
            407 => headers.push(HeaderName::ProxyAuthenticate, challenge),
            422 => headers.push(HeaderName::MinSe, 120),
            423 => headers.push(HeaderName::MinExpires, 700),
            _ => {}
        }
        if with_sdp {
            headers.push(HeaderName::ContentType, "application/sdp");
            response.body = self.sdp().into_bytes();
        }
        Some(response.to_bytes())
    }

    /// A request in the dialog of the latest INVITE.
    pub(super) fn request(&mut self, choice: u8, with_sdp: bool) -> Option<Vec<u8>> {
        let invite = self.heard.iter().rfind(|request| request.method == Method::Invite)?;
        let target = invite.headers.contact().ok()??.uri().to_request_uri();
        let (to, from) = (invite.headers.from().ok()?, invite.headers.to().ok()?);
        let (to, from) = (to.to_string(), format!("{from};tag={}", self.tag()));
        let call_id = invite.headers.call_id().ok()?.to_owned();
        self.write(choice, target, (&to, &from, &call_id), with_sdp)
    }

    /// A request outside any dialog.
    pub(super) fn stranger(&mut self, choice: u8, with_sdp: bool) -> Option<Vec<u8>> {
        let target = Uri::parse("sip:us@far.example").ok()?;
        let ends = ("<sip:us@far.example>", "<sip:far@far.example>;tag=stranger", "strange");
        self.write(choice, target, ends, with_sdp)
    }

    fn write(&mut self, choice: u8, uri: Uri, ends: (&str, &str, &str), with_sdp: bool) -> Option<Vec<u8>> {
        self.cseq += 1;
        let method = chosen(&METHODS, choice)?.clone();
        let mut request = RequestHead {
            uri,
            routes: &[],
            via: format!("SIP/2.0/WSS far.example;branch=z9hG4bK{}{method}", self.cseq),
            method,
            to: ends.0,
            from: ends.1,
            call_id: ends.2,
            cseq: self.cseq,
        }
        .into_request();
        request.headers.push(HeaderName::Contact, "<sip:far@127.0.0.1>");
        if with_sdp {
            request.headers.push(HeaderName::ContentType, "application/sdp");
            request.body = self.sdp().into_bytes();
        } else if request.method == Method::Info && self.cseq.is_multiple_of(2) {
            request.headers.push(HeaderName::ContentType, "application/dtmf-relay");
            request.body = b"Signal=5\r\nDuration=100".to_vec();
        } else if request.method == Method::Info {
            request.headers.push(HeaderName::ContentType, "application/json");
            request.body = b"{}".to_vec();
        }
        Some(request.to_bytes())
    }

    fn sdp(&self) -> String {
        let (media, attributes) = MEDIA.get(self.description).copied().unwrap_or_default();
        format!("{SESSION}{media}{PATH}{attributes}")
    }

    fn tag(&self) -> String {
        format!("far{}", self.branch)
    }
}

/// The item for a byte, `a` the first.
fn chosen<T>(items: &[T], choice: u8) -> Option<&T> {
    items.get(usize::from(choice.wrapping_sub(b'a')) % items.len().max(1))
}
