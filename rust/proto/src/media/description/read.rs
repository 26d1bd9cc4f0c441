//! Reading: attributes in any order, at session or media level.
use std::net::{IpAddr, SocketAddr};

use super::{
    Direction, MAX_BYTES, MAX_CANDIDATES, MAX_FORMATS, MAX_LINES, OtherMedia, RemoteDescription, Setup, TelephoneEvent,
};
use crate::io::Secret;
use crate::media::candidate::{Candidate, CandidateKind};
use crate::media::codec::Codec;
use crate::media::error::MediaError;
use crate::media::fingerprint::Fingerprint;
use crate::media::ice::IceCredentials;
use crate::media::transport::RemoteTransport;

/// RFC 8839 §5.4 allows this many characters.
const MAX_ICE_CHARS: usize = 256;
/// Fingerprints compared; one is what everybody sends.
const MAX_FINGERPRINTS: usize = 8;

/// Reads an offer or an answer. Errors: [`MediaError::BadDescription`] tells what is missing or not usable.
pub fn read(sdp: &[u8]) -> Result<RemoteDescription, MediaError> {
    if sdp.len() > MAX_BYTES {
        return Err(bad(format!("longer than {MAX_BYTES} bytes")));
    }
    let text = String::from_utf8_lossy(sdp);
    let sections = split(&text)?;
    let (session, media) = sections.split_first().ok_or_else(|| bad("empty"))?;
    let (at, audio) = audio_section(media)?;
    let levels = Levels { session, audio };
    let mid = audio.mid();
    let others = |lines: &[Section<'_>]| lines.iter().map(Section::to_other).collect();
    let formats = audio.formats();
    Ok(RemoteDescription {
        transport: levels.transport()?,
        setup: levels.setup()?,
        direction: levels.direction(),
        codecs: codecs(&formats),
        reduces_rtcp: audio.has("rtcp-rsize"),
        telephone_events: telephone_events(&formats),
        is_bundled: session.bundles(mid.as_deref()),
        mid,
        before: others(media.get(..at).unwrap_or_default()),
        after: others(media.get(at + 1..).unwrap_or_default()),
    })
}

/// The session's lines, or those of one `m=` line.
#[derive(Default)]
struct Section<'a> {
    media: Vec<&'a str>,
    connection: Option<&'a str>,
    attributes: Vec<(&'a str, &'a str)>,
}

/// A payload type and its encoding.
struct Format<'a> {
    payload_type: u8,
    encoding: Option<&'a str>,
}

/// Where an attribute of the audio line may be written.
struct Levels<'a> {
    session: &'a Section<'a>,
    audio: &'a Section<'a>,
}

fn split(text: &str) -> Result<Vec<Section<'_>>, MediaError> {
    let mut sections = vec![Section::default()];
    let mut lines = text.lines().map(str::trim_end).filter(|line| !line.is_empty());
    if lines.next() != Some("v=0") {
        return Err(bad("it does not begin with v=0"));
    }
    for (count, line) in lines.enumerate() {
        if count + 2 > MAX_LINES {
            return Err(bad(format!("more than {MAX_LINES} lines")));
        }
        let Some((kind, value)) = line.split_once('=') else {
            continue;
        };
        if kind == "m" {
            sections.push(Section {
                media: value.split_ascii_whitespace().collect(),
                ..Section::default()
            });
        } else if let Some(section) = sections.last_mut() {
            section.add(kind, value);
        }
    }
    Ok(sections)
}

fn audio_section<'s, 'a>(media: &'s [Section<'a>]) -> Result<(usize, &'s Section<'a>), MediaError> {
    let mut audio = media
        .iter()
        .enumerate()
        .filter(|(_, section)| section.kind() == "audio")
        .peekable();
    if audio.peek().is_none() {
        return Err(bad("it has no audio line"));
    }
    let (at, section) = audio
        .find(|(_, section)| section.port().is_some_and(|port| port != 0))
        .ok_or_else(|| bad("the far side refused the audio line (port 0)"))?;
    let protocol = section.media.get(2).copied().unwrap_or_default();
    if !matches!(
        protocol,
        "UDP/TLS/RTP/SAVPF" | "UDP/TLS/RTP/SAVP" | "RTP/SAVPF" | "RTP/SAVP"
    ) {
        return Err(bad(format!(
            "audio over {}; turn DTLS-SRTP on at the far side",
            printable(protocol)
        )));
    }
    if !section.has("rtcp-mux") {
        return Err(bad("no a=rtcp-mux; turn RTCP multiplexing on at the far side"));
    }
    Ok((at, section))
}

impl<'a> Section<'a> {
    fn add(&mut self, kind: &str, value: &'a str) {
        match kind {
            "c" => self.connection = Some(value),
            "a" => self.attributes.push(value.split_once(':').unwrap_or((value, ""))),
            _ => {}
        }
    }

    fn kind(&self) -> &str {
        self.media.first().copied().unwrap_or_default()
    }

    fn port(&self) -> Option<u16> {
        let port = self.media.get(1)?;
        port.split('/').next()?.parse().ok()
    }

    fn has(&self, name: &str) -> bool {
        self.attributes.iter().any(|(key, _)| *key == name)
    }

    fn values(&self, name: &'a str) -> impl Iterator<Item = &'a str> {
        self.attributes
            .iter()
            .filter(move |(key, _)| *key == name)
            .map(|(_, value)| value.trim())
    }

    fn value(&self, name: &'a str) -> Option<&'a str> {
        self.values(name).next()
    }

    /// Written into our own description again, hence nothing but a token (RFC 8866 §9).
    fn mid(&self) -> Option<String> {
        let is_token = |mid: &&str| !mid.is_empty() && mid.bytes().all(|byte| byte.is_ascii_graphic());
        self.value("mid").filter(is_token).map(str::to_owned)
    }

    /// The payload types of the `m=` line with what their first `a=rtpmap` says, each once: an answer repeats them.
    fn formats(&self) -> Vec<Format<'a>> {
        let encodings = self.encodings();
        let mut formats: Vec<Format<'a>> = Vec::new();
        for payload_type in self.media.iter().skip(3).filter_map(|format| format.parse().ok()) {
            let Some(encoding) = encodings.get(usize::from(payload_type)) else {
                continue;
            };
            if formats.len() < MAX_FORMATS && formats.iter().all(|format| format.payload_type != payload_type) {
                formats.push(Format {
                    payload_type,
                    encoding: *encoding,
                });
            }
        }
        formats
    }

    /// What `a=rtpmap` says of each payload type.
    fn encodings(&self) -> [Option<&'a str>; 128] {
        let mut encodings = [None; 128];
        for (number, encoding) in self.values("rtpmap").filter_map(|value| value.split_once(' ')) {
            let at = number.parse::<usize>().ok();
            if let Some(place) = at.and_then(|at| encodings.get_mut(at)) {
                place.get_or_insert(encoding.trim());
            }
        }
        encodings
    }

    fn bundles(&self, mid: Option<&str>) -> bool {
        let Some(mid) = mid else { return false };
        self.values("group").any(|group| {
            let mut words = group.split_ascii_whitespace();
            words.next() == Some("BUNDLE") && words.any(|word| word == mid)
        })
    }

    /// Written into our own answer again, hence nothing but tokens.
    fn to_other(&self) -> OtherMedia {
        let is_token = |word: &&str| word.bytes().all(|byte| byte.is_ascii_graphic());
        let words: Vec<&str> = self.media.iter().skip(2).copied().filter(is_token).collect();
        OtherMedia {
            kind: Some(self.kind()).filter(is_token).unwrap_or("x-unknown").to_owned(),
            protocol_and_formats: words.join(" "),
            mid: self.mid(),
        }
    }
}

impl<'a> Levels<'a> {
    /// The audio line's own value, else the session's.
    fn value(&self, name: &'a str) -> Option<&'a str> {
        self.audio.value(name).or_else(|| self.session.value(name))
    }

    fn transport(&self) -> Result<RemoteTransport, MediaError> {
        let is_lite = self.session.has("ice-lite") || self.audio.has("ice-lite");
        Ok(RemoteTransport {
            credentials: self.credentials()?,
            candidates: self.candidates(),
            is_lite,
            fingerprints: self.fingerprints()?,
        })
    }

    fn credentials(&self) -> Result<IceCredentials, MediaError> {
        let read = |name| {
            self.value(name)
                .filter(|value| (1..=MAX_ICE_CHARS).contains(&value.len()))
        };
        let (Some(ufrag), Some(password)) = (read("ice-ufrag"), read("ice-pwd")) else {
            return Err(bad("no ICE credentials; turn ICE on at the far side"));
        };
        Ok(IceCredentials {
            ufrag: ufrag.to_owned(),
            password: Secret(password.to_owned()),
        })
    }

    fn candidates(&self) -> Vec<Candidate> {
        let mut listed = self.audio.values("candidate").peekable();
        if listed.peek().is_none() {
            return self.default_candidate().into_iter().collect();
        }
        listed.take(MAX_CANDIDATES).filter_map(Candidate::parse).collect()
    }

    /// A peer that lists no candidate at all may still be where `c=` and `m=` say.
    fn default_candidate(&self) -> Option<Candidate> {
        let connection = self.audio.connection.or(self.session.connection)?;
        let ip: IpAddr = connection.split_ascii_whitespace().nth(2)?.parse().ok()?;
        let port = self.audio.port().filter(|port| *port > 9)?;
        let candidate = Candidate::host(SocketAddr::new(ip, port), 0);
        (candidate.kind == CandidateKind::Host)
            .then(|| Candidate::parse(&candidate.to_string()))
            .flatten()
    }

    /// Those of the hash function we like best; the others are left out (RFC 8122 §5).
    fn fingerprints(&self) -> Result<Vec<Fingerprint>, MediaError> {
        let level = if self.audio.has("fingerprint") {
            self.audio
        } else {
            self.session
        };
        if !level.has("fingerprint") {
            return Err(bad("no DTLS fingerprint; turn DTLS-SRTP on at the far side"));
        }
        let all = || {
            level
                .values("fingerprint")
                .filter_map(Fingerprint::parse)
                .take(MAX_FINGERPRINTS)
        };
        let best = all().map(|fingerprint| fingerprint.hash).min();
        best.map(|best| all().filter(|fingerprint| fingerprint.hash == best).collect())
            .ok_or_else(|| bad("no usable DTLS fingerprint; the far side must send one of sha-256, sha-384 or sha-512"))
    }

    fn setup(&self) -> Result<Option<Setup>, MediaError> {
        let Some(value) = self.value("setup") else {
            return Ok(None);
        };
        [Setup::Active, Setup::Passive, Setup::Actpass]
            .into_iter()
            .find(|setup| setup.name() == value)
            .map(Some)
            .ok_or_else(|| bad(format!("a=setup:{} cannot be used", printable(value))))
    }

    fn direction(&self) -> Direction {
        let all = [
            Direction::SendRecv,
            Direction::SendOnly,
            Direction::RecvOnly,
            Direction::Inactive,
        ];
        let of = |section: &Section<'_>| all.into_iter().find(|direction| section.has(direction.name()));
        let direction = of(self.audio).or_else(|| of(self.session)).unwrap_or_default();
        if self.is_held_by_address() {
            return direction.narrowed(Direction::SendOnly);
        }
        direction
    }

    /// Hold in the manner of RFC 2543: nothing may be sent to 0.0.0.0 (RFC 3264 §8.4). With port 9 it only says that the
    /// candidates tell the address (RFC 8840 §4.1.1).
    fn is_held_by_address(&self) -> bool {
        let connection = self.audio.connection.or(self.session.connection);
        let address = connection.and_then(|connection| connection.split_ascii_whitespace().nth(2));
        let is_nowhere = address
            .and_then(|address| address.parse::<IpAddr>().ok())
            .is_some_and(|ip| ip.is_unspecified());
        is_nowhere && self.audio.port() != Some(9)
    }
}

fn codecs(formats: &[Format<'_>]) -> Vec<(u8, Codec)> {
    let codec = |format: &Format<'_>| {
        let known = match format.encoding {
            Some(encoding) => Codec::from_rtpmap(encoding),
            None => Codec::from_static_payload_type(format.payload_type),
        };
        Some((format.payload_type, known?))
    };
    formats.iter().filter_map(codec).collect()
}

fn telephone_events(formats: &[Format<'_>]) -> Vec<TelephoneEvent> {
    let event = |format: &Format<'_>| {
        let (name, clock) = format.encoding?.split_once('/')?;
        let clock_rate = clock.split('/').next()?.parse().ok()?;
        name.eq_ignore_ascii_case("telephone-event").then_some(TelephoneEvent {
            payload_type: format.payload_type,
            clock_rate,
        })
    };
    formats.iter().filter_map(event).collect()
}

/// A foreign word for an error text: short and without control characters.
fn printable(word: &str) -> String {
    word.chars().filter(char::is_ascii_graphic).take(32).collect()
}

fn bad(text: impl Into<String>) -> MediaError {
    MediaError::BadDescription(text.into())
}
