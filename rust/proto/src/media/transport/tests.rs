use std::collections::VecDeque;

use super::*;
use crate::io::Secret;
use crate::media::dtls::{DtlsEvent, DtlsRole, HANDSHAKE_TIMEOUT, KeyingMaterial};
use crate::media::fingerprint::Fingerprint;
use crate::media::rtp::FIXED_HEADER;
use crate::media::timing_random::TimingRandom;

/// Makes a scripted endpoint find the handshake refused.
const REFUSAL: [u8; 1] = [21];

/// An endpoint that tells what it is told to, as soon as it has a timeout or a datagram.
#[derive(Default)]
struct Scripted {
    events: VecDeque<DtlsEvent>,
    transmits: VecDeque<Vec<u8>>,
    refusal: Option<MediaError>,
}

impl DtlsEndpoint for Scripted {
    fn handle_datagram(&mut self, datagram: &[u8], _now: Instant) -> Result<(), MediaError> {
        if datagram == REFUSAL {
            self.refusal = Some(MediaError::RsaCertificate("its alert was 40".into()));
        }
        Ok(())
    }

    fn handle_timeout(&mut self, _now: Instant) -> Result<(), MediaError> {
        Ok(())
    }

    fn refusal(&self) -> Option<&MediaError> {
        self.refusal.as_ref()
    }

    fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    fn poll_event(&mut self) -> Option<DtlsEvent> {
        self.events.pop_front()
    }

    fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.transmits.pop_front()
    }

    fn close(&mut self, _now: Instant) {}
}

struct Zero;

impl RandomSource for Zero {
    fn fill(&mut self, bytes: &mut [u8]) {
        bytes.fill(0);
    }
}

#[allow(clippy::disallowed_methods)]
fn clock() -> Instant {
    Instant::now()
}

fn credentials(name: &str) -> IceCredentials {
    IceCredentials {
        ufrag: name.into(),
        password: Secret(format!("{name} password of enough length")),
    }
}

fn keys(profile: SrtpProfile) -> KeyingMaterial {
    let length = 2 * (profile.key_length() + profile.salt_length());
    KeyingMaterial::new(profile, (0..length).map(|at| at as u8).collect()).unwrap()
}

/// SHA-256 of nothing but `abc`, the certificate of these tests.
const OF_ABC: &str =
    "sha-256 BA:78:16:BF:8F:01:CF:EA:41:41:40:DE:5D:AE:22:23:B0:03:61:A3:96:17:7A:9C:B4:10:FF:61:F2:00:15:AD";

/// Two transports on one wire, ICE done, their DTLS scripted.
struct Pair {
    ends: [MediaTransport; 2],
    now: Instant,
}

impl Pair {
    fn new(scripts: [Vec<DtlsEvent>; 2]) -> Self {
        let now = clock();
        let certificate = Arc::new(DtlsCertificate::generate().unwrap());
        let addresses = ["192.0.2.1:4000", "198.51.100.1:5000"].map(|text| text.parse::<SocketAddr>().unwrap());
        let mut scripts = scripts.into_iter();
        let ends = [0, 1].map(|side: usize| {
            let own = credentials(["left", "right"][side]);
            let timing = Box::new(TimingRandom::new(&mut Zero));
            let mut end = MediaTransport::new(Arc::clone(&certificate), DtlsVersions::Auto, own, timing, now).unwrap();
            end.set_sockets(&[addresses[side]]);
            let events = scripts.next().unwrap().into();
            end.dtls = Some(Box::new(Scripted {
                events,
                ..Scripted::default()
            }));
            let remote = RemoteTransport {
                credentials: credentials(["right", "left"][side]),
                candidates: vec![Candidate::host(addresses[1 - side], 0)],
                is_lite: false,
                fingerprints: vec![Fingerprint::parse(OF_ABC).unwrap()],
            };
            let dtls = if side == 0 { DtlsRole::Server } else { DtlsRole::Client };
            end.start(
                remote,
                Roles {
                    is_offerer: side == 0,
                    dtls,
                },
                now,
            )
            .unwrap();
            end
        });
        let mut pair = Self { ends, now };
        pair.run(Duration::from_secs(1));
        pair
    }

    fn run(&mut self, time: Duration) {
        let end = self.now + time;
        while self.now < end {
            while self.carry() {}
            let due = self.ends.iter().filter_map(MediaTransport::poll_timeout).min();
            self.now = due.unwrap_or(end).clamp(self.now, end);
            for transport in &mut self.ends {
                transport.handle_timeout(self.now);
            }
        }
    }

    /// Delivers what waits; `false` when nothing did.
    fn carry(&mut self) -> bool {
        let mut carried = false;
        for side in [0, 1] {
            while let Some(transmit) = self.ends[side].poll_transmit() {
                carried = true;
                let now = self.now;
                let (local, remote) = (transmit.remote, transmit.local);
                self.ends[1 - side].handle_datagram(
                    Datagram {
                        local,
                        remote,
                        payload: &transmit.payload,
                    },
                    now,
                );
            }
        }
        carried
    }

    fn events(&mut self, side: usize) -> Vec<TransportEvent> {
        std::iter::from_fn(|| self.ends[side].poll_event()).collect()
    }

    /// Sends a packet and gives what arrives of it.
    fn send(&mut self, from: usize, header: &RtpHeader, payload: &[u8]) -> Option<Incoming> {
        assert!(self.ends[from].send_rtp(header, payload));
        let Transmit {
            local: remote,
            remote: local,
            payload,
        } = self.ends[from].poll_transmit().unwrap();
        self.ends[1 - from].handle_datagram(
            Datagram {
                local,
                remote,
                payload: &payload,
            },
            self.now,
        )
    }
}

fn script(profile: SrtpProfile) -> Vec<DtlsEvent> {
    vec![
        DtlsEvent::Certificate(b"abc".to_vec()),
        DtlsEvent::Connected,
        DtlsEvent::KeyingMaterial(keys(profile)),
    ]
}

fn header(sequence: u16) -> RtpHeader {
    RtpHeader {
        payload_type: 111,
        sequence,
        ssrc: 77,
        length: FIXED_HEADER,
        ..RtpHeader::default()
    }
}

#[test]
fn media_both_ways_with_each_profile() {
    for profile in SrtpProfile::ALL {
        let mut pair = Pair::new([script(profile), script(profile)]);
        for side in [0, 1] {
            assert_eq!(
                pair.events(side),
                [TransportEvent::IceConnected, TransportEvent::Connected(profile)]
            );
            for sequence in 0..100 {
                let Some(Incoming::Rtp(heard, packet)) = pair.send(side, &header(sequence), &[9; 60]) else {
                    panic!("{profile:?}: nothing arrived");
                };
                assert_eq!((heard, heard.payload(&packet)), (header(sequence), Some(&[9; 60][..])));
            }
            assert_eq!(pair.ends[side].srtp_profile(), Some(profile));
        }
    }
}

#[test]
fn keys_without_a_certificate_are_not_taken() {
    let keys_first = || {
        vec![
            DtlsEvent::KeyingMaterial(keys(SrtpProfile::AeadAes128Gcm)),
            DtlsEvent::Connected,
        ]
    };
    let mut pair = Pair::new([keys_first(), script(SrtpProfile::AeadAes128Gcm)]);
    assert_eq!(
        pair.events(0).last(),
        Some(&TransportEvent::Failed(MediaError::FingerprintMismatch))
    );
    assert!(!pair.ends[0].is_connected() && !pair.ends[0].send_rtp(&header(1), &[1]));
}

#[test]
fn another_certificate_ends_it_and_wipes_what_was_to_be_sent() {
    let wrong = vec![
        DtlsEvent::Certificate(b"abd".to_vec()),
        DtlsEvent::Connected,
        DtlsEvent::KeyingMaterial(keys(SrtpProfile::AeadAes128Gcm)),
    ];
    let mut pair = Pair::new([wrong, Vec::new()]);
    let events = pair.events(0);
    assert_eq!(
        events,
        [
            TransportEvent::IceConnected,
            TransportEvent::Failed(MediaError::FingerprintMismatch)
        ]
    );
    assert!(pair.ends[0].dtls.is_none() && pair.ends[0].srtp.is_none());
    assert_eq!(
        (pair.ends[0].poll_transmit(), pair.ends[0].poll_timeout()),
        (None, None)
    );
}

#[test]
fn a_handshake_without_srtp_is_a_failure() {
    let plain = vec![DtlsEvent::Certificate(b"abc".to_vec()), DtlsEvent::Connected];
    let mut pair = Pair::new([plain, Vec::new()]);
    let failure = pair.events(0).pop();
    assert!(matches!(failure, Some(TransportEvent::Failed(MediaError::DtlsFailed(text))) if text.contains("SRTP")));
}

#[test]
fn a_handshake_that_never_begins_is_a_failure_after_30_seconds() {
    let mut pair = Pair::new([Vec::new(), Vec::new()]);
    let begin = pair.now;
    assert_eq!(pair.events(0), [TransportEvent::IceConnected]);
    pair.run(HANDSHAKE_TIMEOUT);
    let failure = pair.events(0).pop();
    assert!(matches!(
        failure,
        Some(TransportEvent::Failed(MediaError::DtlsFailed(_)))
    ));
    assert_eq!(pair.now - begin, HANDSHAKE_TIMEOUT);
}

#[test]
fn a_refused_handshake_ends_after_3_seconds_with_the_reason() {
    let mut pair = Pair::new([Vec::new(), Vec::new()]);
    pair.events(0);
    let (local, remote) = ("192.0.2.1:4000".parse().unwrap(), "198.51.100.1:5000".parse().unwrap());
    let payload = &REFUSAL;
    let begin = pair.now;
    for _ in 0..3 {
        pair.ends[0].handle_datagram(Datagram { local, remote, payload }, pair.now);
        pair.run(Duration::from_millis(900));
        assert_eq!(pair.events(0), []);
    }
    pair.run(begin + Duration::from_secs(3) - pair.now);
    let failure = pair.events(0).pop();
    assert!(matches!(
        failure,
        Some(TransportEvent::Failed(MediaError::RsaCertificate(_)))
    ));
}

#[test]
fn srtp_before_its_keys_and_datagrams_of_no_kind_are_counted() {
    let mut pair = Pair::new([script(SrtpProfile::AeadAes128Gcm), Vec::new()]);
    let before = pair.ends[1].rejected();
    assert_eq!(pair.send(0, &header(1), &[1; 20]), None);
    let (local, remote) = ("198.51.100.1:5000".parse().unwrap(), "192.0.2.1:4000".parse().unwrap());
    for payload in [
        &[][..],
        &[4],
        &[19],
        &[64, 1],
        &[79],
        &[80],
        &[127],
        &[192],
        &[255; 2000],
    ] {
        assert_eq!(
            pair.ends[1].handle_datagram(Datagram { local, remote, payload }, pair.now),
            None
        );
    }
    assert_eq!(pair.ends[1].rejected() - before, 10);
}

#[test]
fn what_nobody_fetches_is_bounded() {
    let mut pair = Pair::new([script(SrtpProfile::AeadAes128Gcm), Vec::new()]);
    for sequence in 0..1_000 {
        assert!(pair.ends[0].send_rtp(&header(sequence), &[1; 20]));
    }
    assert_eq!(
        std::iter::from_fn(|| pair.ends[0].poll_transmit()).count(),
        MAX_TRANSMITS
    );
}
