//! `Engine`: one client's half of the border.
use std::os::fd::{IntoRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant, SystemTime};

use c2c_engine::client::{Client, ClientEvent};
use c2c_engine::driver::{ClientOptions, Drivers};
use c2c_engine::error::EngineError;
use c2c_engine::random::SystemRandomSource;
use c2c_engine::tls::TlsTrust;
use c2c_proto::io::{CallId, ClockOrigin, Command};
use c2c_proto::media::dtls::DtlsCertificate;
use c2c_proto::user_agent::UserAgent;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyCFunction;

use crate::audio::{AudioReader, AudioWriter, Clip};
use crate::call::CallStats;
use crate::error::{engine_failed, refused};
use crate::event::Event;
use crate::settings::{SipSettings, TlsSettings};

/// The driver threads that all clients of the process share.
static DRIVERS: Drivers<UserAgent> = Drivers::new();

/// One client's half of the border.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct Engine {
    client: Client<UserAgent>,
    wake: Mutex<Option<UnixStream>>,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (*, tls=None))]
    fn new(py: Python<'_>, tls: Option<&TlsSettings>) -> PyResult<Self> {
        let tls = trust(tls).map_err(|error| refused(py, error))?;
        let agent = user_agent(py)?;
        let options = ClientOptions {
            agent,
            tls,
            farewell: Some(Command::Disconnect),
        };
        let started = DRIVERS.acquire().and_then(|driver| driver.add(options));
        let (client, wake) = started.map_err(|error| refused(py, error))?;
        Ok(Self {
            client,
            wake: Mutex::new(Some(wake)),
        })
    }

    fn take_wake_fd(&self) -> PyResult<RawFd> {
        let taken = self.wake.lock().ok().and_then(|mut wake| wake.take());
        taken
            .map(IntoRawFd::into_raw_fd)
            .ok_or_else(|| PyValueError::new_err("the wake-up descriptor was taken before"))
    }

    fn poll_events(&self, py: Python<'_>) -> PyResult<Vec<Event>> {
        let events = self.client.poll_events().map_err(|error| refused(py, error))?;
        events.into_iter().map(|event| to_python(py, event)).collect()
    }

    fn connect(&self, py: Python<'_>, settings: &SipSettings) -> PyResult<()> {
        self.command(py, Command::Connect(Box::new(settings.0.clone())))
    }

    fn disconnect(&self, py: Python<'_>) -> PyResult<()> {
        self.command(py, Command::Disconnect)
    }

    fn start_call(&self, py: Python<'_>, call: u64, target: String, headers: Vec<(String, String)>) -> PyResult<()> {
        let call = CallId(call);
        self.command(py, Command::StartCall { call, target, headers })
    }

    #[pyo3(signature = (call, status=None, text=""))]
    fn end_call(&self, py: Python<'_>, call: u64, status: Option<u16>, text: &str) -> PyResult<()> {
        let reason = status.map(|status| (status, text.to_owned()));
        let call = CallId(call);
        self.command(py, Command::EndCall { call, reason })
    }

    fn send_info(&self, py: Python<'_>, call: u64, request: u64, content_type: String, body: Vec<u8>) -> PyResult<()> {
        let info = Command::SendInfo {
            call: CallId(call),
            request,
            content_type,
            body,
        };
        self.command(py, info)
    }

    fn set_muted(&self, py: Python<'_>, call: u64, muted: bool) -> PyResult<()> {
        let call = CallId(call);
        self.command(py, Command::SetMuted { call, muted })
    }

    fn play(&self, py: Python<'_>, call: u64, play: u64, clip: &Clip) -> PyResult<()> {
        let (call, clip) = (CallId(call), clip.0.clone());
        self.command(py, Command::Play { call, play, clip })
    }

    fn stop_playing(&self, py: Python<'_>, call: u64, play: u64) -> PyResult<()> {
        let call = CallId(call);
        self.command(py, Command::StopPlaying { call, play })
    }

    fn open_reader(&self, py: Python<'_>, call: u64, rate: u32) -> PyResult<AudioReader> {
        let ring = self.client.open_reader(CallId(call), rate);
        ring.map(AudioReader).map_err(|error| refused(py, error))
    }

    fn open_writer(&self, py: Python<'_>, call: u64, rate: u32) -> PyResult<AudioWriter> {
        let ring = self.client.open_writer(CallId(call), rate);
        ring.map(AudioWriter).map_err(|error| refused(py, error))
    }

    fn stats(&self, py: Python<'_>, call: u64) -> PyResult<Option<Py<CallStats>>> {
        let stats = self.client.stats(CallId(call)).map_err(|error| refused(py, error))?;
        stats.map(|stats| CallStats::from_proto(py, stats)).transpose()
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.client.close().map_err(|error| refused(py, error))
    }
}

impl Engine {
    fn command(&self, py: Python<'_>, command: Command) -> PyResult<()> {
        self.client.command(command).map_err(|error| refused(py, error))
    }
}

/// Has all clients end at interpreter exit, within two seconds.
pub(crate) fn shut_down_at_exit(py: Python<'_>) -> PyResult<()> {
    let shut_down = PyCFunction::new_closure(py, None, None, |arguments, _| {
        arguments.py().detach(|| DRIVERS.shut_down(Duration::from_secs(2)))
    })?;
    py.import("atexit")?.call_method1("register", (shut_down,))?;
    Ok(())
}

fn user_agent(py: Python<'_>) -> PyResult<UserAgent> {
    let clock = ClockOrigin {
        instant: Instant::now(),
        wall: SystemTime::now(),
    };
    let certificate = DtlsCertificate::generate().map_err(|error| engine_failed(py, &error.to_string()))?;
    let random = Box::new(SystemRandomSource::default());
    Ok(UserAgent::new(clock, Arc::new(certificate), random))
}

fn trust(tls: Option<&TlsSettings>) -> Result<TlsTrust, EngineError> {
    match tls {
        Some(tls) => TlsTrust::new(
            tls.ca_pem.as_deref(),
            tls.client_cert_pem.as_deref(),
            tls.client_key_pem.as_deref(),
        ),
        None => TlsTrust::new(None, None, None),
    }
}

fn to_python(py: Python<'_>, event: ClientEvent<c2c_proto::io::Event>) -> PyResult<Event> {
    Ok(match event {
        ClientEvent::Agent(event) => return Event::from_proto(py, event),
        ClientEvent::RingReady(ring) => Event::RingReady { ring },
        ClientEvent::Log(line) => Event::Log {
            level: line.level,
            target: line.target.into(),
            message: line.message,
        },
        ClientEvent::LogLinesLost(lines) => Event::Log {
            level: 30,
            target: "c2c_engine".into(),
            message: format!("{lines} log lines were lost: nobody read them in time"),
        },
        ClientEvent::EngineFailed(cause) => Event::EngineFailed { cause },
        ClientEvent::Closed => Event::Closed {},
    })
}
