//! `c2c._c2c`: the Python face of the engine. Converts, never decides.
use pyo3::prelude::*;

#[pymodule]
mod _c2c {}
