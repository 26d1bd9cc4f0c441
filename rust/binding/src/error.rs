//! Exceptions of `c2c._errors`, imported when first needed so that the extension itself depends on nothing.
use c2c_engine::error::EngineError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::PyString;

/// The client is closed, or was never told anything else.
pub(crate) fn engine_closed(py: Python<'_>, message: &str) -> PyErr {
    error(py, "EngineClosed", message)
}

/// The engine could not start or carry on.
pub(crate) fn engine_failed(py: Python<'_>, message: &str) -> PyErr {
    error(py, "EngineFailed", message)
}

/// This process is a fork of the one that made the object.
pub(crate) fn used_after_fork(py: Python<'_>) -> PyErr {
    let message = "this object belongs to the parent process; make a new client after the fork";
    error(py, "UsedAfterFork", message)
}

/// Python's error for what the engine refused.
pub(crate) fn refused(py: Python<'_>, error: EngineError) -> PyErr {
    match error {
        EngineError::Closed => engine_closed(py, "the client is closed"),
        EngineError::Forked => used_after_fork(py),
        EngineError::Invalid(message) => PyValueError::new_err(message),
        other => engine_failed(py, &other.to_string()),
    }
}

fn error(py: Python<'_>, class: &str, message: &str) -> PyErr {
    match py.import("c2c._errors").and_then(|module| module.getattr(class)) {
        Ok(class) => match class.call1((PyString::new(py, message),)) {
            Ok(error) => PyErr::from_value(error),
            Err(error) => error,
        },
        Err(error) => error,
    }
}
