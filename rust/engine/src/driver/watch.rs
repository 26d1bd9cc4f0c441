//! Watching the machine's addresses while calls last.
use std::net::IpAddr;
use std::time::{Duration, Instant};

use crate::local_network::LocalNetwork;

/// How often to look without a reason.
const PERIOD: Duration = Duration::from_secs(2);
/// How often to look at most.
const PAUSE: Duration = Duration::from_millis(200);

/// When to look, and what was seen last.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    seen: Option<LocalNetwork>,
    looked: Option<Instant>,
    looking: Option<Look>,
    is_asked: bool,
}

/// One that is under way.
#[derive(Clone, Copy, Debug)]
struct Look {
    is_asked: bool,
}

impl Watch {
    /// Something went wrong, or somebody knows better: look soon.
    pub(crate) fn ask(&mut self) {
        self.is_asked = true;
    }

    /// When to look; only calls are a reason to look without being asked.
    pub(crate) fn due(&self, has_calls: bool, now: Instant) -> Option<Instant> {
        let pause = match (self.looking.is_some(), self.is_asked, has_calls) {
            (true, ..) | (_, false, false) => return None,
            (_, true, _) => PAUSE,
            (_, false, true) => PERIOD,
        };
        Some(self.looked.map_or(now, |looked| looked + pause))
    }

    /// A look begins, for all who asked so far; gives the servers to look for, each once.
    pub(crate) fn start(&mut self, servers: impl Iterator<Item = IpAddr>, now: Instant) -> Vec<IpAddr> {
        let is_asked = std::mem::take(&mut self.is_asked);
        (self.looking, self.looked) = (Some(Look { is_asked }), Some(now));
        let mut servers: Vec<IpAddr> = servers.collect();
        servers.sort_unstable();
        servers.dedup();
        servers
    }

    /// Nobody could look, or for no server.
    pub(crate) fn give_up(&mut self) {
        (self.looking, self.is_asked) = (None, false);
    }

    /// Takes what was seen; whether it is to be told: it was asked for, or differs from what was seen before. A look in
    /// vain changes nothing, and is made again for who asked.
    pub(crate) fn finish(&mut self, seen: Option<LocalNetwork>) -> bool {
        let is_asked = self.looking.take().is_some_and(|look| look.is_asked);
        let Some(seen) = seen else {
            self.is_asked |= is_asked;
            return false;
        };
        let before = self.seen.replace(seen);
        let is_news = before.is_some() && before != self.seen;
        is_asked || is_news
    }

    /// What was seen last.
    pub(crate) fn seen(&self) -> Option<&LocalNetwork> {
        self.seen.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seen(address: &str) -> LocalNetwork {
        LocalNetwork {
            addresses: vec![address.parse().unwrap()],
            routes: Vec::new(),
        }
    }

    #[test]
    fn looks_each_2_s_while_there_are_calls_and_sooner_when_asked() {
        let now = Instant::now();
        let mut watch = Watch::default();
        assert_eq!(watch.due(false, now), None);
        assert_eq!(watch.due(true, now), Some(now));
        watch.start(std::iter::empty(), now);
        assert_eq!(watch.due(true, now), None, "one look at a time");
        assert!(
            !watch.finish(Some(seen("192.0.2.1"))),
            "the first one is what calls began with"
        );
        assert_eq!(watch.due(true, now), Some(now + PERIOD));
        watch.ask();
        assert_eq!(watch.due(false, now), Some(now + PAUSE));
        watch.start(std::iter::empty(), now);
        assert!(watch.finish(Some(seen("192.0.2.1"))), "who asked is told");
        assert!(!watch.finish(Some(seen("192.0.2.1"))));
        assert!(watch.finish(Some(seen("192.0.2.2"))));
    }

    #[test]
    fn a_look_in_vain_keeps_what_was_seen_and_is_made_again_for_who_asked() {
        let now = Instant::now();
        let mut watch = Watch::default();
        watch.start(std::iter::empty(), now);
        watch.finish(Some(seen("192.0.2.1")));
        watch.start(std::iter::empty(), now);
        assert!(!watch.finish(None));
        assert_eq!(watch.seen(), Some(&seen("192.0.2.1")));
        assert_eq!(watch.due(false, now), None);
        watch.ask();
        watch.start(std::iter::empty(), now);
        assert!(!watch.finish(None));
        assert_eq!(watch.due(false, now), Some(now + PAUSE));
        watch.start(std::iter::empty(), now);
        assert!(watch.finish(Some(seen("192.0.2.1"))));
    }

    #[test]
    fn who_asks_during_a_look_gets_one_of_their_own() {
        let now = Instant::now();
        let mut watch = Watch::default();
        watch.start(std::iter::empty(), now);
        watch.ask();
        assert!(!watch.finish(Some(seen("192.0.2.1"))), "it may have looked before");
        assert_eq!(watch.due(false, now), Some(now + PAUSE));
        watch.start(std::iter::empty(), now);
        assert!(watch.finish(Some(seen("192.0.2.1"))));
        assert_eq!(watch.due(false, now), None);
    }
}
