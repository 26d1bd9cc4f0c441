//! The process's end; alone in its process, since it ends all drivers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod support;

use std::time::Duration;

use c2c_engine::driver::Drivers;
use c2c_engine::listener::{ListenerEvent, Welcome};
use c2c_engine::threads;
use support::{Echo, Owner, Server, any_trust};

#[test]
fn the_exit_closes_all_clients_and_listeners() {
    let drivers = Drivers::<Echo>::new();
    let mut owners: Vec<Owner> = (0..3)
        .map(|_| Owner::new(&drivers.acquire().unwrap(), any_trust()))
        .collect();
    let mut server = Server::start(None, Welcome::Upgrade);
    assert!(threads::shut_down(Duration::from_secs(10)));
    for owner in &mut owners {
        assert_eq!(owner.ending(), None);
    }
    assert!(matches!(server.next(), ListenerEvent::Closed));
    let mut owner = Owner::new(&drivers.acquire().unwrap(), any_trust());
    owner.client.close().unwrap();
    assert_eq!(owner.ending(), None);
}
