//! The buffer protocol: samples in from any buffer, frames out without a copy. The only unsafe code of the project.
use std::ffi::{c_int, c_void};

use pyo3::buffer::{Element, PyBuffer};
use pyo3::exceptions::{PyBufferError, PyTypeError, PyValueError};
use pyo3::ffi;
use pyo3::prelude::*;

/// Samples of a Python buffer: signed 16-bit ones, or bytes that hold them in native order.
pub(crate) enum SampleBuffer {
    Samples(PyBuffer<i16>),
    Bytes(PyBuffer<u8>),
}

impl SampleBuffer {
    /// Takes any contiguous buffer of format `h` or `B`; `TypeError`, `BufferError` or `ValueError` otherwise.
    pub(crate) fn of(object: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(buffer) = PyBuffer::<i16>::get(object) {
            contiguous(buffer.is_c_contiguous())?;
            return Ok(Self::Samples(buffer));
        }
        let Ok(buffer) = PyBuffer::<u8>::get(object) else {
            return Err(PyTypeError::new_err(
                "samples must be a buffer of signed 16-bit integers or of bytes",
            ));
        };
        contiguous(buffer.is_c_contiguous())?;
        if buffer.item_count() % 2 != 0 {
            return Err(PyValueError::new_err(
                "an odd number of bytes cannot hold 16-bit samples",
            ));
        }
        Ok(Self::Bytes(buffer))
    }

    /// Number of samples.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Samples(buffer) => buffer.item_count(),
            Self::Bytes(buffer) => buffer.item_count() / 2,
        }
    }

    /// Copies at most `count` samples from number `offset` on.
    pub(crate) fn copy(&self, py: Python<'_>, offset: usize, count: usize) -> Vec<i16> {
        match self {
            Self::Samples(buffer) => copy_items(py, buffer, offset, count),
            Self::Bytes(buffer) => {
                let bytes = copy_items(py, buffer, offset.saturating_mul(2), count.saturating_mul(2));
                let (pairs, _) = bytes.as_chunks::<2>();
                pairs.iter().map(|pair| i16::from_ne_bytes(*pair)).collect()
            }
        }
    }
}

/// Shape and strides that a view points to; they live as long as the exporting object.
pub(crate) struct Layout {
    shape: [ffi::Py_ssize_t; 1],
    strides: [ffi::Py_ssize_t; 1],
}

impl Layout {
    pub(crate) fn of(samples: &[i16]) -> Self {
        Self {
            shape: [samples.len().cast_signed()],
            strides: [size_of::<i16>().cast_signed()],
        }
    }
}

/// Fills `view` with a read-only one-dimensional view of `samples`, as `bf_getbuffer` must.
///
/// # Safety
/// `view` is what the interpreter gave to `__getbuffer__`; `samples` and `layout` are owned by `owner` and never move or
/// change while it lives.
#[allow(unsafe_code)]
pub(crate) unsafe fn fill_view(
    view: *mut ffi::Py_buffer,
    flags: c_int,
    samples: &[i16],
    layout: &Layout,
    owner: Bound<'_, PyAny>,
) -> PyResult<()> {
    if view.is_null() {
        return Err(PyBufferError::new_err("no view"));
    }
    let has = |flag: c_int| (flags & flag) == flag;
    let writable = has(ffi::PyBUF_WRITABLE);
    // SAFETY: `view` is not null and by this function's contract writable; the pointers stored in it stay valid because
    // the view holds a reference to `owner`, which owns what they point to and is frozen.
    unsafe {
        if writable {
            (*view).obj = std::ptr::null_mut();
            return Err(PyBufferError::new_err("an AudioFrame is read-only"));
        }
        (*view).buf = samples.as_ptr().cast::<c_void>().cast_mut();
        (*view).len = size_of_val(samples).cast_signed();
        (*view).readonly = 1;
        (*view).itemsize = size_of::<i16>().cast_signed();
        (*view).format = if has(ffi::PyBUF_FORMAT) {
            c"h".as_ptr().cast_mut()
        } else {
            std::ptr::null_mut()
        };
        (*view).ndim = 1;
        (*view).shape = if has(ffi::PyBUF_ND) {
            layout.shape.as_ptr().cast_mut()
        } else {
            std::ptr::null_mut()
        };
        (*view).strides = if has(ffi::PyBUF_STRIDES) {
            layout.strides.as_ptr().cast_mut()
        } else {
            std::ptr::null_mut()
        };
        (*view).suboffsets = std::ptr::null_mut();
        (*view).internal = std::ptr::null_mut();
        (*view).obj = owner.into_ptr();
    }
    Ok(())
}

fn contiguous(is: bool) -> PyResult<()> {
    if is {
        Ok(())
    } else {
        Err(PyBufferError::new_err("samples must be contiguous"))
    }
}

#[allow(unsafe_code)]
fn copy_items<T: Element>(_attached: Python<'_>, buffer: &PyBuffer<T>, offset: usize, count: usize) -> Vec<T> {
    let Some(items) = buffer.as_slice_ptr() else {
        return Vec::new();
    };
    let start = offset.min(items.len());
    let count = count.min(items.len() - start);
    let mut copy = Vec::with_capacity(count);
    // SAFETY: `buffer` keeps `items` valid and the caller is attached, as `as_slice_ptr` asks; start + count lies within
    // the items, and `copy` has room for `count` of them, which are plain integers
    unsafe {
        std::ptr::copy_nonoverlapping(items.as_ptr().cast::<T>().add(start), copy.as_mut_ptr(), count);
        copy.set_len(count);
    }
    copy
}
