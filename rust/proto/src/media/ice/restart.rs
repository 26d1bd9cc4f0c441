//! Another peer in the place of the first: an 18x and the 2xx may come from different media servers.
use std::time::Instant;

use super::Ice;
use super::agent::CheckAgent;
use super::pairs::Pairs;
use super::requests::Requests;
use crate::media::candidate::CandidateKind;
use crate::media::error::MediaError;

impl Ice {
    /// Forgets the peer, for another one: our credentials and candidates stay, as they were told already.
    pub(in crate::media) fn restart(&mut self, now: Instant) -> Result<(), MediaError> {
        self.agent = CheckAgent::new(&self.local, &self.provider, now)?;
        let checked = [CandidateKind::Host, CandidateKind::Relayed];
        for candidate in self.candidates.iter().filter(|own| checked.contains(&own.kind)) {
            self.agent.add_local(candidate);
        }
        (self.remote, self.remote_candidates) = (None, 0);
        (self.pairs, self.requests) = (Pairs::default(), Requests::default());
        (self.started, self.next_check, self.next_consent) = (None, None, None);
        self.is_checked = false;
        self.transmits.clear();
        self.events.clear();
        Ok(())
    }
}
