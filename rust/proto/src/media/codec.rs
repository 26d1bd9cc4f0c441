//! The codecs a call may use, their encoders and decoders.
use opusic_c::{Application, Bitrate, Channels, ErrorCode, InbandFec, SampleRate};

use super::g711::Law;

/// Rates in Hz at which Opus encodes and decodes without resampling.
pub const OPUS_RATES: [u32; 5] = [8_000, 12_000, 16_000, 24_000, 48_000];
/// Longest sound in one packet, milliseconds (RFC 6716 §3.2.5).
pub const MAX_PACKET_MS: u32 = 120;
/// Larger than any packet of 20 ms at the highest bit rate we allow.
const MAX_PACKET_BYTES: usize = 1_275;

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
    /// All of them in the order we offer them.
    pub const ALL: [Self; 3] = [Self::Opus, Self::Pcmu, Self::Pcma];

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

    /// Value of `a=rtpmap` behind the payload type; Opus always says two channels (RFC 7587 §7).
    pub fn rtpmap(self) -> &'static str {
        match self {
            Self::Opus => "opus/48000/2",
            Self::Pcmu => "PCMU/8000",
            Self::Pcma => "PCMA/8000",
        }
    }

    /// Parameters of `a=fmtp`, if it has any.
    pub fn fmtp(self) -> Option<&'static str> {
        match self {
            Self::Opus => Some("minptime=10;useinbandfec=1"),
            Self::Pcmu | Self::Pcma => None,
        }
    }

    /// The codec of an `a=rtpmap` value such as `opus/48000/2`; names compare without case (RFC 4855 §3).
    pub fn from_rtpmap(value: &str) -> Option<Self> {
        let value = value.trim();
        let mono = value.strip_suffix("/1").unwrap_or(value);
        Self::ALL
            .into_iter()
            .find(|codec| codec.rtpmap().eq_ignore_ascii_case(mono))
    }

    /// The codec of a payload type that RFC 3551 fixes.
    pub fn from_static_payload_type(payload_type: u8) -> Option<Self> {
        match payload_type {
            0 => Some(Self::Pcmu),
            8 => Some(Self::Pcma),
            _ => None,
        }
    }

    /// RTP ticks of 20 ms.
    pub fn frame_ticks(self) -> u32 {
        self.clock_rate() / 50
    }

    /// The lowest rate in Hz it handles without resampling that loses nothing of a sound at `rate`.
    pub fn native_rate(self, rate: u32) -> u32 {
        match self {
            Self::Opus => OPUS_RATES.into_iter().find(|native| *native >= rate).unwrap_or(48_000),
            Self::Pcmu | Self::Pcma => 8_000,
        }
    }

    /// RTP ticks of sound in a packet; `None` when it is malformed or longer than 120 ms.
    pub fn packet_ticks(self, payload: &[u8]) -> Option<u32> {
        let ticks = match self {
            Self::Opus => opusic_c::utils::get_nb_samples(non_empty(payload)?, SampleRate::Hz48000).ok()?,
            Self::Pcmu | Self::Pcma => payload.len(),
        };
        let ticks = u32::try_from(ticks).ok()?;
        (1..=self.clock_rate() * MAX_PACKET_MS / 1_000)
            .contains(&ticks)
            .then_some(ticks)
    }

    fn law(self) -> Option<Law> {
        match self {
            Self::Opus => None,
            Self::Pcmu => Some(Law::Mu),
            Self::Pcma => Some(Law::A),
        }
    }
}

/// What is wrong with an encoder, a decoder or a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CodecError {
    /// A rate that the codec has not got.
    #[error("{codec} cannot work at {rate} Hz")]
    Rate {
        /// Name of the codec.
        codec: &'static str,
        /// The rate in Hz.
        rate: u32,
    },
    /// A frame that is not 20 ms.
    #[error("a frame of {0} samples is not 20 ms")]
    Frame(usize),
    /// A payload that cannot be decoded.
    #[error("malformed payload of {0} bytes")]
    Payload(usize),
    /// libopus refused.
    #[error("libopus: {0}")]
    Opus(&'static str),
}

impl From<ErrorCode> for CodecError {
    fn from(code: ErrorCode) -> Self {
        Self::Opus(code.message())
    }
}

/// How Opus encodes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct OpusSettings {
    /// 0 (cheap) to 10 (good).
    pub complexity: u8,
    /// Bits per second.
    pub bitrate: u32,
    /// Loss to prepare for, per cent; 0 turns in-band FEC off.
    pub expected_loss: u8,
}

impl Default for OpusSettings {
    fn default() -> Self {
        Self {
            complexity: 5,
            bitrate: 32_000,
            expected_loss: 5,
        }
    }
}

/// Encodes 20 ms at a time.
pub struct Encoder {
    codec: Codec,
    rate: u32,
    kind: EncoderKind,
}

enum EncoderKind {
    Opus {
        encoder: opusic_c::Encoder,
        input: Vec<u16>,
    },
    G711(Law),
}

impl Encoder {
    /// Takes the rate of its input in Hz, a native one of the codec. Errors: [`CodecError`].
    pub fn new(codec: Codec, rate: u32, settings: OpusSettings) -> Result<Self, CodecError> {
        let kind = match codec.law() {
            Some(law) => EncoderKind::G711(check_g711_rate(codec, rate, law)?),
            None => EncoderKind::Opus {
                encoder: opus_encoder(rate, settings)?,
                input: Vec::with_capacity(rate as usize / 50),
            },
        };
        Ok(Self { codec, rate, kind })
    }

    /// Its codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Rate of its input in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Replaces `packet` with the encoding of `frame`, 20 ms at its rate. Errors: [`CodecError`].
    pub fn encode(&mut self, frame: &[i16], packet: &mut Vec<u8>) -> Result<(), CodecError> {
        if frame.len() != self.rate as usize / 50 {
            return Err(CodecError::Frame(frame.len()));
        }
        packet.clear();
        match &mut self.kind {
            EncoderKind::G711(law) => packet.extend(frame.iter().map(|sample| law.encode(*sample))),
            EncoderKind::Opus { encoder, input } => {
                // opusic-c types PCM as u16; the bits are those of i16
                input.clear();
                input.extend(frame.iter().map(|sample| sample.cast_unsigned()));
                packet.reserve(MAX_PACKET_BYTES);
                encoder.encode_to_vec(input, packet)?;
            }
        }
        Ok(())
    }
}

/// Decodes packets and conceals lost ones.
pub struct Decoder {
    codec: Codec,
    rate: u32,
    kind: DecoderKind,
}

enum DecoderKind {
    Opus {
        decoder: opusic_c::Decoder,
        output: Vec<u16>,
    },
    G711(Law),
}

impl Decoder {
    /// Takes the rate of its output in Hz, a native one of the codec. Errors: [`CodecError`].
    pub fn new(codec: Codec, rate: u32) -> Result<Self, CodecError> {
        let kind = match codec.law() {
            Some(law) => DecoderKind::G711(check_g711_rate(codec, rate, law)?),
            None => DecoderKind::Opus {
                // a mono decoder folds stereo packets down (RFC 6716 §2.1.2)
                decoder: opusic_c::Decoder::new(Channels::Mono, opus_rate(rate)?)?,
                output: vec![0; (rate * MAX_PACKET_MS / 1_000) as usize],
            },
        };
        Ok(Self { codec, rate, kind })
    }

    /// Its codec.
    pub fn codec(&self) -> Codec {
        self.codec
    }

    /// Rate of its output in Hz.
    pub fn rate(&self) -> u32 {
        self.rate
    }

    /// Appends the sound of a packet, 2.5 to 120 ms. Errors: [`CodecError::Payload`] and nothing is appended.
    pub fn decode(&mut self, payload: &[u8], pcm: &mut Vec<i16>) -> Result<(), CodecError> {
        let malformed = CodecError::Payload(payload.len());
        self.codec.packet_ticks(payload).ok_or(malformed)?;
        match &mut self.kind {
            DecoderKind::G711(law) => pcm.extend(payload.iter().map(|code| law.decode(*code))),
            DecoderKind::Opus { decoder, output } => {
                let samples = decoder.decode_to_slice(payload, output, false).map_err(|_| malformed)?;
                append(pcm, output, samples);
            }
        }
        Ok(())
    }

    /// Appends `samples` samples that stand for the packet before `next`: its FEC if it has some, concealment otherwise.
    /// Returns `false`, with nothing appended, when the codec cannot (G.711, or no multiple of 2.5 ms).
    pub fn recover(&mut self, next: &[u8], samples: usize, pcm: &mut Vec<i16>) -> bool {
        self.opus_conceal(next, samples, pcm)
    }

    /// Appends `samples` samples of the codec's own concealment (Opus). Returns `false` as [`Decoder::recover`] does.
    pub fn conceal(&mut self, samples: usize, pcm: &mut Vec<i16>) -> bool {
        self.opus_conceal(&[], samples, pcm)
    }

    fn opus_conceal(&mut self, next: &[u8], samples: usize, pcm: &mut Vec<i16>) -> bool {
        let DecoderKind::Opus { decoder, output } = &mut self.kind else {
            return false;
        };
        let step = self.rate as usize / 400;
        let Some(room) = output
            .get_mut(..samples)
            .filter(|_| samples > 0 && samples.is_multiple_of(step))
        else {
            return false;
        };
        match decoder.decode_to_slice(next, room, !next.is_empty()) {
            Ok(decoded) => {
                append(pcm, room, decoded);
                decoded == samples
            }
            Err(_) => false,
        }
    }
}

fn append(pcm: &mut Vec<i16>, output: &[u16], samples: usize) {
    pcm.extend(output.iter().take(samples).map(|sample| sample.cast_signed()));
}

fn non_empty(payload: &[u8]) -> Option<&[u8]> {
    (!payload.is_empty()).then_some(payload)
}

fn check_g711_rate(codec: Codec, rate: u32, law: Law) -> Result<Law, CodecError> {
    if rate == codec.clock_rate() {
        return Ok(law);
    }
    Err(CodecError::Rate {
        codec: codec.name(),
        rate,
    })
}

fn opus_rate(rate: u32) -> Result<SampleRate, CodecError> {
    match rate {
        8_000 => Ok(SampleRate::Hz8000),
        12_000 => Ok(SampleRate::Hz12000),
        16_000 => Ok(SampleRate::Hz16000),
        24_000 => Ok(SampleRate::Hz24000),
        48_000 => Ok(SampleRate::Hz48000),
        _ => Err(CodecError::Rate { codec: "opus", rate }),
    }
}

fn opus_encoder(rate: u32, settings: OpusSettings) -> Result<opusic_c::Encoder, CodecError> {
    let mut encoder = opusic_c::Encoder::new(Channels::Mono, opus_rate(rate)?, Application::Voip)?;
    encoder.set_complexity(settings.complexity.min(10))?;
    encoder.set_bitrate(Bitrate::Value(settings.bitrate.clamp(6_000, 510_000)))?;
    encoder.set_packet_loss(settings.expected_loss.min(100))?;
    let fec = if settings.expected_loss == 0 {
        InbandFec::Off
    } else {
        InbandFec::Mode1
    };
    encoder.set_inband_fec(fec)?;
    encoder.set_dtx(false)?;
    Ok(encoder)
}

#[cfg(test)]
mod tests;
