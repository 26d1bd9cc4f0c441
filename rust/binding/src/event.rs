//! Events as Python sees them: one frozen class a kind, plain attributes.
use pyo3::prelude::*;
use pyo3::types::PyBytes;

/// Snapshot of a call's state (times are seconds since the epoch).
#[pyclass(frozen, get_all, module = "c2c._c2c")]
#[derive(Clone, Debug)]
pub(crate) struct CallState {
    pub(crate) call: u64,
    pub(crate) status: String,
    pub(crate) incoming: bool,
    pub(crate) start_time: f64,
    pub(crate) answer_time: Option<f64>,
    pub(crate) muted: bool,
    pub(crate) local_hold: bool,
    pub(crate) remote_hold: bool,
}

/// Why a call ended.
#[pyclass(frozen, get_all, module = "c2c._c2c")]
#[derive(Clone, Debug)]
pub(crate) struct CallEnd {
    pub(crate) originator: String,
    pub(crate) cause: String,
    pub(crate) description: Option<String>,
    pub(crate) sip_status: Option<u16>,
    pub(crate) stage: Option<String>,
    pub(crate) hint: String,
}
