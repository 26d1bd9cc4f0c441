//! What a client of a script has around it: settings, tones, randomness and sound.
use std::time::Duration;

use crate::dtmf::{DtmfRequest, DtmfTransport};
use crate::io::{AudioPort, CallPolicy, KeepAlive, RandomSource, Secret, SipSettings};
use crate::media::servers::{IceConfig, IceServerSettings, IceTransportPolicy};

/// A user who registers also sends keep-alives and takes calls; one with STUN and TURN servers does neither.
pub(super) fn settings(register: bool, ice: IceConfig) -> SipSettings {
    let mut keep_alive = KeepAlive::default();
    if !register {
        keep_alive.interval = Duration::ZERO;
    }
    SipSettings {
        websocket_uri: "wss://far.example".to_owned(),
        user: "us".to_owned(),
        realm: "far.example".to_owned(),
        username: "us".to_owned(),
        password: Secret("secret".to_owned()),
        register,
        user_agent: "c2c".to_owned(),
        register_expires: 600,
        session_expires: 90,
        local_address: None,
        ice,
        reconnect_limit: Duration::from_secs(60),
        keep_alive,
        policy: CallPolicy {
            accept_incoming: register,
            ..CallPolicy::default()
        },
        refuse_md5: false,
    }
}

pub(super) fn tones(by_info: bool) -> DtmfRequest {
    DtmfRequest {
        tones: "1,#".to_owned(),
        transport: if by_info {
            DtmfTransport::Info
        } else {
            DtmfTransport::Rfc4733
        },
        duration: None,
        inter_tone_gap: None,
    }
}

/// Draws what differs each time.
pub(super) struct Counting(pub(super) u64);

impl RandomSource for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            self.0 = self
                .0
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            *byte = self.0.to_be_bytes().into_iter().next().unwrap_or(0);
        }
    }
}

/// Nobody plays, nobody listens.
pub(super) struct Silence;

impl AudioPort for Silence {
    fn outgoing_rate(&self) -> Option<u32> {
        None
    }

    fn pull(&mut self, _frame: &mut [i16]) -> bool {
        false
    }

    fn incoming_rates(&self) -> Vec<u32> {
        Vec::new()
    }

    fn push(&mut self, _rate: u32, _samples: &[i16], _position: u64) {}
}

/// A STUN and a TURN server by address, one by name, one over TLS.
pub(super) fn servers() -> IceConfig {
    let urls = [
        "stun:127.0.0.1",
        "turn:127.0.0.1",
        "turn:turn.example?transport=tcp",
        "turns:127.0.0.1",
    ];
    let settings = IceServerSettings {
        urls: urls.map(str::to_owned).to_vec(),
        username: Some(Secret("user".to_owned())),
        credential: Some(Secret("password".to_owned())),
    };
    IceConfig::new(&[settings], IceTransportPolicy::All).unwrap_or_default()
}
