//! Why a call ended: the SDK's cause texts, with stage and hint.
use std::time::Duration;

use crate::io::{CallEnd, Originator, Stage};
use crate::media::error::MediaError;

/// The SDK's cause texts (SDK facts section 6).
pub(crate) mod cause {
    pub(crate) const AUTHENTICATION_ERROR: &str = "Authentication Error";
    pub(crate) const BAD_MEDIA_DESCRIPTION: &str = "Bad Media Description";
    pub(crate) const CANCELED: &str = "Canceled";
    pub(crate) const CONNECTION_ERROR: &str = "Connection Error";
    pub(crate) const DIALOG_ERROR: &str = "Dialog Error";
    pub(crate) const EXPIRES: &str = "Expires";
    pub(crate) const INTERNAL_ERROR: &str = "Internal Error";
    pub(crate) const MISSING_SDP: &str = "Missing SDP";
    pub(crate) const NO_ACK: &str = "No ACK";
    pub(crate) const NO_ANSWER: &str = "No Answer";
    pub(crate) const REJECTED: &str = "Rejected";
    pub(crate) const REQUEST_TIMEOUT: &str = "Request Timeout";
    pub(crate) const RTP_TIMEOUT: &str = "RTP Timeout";
    pub(crate) const SIP_FAILURE_CODE: &str = "SIP Failure Code";
    pub(crate) const TERMINATED: &str = "Terminated";
    pub(crate) const WEBRTC_ERROR: &str = "WebRTC Error";
}

/// The cause text of a final response of 300 and above.
pub(crate) fn cause_of_status(status: u16) -> &'static str {
    match status {
        300 | 301 | 302 | 305 | 380 => "Redirected",
        486 | 600 => "Busy",
        403 | 603 => "Rejected",
        404 | 604 => "Not Found",
        408 | 410 | 430 | 480 => "Unavailable",
        484 | 424 => "Address Incomplete",
        488 | 606 => "Incompatible SDP",
        401 | 407 => cause::AUTHENTICATION_ERROR,
        _ => cause::SIP_FAILURE_CODE,
    }
}

fn hint_of_status(status: u16) -> &'static str {
    match status {
        300..=399 => "the server sent the call elsewhere, which is not followed; check the endpoint's application",
        401 | 407 => "the server did not accept the SIP credentials; load the endpoint's configuration anew",
        403 | 603 => "the server refuses this caller or application; check the endpoint's settings",
        404 | 604 => "the server does not know this application; check the endpoint's application SID",
        408 | 410 | 430 | 480 => "no application is connected, or it is at capacity; try again later",
        486 | 600 => "the far side is busy; try again later",
        488 | 606 => "the far side accepts none of the offered media; enable Opus, PCMU or PCMA there",
        500..=599 => "the server is failing, inactive or at its limit; try again later",
        _ => "the server rejected the call; its status says why",
    }
}

/// An end without anything wrong.
fn normal(originator: Originator, cause: &str) -> CallEnd {
    CallEnd {
        originator,
        cause: cause.to_owned(),
        description: None,
        sip_status: None,
        stage: None,
        hint: String::new(),
    }
}

/// An end of our own making that is a failure.
pub(crate) fn failure(originator: Originator, cause: &str, stage: Stage, hint: impl Into<String>) -> CallEnd {
    CallEnd {
        stage: Some(stage),
        hint: hint.into(),
        ..normal(originator, cause)
    }
}

/// `EndCall` before the answer.
pub(crate) fn canceled() -> CallEnd {
    normal(Originator::Local, cause::CANCELED)
}

/// `EndCall` after the answer.
pub(crate) fn terminated() -> CallEnd {
    normal(Originator::Local, cause::TERMINATED)
}

/// A call to us that was not answered: rejected, cancelled, or left to ring until it was too late.
pub(crate) fn refused(originator: Originator, cause: &str) -> CallEnd {
    normal(originator, cause)
}

/// BYE from the far side; `reason` is the cause number of its `Reason` header.
pub(crate) fn hung_up(reason: Option<u16>) -> CallEnd {
    CallEnd {
        description: reason.map(|number| number.to_string()),
        ..normal(Originator::Remote, cause::TERMINATED)
    }
}

/// A final response that rejects the call.
pub(crate) fn rejected(status: u16) -> CallEnd {
    CallEnd {
        description: Some(status.to_string()),
        sip_status: Some(status),
        ..failure(
            Originator::Remote,
            cause_of_status(status),
            Stage::Invite,
            hint_of_status(status),
        )
    }
}

/// A 2xx whose SDP is absent or unusable.
pub(crate) fn bad_description(status: u16, stage: Stage, hint: String) -> CallEnd {
    CallEnd {
        description: Some(status.to_string()),
        sip_status: Some(status),
        ..failure(Originator::Remote, cause::BAD_MEDIA_DESCRIPTION, stage, hint)
    }
}

/// ICE or DTLS failed; before the answer the SDK calls every end of our own `Canceled`.
pub(crate) fn media_failed(error: &MediaError, answered: bool) -> CallEnd {
    let cause = if answered { cause::RTP_TIMEOUT } else { cause::CANCELED };
    failure(Originator::Local, cause, error.stage(), error.to_string())
}

/// The WebSocket is gone.
pub(crate) fn connection_lost(reason: &str) -> CallEnd {
    let hint = format!("the connection to the SIP server was lost ({reason}); connect again");
    failure(Originator::System, cause::CONNECTION_ERROR, Stage::WebSocket, hint)
}

/// The WebSocket did not come back in time.
pub(crate) fn connection_stayed_away(limit: Duration) -> CallEnd {
    let hint = format!(
        "the connection to the SIP server was lost and did not come back within {} s; check the server and the network \
         to it, or let calls wait longer with reconnect_limit",
        limit.as_secs()
    );
    failure(Originator::System, cause::CONNECTION_ERROR, Stage::WebSocket, hint)
}

/// The WebSocket was lost each time that the INVITE was sent.
pub(crate) fn connection_lost_again(times: u8) -> CallEnd {
    let hint = format!(
        "the connection to the SIP server was lost again each of {times} times that the call was placed anew; look into \
         the server's log"
    );
    failure(Originator::System, cause::CONNECTION_ERROR, Stage::WebSocket, hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn causes_are_the_sdk_s() {
        let table = [
            (302, "Redirected"),
            (380, "Redirected"),
            (401, "Authentication Error"),
            (403, "Rejected"),
            (404, "Not Found"),
            (408, "Unavailable"),
            (422, "SIP Failure Code"),
            (424, "Address Incomplete"),
            (430, "Unavailable"),
            (480, "Unavailable"),
            (484, "Address Incomplete"),
            (486, "Busy"),
            (488, "Incompatible SDP"),
            (500, "SIP Failure Code"),
            (503, "SIP Failure Code"),
            (600, "Busy"),
            (603, "Rejected"),
            (604, "Not Found"),
            (606, "Incompatible SDP"),
        ];
        for (status, cause) in table {
            assert_eq!(cause_of_status(status), cause, "{status}");
        }
    }

    #[test]
    fn a_rejection_carries_status_and_hint() {
        let end = rejected(486);
        assert_eq!(
            (end.originator, end.description.as_deref(), end.sip_status),
            (Originator::Remote, Some("486"), Some(486))
        );
        assert_eq!(end.stage, Some(Stage::Invite));
        assert!(!end.hint.is_empty());
    }

    #[test]
    fn media_failure_before_the_answer_is_canceled() {
        let error = MediaError::IceFailed("no pair worked".into());
        assert_eq!(media_failed(&error, false).cause, "Canceled");
        assert_eq!(media_failed(&error, true).cause, "RTP Timeout");
        assert_eq!(media_failed(&error, true).stage, Some(Stage::Ice));
    }
}
