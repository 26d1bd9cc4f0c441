//! `Gateway`: the stand-in for the voice gateway, by the border's rules.
mod event;
mod misbehaviour;
mod script;
mod settings;

use std::net::{IpAddr, SocketAddr};
use std::os::fd::{IntoRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;

use c2c_engine::error::EngineError;
use c2c_gateway::io::{CallCommand, GatewayCommand};
use c2c_gateway::server::{GatewayServer, ServerError};
use c2c_proto::io::CallId;
use pyo3::exceptions::{PyOSError, PyValueError};
use pyo3::prelude::*;

pub(crate) use self::event::GatewayEvent;
pub(crate) use self::misbehaviour::GatewayMisbehaviour;
pub(crate) use self::script::GatewayStep;
pub(crate) use self::settings::GatewaySettings;
use crate::audio::Clip;
use crate::dtmf::dtmf_request;
use crate::error::engine_error;

/// A stand-in for the voice gateway on a driver of its own.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct Gateway {
    server: GatewayServer,
    wake: Mutex<Option<UnixStream>>,
}

#[pymethods]
impl Gateway {
    #[new]
    #[pyo3(signature = (settings, *, host, secure))]
    fn new(py: Python<'_>, settings: &GatewaySettings, host: &str, secure: bool) -> PyResult<Self> {
        let address: IpAddr = host
            .parse()
            .map_err(|_| PyValueError::new_err(format!("host: {host:?} is no IP address")))?;
        let started = GatewayServer::start(settings.0.clone(), SocketAddr::new(address, 0), secure);
        let (server, wake) = started.map_err(|error| start_error(py, error))?;
        Ok(Self {
            server,
            wake: Mutex::new(Some(wake)),
        })
    }

    #[getter]
    fn port(&self) -> u16 {
        self.server.local_addr().port()
    }

    #[getter]
    fn ca_pem(&self) -> &str {
        &self.server.certificates().ca_pem
    }

    #[getter]
    fn certificate_pem(&self) -> &str {
        &self.server.certificates().certificate_pem
    }

    #[getter]
    fn key_pem(&self) -> &str {
        &self.server.certificates().key_pem
    }

    fn take_wake_fd(&self) -> PyResult<RawFd> {
        let taken = self.wake.lock().ok().and_then(|mut wake| wake.take());
        taken
            .map(IntoRawFd::into_raw_fd)
            .ok_or_else(|| PyValueError::new_err("the wake-up descriptor was taken before"))
    }

    fn poll_events(&self, py: Python<'_>) -> PyResult<Vec<GatewayEvent>> {
        let events = self.server.poll_events().map_err(|error| engine_error(py, &error))?;
        events
            .into_iter()
            .map(|event| GatewayEvent::from_server(py, event))
            .collect()
    }

    fn answer(&self, py: Python<'_>, call: u64) -> PyResult<()> {
        self.call(py, call, CallCommand::Answer)
    }

    fn play(&self, py: Python<'_>, call: u64, clip: &Clip) -> PyResult<()> {
        self.call(py, call, CallCommand::Play(clip.0.clone()))
    }

    fn send_info(&self, py: Python<'_>, call: u64, content_type: String, body: Vec<u8>) -> PyResult<()> {
        self.call(py, call, CallCommand::SendInfo { content_type, body })
    }

    fn hold(&self, py: Python<'_>, call: u64) -> PyResult<()> {
        self.call(py, call, CallCommand::Hold)
    }

    fn resume(&self, py: Python<'_>, call: u64) -> PyResult<()> {
        self.call(py, call, CallCommand::Resume)
    }

    fn change_codecs(&self, py: Python<'_>, call: u64, codecs: Vec<String>) -> PyResult<()> {
        self.call(py, call, CallCommand::ChangeCodecs(settings::codecs(codecs)?))
    }

    fn send_dtmf(&self, py: Python<'_>, call: u64, tones: String) -> PyResult<()> {
        let request = dtmf_request(tones, "RFC2833", None, None)?;
        self.call(py, call, CallCommand::SendTones(request))
    }

    fn refresh(&self, py: Python<'_>, call: u64) -> PyResult<()> {
        self.call(py, call, CallCommand::Refresh)
    }

    #[pyo3(signature = (call, cause, text, protocol))]
    fn hang_up(&self, py: Python<'_>, call: u64, cause: Option<u16>, text: String, protocol: String) -> PyResult<()> {
        let reason = script::hang_up_reason(cause, text, protocol);
        self.call(py, call, CallCommand::HangUp(reason))
    }

    fn send_raw(&self, py: Python<'_>, connection: u64, message: Vec<u8>) -> PyResult<()> {
        self.connection(py, connection, GatewayCommand::SendRaw(message))
    }

    fn drop_websocket(&self, py: Python<'_>, connection: u64) -> PyResult<()> {
        self.connection(py, connection, GatewayCommand::DropWebSocket)
    }

    fn close_websocket(&self, py: Python<'_>, connection: u64, code: u16) -> PyResult<()> {
        self.connection(py, connection, GatewayCommand::CloseWebSocket(code))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.server.close().map_err(|error| engine_error(py, &error))
    }
}

impl Gateway {
    fn call(&self, py: Python<'_>, call: u64, command: CallCommand) -> PyResult<()> {
        let sent = self.server.command_call(CallId(call), command);
        sent.map_err(|error| engine_error(py, &error))
    }

    fn connection(&self, py: Python<'_>, connection: u64, command: GatewayCommand) -> PyResult<()> {
        let sent = self.server.command(connection, command);
        sent.map_err(|error| engine_error(py, &error))
    }
}

fn start_error(py: Python<'_>, error: ServerError) -> PyErr {
    match error {
        ServerError::Engine(EngineError::System { cause, .. }) => PyOSError::new_err(cause),
        ServerError::Engine(error) => engine_error(py, &error),
        other => PyOSError::new_err(other.to_string()),
    }
}
