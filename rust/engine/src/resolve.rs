//! Name look-ups. The system's resolver blocks and cannot be interrupted, so each look-up has a thread that nobody waits for;
//! who wants the same name at the same moment shares it.
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Look-ups that may be under way in the process; one more is refused.
const LIMIT: usize = 64;
/// How many may share one; one more is refused.
const SHARERS: usize = 4_096;
/// How old one may be to be shared: an older one may ask a resolver that is out of reach since.
const YOUNG: Duration = Duration::from_secs(1);

/// An address that needs no look-up; brackets around IPv6 are taken off.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Looks a name up and gives its addresses to `then`, on the look-up's own thread; at once if too many are under way.
pub(crate) fn resolve(host: String, port: u16, then: impl FnOnce(io::Result<Vec<SocketAddr>>) + Send + 'static) {
    let waiter = Waiter {
        port,
        then: Box::new(then),
    };
    let joined = under_way().join(&host, waiter, Instant::now());
    match joined {
        Joined::Shares => {}
        Joined::Refused(waiter) => waiter.take(Err(io::Error::other(format!(
            "{LIMIT} look-ups wait for the resolver already"
        )))),
        Joined::Begins(number) => begin(number, host),
    }
}

type Then = Box<dyn FnOnce(io::Result<Vec<SocketAddr>>) + Send>;

struct Waiter {
    port: u16,
    then: Then,
}

impl Waiter {
    fn take(self, found: io::Result<Vec<SocketAddr>>) {
        let with_port = |mut address: SocketAddr| {
            address.set_port(self.port);
            address
        };
        (self.then)(found.map(|found| found.into_iter().map(with_port).collect()));
    }
}

struct LookUp {
    number: u64,
    host: String,
    began: Instant,
    waiters: Vec<Waiter>,
}

struct UnderWay {
    /// A fork has none of its parent's threads.
    process: u32,
    numbers: u64,
    look_ups: Vec<LookUp>,
}

enum Joined {
    Begins(u64),
    Shares,
    Refused(Waiter),
}

impl UnderWay {
    fn join(&mut self, host: &str, waiter: Waiter, now: Instant) -> Joined {
        let is_young = |one: &LookUp| now.saturating_duration_since(one.began) < YOUNG;
        let is_full = self.look_ups.len() >= LIMIT;
        let shared = self.look_ups.iter_mut();
        let shared = shared.rev().find(|one| one.host == host && is_young(one));
        match shared {
            Some(shared) if shared.waiters.len() >= SHARERS => Joined::Refused(waiter),
            Some(shared) => {
                shared.waiters.push(waiter);
                Joined::Shares
            }
            None if is_full => Joined::Refused(waiter),
            None => {
                self.numbers += 1;
                self.look_ups.push(LookUp {
                    number: self.numbers,
                    host: host.to_owned(),
                    began: now,
                    waiters: vec![waiter],
                });
                Joined::Begins(self.numbers)
            }
        }
    }

    fn finish(&mut self, number: u64) -> Vec<Waiter> {
        let place = self.look_ups.iter().position(|one| one.number == number);
        place.map_or_else(Vec::new, |place| self.look_ups.remove(place).waiters)
    }
}

static UNDER_WAY: Mutex<UnderWay> = Mutex::new(UnderWay {
    process: 0,
    numbers: 0,
    look_ups: Vec::new(),
});

fn under_way() -> MutexGuard<'static, UnderWay> {
    let mut under_way = UNDER_WAY.lock().unwrap_or_else(PoisonError::into_inner);
    if under_way.process != std::process::id() {
        under_way.process = std::process::id();
        // what waits is the parent's, down to its descriptors
        std::mem::forget(std::mem::take(&mut under_way.look_ups));
    }
    under_way
}

fn begin(number: u64, host: String) {
    let look_up = move || {
        let found = (host.as_str(), 0).to_socket_addrs().map(Iterator::collect);
        tell(number, &found);
    };
    if let Err(error) = std::thread::Builder::new().name("c2c-resolve".into()).spawn(look_up) {
        tell(number, &Err(error));
    }
}

fn tell(number: u64, found: &io::Result<Vec<SocketAddr>>) {
    let waiters = under_way().finish(number);
    for waiter in waiters {
        waiter.take(again(found));
    }
}

/// An error can be told once only.
fn again(found: &io::Result<Vec<SocketAddr>>) -> io::Result<Vec<SocketAddr>> {
    match found {
        Ok(addresses) => Ok(addresses.clone()),
        Err(error) => Err(io::Error::new(error.kind(), error.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use super::*;

    #[test]
    fn addresses_need_no_look_up() {
        assert_eq!(literal("127.0.0.1"), Some([127, 0, 0, 1].into()));
        assert_eq!(literal("[::1]"), Some("::1".parse().unwrap()));
        assert_eq!(literal("localhost"), None);
    }

    #[test]
    fn localhost_is_found() {
        let (sender, receiver) = channel();
        resolve("localhost".into(), 5061, move |found| sender.send(found).unwrap());
        let found = receiver.recv().unwrap().unwrap();
        assert!(
            found
                .iter()
                .all(|address| address.ip().is_loopback() && address.port() == 5061)
        );
        assert!(!found.is_empty());
    }

    fn nobody() -> Waiter {
        Waiter {
            port: 0,
            then: Box::new(|_| ()),
        }
    }

    #[test]
    fn one_look_up_serves_all_who_want_the_name_while_it_is_young() {
        let now = Instant::now();
        let mut under_way = UnderWay {
            process: 0,
            numbers: 0,
            look_ups: Vec::new(),
        };
        assert!(matches!(under_way.join("sip.test", nobody(), now), Joined::Begins(1)));
        assert!(matches!(under_way.join("sip.test", nobody(), now), Joined::Shares));
        assert!(matches!(under_way.join("turn.test", nobody(), now), Joined::Begins(2)));
        assert!(matches!(
            under_way.join("sip.test", nobody(), now + YOUNG),
            Joined::Begins(3)
        ));
        assert_eq!(under_way.finish(1).len(), 2);
        assert_eq!(under_way.finish(1).len(), 0);
        for number in under_way.look_ups.len()..LIMIT {
            under_way.join(&number.to_string(), nobody(), now);
        }
        assert!(matches!(
            under_way.join("one.too.many", nobody(), now),
            Joined::Refused(_)
        ));
        assert!(matches!(under_way.join("turn.test", nobody(), now), Joined::Shares));
    }

    #[test]
    fn each_gets_the_addresses_with_its_own_port() {
        let (sender, receiver) = channel();
        let waiter = Waiter {
            port: 443,
            then: Box::new(move |found| sender.send(found).unwrap()),
        };
        waiter.take(Ok(vec!["192.0.2.1:0".parse().unwrap()]));
        assert_eq!(receiver.recv().unwrap().unwrap(), ["192.0.2.1:443".parse().unwrap()]);
    }
}
