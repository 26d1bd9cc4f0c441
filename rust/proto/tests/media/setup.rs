//! A call is set up in every combination of roles, versions and delays.
use std::time::Duration;

use c2c_proto::media::dtls::{DtlsRole, DtlsVersions};
use c2c_proto::media::session::MediaEvent;

use crate::network::Call;

#[test]
fn connects_in_every_combination_of_roles_and_versions() {
    let versions = [DtlsVersions::Auto, DtlsVersions::Only12, DtlsVersions::Only13];
    for answer_role in [DtlsRole::Client, DtlsRole::Server] {
        for offerer in versions {
            for answerer in versions {
                let mut call = Call::new(|side, config| {
                    config.answer_role = answer_role;
                    config.dtls_versions = if side == crate::network::Side::Caller {
                        offerer
                    } else {
                        answerer
                    };
                });
                call.signal();
                call.run_until(Duration::from_secs(5), Call::is_connected);
                let fits = offerer == answerer || offerer == DtlsVersions::Auto || answerer == DtlsVersions::Auto;
                assert_eq!(call.is_connected(), fits, "{answer_role:?} {offerer:?} {answerer:?}");
                println!("{answer_role:?} {offerer:?} {answerer:?}: {:?}", call.elapsed());
            }
        }
    }
}

#[test]
fn tells_ice_before_the_rest() {
    let mut call = Call::plain();
    call.connect();
    for peer in [&call.caller, &call.callee] {
        let events: Vec<&MediaEvent> = peer.events.iter().map(|(_, event)| event).collect();
        let expected = [&MediaEvent::Gathered, &MediaEvent::IceConnected, &MediaEvent::Connected];
        assert_eq!(events, expected);
        let setup = peer.session.stats(call.now).setup;
        assert!(setup.ice_connected.unwrap() < setup.dtls_connected.unwrap());
    }
}

/// The answerer's hello goes out with its answer to the first check, not when its own is answered.
#[test]
fn the_answerer_can_send_after_two_round_trips_in_every_version() {
    for versions in [DtlsVersions::Auto, DtlsVersions::Only12, DtlsVersions::Only13] {
        let mut call = Call::new(|_, config| config.dtls_versions = versions);
        call.latency = Duration::from_millis(50);
        call.connect();
        let round_trip = 2 * call.latency;
        let connected = |peer: &crate::network::Peer| peer.session.stats(call.now).setup.dtls_connected.unwrap();
        let limits = match versions {
            // its client has one flight more
            DtlsVersions::Only12 => [3, 3],
            _ => [2, 2],
        };
        for (peer, limit) in [&call.caller, &call.callee].into_iter().zip(limits) {
            let took = connected(peer);
            println!("{versions:?}: {took:?}");
            assert!(
                took <= limit * round_trip + Duration::from_millis(10),
                "{versions:?}: {took:?}"
            );
        }
    }
}
