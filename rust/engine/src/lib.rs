//! Time and sockets for sans-IO agents: driver threads, WebSocket over TLS, UDP, PCM rings, the event queue and its wake-up.
#![forbid(unsafe_code)]

mod accept;
pub mod agent;
pub mod audio_ring;
mod call_rings;
pub mod client;
mod connect;
pub mod driver;
pub mod error;
pub mod event_queue;
mod happy_eyeballs;
mod histogram;
pub mod listener;
mod local_network;
pub mod logs;
mod mailbox;
pub mod proxy;
pub mod random;
mod resolve;
pub mod route;
mod server_stream;
mod slots;
pub mod socket_options;
mod stream;
#[doc(hidden)]
pub mod survival;
pub mod threads;
pub mod tls;
mod udp;
mod wake;
mod websocket;
mod workers;

pub use histogram::DurationCounts;
pub use mailbox::AgentId;
