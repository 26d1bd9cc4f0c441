//! rtc-ice's agent with our settings, as a machine that takes and gives datagrams.
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use rtc_ice::agent::agent_config::AgentConfig;
use rtc_ice::candidate::candidate_host::CandidateHostConfig;
use rtc_ice::candidate::candidate_peer_reflexive::CandidatePeerReflexiveConfig;
use rtc_ice::candidate::candidate_relay::CandidateRelayConfig;
use rtc_ice::candidate::candidate_server_reflexive::CandidateServerReflexiveConfig;
use rtc_ice::candidate::{Candidate as AgentCandidate, CandidateConfig};
use rtc_ice::{Agent, Event};
use rtc_shared::{TaggedBytesMut, TransportContext, TransportProtocol};
use rtc_stun::crypto::RTCCryptoProvider;
use sansio::Protocol;

use super::IceCredentials;
use super::pairs::Route;
use crate::media::candidate::{Candidate, CandidateKind};
use crate::media::error::MediaError;

/// The agent nominates on a tick or an inbound check only, so its period is part of the set-up time.
pub(super) const CHECK_INTERVAL: Duration = Duration::from_millis(50);
/// How long direct pairs are given before a relayed one may be nominated.
const RELAY_WAIT: Duration = Duration::from_millis(200);
/// A pair must outlive all ticks of the checking phase, not fail after the default of 8.
const MAX_BINDING_REQUESTS: u16 = 500;

/// The agent that makes and answers connectivity checks. It must be fed authentic messages only.
pub(super) struct CheckAgent {
    agent: Agent,
}

impl CheckAgent {
    pub(super) fn new(
        local: &IceCredentials,
        provider: &Arc<dyn RTCCryptoProvider>,
        now: Instant,
    ) -> Result<Self, MediaError> {
        let config = AgentConfig {
            local_ufrag: local.ufrag.clone(),
            local_pwd: local.password.0.clone(),
            check_interval: CHECK_INTERVAL,
            max_binding_requests: Some(MAX_BINDING_REQUESTS),
            prflx_acceptance_min_wait: Some(Duration::ZERO),
            relay_acceptance_min_wait: Some(RELAY_WAIT),
            // failure, keep-alive and consent are ours
            disconnected_timeout: Some(Duration::ZERO),
            failed_timeout: Some(Duration::ZERO),
            keepalive_interval: Some(Duration::ZERO),
            ..AgentConfig::default()
        };
        let agent = Agent::new(now, Arc::new(config), Arc::clone(provider))
            .map_err(|error| MediaError::Internal(format!("ICE agent: {error}")))?;
        Ok(Self { agent })
    }

    pub(super) fn add_local(&mut self, candidate: &Candidate) -> bool {
        convert(candidate).is_some_and(|candidate| self.agent.add_local_candidate(candidate).unwrap_or(false))
    }

    pub(super) fn add_remote(&mut self, candidate: &Candidate) -> bool {
        convert(candidate).is_some_and(|candidate| self.agent.add_remote_candidate(candidate).unwrap_or(false))
    }

    pub(super) fn start(
        &mut self,
        remote: &IceCredentials,
        is_controlling: bool,
        now: Instant,
    ) -> Result<(), MediaError> {
        let (ufrag, password) = (remote.ufrag.clone(), remote.password.0.clone());
        self.agent
            .start_connectivity_checks(now, is_controlling, ufrag, password)
            .map_err(|error| MediaError::BadDescription(format!("ICE credentials: {error}")))
    }

    pub(super) fn is_controlling(&self) -> bool {
        self.agent.role()
    }

    pub(super) fn set_controlling(&mut self, is_controlling: bool) {
        self.agent.set_role(is_controlling);
    }

    pub(super) fn feed(&mut self, payload: &[u8], route: Route, now: Instant) {
        let transport = TransportContext {
            local_addr: route.local,
            peer_addr: route.remote,
            transport_protocol: TransportProtocol::UDP,
            ecn: None,
        };
        let message = TaggedBytesMut {
            now,
            transport,
            message: BytesMut::from(payload),
        };
        // the message is authentic; what the agent finds odd about it is only for its log
        let _ = self.agent.handle_read(message);
    }

    pub(super) fn tick(&mut self, now: Instant) {
        // its only error comes from mDNS, which is off
        let _ = self.agent.handle_timeout(now);
    }

    pub(super) fn poll_transmit(&mut self) -> Option<(Route, Vec<u8>)> {
        let TaggedBytesMut { transport, message, .. } = self.agent.poll_write()?;
        Some((
            Route {
                local: transport.local_addr,
                remote: transport.peer_addr,
            },
            message.to_vec(),
        ))
    }

    /// The pair that it selected since the last call.
    pub(super) fn poll_selected(&mut self) -> Option<Route> {
        while let Some(tagged) = self.agent.poll_event() {
            if let Event::SelectedCandidatePairChange(local, remote) = tagged.event {
                return Some(Route {
                    local: local.base_addr(),
                    remote: remote.addr(),
                });
            }
        }
        None
    }
}

fn convert(candidate: &Candidate) -> Option<AgentCandidate> {
    let base_config = CandidateConfig {
        network: "udp".to_owned(),
        address: candidate.address.ip().to_string(),
        port: candidate.address.port(),
        component: 1,
        priority: candidate.priority,
        foundation: candidate.foundation.clone(),
        ..CandidateConfig::default()
    };
    match candidate.kind {
        CandidateKind::Host => CandidateHostConfig {
            base_config,
            ..Default::default()
        }
        .new_candidate_host(),
        CandidateKind::ServerReflexive => CandidateServerReflexiveConfig {
            base_config,
            ..Default::default()
        }
        .new_candidate_server_reflexive(),
        CandidateKind::PeerReflexive => CandidatePeerReflexiveConfig {
            base_config,
            ..Default::default()
        }
        .new_candidate_peer_reflexive(),
        CandidateKind::Relayed => CandidateRelayConfig {
            base_config,
            ..Default::default()
        }
        .new_candidate_relay(),
    }
    .ok()
}
