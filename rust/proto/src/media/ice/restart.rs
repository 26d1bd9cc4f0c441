//! Another peer in the place of the first (an 18x and the 2xx may come from different media servers), and the same peer on
//! another path (RFC 8445 §2.4).
use std::time::Instant;

use super::agent::CheckAgent;
use super::consent::Consent;
use super::pairs::Pairs;
use super::requests::Requests;
use super::{Ice, IceCredentials};
use crate::io::RandomSource;
use crate::media::candidate::CandidateKind;
use crate::media::error::MediaError;

impl Ice {
    /// An agent with the same candidates under other credentials.
    pub(in crate::media) fn successor(
        &self,
        credentials: IceCredentials,
        random: Box<dyn RandomSource>,
        now: Instant,
    ) -> Result<Self, MediaError> {
        let mut successor = Self::new(credentials, random, now)?;
        for candidate in &self.candidates {
            successor.add_candidate(candidate.clone());
        }
        Ok(successor)
    }

    /// Whether it controls; roles outlive a restart (RFC 8445 §6.1.1).
    pub(in crate::media) fn is_controlling(&self) -> bool {
        self.agent.is_controlling()
    }

    /// Forgets the peer, for another one: our credentials and candidates stay, as they were told already.
    pub(in crate::media) fn restart(&mut self, now: Instant) -> Result<(), MediaError> {
        self.agent = CheckAgent::new(&self.local, &self.provider, now)?;
        let checked = [CandidateKind::Host, CandidateKind::Relayed];
        for candidate in self.candidates.iter().filter(|own| checked.contains(&own.kind)) {
            self.agent.add_local(candidate);
        }
        (self.remote, self.remote_candidates) = (None, 0);
        self.announced.clear();
        (self.pairs, self.requests) = (Pairs::default(), Requests::default());
        (self.started, self.next_check, self.next_consent) = (None, None, None);
        self.consent = Consent::default();
        self.transmits.clear();
        self.events.clear();
        Ok(())
    }
}
