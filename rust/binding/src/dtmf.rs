//! DTMF as Python asks for it and hears of it.
use std::time::Duration;

use c2c_proto::dtmf::{DtmfRequest, DtmfTransport};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// Longest tone or gap taken; what is too long for DTMF is cut further on.
const LONGEST: f64 = 3_600.0;

/// A request of tones; durations in seconds. `ValueError` names what is wrong.
pub(crate) fn dtmf_request(
    tones: String,
    transport: &str,
    duration: Option<f64>,
    inter_tone_gap: Option<f64>,
) -> PyResult<DtmfRequest> {
    let request = DtmfRequest {
        tones,
        transport: transport_of(transport)?,
        duration: seconds("duration", duration)?,
        inter_tone_gap: seconds("inter_tone_gap", inter_tone_gap)?,
    };
    if request.steps().is_none() {
        return Err(PyValueError::new_err(format!("Invalid tones: {}", request.tones)));
    }
    Ok(request)
}

/// The SDK's name of a transport.
pub(crate) fn transport_name(transport: DtmfTransport) -> &'static str {
    match transport {
        DtmfTransport::Info => "INFO",
        DtmfTransport::Rfc4733 => "RFC2833",
    }
}

fn transport_of(name: &str) -> PyResult<DtmfTransport> {
    let known = [DtmfTransport::Info, DtmfTransport::Rfc4733];
    let found = known.into_iter().find(|transport| transport_name(*transport) == name);
    found.ok_or_else(|| PyValueError::new_err(format!("transport: {name:?} is neither INFO nor RFC2833")))
}

fn seconds(name: &str, seconds: Option<f64>) -> PyResult<Option<Duration>> {
    let Some(seconds) = seconds else { return Ok(None) };
    if (0.0..=LONGEST).contains(&seconds) {
        return Ok(Some(Duration::from_secs_f64(seconds)));
    }
    Err(PyValueError::new_err(format!(
        "{name}: {seconds} is not within 0 and {LONGEST} seconds"
    )))
}
