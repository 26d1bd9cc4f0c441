//! A stand-in for the voice gateway: registrar and answering user agent with a scripted agent behind them.
//! A test double: nothing counts as interoperable until a real peer has shown it.
#![forbid(unsafe_code)]

pub mod agent;
pub mod certificate;
pub mod context;
pub mod io;
pub mod misbehaviour;
pub mod script;
pub mod server;
pub mod settings;
#[doc(hidden)]
pub mod survival;

mod call;
mod capabilities;
mod challenger;
mod registrar;
mod serving;
