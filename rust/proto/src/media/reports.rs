//! RTCP sender and receiver reports: their numbers, their times, round trip and remote loss (RFC 3550 §6).
use std::time::{Duration, Instant};

use super::receiver::AudioReceiver;
use super::sender::AudioSender;
use crate::io::{ClockOrigin, RandomSource};

/// What an RTCP packet told besides numbers.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RtcpNews {
    /// Nothing but numbers.
    Numbers,
    /// The far side says goodbye (BYE).
    Goodbye,
}

/// A datagram that is no RTCP.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("malformed RTCP")]
pub struct MalformedRtcp;

/// RTCP of one call.
pub struct Reports {
    next: Instant,
}

impl Reports {
    /// Takes our SSRC and our CNAME (that of our description), and sets the time of the first report.
    pub fn new(ssrc: u32, cname: String, clock: ClockOrigin, random: &mut dyn RandomSource, now: Instant) -> Self {
        let _ = (ssrc, cname, clock, random);
        Self {
            next: now + Duration::from_secs(5),
        }
    }

    /// When the next report is due.
    pub fn poll_timeout(&self) -> Instant {
        self.next
    }

    /// The compound packet that is due: SR (RR before the first packet sent), SDES.
    pub fn handle_timeout(
        &mut self,
        sender: &AudioSender,
        receiver: &mut AudioReceiver,
        random: &mut dyn RandomSource,
        now: Instant,
    ) -> Option<Vec<u8>> {
        let _ = (sender, receiver, random, now);
        None
    }

    /// The last compound packet: SR or RR, SDES, BYE.
    pub fn goodbye(&mut self, sender: &AudioSender, receiver: &mut AudioReceiver, now: Instant) -> Vec<u8> {
        let _ = (sender, receiver, now);
        Vec::new()
    }

    /// Takes an authenticated compound packet.
    pub fn handle_rtcp(&mut self, packet: &[u8], now: Instant) -> Result<RtcpNews, MalformedRtcp> {
        let _ = (packet, now);
        Err(MalformedRtcp)
    }

    /// Round trip by the last report block about us that had an LSR, in seconds.
    pub fn round_trip(&self) -> Option<f64> {
        None
    }

    /// Loss that the far side's last report block about us tells, 0 to 1.
    pub fn remote_loss(&self) -> Option<f64> {
        None
    }
}
