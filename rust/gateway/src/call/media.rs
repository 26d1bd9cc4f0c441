//! One call's sound: media session, the agent's ear and the bad network between them and the client.
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use c2c_proto::dtmf::Step;
use c2c_proto::io::{Datagram, RandomSource, Transmit};
use c2c_proto::media::clip::Clip;
use c2c_proto::media::codec::Codec;
use c2c_proto::media::description::Direction;
use c2c_proto::media::dtmf::ReceivedTone;
use c2c_proto::media::error::MediaError;
use c2c_proto::media::session::{MediaConfig, MediaEvent, MediaSession};
use c2c_proto::media::stats::CallStats;

use super::ear::Ear;
use super::impairment::{Impairment, hostile_payloads};
use crate::context::Context;

/// What a call hears of its sound.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum SoundEvent {
    Connected,
    /// A tone of the client's is over.
    Tone(ReceivedTone),
    /// A clip ended; `scripted` when the script started it.
    Played {
        scripted: bool,
    },
    Failed(MediaError),
}

/// Media of one call.
pub(crate) struct CallMedia {
    session: MediaSession,
    ear: Ear,
    impairment: Impairment,
    plays: u64,
    scripted_play: Option<u64>,
    target: Option<(SocketAddr, SocketAddr)>,
}

impl CallMedia {
    pub(crate) fn new(context: &mut Context<'_>) -> Result<Self, MediaError> {
        let settings = &context.shared.settings;
        let certificate = context.shared.certificate.clone();
        let config = MediaConfig {
            codecs: settings.codecs.clone(),
            ..MediaConfig::new(certificate, context.shared.clock, context.now)
        };
        Ok(Self {
            session: MediaSession::new(config, context.random, context.now)?,
            ear: Ear::new(settings.hearing),
            impairment: Impairment::new(settings),
            plays: 0,
            scripted_play: None,
            target: None,
        })
    }

    pub(crate) fn set_sockets(&mut self, sockets: &[SocketAddr], now: Instant) {
        self.session.set_sockets(sockets, now);
    }

    /// The answer to an offer, the first or a later one.
    pub(crate) fn handle_offer(&mut self, sdp: &[u8], now: Instant) -> Result<String, MediaError> {
        self.session.handle_offer(sdp, now)
    }

    /// An offer that holds or resumes.
    pub(crate) fn reoffer(&mut self, direction: Direction, now: Instant) -> Result<String, MediaError> {
        self.session.reoffer(direction, now)
    }

    /// What is offered and accepted from now on.
    pub(crate) fn set_codecs(&mut self, codecs: Vec<Codec>) {
        self.session.set_codecs(codecs);
    }

    /// Sends tones; a client that takes none gets none.
    pub(crate) fn send_tones(&mut self, steps: VecDeque<Step>) {
        if let Err(cause) = self.session.send_tones(steps) {
            tracing::warn!("tones are not sent: {cause}");
        }
    }

    pub(crate) fn handle_answer(&mut self, sdp: &[u8], now: Instant) -> Result<(), MediaError> {
        self.session.handle_answer(sdp, now)
    }

    pub(crate) fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Instant) {
        self.session.handle_datagram(datagram, now);
    }

    pub(crate) fn handle_timeout(&mut self, now: Instant) {
        if self.session.poll_timeout().is_some_and(|due| due <= now) {
            self.session.handle_timeout(now);
        }
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        earliest([self.session.poll_timeout(), self.impairment.poll_timeout()])
    }

    /// The next datagram to send.
    pub(crate) fn poll_transmit(&mut self, random: &mut dyn RandomSource, now: Instant) -> Option<Transmit> {
        while let Some(datagram) = self.session.poll_transmit() {
            self.target = Some((datagram.local, datagram.remote));
            if let Some(datagram) = self.impairment.pass(datagram, random, now) {
                return Some(datagram);
            }
        }
        self.impairment.poll_transmit(now)
    }

    /// Datagrams that the client must drop.
    pub(crate) fn hostile(&self, random: &mut dyn RandomSource) -> Vec<Transmit> {
        let Some((local, remote)) = self.target else {
            return Vec::new();
        };
        let payloads = hostile_payloads(random).into_iter();
        payloads.map(|payload| Transmit { local, remote, payload }).collect()
    }

    pub(crate) fn poll_event(&mut self) -> Option<SoundEvent> {
        loop {
            match self.session.poll_event()? {
                MediaEvent::Connected => return Some(SoundEvent::Connected),
                MediaEvent::ToneReceived(tone) => return Some(SoundEvent::Tone(tone)),
                MediaEvent::Failed(error) => return Some(SoundEvent::Failed(error)),
                MediaEvent::PlayEnded { play, .. } => {
                    let scripted = self.scripted_play.take_if(|mine| *mine == play).is_some();
                    return Some(SoundEvent::Played { scripted });
                }
                MediaEvent::Gathered
                | MediaEvent::ServerWarning(_)
                | MediaEvent::IceConnected
                | MediaEvent::Closed
                | MediaEvent::PathSilent
                | MediaEvent::Moved
                | MediaEvent::RestartFailed
                | MediaEvent::SocketsFree(_)
                | MediaEvent::Warning(_) => {}
            }
        }
    }

    pub(crate) fn tick(&mut self, now: Instant) {
        self.session.tick(&mut self.ear, now);
    }

    /// Starts a clip unless one plays.
    pub(crate) fn play(&mut self, clip: Arc<Clip>, scripted: bool) -> bool {
        self.plays += 1;
        let started = self.session.play(self.plays, clip);
        if started && scripted {
            self.scripted_play = Some(self.plays);
        }
        started
    }

    pub(crate) fn set_echo(&mut self, on: bool) {
        self.ear.set_echo(on);
    }

    pub(crate) fn listen(&mut self) {
        self.ear.listen();
    }

    pub(crate) fn silence_after_sound(&self) -> Option<Duration> {
        self.ear.silence_after_sound()
    }

    pub(crate) fn stats(&self, now: Instant) -> CallStats {
        self.session.stats(now)
    }

    pub(crate) fn close(&mut self, now: Instant) {
        self.session.close(now);
    }

    pub(crate) fn take_heard(&mut self) -> Option<Arc<Clip>> {
        self.ear.take_heard()
    }
}

/// The earliest of several due times.
pub(crate) fn earliest(times: impl IntoIterator<Item = Option<Instant>>) -> Option<Instant> {
    times.into_iter().flatten().min()
}
