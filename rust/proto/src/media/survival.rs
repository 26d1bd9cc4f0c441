//! What must hold for any bytes from the network: nothing panics, and what was taken makes sense. Fuzz targets and the
//! replay of their corpora share these.
use std::sync::{Arc, OnceLock};
use std::time::{Instant, UNIX_EPOCH};

use super::description::{self, LocalDescription, RemoteDescription, Setup};
use super::dtls::{DimplEndpoint, DtlsCertificate, DtlsEndpoint, DtlsEvent, DtlsRole, DtlsVersions, KeyingMaterial};
use super::ice::{self, IceCredentials};
use super::reports::Reports;
use super::rtp::RtpHeader;
use super::srtp::{Srtp, SrtpProfile};
use super::timing_random::TimingRandom;
use crate::io::{ClockOrigin, RandomSource, Secret};

pub use handshake::handshake_survives;
pub use pair::media_session_survives;
pub use servers::{gatherer_survives, server_url_survives};
pub use sound::{sound_survives, wav_survives};

mod handshake;
mod pair;
mod servers;
mod sound;

/// Reads a message as a peer's check and as a server's answer. True when each refused it, or what they took makes sense.
pub fn stun_survives(bytes: &[u8]) -> bool {
    ice::stun_survives(bytes) && servers::answer_survives(bytes)
}

/// Reads an SDP and answers it. True when it was refused, or our answer reads back and says the same.
pub fn sdp_survives(bytes: &[u8]) -> bool {
    let Ok(remote) = description::read(bytes) else {
        return true;
    };
    let answer = answer_to(&remote);
    let text = answer.to_sdp();
    let is_clean = text
        .split_terminator("\r\n")
        .all(|line| line.as_bytes().get(1) == Some(&b'=') && !line.contains(['\r', '\n', '\0']));
    is_clean
        && description::read(text.as_bytes()).is_ok_and(|again| {
            again.mid == answer.mid
                && again.direction == answer.direction
                && again.codecs == answer.codecs
                && again.telephone_events == answer.telephone_events
                && again.setup == Some(answer.setup)
        })
}

/// Reads an RTP packet as it came and after decryption. True when it was refused or its payload lies inside.
pub fn rtp_survives(bytes: &[u8]) -> bool {
    let Some(header) = RtpHeader::parse(bytes) else {
        return true;
    };
    let is_refused = SrtpProfile::ALL.into_iter().all(|profile| {
        let srtp = receiver(profile);
        srtp.is_none_or(|mut srtp| srtp.unprotect_rtp(bytes, &header).is_err())
    });
    is_refused
        && header
            .payload(bytes)
            .is_none_or(|payload| payload.len() + header.length <= bytes.len())
}

/// Reads RTCP as it came and after decryption. True unless somebody without keys passed for authentic.
pub fn rtcp_survives(bytes: &[u8], now: Instant) -> bool {
    let clock = ClockOrigin {
        instant: now,
        wall: UNIX_EPOCH,
    };
    let mut random = TimingRandom::new(&mut Zero);
    let mut reports = Reports::new(1, "cname".to_owned(), clock, &mut random, now);
    let _ = reports.handle_rtcp(bytes, now);
    SrtpProfile::ALL
        .into_iter()
        .all(|profile| receiver(profile).is_none_or(|mut srtp| srtp.unprotect_rtcp(bytes).is_err()))
}

/// Hands a datagram to fresh endpoints of both roles and all versions. True unless one of them takes it for a handshake.
pub fn dtls_survives(bytes: &[u8], now: Instant) -> bool {
    let Some(certificate) = certificate() else {
        return false;
    };
    [DtlsRole::Client, DtlsRole::Server].into_iter().all(|role| {
        [DtlsVersions::Auto, DtlsVersions::Only12, DtlsVersions::Only13]
            .into_iter()
            .all(|versions| {
                let Ok(mut endpoint) = DimplEndpoint::new(Arc::clone(certificate), versions, role, now) else {
                    return false;
                };
                let _ = endpoint.handle_datagram(bytes, now);
                // a close_notify in the clear is told, and ends nothing
                std::iter::from_fn(|| endpoint.poll_event())
                    .all(|event| matches!(event, DtlsEvent::Certificate(_) | DtlsEvent::Closed))
            })
    })
}

fn answer_to(remote: &RemoteDescription) -> LocalDescription {
    LocalDescription {
        session_id: 1,
        version: 1,
        credentials: IceCredentials {
            ufrag: "ours".to_owned(),
            password: Secret("our-own-password-of-ours".to_owned()),
        },
        candidates: Vec::new(),
        fingerprint: ["AB"; 32].join(":"),
        setup: Setup::Active,
        mid: remote.mid.clone(),
        is_bundled: remote.is_bundled,
        direction: remote.direction.reversed(),
        codecs: remote.codecs.clone(),
        reduces_rtcp: remote.reduces_rtcp,
        telephone_events: remote.telephone_events.clone(),
        ssrc: 1,
        cname: "cname".to_owned(),
        msid: ("stream".to_owned(), "track".to_owned()),
        before: remote.before.clone(),
        after: remote.after.clone(),
    }
}

fn receiver(profile: SrtpProfile) -> Option<Srtp> {
    let length = 2 * (profile.key_length() + profile.salt_length());
    Srtp::new(&KeyingMaterial::new(profile, vec![7; length])?, DtlsRole::Client).ok()
}

/// One certificate for all runs.
pub(crate) fn certificate() -> Option<&'static Arc<DtlsCertificate>> {
    static CERTIFICATE: OnceLock<Option<Arc<DtlsCertificate>>> = OnceLock::new();
    CERTIFICATE
        .get_or_init(|| DtlsCertificate::generate().ok().map(Arc::new))
        .as_ref()
}

struct Zero;

impl RandomSource for Zero {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}
