//! ICE restart (RFC 8445 §2.4): another path beside the one in use, which serves until the other works. DTLS and SRTP stay,
//! unless the peer brings another certificate (RFC 8842 §5.5).
use std::net::SocketAddr;
use std::time::{Duration, Instant};

use super::{MediaTransport, RemoteTransport, Roles, TransportEvent};
use crate::io::{Datagram, RandomSource, Transmit};
use crate::media::candidate::Candidate;
use crate::media::error::MediaError;
use crate::media::ice::{Ice, IceCredentials, IceEvent, Route};

/// How long the far side may use the last path after the next one works: it moves when it is told of a nomination.
const OVERLAP: Duration = Duration::from_secs(2);
/// How long the checks of a restart may take.
const CHECK_LIMIT: Duration = Duration::from_secs(15);

/// The ICE agent of a path that was left.
pub(super) struct Former {
    ice: Ice,
    until: Instant,
}

impl MediaTransport {
    /// Makes an agent for the next path, on these sockets or on those that are there; one that was made before is dropped.
    pub fn prepare_restart(
        &mut self,
        credentials: IceCredentials,
        sockets: Option<&[SocketAddr]>,
        timing: Box<dyn RandomSource>,
        now: Instant,
    ) -> Result<(), MediaError> {
        let next = if let Some(sockets) = sockets {
            let mut next = Ice::new(credentials, timing, now)?;
            next.set_sockets(sockets);
            next
        } else {
            let base = self.next.as_ref().filter(|next| !next.candidates().is_empty());
            base.unwrap_or(&self.ice).successor(credentials, timing, now)?
        };
        (self.next, self.next_limit) = (Some(next), None);
        Ok(())
    }

    /// Credentials and candidates of the next path, while there is one.
    pub fn next_description(&self) -> Option<(&IceCredentials, &[Candidate])> {
        let next = self.next.as_ref()?;
        Some((next.credentials(), next.candidates()))
    }

    /// Whether the next path is being checked.
    pub fn is_checking_next(&self) -> bool {
        self.next_limit.is_some()
    }

    /// Takes a candidate that a server gave for the next path.
    pub fn add_next_candidate(&mut self, candidate: Candidate) {
        match &mut self.next {
            Some(next) => next.add_candidate(candidate),
            None => self.ice.add_candidate(candidate),
        }
    }

    /// Starts the checks of the next path. The DTLS association goes on there, or a new one begins when the peer's is
    /// another. Errors: unusable ICE credentials; the restart is dropped then.
    pub fn restart(
        &mut self,
        remote: RemoteTransport,
        roles: Roles,
        is_new_association: bool,
        now: Instant,
    ) -> Result<(), MediaError> {
        let Some(mut next) = self.next.take().filter(|_| !self.is_over) else {
            return Err(MediaError::WrongState("no restart was prepared"));
        };
        let is_controlling = self.ice.is_controlling() || remote.is_lite;
        next.start(remote.credentials.clone(), &remote.candidates, is_controlling, now)?;
        self.remote = Some((remote, roles));
        let limit = now + CHECK_LIMIT;
        self.ice.keep_at_least_until(limit);
        self.next_limit = Some(limit);
        if is_new_association {
            self.forget_association();
            self.ice = next;
            self.follow_ice(now);
        } else {
            self.next = Some(next);
        }
        Ok(())
    }

    /// Drops the next path, if there is one that does not work yet.
    pub fn abandon_restart(&mut self) {
        (self.next, self.next_limit) = (None, None);
    }

    /// The loss of the path is not the end before this moment.
    pub fn keep_until(&mut self, moment: Instant) {
        self.ice.keep_until(moment);
    }

    /// The system cannot send from this socket, or relayed address, any more.
    pub fn doubt(&mut self, local: SocketAddr, remote: Option<SocketAddr>, now: Instant) {
        self.ice.doubt(local, remote);
        self.follow_ice(now);
    }

    /// Whether the path in use answers, as far as is known.
    pub fn is_alive(&self) -> bool {
        self.ice.is_alive()
    }

    /// The local end of the path in use: a socket, or a relayed address.
    pub fn used_socket(&self) -> Option<SocketAddr> {
        self.ice.used_socket()
    }

    /// Whether a check of ours was answered this way.
    pub(super) fn is_proved(&self, route: Route) -> bool {
        self.agents().any(|ice| ice.is_valid(route))
    }

    /// Whether an authentic check came this way.
    pub(super) fn is_checked(&self, route: Route) -> bool {
        self.agents().any(|ice| ice.is_checked_from(route))
    }

    /// Hands a STUN message to the agents of the other paths; `false` when none takes it.
    pub(super) fn offer_to_others(&mut self, datagram: Datagram<'_>, now: Instant) -> bool {
        let former = self.former.as_mut().map(|former| &mut former.ice);
        let mut others = self.next.iter_mut().chain(former);
        others.any(|ice| ice.handle_datagram(datagram, now))
    }

    pub(super) fn poll_other_check(&mut self) -> Option<Transmit> {
        let former = self.former.as_mut().map(|former| &mut former.ice);
        let mut others = self.next.iter_mut().chain(former);
        others.find_map(Ice::poll_transmit)
    }

    pub(super) fn restart_due(&self) -> Option<Instant> {
        let former = self.former.as_ref().map(|former| former.until);
        let next = self.next.as_ref().and_then(Ice::poll_timeout);
        [former, next, self.next_limit].into_iter().flatten().min()
    }

    pub(super) fn run_restart(&mut self, now: Instant) {
        self.former.take_if(|former| former.until <= now);
        if let Some(next) = &mut self.next {
            next.handle_timeout(now);
        }
        self.follow_next(now);
        if self.next_limit.take_if(|limit| *limit <= now).is_some() && self.next.take().is_some() {
            self.events.push_back(TransportEvent::RestartFailed);
        }
    }

    pub(super) fn follow_next(&mut self, now: Instant) {
        while let Some(event) = self.next.as_mut().and_then(Ice::poll_event) {
            match event {
                IceEvent::Checked(route) => self.follow_check(route, now),
                IceEvent::Connected => self.move_on(now),
                // the limit of a restart is shorter than ICE's own
                IceEvent::Failed(_) | IceEvent::Silent => {}
            }
        }
    }

    fn agents(&self) -> impl Iterator<Item = &Ice> {
        let others = self.next.iter().chain(self.former.as_ref().map(|former| &former.ice));
        std::iter::once(&self.ice).chain(others)
    }

    /// The next path becomes the one in use.
    fn move_on(&mut self, now: Instant) {
        let Some(next) = self.next.take() else { return };
        let ice = std::mem::replace(&mut self.ice, next);
        let until = now + OVERLAP;
        self.next_limit = None;
        self.former = Some(Former { ice, until });
        self.first_route = None;
        self.events.push_back(TransportEvent::Moved);
        self.await_handshake(now);
        self.follow_ice(now);
    }
}
