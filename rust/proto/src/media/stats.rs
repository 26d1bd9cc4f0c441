//! Numbers of one call, published by the driver and read by `call.stats()`.
use std::time::Duration;

/// Time from `start_call` to each stage of the set-up; absent while not reached.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct SetupTimes {
    /// INVITE handed to the transport.
    pub invite_sent: Option<Duration>,
    /// First provisional response with a To-tag.
    pub ringing: Option<Duration>,
    /// 2xx.
    pub answered: Option<Duration>,
    /// First validated ICE pair.
    pub ice_connected: Option<Duration>,
    /// DTLS handshake complete and fingerprint checked.
    pub dtls_connected: Option<Duration>,
    /// First RTP packet out.
    pub first_packet_out: Option<Duration>,
    /// First RTP packet in.
    pub first_packet_in: Option<Duration>,
}

/// A snapshot of one call's numbers.
#[derive(Clone, PartialEq, Default, Debug)]
pub struct CallStats {
    /// Set-up stages.
    pub setup: SetupTimes,
    /// Codec in use, `opus`, `PCMU` or `PCMA`; empty before the answer.
    pub codec: String,
    /// SRTP profile in use; empty before DTLS is up.
    pub srtp_profile: String,
    /// RTP packets sent.
    pub packets_sent: u64,
    /// RTP payload bytes sent.
    pub bytes_sent: u64,
    /// RTP packets received and authenticated.
    pub packets_received: u64,
    /// RTP payload bytes received.
    pub bytes_received: u64,
    /// RTP packets that never came (RFC 3550 cumulative loss).
    pub packets_lost: i64,
    /// Packets that came too late to be played, or twice.
    pub packets_discarded: u64,
    /// Datagrams dropped: not STUN, DTLS or SRTP, failed authentication, replayed, malformed.
    pub packets_rejected: u64,
    /// RFC 3550 interarrival jitter, seconds.
    pub jitter: f64,
    /// Round trip by RTCP or ICE, seconds.
    pub round_trip: Option<f64>,
    /// Loss that the far side reports, 0 to 1.
    pub remote_loss: Option<f64>,
    /// Frames of 20 ms played to readers.
    pub frames_played: u64,
    /// Of those, frames concealed.
    pub frames_concealed: u64,
    /// Delay of the jitter buffer now, seconds.
    pub jitter_buffer_delay: f64,
    /// Frames sent as silence because a writer was late.
    pub frames_late: u64,
    /// Ticks of 20 ms in which a frame was sent and one played.
    pub ticks: u64,
    /// Of those, ticks more than 5 ms late by the driver's clock.
    pub ticks_late: u64,
    /// How often the call moved to another path (ICE restart), by either side.
    pub ice_restarts: u64,
    /// Level sent, dBFS (RMS of the last frame; -127 is silence).
    pub level_out: f64,
    /// Level heard, dBFS (RMS of the last frame; -127 is silence).
    pub level_in: f64,
    /// Seconds in which the far side was audible (frames above -50 dBFS).
    pub seconds_heard: f64,
    /// Mean level heard over those seconds, dBFS.
    pub mean_level_in: f64,
}
