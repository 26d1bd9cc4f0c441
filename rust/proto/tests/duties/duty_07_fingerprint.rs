//! Duty 7: a certificate other than the one that was signalled ends everything before any key is used
//! (GHSA-qwfw-ggxw-577c, GHSA-74xm-qj29-cq8p), also when media overtakes the handshake's last flight.
use std::time::Duration;

use crate::network::{Call, Kind, Side, deliver, kind_of};
use c2c_proto::media::dtls::{DtlsRole, DtlsVersions};
use c2c_proto::media::error::MediaError;

/// One digit of the fingerprint is another.
#[allow(clippy::needless_pass_by_value, reason = "as the network edits descriptions")]
fn turned(text: String) -> String {
    let at = text.find("a=fingerprint:sha-256 ").unwrap() + 22;
    let digit = if &text[at..=at] == "0" { "1" } else { "0" };
    format!("{}{digit}{}", &text[..at], &text[at + 1..])
}

/// A call in which the victim was told another fingerprint than the attacker has.
fn attacked(victim: Side, role: DtlsRole, versions: DtlsVersions, hold_back: Duration) -> Call {
    let mut call = Call::new(|_, config| {
        config.answer_role = role;
        config.dtls_versions = versions;
    });
    // the attacker's handshake comes late, so that its media may come first
    call.rule = Box::new(move |from, _, transmit| {
        let is_late = from != victim && kind_of(&transmit.payload) == Kind::Dtls;
        let mut fate = deliver(transmit);
        fate[0].0 = if is_late { hold_back } else { Duration::ZERO };
        fate
    });
    match victim {
        Side::Caller => call.signal_edited(|offer| offer, turned),
        Side::Callee => call.signal_edited(turned, |answer| answer),
    }
    call
}

fn cases() -> impl Iterator<Item = (Side, DtlsRole, DtlsVersions)> {
    let sides = [Side::Caller, Side::Callee];
    let versions = [DtlsVersions::Only12, DtlsVersions::Only13, DtlsVersions::Auto];
    sides.into_iter().flat_map(move |side| {
        [DtlsRole::Client, DtlsRole::Server]
            .into_iter()
            .flat_map(move |role| versions.map(|versions| (side, role, versions)))
    })
}

fn assert_nothing_was_had(call: &mut Call, victim: Side, what: &str) {
    let now = call.now;
    let peer = call.peer(victim);
    assert_eq!(peer.failure(), Some(&MediaError::FingerprintMismatch), "{what}");
    assert!(!peer.is_connected(), "{what}");
    let stats = peer.session.stats(now);
    assert_eq!(stats.srtp_profile, "", "{what}: keys were taken");
    assert_eq!((stats.packets_sent, stats.packets_received), (0, 0), "{what}");
    assert!(peer.port.heard.iter().all(|sample| *sample == 0), "{what}");
    assert_eq!(
        (peer.session.poll_timeout(), peer.session.poll_transmit()),
        (None, None),
        "{what}"
    );
}

#[test]
fn duty_07_another_certificate_ends_it_before_any_key() {
    for (victim, role, versions) in cases() {
        let what = format!("{victim:?} {role:?} {versions:?}");
        let mut call = attacked(victim, role, versions, Duration::ZERO);
        call.run_for(Duration::from_secs(10));
        assert_nothing_was_had(&mut call, victim, &what);
    }
}

/// The last flight of the handshake is late or lost at first; the attacker's media is there before it.
#[test]
fn duty_07_media_that_overtakes_the_last_flight_is_not_heard() {
    for (victim, role, versions) in cases() {
        for hold_back in [30, 150, 700].map(Duration::from_millis) {
            let what = format!("{victim:?} {role:?} {versions:?} {hold_back:?}");
            let mut call = attacked(victim, role, versions, hold_back);
            call.run_for(Duration::from_secs(20));
            assert_nothing_was_had(&mut call, victim, &what);
        }
    }
}

#[test]
fn duty_07_a_description_without_a_certificate_is_refused() {
    let without = |text: &str| {
        let lines = text
            .split_inclusive("\r\n")
            .filter(|line| !line.starts_with("a=fingerprint"));
        lines.collect::<String>()
    };
    let mut call = Call::plain();
    let offer = call.caller.session.create_offer(call.now).unwrap();
    let refusal = call.callee.session.handle_offer(without(&offer).as_bytes(), call.now);
    assert!(matches!(refusal, Err(MediaError::BadDescription(_))), "{refusal:?}");
    let mut call = Call::plain();
    let offer = call.caller.session.create_offer(call.now).unwrap();
    let answer = call.callee.session.handle_offer(offer.as_bytes(), call.now).unwrap();
    let refusal = call.caller.session.handle_answer(without(&answer).as_bytes(), call.now);
    assert!(matches!(refusal, Err(MediaError::BadDescription(_))), "{refusal:?}");
}
