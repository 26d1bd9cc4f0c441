//! The path of one call: ICE, DTLS and SRTP on the same sockets, told apart by their first byte (RFC 7983).
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::candidate::Candidate;
use super::drop_oldest::push_dropping_oldest;
use super::dtls::{DtlsCertificate, DtlsEndpoint, DtlsVersions};
use super::error::MediaError;
use super::ice::{Ice, IceCredentials, IceEvent, Route};
use super::rtp::{RtpHeader, is_rtcp};
use super::srtp::{Srtp, SrtpProfile};
use crate::io::{Datagram, RandomSource, Transmit};

mod association;
mod held;
mod restart;
#[cfg(test)]
mod tests;
mod values;

use self::held::Held;
use self::restart::Former;
pub use self::values::{Incoming, RemoteTransport, Roles, TransportEvent};

/// Datagrams that wait for the driver; it drains them after each input. The oldest is dropped.
const MAX_TRANSMITS: usize = 256;

/// ICE, DTLS and SRTP of one call.
pub struct MediaTransport {
    ice: Ice,
    /// ICE of the next path, until one of its pairs works.
    next: Option<Ice>,
    /// When its checks are given up.
    next_limit: Option<Instant>,
    /// ICE of the last path, while the far side may still use it.
    former: Option<Former>,
    certificate: Arc<DtlsCertificate>,
    versions: DtlsVersions,
    remote: Option<(RemoteTransport, Roles)>,
    dtls: Option<Box<dyn DtlsEndpoint>>,
    /// Where our first flight goes while no pair is valid.
    first_route: Option<Route>,
    /// DTLS and SRTP of paths on which no check of ours was answered yet.
    held: Held,
    /// What was in held packets.
    incoming: VecDeque<Incoming>,
    handshake_deadline: Option<Instant>,
    is_certified: bool,
    srtp: Option<Srtp>,
    is_over: bool,
    rejected: u64,
    transmits: VecDeque<Transmit>,
    events: VecDeque<TransportEvent>,
}

impl MediaTransport {
    /// `timing` spreads the consent checks, nothing secret. Errors: [`MediaError::Internal`].
    pub fn new(
        certificate: Arc<DtlsCertificate>,
        versions: DtlsVersions,
        credentials: IceCredentials,
        timing: Box<dyn RandomSource>,
        now: Instant,
    ) -> Result<Self, MediaError> {
        Ok(Self {
            ice: Ice::new(credentials, timing, now)?,
            next: None,
            next_limit: None,
            former: None,
            certificate,
            versions,
            remote: None,
            dtls: None,
            first_route: None,
            held: Held::default(),
            incoming: VecDeque::new(),
            handshake_deadline: None,
            is_certified: false,
            srtp: None,
            is_over: false,
            rejected: 0,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        })
    }

    /// Takes bound sockets as host candidates, most wanted first.
    pub fn set_sockets(&mut self, sockets: &[SocketAddr]) {
        self.ice.set_sockets(sockets);
    }

    /// Takes a candidate that a server gave; a relayed one takes part in the checks, also when they have begun.
    pub fn add_candidate(&mut self, candidate: Candidate) {
        self.ice.add_candidate(candidate);
    }

    /// Our candidates, most wanted first.
    pub fn candidates(&self) -> &[Candidate] {
        self.ice.candidates()
    }

    /// Our ICE credentials.
    pub fn credentials(&self) -> &IceCredentials {
        self.ice.credentials()
    }

    /// Starts connectivity checks, and anew with another peer when there was one. Errors: unusable ICE credentials.
    pub fn start(&mut self, remote: RemoteTransport, roles: Roles, now: Instant) -> Result<(), MediaError> {
        if self.remote.is_some() {
            self.forget_peer(now)?;
        }
        // RFC 8445 §6.1.1: the offerer controls, unless the other side is the only full one
        let is_controlling = roles.is_offerer || remote.is_lite;
        let (credentials, candidates) = (remote.credentials.clone(), remote.candidates.clone());
        self.remote = Some((remote, roles));
        self.ice.start(credentials, &candidates, is_controlling, now)?;
        self.follow_ice(now);
        Ok(())
    }

    /// Takes a datagram; gives the packet in it if it was authentic RTP or RTCP. More may wait in [`Self::poll_incoming`].
    pub fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Instant) -> Option<Incoming> {
        if self.is_over {
            return None;
        }
        let incoming = match datagram.payload.first() {
            Some(0..=3) => self.handle_stun(datagram, now),
            Some(20..=63 | 128..=191) if self.is_unproved(route_of(datagram)) => {
                self.rejected += self.held.keep(datagram, now);
                Ok(None)
            }
            Some(20..=63) => self.handle_dtls(datagram, now),
            Some(128..=191) => self.handle_srtp(datagram),
            _ => Err(Unacceptable),
        };
        self.rejected += u64::from(incoming.is_err());
        incoming.ok().flatten()
    }

    /// The next packet of those that came before ICE had proved their path; asked after each datagram.
    pub fn poll_incoming(&mut self) -> Option<Incoming> {
        self.incoming.pop_front()
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        self.ice.handle_timeout(now);
        self.follow_ice(now);
        self.run_restart(now);
        if let Some(dtls) = &mut self.dtls
            && let Err(error) = dtls.handle_timeout(now)
        {
            self.fail(error);
        }
        self.follow_dtls();
        if self.handshake_deadline.is_some_and(|deadline| now >= deadline) {
            self.give_up_handshake();
        }
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        let dtls = self.dtls.as_ref().and_then(|dtls| dtls.poll_timeout());
        let dues = [
            self.ice.poll_timeout(),
            dtls,
            self.handshake_deadline,
            self.restart_due(),
        ];
        dues.into_iter().flatten().min().filter(|_| !self.is_over)
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        let check = self.ice.poll_transmit().or_else(|| self.poll_other_check());
        check.or_else(|| self.transmits.pop_front())
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<TransportEvent> {
        self.events.pop_front()
    }

    /// Whether keys are in and packets can be sent.
    pub fn is_connected(&self) -> bool {
        self.srtp.is_some() && !self.is_over
    }

    /// Encrypts and queues an RTP packet; `false` when it could not go out.
    pub fn send_rtp(&mut self, header: &RtpHeader, payload: &[u8]) -> bool {
        let packet = self
            .srtp
            .as_mut()
            .and_then(|srtp| srtp.protect_rtp(header, payload).ok());
        packet.is_some_and(|packet| self.transmit(packet))
    }

    /// Encrypts and queues a compound RTCP packet; `false` when it could not go out.
    pub fn send_rtcp(&mut self, packet: &[u8]) -> bool {
        let packet = self.srtp.as_mut().and_then(|srtp| srtp.protect_rtcp(packet).ok());
        packet.is_some_and(|packet| self.transmit(packet))
    }

    /// Round trip of the last ICE check on the pair in use.
    pub fn round_trip(&self) -> Option<Duration> {
        self.ice.round_trip()
    }

    /// Profile in use.
    pub fn srtp_profile(&self) -> Option<SrtpProfile> {
        self.srtp.as_ref().map(Srtp::profile)
    }

    /// Datagrams dropped: of no known kind, forged, replayed, malformed, unexpected.
    pub fn rejected(&self) -> u64 {
        self.rejected
    }

    /// Leaves `close_notify` to `poll_transmit`; nothing is taken or sent after it.
    pub fn close(&mut self, now: Instant) {
        if self.is_over {
            return;
        }
        if let Some(dtls) = &mut self.dtls {
            dtls.close(now);
        }
        self.send_dtls();
        self.ice.close();
        (self.next, self.former) = (None, None);
        self.is_over = true;
    }

    fn forget_peer(&mut self, now: Instant) -> Result<(), MediaError> {
        self.ice.restart(now)?;
        self.forget_association();
        Ok(())
    }

    fn handle_stun(&mut self, datagram: Datagram<'_>, now: Instant) -> Result<Option<Incoming>, Unacceptable> {
        let is_accepted = self.ice.handle_datagram(datagram, now) || self.offer_to_others(datagram, now);
        self.follow_ice(now);
        self.follow_next(now);
        self.release_held(now);
        is_accepted.then_some(None).ok_or(Unacceptable)
    }

    fn handle_srtp(&mut self, datagram: Datagram<'_>) -> Result<Option<Incoming>, Unacceptable> {
        let is_proved = self.is_proved(route_of(datagram));
        let srtp = self.srtp.as_mut().filter(|_| is_proved).ok_or(Unacceptable)?;
        let packet = datagram.payload;
        if is_rtcp(packet) {
            let packet = srtp.unprotect_rtcp(packet).map_err(|_| Unacceptable)?;
            return Ok(Some(Incoming::Rtcp(packet)));
        }
        let header = RtpHeader::parse(packet).ok_or(Unacceptable)?;
        let packet = srtp.unprotect_rtp(packet, &header).map_err(|_| Unacceptable)?;
        Ok(Some(Incoming::Rtp(header, packet)))
    }

    /// Whether a datagram of this way is worth keeping: the peer checked it, but none of our checks there is answered yet.
    fn is_unproved(&self, route: Route) -> bool {
        self.is_checked(route) && !self.is_proved(route)
    }

    /// Takes what was held of the paths that are proved by now.
    fn release_held(&mut self, now: Instant) {
        if self.held.is_empty() {
            return;
        }
        let mut held = std::mem::take(&mut self.held);
        let (proved, stale) = held.take(|route| self.is_proved(route), now);
        self.held = held;
        self.rejected += stale;
        for kept in proved {
            let incoming = self.handle_datagram(kept.datagram(), now);
            self.incoming.extend(incoming);
        }
    }

    fn follow_ice(&mut self, now: Instant) {
        while let Some(event) = self.ice.poll_event() {
            match event {
                IceEvent::Checked(route) => self.follow_check(route, now),
                IceEvent::Connected => {
                    self.events.push_back(TransportEvent::IceConnected);
                    self.await_handshake(now);
                }
                IceEvent::Silent => self.events.push_back(TransportEvent::Silent),
                IceEvent::Failed(error) => self.fail(error),
            }
        }
    }

    /// Sends on the pair in use, before there is one to where the peer's check came from.
    fn transmit(&mut self, payload: Vec<u8>) -> bool {
        let first = self.first_route.filter(|_| self.ice.used_socket().is_none());
        let Some(route) = self.ice.target().or(first).filter(|_| !self.is_over) else {
            return false;
        };
        let Route { local, remote } = route;
        let transmit = Transmit { local, remote, payload };
        push_dropping_oldest(&mut self.transmits, MAX_TRANSMITS, transmit);
        true
    }

    /// The first failure ends everything; DTLS goes with its keys and whatever it had left to send.
    fn fail(&mut self, error: MediaError) {
        if self.is_over {
            return;
        }
        self.is_over = true;
        self.dtls = None;
        self.srtp = None;
        self.ice.close();
        (self.next, self.former) = (None, None);
        self.transmits.clear();
        self.events.push_back(TransportEvent::Failed(error));
    }
}

/// A datagram to be counted and forgotten.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
struct Unacceptable;

fn route_of(datagram: Datagram<'_>) -> Route {
    Route {
        local: datagram.local,
        remote: datagram.remote,
    }
}
