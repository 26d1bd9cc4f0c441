//! RTP and RTCP of a call: what each tick sends, what each packet is.
use std::collections::VecDeque;
use std::time::Instant;

use super::{MediaEvent, MediaSession};
use crate::dtmf::Step;
use crate::io::AudioPort;
use crate::media::description::TelephoneEvent;
use crate::media::receiver::IncomingRtp;
use crate::media::reports::RtcpNews;
use crate::media::rtp::{FIXED_HEADER, RtpHeader};
use crate::media::sender::OutgoingRtp;

impl MediaSession {
    /// Payload type and clock rate for DTMF towards the far side (RFC 4733), if it takes any.
    pub fn telephone_event(&self) -> Option<TelephoneEvent> {
        self.negotiation
            .agreement()
            .and_then(|agreement| agreement.telephone_event)
    }

    /// Sends tones instead of sound, after those that are still being sent; the error says why not.
    pub fn send_tones(&mut self, steps: VecDeque<Step>) -> Result<(), &'static str> {
        if self.telephone_event().is_none() {
            Err("the far side takes no telephone-events; use INFO")
        } else if !self.negotiation.sends() {
            Err("the far side holds the call; use INFO")
        } else if !self.tones_out.send(steps) {
            Err("too many tones wait to be sent")
        } else {
            Ok(())
        }
    }

    pub(super) fn handle_rtp(&mut self, header: &RtpHeader, packet: &[u8], now: Instant) {
        let is_ours = header.ssrc == self.negotiation.identity.ssrc;
        let payload = header
            .payload(packet)
            .filter(|_| !is_ours && self.negotiation.expects(header.payload_type));
        let Some(payload) = payload else {
            self.senseless += 1;
            return;
        };
        let rtp = IncomingRtp {
            payload_type: header.payload_type,
            marker: header.marker,
            sequence: header.sequence,
            timestamp: header.timestamp,
            ssrc: header.ssrc,
            payload,
        };
        self.receiver.receive(rtp, now);
        if let Some(clock_rate) = self.negotiation.event_clock(header.payload_type) {
            self.tones_in
                .receive(header.ssrc, header.timestamp, clock_rate, payload, now);
            self.follow_tones();
        }
        let since = self.since_start(now);
        self.setup.first_packet_in.get_or_insert(since);
    }

    pub(super) fn handle_rtcp(&mut self, packet: &[u8], now: Instant) {
        match self.reports.handle_rtcp(packet, now) {
            // the end of the call is told by SIP
            Ok(RtcpNews::Numbers | RtcpNews::Goodbye) => {}
            Err(_) => self.senseless += 1,
        }
    }

    pub(super) fn send_frame(&mut self, audio: &mut dyn AudioPort, now: Instant) {
        let since = self.since_start(now);
        let event = self.telephone_event().and_then(|event| {
            let (timestamp, stream_clock) = (self.sender.timestamp(), self.sender.codec().clock_rate());
            let packet = self.tones_out.tick(timestamp, stream_clock, event.clock_rate)?;
            Some((event.payload_type, packet))
        });
        if !self.negotiation.sends() {
            return self.sender.skip(audio);
        }
        let rtp = match &event {
            Some((payload_type, packet)) => Some(self.sender.tick_event(*payload_type, packet, audio, now)),
            None => self.sender.tick(audio, now),
        };
        let Some(rtp) = rtp else { return };
        // RFC 3551 §4.1: the start of a talk spurt
        let is_first = self.setup.first_packet_out.is_none();
        if self.transport.send_rtp(&header_of(&rtp, is_first), rtp.payload) {
            self.setup.first_packet_out.get_or_insert(since);
        }
    }

    pub(super) fn follow_tones(&mut self) {
        while let Some(tone) = self.tones_in.poll() {
            self.events.push_back(MediaEvent::ToneReceived(tone));
        }
    }
}

fn header_of(rtp: &OutgoingRtp<'_>, is_first: bool) -> RtpHeader {
    RtpHeader {
        marker: rtp.marker || is_first,
        payload_type: rtp.payload_type,
        sequence: rtp.sequence,
        timestamp: rtp.timestamp,
        ssrc: rtp.ssrc,
        length: FIXED_HEADER,
        has_padding: false,
    }
}
