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
    is_looking: bool,
    is_asked: bool,
}

impl Watch {
    /// Something went wrong, or somebody knows better: look soon.
    pub(crate) fn ask(&mut self) {
        self.is_asked = true;
    }

    /// When to look; only calls are a reason to look without being asked.
    pub(crate) fn due(&self, has_calls: bool, now: Instant) -> Option<Instant> {
        let pause = match (self.is_looking, self.is_asked, has_calls) {
            (true, ..) | (_, false, false) => return None,
            (_, true, _) => PAUSE,
            (_, false, true) => PERIOD,
        };
        Some(self.looked.map_or(now, |looked| looked + pause))
    }

    /// A look begins; gives the servers to look for, each once.
    pub(crate) fn start(&mut self, servers: impl Iterator<Item = IpAddr>, now: Instant) -> Vec<IpAddr> {
        (self.is_looking, self.looked) = (true, Some(now));
        let mut servers: Vec<IpAddr> = servers.collect();
        servers.sort_unstable();
        servers.dedup();
        servers
    }

    /// Nobody could look, or for no server.
    pub(crate) fn give_up(&mut self) {
        (self.is_looking, self.is_asked) = (false, false);
    }

    /// Takes what was seen; whether it is to be told: it was asked for, or differs from what was seen before.
    pub(crate) fn finish(&mut self, seen: LocalNetwork) -> bool {
        self.is_looking = false;
        let before = self.seen.replace(seen);
        let is_news = before.is_some() && before != self.seen;
        std::mem::take(&mut self.is_asked) || is_news
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
            !watch.finish(seen("192.0.2.1")),
            "the first one is what calls began with"
        );
        assert_eq!(watch.due(true, now), Some(now + PERIOD));
        watch.ask();
        assert_eq!(watch.due(false, now), Some(now + PAUSE));
        watch.start(std::iter::empty(), now);
        assert!(watch.finish(seen("192.0.2.1")), "who asked is told");
        assert!(!watch.finish(seen("192.0.2.1")));
        assert!(watch.finish(seen("192.0.2.2")));
    }
}
