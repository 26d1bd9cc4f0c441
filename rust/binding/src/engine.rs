//! `Engine`: one client's half of the border.
use std::os::fd::{IntoRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant, SystemTime};

use c2c_engine::audio_ring::Sides;
use c2c_engine::client::{Client, ClientEvent};
use c2c_engine::driver::{ClientOptions, Drivers, OPEN_LIMIT};
use c2c_engine::error::EngineError;
use c2c_engine::random::SystemRandomSource;
use c2c_engine::route::Route;
use c2c_engine::threads;
use c2c_engine::tls::TlsTrust;
use c2c_proto::io::{self, CallId, ClockOrigin, Command};
use c2c_proto::media::dtls::DtlsCertificate;
use c2c_proto::user_agent::UserAgent;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::audio::{AudioReader, AudioWriter, Clip};
use crate::call::CallStats;
use crate::dtmf::dtmf_request;
use crate::error::{check_process, engine_error, engine_failed};
use crate::event::Event;
use crate::settings::{ProxySettings, SipSettings, TlsSettings, socket_options};

/// The driver of all engines of the process. Taken while attached to the interpreter only, so that no fork finds it locked.
static DRIVERS: Drivers<UserAgent> = Drivers::new();

/// How long the end of the interpreter may wait for the drivers.
const EXIT_LIMIT: Duration = Duration::from_secs(2);

/// One client's half of the border. Raises `EngineClosed`, `UsedAfterFork`, `EngineFailed` or `ValueError`.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct Engine {
    client: Client<UserAgent>,
    wake: Mutex<Option<UnixStream>>,
    process: u32,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (*, tls=None, ip_version=None, port_range=None))]
    fn new(
        py: Python<'_>,
        tls: Option<&TlsSettings>,
        ip_version: Option<u8>,
        port_range: Option<(u16, u16)>,
    ) -> PyResult<Self> {
        let refused = |error: EngineError| engine_error(py, &error);
        let sockets = socket_options(ip_version, port_range)?;
        let tls = trust(tls).map_err(refused)?;
        let certificate = py.detach(DtlsCertificate::generate);
        let certificate = certificate.map_err(|error| engine_failed(py, error.to_string()))?;
        let clock = ClockOrigin {
            instant: Instant::now(),
            wall: SystemTime::now(),
        };
        let agent = UserAgent::new(clock, Arc::new(certificate), Box::new(SystemRandomSource::default()));
        let options = ClientOptions {
            agent,
            tls,
            farewell: Some(Command::Disconnect),
            open_limit: OPEN_LIMIT,
            sockets,
        };
        let (client, wake) = DRIVERS
            .acquire()
            .and_then(|driver| driver.add(options))
            .map_err(refused)?;
        Ok(Self {
            client,
            wake: Mutex::new(Some(wake)),
            process: std::process::id(),
        })
    }

    /// The descriptor that becomes readable when events wait; the caller owns and closes it.
    fn take_wake_fd(&self, py: Python<'_>) -> PyResult<RawFd> {
        check_process(py, self.process)?;
        let taken = self.wake.lock().unwrap_or_else(PoisonError::into_inner).take();
        taken
            .map(IntoRawFd::into_raw_fd)
            .ok_or_else(|| PyValueError::new_err("the wake-up descriptor was taken before"))
    }

    /// All events that wait, in order; call it after the wake-up bytes were read.
    fn poll_events(&self, py: Python<'_>) -> PyResult<Vec<Event>> {
        let events = self.client.poll_events().map_err(|error| engine_error(py, &error))?;
        events.into_iter().map(|event| python_event(py, event)).collect()
    }

    #[pyo3(signature = (settings, *, proxy=None, public_only=false))]
    fn connect(
        &self,
        py: Python<'_>,
        settings: &SipSettings,
        proxy: Option<&ProxySettings>,
        public_only: bool,
    ) -> PyResult<()> {
        self.route(py, proxy, public_only)?;
        self.command(py, Command::Connect(Box::new(settings.0.clone())))
    }

    #[pyo3(signature = (websocket_uri, *, proxy=None, public_only=false))]
    fn prepare(
        &self,
        py: Python<'_>,
        websocket_uri: String,
        proxy: Option<&ProxySettings>,
        public_only: bool,
    ) -> PyResult<()> {
        let proxy = proxy.map(|proxy| proxy.0.clone());
        let prepared = self.client.prepare(websocket_uri, Route { proxy, public_only });
        prepared.map_err(|error| engine_error(py, &error))
    }

    fn discard_prepared(&self, py: Python<'_>) -> PyResult<()> {
        self.client.discard_prepared().map_err(|error| engine_error(py, &error))
    }

    fn disconnect(&self, py: Python<'_>) -> PyResult<()> {
        self.command(py, Command::Disconnect)
    }

    /// Answers `Event.SettingsRefused`: newer settings and the way to their server, or none to give up.
    #[pyo3(signature = (settings, *, proxy=None, public_only=false))]
    fn renew(
        &self,
        py: Python<'_>,
        settings: Option<&SipSettings>,
        proxy: Option<&ProxySettings>,
        public_only: bool,
    ) -> PyResult<()> {
        if settings.is_some() {
            self.route(py, proxy, public_only)?;
        }
        self.command(
            py,
            Command::Renew(settings.map(|settings| Box::new(settings.0.clone()))),
        )
    }

    fn retry(&self, py: Python<'_>) -> PyResult<()> {
        self.command(py, Command::Retry)
    }

    fn network_changed(&self, py: Python<'_>) -> PyResult<()> {
        self.command(py, Command::NetworkChanged)
    }

    fn start_call(&self, py: Python<'_>, call: u64, target: String, headers: Vec<(String, String)>) -> PyResult<()> {
        self.command(
            py,
            Command::StartCall {
                call: CallId(call),
                target,
                headers,
            },
        )
    }

    /// Answers a call that rings here.
    fn answer_call(&self, py: Python<'_>, call: u64) -> PyResult<()> {
        self.command(py, Command::Answer { call: CallId(call) })
    }

    /// Rejects a call that rings here.
    fn reject_call(&self, py: Python<'_>, call: u64, status: u16, reason: String) -> PyResult<()> {
        let call = CallId(call);
        self.command(py, Command::Reject { call, status, reason })
    }

    #[pyo3(signature = (call, status=None, text=""))]
    fn end_call(&self, py: Python<'_>, call: u64, status: Option<u16>, text: &str) -> PyResult<()> {
        let reason = status.map(|status| (status, text.to_owned()));
        self.command(
            py,
            Command::EndCall {
                call: CallId(call),
                reason,
            },
        )
    }

    fn send_info(&self, py: Python<'_>, call: u64, request: u64, content_type: String, body: Vec<u8>) -> PyResult<()> {
        self.command(
            py,
            Command::SendInfo {
                call: CallId(call),
                request,
                content_type,
                body,
            },
        )
    }

    #[pyo3(signature = (call, request, tones, transport, duration, inter_tone_gap))]
    #[expect(clippy::too_many_arguments, reason = "the options of one request")]
    fn send_dtmf(
        &self,
        py: Python<'_>,
        call: u64,
        request: u64,
        tones: String,
        transport: &str,
        duration: Option<f64>,
        inter_tone_gap: Option<f64>,
    ) -> PyResult<()> {
        let dtmf = dtmf_request(tones, transport, duration, inter_tone_gap)?;
        let call = CallId(call);
        self.command(py, Command::SendDtmf { call, request, dtmf })
    }

    fn set_muted(&self, py: Python<'_>, call: u64, muted: bool) -> PyResult<()> {
        self.command(
            py,
            Command::SetMuted {
                call: CallId(call),
                muted,
            },
        )
    }

    fn play(&self, py: Python<'_>, call: u64, play: u64, clip: &Clip) -> PyResult<()> {
        self.command(
            py,
            Command::Play {
                call: CallId(call),
                play,
                clip: clip.0.clone(),
            },
        )
    }

    fn stop_playing(&self, py: Python<'_>, call: u64, play: u64) -> PyResult<()> {
        self.command(
            py,
            Command::StopPlaying {
                call: CallId(call),
                play,
            },
        )
    }

    #[pyo3(signature = (call, rate, both_sides=false))]
    fn open_reader(&self, py: Python<'_>, call: u64, rate: u32, both_sides: bool) -> PyResult<AudioReader> {
        let sides = if both_sides { Sides::Both } else { Sides::Far };
        let ring = self.client.open_reader(CallId(call), rate, sides);
        ring.map(AudioReader::new).map_err(|error| engine_error(py, &error))
    }

    fn open_writer(&self, py: Python<'_>, call: u64, rate: u32) -> PyResult<AudioWriter> {
        let ring = self.client.open_writer(CallId(call), rate);
        ring.map(AudioWriter::new).map_err(|error| engine_error(py, &error))
    }

    fn stats(&self, py: Python<'_>, call: u64) -> PyResult<Option<Py<CallStats>>> {
        let stats = self
            .client
            .stats(CallId(call))
            .map_err(|error| engine_error(py, &error))?;
        stats.map(|stats| CallStats::from_proto(py, stats)).transpose()
    }

    /// Ends the client; `Event.Closed` is its last event. Doing it again does nothing.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.client.close().map_err(|error| engine_error(py, &error))
    }
}

impl Engine {
    /// How the next attempts reach the server.
    fn route(&self, py: Python<'_>, proxy: Option<&ProxySettings>, public_only: bool) -> PyResult<()> {
        let proxy = proxy.map(|proxy| proxy.0.clone());
        let routed = self.client.route(Route { proxy, public_only });
        routed.map_err(|error| engine_error(py, &error))
    }

    fn command(&self, py: Python<'_>, command: Command) -> PyResult<()> {
        self.client.command(command).map_err(|error| engine_error(py, &error))
    }
}

/// Ends all engines and gateways of the process, for its exit.
pub(crate) fn shut_down() {
    threads::shut_down(EXIT_LIMIT);
}

fn trust(tls: Option<&TlsSettings>) -> Result<TlsTrust, EngineError> {
    match tls {
        Some(tls) => TlsTrust::new(tls.ca.as_deref(), tls.client_cert.as_deref(), tls.client_key.as_deref()),
        None => TlsTrust::new(None, None, None),
    }
}

fn python_event(py: Python<'_>, event: ClientEvent<io::Event>) -> PyResult<Event> {
    Ok(match event {
        ClientEvent::Agent(event) => Event::from_proto(py, event)?,
        ClientEvent::RingReady(ring) => Event::RingReady { ring },
        ClientEvent::Log(line) => Event::Log {
            level: line.level,
            target: line.target.trim_start_matches("c2c_").replace("::", "."),
            message: line.message,
        },
        ClientEvent::LogLinesLost(count) => Event::Log {
            level: 30,
            target: "engine".into(),
            message: format!("{count} log lines were lost since nobody read them in time"),
        },
        ClientEvent::EngineFailed(cause) => Event::EngineFailed { cause },
        ClientEvent::Closed => Event::Closed {},
    })
}
