//! Offers and answers of a call's media, and what they change in it.
use std::time::Instant;

use super::MediaSession;
use super::negotiation::{Agreement, LocalTransport};
use crate::media::codec::Codec;
use crate::media::description::{self, Direction, RemoteDescription};
use crate::media::error::MediaError;

impl MediaSession {
    /// The SDP to send in an INVITE; we are controlling, `a=setup:actpass`. Asked again it is the same.
    pub fn create_offer(&mut self, _now: Instant) -> Result<String, MediaError> {
        let transport = self.local_transport()?;
        self.negotiation.offer(transport)
    }

    /// Applies the far side's answer, from 18x or 2xx; the same one again changes nothing, and until a re-offer one of
    /// another transport begins anew with it.
    pub fn handle_answer(&mut self, sdp: &[u8], now: Instant) -> Result<(), MediaError> {
        let remote = description::read(sdp)?;
        if self.negotiation.is_offering_restart() {
            return self.take_restart_answer(remote, now);
        }
        let is_known = self.negotiation.is_same_transport(&remote);
        let agreement = self.negotiation.take_answer(remote.clone())?;
        if is_known {
            return self.follow_agreement(agreement);
        }
        self.establish(remote, agreement, now)
    }

    /// Answers an offer. The first one sets the call up; a later one may change direction and codecs, and restart ICE. One
    /// that changes the certificate without that is [`MediaError::OfferNotAcceptable`], and nothing changes then.
    pub fn handle_offer(&mut self, sdp: &[u8], now: Instant) -> Result<String, MediaError> {
        let remote = description::read(sdp)?;
        if self.negotiation.is_restart(&remote) {
            return self.answer_restart(&remote, now);
        }
        if self.negotiation.agreement().is_some() {
            let (answer, agreement) = self.negotiation.answer_again(&remote, None)?;
            self.follow_agreement(agreement)?;
            return Ok(answer);
        }
        let transport = self.local_transport()?;
        let (answer, agreement) = self.negotiation.answer(&remote, transport)?;
        self.establish(remote, agreement, now)?;
        Ok(answer)
    }

    /// A new offer in an established call with this direction (`o=` version one higher); its answer goes to
    /// `handle_answer`.
    pub fn reoffer(&mut self, direction: Direction, _now: Instant) -> Result<String, MediaError> {
        self.negotiation.reoffer(direction, None)
    }

    /// What to offer or accept from now on, most wanted first.
    pub fn set_codecs(&mut self, codecs: Vec<Codec>) {
        self.negotiation.set_codecs(codecs);
    }

    /// Whether an offer of ours has no answer yet: there can be no other one, of either side (RFC 3264 §4).
    pub fn is_offering(&self) -> bool {
        self.negotiation.is_offering()
    }

    /// Whether the far side holds the call: nothing is sent.
    pub fn is_held(&self) -> bool {
        self.negotiation.is_held()
    }

    /// How many transports of the far side there were, one after the other: those of an 18x and the 2xx may differ.
    pub fn peers(&self) -> u64 {
        self.peers
    }

    fn local_transport(&self) -> Result<LocalTransport, MediaError> {
        let candidates = self.transport.candidates().to_vec();
        if candidates.is_empty() && self.paths.is_relay_only() {
            return Err(MediaError::NoRelay(self.paths.failures()));
        }
        if candidates.is_empty() && !self.negotiation.has_local() {
            return Err(MediaError::WrongState("a description was asked for before set_sockets"));
        }
        Ok(LocalTransport {
            credentials: self.transport.credentials().clone(),
            candidates,
            fingerprint: self.certificate.fingerprint().to_owned(),
        })
    }

    fn establish(&mut self, remote: RemoteDescription, agreed: Agreement, now: Instant) -> Result<(), MediaError> {
        self.follow_agreement(agreed)?;
        let peers = remote.transport.candidates.iter();
        self.paths.permit(peers.map(|candidate| candidate.address.ip()), now);
        self.transport.start(remote.transport, agreed.roles, now)?;
        self.peers += 1;
        self.follow(now);
        Ok(())
    }

    pub(super) fn follow_agreement(&mut self, agreed: Agreement) -> Result<(), MediaError> {
        let (payload_type, codec) = agreed.codec;
        self.sender.set_codec(codec, payload_type)?;
        self.receiver.set_payload_types(&self.negotiation.receivable());
        Ok(())
    }
}
