//! ICE restart of a call (RFC 8839 §4.4.1.1.1): ours, on new sockets, and the far side's, on those that are there.
use std::net::{IpAddr, SocketAddr};
use std::time::Instant;

use super::negotiation::{Agreement, LocalTransport};
use super::{MediaEvent, MediaSession};
use crate::media::description::RemoteDescription;
use crate::media::error::MediaError;
use crate::media::ice::IceCredentials;
use crate::media::timing_random::TimingRandom;

/// How far an ICE restart is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RestartState {
    /// There is none.
    None,
    /// Sockets and credentials are there; the far side does not know them.
    Prepared,
    /// Pairs are being checked.
    Checking,
}

impl MediaSession {
    /// Looks for another path from these sockets, while the one in use stays. [`MediaEvent::Gathered`] follows, then
    /// `restart_offer` may be called. What was begun before and did not come to anything is dropped.
    pub fn begin_restart(&mut self, sockets: &[SocketAddr], now: Instant) -> Result<(), MediaError> {
        let hosts = if self.paths.is_relay_only() { &[] } else { sockets };
        self.prepare(Some(hosts), now)?;
        self.paths.set_next_sockets(sockets, &mut self.secrets, now);
        self.follow(now);
        Ok(())
    }

    /// The offer that restarts ICE (`o=` version one higher); its answer goes to `handle_answer`.
    /// [`MediaEvent::Moved`] or [`MediaEvent::RestartFailed`] follows.
    pub fn restart_offer(&mut self, _now: Instant) -> Result<String, MediaError> {
        let next = self.next_transport()?;
        self.negotiation.reoffer(self.negotiation.wanted(), Some(next))
    }

    /// Withdraws an offer that was refused or never answered; what it was for may be offered again.
    pub fn withdraw_offer(&mut self) {
        self.negotiation.withdraw_offer();
    }

    /// Drops a restart that came to nothing; the path in use stays.
    pub fn abandon_restart(&mut self, now: Instant) {
        if self.negotiation.is_offering_restart() {
            self.negotiation.withdraw_offer();
        }
        self.transport.abandon_restart();
        self.paths.abandon_next(now);
        self.follow(now);
    }

    /// The loss of the path is not the end before this moment: another one is being looked for.
    pub fn keep_until(&mut self, moment: Instant) {
        self.transport.keep_until(moment);
    }

    /// How far a restart is.
    pub fn restart_state(&self) -> RestartState {
        match (self.transport.next_description(), self.transport.is_checking_next()) {
            (None, _) => RestartState::None,
            (Some(_), false) => RestartState::Prepared,
            (Some(_), true) => RestartState::Checking,
        }
    }

    /// The address of the path in use is gone.
    pub fn doubt_path(&mut self, now: Instant) {
        if let Some(local) = self.transport.used_socket() {
            self.transport.doubt(local, None, now);
        }
        self.follow(now);
    }

    /// Whether the path in use answers, as far as is known.
    pub fn is_path_alive(&self) -> bool {
        self.transport.is_alive()
    }

    /// The machine's address that the path in use starts from.
    pub fn used_address(&self) -> Option<IpAddr> {
        self.paths.base_of(self.transport.used_socket()?)
    }

    /// The system cannot send from this socket, or not to this address.
    pub fn handle_unsendable(&mut self, local: SocketAddr, remote: SocketAddr, now: Instant) {
        match self.paths.relay_at(local, remote) {
            Some(relay) => self.transport.doubt(relay, None, now),
            None => self.transport.doubt(local, Some(remote), now),
        }
        self.follow(now);
    }

    /// Answers an offer that restarts ICE. It is answered from the sockets that are there: those of a restart of our own
    /// that is not offered yet, else those in use.
    pub(super) fn answer_restart(&mut self, remote: &RemoteDescription, now: Instant) -> Result<String, MediaError> {
        if self.negotiation.is_offering() {
            return Err(MediaError::WrongState("handle_offer while our own offer has no answer"));
        }
        let is_new_association = self.negotiation.is_new_association(remote);
        if self
            .transport
            .next_description()
            .is_none_or(|(_, ours)| ours.is_empty())
        {
            self.paths.abandon_next(now);
        }
        self.prepare(None, now)?;
        let next = self.next_transport()?;
        let (answer, agreement) = match self.negotiation.answer_again(remote, Some(next)) {
            Ok(answered) => answered,
            Err(error) => {
                self.abandon_restart(now);
                return Err(error);
            }
        };
        self.restart(remote.clone(), agreement, is_new_association, now)?;
        Ok(answer)
    }

    /// Takes the answer to an offer of ours that restarts ICE.
    pub(super) fn take_restart_answer(&mut self, remote: RemoteDescription, now: Instant) -> Result<(), MediaError> {
        let is_new_association = self.negotiation.is_new_association(&remote);
        let agreement = self.negotiation.take_answer(remote.clone())?;
        self.restart(remote, agreement, is_new_association, now)
    }

    /// The next path works.
    pub(super) fn moved(&mut self, now: Instant) {
        self.paths.move_on(now);
        self.paths.settle();
        self.restarts += 1;
        self.events.push_back(MediaEvent::Moved);
    }

    fn restart(
        &mut self,
        remote: RemoteDescription,
        agreed: Agreement,
        is_new_association: bool,
        now: Instant,
    ) -> Result<(), MediaError> {
        self.follow_agreement(agreed)?;
        let peers: Vec<IpAddr> = remote
            .transport
            .candidates
            .iter()
            .map(|candidate| candidate.address.ip())
            .collect();
        self.paths.permit(peers, now);
        self.transport
            .restart(remote.transport, agreed.roles, is_new_association, now)?;
        if is_new_association {
            self.moved(now);
        }
        self.follow(now);
        Ok(())
    }

    fn prepare(&mut self, sockets: Option<&[SocketAddr]>, now: Instant) -> Result<(), MediaError> {
        let credentials = IceCredentials::generate(&mut self.secrets);
        let spread = Box::new(TimingRandom::new(&mut self.timing));
        self.transport.prepare_restart(credentials, sockets, spread, now)
    }

    fn next_transport(&self) -> Result<LocalTransport, MediaError> {
        let (credentials, candidates) = self
            .transport
            .next_description()
            .ok_or(MediaError::WrongState("no restart was begun"))?;
        if candidates.is_empty() && self.paths.is_relay_only() {
            return Err(MediaError::NoRelay(self.paths.failures()));
        }
        Ok(LocalTransport {
            credentials: credentials.clone(),
            candidates: candidates.to_vec(),
            fingerprint: self.certificate.fingerprint().to_owned(),
        })
    }
}
