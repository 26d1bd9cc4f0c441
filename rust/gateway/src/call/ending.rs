//! The ends that a call may have.
use c2c_proto::io::{Originator, Output};
use c2c_proto::media::error::MediaError;
use c2c_proto::sip::{Reason, Response};

use super::script_run::Action;
use super::{Call, Phase};
use crate::context::Context;
use crate::io::{GatewayCallEnd, GatewayEvent};
use crate::script::HangUpReason;

impl Call {
    /// A refusal of the INVITE.
    pub(super) fn reject(&mut self, status: u16, reason: &str, how: &str, context: &mut Context<'_>) {
        if self.phase != Phase::Proceeding {
            return;
        }
        let response = Response::new(self.invite.invite(), status, reason, Some(&self.tag));
        self.respond_to_invite(&response, context);
        self.end(Originator::Local, how, Some(status), None, context);
    }

    /// BYE; 480 before the answer; once the ACK is there if it is awaited.
    pub(super) fn hang_up(&mut self, reason: Option<HangUpReason>, context: &mut Context<'_>) {
        match self.phase {
            Phase::Proceeding => self.reject(480, "Temporarily Unavailable", "rejected", context),
            Phase::Answered => self.after_ack = Some(Action::HangUp(reason)),
            Phase::Confirmed => {
                self.send_bye(reason.as_ref().map(printed), context);
                self.end(Originator::Local, "BYE", None, None, context);
            }
            Phase::Ended => {}
        }
    }

    /// BYE for a call that cannot go on.
    pub(super) fn give_up(&mut self, how: &str, context: &mut Context<'_>) {
        if self.phase != Phase::Ended {
            let reason = HangUpReason {
                protocol: "SIP".into(),
                cause: 408,
                text: how.into(),
            };
            self.send_bye(Some(printed(&reason)), context);
            self.end(Originator::System, how, None, None, context);
        }
    }

    pub(super) fn media_failed(&mut self, error: &MediaError, context: &mut Context<'_>) {
        let how = error.to_string();
        match self.phase {
            Phase::Proceeding => self.reject(500, "Media Failed", &how, context),
            Phase::Answered | Phase::Confirmed => self.give_up(&how, context),
            Phase::Ended => {}
        }
    }

    /// The connection is gone, and with it the call.
    pub(crate) fn lose(&mut self, context: &mut Context<'_>) {
        self.requests.clear();
        if self.phase != Phase::Ended {
            self.end(Originator::System, "websocket lost", None, None, context);
        }
    }

    /// The end itself: media says goodbye, sockets and slot go back, the owner is told.
    pub(super) fn end(
        &mut self,
        by: Originator,
        how: &str,
        status: Option<u16>,
        reason: Option<String>,
        context: &mut Context<'_>,
    ) {
        let answered = self.phase == Phase::Confirmed;
        self.phase = Phase::Ended;
        let numbers = self.media.stats(context.now);
        self.media.close(context.now);
        self.transmit(context);
        context.output(Output::StopTicking(self.id));
        context.output(Output::Release(self.id));
        let end = GatewayCallEnd {
            by,
            answered,
            how: how.to_owned(),
            status,
            reason,
            stats: numbers,
            heard: self.media.take_heard(),
        };
        context.tell(GatewayEvent::CallEnded(self.id, Box::new(end)));
    }
}

fn printed(reason: &HangUpReason) -> String {
    let text = (!reason.text.is_empty()).then(|| reason.text.as_str().into());
    Reason {
        protocol: &reason.protocol,
        cause: Some(reason.cause),
        text,
    }
    .to_string()
}
