//! The codecs a call may use.

/// A codec both ends can agree on.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Codec {
    /// Opus, 48 kHz (RFC 7587).
    Opus,
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
}

impl Codec {
    /// Its encoding name in SDP.
    pub fn name(self) -> &'static str {
        match self {
            Self::Opus => "opus",
            Self::Pcmu => "PCMU",
            Self::Pcma => "PCMA",
        }
    }

    /// RTP clock rate in Hz.
    pub fn clock_rate(self) -> u32 {
        match self {
            Self::Opus => 48_000,
            Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    /// The payload type we offer it under.
    pub fn default_payload_type(self) -> u8 {
        match self {
            Self::Opus => 111,
            Self::Pcmu => 0,
            Self::Pcma => 8,
        }
    }
}
