//! One call's way through the script: told what happens and the time, says what to do next.
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use c2c_proto::dtmf::{self, DtmfRequest};
use c2c_proto::media::clip::Clip;
use c2c_proto::media::codec::Codec;

use crate::script::{HangUpReason, Step};

/// What the call has to do.
#[derive(Clone, PartialEq, Debug)]
pub(crate) enum Action {
    Ring,
    Progress(Option<Arc<Clip>>),
    Reject { status: u16, reason: String },
    Answer,
    Play(Arc<Clip>),
    Listen,
    SetEcho(bool),
    SendInfo { content_type: String, body: Vec<u8> },
    Hold,
    Resume,
    ChangeCodecs(Vec<Codec>),
    SendTones(VecDeque<dtmf::Step>),
    Refresh,
    HangUp(Option<HangUpReason>),
    End,
}

/// What steps wait for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Occurrence {
    /// ACK to the 200.
    Answered,
    /// ICE and DTLS are up.
    MediaConnected,
    /// The clip that the script started ended, or could not start.
    Played,
    /// INFO came.
    InfoReceived,
    /// INFO, UPDATE or re-INVITE got its final response.
    Responded,
    /// Silence since the last sound heard, once there was one.
    Silence(Duration),
}

/// Position in the script.
#[derive(Debug)]
pub(crate) struct ScriptRun {
    steps: Arc<[Step]>,
    next: usize,
    waiting: Waiting,
    answered: bool,
    media_connected: bool,
    infos: usize,
}

#[derive(Clone, Copy, PartialEq, Debug)]
enum Waiting {
    Nothing,
    Until(Instant),
    Echo(Instant),
    Answer,
    Media,
    Played,
    Silence(Option<Duration>, Instant),
    Info(Instant),
    Response,
    Forever,
}

impl ScriptRun {
    pub(crate) fn new(steps: Arc<[Step]>) -> Self {
        Self {
            steps,
            next: 0,
            waiting: Waiting::Nothing,
            answered: false,
            media_connected: false,
            infos: 0,
        }
    }

    /// Whether what is heard matters now.
    pub(crate) fn is_listening(&self) -> bool {
        matches!(self.waiting, Waiting::Silence(Some(_), _))
    }

    /// Takes what happened; ask [`Self::poll_action`] afterwards.
    pub(crate) fn notify(&mut self, occurrence: Occurrence) {
        match occurrence {
            Occurrence::Answered => self.answered = true,
            Occurrence::MediaConnected => self.media_connected = true,
            Occurrence::InfoReceived => self.infos += 1,
            Occurrence::Played | Occurrence::Responded | Occurrence::Silence(_) => {}
        }
        if self.is_what_we_wait_for(occurrence) {
            self.waiting = Waiting::Nothing;
        }
    }

    /// The next thing to do at `now`; ask until `None`.
    pub(crate) fn poll_action(&mut self, now: Instant) -> Option<Action> {
        if self.poll_timeout().is_some_and(|due| due <= now) {
            let was = std::mem::replace(&mut self.waiting, Waiting::Nothing);
            if matches!(was, Waiting::Echo(_)) {
                return Some(Action::SetEcho(false));
            }
        }
        while self.waiting == Waiting::Nothing {
            if let Some(action) = self.begin_step(now) {
                return Some(action);
            }
        }
        None
    }

    /// When the step at hand is over by itself.
    pub(crate) fn poll_timeout(&self) -> Option<Instant> {
        match self.waiting {
            Waiting::Until(due) | Waiting::Echo(due) | Waiting::Silence(_, due) | Waiting::Info(due) => Some(due),
            _ => None,
        }
    }

    fn is_what_we_wait_for(&self, occurrence: Occurrence) -> bool {
        match (self.waiting, occurrence) {
            (Waiting::Answer, Occurrence::Answered)
            | (Waiting::Media, Occurrence::MediaConnected)
            | (Waiting::Played, Occurrence::Played)
            | (Waiting::Info(_), Occurrence::InfoReceived)
            | (Waiting::Response, Occurrence::Responded) => true,
            (Waiting::Silence(Some(wanted), _), Occurrence::Silence(silence)) => silence >= wanted,
            _ => false,
        }
    }

    fn begin_step(&mut self, now: Instant) -> Option<Action> {
        let step = self.steps.get(self.next).cloned();
        if !self.answered && !step.as_ref().is_some_and(Step::precedes_answer) {
            self.waiting = Waiting::Answer;
            return Some(Action::Answer);
        }
        let Some(step) = step else {
            self.waiting = Waiting::Forever;
            return Some(Action::End);
        };
        if step.needs_media() && !self.media_connected {
            self.waiting = Waiting::Media;
            return None;
        }
        self.next += 1;
        let (waiting, action) = self.enter(step, now);
        self.waiting = waiting;
        action
    }

    fn enter(&mut self, step: Step, now: Instant) -> (Waiting, Option<Action>) {
        match step {
            Step::Ring(time) => (Waiting::Until(now + time), Some(Action::Ring)),
            Step::Progress { time, clip } => (Waiting::Until(now + time), Some(Action::Progress(clip))),
            Step::Reject { status, reason } => (Waiting::Forever, Some(Action::Reject { status, reason })),
            Step::Answer => (Waiting::Nothing, None),
            Step::Play { clip, background } => (played(background), Some(Action::Play(clip))),
            Step::Wait(time) => (Waiting::Until(now + time), None),
            Step::Listen { silence, at_most } => (Waiting::Silence(silence, now + at_most), Some(Action::Listen)),
            Step::Echo(time) => (Waiting::Echo(now + time), Some(Action::SetEcho(true))),
            Step::SendInfo { content_type, body } => (Waiting::Response, Some(Action::SendInfo { content_type, body })),
            Step::AwaitInfo(at_most) => (self.info_or(now + at_most), None),
            Step::Hold => (Waiting::Response, Some(Action::Hold)),
            Step::Resume => (Waiting::Response, Some(Action::Resume)),
            Step::ChangeCodecs(codecs) => (Waiting::Response, Some(Action::ChangeCodecs(codecs))),
            Step::SendTones(request) => tones(&request, now),
            Step::Refresh => (Waiting::Response, Some(Action::Refresh)),
            Step::HangUp(reason) => (Waiting::Forever, Some(Action::HangUp(reason))),
        }
    }

    /// INFOs that came before the script waited for them count, one a step.
    fn info_or(&mut self, until: Instant) -> Waiting {
        match self.infos.checked_sub(1) {
            Some(left) => {
                self.infos = left;
                Waiting::Nothing
            }
            None => Waiting::Info(until),
        }
    }
}

fn played(background: bool) -> Waiting {
    if background { Waiting::Nothing } else { Waiting::Played }
}

fn tones(request: &DtmfRequest, now: Instant) -> (Waiting, Option<Action>) {
    // whoever makes the step has checked the tones
    let steps = request.steps().unwrap_or_default();
    let time = steps.iter().map(|step| match step {
        dtmf::Step::Tone { duration, gap, .. } => *duration + *gap,
        dtmf::Step::Pause(time) => *time,
    });
    (
        Waiting::Until(now + time.sum::<Duration>()),
        Some(Action::SendTones(steps)),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    fn run(steps: &[Step]) -> (ScriptRun, Instant) {
        (ScriptRun::new(steps.into()), Instant::now())
    }

    #[test]
    fn empty_script_answers_and_stays() {
        let (mut run, now) = run(&[]);
        assert_eq!(run.poll_action(now), Some(Action::Answer));
        assert_eq!(run.poll_action(now), None);
        run.notify(Occurrence::Answered);
        assert_eq!(run.poll_action(now), Some(Action::End));
        assert_eq!(run.poll_action(now + 999 * SECOND), None);
    }

    #[test]
    fn rings_before_it_answers_and_waits_for_sound() {
        let (mut run, now) = run(&[Step::Ring(SECOND), Step::Echo(SECOND)]);
        assert_eq!(run.poll_action(now), Some(Action::Ring));
        assert_eq!(run.poll_action(now), None);
        assert_eq!(run.poll_timeout(), Some(now + SECOND));
        assert_eq!(run.poll_action(now + SECOND), Some(Action::Answer));
        run.notify(Occurrence::Answered);
        assert_eq!(run.poll_action(now + SECOND), None);
        run.notify(Occurrence::MediaConnected);
        assert_eq!(run.poll_action(now + SECOND), Some(Action::SetEcho(true)));
        assert_eq!(run.poll_action(now + 2 * SECOND), Some(Action::SetEcho(false)));
        assert_eq!(run.poll_action(now + 2 * SECOND), Some(Action::End));
    }

    #[test]
    fn rejects_and_does_no_more() {
        let reject = Step::Reject {
            status: 486,
            reason: "Busy Here".into(),
        };
        let (mut run, now) = run(&[reject, Step::Answer]);
        assert!(matches!(run.poll_action(now), Some(Action::Reject { status: 486, .. })));
        assert_eq!(run.poll_action(now + 99 * SECOND), None);
    }

    #[test]
    fn listens_until_silence_or_the_limit() {
        let listen = Step::Listen {
            silence: Some(SECOND),
            at_most: 9 * SECOND,
        };
        let (mut run, now) = run(&[listen.clone(), listen]);
        run.notify(Occurrence::Answered);
        run.notify(Occurrence::MediaConnected);
        assert_eq!(run.poll_action(now), Some(Action::Listen));
        run.notify(Occurrence::Silence(SECOND / 2));
        assert_eq!(run.poll_action(now), None);
        run.notify(Occurrence::Silence(SECOND));
        assert_eq!(run.poll_action(now), Some(Action::Listen));
        assert_eq!(run.poll_action(now + 9 * SECOND), Some(Action::End));
    }

    #[test]
    fn an_early_info_is_not_lost() {
        let (mut run, now) = run(&[Step::AwaitInfo(SECOND), Step::AwaitInfo(SECOND)]);
        run.notify(Occurrence::Answered);
        run.notify(Occurrence::InfoReceived);
        assert_eq!(run.poll_action(now), None);
        assert_eq!(run.poll_timeout(), Some(now + SECOND));
        run.notify(Occurrence::InfoReceived);
        assert_eq!(run.poll_action(now), Some(Action::End));
    }
}
