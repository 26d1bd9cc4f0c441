//! Name look-ups. The system's resolver blocks and cannot be interrupted, so each look-up has a thread that nobody waits for.
use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs};
use std::sync::atomic::{AtomicUsize, Ordering};

/// Look-ups that may be under way in the process; one more is refused.
const LIMIT: usize = 16;

static UNDER_WAY: AtomicUsize = AtomicUsize::new(0);

struct Place;

impl Place {
    fn take() -> Option<Self> {
        let taken = UNDER_WAY.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| (n < LIMIT).then_some(n + 1));
        taken.is_ok().then_some(Self)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        UNDER_WAY.fetch_sub(1, Ordering::SeqCst);
    }
}

/// An address that needs no look-up; brackets around IPv6 are taken off.
pub(crate) fn literal(host: &str) -> Option<IpAddr> {
    host.trim_start_matches('[').trim_end_matches(']').parse().ok()
}

/// Looks a name up and gives its addresses to `then`, on the look-up's own thread; at once if too many are under way.
pub(crate) fn resolve(host: String, port: u16, then: impl FnOnce(io::Result<Vec<SocketAddr>>) + Send + 'static) {
    let Some(place) = Place::take() else {
        return then(Err(io::Error::other(format!(
            "{LIMIT} look-ups wait for the resolver already"
        ))));
    };
    let look_up = move || {
        let addresses = (host.as_str(), port).to_socket_addrs().map(Iterator::collect);
        drop(place);
        then(addresses);
    };
    if let Err(error) = std::thread::Builder::new().name("c2c-resolve".into()).spawn(look_up) {
        // `then` is gone with the thread; who waits for it has a time limit
        tracing::warn!("no thread for a name look-up: {error}");
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
}
