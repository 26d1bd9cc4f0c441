//! `Engine`: one client's half of the border.
use std::os::fd::{IntoRawFd, RawFd};
use std::os::unix::net::UnixStream;
use std::sync::Mutex;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

use crate::audio::{AudioReader, AudioWriter, Clip};
use crate::call::CallStats;
use crate::error::{engine_closed, used_after_fork};
use crate::event::Event;
use crate::settings::{SipSettings, TlsSettings};

/// One client's half of the border.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct Engine {
    process: u32,
    wake: Mutex<Option<UnixStream>>,
    _peer: UnixStream,
    closed: Mutex<Option<bool>>,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (*, tls=None))]
    fn new(tls: Option<&TlsSettings>) -> PyResult<Self> {
        let _ = tls;
        let (theirs, ours) = UnixStream::pair()?;
        theirs.set_nonblocking(true)?;
        Ok(Self {
            process: std::process::id(),
            wake: Mutex::new(Some(theirs)),
            _peer: ours,
            closed: Mutex::new(None),
        })
    }

    fn take_wake_fd(&self, py: Python<'_>) -> PyResult<RawFd> {
        self.check(py)?;
        let taken = self.wake.lock().ok().and_then(|mut wake| wake.take());
        taken
            .map(IntoRawFd::into_raw_fd)
            .ok_or_else(|| PyValueError::new_err("the wake-up descriptor was taken before"))
    }

    fn poll_events(&self, py: Python<'_>) -> PyResult<Vec<Event>> {
        self.check(py)?;
        Ok(Vec::new())
    }

    fn connect(&self, py: Python<'_>, settings: &SipSettings) -> PyResult<()> {
        let _ = &settings.0;
        self.check(py)
    }

    fn disconnect(&self, py: Python<'_>) -> PyResult<()> {
        self.check(py)
    }

    fn start_call(&self, py: Python<'_>, call: u64, target: String, headers: Vec<(String, String)>) -> PyResult<()> {
        let _ = (call, target, headers);
        self.check(py)
    }

    #[pyo3(signature = (call, status=None, text=""))]
    fn end_call(&self, py: Python<'_>, call: u64, status: Option<u16>, text: &str) -> PyResult<()> {
        let _ = (call, status, text);
        self.check(py)
    }

    fn send_info(&self, py: Python<'_>, call: u64, request: u64, content_type: String, body: Vec<u8>) -> PyResult<()> {
        let _ = (call, request, content_type, body);
        self.check(py)
    }

    fn set_muted(&self, py: Python<'_>, call: u64, muted: bool) -> PyResult<()> {
        let _ = (call, muted);
        self.check(py)
    }

    fn play(&self, py: Python<'_>, call: u64, play: u64, clip: &Clip) -> PyResult<()> {
        let _ = (call, play, &clip.0);
        self.check(py)
    }

    fn stop_playing(&self, py: Python<'_>, call: u64, play: u64) -> PyResult<()> {
        let _ = (call, play);
        self.check(py)
    }

    fn open_reader(&self, py: Python<'_>, call: u64, rate: u32) -> PyResult<AudioReader> {
        let _ = (call, rate);
        self.check(py)?;
        Ok(AudioReader {})
    }

    fn open_writer(&self, py: Python<'_>, call: u64, rate: u32) -> PyResult<AudioWriter> {
        let _ = (call, rate);
        self.check(py)?;
        Ok(AudioWriter {})
    }

    fn stats(&self, py: Python<'_>, call: u64) -> PyResult<Option<CallStats>> {
        let _ = call;
        self.check(py)?;
        Ok(None)
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.check(py)?;
        if let Ok(mut closed) = self.closed.lock() {
            *closed = Some(true);
        }
        Ok(())
    }
}

impl Engine {
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        if std::process::id() != self.process {
            return Err(used_after_fork(py));
        }
        match self.closed.lock() {
            Ok(closed) if closed.is_none() => Ok(()),
            _ => Err(engine_closed(py, "the client is closed")),
        }
    }
}
