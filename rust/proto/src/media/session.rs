//! Everything of one call's media as one object: values in, values out.
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use super::clip::Clip;
use super::codec::Codec;
use super::description::Direction;
use super::dtls::DtlsCertificate;
use super::error::MediaError;
use super::stats::CallStats;
use crate::io::{AudioPort, ClockOrigin, Datagram, RandomSource, Transmit};

/// What a call's media is made with.
#[derive(Clone, Debug)]
pub struct MediaConfig {
    /// The client's certificate.
    pub certificate: Arc<DtlsCertificate>,
    /// For the NTP times in sender reports.
    pub clock: ClockOrigin,
    /// When `start_call` was called; set-up times count from here.
    pub started: Instant,
    /// What to offer or accept, most wanted first.
    pub codecs: Vec<Codec>,
}

/// What a call's media tells its owner.
#[derive(Clone, PartialEq, Debug)]
pub enum MediaEvent {
    /// First validated ICE pair.
    IceConnected,
    /// DTLS up, fingerprint checked, keys in: sound flows.
    Connected,
    /// A clip ended; `completed` when its last sample has left.
    PlayEnded {
        /// The number given to `play`.
        play: u64,
        /// False when stopped.
        completed: bool,
    },
    /// It is over; nothing more is sent.
    Failed(MediaError),
    /// Something the user should know that ends nothing.
    Warning(String),
}

/// Media of one call: SDP, ICE, DTLS-SRTP, RTP and RTCP, sender and receiver.
pub struct MediaSession {
    config: MediaConfig,
    events: VecDeque<MediaEvent>,
}

impl MediaSession {
    /// Draws credentials, SSRC and RTP offsets. Errors: [`MediaError::Internal`] or [`MediaError::Codec`].
    pub fn new(config: MediaConfig, random: &mut dyn RandomSource, now: Instant) -> Result<Self, MediaError> {
        let _ = (random, now);
        Ok(Self {
            config,
            events: VecDeque::new(),
        })
    }

    /// Takes the bound UDP sockets as host candidates, most wanted first.
    pub fn set_sockets(&mut self, sockets: &[SocketAddr], now: Instant) {
        let _ = (sockets, now);
    }

    /// The SDP to send in an INVITE; we are controlling, `a=setup:actpass`.
    pub fn create_offer(&mut self, now: Instant) -> Result<String, MediaError> {
        let _ = now;
        Err(MediaError::WrongState("not built yet"))
    }

    /// Applies the far side's answer, from 18x or 2xx; the same one again changes nothing.
    pub fn handle_answer(&mut self, sdp: &[u8], now: Instant) -> Result<(), MediaError> {
        let _ = (sdp, now);
        Err(MediaError::WrongState("not built yet"))
    }

    /// Answers an offer. The first one sets the call up; a later one that changes nothing gets the answer again,
    /// any other [`MediaError::OfferNotAcceptable`].
    pub fn handle_offer(&mut self, sdp: &[u8], now: Instant) -> Result<String, MediaError> {
        let _ = (sdp, now);
        Err(MediaError::WrongState("not built yet"))
    }

    /// A new offer in an established call with this direction (`o=` version one higher); its answer goes to `handle_answer`.
    pub fn reoffer(&mut self, direction: Direction, now: Instant) -> Result<String, MediaError> {
        let _ = (direction, now);
        Err(MediaError::WrongState("not built yet"))
    }

    /// Takes a datagram from one of the sockets.
    pub fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Instant) {
        let _ = (datagram, now);
    }

    /// Runs what is due.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// When `handle_timeout` is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        None
    }

    /// The next event.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    /// Sends and plays 20 ms.
    pub fn tick(&mut self, audio: &mut dyn AudioPort, now: Instant) {
        let _ = (audio, now);
    }

    /// Starts a clip; `false` when another one plays.
    pub fn play(&mut self, play: u64, clip: Arc<Clip>) -> bool {
        let _ = (play, clip);
        false
    }

    /// Stops a clip; its `PlayEnded` follows.
    pub fn stop_playing(&mut self, play: u64) {
        let _ = play;
    }

    /// Sends silence instead of sound, or sound again.
    pub fn set_muted(&mut self, muted: bool) {
        let _ = muted;
    }

    /// The call's numbers; `setup.invite_sent`, `ringing` and `answered` are the SIP side's.
    pub fn stats(&self, now: Instant) -> CallStats {
        let _ = (now, &self.config);
        CallStats::default()
    }

    /// Says goodbye: RTCP BYE and DTLS `close_notify` are left to `poll_transmit`.
    pub fn close(&mut self, now: Instant) {
        let _ = now;
    }
}
