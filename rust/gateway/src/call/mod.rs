//! One call: an INVITE, its dialog, its sound and the agent's way through the script.
mod answering;
mod bad_answer;
mod ear;
mod ending;
mod impairment;
mod malformed;
mod media;
mod received;
mod requests;
mod script_run;
mod session_timer;

use std::net::SocketAddr;
use std::time::Instant;

use c2c_proto::dtmf::DtmfTransport;
use c2c_proto::io::{CallId, Datagram, Output, ReceivedDtmf};
use c2c_proto::media::description::Direction;
use c2c_proto::media::dtmf::ReceivedTone;
use c2c_proto::media::stats::CallStats;
use c2c_proto::sip::transaction::{InviteServerTransaction, SuccessRepeat};
use c2c_proto::sip::{Dialog, Request, Response};

pub(crate) use self::received::{capable, refuse};

use self::media::{CallMedia, SoundEvent, earliest};
use self::requests::OurRequest;
use self::script_run::{Action, Occurrence, ScriptRun};
use self::session_timer::SessionTimer;
use crate::context::Context;
use crate::io::{CallCommand, GatewayEvent};
use crate::misbehaviour::{Misbehaviour, Moment};

/// One call.
pub(crate) struct Call {
    id: CallId,
    tag: String,
    invite: InviteServerTransaction,
    dialog: Dialog,
    media: CallMedia,
    script: ScriptRun,
    phase: Phase,
    has_rung: bool,
    /// Our SDP, once there are sockets.
    answer: Option<String>,
    /// A 200 to INVITE or re-INVITE that waits for its ACK.
    success: Option<(Response, SuccessRepeat)>,
    /// A BYE to be sent when the ACK comes, before which there may be none (RFC 3261 §15).
    after_ack: Option<Action>,
    timer: Option<SessionTimer>,
    requests: Vec<OurRequest>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Phase {
    /// Before the final response.
    Proceeding,
    /// 200 was sent.
    Answered,
    /// ACK came.
    Confirmed,
    /// Over; only our last requests wait for their responses.
    Ended,
}

impl Call {
    /// Whether nothing is left to wait for.
    pub(crate) fn is_over(&self) -> bool {
        self.phase == Phase::Ended && self.requests.is_empty()
    }

    /// Whether a request belongs to this call's dialog.
    pub(crate) fn owns(&self, request: &Request) -> bool {
        self.dialog.matches_request(request)
    }

    /// Takes the sockets: from now on the script runs.
    pub(crate) fn bound(&mut self, sockets: &[SocketAddr], context: &mut Context<'_>) {
        if self.phase != Phase::Proceeding {
            return;
        }
        self.media.set_sockets(sockets, context.now);
        match self.media.handle_offer(&self.invite.invite().body, context.now) {
            Ok(answer) => self.answer = Some(answer),
            Err(error) => return self.reject(488, "Not Acceptable Here", &error.to_string(), context),
        }
        self.settle(context);
    }

    pub(crate) fn handle_datagram(&mut self, datagram: Datagram<'_>, context: &mut Context<'_>) {
        if self.phase != Phase::Ended {
            self.media.handle_datagram(datagram, context.now);
            self.settle(context);
        }
    }

    pub(crate) fn tick(&mut self, context: &mut Context<'_>) {
        self.media.tick(context.now);
        if self.script.is_listening()
            && let Some(silence) = self.media.silence_after_sound()
        {
            self.script.notify(Occurrence::Silence(silence));
        }
        self.settle(context);
    }

    pub(crate) fn handle_command(&mut self, command: CallCommand, context: &mut Context<'_>) {
        if self.phase == Phase::Ended {
            return;
        }
        match command {
            CallCommand::Answer => self.answer(context),
            CallCommand::Play(clip) => {
                self.media.play(clip, false);
            }
            CallCommand::SendInfo { content_type, body } => self.send_info(&content_type, body, false, context),
            CallCommand::Hold => self.reoffer(Direction::SendOnly, false, context),
            CallCommand::Resume => self.reoffer(Direction::SendRecv, false, context),
            CallCommand::ChangeCodecs(codecs) => self.change_codecs(codecs, false, context),
            CallCommand::SendTones(request) => self.media.send_tones(request.steps().unwrap_or_default()),
            CallCommand::Refresh => self.send_refresh(false, context),
            CallCommand::HangUp(reason) => self.hang_up(reason, context),
        }
        self.settle(context);
    }

    pub(crate) fn handle_timeout(&mut self, context: &mut Context<'_>) {
        self.handle_request_timeouts(context);
        if self.phase == Phase::Ended {
            return;
        }
        self.repeat_success(context);
        self.keep_session(context);
        self.media.handle_timeout(context.now);
        self.settle(context);
    }

    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        let requests = earliest(self.requests.iter().map(OurRequest::poll_timeout));
        if self.phase == Phase::Ended {
            return requests;
        }
        let repeat = self.success.as_ref().map(|(_, repeat)| repeat.poll_timeout());
        let timer = self.timer.filter(|_| self.phase == Phase::Confirmed);
        let script = self.answer.as_ref().and_then(|_| self.script.poll_timeout());
        earliest([
            requests,
            repeat,
            timer.map(|timer| timer.poll_timeout()),
            script,
            self.media.poll_timeout(),
        ])
    }

    pub(crate) fn stats(&self, now: Instant) -> Option<CallStats> {
        (self.phase != Phase::Ended).then(|| self.media.stats(now))
    }

    /// Takes what the media has to say, does what the script says next, and sends what is to be sent.
    fn settle(&mut self, context: &mut Context<'_>) {
        while self.phase != Phase::Ended
            && let Some(event) = self.media.poll_event()
        {
            self.handle_sound(event, context);
        }
        self.run_script(context);
        if self.phase != Phase::Ended {
            self.transmit(context);
        }
    }

    fn run_script(&mut self, context: &mut Context<'_>) {
        let stalls = context.settings().misbehaves(&Misbehaviour::StallInvite);
        while self.answer.is_some()
            && !stalls
            && self.phase != Phase::Ended
            && let Some(action) = self.script.poll_action(context.now)
        {
            self.act(action, context);
        }
    }

    fn act(&mut self, action: Action, context: &mut Context<'_>) {
        match action {
            Action::Ring => self.ring(context),
            Action::Progress(clip) => self.progress(clip, context),
            Action::Reject { status, reason } => self.reject(status, &reason, "rejected", context),
            Action::Answer => self.answer(context),
            Action::Play(clip) => {
                if !self.media.play(clip, true) {
                    self.script.notify(Occurrence::Played);
                }
            }
            Action::Listen => self.media.listen(),
            Action::SetEcho(on) => self.media.set_echo(on),
            Action::SendInfo { content_type, body } => self.send_info(&content_type, body, true, context),
            Action::Hold => self.reoffer(Direction::SendOnly, true, context),
            Action::Resume => self.reoffer(Direction::SendRecv, true, context),
            Action::ChangeCodecs(codecs) => self.change_codecs(codecs, true, context),
            Action::SendTones(steps) => self.media.send_tones(steps),
            Action::Refresh => self.send_refresh(true, context),
            Action::HangUp(reason) => self.hang_up(reason, context),
            Action::End => context.tell(GatewayEvent::ScriptEnded(self.id)),
        }
    }

    fn handle_sound(&mut self, event: SoundEvent, context: &mut Context<'_>) {
        match event {
            SoundEvent::Connected => self.media_connected(context),
            SoundEvent::Played { scripted } => {
                context.tell(GatewayEvent::Played(self.id));
                if scripted {
                    self.script.notify(Occurrence::Played);
                }
            }
            SoundEvent::Tone(ReceivedTone { tone, duration }) => {
                context.tell(GatewayEvent::DtmfReceived(ReceivedDtmf {
                    call: self.id,
                    tone,
                    duration: Some(duration),
                    transport: DtmfTransport::Rfc4733,
                }));
            }
            SoundEvent::Failed(error) => self.media_failed(&error, context),
        }
    }

    fn media_connected(&mut self, context: &mut Context<'_>) {
        context.tell(GatewayEvent::MediaConnected(self.id));
        context.output(Output::StartTicking(self.id));
        context.reach(Moment::MediaConnected);
        self.script.notify(Occurrence::MediaConnected);
        if context.settings().misbehaves(&Misbehaviour::HostileDatagrams) {
            for datagram in self.media.hostile(context.random) {
                context.output(Output::Transmit(self.id, datagram));
            }
        }
    }

    fn transmit(&mut self, context: &mut Context<'_>) {
        while let Some(datagram) = self.media.poll_transmit(context.random, context.now) {
            context.output(Output::Transmit(self.id, datagram));
        }
    }
}
