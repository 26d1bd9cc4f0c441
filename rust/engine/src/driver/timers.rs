//! When which agent wants to be looked at: one deadline each, the soonest first.
use std::collections::{BTreeSet, HashMap};
use std::time::Instant;

use crate::mailbox::AgentId;

#[derive(Debug, Default)]
pub(crate) struct Timers {
    queue: BTreeSet<(Instant, AgentId)>,
    by_agent: HashMap<AgentId, Instant>,
}

impl Timers {
    /// Replaces an agent's deadline.
    pub(crate) fn set(&mut self, agent: AgentId, deadline: Option<Instant>) {
        let before = match deadline {
            Some(deadline) => self.by_agent.insert(agent, deadline),
            None => self.by_agent.remove(&agent),
        };
        if before == deadline {
            return;
        }
        if let Some(before) = before {
            self.queue.remove(&(before, agent));
        }
        if let Some(deadline) = deadline {
            self.queue.insert((deadline, agent));
        }
    }

    /// The soonest deadline.
    pub(crate) fn deadline(&self) -> Option<Instant> {
        self.queue.first().map(|(deadline, _)| *deadline)
    }

    /// An agent's deadline.
    pub(crate) fn deadline_of(&self, agent: AgentId) -> Option<Instant> {
        self.by_agent.get(&agent).copied()
    }

    /// An agent whose deadline has come; it has none until the next [`Self::set`].
    pub(crate) fn pop_due(&mut self, now: Instant) -> Option<AgentId> {
        let (deadline, agent) = *self.queue.first()?;
        if deadline > now {
            return None;
        }
        self.set(agent, None);
        Some(agent)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn the_last_deadline_set_counts() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let mut timers = Timers::default();
        timers.set(AgentId(1), Some(at(10)));
        timers.set(AgentId(2), Some(at(5)));
        timers.set(AgentId(1), Some(at(3)));
        timers.set(AgentId(2), None);
        assert_eq!(timers.deadline(), Some(at(3)));
        assert_eq!(timers.pop_due(at(2)), None);
        assert_eq!(timers.pop_due(at(3)), Some(AgentId(1)));
        assert_eq!(timers.pop_due(at(30)), None);
        assert!(timers.queue.is_empty() && timers.by_agent.is_empty());
    }
}
