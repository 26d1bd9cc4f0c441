//! ICE of one call (RFC 8445): rtc-ice's agent finds the pairs; authentication of every message, the choice of the pair
//! in use and consent freshness (RFC 7675) are done around it, because
//! - the agent handles a role conflict before it looks at MESSAGE-INTEGRITY, so a forged request could turn its role;
//! - as controlled side it neither answers nor remembers USE-CANDIDATE on a pair that is not valid yet, and ignores a
//!   later nomination of another pair;
//! - it ignores 487, and takes any packet from the peer's address for a sign of life.
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rtc_stun::crypto::RTCCryptoProvider;
use rtc_stun::crypto::providers::AwsLcRsProvider;
use rtc_stun::message::TransactionId;

use self::agent::{CHECK_INTERVAL, CheckAgent};
use self::consent::Consent;
pub use self::credentials::IceCredentials;
pub(super) use self::credentials::ice_chars;
use self::early::EarlyChecks;
pub use self::pairs::Route;
use self::pairs::{Noted, Pairs};
use self::requests::{Request, Requests};
pub use self::stun::stun_survives;
use self::stun::{Binding, Class, outgoing_request};
use super::candidate::{Candidate, CandidateKind};
use super::drop_oldest::push_dropping_oldest;
use super::error::MediaError;
use crate::io::{Datagram, RandomSource, Transmit};

mod agent;
mod checklist;
mod consent;
mod credentials;
mod early;
mod pairs;
mod requests;
mod restart;
mod stun;
#[cfg(test)]
mod tests;

/// Messages that wait for the driver, which drains them after each input; the oldest is dropped.
const MAX_TRANSMITS: usize = 512;
/// What ICE tells the transport.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum IceEvent {
    /// The peer's first authentic check of this way came.
    Checked(Route),
    /// The first pair is valid.
    Connected,
    /// The pair in use answers no more, or cannot be sent on; told once until it answers again.
    Silent,
    /// Over; nothing may be sent any more.
    Failed(MediaError),
}

/// The ICE agent of one call.
pub(super) struct Ice {
    agent: CheckAgent,
    provider: Arc<dyn RTCCryptoProvider>,
    local: IceCredentials,
    remote: Option<IceCredentials>,
    early: EarlyChecks,
    candidates: Vec<Candidate>,
    remote_candidates: usize,
    /// Where the peer's description says that it is.
    announced: Vec<SocketAddr>,
    pairs: Pairs,
    requests: Requests,
    tie_breaker: u64,
    started: Option<Instant>,
    next_check: Option<Instant>,
    next_consent: Option<Instant>,
    consent: Consent,
    is_over: bool,
    random: Box<dyn RandomSource>,
    transmits: VecDeque<Transmit>,
    events: VecDeque<IceEvent>,
}

impl Ice {
    /// `random` only spreads the consent checks.
    pub(super) fn new(local: IceCredentials, random: Box<dyn RandomSource>, now: Instant) -> Result<Self, MediaError> {
        let provider: Arc<dyn RTCCryptoProvider> = Arc::new(AwsLcRsProvider::new());
        let agent = CheckAgent::new(&local, &provider, now)?;
        Ok(Self {
            agent,
            provider,
            local,
            remote: None,
            early: EarlyChecks::default(),
            candidates: Vec::new(),
            remote_candidates: 0,
            announced: Vec::new(),
            pairs: Pairs::default(),
            requests: Requests::default(),
            tie_breaker: 0,
            started: None,
            next_check: None,
            next_consent: None,
            consent: Consent::default(),
            is_over: false,
            random,
            transmits: VecDeque::new(),
            events: VecDeque::new(),
        })
    }

    /// Takes bound sockets as host candidates, most wanted first.
    pub(super) fn set_sockets(&mut self, sockets: &[SocketAddr]) {
        for (index, socket) in sockets.iter().enumerate() {
            self.add_candidate(Candidate::host(*socket, u16::try_from(index).unwrap_or(u16::MAX)));
        }
    }

    /// Takes a candidate that a server gave. Checks from a reflexive one would be its base's over again (RFC 8445
    /// §6.1.2.4), so it is only told to the peer.
    pub(super) fn add_candidate(&mut self, candidate: Candidate) {
        if candidate.kind == CandidateKind::ServerReflexive || self.agent.add_local(&candidate) {
            self.candidates.push(candidate);
        }
    }

    pub(super) fn credentials(&self) -> &IceCredentials {
        &self.local
    }

    pub(super) fn candidates(&self) -> &[Candidate] {
        &self.candidates
    }

    /// Starts checking the peer's candidates.
    pub(super) fn start(
        &mut self,
        remote: IceCredentials,
        candidates: &[Candidate],
        is_controlling: bool,
        now: Instant,
    ) -> Result<(), MediaError> {
        self.agent.start(&remote, is_controlling, now)?;
        self.remote = Some(remote);
        self.started = Some(now);
        self.add_remote_candidates(candidates);
        self.handle_early(now);
        self.tick(now);
        Ok(())
    }

    /// Takes a STUN message; `false` when it was malformed, forged or unexpected.
    pub(super) fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Instant) -> bool {
        let route = Route {
            local: datagram.local,
            remote: datagram.remote,
        };
        let Some(binding) = Binding::parse(datagram.payload) else {
            return false;
        };
        if self.is_over {
            return true;
        }
        if self.remote.is_none() {
            return self.keep_early(binding, datagram.payload, route, now);
        }
        match binding.class() {
            Class::Request => self.handle_request(binding, datagram.payload, route, now),
            Class::Success => self.handle_success(binding, datagram.payload, route, now),
            Class::Error => self.handle_error(binding, route, now),
            // RFC 8445 §11: a keep-alive without authentication and without effect
            Class::Indication => true,
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if self.is_over {
            return;
        }
        if !self.judge_consent(now) {
            return;
        }
        if self.next_check.is_some_and(|due| now >= due) {
            self.tick(now);
        }
        if self.next_consent.is_some_and(|due| now >= due) {
            self.check_consent(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        if self.is_over {
            return None;
        }
        [self.next_judgement(), self.next_check, self.next_consent]
            .into_iter()
            .flatten()
            .min()
    }

    pub(super) fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    pub(super) fn poll_event(&mut self) -> Option<IceEvent> {
        self.events.pop_front()
    }

    /// Whether a check of ours was answered this way: only the peer can do that, and only who is there gets the check.
    pub(super) fn is_valid(&self, route: Route) -> bool {
        self.pairs.is_valid(route)
    }

    /// Whether an authentic check came this way, be it a copy of the peer's: nothing in a check tells its source.
    pub(super) fn is_checked_from(&self, route: Route) -> bool {
        self.pairs.is_checked(route)
    }

    /// Whether an authentic check came at all.
    pub(super) fn is_checked(&self) -> bool {
        self.pairs.has_checked()
    }

    /// Where to send: the nominated pair, else a valid one; nowhere without consent.
    pub(super) fn target(&mut self) -> Option<Route> {
        self.pairs.target().filter(|_| !self.consent.is_lost)
    }

    /// Round trip of the last check on the pair in use.
    pub(super) fn round_trip(&self) -> Option<Duration> {
        self.pairs.round_trip()
    }

    /// No more checks, no more answers.
    pub(super) fn close(&mut self) {
        self.is_over = true;
        self.transmits.clear();
    }

    fn handle_request(&mut self, mut binding: Binding, payload: &[u8], route: Route, now: Instant) -> bool {
        let crypto = Arc::clone(&self.provider);
        let is_ours = self.remote.as_ref().is_some_and(|remote| {
            binding
                .username()
                .is_some_and(|name| name == format!("{}:{}", self.local.ufrag, remote.ufrag))
        });
        if !is_ours
            || !self.candidates.iter().any(|candidate| candidate.address == route.local)
            || !binding.is_authentic(&self.local.password.0, crypto.crypto())
        {
            return false;
        }
        let is_announced = self.announced.contains(&route.remote);
        let Some(noted) = self.pairs.note(route, binding.transaction(), is_announced) else {
            return false;
        };
        let nominates = binding.uses_candidate() && !self.agent.is_controlling();
        if nominates && !self.pairs.is_valid(route) {
            // the agent would leave this one unanswered
            if let Some(plain) = binding.without_use_candidate(&self.local.password.0, crypto.crypto()) {
                self.feed(&plain, route, now);
            }
        } else {
            self.feed(payload, route, now);
        }
        if nominates {
            self.pairs.nominate(route);
        }
        self.finish_checks();
        if noted == Noted::First {
            self.events.push_back(IceEvent::Checked(route));
        }
        true
    }

    fn handle_success(&mut self, mut binding: Binding, payload: &[u8], route: Route, now: Instant) -> bool {
        let Some(request) = self.take_request(&mut binding, route, now) else {
            return false;
        };
        let was_connected = self.pairs.peek_target().is_some();
        self.pairs
            .answer(route, now.saturating_duration_since(request.sent), now);
        if !request.is_consent {
            self.feed(payload, route, now);
        }
        if !was_connected && self.pairs.peek_target().is_some() {
            self.events.push_back(IceEvent::Connected);
            self.schedule_consent(now);
        } else if request.is_consent {
            self.schedule_consent(now);
        }
        self.renew_consent(now);
        self.hasten_nomination(now);
        self.finish_checks();
        true
    }

    /// 487: the peer has the role that we took (RFC 8445 §7.2.5.1).
    fn handle_error(&mut self, mut binding: Binding, route: Route, now: Instant) -> bool {
        let code = binding.error_code();
        let Some(request) = self.take_request(&mut binding, route, now) else {
            return false;
        };
        if code == Some(487) && request.is_controlling == self.agent.is_controlling() {
            self.agent.set_controlling(!request.is_controlling);
        }
        true
    }

    /// The request that this response answers, if it is authentic.
    fn take_request(&mut self, binding: &mut Binding, route: Route, now: Instant) -> Option<Request> {
        let remote = self.remote.as_ref()?;
        let at = self.requests.find(binding.transaction(), route, now)?;
        let is_authentic = binding.is_authentic(&remote.password.0, self.provider.crypto());
        is_authentic.then(|| self.requests.remove(at)).flatten()
    }

    fn feed(&mut self, payload: &[u8], route: Route, now: Instant) {
        self.agent.feed(payload, route, now);
        self.drain_agent(now);
    }

    fn drain_agent(&mut self, now: Instant) {
        while let Some((route, payload)) = self.agent.poll_transmit() {
            if let Some((transaction, tie_breaker)) = outgoing_request(&payload) {
                self.tie_breaker = tie_breaker.unwrap_or(self.tie_breaker);
                self.remember(transaction, route, false, now);
            }
            self.transmit(route, payload);
        }
        while let Some(route) = self.agent.poll_selected() {
            if self.agent.is_controlling() {
                self.pairs.nominate(route);
            }
        }
    }

    fn tick(&mut self, now: Instant) {
        self.agent.tick(now);
        self.drain_agent(now);
        let elapsed = self
            .started
            .map_or(Duration::ZERO, |started| now.saturating_duration_since(started));
        self.next_check = Some(now + checklist::interval(elapsed));
        self.finish_checks();
    }

    /// A pair became valid: the controlling agent may nominate it on its next tick.
    fn hasten_nomination(&mut self, now: Instant) {
        if self.agent.is_controlling() && self.pairs.selected().is_none() && self.next_check.is_some() {
            self.next_check = self.next_check.map(|due| due.min(now + CHECK_INTERVAL));
        }
    }

    /// Once a pair is selected, ticks have nothing left to do: keep-alives are consent checks.
    fn finish_checks(&mut self) {
        if self.pairs.selected().is_some() {
            self.next_check = None;
        }
    }

    fn add_remote_candidates(&mut self, candidates: &[Candidate]) {
        for candidate in checklist::usable(&self.candidates, candidates) {
            self.announced.push(candidate.address);
            self.remote_candidates += usize::from(self.agent.add_remote(candidate));
        }
    }

    fn remember(&mut self, transaction: TransactionId, route: Route, is_consent: bool, now: Instant) {
        let is_controlling = self.agent.is_controlling();
        self.requests.push(Request {
            transaction,
            route,
            sent: now,
            is_controlling,
            is_consent,
        });
    }

    fn transmit(&mut self, route: Route, payload: Vec<u8>) {
        let Route { local, remote } = route;
        let transmit = Transmit { local, remote, payload };
        push_dropping_oldest(&mut self.transmits, MAX_TRANSMITS, transmit);
    }
}
