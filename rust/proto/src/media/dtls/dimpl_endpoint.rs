//! [`DtlsEndpoint`] by dimpl, which does DTLS 1.2 and 1.3 with ECDSA certificates and demands the extended master secret.
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ::dimpl::{CertificateError, CryptoError, Dtls, Error, Output, SecurityError};

use super::hello::{HelloGate, Verdict};
use super::record::{fatal_alert, is_plain_alert, opens_server_flight, records, wants_other_certificates};
use super::{DtlsCertificate, DtlsEndpoint, DtlsEvent, DtlsRole, DtlsVersions, KeyingMaterial};
use crate::media::drop_oldest::push_dropping_oldest;
use crate::media::error::MediaError;
use crate::media::srtp::SrtpProfile;

/// Records of a reordered server flight kept until its first one comes; the oldest is dropped.
const MAX_HELD: usize = 32;
/// Least time between two timeouts. dimpl 0.9.0's DTLS 1.3 client acknowledges a flight with a gap at once and again at
/// once, as long as the gap lasts: unbraked it would spin and flood.
const LEAST_TIMEOUT: Duration = Duration::from_millis(20);
/// Alerts that a peer sends for want of a common cipher suite or certificate type (RFC 8446 §6.2).
const ALERT_HANDSHAKE_FAILURE: u8 = 40;
const ALERT_UNSUPPORTED_CERTIFICATE: u8 = 43;

/// How far an association has got.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Phase {
    /// Nothing was sent: a server still waits for a hello.
    Fresh,
    Handshaking,
    Connected,
    Over,
}

/// One association.
pub(in crate::media) struct DimplEndpoint {
    certificate: Arc<DtlsCertificate>,
    versions: DtlsVersions,
    role: DtlsRole,
    dtls: Dtls,
    buffer: Vec<u8>,
    held: VecDeque<Vec<u8>>,
    gate: HelloGate,
    refusal: Option<MediaError>,
    phase: Phase,
    timeout: Option<Instant>,
    last_timeout: Instant,
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
            gate: HelloGate::default(),
            refusal: None,
            phase: Phase::Fresh,
            timeout: None,
            last_timeout: now,
            events: VecDeque::new(),
            transmits: VecDeque::new(),
        };
        endpoint.handle_timeout(now)?;
        Ok(endpoint)
    }

    fn handle_record(&mut self, record: &[u8], now: Instant) -> Result<(), MediaError> {
        if is_plain_alert(record) {
            self.overlook_alert(record);
            return Ok(());
        }
        match self.gate.judge(record, self.role) {
            Verdict::Feed => {}
            Verdict::Drop => return Ok(()),
            Verdict::OtherHello if self.phase > Phase::Fresh => return Ok(()),
            // the beginning of the other one led to nothing yet: this one may be the peer's
            Verdict::OtherHello => {
                self.restart(now);
                self.gate.judge(record, self.role);
            }
        }
        if self.role == DtlsRole::Server && self.phase == Phase::Fresh && wants_other_certificates(record) {
            self.overlook_hello(MediaError::RsaCertificate("it offers no suite for ECDSA".into()), now);
            return Ok(());
        }
        if !self.awaits_version() {
            return self.feed(record, now);
        }
        if !opens_server_flight(record) {
            self.hold(record);
            return Ok(());
        }
        self.feed(record, now)?;
        for held in std::mem::take(&mut self.held) {
            self.feed(&held, now)?;
        }
        Ok(())
    }

    fn feed(&mut self, record: &[u8], now: Instant) -> Result<(), MediaError> {
        if self.phase == Phase::Over {
            return Ok(());
        }
        if let Err(error) = self.dtls.handle_packet(record) {
            self.recover(&error, now)?;
        }
        self.drain();
        Ok(())
    }

    fn awaits_version(&self) -> bool {
        self.role == DtlsRole::Client && self.dtls.protocol_version().is_none()
    }

    fn hold(&mut self, record: &[u8]) {
        push_dropping_oldest(&mut self.held, MAX_HELD, record.to_vec());
    }

    /// What an error of dimpl's means for the association.
    fn recover(&mut self, error: &Error, now: Instant) -> Result<(), MediaError> {
        if *error == Error::ReceiveQueueFull {
            return Ok(());
        }
        if self.phase == Phase::Connected {
            // the keys are out; the call needs DTLS for nothing more than a goodbye
            self.phase = Phase::Over;
            return Ok(());
        }
        if self.role == DtlsRole::Server && self.phase == Phase::Fresh {
            self.overlook_hello(media_error(error), now);
            return Ok(());
        }
        self.phase = Phase::Over;
        let refusal = self.refusal.take().filter(|_| matches!(error, Error::Timeout(_)));
        Err(refusal.unwrap_or_else(|| media_error(error)))
    }

    /// Begins anew after an unusable hello: it may be forged (CVE-2023-49786).
    fn overlook_hello(&mut self, error: MediaError, now: Instant) {
        self.refusal = Some(error);
        self.restart(now);
    }

    /// An alert in the clear may be forged too.
    fn overlook_alert(&mut self, record: &[u8]) {
        if self.phase < Phase::Connected {
            self.refusal = fatal_alert(record).map(alert_error).or(self.refusal.take());
        }
    }

    fn restart(&mut self, now: Instant) {
        self.dtls = new_dtls(&self.certificate, self.versions, self.role, now);
        self.gate = HelloGate::default();
        // dimpl has to be told the time before anything else; a server that has heard nothing has nothing to fail at
        let _ = self.dtls.handle_timeout(now);
    }

    fn drain(&mut self) {
        while self.phase != Phase::Over {
            match self.dtls.poll_output(&mut self.buffer) {
                Output::Packet(packet) => {
                    self.phase = self.phase.max(Phase::Handshaking);
                    self.transmits.push_back(packet.to_vec());
                }
                Output::BufferTooSmall { needed } => self.buffer.resize(needed, 0),
                Output::Timeout(at) => {
                    self.timeout = Some(at);
                    return;
                }
                Output::Connected => {
                    self.phase = Phase::Connected;
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
        records(datagram).try_for_each(|record| self.handle_record(record, now))
    }

    fn handle_timeout(&mut self, now: Instant) -> Result<(), MediaError> {
        if self.phase == Phase::Over {
            return Ok(());
        }
        self.last_timeout = now;
        if let Err(error) = self.dtls.handle_timeout(now) {
            self.recover(&error, now)?;
        }
        self.drain();
        Ok(())
    }

    fn refusal(&self) -> Option<&MediaError> {
        self.refusal.as_ref()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        let timeout = self.timeout.filter(|_| self.phase != Phase::Over)?;
        Some(timeout.max(self.last_timeout + LEAST_TIMEOUT))
    }

    fn poll_event(&mut self) -> Option<DtlsEvent> {
        self.events.pop_front()
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmits.pop_front()
    }

    fn close(&mut self, now: Instant) {
        if self.phase == Phase::Over || self.handle_timeout(now).is_err() || self.dtls.close().is_err() {
            return;
        }
        self.drain();
        self.phase = Phase::Over;
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
        | Error::CryptoError(CryptoError::UnsupportedPublicKeyAlgorithm)
        // asked for an ECDSA certificate, a client that has none sends an empty list
        | Error::CertificateError(CertificateError::NoClientCertificateReceived) => {
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
