//! Writing, in the shape that browsers send and gateways are built for.
use std::fmt::Write;
use std::net::SocketAddr;

use super::{Direction, OtherMedia, Setup, TelephoneEvent, default_candidate};
use crate::media::candidate::Candidate;
use crate::media::codec::Codec;
use crate::media::ice::IceCredentials;

/// Everything that one of our descriptions says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LocalDescription {
    /// `o=` session id; below 2^63 (RFC 8829 §5.2.1).
    pub session_id: u64,
    /// `o=` version; one higher with each change.
    pub version: u64,
    /// ICE credentials.
    pub credentials: IceCredentials,
    /// Candidates, most wanted first.
    pub candidates: Vec<Candidate>,
    /// SHA-256 of the certificate.
    pub fingerprint: String,
    /// DTLS role.
    pub setup: Setup,
    /// `a=mid`; `None` in an answer to an offer without one.
    pub mid: Option<String>,
    /// Whether to write `a=group:BUNDLE`.
    pub is_bundled: bool,
    /// Who may send.
    pub direction: Direction,
    /// Codecs under their payload types, most wanted first.
    pub codecs: Vec<(u8, Codec)>,
    /// `a=rtcp-rsize`, in an answer only if it was offered (RFC 5506 §5).
    pub reduces_rtcp: bool,
    /// Telephone-events.
    pub telephone_events: Vec<TelephoneEvent>,
    /// SSRC of what we send.
    pub ssrc: u32,
    /// Its CNAME.
    pub cname: String,
    /// Stream and track of `a=msid`.
    pub msid: (String, String),
    /// Lines of the offer before the audio line, refused.
    pub before: Vec<OtherMedia>,
    /// Lines of the offer after the audio line, refused.
    pub after: Vec<OtherMedia>,
}

impl LocalDescription {
    /// The text, with CRLF line ends.
    pub fn to_sdp(&self) -> String {
        let mut sdp = Lines(String::with_capacity(1500));
        sdp.line(format_args!("v=0"));
        // RFC 8829 §5.2.1 wants an address here that tells nothing
        sdp.line(format_args!(
            "o=- {} {} IN IP4 127.0.0.1",
            self.session_id, self.version
        ));
        sdp.line(format_args!("s=-"));
        sdp.line(format_args!("t=0 0"));
        if let Some(mid) = self.mid.as_ref().filter(|_| self.is_bundled) {
            sdp.line(format_args!("a=group:BUNDLE {mid}"));
        }
        sdp.line(format_args!("a=msid-semantic: WMS {}", self.msid.0));
        self.before.iter().for_each(|media| sdp.refuse(media));
        self.write_transport(&mut sdp);
        self.write_media(&mut sdp);
        self.after.iter().for_each(|media| sdp.refuse(media));
        sdp.0
    }

    fn write_transport(&self, sdp: &mut Lines) {
        let address = default_candidate(&self.candidates).map(|candidate| candidate.address);
        let port = address.map_or(9, |address| address.port());
        let formats: Vec<String> = self.payload_types().map(|number| number.to_string()).collect();
        sdp.line(format_args!("m=audio {port} UDP/TLS/RTP/SAVPF {}", formats.join(" ")));
        sdp.line(format_args!("c={}", connection(address)));
        sdp.line(format_args!("a=rtcp:9 IN IP4 0.0.0.0"));
        for candidate in &self.candidates {
            sdp.line(format_args!("a=candidate:{candidate}"));
        }
        sdp.line(format_args!("a=end-of-candidates"));
        sdp.line(format_args!("a=ice-ufrag:{}", self.credentials.ufrag));
        sdp.line(format_args!("a=ice-pwd:{}", self.credentials.password.0));
        sdp.line(format_args!("a=fingerprint:sha-256 {}", self.fingerprint));
        sdp.line(format_args!("a=setup:{}", self.setup.name()));
    }

    fn write_media(&self, sdp: &mut Lines) {
        let (stream, track) = &self.msid;
        if let Some(mid) = &self.mid {
            sdp.line(format_args!("a=mid:{mid}"));
        }
        sdp.line(format_args!("a={}", self.direction.name()));
        sdp.line(format_args!("a=msid:{stream} {track}"));
        sdp.line(format_args!("a=rtcp-mux"));
        if self.reduces_rtcp {
            sdp.line(format_args!("a=rtcp-rsize"));
        }
        for (number, codec) in &self.codecs {
            sdp.line(format_args!("a=rtpmap:{number} {}", codec.rtpmap()));
            if let Some(parameters) = codec.fmtp() {
                sdp.line(format_args!("a=fmtp:{number} {parameters}"));
            }
        }
        for TelephoneEvent {
            payload_type,
            clock_rate,
        } in &self.telephone_events
        {
            sdp.line(format_args!("a=rtpmap:{payload_type} telephone-event/{clock_rate}"));
        }
        sdp.line(format_args!("a=ssrc:{} cname:{}", self.ssrc, self.cname));
        sdp.line(format_args!("a=ssrc:{} msid:{stream} {track}", self.ssrc));
    }

    fn payload_types(&self) -> impl Iterator<Item = u8> {
        let codecs = self.codecs.iter().map(|(number, _)| *number);
        codecs.chain(self.telephone_events.iter().map(|event| event.payload_type))
    }
}

struct Lines(String);

impl Lines {
    fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // writing to a String cannot fail
        let _ = write!(self.0, "{line}\r\n");
    }

    /// An offered line that we don't take (RFC 3264 §6).
    fn refuse(&mut self, media: &OtherMedia) {
        self.line(format_args!("m={} 0 {}", media.kind, media.protocol_and_formats));
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        if let Some(mid) = &media.mid {
            self.line(format_args!("a=mid:{mid}"));
        }
        self.line(format_args!("a=inactive"));
    }
}

fn connection(address: Option<SocketAddr>) -> String {
    match address.map(|address| address.ip()) {
        Some(ip) if ip.is_ipv6() => format!("IN IP6 {ip}"),
        Some(ip) => format!("IN IP4 {ip}"),
        None => "IN IP4 0.0.0.0".to_owned(),
    }
}
