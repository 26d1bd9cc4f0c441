//! [`DtlsEndpoint`] by dimpl, which does DTLS 1.2 and 1.3 with ECDSA certificates and demands the extended master secret.
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Instant;

use ::dimpl::{CryptoError, Dtls, Error, Output, SecurityError};

use super::hello::{fatal_alert, opens_server_flight};
use super::{DtlsCertificate, DtlsEndpoint, DtlsEvent, DtlsRole, DtlsVersions, KeyingMaterial};
use crate::media::error::MediaError;
use crate::media::srtp::SrtpProfile;

/// Datagrams of a reordered server flight kept until its first one comes; the oldest is dropped.
const MAX_HELD: usize = 16;
/// Unusable hellos that a server overlooks: one may be forged (CVE-2023-49786), a peer that sends no other must be told.
const MAX_BAD_HELLOS: u8 = 3;
/// Alerts that a peer sends for want of a common cipher suite or certificate type (RFC 8446 §6.2).
const ALERT_HANDSHAKE_FAILURE: u8 = 40;
const ALERT_UNSUPPORTED_CERTIFICATE: u8 = 43;

/// One association.
pub(in crate::media) struct DimplEndpoint {
    certificate: Arc<DtlsCertificate>,
    versions: DtlsVersions,
    role: DtlsRole,
    dtls: Dtls,
    buffer: Vec<u8>,
    held: VecDeque<Vec<u8>>,
    bad_hellos: u8,
    has_sent: bool,
    is_connected: bool,
    is_over: bool,
    timeout: Option<Instant>,
    events: VecDeque<DtlsEvent>,
    transmits: VecDeque<Vec<u8>>,
}

impl DimplEndpoint {
    /// A client's first flight is there at once.
    pub(in crate::media) fn new(
        certificate: Arc<DtlsCertificate>,
        versions: DtlsVersions,
        role: DtlsRole,
        now: Instant,
    ) -> Result<Self, MediaError> {
        let dtls = new_dtls(&certificate, versions, role, now);
        let mut endpoint = Self {
            certificate,
            versions,
            role,
            dtls,
            buffer: vec![0; 2048],
            held: VecDeque::new(),
            bad_hellos: 0,
            has_sent: false,
            is_connected: false,
            is_over: false,
            timeout: None,
            events: VecDeque::new(),
            transmits: VecDeque::new(),
        };
        endpoint.handle_timeout(now)?;
        Ok(endpoint)
    }

    fn feed(&mut self, datagram: &[u8], now: Instant) -> Result<(), MediaError> {
        if let Err(error) = self.dtls.handle_packet(datagram) {
            self.recover(&error, now)?;
        }
        self.drain();
        Ok(())
    }

    fn awaits_version(&self) -> bool {
        self.role == DtlsRole::Client && self.dtls.protocol_version().is_none()
    }

    fn hold(&mut self, datagram: &[u8]) {
        if self.held.len() >= MAX_HELD {
            self.held.pop_front();
        }
        self.held.push_back(datagram.to_vec());
    }

    /// What an error of dimpl's means for the association.
    fn recover(&mut self, error: &Error, now: Instant) -> Result<(), MediaError> {
        if *error == Error::ReceiveQueueFull {
            return Ok(());
        }
        if self.is_connected {
            // the keys are out; the call needs DTLS for nothing more than a goodbye
            self.is_over = true;
            return Ok(());
        }
        if self.role == DtlsRole::Server && !self.has_sent && self.bad_hellos < MAX_BAD_HELLOS {
            self.bad_hellos += 1;
            self.dtls = new_dtls(&self.certificate, self.versions, self.role, now);
            return Ok(());
        }
        self.is_over = true;
        Err(media_error(error))
    }

    fn drain(&mut self) {
        while !self.is_over {
            match self.dtls.poll_output(&mut self.buffer) {
                Output::Packet(packet) => {
                    self.has_sent = true;
                    self.transmits.push_back(packet.to_vec());
                }
                Output::BufferTooSmall { needed } => self.buffer.resize(needed, 0),
                Output::Timeout(at) => {
                    self.timeout = Some(at);
                    return;
                }
                Output::Connected => {
                    self.is_connected = true;
                    self.events.push_back(DtlsEvent::Connected);
                }
                Output::PeerCert(der) => self.events.push_back(DtlsEvent::Certificate(der.to_vec())),
                Output::KeyingMaterial(bytes, profile) => {
                    let keys =
                        SrtpProfile::from_dimpl(profile).and_then(|own| KeyingMaterial::new(own, bytes.to_vec()));
                    self.events.extend(keys.map(DtlsEvent::KeyingMaterial));
                }
                Output::CloseNotify => self.events.push_back(DtlsEvent::Closed),
                _ => {}
            }
        }
    }
}

impl DtlsEndpoint for DimplEndpoint {
    fn handle_datagram(&mut self, datagram: &[u8], now: Instant) -> Result<(), MediaError> {
        self.handle_timeout(now)?;
        if self.is_over {
            return Ok(());
        }
        if !self.awaits_version() {
            return self.feed(datagram, now);
        }
        if let Some(description) = fatal_alert(datagram) {
            return Err(alert_error(description));
        }
        if !opens_server_flight(datagram) {
            self.hold(datagram);
            return Ok(());
        }
        self.feed(datagram, now)?;
        for held in std::mem::take(&mut self.held) {
            self.feed(&held, now)?;
        }
        Ok(())
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), MediaError> {
        if self.is_over {
            return Ok(());
        }
        if let Err(error) = self.dtls.handle_timeout(now) {
            self.recover(&error, now)?;
        }
        self.drain();
        Ok(())
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.timeout.filter(|_| !self.is_over)
    }

    fn poll_event(&mut self) -> Option<DtlsEvent> {
        self.events.pop_front()
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmits.pop_front()
    }

    fn close(&mut self, now: Instant) {
        if self.is_over || self.handle_timeout(now).is_err() || self.dtls.close().is_err() {
            return;
        }
        self.drain();
        self.is_over = true;
    }
}

fn new_dtls(certificate: &DtlsCertificate, versions: DtlsVersions, role: DtlsRole, now: Instant) -> Dtls {
    let (config, inner) = (Arc::clone(&certificate.config), certificate.inner.clone());
    let mut dtls = match versions {
        DtlsVersions::Auto => Dtls::new_auto(config, inner, now),
        DtlsVersions::Only12 => Dtls::new_12(config, inner, now),
        DtlsVersions::Only13 => Dtls::new_13(config, inner, now),
    };
    dtls.set_active(role == DtlsRole::Client);
    dtls
}

fn media_error(error: &Error) -> MediaError {
    match error {
        Error::SecurityError(SecurityError::ExtendedMasterSecretNotNegotiated) => MediaError::NoExtendedMasterSecret,
        Error::SecurityError(SecurityError::FatalAlert { description }) => alert_error(*description),
        Error::SecurityError(SecurityError::NoMutuallyAcceptableCipherSuite | SecurityError::NoCommonCipherSuite)
        | Error::CryptoError(CryptoError::UnsupportedPublicKeyAlgorithm) => {
            MediaError::RsaCertificate(error.to_string())
        }
        Error::Timeout(_) => MediaError::DtlsFailed(format!(
            "no complete handshake within {} s; check that the far side's DTLS is on",
            super::HANDSHAKE_TIMEOUT.as_secs()
        )),
        _ => MediaError::DtlsFailed(error.to_string()),
    }
}

fn alert_error(description: u8) -> MediaError {
    match description {
        ALERT_HANDSHAKE_FAILURE | ALERT_UNSUPPORTED_CERTIFICATE => {
            MediaError::RsaCertificate(format!("its alert was {description}"))
        }
        _ => MediaError::DtlsFailed(format!("the peer ended the handshake with alert {description}")),
    }
}
