//! Time and sockets for sans-IO agents: driver threads, WebSocket over TLS, UDP, PCM rings, the event queue and its wake-up.
#![forbid(unsafe_code)]

pub mod agent;
