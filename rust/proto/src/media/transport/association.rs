//! The DTLS association of a call, and the keys that come of it.
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::{Incoming, MediaTransport, TransportEvent, Unacceptable, route_of};
use crate::io::Datagram;
use crate::media::dtls::{DimplEndpoint, DtlsEvent, DtlsRole, HANDSHAKE_TIMEOUT, KeyingMaterial};
use crate::media::error::MediaError;
use crate::media::ice::Route;
use crate::media::srtp::Srtp;

/// How much longer a handshake may take once the peer seems to have refused it. If it was the peer, nothing more will come;
/// if it was somebody else, the peer goes on, and a handshake takes two round trips.
const REFUSED_TIMEOUT: Duration = Duration::from_secs(3);

impl MediaTransport {
    pub(super) fn forget_association(&mut self) {
        (self.dtls, self.srtp) = (None, None);
        (self.first_route, self.handshake_deadline) = (None, None);
        self.is_certified = false;
        self.held.clear();
        self.incoming.clear();
        self.transmits.clear();
    }

    /// Takes a DTLS datagram, from where ICE has proved the peer to be.
    pub(super) fn handle_dtls(
        &mut self,
        datagram: Datagram<'_>,
        now: Instant,
    ) -> Result<Option<Incoming>, Unacceptable> {
        if !self.is_proved(route_of(datagram)) {
            return Err(Unacceptable);
        }
        if self.role() == Some(DtlsRole::Server) {
            self.start_dtls(now);
        }
        let was_refused = self.is_refused();
        let dtls = self.dtls.as_mut().ok_or(Unacceptable)?;
        if let Err(error) = dtls.handle_datagram(datagram.payload, now) {
            self.fail(error);
        }
        if self.is_refused() && !was_refused {
            self.limit_handshake(REFUSED_TIMEOUT, now);
        }
        self.follow_dtls();
        Ok(None)
    }

    pub(super) fn await_handshake(&mut self, now: Instant) {
        if self.srtp.is_none() {
            self.limit_handshake(HANDSHAKE_TIMEOUT, now);
            if !self.awaits_check() || self.ice.is_checked() {
                self.start_dtls(now);
            }
        }
    }

    /// A check of the peer's proves that it has our answer: only from then on does a hello make sense to it. Who repeats
    /// the check from elsewhere gets none: it goes where the peer said to be, or else where a check of ours was answered.
    pub(super) fn follow_check(&mut self, route: Route, now: Instant) {
        if self.dtls.is_some() || !self.awaits_check() {
            return;
        }
        if self.is_announced(route) {
            self.first_route = Some(route);
            self.start_dtls(now);
        } else if self.ice.used_socket().is_some() {
            self.start_dtls(now);
        }
    }

    pub(super) fn follow_dtls(&mut self) {
        let mut is_handshaken = false;
        while let Some(event) = self.dtls.as_mut().and_then(|dtls| dtls.poll_event()) {
            match event {
                DtlsEvent::Certificate(der) => self.check_certificate(&der),
                DtlsEvent::Connected => is_handshaken = true,
                DtlsEvent::KeyingMaterial(keys) => self.take_keys(&keys),
                DtlsEvent::Closed => self.events.push_back(TransportEvent::Closed),
            }
        }
        if is_handshaken && self.srtp.is_none() && !self.is_over {
            self.fail(MediaError::DtlsFailed(
                "the peer negotiated no SRTP profile of ours; turn on AES128_CM_HMAC_SHA1_80 or AEAD_AES_GCM there"
                    .into(),
            ));
        }
        self.send_dtls();
    }

    pub(super) fn send_dtls(&mut self) {
        while let Some(packet) = self.dtls.as_mut().and_then(|dtls| dtls.poll_transmit()) {
            self.transmit(packet);
        }
    }

    /// Fails with what the peer seems to have refused, if it did.
    pub(super) fn give_up_handshake(&mut self) {
        let refusal = self.dtls.as_ref().and_then(|dtls| dtls.refusal().cloned());
        self.fail(refusal.unwrap_or_else(|| {
            let seconds = HANDSHAKE_TIMEOUT.as_secs();
            MediaError::DtlsFailed(format!(
                "no complete handshake within {seconds} s of ICE; check that the far side's DTLS is on"
            ))
        }));
    }

    fn limit_handshake(&mut self, limit: Duration, now: Instant) {
        let deadline = now + limit;
        self.handshake_deadline = Some(self.handshake_deadline.map_or(deadline, |known| known.min(deadline)));
    }

    fn is_refused(&self) -> bool {
        self.dtls.as_ref().is_some_and(|dtls| dtls.refusal().is_some())
    }

    /// Answering as DTLS client to a peer that checks: the handshake waits for its first check, else for a valid pair.
    fn awaits_check(&self) -> bool {
        self.remote
            .as_ref()
            .is_some_and(|(remote, roles)| !roles.is_offerer && roles.dtls == DtlsRole::Client && !remote.is_lite)
    }

    /// Whether the peer told that it is there, or told no address at all.
    fn is_announced(&self, route: Route) -> bool {
        let candidates = self.remote.as_ref().map(|(remote, _)| &remote.candidates);
        candidates.is_some_and(|candidates| {
            candidates.is_empty() || candidates.iter().any(|candidate| candidate.address == route.remote)
        })
    }

    fn start_dtls(&mut self, now: Instant) {
        let Some(role) = self.role().filter(|_| self.dtls.is_none() && !self.is_over) else {
            return;
        };
        match DimplEndpoint::new(Arc::clone(&self.certificate), self.versions, role, now) {
            Ok(dtls) => self.dtls = Some(Box::new(dtls)),
            Err(error) => self.fail(error),
        }
        self.follow_dtls();
    }

    fn role(&self) -> Option<DtlsRole> {
        self.remote.as_ref().map(|(_, roles)| roles.dtls)
    }

    fn check_certificate(&mut self, der: &[u8]) {
        let fingerprints = self.remote.iter().flat_map(|(remote, _)| &remote.fingerprints);
        // no early end: each one is compared
        self.is_certified = fingerprints.fold(false, |found, fingerprint| found | fingerprint.matches(der));
        if !self.is_certified {
            self.fail(MediaError::FingerprintMismatch);
        }
    }

    fn take_keys(&mut self, keys: &KeyingMaterial) {
        let Some(role) = self.role().filter(|_| self.is_certified) else {
            self.fail(MediaError::FingerprintMismatch);
            return;
        };
        match Srtp::new(keys, role) {
            Ok(srtp) => {
                self.events.push_back(TransportEvent::Connected(srtp.profile()));
                self.srtp = Some(srtp);
                self.handshake_deadline = None;
            }
            Err(error) => self.fail(error),
        }
    }
}
