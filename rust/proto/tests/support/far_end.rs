//! Media at the far end of a call: a session of the same kind, answering.
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use c2c_proto::io::{AudioPort, ClockOrigin, Datagram, Transmit};
use c2c_proto::media::codec::Codec;
use c2c_proto::media::dtls::DtlsCertificate;
use c2c_proto::media::session::{MediaConfig, MediaEvent, MediaSession};

use super::random::Seeded;

/// An answering media session with its events.
pub(crate) struct FarEnd {
    pub(crate) session: MediaSession,
    pub(crate) events: Vec<MediaEvent>,
    pub(crate) sound: Sound,
}

impl FarEnd {
    pub(crate) fn new(address: SocketAddr, codecs: &[Codec], clock: ClockOrigin, now: Instant) -> Self {
        let certificate = Arc::new(DtlsCertificate::generate().unwrap());
        let config = MediaConfig {
            codecs: codecs.to_vec(),
            ..MediaConfig::new(certificate, clock, now)
        };
        let mut session = MediaSession::new(config, &mut Seeded(7), now).unwrap();
        session.set_sockets(&[address], now);
        Self {
            session,
            events: Vec::new(),
            sound: Sound::default(),
        }
    }

    pub(crate) fn handle_datagram(&mut self, from: SocketAddr, to: SocketAddr, payload: &[u8], now: Instant) {
        let datagram = Datagram {
            local: to,
            remote: from,
            payload,
        };
        self.session.handle_datagram(datagram, now);
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        self.session.tick(&mut self.sound, now);
    }

    /// Takes what it wants sent, and keeps its events.
    pub(crate) fn drain(&mut self) -> Vec<Transmit> {
        self.events.extend(std::iter::from_fn(|| self.session.poll_event()));
        std::iter::from_fn(|| self.session.poll_transmit()).collect()
    }

    pub(crate) fn is_connected(&self) -> bool {
        self.events.contains(&MediaEvent::Connected)
    }
}

/// One end's sound: plays a tone (or nothing) and counts what it hears.
#[derive(Default)]
pub(crate) struct Sound {
    /// Frequency in Hz of what it plays; silence without.
    pub(crate) tone: Option<f64>,
    played: u64,
    /// What it heard at 48 kHz.
    pub(crate) heard: Vec<i16>,
    /// Number of the first sample of each frame heard.
    pub(crate) positions: Vec<u64>,
}

impl Sound {
    /// Root of the mean square of what was heard last, `samples` of it.
    pub(crate) fn loudness(&self, samples: usize) -> f64 {
        let last = &self.heard[self.heard.len().saturating_sub(samples)..];
        let sum: f64 = last.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        (sum / last.len().max(1) as f64).sqrt()
    }
}

impl AudioPort for Sound {
    fn outgoing_rate(&self) -> Option<u32> {
        self.tone.map(|_| 48_000)
    }

    fn pull(&mut self, frame: &mut [i16]) -> bool {
        let Some(tone) = self.tone else { return false };
        for sample in frame {
            let angle = std::f64::consts::TAU * tone * self.played as f64 / 48_000.0;
            *sample = (8_000.0 * angle.sin()) as i16;
            self.played += 1;
        }
        true
    }

    fn incoming_rates(&self) -> Vec<u32> {
        vec![48_000]
    }

    fn push(&mut self, _rate: u32, samples: &[i16], position: u64) {
        self.positions.push(position);
        self.heard.extend_from_slice(samples);
    }
}
