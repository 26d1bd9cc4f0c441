//! One call, ours or to us: the INVITE dialog, its media, and every way in which both end.
mod dtmf;
pub(crate) mod end;
pub(crate) mod hangup;
mod incoming;
mod info;
mod invite;
mod media;
mod our_reinvite;
mod parting;
mod reconnect;
mod refresh_invite;
mod reinvite;
pub(crate) mod requests;
mod restart;
mod session_timer;
mod state;
mod update;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Instant;

use dtmf::InfoTones;
use incoming::Incoming;
use invite::Invite;
use media::CallMedia;
use our_reinvite::OurReinvite;
use parting::Parting;
use reconnect::Patience;
use refresh_invite::RefreshInvite;
use reinvite::AwaitedAck;
use restart::Restart;
use session_timer::SessionTimer;
use state::Phase;

use crate::error::SettingsError;
use crate::io::{AudioPort, CallId, CallState, Datagram, Event, NetworkInput, Originator, Output, Stage, UdpInput};
use crate::media::clip::Clip;
use crate::media::stats::SetupTimes;
use crate::sip::Dialog;
use crate::user_agent::context::Context;
use end::cause;

/// One call.
pub(crate) struct Call {
    state: CallState,
    phase: Phase,
    started: Instant,
    setup: SetupTimes,
    invite: Invite,
    dialog: Option<Dialog>,
    media: CallMedia,
    timer: SessionTimer,
    tones: InfoTones,
    awaited_ack: Option<AwaitedAck>,
    /// The far side's INVITE while it rings here.
    incoming: Option<Incoming>,
    /// Nothing of ours waits for the first ACK: none was due, it came, or its time is over.
    was_acknowledged: bool,
    parting: Option<Parting>,
    restart: Restart,
    our_reinvite: OurReinvite,
    refresh_invite: RefreshInvite,
    patience: Patience,
    /// The far side said BYE.
    was_hung_up: bool,
}

impl Call {
    /// Makes a call and asks for its sockets; the INVITE leaves when they are bound and the STUN and TURN servers asked.
    pub(crate) fn start(
        id: CallId,
        target: &str,
        headers: Vec<(String, String)>,
        addresses: &[IpAddr],
        ctx: &mut Context<'_>,
    ) -> Result<Self, SettingsError> {
        let mut call = Self::new(id, Invite::new(target, headers, ctx)?, Phase::Gathering, ctx);
        call.restart = Restart::new(addresses);
        ctx.emit(Event::CallCreated(call.state));
        ctx.output(Output::BindUdp {
            call: id,
            addresses: addresses.to_vec(),
        });
        Ok(call)
    }

    /// Takes the sockets: gathers candidates, and sends the offer with them. Later ones are for another path.
    pub(crate) fn handle_udp(&mut self, input: UdpInput, ctx: &mut Context<'_>) {
        if let UdpInput::Unsendable { local, remote } = input {
            return self.handle_unsendable(local, remote, ctx);
        }
        if !matches!(self.phase, Phase::Gathering | Phase::Alerting) || self.media.is_open() {
            return self.handle_more_sockets(input, ctx);
        }
        match input {
            UdpInput::Unsendable { .. } => {}
            UdpInput::Bound(sockets) => self.gather(&sockets, ctx),
            UdpInput::Failed(text) => self.fail_media(Stage::Ice, format!("no UDP socket could be bound: {text}"), ctx),
        }
    }

    /// Takes a datagram from one of its sockets.
    pub(crate) fn handle_datagram(&mut self, datagram: Datagram<'_>, ctx: &mut Context<'_>) {
        self.media.handle_datagram(datagram, ctx.now);
        self.pump(ctx);
    }

    /// Takes what became of a request of its media to the network.
    pub(crate) fn handle_network(&mut self, input: NetworkInput<'_>, ctx: &mut Context<'_>) {
        self.media.handle_network(input, ctx.now);
        self.pump(ctx);
    }

    /// Runs what is due of media, ringing, session timer, tones and an unacknowledged 2xx.
    pub(crate) fn handle_timeout(&mut self, ctx: &mut Context<'_>) {
        self.media.handle_timeout(ctx.now);
        self.pump(ctx);
        self.run_session_timer(ctx);
        self.run_tones(ctx);
        self.run_awaited_ack(ctx);
        self.run_parting(ctx);
        self.run_patience(ctx);
        self.run_no_answer(ctx);
    }

    /// When [`Self::handle_timeout`] is due.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let ack = self.awaited_ack.as_ref().and_then(AwaitedAck::poll_timeout);
        let patience = self.patience.poll_timeout();
        let tones = self.tones.poll_timeout();
        let restart = self.restart.poll_timeout();
        let times = [
            self.media.poll_timeout(),
            self.timer.poll_timeout(),
            tones,
            ack,
            restart,
            self.our_reinvite.poll_timeout(),
            self.refresh_invite.poll_timeout(),
            patience,
            self.gives_up_at(),
            self.parting.as_ref().and_then(Parting::poll_timeout),
        ];
        times.into_iter().flatten().min()
    }

    /// Sends and plays 20 ms.
    pub(crate) fn tick(&mut self, audio: &mut dyn AudioPort, ctx: &mut Context<'_>) {
        self.media.tick(audio, ctx.now);
        self.pump(ctx);
    }

    /// Plays a clip.
    pub(crate) fn play(&mut self, play: u64, clip: Arc<Clip>, ctx: &mut Context<'_>) {
        // nothing follows a call's end, not even the news that a clip could not play
        if !self.is_over() {
            self.media.play(play, clip, ctx);
        }
    }

    /// Stops a clip.
    pub(crate) fn stop_playing(&mut self, play: u64, ctx: &mut Context<'_>) {
        self.media.stop_playing(play);
        self.pump(ctx);
    }

    fn new(id: CallId, invite: Invite, phase: Phase, ctx: &Context<'_>) -> Self {
        Self {
            state: state::initial(id, ctx),
            phase,
            started: ctx.now,
            setup: SetupTimes::default(),
            invite,
            dialog: None,
            media: CallMedia::new(id),
            timer: SessionTimer::new(ctx.signaling.identity.settings().session_expires),
            tones: InfoTones::default(),
            awaited_ack: None,
            incoming: None,
            was_acknowledged: phase != Phase::Alerting,
            parting: None,
            restart: Restart::new(&[]),
            our_reinvite: OurReinvite::default(),
            refresh_invite: RefreshInvite::default(),
            patience: Patience::default(),
            was_hung_up: false,
        }
    }

    fn id(&self) -> CallId {
        self.state.call
    }

    fn gather(&mut self, sockets: &[SocketAddr], ctx: &mut Context<'_>) {
        match self.media.open(sockets, self.started, ctx) {
            Ok(()) => {
                self.media.set_muted(self.state.muted);
                self.pump(ctx);
            }
            Err(error) => self.fail_media(error.stage(), error.to_string(), ctx),
        }
    }

    /// Hands on what media wants; a failure of media ends the call.
    fn pump(&mut self, ctx: &mut Context<'_>) {
        if let Some(error) = self.media.pump(ctx) {
            self.end_by_media(&error, ctx);
        } else if self.phase == Phase::Gathering && self.media.is_gathered() {
            self.offer(ctx);
        } else if self.phase == Phase::Alerting {
            self.answer_when_ready(ctx);
        } else if self.phase == Phase::Answered {
            self.run_reinvite(ctx);
            self.run_restart(ctx);
            self.run_refresh_invite(ctx);
            self.media.flush(ctx);
        }
    }

    fn offer(&mut self, ctx: &mut Context<'_>) {
        match self.media.create_offer(ctx.now) {
            Ok(offer) => self.send_invite(offer, ctx),
            Err(error) => self.fail_media(error.stage(), error.to_string(), ctx),
        }
    }

    fn fail_media(&mut self, stage: Stage, hint: String, ctx: &mut Context<'_>) {
        if self.phase == Phase::Alerting {
            return self.refuse_by_media(stage, hint, ctx);
        }
        self.finish(end::failure(Originator::Local, cause::WEBRTC_ERROR, stage, hint), ctx);
    }
}
