//! Sound in Python's hands: clips, frames, and the ends of the PCM rings.
use std::ffi::c_int;
use std::sync::Arc;

use c2c_engine::audio_ring::{ReaderRing, WriterRing};
use c2c_proto::media::clip;
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::buffer::{Layout, SampleBuffer, fill_view};
use crate::error::check_process;

/// A sound in memory: signed 16-bit mono.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct Clip(pub(crate) Arc<clip::Clip>);

#[pymethods]
impl Clip {
    #[new]
    fn new(py: Python<'_>, samples: &Bound<'_, PyAny>, rate: u32) -> PyResult<Self> {
        let buffer = SampleBuffer::of(samples)?;
        Self::made(clip::Clip::new(rate, buffer.copy(py, 0, buffer.len())))
    }

    /// Reads a WAV file's bytes, mixed down to mono. Raises `ValueError` for what is no WAV it can read.
    #[staticmethod]
    fn from_wav(py: Python<'_>, data: &[u8]) -> PyResult<Self> {
        Self::made(py.detach(|| clip::Clip::from_wav(data)))
    }

    #[getter]
    fn rate(&self) -> u32 {
        self.0.rate()
    }

    #[getter]
    fn duration(&self) -> f64 {
        self.0.duration().as_secs_f64()
    }

    fn __repr__(&self) -> String {
        format!("Clip(rate={}, duration={:.3})", self.0.rate(), self.duration())
    }
}

impl Clip {
    fn made(made: Result<clip::Clip, clip::ClipError>) -> PyResult<Self> {
        made.map(|clip| Self(Arc::new(clip)))
            .map_err(|error| PyValueError::new_err(error.to_string()))
    }
}

/// 20 ms of signed 16-bit mono; the buffer protocol gives its samples (format 'h', read-only) without a copy.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct AudioFrame {
    samples: Box<[i16]>,
    layout: Layout,
    rate: u32,
    position: u64,
}

impl AudioFrame {
    pub(crate) fn from_samples(samples: Box<[i16]>, rate: u32, position: u64) -> Self {
        Self {
            layout: Layout::of(&samples),
            samples,
            rate,
            position,
        }
    }
}

#[pymethods]
impl AudioFrame {
    #[new]
    fn new(py: Python<'_>, samples: &Bound<'_, PyAny>, rate: u32, position: u64) -> PyResult<Self> {
        let buffer = SampleBuffer::of(samples)?;
        Ok(Self::from_samples(
            buffer.copy(py, 0, buffer.len()).into(),
            rate,
            position,
        ))
    }

    #[getter]
    fn rate(&self) -> u32 {
        self.rate
    }

    #[getter]
    fn samples(&self) -> usize {
        self.samples.len()
    }

    #[getter]
    fn position(&self) -> u64 {
        self.position
    }

    fn __len__(&self) -> usize {
        self.samples.len()
    }

    fn __repr__(&self) -> String {
        format!(
            "AudioFrame(samples={}, rate={}, position={})",
            self.samples.len(),
            self.rate,
            self.position
        )
    }

    #[allow(unsafe_code)]
    #[expect(clippy::needless_pass_by_value, reason = "the protocol's signature")]
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let frame = slf.get();
        // SAFETY: the interpreter's view; samples and layout belong to this frozen object, which the view keeps alive
        unsafe { fill_view(view, flags, &frame.samples, &frame.layout, slf.clone().into_any()) }
    }
}

/// The reading end of a call's sound.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct AudioReader {
    ring: Arc<ReaderRing>,
    process: u32,
}

impl AudioReader {
    pub(crate) fn new(ring: Arc<ReaderRing>) -> Self {
        Self {
            ring,
            process: std::process::id(),
        }
    }

    fn ring(&self, py: Python<'_>) -> PyResult<&ReaderRing> {
        check_process(py, self.process)?;
        Ok(&self.ring)
    }
}

impl Drop for AudioReader {
    fn drop(&mut self) {
        if std::process::id() == self.process {
            self.ring.close();
        }
    }
}

#[pymethods]
impl AudioReader {
    #[getter(ring)]
    fn number(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.ring(py)?.ring())
    }

    #[getter]
    fn rate(&self, py: Python<'_>) -> PyResult<u32> {
        Ok(self.ring(py)?.rate())
    }

    #[getter]
    fn dropped(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.ring(py)?.dropped())
    }

    #[getter]
    fn ended(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.ring(py)?.ended())
    }

    fn take(&self, py: Python<'_>) -> PyResult<Option<AudioFrame>> {
        let ring = self.ring(py)?;
        Ok(ring
            .take()
            .map(|frame| AudioFrame::from_samples(frame.samples, ring.rate(), frame.position)))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.ring(py)?.close();
        Ok(())
    }
}

/// The writing end of a call's sound.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct AudioWriter {
    ring: Arc<WriterRing>,
    process: u32,
}

impl AudioWriter {
    pub(crate) fn new(ring: Arc<WriterRing>) -> Self {
        Self {
            ring,
            process: std::process::id(),
        }
    }

    fn ring(&self, py: Python<'_>) -> PyResult<&WriterRing> {
        check_process(py, self.process)?;
        Ok(&self.ring)
    }
}

impl Drop for AudioWriter {
    fn drop(&mut self) {
        if std::process::id() == self.process {
            self.ring.close();
        }
    }
}

#[pymethods]
impl AudioWriter {
    #[getter(ring)]
    fn number(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.ring(py)?.ring())
    }

    #[getter]
    fn rate(&self, py: Python<'_>) -> PyResult<u32> {
        Ok(self.ring(py)?.rate())
    }

    #[getter]
    fn late(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(self.ring(py)?.late())
    }

    #[getter]
    fn ended(&self, py: Python<'_>) -> PyResult<bool> {
        Ok(self.ring(py)?.ended())
    }

    /// Takes samples from number `offset` on and says how many; 0 when there is no room.
    #[pyo3(signature = (samples, offset=0))]
    fn write(&self, py: Python<'_>, samples: &Bound<'_, PyAny>, offset: usize) -> PyResult<usize> {
        let ring = self.ring(py)?;
        let samples = SampleBuffer::of(samples)?;
        // one more than there is room for, so that the ring knows that somebody waits
        let count = ring.room().saturating_add(1);
        Ok(ring.write(&samples.copy(py, offset, count)))
    }

    /// What was written still goes out.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        self.ring(py)?.close();
        Ok(())
    }
}
