//! `c2c._c2c`: the Python face of the engine. Converts, never decides.
#![deny(unsafe_code)]

mod audio;
mod buffer;
mod call;
mod engine;
mod error;
mod event;
mod gateway;
mod settings;

use pyo3::prelude::*;

#[pymodule(gil_used = false)]
mod _c2c {
    use pyo3::prelude::*;

    #[pymodule_export]
    const VERSION: &str = env!("CARGO_PKG_VERSION");
    #[pymodule_export]
    use super::audio::{AudioFrame, AudioReader, AudioWriter, Clip};
    #[pymodule_export]
    use super::call::{CallEnd, CallState, CallStats};
    #[pymodule_export]
    use super::engine::Engine;
    #[pymodule_export]
    use super::event::Event;
    #[pymodule_export]
    use super::gateway::{Gateway, GatewayEvent, GatewayMisbehaviour, GatewaySettings, GatewayStep};
    #[pymodule_export]
    use super::settings::{SipSettings, TlsSettings};

    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        super::engine::shut_down_at_exit(module.py())
    }
}
