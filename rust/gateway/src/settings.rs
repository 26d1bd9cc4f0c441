//! What a gateway is told before it starts; shared by all its connections.
use std::sync::Arc;
use std::time::Duration;

use c2c_proto::media::codec::Codec;
use c2c_proto::sip::Refresher;
use c2c_proto::sip::digest::{Algorithm, Credentials};

use crate::misbehaviour::{BadAnswer, Misbehaviour, Moment};
use crate::script::Step;

/// Everything that one gateway does; plain data.
#[derive(Clone, Debug)]
pub struct GatewaySettings {
    /// Domain of the addresses-of-record and realm of the challenges.
    pub realm: String,
    /// Who may authenticate. Nobody is challenged when empty (runtime endpoints).
    pub users: Vec<Credentials>,
    /// How the users are challenged.
    pub challenge: Challenges,
    /// Longest registration granted, seconds.
    pub register_expires: u32,
    /// Longest session interval accepted, seconds; 0 uses no session timer.
    pub session_expires: u32,
    /// Who refreshes the session when the client leaves it open.
    pub refresher: Refresher,
    /// What the agent speaks, in no order: the client's order counts.
    pub codecs: Vec<Codec>,
    /// What is kept of the sound heard.
    pub hearing: Hearing,
    /// What the agent does in each call; when it ends the agent stays until the client hangs up.
    pub script: Arc<[Step]>,
    /// What goes wrong.
    pub misbehaviours: Vec<Misbehaviour>,
}

/// How credentials are asked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Challenges {
    /// One challenge is sent for each, in this order.
    pub algorithms: Vec<Algorithm>,
    /// `qop="auth"`; without it RFC 2069's digest.
    pub qop: bool,
    /// 403, or 401 to challenge again.
    pub wrong_credentials_status: u16,
    /// INVITE is challenged by 407 instead of 401.
    pub as_proxy: bool,
    /// How long a nonce may be used.
    pub nonce_lifetime: Duration,
}

/// What is kept of the sound heard.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Hearing {
    /// Rate in Hz at which it is heard, kept and echoed.
    pub rate: u32,
    /// How much is kept of a call; the rest is heard, measured and dropped.
    pub keep: Duration,
}

impl Default for GatewaySettings {
    fn default() -> Self {
        Self {
            realm: "gateway.invalid".into(),
            users: Vec::new(),
            challenge: Challenges::default(),
            register_expires: 600,
            session_expires: 90,
            refresher: Refresher::Uas,
            codecs: vec![Codec::Opus, Codec::Pcmu, Codec::Pcma],
            hearing: Hearing {
                rate: 48_000,
                keep: Duration::from_secs(60),
            },
            script: Arc::new([]),
            misbehaviours: Vec::new(),
        }
    }
}

impl Default for Challenges {
    fn default() -> Self {
        Self {
            algorithms: vec![Algorithm::Md5],
            qop: true,
            wrong_credentials_status: 403,
            as_proxy: false,
            nonce_lifetime: Duration::from_secs(60),
        }
    }
}

impl GatewaySettings {
    /// Whether this was asked for, word for word.
    pub(crate) fn misbehaves(&self, misbehaviour: &Misbehaviour) -> bool {
        self.misbehaviours.contains(misbehaviour)
    }

    /// The first misbehaviour that `pick` knows.
    pub(crate) fn misbehaviour<T>(&self, pick: impl Fn(&Misbehaviour) -> Option<T>) -> Option<T> {
        self.misbehaviours.iter().find_map(pick)
    }

    /// Whether the WebSocket is to be dropped now.
    pub(crate) fn drops_at(&self, moment: Moment) -> bool {
        self.misbehaves(&Misbehaviour::DropWebSocket(moment))
    }

    /// What is wrong with answers, if anything.
    pub(crate) fn bad_answer(&self) -> Option<BadAnswer> {
        self.misbehaviour(|m| match m {
            Misbehaviour::Answer(bad) => Some(*bad),
            _ => None,
        })
    }
}
