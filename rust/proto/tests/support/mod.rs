//! What scenarios stand on: a user agent in virtual time, a server that speaks SIP by hand, media at the far end.
#![allow(dead_code, unused_imports)] // each binary uses a part

pub(crate) mod far_end;
pub(crate) mod messages;
pub(crate) mod network;
pub(crate) mod random;
pub(crate) mod registrar;
pub(crate) mod rig;
pub(crate) mod stun_server;

pub(crate) use messages::{Heard, ServerDialog};
pub(crate) use rig::{CALL, Rig};
