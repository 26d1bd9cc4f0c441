//! DTLS of one call behind a small trait; [`dimpl`] holds its implementation.
use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use zeroize::Zeroize;

use super::error::MediaError;
use super::srtp::SrtpProfile;

mod dimpl_endpoint;
mod hello;
mod record;
#[cfg(test)]
mod tests;

pub(super) use dimpl_endpoint::DimplEndpoint;

/// First retransmission of a flight; it doubles from there. RFC 6347 §4.2.4.1 says 1 s for the open Internet, browsers
/// take 50 ms: the path has just been measured by ICE, and each lost flight is silence for the user.
const FIRST_RETRANSMISSION: Duration = Duration::from_millis(100);
/// With doubling, enough for `HANDSHAKE_TIMEOUT`.
const RETRANSMISSIONS: usize = 9;
/// How long a handshake may take.
pub(super) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(30);
/// Handshake datagrams that dimpl keeps for reassembly.
const MAX_REORDERED: usize = 64;

/// Who opens the handshake (`a=setup`, RFC 8842).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum DtlsRole {
    /// `a=setup:active`.
    Client,
    /// `a=setup:passive`.
    Server,
}

/// The versions to negotiate.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub enum DtlsVersions {
    /// 1.3 if the peer has it, else 1.2.
    #[default]
    Auto,
    /// 1.2 only.
    Only12,
    /// 1.3 only.
    Only13,
}

/// A client's ECDSA P-256 certificate with its key; made once per client, shared by its calls.
pub struct DtlsCertificate {
    inner: dimpl::DtlsCertificate,
    /// Built here, because building one validates the crypto library anew.
    config: Arc<dimpl::Config>,
    fingerprint: String,
}

impl DtlsCertificate {
    /// Makes a self-signed certificate. Errors: [`MediaError::Internal`] when the crypto library refuses.
    pub fn generate() -> Result<Self, MediaError> {
        Self::with_settings(dimpl::Config::builder())
    }

    /// SHA-256 of the certificate as SDP writes it (`AB:CD:...`, RFC 8122 §5).
    pub fn fingerprint(&self) -> &str {
        &self.fingerprint
    }

    pub(super) fn with_settings(settings: dimpl::ConfigBuilder) -> Result<Self, MediaError> {
        let inner = dimpl::certificate::generate_self_signed_certificate()
            .map_err(|error| MediaError::Internal(format!("certificate: {error}")))?;
        let config = settings
            // ICE has proved the source
            .use_server_cookie(false)
            .flight_start_rto(FIRST_RETRANSMISSION)
            .flight_retries(RETRANSMISSIONS)
            .handshake_timeout(HANDSHAKE_TIMEOUT)
            .max_queue_rx(MAX_REORDERED)
            .build()
            .map_err(|error| MediaError::Internal(format!("DTLS settings: {error}")))?;
        let fingerprint = inner.fingerprint_str();
        Ok(Self {
            inner,
            config: Arc::new(config),
            fingerprint,
        })
    }
}

impl fmt::Debug for DtlsCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("DtlsCertificate")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

/// Keys and salts of both directions (RFC 5764 §4.2); wiped when dropped.
pub struct KeyingMaterial {
    /// What the keys are for.
    pub profile: SrtpProfile,
    bytes: Vec<u8>,
}

impl KeyingMaterial {
    /// Takes client key, server key, client salt, server salt, one after the other. `None`: not the profile's length.
    pub fn new(profile: SrtpProfile, bytes: Vec<u8>) -> Option<Self> {
        let wanted = 2 * (profile.key_length() + profile.salt_length());
        (bytes.len() == wanted).then_some(Self { profile, bytes })
    }

    /// Key and salt that this side writes with.
    pub(super) fn of(&self, side: DtlsRole) -> (&[u8], &[u8]) {
        let (keys, salts) = self.bytes.split_at(2 * self.profile.key_length());
        let (client_key, server_key) = keys.split_at(self.profile.key_length());
        let (client_salt, server_salt) = salts.split_at(self.profile.salt_length());
        match side {
            DtlsRole::Client => (client_key, client_salt),
            DtlsRole::Server => (server_key, server_salt),
        }
    }
}

impl Drop for KeyingMaterial {
    fn drop(&mut self) {
        self.bytes.zeroize();
    }
}

impl fmt::Debug for KeyingMaterial {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "KeyingMaterial({:?}, ***)", self.profile)
    }
}

/// What a DTLS endpoint tells the transport.
#[derive(Debug)]
pub enum DtlsEvent {
    /// The peer's certificate, DER. Its possession of the key is proved; whose it is, is for the reader to check.
    Certificate(Vec<u8>),
    /// The handshake is complete.
    Connected,
    /// Keys for SRTP.
    KeyingMaterial(KeyingMaterial),
    /// The peer sent `close_notify`.
    Closed,
}

/// One DTLS association, sans-IO. After an error it is of no use any more.
pub trait DtlsEndpoint: Send {
    /// Takes a datagram from an authenticated source.
    fn handle_datagram(&mut self, datagram: &[u8], now: Instant) -> Result<(), MediaError>;
    /// Runs what is due.
    fn handle_timeout(&mut self, now: Instant) -> Result<(), MediaError>;
    /// Why the handshake should fail, as somebody in the clear said: a fatal alert, or a hello that cannot be used. It may be
    /// the peer or not, so the handshake goes on.
    fn refusal(&self) -> Option<&MediaError>;
    /// When `handle_timeout` is due.
    fn poll_timeout(&self) -> Option<Instant>;
    /// The next event; asked before `poll_transmit`.
    fn poll_event(&mut self) -> Option<DtlsEvent>;
    /// The next datagram to send.
    fn poll_transmit(&mut self) -> Option<Vec<u8>>;
    /// Leaves `close_notify` to `poll_transmit`, if the handshake was complete.
    fn close(&mut self, now: Instant);
}
