//! Steps of an agent's script as Python hands them over.
use std::time::Duration;

use c2c_gateway::script::{HangUpReason, Step};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::audio::Clip;
use crate::dtmf::dtmf_request;

/// One step of an agent's script; seconds are from 0 to a day.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct GatewayStep(pub(crate) Step);

#[pymethods]
impl GatewayStep {
    #[staticmethod]
    fn ring(seconds: f64) -> PyResult<Self> {
        Ok(Self(Step::Ring(duration("seconds", seconds)?)))
    }

    #[staticmethod]
    #[pyo3(signature = (seconds, clip))]
    fn progress(seconds: f64, clip: Option<&Clip>) -> PyResult<Self> {
        let time = duration("seconds", seconds)?;
        let clip = clip.map(|clip| clip.0.clone());
        Ok(Self(Step::Progress { time, clip }))
    }

    #[staticmethod]
    fn reject(status: u16, reason: String) -> PyResult<Self> {
        let status = refusal(status)?;
        Ok(Self(Step::Reject { status, reason }))
    }

    #[staticmethod]
    fn answer() -> Self {
        Self(Step::Answer)
    }

    #[staticmethod]
    fn play(clip: &Clip, background: bool) -> Self {
        let clip = clip.0.clone();
        Self(Step::Play { clip, background })
    }

    #[staticmethod]
    fn wait(seconds: f64) -> PyResult<Self> {
        Ok(Self(Step::Wait(duration("seconds", seconds)?)))
    }

    #[staticmethod]
    #[pyo3(signature = (at_most, silence))]
    fn listen(at_most: f64, silence: Option<f64>) -> PyResult<Self> {
        Ok(Self(Step::Listen {
            silence: silence.map(|silence| duration("silence", silence)).transpose()?,
            at_most: duration("at_most", at_most)?,
        }))
    }

    #[staticmethod]
    fn echo(seconds: f64) -> PyResult<Self> {
        Ok(Self(Step::Echo(duration("seconds", seconds)?)))
    }

    #[staticmethod]
    fn send_info(content_type: String, body: Vec<u8>) -> Self {
        Self(Step::SendInfo { content_type, body })
    }

    #[staticmethod]
    fn await_info(at_most: f64) -> PyResult<Self> {
        Ok(Self(Step::AwaitInfo(duration("at_most", at_most)?)))
    }

    #[staticmethod]
    fn hold() -> Self {
        Self(Step::Hold)
    }

    #[staticmethod]
    fn resume() -> Self {
        Self(Step::Resume)
    }

    #[staticmethod]
    fn change_codecs(codecs: Vec<String>) -> PyResult<Self> {
        Ok(Self(Step::ChangeCodecs(super::settings::codecs(codecs)?)))
    }

    #[staticmethod]
    #[pyo3(signature = (tones, duration, inter_tone_gap))]
    fn send_dtmf(tones: String, duration: Option<f64>, inter_tone_gap: Option<f64>) -> PyResult<Self> {
        let request = dtmf_request(tones, "RFC2833", duration, inter_tone_gap)?;
        Ok(Self(Step::SendTones(request)))
    }

    #[staticmethod]
    fn refresh() -> Self {
        Self(Step::Refresh)
    }

    #[staticmethod]
    #[pyo3(signature = (cause, text, protocol))]
    fn hang_up(cause: Option<u16>, text: String, protocol: String) -> Self {
        Self(Step::HangUp(hang_up_reason(cause, text, protocol)))
    }

    fn __repr__(&self) -> String {
        format!("GatewayStep({:?})", self.0)
    }
}

/// A `Reason` header when there is a cause.
pub(super) fn hang_up_reason(cause: Option<u16>, text: String, protocol: String) -> Option<HangUpReason> {
    cause.map(|cause| HangUpReason { protocol, cause, text })
}

/// A span of time that is not negative and at most a day.
pub(super) fn duration(name: &str, seconds: f64) -> PyResult<Duration> {
    if (0.0..=86_400.0).contains(&seconds) {
        return Ok(Duration::from_secs_f64(seconds));
    }
    Err(PyValueError::new_err(format!(
        "{name}: {seconds} is not within 0 and 86400 seconds"
    )))
}

/// A final status that is no success.
pub(super) fn refusal(status: u16) -> PyResult<u16> {
    if (300..700).contains(&status) {
        return Ok(status);
    }
    Err(PyValueError::new_err(format!(
        "status: {status} is not within 300 and 699"
    )))
}
