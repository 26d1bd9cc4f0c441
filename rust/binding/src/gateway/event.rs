//! The gateway's events as Python sees them.
use c2c_gateway::io::{self, GatewayCallEnd};
use c2c_gateway::server::ServerEvent;
use c2c_proto::io::{CallId, Originator, ReceivedDtmf};
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::call::{CallStats, show};
use crate::dtmf::transport_name;

/// One of its nested classes; `match` on them.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) enum GatewayEvent {
    Opened {
        connection: u64,
        remote: String,
    },
    Disconnected {
        connection: u64,
        code: Option<u16>,
    },
    Registered {
        connection: u64,
        aor: String,
        expires: u32,
    },
    Refused {
        connection: u64,
        method: String,
        status: u16,
    },
    CallStarted {
        call: u64,
        target: String,
        caller: String,
        headers: Vec<(String, String)>,
    },
    CallAnswered {
        call: u64,
    },
    MediaConnected {
        call: u64,
    },
    InfoReceived {
        call: u64,
        content_type: String,
        body: Py<PyBytes>,
    },
    DtmfReceived {
        call: u64,
        tone: String,
        duration: Option<f64>,
        transport: String,
    },
    Responded {
        call: u64,
        method: String,
        status: u16,
    },
    SessionRefreshed {
        call: u64,
        by_us: bool,
    },
    Played {
        call: u64,
    },
    ScriptEnded {
        call: u64,
    },
    CallEnded {
        call: u64,
        by: String,
        answered: bool,
        how: String,
        status: Option<u16>,
        reason: Option<String>,
        stats: Py<CallStats>,
        heard: Py<PyBytes>,
        heard_rate: u32,
    },
    Failed {
        cause: String,
    },
    Log {
        level: u8,
        target: String,
        message: String,
    },
    Closed {},
}

#[pymethods]
impl GatewayEvent {
    fn __repr__(slf: &Bound<'_, Self>) -> PyResult<String> {
        let names: Vec<String> = slf.as_any().getattr("__match_args__")?.extract()?;
        let shown = names.iter().map(String::as_str).filter(|name| *name != "heard");
        show(slf.as_any(), shown)
    }
}

impl GatewayEvent {
    /// The Python face of what a gateway's owner is told.
    pub(crate) fn from_server(py: Python<'_>, event: ServerEvent) -> PyResult<Self> {
        Ok(match event {
            ServerEvent::Agent(connection, event) => Self::from_agent(py, connection, event)?,
            ServerEvent::Log(line) => Self::Log {
                level: line.level,
                target: line.target.into(),
                message: line.message,
            },
            ServerEvent::Failed(cause) => Self::Failed { cause },
            ServerEvent::Closed => Self::Closed {},
        })
    }

    fn from_agent(py: Python<'_>, connection: u64, event: io::GatewayEvent) -> PyResult<Self> {
        use io::GatewayEvent as E;
        Ok(match event {
            E::Opened { remote, .. } => Self::Opened { connection, remote },
            E::Closed { code } => Self::Disconnected { connection, code },
            E::Registered { aor, expires } => registered(connection, aor, expires),
            E::Refused { method, status } => refused(connection, method, status),
            E::CallStarted(started) => Self::CallStarted {
                call: started.call.0,
                target: started.target,
                caller: started.caller,
                headers: started.headers,
            },
            E::CallAnswered(call) => Self::CallAnswered { call: call.0 },
            E::MediaConnected(call) => Self::MediaConnected { call: call.0 },
            E::InfoReceived {
                call,
                content_type,
                body,
            } => info_received(py, call, content_type, &body),
            E::DtmfReceived(received) => dtmf_received(received),
            E::Responded { call, method, status } => responded(call, method, status),
            E::SessionRefreshed { call, by_us } => Self::SessionRefreshed { call: call.0, by_us },
            E::Played(call) => Self::Played { call: call.0 },
            E::ScriptEnded(call) => Self::ScriptEnded { call: call.0 },
            E::CallEnded(call, end) => call_ended(py, call, *end)?,
        })
    }
}

fn registered(connection: u64, aor: String, expires: u32) -> GatewayEvent {
    GatewayEvent::Registered {
        connection,
        aor,
        expires,
    }
}

fn refused(connection: u64, method: String, status: u16) -> GatewayEvent {
    GatewayEvent::Refused {
        connection,
        method,
        status,
    }
}

fn info_received(py: Python<'_>, call: CallId, content_type: String, body: &[u8]) -> GatewayEvent {
    GatewayEvent::InfoReceived {
        call: call.0,
        content_type,
        body: PyBytes::new(py, body).unbind(),
    }
}

fn dtmf_received(received: ReceivedDtmf) -> GatewayEvent {
    GatewayEvent::DtmfReceived {
        call: received.call.0,
        tone: received.tone.character().into(),
        duration: received.duration.map(|time| time.as_secs_f64()),
        transport: transport_name(received.transport).into(),
    }
}

fn responded(call: CallId, method: String, status: u16) -> GatewayEvent {
    GatewayEvent::Responded {
        call: call.0,
        method,
        status,
    }
}

fn call_ended(py: Python<'_>, call: CallId, end: GatewayCallEnd) -> PyResult<GatewayEvent> {
    let by = match end.by {
        Originator::Local => "local",
        Originator::Remote => "remote",
        Originator::System => "system",
    };
    let samples = end.heard.as_ref().map_or(&[][..], |clip| clip.samples());
    let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_ne_bytes()).collect();
    Ok(GatewayEvent::CallEnded {
        call: call.0,
        by: by.into(),
        answered: end.answered,
        how: end.how,
        status: end.status,
        reason: end.reason,
        stats: CallStats::from_proto(py, end.stats)?,
        heard: PyBytes::new(py, &bytes).unbind(),
        heard_rate: end.heard.as_ref().map_or(48_000, |clip| clip.rate()),
    })
}
