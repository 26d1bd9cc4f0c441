//! Sound in Python's hands: clips, frames, and the ends of the PCM rings.
use std::ffi::c_int;
use std::sync::Arc;

use c2c_engine::audio_ring::{ReaderRing, WriterRing};
use c2c_proto::media::clip;
use pyo3::exceptions::PyValueError;
use pyo3::ffi;
use pyo3::prelude::*;

use crate::buffer::{Layout, SampleBuffer, fill_view};

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
    unsafe fn __getbuffer__(slf: Bound<'_, Self>, view: *mut ffi::Py_buffer, flags: c_int) -> PyResult<()> {
        let frame = slf.get();
        // SAFETY: the interpreter's view; samples and layout belong to this frozen object, which the view keeps alive
        unsafe { fill_view(view, flags, &frame.samples, &frame.layout, slf.clone().into_any()) }
    }
}

/// The reading end of a call's sound.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct AudioReader(pub(crate) Arc<ReaderRing>);

#[pymethods]
impl AudioReader {
    #[getter]
    fn ring(&self) -> u64 {
        self.0.ring()
    }

    #[getter]
    fn rate(&self) -> u32 {
        self.0.rate()
    }

    #[getter]
    fn dropped(&self) -> u64 {
        self.0.dropped()
    }

    #[getter]
    fn ended(&self) -> bool {
        self.0.ended()
    }

    fn take(&self) -> Option<AudioFrame> {
        let frame = self.0.take()?;
        Some(AudioFrame::from_samples(frame.samples, self.0.rate(), frame.position))
    }

    fn close(&self) {
        self.0.close();
    }
}

/// The writing end of a call's sound.
#[pyclass(frozen, module = "c2c._c2c")]
pub(crate) struct AudioWriter(pub(crate) Arc<WriterRing>);

#[pymethods]
impl AudioWriter {
    #[getter]
    fn ring(&self) -> u64 {
        self.0.ring()
    }

    #[getter]
    fn rate(&self) -> u32 {
        self.0.rate()
    }

    #[getter]
    fn late(&self) -> u64 {
        self.0.late()
    }

    #[getter]
    fn ended(&self) -> bool {
        self.0.ended()
    }

    /// Takes samples from sample `offset` on and says how many; only what there is room for is copied.
    #[pyo3(signature = (samples, offset=0))]
    fn write(&self, py: Python<'_>, samples: &Bound<'_, PyAny>, offset: usize) -> PyResult<usize> {
        let buffer = SampleBuffer::of(samples)?;
        // at least one, so that the ring knows that somebody waits for room
        let wanted = self.0.room().max(1);
        Ok(self.0.write(&buffer.copy(py, offset, wanted)))
    }

    fn close(&self) {
        self.0.close();
    }
}
