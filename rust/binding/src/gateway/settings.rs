//! Everything a gateway is told before it starts, as Python hands it over.
use c2c_gateway::settings::{self, Challenges, Hearing};
use c2c_proto::io::Secret;
use c2c_proto::media::codec::Codec;
use c2c_proto::sip::Refresher;
use c2c_proto::sip::digest::{Algorithm, Credentials};
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use super::misbehaviour::GatewayMisbehaviour;
use super::script::{GatewayStep, duration};

/// Everything a gateway is told before it starts; `repr` shows no secret.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct GatewaySettings(pub(crate) settings::GatewaySettings);

#[pymethods]
impl GatewaySettings {
    #[new]
    #[pyo3(signature = (*, realm, users, steps, misbehaviours, codecs, algorithms, qop, wrong_credentials_status,
        challenge_as_proxy, nonce_lifetime, register_expires, session_expires, refreshed_by_gateway, hearing_rate,
        hearing_seconds))]
    #[expect(clippy::too_many_arguments, reason = "keyword-only in Python")]
    #[expect(clippy::needless_pass_by_value, reason = "pyo3 hands lists over as vectors")]
    fn new(
        realm: String,
        users: Vec<(String, String)>,
        steps: Vec<PyRef<'_, GatewayStep>>,
        misbehaviours: Vec<PyRef<'_, GatewayMisbehaviour>>,
        codecs: Vec<String>,
        algorithms: Vec<String>,
        qop: bool,
        wrong_credentials_status: u16,
        challenge_as_proxy: bool,
        nonce_lifetime: f64,
        register_expires: u32,
        session_expires: u32,
        refreshed_by_gateway: bool,
        hearing_rate: u32,
        hearing_seconds: f64,
    ) -> PyResult<Self> {
        Ok(Self(settings::GatewaySettings {
            realm,
            users: users.into_iter().map(user).collect(),
            challenge: Challenges {
                algorithms: algorithms.iter().map(algorithm).collect::<PyResult<_>>()?,
                qop,
                wrong_credentials_status,
                as_proxy: challenge_as_proxy,
                nonce_lifetime: duration("nonce_lifetime", nonce_lifetime)?,
            },
            register_expires,
            session_expires,
            refresher: refresher(refreshed_by_gateway),
            codecs: self::codecs(codecs)?,
            hearing: Hearing {
                rate: rate(hearing_rate)?,
                keep: duration("hearing_seconds", hearing_seconds)?,
            },
            script: steps.iter().map(|step| step.0.clone()).collect(),
            misbehaviours: misbehaviours.iter().map(|one| one.0.clone()).collect(),
        }))
    }

    fn __repr__(&self) -> String {
        format!(
            "GatewaySettings(realm={:?}, steps={})",
            self.0.realm,
            self.0.script.len()
        )
    }
}

fn user((username, password): (String, String)) -> Credentials {
    let password = Secret(password);
    Credentials { username, password }
}

fn refresher(by_gateway: bool) -> Refresher {
    if by_gateway { Refresher::Uas } else { Refresher::Uac }
}

fn algorithm(name: &String) -> PyResult<Algorithm> {
    let known = Algorithm::parse(name);
    known.ok_or_else(|| PyValueError::new_err(format!("algorithms: {name:?} is none of MD5, SHA-256, SHA-512-256")))
}

/// Codecs by their names; at least one.
pub(super) fn codecs(names: Vec<String>) -> PyResult<Vec<Codec>> {
    if names.is_empty() {
        return Err(PyValueError::new_err("codecs: none is named"));
    }
    names.into_iter().map(|name| codec(&name)).collect()
}

fn codec(name: &str) -> PyResult<Codec> {
    let known = [Codec::Opus, Codec::Pcmu, Codec::Pcma];
    let found = known.into_iter().find(|codec| codec.name().eq_ignore_ascii_case(name));
    found.ok_or_else(|| PyValueError::new_err(format!("codecs: {name:?} is none of opus, PCMU, PCMA")))
}

fn rate(rate: u32) -> PyResult<u32> {
    if [8_000, 12_000, 16_000, 24_000, 48_000].contains(&rate) {
        return Ok(rate);
    }
    Err(PyValueError::new_err(format!(
        "hearing_rate: {rate} is none of 8000, 12000, 16000, 24000, 48000 Hz"
    )))
}
