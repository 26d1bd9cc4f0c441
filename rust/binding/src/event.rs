//! Events as Python sees them: one frozen class a kind, plain attributes.
use c2c_proto::io::{self, CallId};
use c2c_proto::media::stats as media;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::call::{CallEnd, CallState, CallStats, show, stage_name};
use crate::dtmf::transport_name;

/// One of its nested classes; `match` on them.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) enum Event {
    Connecting {},
    Connected {},
    ConnectFailed {
        step: String,
        cause: String,
        http_status: Option<u16>,
        is_final: bool,
    },
    Registered {},
    RegistrationFailed {
        cause: String,
        status: Option<u16>,
        reason: Option<String>,
    },
    Unregistered {},
    Disconnected {
        code: Option<u16>,
        reason: Option<String>,
    },
    Reconnecting {
        cause: String,
    },
    Reconnected {},
    SettingsRefused {
        cause: String,
        status: Option<u16>,
        reason: Option<String>,
    },
    CallCreated {
        state: Py<CallState>,
    },
    Ringing {
        state: Py<CallState>,
    },
    TrackAdded {
        call: u64,
    },
    Answered {
        state: Py<CallState>,
    },
    MediaConnected {
        call: u64,
    },
    Muted {
        state: Py<CallState>,
    },
    Unmuted {
        state: Py<CallState>,
    },
    HoldChanged {
        state: Py<CallState>,
    },
    InfoSent {
        call: u64,
        request: u64,
    },
    InfoFailed {
        call: u64,
        request: u64,
        status: Option<u16>,
        cause: String,
    },
    InfoReceived {
        call: u64,
        content_type: String,
        body: Py<PyBytes>,
    },
    DtmfSent {
        call: u64,
        request: u64,
    },
    DtmfFailed {
        call: u64,
        request: u64,
        cause: String,
    },
    DtmfReceived {
        call: u64,
        tone: String,
        duration: Option<f64>,
        transport: String,
    },
    PlayEnded {
        call: u64,
        play: u64,
        completed: bool,
    },
    Ended {
        state: Py<CallState>,
        end: Py<CallEnd>,
        stats: Py<CallStats>,
    },
    Failed {
        state: Py<CallState>,
        end: Py<CallEnd>,
        stats: Py<CallStats>,
    },
    Warning {
        stage: String,
        text: String,
    },
    RingReady {
        ring: u64,
    },
    Log {
        level: u8,
        target: String,
        message: String,
    },
    EngineFailed {
        cause: String,
    },
    Closed {},
}

#[pymethods]
impl Event {
    /// `Event.TrackAdded(call=1)`: the class and its fields.
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let names: Vec<String> = slf.as_any().getattr("__match_args__")?.extract()?;
        show(slf.as_any(), names.iter().map(String::as_str))
    }
}

impl Event {
    /// The Python face of what a user agent tells.
    #[expect(clippy::similar_names, reason = "the fields are called so")]
    pub(crate) fn from_proto(py: Python<'_>, event: io::Event) -> PyResult<Self> {
        use io::Event as E;
        let of = |state| CallState::from_proto(py, state);
        Ok(match event {
            E::Connecting => Self::Connecting {},
            E::Connected => Self::Connected {},
            E::ConnectFailed(failure) => connect_failed(failure),
            E::Registered => Self::Registered {},
            E::RegistrationFailed { cause, status, reason } => registration_failed(cause, status, reason),
            E::Unregistered => Self::Unregistered {},
            E::Disconnected { code, reason } => Self::Disconnected { code, reason },
            E::Reconnecting { cause } => Self::Reconnecting { cause },
            E::Reconnected => Self::Reconnected {},
            E::SettingsRefused { cause, status, reason } => settings_refused(cause, status, reason),
            E::CallCreated(call) => Self::CallCreated { state: of(call)? },
            E::Ringing(call) => Self::Ringing { state: of(call)? },
            E::TrackAdded(call) => Self::TrackAdded { call: call.0 },
            E::Answered(call) => Self::Answered { state: of(call)? },
            E::MediaConnected(call) => Self::MediaConnected { call: call.0 },
            E::Muted(call) => Self::Muted { state: of(call)? },
            E::Unmuted(call) => Self::Unmuted { state: of(call)? },
            E::HoldChanged(call) => Self::HoldChanged { state: of(call)? },
            E::InfoSent { call, request } => info_sent(call, request),
            E::InfoFailed {
                call,
                request,
                status,
                cause,
            } => info_failed(call, request, status, cause),
            E::InfoReceived {
                call,
                content_type,
                body,
            } => info_received(py, call, content_type, &body),
            E::DtmfSent { call, request } => dtmf_sent(call, request),
            E::DtmfFailed { call, request, cause } => dtmf_failed(call, request, cause),
            E::DtmfReceived(received) => dtmf_received(received),
            E::PlayEnded { call, play, completed } => play_ended(call, play, completed),
            E::Ended(call, end, numbers) => {
                let (state, end, stats) = over(py, call, end, *numbers)?;
                Self::Ended { state, end, stats }
            }
            E::Failed(call, end, numbers) => {
                let (state, end, stats) = over(py, call, end, *numbers)?;
                Self::Failed { state, end, stats }
            }
            E::Warning { stage, text } => warning(stage, text),
        })
    }
}

type Over = (Py<CallState>, Py<CallEnd>, Py<CallStats>);

fn over(py: Python<'_>, call: io::CallState, end: io::CallEnd, numbers: media::CallStats) -> PyResult<Over> {
    Ok((
        CallState::from_proto(py, call)?,
        CallEnd::from_proto(py, end)?,
        CallStats::from_proto(py, numbers)?,
    ))
}

fn registration_failed(cause: String, status: Option<u16>, reason: Option<String>) -> Event {
    Event::RegistrationFailed { cause, status, reason }
}

fn settings_refused(cause: String, status: Option<u16>, reason: Option<String>) -> Event {
    Event::SettingsRefused { cause, status, reason }
}

fn info_sent(call: CallId, request: u64) -> Event {
    Event::InfoSent { call: call.0, request }
}

fn info_failed(call: CallId, request: u64, status: Option<u16>, cause: String) -> Event {
    Event::InfoFailed {
        call: call.0,
        request,
        status,
        cause,
    }
}

fn info_received(py: Python<'_>, call: CallId, content_type: String, body: &[u8]) -> Event {
    Event::InfoReceived {
        call: call.0,
        content_type,
        body: PyBytes::new(py, body).unbind(),
    }
}

fn dtmf_sent(call: CallId, request: u64) -> Event {
    Event::DtmfSent { call: call.0, request }
}

fn dtmf_failed(call: CallId, request: u64, cause: String) -> Event {
    Event::DtmfFailed {
        call: call.0,
        request,
        cause,
    }
}

fn dtmf_received(received: io::ReceivedDtmf) -> Event {
    Event::DtmfReceived {
        call: received.call.0,
        tone: received.tone.character().into(),
        duration: received.duration.map(|time| time.as_secs_f64()),
        transport: transport_name(received.transport).into(),
    }
}

fn play_ended(call: CallId, play: u64, completed: bool) -> Event {
    Event::PlayEnded {
        call: call.0,
        play,
        completed,
    }
}

fn warning(stage: io::Stage, text: String) -> Event {
    Event::Warning {
        stage: stage_name(stage).into(),
        text,
    }
}

fn connect_failed(failure: io::TransportFailure) -> Event {
    let step = match failure.step {
        io::TransportStep::Resolve => "resolve",
        io::TransportStep::Connect => "connect",
        io::TransportStep::Tls => "tls",
        io::TransportStep::Upgrade => "upgrade",
    };
    let io::TransportFailure {
        cause,
        http_status,
        is_final,
        ..
    } = failure;
    Event::ConnectFailed {
        step: step.into(),
        cause,
        http_status,
        is_final,
    }
}
