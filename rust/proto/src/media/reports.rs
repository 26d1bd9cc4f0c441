//! RTCP sender and receiver reports: their numbers, their times, round trip and remote loss (RFC 3550 §6).
use std::time::{Duration, Instant, UNIX_EPOCH};

use bytes::Bytes;
use rtc_rtcp::goodbye::Goodbye;
use rtc_rtcp::packet::Packet;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::reception_report::ReceptionReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::source_description::{SdesType, SourceDescription, SourceDescriptionChunk, SourceDescriptionItem};

use super::receiver::AudioReceiver;
use super::sender::AudioSender;
use crate::io::{ClockOrigin, RandomSource};

/// Least interval of reports (RFC 3550 §6.2); two parties never come near 5 % of a voice call's bandwidth with it.
const INTERVAL: Duration = Duration::from_secs(5);
/// Makes up for timer reconsideration (RFC 3550 §6.3.1): e - 3/2.
const COMPENSATION: f64 = std::f64::consts::E - 1.5;
/// From 1900 (NTP) to 1970 (Unix), seconds.
const NTP_TO_UNIX: u64 = 2_208_988_800;

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
    ssrc: u32,
    cname: Bytes,
    clock: ClockOrigin,
    next: Instant,
    /// The middle of the last SR's NTP time, its SSRC and its arrival.
    last_sender_report: Option<(u32, u32, Instant)>,
    round_trip: Option<f64>,
    remote_loss: Option<f64>,
}

impl Reports {
    /// Takes our SSRC and our CNAME (that of our description), and sets the time of the first report.
    pub fn new(ssrc: u32, cname: String, clock: ClockOrigin, random: &mut dyn RandomSource, now: Instant) -> Self {
        Self {
            ssrc,
            cname: Bytes::from(cname),
            clock,
            next: now + randomized(INTERVAL / 2, random),
            last_sender_report: None,
            round_trip: None,
            remote_loss: None,
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
        if now < self.next {
            return None;
        }
        self.next = now + randomized(INTERVAL, random);
        Some(marshal(&[self.report(sender, receiver, now), self.description()]))
    }

    /// The last compound packet: SR or RR, SDES, BYE.
    pub fn goodbye(&mut self, sender: &AudioSender, receiver: &mut AudioReceiver, now: Instant) -> Vec<u8> {
        let goodbye = Goodbye {
            sources: vec![self.ssrc],
            reason: Bytes::new(),
        };
        marshal(&[
            self.report(sender, receiver, now),
            self.description(),
            Box::new(goodbye),
        ])
    }

    /// Takes an authenticated compound packet.
    pub fn handle_rtcp(&mut self, packet: &[u8], now: Instant) -> Result<RtcpNews, MalformedRtcp> {
        let mut bytes = packet;
        let packets = rtc_rtcp::packet::unmarshal(&mut bytes).map_err(|_| MalformedRtcp)?;
        let mut news = RtcpNews::Numbers;
        for packet in packets {
            let packet = packet.as_any();
            if let Some(report) = packet.downcast_ref::<SenderReport>() {
                self.last_sender_report = Some((report.ssrc, (report.ntp_time >> 16) as u32, now));
                self.take_blocks(&report.reports, now);
            } else if let Some(report) = packet.downcast_ref::<ReceiverReport>() {
                self.take_blocks(&report.reports, now);
            } else if packet.is::<Goodbye>() {
                news = RtcpNews::Goodbye;
            }
        }
        Ok(news)
    }

    /// Round trip by the last report block about us that had an LSR, in seconds.
    pub fn round_trip(&self) -> Option<f64> {
        self.round_trip
    }

    /// Loss that the far side's last report block about us tells, 0 to 1.
    pub fn remote_loss(&self) -> Option<f64> {
        self.remote_loss
    }

    fn take_blocks(&mut self, blocks: &[ReceptionReport], now: Instant) {
        let Some(block) = blocks.iter().find(|block| block.ssrc == self.ssrc) else {
            return;
        };
        self.remote_loss = Some(f64::from(block.fraction_lost) / 256.0);
        if block.last_sender_report != 0 {
            // RFC 3550 §6.4.1, in 1/65536 s; a clock that runs backwards would give a negative one
            let middle = (self.ntp_at(now) >> 16) as u32;
            let round_trip = middle
                .wrapping_sub(block.last_sender_report)
                .wrapping_sub(block.delay)
                .cast_signed();
            self.round_trip = Some(f64::from(round_trip.max(0)) / 65_536.0);
        }
    }

    fn report(&self, sender: &AudioSender, receiver: &mut AudioReceiver, now: Instant) -> Box<dyn Packet> {
        let reports: Vec<ReceptionReport> = self.block(receiver, now).into_iter().collect();
        match sender.report(now) {
            Some(numbers) => Box::new(SenderReport {
                ssrc: self.ssrc,
                ntp_time: self.ntp_at(now),
                rtp_time: numbers.rtp_timestamp,
                packet_count: numbers.packets,
                octet_count: numbers.octets,
                reports,
                profile_extensions: Bytes::new(),
            }),
            None => Box::new(ReceiverReport {
                ssrc: self.ssrc,
                reports,
                profile_extensions: Bytes::new(),
            }),
        }
    }

    fn block(&self, receiver: &mut AudioReceiver, now: Instant) -> Option<ReceptionReport> {
        let numbers = receiver.report()?;
        let heard = self.last_sender_report.filter(|(ssrc, _, _)| *ssrc == numbers.ssrc);
        let delay = |at: Instant| now.saturating_duration_since(at).as_nanos() * 65_536 / 1_000_000_000;
        Some(ReceptionReport {
            ssrc: numbers.ssrc,
            fraction_lost: numbers.fraction_lost,
            // 24 bits, signed
            total_lost: numbers.cumulative_lost.cast_unsigned() & 0xff_ffff,
            last_sequence_number: numbers.extended_highest_sequence,
            jitter: numbers.jitter,
            last_sender_report: heard.map_or(0, |(_, middle, _)| middle),
            delay: heard.map_or(0, |(_, _, at)| u32::try_from(delay(at)).unwrap_or(u32::MAX)),
        })
    }

    fn description(&self) -> Box<dyn Packet> {
        let item = SourceDescriptionItem {
            sdes_type: SdesType::SdesCname,
            text: self.cname.clone(),
        };
        Box::new(SourceDescription {
            chunks: vec![SourceDescriptionChunk {
                source: self.ssrc,
                items: vec![item],
            }],
        })
    }

    /// NTP time, 32.32 bits (RFC 3550 §4).
    fn ntp_at(&self, now: Instant) -> u64 {
        let wall = self.clock.wall_at(now).duration_since(UNIX_EPOCH).unwrap_or_default();
        let fraction = (u64::from(wall.subsec_nanos()) << 32) / 1_000_000_000;
        (wall.as_secs().wrapping_add(NTP_TO_UNIX) << 32) | fraction
    }
}

/// 0.5 to 1.5 times the interval, compensated (RFC 3550 §6.3.1).
fn randomized(interval: Duration, random: &mut dyn RandomSource) -> Duration {
    let part = random.below(1 << 20) as f64 / f64::from(1 << 20);
    interval.mul_f64((0.5 + part) / COMPENSATION)
}

/// A failure would be a report beyond RTCP's limits, which one block and one CNAME are not.
fn marshal(packets: &[Box<dyn Packet>]) -> Vec<u8> {
    rtc_rtcp::packet::marshal(packets).map(Vec::from).unwrap_or_default()
}

#[cfg(test)]
mod tests;
