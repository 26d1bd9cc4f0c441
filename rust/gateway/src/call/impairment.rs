//! A bad network for our own media: loses and delays RTP and RTCP, and adds datagrams that must be dropped.
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use c2c_proto::io::{RandomSource, Transmit};

use crate::misbehaviour::Misbehaviour;
use crate::settings::GatewaySettings;

/// Sits between a call's media and its sockets.
#[derive(Debug)]
pub(crate) struct Impairment {
    loss: f64,
    jitter: Duration,
    delayed: BTreeMap<(Instant, u64), Transmit>,
    count: u64,
}

impl Impairment {
    pub(crate) fn new(settings: &GatewaySettings) -> Self {
        let loss = settings.misbehaviour(|m| match m {
            Misbehaviour::MediaLoss(share) => Some(*share),
            _ => None,
        });
        let jitter = settings.misbehaviour(|m| match m {
            Misbehaviour::MediaJitter(up_to) => Some(*up_to),
            _ => None,
        });
        Self {
            loss: loss.unwrap_or_default(),
            jitter: jitter.unwrap_or_default(),
            delayed: BTreeMap::new(),
            count: 0,
        }
    }

    /// Gives the datagram back when it may leave now.
    pub(crate) fn pass(&mut self, datagram: Transmit, random: &mut dyn RandomSource, now: Instant) -> Option<Transmit> {
        if !is_media(&datagram.payload) {
            return Some(datagram);
        }
        if share(random) < self.loss {
            return None;
        }
        if self.jitter.is_zero() {
            return Some(datagram);
        }
        self.delay(datagram, now + self.jitter.mul_f64(share(random)))
    }

    /// The next delayed datagram that is due.
    pub(crate) fn poll_transmit(&mut self, now: Instant) -> Option<Transmit> {
        let first = self.delayed.first_entry()?;
        (first.key().0 <= now).then(|| first.remove())
    }

    /// When the next one is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        self.delayed.keys().next().map(|(due, _)| *due)
    }

    /// At most [`MOST_DELAYED`] wait; when there are more, the newest leaves at once.
    fn delay(&mut self, datagram: Transmit, due: Instant) -> Option<Transmit> {
        if self.delayed.len() >= MOST_DELAYED {
            return Some(datagram);
        }
        self.count += 1;
        self.delayed.insert((due, self.count), datagram);
        None
    }
}

/// Payloads that a call must drop, whatever the state of its media is.
pub(crate) fn hostile_payloads(random: &mut dyn RandomSource) -> Vec<Vec<u8>> {
    let mut noise = vec![0; 160];
    random.fill(&mut noise);
    let with_head = |head: &[u8]| [head, &noise].concat();
    vec![
        Vec::new(),
        vec![0x80],
        noise.clone(),
        // STUN binding request and error response whose lengths and integrity are wrong
        with_head(&[0, 1, 0, 160, 0x21, 0x12, 0xA4, 0x42]),
        with_head(&[1, 0x11, 0xFF, 0xFF, 0x21, 0x12, 0xA4, 0x42]),
        // DTLS: application data of epoch 7, a truncated alert, a fragment beyond its message
        with_head(&[23, 254, 253, 0, 7, 0, 0, 0, 0, 0, 1, 0, 160]),
        vec![21, 254, 253, 0, 0],
        with_head(&[
            22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 9, 0, 160, 1, 0, 0, 4, 0, 0, 255, 255, 255,
        ]),
        // SRTP with a forged tag, SRTP with 15 CSRCs that are not there, SRTCP BYE with a forged tag
        with_head(&[0x80, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1]),
        vec![0x9F, 111, 0, 1, 0, 0, 0, 1, 0, 0, 0, 1],
        with_head(&[0x81, 203, 0, 1, 0, 0, 0, 1]),
    ]
}

/// SRTP and SRTCP (RFC 7983); STUN and DTLS pass, else the call would not come about.
fn is_media(payload: &[u8]) -> bool {
    matches!(payload.first(), Some(128..=191))
}

fn share(random: &mut dyn RandomSource) -> f64 {
    random.below(1_000_000) as f64 / 1_000_000.0
}

const MOST_DELAYED: usize = 256;

#[cfg(test)]
mod tests {
    use super::*;

    /// Steps that spread evenly over a million.
    struct Sequence(u64);

    impl RandomSource for Sequence {
        fn fill(&mut self, bytes: &mut [u8]) {
            self.0 += 617_003;
            bytes.fill(0);
            for (byte, value) in bytes.iter_mut().zip(self.0.to_le_bytes()) {
                *byte = value;
            }
        }
    }

    fn impaired(misbehaviour: Misbehaviour) -> Impairment {
        Impairment::new(&GatewaySettings {
            misbehaviours: vec![misbehaviour],
            ..GatewaySettings::default()
        })
    }

    fn datagram(first: u8) -> Transmit {
        Transmit {
            local: "127.0.0.1:1".parse().unwrap(),
            remote: "127.0.0.1:2".parse().unwrap(),
            payload: vec![first; 20],
        }
    }

    #[test]
    fn loses_its_share_of_media_and_nothing_else() {
        let (mut impairment, mut random, now) = (impaired(Misbehaviour::MediaLoss(0.25)), Sequence(1), Instant::now());
        let mut passed = |first| impairment.pass(datagram(first), &mut random, now).is_some();
        assert!((0..100).all(|_| passed(0)));
        let kept = (0..1000).filter(|_| passed(128)).count();
        assert!((700..800).contains(&kept), "{kept} of 1000");
    }

    #[test]
    fn delays_and_gives_out_in_order_of_time() {
        let up_to = Duration::from_millis(100);
        let (mut impairment, mut random, now) =
            (impaired(Misbehaviour::MediaJitter(up_to)), Sequence(7), Instant::now());
        for first in 128..148 {
            assert_eq!(impairment.pass(datagram(first), &mut random, now), None);
        }
        let mut out = Vec::new();
        while let Some(due) = impairment.poll_timeout() {
            assert!(due <= now + up_to);
            out.extend(impairment.poll_transmit(due).map(|datagram| datagram.payload[0]));
        }
        assert_eq!(out.len(), 20);
        assert!(!out.is_sorted());
    }
}
