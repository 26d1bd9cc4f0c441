//! What can go wrong with a call's media; each text says what to do.
use crate::io::Stage;

/// A failure of a call's media. It ends the call unless it came from a re-offer.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum MediaError {
    /// The far side's SDP names none of our codecs.
    #[error("no common codec: the far side's SDP has none of {offered}; enable Opus, PCMU or PCMA there")]
    NoCommonCodec {
        /// What we can do, for example `opus, PCMU, PCMA`.
        offered: String,
    },
    /// The far side's SDP cannot be used.
    #[error("unusable SDP from the far side: {0}")]
    BadDescription(String),
    /// A re-offer asks for something we don't do in mid-call (488).
    #[error("re-offer not acceptable: {0}")]
    OfferNotAcceptable(String),
    /// A member was called in a state that does not allow it.
    #[error("media session used out of order: {0}")]
    WrongState(&'static str),
    /// No candidate pair worked, or the far side stopped answering consent checks (RFC 7675).
    #[error("ICE failed: {0}; check that UDP between this machine and the media server is not blocked")]
    IceFailed(String),
    /// Only relayed candidates may be used, and no TURN server gave one.
    #[error(
        "ICE failed: iceTransportPolicy is \"relay\" and no TURN server gave an address ({0}); check the servers, or allow \"all\""
    )]
    NoRelay(String),
    /// The DTLS handshake failed.
    #[error("DTLS failed: {0}")]
    DtlsFailed(String),
    /// The peer's certificate is not the one its SDP announced: somebody may be in between.
    #[error(
        "DTLS failed: the peer's certificate does not match the fingerprint in its SDP; the media path may be intercepted"
    )]
    FingerprintMismatch,
    /// The peer refused our cipher suites, which RSA certificates are the usual cause of.
    #[error(
        "DTLS failed: no common cipher suite ({0}); the peer probably has an RSA certificate: give it an ECDSA P-256 one"
    )]
    RsaCertificate(String),
    /// The peer does not do RFC 7627.
    #[error("DTLS failed: the peer does not support the extended master secret (RFC 7627); update its TLS library")]
    NoExtendedMasterSecret,
    /// A codec could not be set up.
    #[error("codec failed: {0}")]
    Codec(String),
    /// A local step failed: key generation, a broken limit.
    #[error("media failed: {0}")]
    Internal(String),
}

impl MediaError {
    /// The stage it belongs to.
    pub fn stage(&self) -> Stage {
        match self {
            Self::IceFailed(_) | Self::NoRelay(_) => Stage::Ice,
            Self::DtlsFailed(_)
            | Self::FingerprintMismatch
            | Self::RsaCertificate(_)
            | Self::NoExtendedMasterSecret => Stage::Dtls,
            Self::NoCommonCodec { .. }
            | Self::BadDescription(_)
            | Self::OfferNotAcceptable(_)
            | Self::WrongState(_)
            | Self::Codec(_)
            | Self::Internal(_) => Stage::Media,
        }
    }
}

impl From<super::codec::CodecError> for MediaError {
    fn from(error: super::codec::CodecError) -> Self {
        Self::Codec(error.to_string())
    }
}
