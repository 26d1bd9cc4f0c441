//! Misbehaviours as Python hands them over.
use c2c_gateway::misbehaviour::{BadAnswer, Misbehaviour, Moment};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::script::{duration, refusal};

/// One thing that the gateway does wrong.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct GatewayMisbehaviour(pub(crate) Misbehaviour);

#[pymethods]
impl GatewayMisbehaviour {
    #[staticmethod]
    fn plain(name: &str) -> PyResult<Self> {
        pick("misbehaviour", name, &PLAIN).map(Self)
    }

    #[staticmethod]
    fn refuse_upgrade(status: u16) -> PyResult<Self> {
        Ok(Self(Misbehaviour::RefuseUpgrade(refusal(status)?)))
    }

    #[staticmethod]
    fn reject_register(status: u16, reason: String) -> PyResult<Self> {
        let status = refusal(status)?;
        Ok(Self(Misbehaviour::RejectRegister { status, reason }))
    }

    #[staticmethod]
    fn interval_too_brief(min_expires: u32) -> Self {
        Self(Misbehaviour::IntervalTooBrief(min_expires))
    }

    #[staticmethod]
    fn bad_answer(kind: &str) -> PyResult<Self> {
        Ok(Self(Misbehaviour::Answer(pick("kind", kind, &BAD_ANSWERS)?)))
    }

    #[staticmethod]
    fn reject_info(status: u16) -> PyResult<Self> {
        Ok(Self(Misbehaviour::RejectInfo(refusal(status)?)))
    }

    #[staticmethod]
    fn drop_websocket(at: &str) -> PyResult<Self> {
        Ok(Self(Misbehaviour::DropWebSocket(pick("at", at, &MOMENTS)?)))
    }

    #[staticmethod]
    fn media_loss(share: f64) -> PyResult<Self> {
        if (0.0..=1.0).contains(&share) {
            return Ok(Self(Misbehaviour::MediaLoss(share)));
        }
        Err(PyValueError::new_err(format!("share: {share} is not within 0 and 1")))
    }

    #[staticmethod]
    fn media_jitter(seconds: f64) -> PyResult<Self> {
        Ok(Self(Misbehaviour::MediaJitter(duration("seconds", seconds)?)))
    }

    fn __repr__(&self) -> String {
        format!("GatewayMisbehaviour({:?})", self.0)
    }
}

fn pick<T: Clone>(argument: &str, name: &str, table: &[(&str, T)]) -> PyResult<T> {
    let found = table.iter().find(|(known, _)| *known == name);
    found.map(|(_, value)| value.clone()).ok_or_else(|| {
        let names: Vec<&str> = table.iter().map(|(known, _)| *known).collect();
        PyValueError::new_err(format!("{argument}: {name:?} is none of {}", names.join(", ")))
    })
}

const PLAIN: [(&str, Misbehaviour); 9] = [
    ("no-subprotocol", Misbehaviour::NoSubprotocol),
    ("ignore-register", Misbehaviour::IgnoreRegister),
    ("stale-nonce", Misbehaviour::StaleNonce),
    ("ignore-invite", Misbehaviour::IgnoreInvite),
    ("stall-invite", Misbehaviour::StallInvite),
    ("ignore-info", Misbehaviour::IgnoreInfo),
    ("ignore-bye", Misbehaviour::IgnoreBye),
    ("malformed-sip", Misbehaviour::MalformedSip),
    ("hostile-datagrams", Misbehaviour::HostileDatagrams),
];

const BAD_ANSWERS: [(&str, BadAnswer); 7] = [
    ("missing", BadAnswer::Missing),
    ("garbage", BadAnswer::Garbage),
    ("no-common-codec", BadAnswer::NoCommonCodec),
    ("no-fingerprint", BadAnswer::NoFingerprint),
    ("wrong-fingerprint", BadAnswer::WrongFingerprint),
    ("no-ice-credentials", BadAnswer::NoIceCredentials),
    ("audio-refused", BadAnswer::AudioRefused),
];

const MOMENTS: [(&str, Moment); 4] = [
    ("registered", Moment::Registered),
    ("ringing", Moment::Ringing),
    ("answered", Moment::Answered),
    ("media-connected", Moment::MediaConnected),
];
