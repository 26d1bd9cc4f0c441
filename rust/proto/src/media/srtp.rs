//! SRTP of one call (RFC 3711, RFC 7714) over rtc-srtp: one context to send with, one for each source that is heard.
//! Two habits of rtc-srtp are kept away from the network:
//! - it makes state for each SSRC, and fixes its replay window, before the tag is checked: forged packets would fill the
//!   memory, and one could shut out the real source. So a source gets its context with its first authentic packet.
//! - it takes SRTCP whose E flag is off for plain RTCP without looking at the tag. Such packets are rejected.
use bytes::{Bytes, BytesMut};
use rtc_rtp::header::{Extension, Header};
use rtc_srtp::context::Context;
use rtc_srtp::option::{srtcp_replay_protection, srtp_replay_protection};
use rtc_srtp::protection_profile::ProtectionProfile;
use rtc_stun::crypto::RTCCryptoProvider;
use rtc_stun::crypto::providers::AwsLcRsProvider;
use zeroize::Zeroizing;

use super::dtls::{DtlsRole, KeyingMaterial};
use super::error::MediaError;
use super::rtp::{FIXED_HEADER, RtpHeader};

#[cfg(test)]
mod tests;

/// Packets that may overtake each other (RFC 3711 §3.3.2 demands 64 at least).
const REPLAY_WINDOW: usize = 128;
/// Sources remembered; the one heard least recently gives way, and with it what it sent before: its packets, sent again by
/// whoever kept them, pass once more. A ninth source is not refused, because far sides that hand a call from one media
/// server to the next change theirs each time, without end, and only who has the keys makes one.
const MAX_SOURCES: usize = 8;
/// The E flag and index of SRTCP (RFC 3711 §3.4).
const SRTCP_INDEX: usize = 4;

/// Protection profiles that we negotiate (RFC 5764 §4.1.2, RFC 7714 §14.2).
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum SrtpProfile {
    /// `SRTP_AES128_CM_HMAC_SHA1_80`.
    Aes128CmHmacSha1_80,
    /// `SRTP_AEAD_AES_128_GCM`.
    AeadAes128Gcm,
    /// `SRTP_AEAD_AES_256_GCM`.
    AeadAes256Gcm,
}

impl SrtpProfile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Aes128CmHmacSha1_80, Self::AeadAes128Gcm, Self::AeadAes256Gcm];

    /// Its registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::Aes128CmHmacSha1_80 => "SRTP_AES128_CM_HMAC_SHA1_80",
            Self::AeadAes128Gcm => "SRTP_AEAD_AES_128_GCM",
            Self::AeadAes256Gcm => "SRTP_AEAD_AES_256_GCM",
        }
    }

    /// Bytes of a master key.
    pub fn key_length(self) -> usize {
        self.protection().key_len()
    }

    /// Bytes of a master salt.
    pub fn salt_length(self) -> usize {
        self.protection().salt_len()
    }

    pub(super) fn from_dimpl(profile: dimpl::SrtpProfile) -> Option<Self> {
        match profile {
            dimpl::SrtpProfile::AES128_CM_SHA1_80 => Some(Self::Aes128CmHmacSha1_80),
            dimpl::SrtpProfile::AEAD_AES_128_GCM => Some(Self::AeadAes128Gcm),
            dimpl::SrtpProfile::AEAD_AES_256_GCM => Some(Self::AeadAes256Gcm),
            _ => None,
        }
    }

    fn protection(self) -> ProtectionProfile {
        match self {
            Self::Aes128CmHmacSha1_80 => ProtectionProfile::Aes128CmHmacSha1_80,
            Self::AeadAes128Gcm => ProtectionProfile::AeadAes128Gcm,
            Self::AeadAes256Gcm => ProtectionProfile::AeadAes256Gcm,
        }
    }
}

/// A packet that did not pass: malformed, forged, replayed, or in the clear.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("rejected by SRTP")]
pub struct Rejected;

/// Both directions of one call.
pub struct Srtp {
    profile: SrtpProfile,
    outbound: Context,
    inbound: Inbound,
}

impl Srtp {
    /// Takes the keys of a handshake and which side of it we were. Errors: [`MediaError::Internal`].
    pub fn new(keys: &KeyingMaterial, role: DtlsRole) -> Result<Self, MediaError> {
        let peer = match role {
            DtlsRole::Client => DtlsRole::Server,
            DtlsRole::Server => DtlsRole::Client,
        };
        let failed = |error| MediaError::Internal(format!("SRTP keys: {error}"));
        let (key, salt) = keys.of(role);
        let outbound = new_context(keys.profile, key, salt).map_err(failed)?;
        let (key, salt) = keys.of(peer);
        let inbound = Inbound {
            profile: keys.profile,
            key: Zeroizing::new(key.to_vec()),
            salt: Zeroizing::new(salt.to_vec()),
            sources: Vec::new(),
        };
        Ok(Self {
            profile: keys.profile,
            outbound,
            inbound,
        })
    }

    /// What was negotiated.
    pub fn profile(&self) -> SrtpProfile {
        self.profile
    }

    /// Encrypts an RTP packet of ours: fixed header, then `payload`.
    pub fn protect_rtp(&mut self, header: &RtpHeader, payload: &[u8]) -> Result<Vec<u8>, Rejected> {
        let mut packet = Vec::with_capacity(FIXED_HEADER + payload.len());
        header.write(&mut packet);
        packet.extend_from_slice(payload);
        let fixed = RtpHeader {
            length: FIXED_HEADER,
            ..*header
        };
        let protected = self.outbound.encrypt_rtp_with_header(&packet, &crate_header(&fixed));
        protected.map(Vec::from).map_err(|_| Rejected)
    }

    /// Encrypts a compound RTCP packet of ours.
    pub fn protect_rtcp(&mut self, packet: &[u8]) -> Result<Vec<u8>, Rejected> {
        self.outbound.encrypt_rtcp(packet).map(Vec::from).map_err(|_| Rejected)
    }

    /// Authenticates and decrypts an RTP packet; its header stays in front.
    pub fn unprotect_rtp(&mut self, packet: &[u8], header: &RtpHeader) -> Result<BytesMut, Rejected> {
        let crate_header = crate_header(header);
        self.inbound.open(header.ssrc, |context| {
            context.decrypt_rtp_with_header(packet, &crate_header)
        })
    }

    /// Authenticates and decrypts a compound RTCP packet.
    pub fn unprotect_rtcp(&mut self, packet: &[u8]) -> Result<BytesMut, Rejected> {
        let [_, _, _, _, s0, s1, s2, s3, ..] = packet else {
            return Err(Rejected);
        };
        let flag_at = packet
            .len()
            .checked_sub(SRTCP_INDEX + self.profile.protection().rtcp_auth_tag_len());
        let is_encrypted = flag_at
            .and_then(|at| packet.get(at))
            .is_some_and(|flag| flag & 0x80 != 0);
        if !is_encrypted {
            return Err(Rejected);
        }
        let ssrc = u32::from_be_bytes([*s0, *s1, *s2, *s3]);
        self.inbound.open(ssrc, |context| context.decrypt_rtcp(packet))
    }
}

/// Contexts of the sources heard, the latest last.
struct Inbound {
    profile: SrtpProfile,
    key: Zeroizing<Vec<u8>>,
    salt: Zeroizing<Vec<u8>>,
    sources: Vec<(u32, Context)>,
}

impl Inbound {
    fn open(
        &mut self,
        ssrc: u32,
        decrypt: impl FnOnce(&mut Context) -> rtc_shared::error::Result<BytesMut>,
    ) -> Result<BytesMut, Rejected> {
        if let Some(at) = self.sources.iter().position(|(known, _)| *known == ssrc) {
            let opened = self.sources.get_mut(at).and_then(|(_, context)| decrypt(context).ok());
            if opened.is_some() && at + 1 != self.sources.len() {
                self.sources
                    .get_mut(at..)
                    .into_iter()
                    .for_each(|tail| tail.rotate_left(1));
            }
            return opened.ok_or(Rejected);
        }
        let mut context = new_context(self.profile, &self.key, &self.salt).map_err(|_| Rejected)?;
        let opened = decrypt(&mut context).map_err(|_| Rejected)?;
        if self.sources.len() >= MAX_SOURCES {
            self.sources.remove(0);
        }
        self.sources.push((ssrc, context));
        Ok(opened)
    }
}

fn new_context(profile: SrtpProfile, key: &[u8], salt: &[u8]) -> rtc_shared::error::Result<Context> {
    Context::new(
        key,
        salt,
        profile.protection(),
        Some(srtp_replay_protection(REPLAY_WINDOW)),
        Some(srtcp_replay_protection(REPLAY_WINDOW)),
        AwsLcRsProvider::new().crypto(),
    )
}

/// What rtc-srtp reads of a header: SSRC, sequence number, and a marshalled size equal to the real length. CSRCs and
/// extension are one opaque extension of that size, so that no grammar of theirs can move the payload.
fn crate_header(header: &RtpHeader) -> Header {
    let mut own = Header {
        version: 2,
        sequence_number: header.sequence,
        ssrc: header.ssrc,
        ..Header::default()
    };
    if let Some(opaque) = header.length.checked_sub(FIXED_HEADER + 4) {
        own.extension = true;
        own.extensions.push(Extension {
            id: 0,
            payload: Bytes::from(vec![0; opaque]),
        });
    }
    own
}
