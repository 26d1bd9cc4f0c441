//! `c2c._c2c`: the Python face of the engine. Converts, never decides.
#![deny(unsafe_code)]

mod audio;
mod buffer;
mod call;
mod dtmf;
mod engine;
mod error;
mod event;
mod gateway;
mod settings;

use pyo3::prelude::*;
use pyo3::types::PyCFunction;

#[pymodule(gil_used = false)]
mod _c2c {
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
    use super::settings::{IceSettings, ProxySettings, SipSettings, TlsSettings};

    use super::{PyCFunction, engine};
    use pyo3::prelude::*;

    /// The interpreter's end ends all engines first, and waits for that only a little.
    #[pymodule_init]
    fn init(module: &Bound<'_, PyModule>) -> PyResult<()> {
        let py = module.py();
        let at_exit = PyCFunction::new_closure(py, None, None, |args, _| args.py().detach(engine::shut_down))?;
        py.import("atexit")?.call_method1("register", (at_exit,))?;
        Ok(())
    }
}
