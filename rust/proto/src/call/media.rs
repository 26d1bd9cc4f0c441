//! A call's media session and what it asks of the driver.
use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use crate::dtmf::{DtmfTransport, Step};
use crate::io::{AudioPort, CallId, Datagram, Event, NetworkInput, Output, ReceivedDtmf, Stage};
use crate::media::clip::Clip;
use crate::media::description::Direction;
use crate::media::dtmf::ReceivedTone;
use crate::media::error::MediaError;
use crate::media::session::{MediaConfig, MediaEvent, MediaSession};
use crate::media::stats::CallStats;
use crate::user_agent::context::Context;

/// News of paths that wait for the call to be answered.
const MAX_PATH_NEWS: usize = 8;

/// What became of the paths of a call.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum PathNews {
    /// The one in use answers no more.
    Silent,
    /// The next one works.
    Moved,
    /// The next one does not work.
    RestartFailed,
}

/// Media of one call: nothing before its sockets are bound and after its end.
pub(super) struct CallMedia {
    call: CallId,
    session: Option<MediaSession>,
    is_gathered: bool,
    is_closing: bool,
    is_ticking: bool,
    has_track: bool,
    playing: Option<u64>,
    /// What the call has not looked at: it does after each input, once it is answered. The oldest is dropped.
    paths: VecDeque<PathNews>,
}

impl CallMedia {
    pub(super) fn new(call: CallId) -> Self {
        Self {
            call,
            session: None,
            is_gathered: false,
            is_closing: false,
            is_ticking: false,
            has_track: false,
            playing: None,
            paths: VecDeque::new(),
        }
    }

    /// Starts a session on these sockets, which asks the STUN and TURN servers.
    pub(super) fn open(
        &mut self,
        sockets: &[SocketAddr],
        started: Instant,
        ctx: &mut Context<'_>,
    ) -> Result<(), MediaError> {
        let certificate = Arc::clone(&ctx.core.certificate);
        let config = MediaConfig {
            ice: ctx.signaling.identity.settings().ice.clone(),
            ..MediaConfig::new(certificate, ctx.core.clock, started)
        };
        let mut session = MediaSession::new(config, ctx.core.random.as_mut(), ctx.now)?;
        session.set_sockets(sockets, ctx.now);
        self.session = Some(session);
        Ok(())
    }

    /// Whether it has sockets.
    pub(super) fn is_open(&self) -> bool {
        self.session.is_some()
    }

    /// Whether the servers have answered, failed or had their time.
    pub(super) fn is_gathered(&self) -> bool {
        self.is_gathered
    }

    /// The offer of the INVITE, with the candidates that are there.
    pub(super) fn create_offer(&mut self, now: Instant) -> Result<String, MediaError> {
        self.session()?.create_offer(now)
    }

    /// Applies the far side's answer; the first one that can be used makes the track.
    pub(super) fn handle_answer(&mut self, sdp: &[u8], ctx: &mut Context<'_>) -> Result<(), MediaError> {
        let session = self.session()?;
        let before = session.peers();
        session.handle_answer(sdp, ctx.now)?;
        if session.peers() != before {
            // of the paths to another peer
            self.paths.clear();
        }
        if !std::mem::replace(&mut self.has_track, true) {
            ctx.emit(Event::TrackAdded(self.call));
        }
        Ok(())
    }

    /// What answers the far side's INVITE, and makes the track: our answer, or our offer to one without an offer.
    pub(super) fn describe_called(&mut self, sdp: &[u8], ctx: &mut Context<'_>) -> Result<String, MediaError> {
        let description = if sdp.is_empty() {
            self.create_offer(ctx.now)?
        } else {
            self.handle_offer(sdp, ctx.now)?
        };
        if !std::mem::replace(&mut self.has_track, true) {
            ctx.emit(Event::TrackAdded(self.call));
        }
        Ok(description)
    }

    /// Our answer to an offer in mid-call.
    pub(super) fn handle_offer(&mut self, sdp: &[u8], now: Instant) -> Result<String, MediaError> {
        self.session()?.handle_offer(sdp, now)
    }

    /// Our offer in mid-call, for a request that came without one.
    pub(super) fn reoffer(&mut self, now: Instant) -> Result<String, MediaError> {
        self.session()?.reoffer(Direction::SendRecv, now)
    }

    /// Looks for another path from these sockets; `is_gathered` tells when it can be offered.
    pub(super) fn begin_restart(&mut self, sockets: &[SocketAddr], now: Instant) -> Result<(), MediaError> {
        self.is_gathered = false;
        self.session()?.begin_restart(sockets, now)
    }

    /// The offer of an ICE restart.
    pub(super) fn restart_offer(&mut self, now: Instant) -> Result<String, MediaError> {
        self.session()?.restart_offer(now)
    }

    /// The media session, once there are sockets.
    pub(super) fn live(&mut self) -> Option<&mut MediaSession> {
        self.session.as_mut().filter(|_| !self.is_closing)
    }

    fn note_path(&mut self, news: PathNews) {
        if self.paths.len() >= MAX_PATH_NEWS {
            self.paths.pop_front();
        }
        self.paths.push_back(news);
    }

    /// What became of the paths since the last look.
    pub(super) fn take_path_news(&mut self) -> VecDeque<PathNews> {
        std::mem::take(&mut self.paths)
    }

    /// Whether an offer of ours has no answer yet.
    pub(super) fn is_offering(&self) -> bool {
        self.session.as_ref().is_some_and(MediaSession::is_offering)
    }

    /// Whether the far side holds the call.
    pub(super) fn is_held(&self) -> bool {
        self.session.as_ref().is_some_and(MediaSession::is_held)
    }

    pub(super) fn handle_datagram(&mut self, datagram: Datagram<'_>, now: Instant) {
        if let Some(session) = &mut self.session {
            session.handle_datagram(datagram, now);
        }
    }

    pub(super) fn handle_network(&mut self, input: NetworkInput<'_>, now: Instant) {
        if let Some(session) = &mut self.session {
            session.handle_network(input, now);
        }
    }

    pub(super) fn handle_timeout(&mut self, now: Instant) {
        if let Some(session) = &mut self.session
            && session.poll_timeout().is_some_and(|at| at <= now)
        {
            session.handle_timeout(now);
        }
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.session.as_ref().and_then(MediaSession::poll_timeout)
    }

    pub(super) fn tick(&mut self, audio: &mut dyn AudioPort, now: Instant) {
        if let Some(session) = &mut self.session {
            session.tick(audio, now);
        }
    }

    /// Sound heard from now on is that of the answered call.
    pub(super) fn answered(&mut self) {
        if let Some(session) = &mut self.session {
            session.restart_position();
        }
    }

    pub(super) fn set_muted(&mut self, muted: bool) {
        if let Some(session) = &mut self.session {
            session.set_muted(muted);
        }
    }

    /// Sends tones as telephone-events; the error says why not.
    pub(super) fn send_tones(&mut self, steps: VecDeque<Step>) -> Result<(), &'static str> {
        let session = self.session.as_mut().ok_or("the call has no media yet")?;
        session.send_tones(steps)
    }

    /// Starts a clip, or says at once that it ended.
    pub(super) fn play(&mut self, play: u64, clip: Arc<Clip>, ctx: &mut Context<'_>) {
        let is_playing = self.session.as_mut().is_some_and(|session| session.play(play, clip));
        if is_playing {
            self.playing = Some(play);
        } else {
            ctx.emit(play_ended(self.call, play, false));
        }
    }

    pub(super) fn stop_playing(&mut self, play: u64) {
        if let Some(session) = &mut self.session {
            session.stop_playing(play);
        }
    }

    pub(super) fn stats(&self, now: Instant) -> CallStats {
        self.session
            .as_ref()
            .map_or_else(CallStats::default, |session| session.stats(now))
    }

    /// Hands on what the session wants sent and told; gives the failure that ends the call.
    pub(super) fn pump(&mut self, ctx: &mut Context<'_>) -> Option<MediaError> {
        self.pump_transmits(ctx);
        if self.is_closing {
            // nothing is told of a call that is over
            self.release_when_closed(ctx);
            return None;
        }
        let mut failure = None;
        while let Some(event) = self.session.as_mut().and_then(MediaSession::poll_event) {
            match event {
                MediaEvent::Gathered => self.is_gathered = true,
                // SIP tells the end
                MediaEvent::IceConnected | MediaEvent::Closed => {}
                MediaEvent::PathSilent => self.note_path(PathNews::Silent),
                MediaEvent::Moved => self.note_path(PathNews::Moved),
                MediaEvent::RestartFailed => self.note_path(PathNews::RestartFailed),
                MediaEvent::SocketsFree(sockets) => ctx.output(Output::CloseUdp {
                    call: self.call,
                    sockets,
                }),
                MediaEvent::Connected => self.connected(ctx),
                MediaEvent::PlayEnded { play, completed } => self.play_ended(play, completed, ctx),
                MediaEvent::ToneReceived(ReceivedTone { tone, duration }) => {
                    ctx.emit(Event::DtmfReceived(ReceivedDtmf {
                        call: self.call,
                        tone,
                        duration: Some(duration),
                        transport: DtmfTransport::Rfc4733,
                    }));
                }
                MediaEvent::Failed(error) => failure = failure.or(Some(error)),
                MediaEvent::Warning(text) => ctx.emit(warning(Stage::Media, text)),
                MediaEvent::ServerWarning(text) => ctx.emit(warning(Stage::Ice, text)),
            }
        }
        failure
    }

    /// Hands on what the session wants sent.
    pub(super) fn flush(&mut self, ctx: &mut Context<'_>) {
        if !self.is_closing {
            self.pump_transmits(ctx);
        }
    }

    /// Says goodbye on the media path and gives slot and sockets back; the sockets once the relays are given back.
    pub(super) fn close(&mut self, ctx: &mut Context<'_>) {
        if let Some(session) = &mut self.session {
            session.close(ctx.now);
            self.pump(ctx);
        }
        if let Some(play) = self.playing.take() {
            ctx.emit(play_ended(self.call, play, false));
        }
        if std::mem::take(&mut self.is_ticking) {
            ctx.output(Output::StopTicking(self.call));
        }
        self.is_closing = true;
        if self.session.as_ref().is_some_and(|session| !session.is_closed()) {
            ctx.output(Output::EndAudio(self.call));
        } else {
            self.release(ctx);
        }
    }

    /// Whether its sockets are held until its relays are given back.
    pub(super) fn is_releasing(&self) -> bool {
        self.is_closing && self.session.is_some()
    }

    /// Gives the sockets back.
    pub(super) fn release(&mut self, ctx: &mut Context<'_>) {
        self.session = None;
        ctx.output(Output::Release(self.call));
    }

    fn release_when_closed(&mut self, ctx: &mut Context<'_>) {
        if self.session.as_ref().is_some_and(MediaSession::is_closed) {
            self.release(ctx);
        }
    }

    fn session(&mut self) -> Result<&mut MediaSession, MediaError> {
        self.session.as_mut().ok_or(MediaError::WrongState("no media yet"))
    }

    fn pump_transmits(&mut self, ctx: &mut Context<'_>) {
        while let Some(transmit) = self.session.as_mut().and_then(MediaSession::poll_transmit) {
            ctx.output(Output::Transmit(self.call, transmit));
        }
        while let Some(request) = self.session.as_mut().and_then(MediaSession::poll_request) {
            ctx.output(Output::Network(self.call, request));
        }
    }

    /// Told once, though media may begin anew with what the 2xx says.
    fn connected(&mut self, ctx: &mut Context<'_>) {
        if !std::mem::replace(&mut self.is_ticking, true) {
            ctx.emit(Event::MediaConnected(self.call));
            ctx.output(Output::StartTicking(self.call));
        }
    }

    fn play_ended(&mut self, play: u64, completed: bool, ctx: &mut Context<'_>) {
        if self.playing.take_if(|playing| *playing == play).is_some() {
            ctx.emit(play_ended(self.call, play, completed));
        }
    }
}

fn warning(stage: Stage, text: String) -> Event {
    Event::Warning { stage, text }
}

fn play_ended(call: CallId, play: u64, completed: bool) -> Event {
    Event::PlayEnded { call, play, completed }
}
