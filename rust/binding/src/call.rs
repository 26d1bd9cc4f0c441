//! Snapshots of a call as Python sees them.
#![allow(
    clippy::too_many_arguments,
    clippy::fn_params_excessive_bools,
    reason = "constructors made from the fields"
)]
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use c2c_proto::io;
use c2c_proto::media::stats;
use pyo3::prelude::*;

/// Snapshot of a call's state (times are seconds since the epoch).
#[pyclass(frozen, get_all, eq, new = "from_fields", module = "c2c._c2c")]
#[derive(PartialEq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts about a call")]
pub(crate) struct CallState {
    call: u64,
    status: String,
    incoming: bool,
    start_time: f64,
    answer_time: Option<f64>,
    muted: bool,
    local_hold: bool,
    remote_hold: bool,
}

#[pymethods]
impl CallState {
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        show(slf.as_any(), ["call", "status", "muted"])
    }
}

/// Why a call ended.
#[pyclass(frozen, get_all, eq, new = "from_fields", module = "c2c._c2c")]
#[derive(PartialEq)]
pub(crate) struct CallEnd {
    originator: String,
    cause: String,
    description: Option<String>,
    sip_status: Option<u16>,
    stage: Option<String>,
    hint: String,
}

#[pymethods]
impl CallEnd {
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        show(
            slf.as_any(),
            ["originator", "cause", "description", "sip_status", "stage"],
        )
    }
}

/// Numbers of one call: seconds, dBFS and counts.
#[pyclass(frozen, get_all, eq, new = "from_fields", module = "c2c._c2c")]
#[derive(PartialEq)]
pub(crate) struct CallStats {
    invite_sent: Option<f64>,
    ringing: Option<f64>,
    answered: Option<f64>,
    ice_connected: Option<f64>,
    dtls_connected: Option<f64>,
    first_packet_out: Option<f64>,
    first_packet_in: Option<f64>,
    codec: String,
    srtp_profile: String,
    packets_sent: u64,
    bytes_sent: u64,
    packets_received: u64,
    bytes_received: u64,
    packets_lost: i64,
    packets_discarded: u64,
    packets_rejected: u64,
    jitter: f64,
    round_trip: Option<f64>,
    remote_loss: Option<f64>,
    frames_played: u64,
    frames_concealed: u64,
    jitter_buffer_delay: f64,
    frames_late: u64,
    ticks: u64,
    ticks_late: u64,
    ice_restarts: u64,
    level_out: f64,
    level_in: f64,
    seconds_heard: f64,
    mean_level_in: f64,
}

#[pymethods]
impl CallStats {
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        show(
            slf.as_any(),
            [
                "codec",
                "srtp_profile",
                "packets_sent",
                "packets_received",
                "packets_lost",
                "jitter",
                "level_out",
                "level_in",
            ],
        )
    }
}

impl CallState {
    /// The Python face of a call's state.
    pub(crate) fn from_proto(py: Python<'_>, state: io::CallState) -> PyResult<Py<Self>> {
        let status = match state.status {
            io::CallStatus::Init => "init",
            io::CallStatus::Ringing => "ringing",
            io::CallStatus::Answered => "answered",
            io::CallStatus::Ended => "ended",
            io::CallStatus::Failed => "failed",
        };
        let state = Self {
            call: state.call.0,
            status: status.into(),
            incoming: state.incoming,
            start_time: epoch_seconds(state.started),
            answer_time: state.answered.map(epoch_seconds),
            muted: state.muted,
            local_hold: state.local_hold,
            remote_hold: state.remote_hold,
        };
        Py::new(py, state)
    }
}

impl CallEnd {
    /// The Python face of a call's end.
    pub(crate) fn from_proto(py: Python<'_>, end: io::CallEnd) -> PyResult<Py<Self>> {
        let originator = match end.originator {
            io::Originator::Local => "local",
            io::Originator::Remote => "remote",
            io::Originator::System => "system",
        };
        let end = Self {
            originator: originator.into(),
            cause: end.cause,
            description: end.description,
            sip_status: end.sip_status,
            stage: end.stage.map(|stage| stage_name(stage).into()),
            hint: end.hint,
        };
        Py::new(py, end)
    }
}

impl CallStats {
    /// The Python face of a call's numbers.
    pub(crate) fn from_proto(py: Python<'_>, stats: stats::CallStats) -> PyResult<Py<Self>> {
        let seconds = |time: Option<Duration>| time.map(|time| time.as_secs_f64());
        let stats = Self {
            invite_sent: seconds(stats.setup.invite_sent),
            ringing: seconds(stats.setup.ringing),
            answered: seconds(stats.setup.answered),
            ice_connected: seconds(stats.setup.ice_connected),
            dtls_connected: seconds(stats.setup.dtls_connected),
            first_packet_out: seconds(stats.setup.first_packet_out),
            first_packet_in: seconds(stats.setup.first_packet_in),
            codec: stats.codec,
            srtp_profile: stats.srtp_profile,
            packets_sent: stats.packets_sent,
            bytes_sent: stats.bytes_sent,
            packets_received: stats.packets_received,
            bytes_received: stats.bytes_received,
            packets_lost: stats.packets_lost,
            packets_discarded: stats.packets_discarded,
            packets_rejected: stats.packets_rejected,
            jitter: stats.jitter,
            round_trip: stats.round_trip,
            remote_loss: stats.remote_loss,
            frames_played: stats.frames_played,
            frames_concealed: stats.frames_concealed,
            jitter_buffer_delay: stats.jitter_buffer_delay,
            frames_late: stats.frames_late,
            ticks: stats.ticks,
            ticks_late: stats.ticks_late,
            ice_restarts: stats.ice_restarts,
            level_out: stats.level_out,
            level_in: stats.level_in,
            seconds_heard: stats.seconds_heard,
            mean_level_in: stats.mean_level_in,
        };
        Py::new(py, stats)
    }
}

/// `Class(name=value, ...)`.
pub(crate) fn show<'a>(object: &Bound<'_, PyAny>, names: impl IntoIterator<Item = &'a str>) -> PyResult<String> {
    let mut fields = Vec::new();
    for name in names {
        fields.push(format!("{name}={}", object.getattr(name)?.repr()?));
    }
    Ok(format!("{}({})", object.get_type().qualname()?, fields.join(", ")))
}

/// A stage by the name Python knows it by.
pub(crate) fn stage_name(stage: io::Stage) -> &'static str {
    match stage {
        io::Stage::WebSocket => "websocket",
        io::Stage::Register => "register",
        io::Stage::Invite => "invite",
        io::Stage::Ice => "ice",
        io::Stage::Dtls => "dtls",
        io::Stage::Media => "media",
    }
}

fn epoch_seconds(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}
