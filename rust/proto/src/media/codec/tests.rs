use proptest::prelude::*;

use super::*;
use crate::media::clip::Clip;
use crate::media::tone::{self, Tone};

const SPEECH: &[u8] = include_bytes!("../../../../../python/c2c/gateway/speech/hello.wav");

fn encode(codec: Codec, rate: u32, sound: &[i16]) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec, rate, OpusSettings::default()).unwrap();
    let frames = sound.chunks_exact(rate as usize / 50);
    let packets = frames.map(|frame| {
        let mut packet = Vec::new();
        encoder.encode(frame, &mut packet).unwrap();
        packet
    });
    packets.collect()
}

fn decode(codec: Codec, rate: u32, packets: &[Vec<u8>]) -> Vec<i16> {
    let mut decoder = Decoder::new(codec, rate).unwrap();
    let mut pcm = Vec::new();
    for packet in packets {
        decoder.decode(packet, &mut pcm).unwrap();
    }
    pcm
}

#[test]
fn opus_keeps_a_tone_at_all_rates() {
    for (from, to) in OPUS_RATES.into_iter().flat_map(|from| OPUS_RATES.map(|to| (from, to))) {
        let packets = encode(Codec::Opus, from, &Tone::new(1_000.0, 8_000.0).samples(from, 1.0));
        assert_eq!(packets.len(), 50);
        let heard = decode(Codec::Opus, to, &packets);
        assert_eq!(heard.len(), to as usize);
        let steady = &heard[to as usize / 4..];
        let frequency = tone::strongest(steady, to, 200, 3_500);
        assert!((frequency - 1_000.0).abs() <= 5.0, "{from} to {to}: {frequency} Hz");
        let level = 20.0 * (tone::rms(steady) / (8_000.0 / 2.0_f64.sqrt())).log10();
        assert!(level.abs() < 1.0, "{from} to {to}: {level} dB");
    }
}

#[test]
fn g711_keeps_a_tone() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let packets = encode(codec, 8_000, &Tone::new(440.0, 8_000.0).samples(8_000, 1.0));
        assert!(packets.iter().all(|packet| packet.len() == 160));
        let heard = tone::measure(&decode(codec, 8_000, &packets), 8_000, 440.0);
        assert!((heard.amplitude - 8_000.0).abs() < 80.0, "{heard:?}");
        // ITU-T G.712: at least 33 dB of signal to distortion at this level
        assert!(heard.residue_db < -33.0, "{heard:?}");
    }
}

#[test]
fn opus_spends_the_bits_it_was_given() {
    let speech = Clip::from_wav(SPEECH).unwrap();
    let packets = encode(Codec::Opus, speech.rate(), speech.samples());
    let bits: usize = packets.iter().map(|packet| packet.len() * 8).sum();
    let rate = bits as f64 / (packets.len() as f64 * 0.02);
    assert!((16_000.0..=36_000.0).contains(&rate), "{rate} bit/s");
}

#[test]
fn fec_brings_back_what_concealment_cannot() {
    let speech = Clip::from_wav(SPEECH).unwrap();
    let rate = speech.rate();
    let packets = encode(Codec::Opus, rate, speech.samples());
    let whole = decode(Codec::Opus, rate, &packets);
    let by_fec = distortion(&whole, &lossy(&packets, rate, true));
    let by_concealment = distortion(&whole, &lossy(&packets, rate, false));
    assert!(by_fec < by_concealment * 0.5, "{by_fec} against {by_concealment}");
}

/// Decodes with each fifth packet lost, recovered from the next one or concealed.
fn lossy(packets: &[Vec<u8>], rate: u32, with_fec: bool) -> Vec<i16> {
    let mut decoder = Decoder::new(Codec::Opus, rate).unwrap();
    let mut pcm = Vec::new();
    for (n, packet) in packets.iter().enumerate() {
        let samples = rate as usize / 50;
        match packets.get(n + 1).filter(|_| n % 5 == 3) {
            Some(next) if with_fec => assert!(decoder.recover(next, samples, &mut pcm)),
            Some(_) => assert!(decoder.conceal(samples, &mut pcm)),
            None => decoder.decode(packet, &mut pcm).unwrap(),
        }
    }
    pcm
}

fn distortion(a: &[i16], b: &[i16]) -> f64 {
    assert_eq!(a.len(), b.len());
    a.iter()
        .zip(b)
        .map(|(a, b)| (f64::from(*a) - f64::from(*b)).powi(2))
        .sum::<f64>()
        / a.len() as f64
}

/// Packets of `samples` samples at 48 kHz that hold a 440 Hz tone.
fn packets_of(samples: usize, channels: Channels) -> Vec<Vec<u8>> {
    let mut encoder = opusic_c::Encoder::new(channels, SampleRate::Hz48000, Application::Audio).unwrap();
    let sound = Tone::new(440.0, 8_000.0).samples(48_000, 0.6);
    let interleaved: Vec<u16> = sound
        .iter()
        .flat_map(|sample| vec![sample.cast_unsigned(); channels as usize])
        .collect();
    let packets = interleaved.chunks_exact(samples * channels as usize).map(|frame| {
        let mut packet = Vec::with_capacity(4_000);
        encoder.encode_to_vec(frame, &mut packet).unwrap();
        packet
    });
    packets.collect()
}

#[test]
fn packets_of_all_durations_are_decoded() {
    for tenths in [25, 50, 100, 200, 400, 600, 800, 1_000, 1_200] {
        let samples = 48 * tenths / 10;
        for packet in packets_of(samples, Channels::Mono) {
            assert_eq!(Codec::Opus.packet_ticks(&packet), Some(samples as u32));
            for rate in OPUS_RATES {
                let heard = decode(Codec::Opus, rate, std::slice::from_ref(&packet));
                assert_eq!(heard.len(), samples * rate as usize / 48_000);
            }
        }
    }
}

#[test]
fn stereo_is_folded_down() {
    let heard = decode(Codec::Opus, 48_000, &packets_of(960, Channels::Stereo));
    let tone = tone::measure(&heard[9_600..], 48_000, 440.0);
    assert!((tone.amplitude / 8_000.0 - 1.0).abs() < 0.05, "{tone:?}");
}

#[test]
fn names_and_payload_types() {
    assert_eq!(Codec::from_rtpmap("opus/48000/2"), Some(Codec::Opus));
    assert_eq!(Codec::from_rtpmap("OPUS/48000/2 "), Some(Codec::Opus));
    assert_eq!(Codec::from_rtpmap("pcmu/8000/1"), Some(Codec::Pcmu));
    assert_eq!(Codec::from_rtpmap("PCMA/8000"), Some(Codec::Pcma));
    for other in ["", "opus/48000", "PCMU/16000", "telephone-event/8000", "CN/8000"] {
        assert_eq!(Codec::from_rtpmap(other), None);
    }
    for codec in Codec::ALL {
        assert_eq!(Codec::from_rtpmap(codec.rtpmap()), Some(codec));
        let fixed = Codec::from_static_payload_type(codec.default_payload_type());
        assert_eq!(fixed, Some(codec).filter(|codec| *codec != Codec::Opus));
    }
}

#[test]
fn native_rates_lose_nothing() {
    let expected = [
        (8_000, 8_000),
        (11_025, 12_000),
        (16_000, 16_000),
        (22_050, 24_000),
        (44_100, 48_000),
        (96_000, 48_000),
    ];
    for (rate, native) in expected {
        assert_eq!(Codec::Opus.native_rate(rate), native);
        assert_eq!(Codec::Pcmu.native_rate(rate), 8_000);
    }
}

#[test]
fn wrong_frames_rates_and_payloads_are_errors() {
    let rate_error = |codec: Codec, rate| CodecError::Rate {
        codec: codec.name(),
        rate,
    };
    for (codec, rate) in [(Codec::Opus, 44_100), (Codec::Opus, 0), (Codec::Pcmu, 16_000)] {
        assert_eq!(
            Encoder::new(codec, rate, OpusSettings::default()).err(),
            Some(rate_error(codec, rate))
        );
        assert_eq!(Decoder::new(codec, rate).err(), Some(rate_error(codec, rate)));
    }
    for codec in Codec::ALL {
        let rate = codec.native_rate(16_000);
        let mut encoder = Encoder::new(codec, rate, OpusSettings::default()).unwrap();
        assert_eq!(encoder.encode(&[0; 13], &mut Vec::new()), Err(CodecError::Frame(13)));
        let mut decoder = Decoder::new(codec, rate).unwrap();
        let mut pcm = Vec::new();
        assert_eq!(decoder.decode(&[], &mut pcm), Err(CodecError::Payload(0)));
        assert_eq!(
            decoder.decode(&[0xff; 2_000], &mut pcm),
            Err(CodecError::Payload(2_000))
        );
        assert_eq!(pcm, []);
    }
}

proptest! {
    #[test]
    fn any_payload_is_sound_or_an_error(
        payloads in proptest::collection::vec((proptest::collection::vec(any::<u8>(), 0..300), 0..4_u8, 0..7_000_usize), 1..20),
    ) {
        for codec in Codec::ALL {
            let rate = codec.native_rate(24_000);
            let mut decoder = Decoder::new(codec, rate).unwrap();
            for (payload, action, samples) in &payloads {
                let mut pcm = Vec::new();
                let appended = match action {
                    0 => decoder.conceal(*samples, &mut pcm),
                    1 => decoder.recover(payload, *samples, &mut pcm),
                    _ => decoder.decode(payload, &mut pcm).is_ok(),
                };
                prop_assert!(appended || pcm.is_empty());
                prop_assert!(pcm.len() <= (rate * MAX_PACKET_MS / 1_000) as usize);
            }
        }
    }
}
