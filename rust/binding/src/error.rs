//! Exceptions of `c2c._errors`, imported when first needed so that the extension itself depends on nothing.
use c2c_engine::error::EngineError;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;

/// What the engine refuses, as the exception for it.
pub(crate) fn engine_error(py: Python<'_>, error: &EngineError) -> PyErr {
    let class = match error {
        EngineError::Closed => "EngineClosed",
        EngineError::Forked => "UsedAfterFork",
        EngineError::CommandsFull(_) | EngineError::System { .. } => "EngineFailed",
        EngineError::Invalid(text) => return PyValueError::new_err(text.clone()),
    };
    exception(py, class, error.to_string())
}

/// The engine cannot start.
pub(crate) fn engine_failed(py: Python<'_>, message: String) -> PyErr {
    exception(py, "EngineFailed", message)
}

/// Raises `UsedAfterFork` unless this is the process that made the object.
pub(crate) fn check_process(py: Python<'_>, process: u32) -> PyResult<()> {
    if std::process::id() == process {
        Ok(())
    } else {
        Err(engine_error(py, &EngineError::Forked))
    }
}

fn exception(py: Python<'_>, class: &str, message: String) -> PyErr {
    let made = py
        .import("c2c._errors")
        .and_then(|errors| errors.getattr(class)?.call1((message,)));
    made.map_or_else(|error| error, PyErr::from_value)
}
