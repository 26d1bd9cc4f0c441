//! What goes in and out of a transport.
use bytes::BytesMut;

use crate::media::candidate::Candidate;
use crate::media::dtls::DtlsRole;
use crate::media::error::MediaError;
use crate::media::fingerprint::Fingerprint;
use crate::media::ice::IceCredentials;
use crate::media::rtp::RtpHeader;
use crate::media::srtp::SrtpProfile;

/// What the transport tells the session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum TransportEvent {
    /// First validated ICE pair.
    IceConnected,
    /// DTLS is up, the fingerprint checked, the keys in.
    Connected(SrtpProfile),
    /// The path in use answers no more, or cannot be sent on; told once until it answers again.
    Silent,
    /// The path of an ICE restart works, and is used from now on.
    Moved,
    /// No pair of an ICE restart worked in time; the last path stays in use.
    RestartFailed,
    /// The peer closed DTLS.
    Closed,
    /// Over; nothing is sent any more.
    Failed(MediaError),
}

/// The peer's half, from its SDP.
#[derive(Clone, Debug)]
pub struct RemoteTransport {
    /// Its ICE credentials.
    pub credentials: IceCredentials,
    /// Its candidates.
    pub candidates: Vec<Candidate>,
    /// It never checks, only answers (RFC 8445 §2.5).
    pub is_lite: bool,
    /// Its certificate is one of these.
    pub fingerprints: Vec<Fingerprint>,
}

/// What we are to each other.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Roles {
    /// We sent the offer.
    pub is_offerer: bool,
    /// Our side of the handshake.
    pub dtls: DtlsRole,
}

/// A decrypted packet.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Incoming {
    /// RTP, header and all.
    Rtp(RtpHeader, BytesMut),
    /// A compound RTCP packet.
    Rtcp(BytesMut),
}
