use std::collections::VecDeque;
use std::time::Duration;

use proptest::prelude::*;

use super::*;
use crate::media::clip::Clip;
use crate::media::codec::{Encoder, OpusSettings};
use crate::media::dtls::{DtlsRole, KeyingMaterial};
use crate::media::g711::Law;
use crate::media::rtp::RtpHeader;
use crate::media::srtp::{Srtp, SrtpProfile};
use crate::media::test_port::TestPort;
use crate::media::tone::{self, Tone};
use crate::test_clock::start;

const PAYLOAD_TYPES: [(u8, Codec); 3] = [(111, Codec::Opus), (0, Codec::Pcmu), (8, Codec::Pcma)];
const SPEECH: &[u8] = include_bytes!("../../../../../python/c2c/gateway/speech/hello.wav");

/// A packet, and when it arrives, in milliseconds.
#[derive(Clone, Debug)]
struct Packet {
    arrives: u64,
    payload_type: u8,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    payload: Vec<u8>,
}

/// A sound as packets that leave every 20 ms and arrive at once.
fn packets(codec: Codec, rate: u32, sound: &[i16]) -> Vec<Packet> {
    let mut encoder = Encoder::new(codec, rate, OpusSettings::default()).unwrap();
    let frames = sound.chunks_exact(rate as usize / 50).zip(0_u32..);
    let packets = frames.map(|(frame, n)| {
        let mut payload = Vec::new();
        encoder.encode(frame, &mut payload).unwrap();
        Packet {
            arrives: u64::from(n) * 20,
            payload_type: codec.default_payload_type(),
            sequence: 65_500_u16.wrapping_add(n as u16),
            timestamp: 0xffff_0000_u32.wrapping_add(n * codec.frame_ticks()),
            ssrc: 1,
            payload,
        }
    });
    packets.collect()
}

fn tone(codec: Codec, frequency: f64, seconds: f64) -> Vec<Packet> {
    let rate = codec.native_rate(16_000);
    packets(codec, rate, &Tone::new(frequency, 8_000.0).samples(rate, seconds))
}

/// Lets packets arrive and ticks pass, 7 ms after the packets' beat.
fn run(receiver: &mut AudioReceiver, port: &mut TestPort, mut packets: Vec<Packet>, ticks: u64) -> CallStats {
    let begin = start();
    packets.sort_by_key(|packet| packet.arrives);
    let mut waiting = VecDeque::from(packets);
    for tick in 0..ticks {
        let time = tick * 20 + 7;
        while let Some(packet) = waiting.pop_front_if(|packet| packet.arrives <= time) {
            let rtp = IncomingRtp {
                payload_type: packet.payload_type,
                marker: false,
                sequence: packet.sequence,
                timestamp: packet.timestamp,
                ssrc: packet.ssrc,
                payload: &packet.payload,
            };
            receiver.receive(rtp, begin + Duration::from_millis(packet.arrives));
        }
        receiver.tick(port, begin + Duration::from_millis(time));
    }
    let mut stats = CallStats::default();
    receiver.fill_stats(&mut stats, begin + Duration::from_millis(ticks * 20));
    stats
}

fn hear(rates: &[u32], packets: Vec<Packet>, ticks: u64) -> (TestPort, CallStats) {
    let mut port = TestPort::with_readers(rates);
    let mut receiver = AudioReceiver::new(&PAYLOAD_TYPES);
    let stats = run(&mut receiver, &mut port, packets, ticks);
    (port, stats)
}

fn level_of(samples: &[i16]) -> f64 {
    20.0 * (tone::rms(samples) / (8_000.0 / 2.0_f64.sqrt())).log10()
}

#[test]
fn every_reader_hears_the_tone_at_its_rate() {
    let rates = [8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];
    for codec in Codec::ALL {
        for rate in rates {
            let other = if rate == 16_000 { 24_000 } else { 16_000 };
            let (port, stats) = hear(&[rate, other], tone(codec, 1_000.0, 2.0), 100);
            for (rate, heard) in port.heard {
                assert_eq!(heard.len(), rate as usize * 2);
                let steady = &heard[rate as usize / 2..];
                let frequency = tone::strongest(steady, rate, 200, 3_500);
                assert!((frequency - 1_000.0).abs() <= 5.0, "{codec:?} {rate}: {frequency}");
                assert!(level_of(steady).abs() < 1.0, "{codec:?} {rate}: {}", level_of(steady));
            }
            assert_eq!(
                (stats.packets_received, stats.packets_lost, stats.packets_discarded),
                (100, 0, 0)
            );
            assert_eq!((stats.frames_played, stats.frames_concealed), (100, 0));
        }
    }
}

#[test]
fn levels_are_measured_without_readers() {
    for codec in Codec::ALL {
        let (_, stats) = hear(&[], tone(codec, 1_000.0, 2.0), 100);
        // 8,000 of 32,768 is -12.2 dBFS, a sine's RMS 3 dB below
        assert!((stats.level_in + 15.25).abs() < 1.0, "{}", stats.level_in);
        assert!((stats.mean_level_in + 15.25).abs() < 1.0, "{}", stats.mean_level_in);
        assert!((1.9..=2.0).contains(&stats.seconds_heard), "{}", stats.seconds_heard);
    }
}

#[test]
fn before_the_first_packet_readers_hear_silence() {
    let (port, stats) = hear(&[48_000, 44_100], Vec::new(), 10);
    assert_eq!(port.heard[&48_000], vec![0; 9_600]);
    assert_eq!(port.heard[&44_100], vec![0; 8_820]);
    assert_eq!((stats.frames_played, stats.packets_received), (0, 0));
    assert!((stats.level_in - level::SILENCE).abs() < 1e-9);
}

#[test]
fn g711_comes_out_to_the_sample_even_when_reordered() {
    let sound: Vec<i16> = (0..16_000).map(|n| (n * 37 % 30_000) as i16 - 15_000).collect();
    let straight = packets(Codec::Pcmu, 8_000, &sound);
    let mut reordered = straight.clone();
    // a quarter of the packets comes after its two successors
    reordered
        .iter_mut()
        .step_by(4)
        .skip(1)
        .for_each(|packet| packet.arrives += 45);
    let (expected, _) = hear(&[8_000], straight, 100);
    let (heard, stats) = hear(&[8_000], reordered, 100);
    assert_eq!(expected.heard, heard.heard);
    assert_eq!(
        (stats.packets_lost, stats.packets_discarded, stats.frames_concealed),
        (0, 0, 0)
    );
    // 60 ms of waiting come first
    let decoded: Vec<i16> = sound
        .iter()
        .map(|sample| Law::Mu.decode(Law::Mu.encode(*sample)))
        .collect();
    let out = &heard.heard[&8_000];
    assert_eq!(out[..480], [0; 480]);
    assert_eq!(out[480..], decoded[..16_000 - 480]);
}

/// Packets of speech of which `per_cent` are lost, evenly spread.
fn lossy_speech(codec: Codec, per_cent: usize) -> (Vec<Packet>, usize) {
    let speech = Clip::from_wav(SPEECH).unwrap();
    let rate = codec.native_rate(16_000);
    let step = speech.rate() as usize / rate as usize;
    let sound: Vec<i16> = speech.samples().iter().step_by(step).copied().collect();
    let all = packets(codec, rate, &sound);
    let count = all.len();
    let kept = all
        .into_iter()
        .enumerate()
        .filter(|(n, _)| *n < 5 || (n * 7_919) % 100 >= per_cent);
    let kept: Vec<Packet> = kept.map(|(_, packet)| packet).collect();
    let lost = count - kept.len();
    (kept, lost)
}

#[test]
fn loss_is_concealed() {
    for codec in Codec::ALL {
        for per_cent in [5, 10, 20] {
            let (whole, lost_nothing) = lossy_speech(codec, 0);
            assert_eq!(lost_nothing, 0);
            let ticks = whole.len() as u64;
            let (reference, _) = hear(&[8_000], whole, ticks);
            let (packets, lost) = lossy_speech(codec, per_cent);
            let (port, stats) = hear(&[8_000], packets, ticks);
            assert!(stats.packets_lost as usize >= lost - 2 && lost * 100 >= per_cent * ticks as usize * 7 / 10);
            assert!(
                stats.frames_concealed as usize >= lost - 3,
                "{} of {lost}",
                stats.frames_concealed
            );
            let (reference, heard) = (&reference.heard[&8_000], &port.heard[&8_000]);
            let level = 20.0 * (tone::rms(heard) / tone::rms(reference)).log10();
            assert!(level.abs() < 1.5, "{codec:?} {per_cent} %: level changes by {level} dB");
            // what is missing would leave silence without concealment
            let silent = |pcm: &[i16]| pcm.chunks(160).filter(|frame| tone::rms(frame) < 1.0).count();
            assert!(
                silent(heard) <= silent(reference) + 1,
                "{codec:?} {per_cent} %: {}",
                silent(heard)
            );
        }
    }
}

#[test]
fn a_lost_packet_of_a_g711_tone_leaves_no_click() {
    let mut packets = tone(Codec::Pcma, 440.0, 1.0);
    packets.remove(25);
    let (port, stats) = hear(&[8_000], packets, 50);
    assert_eq!((stats.packets_lost, stats.frames_concealed), (1, 1));
    let heard = &port.heard[&8_000][1_600..];
    // a tone of this level changes by 2,760 per sample at most
    let steepest = heard.windows(2).map(|pair| pair[0].abs_diff(pair[1])).max();
    assert!(steepest < Some(4_000), "{steepest:?}");
    assert!((tone::strongest(&port.heard[&8_000][4_480..], 8_000, 200, 800) - 440.0).abs() <= 5.0);
}

#[test]
fn when_packets_stop_sound_fades_to_silence() {
    for codec in Codec::ALL {
        let (port, stats) = hear(&[16_000], tone(codec, 440.0, 1.0), 100);
        let heard = &port.heard[&16_000];
        let concealed = level_of(&heard[16_960..17_280]);
        // libopus takes a pure tone back at once
        assert!(concealed > -12.0 && concealed < 1.0, "{codec:?}: {concealed}");
        assert!(heard[16_960 + 3_520..].iter().all(|sample| *sample == 0), "{codec:?}");
        assert_eq!(stats.packets_lost, 0);
        assert!((9..=12).contains(&stats.frames_concealed), "{}", stats.frames_concealed);
    }
}

#[test]
fn the_codec_changes_in_mid_call() {
    let mut all = tone(Codec::Opus, 1_000.0, 1.0);
    let mut next = tone(Codec::Pcmu, 1_000.0, 1.0);
    for packet in &mut next {
        packet.arrives += 1_000;
        packet.sequence = packet.sequence.wrapping_add(50);
    }
    all.append(&mut next);
    let (port, stats) = hear(&[16_000], all, 100);
    let heard = &port.heard[&16_000];
    for steady in [&heard[8_000..16_000], &heard[20_000..31_000]] {
        assert!((tone::strongest(steady, 16_000, 200, 3_500) - 1_000.0).abs() <= 5.0);
        assert!(level_of(steady).abs() < 1.0, "{}", level_of(steady));
    }
    assert_eq!((stats.packets_lost, stats.packets_received), (0, 100));
}

#[test]
fn a_reader_that_opens_in_mid_call_changes_the_rate() {
    let begin = start();
    let mut receiver = AudioReceiver::new(&PAYLOAD_TYPES);
    let mut port = TestPort::default();
    for (n, packet) in (0..).zip(tone(Codec::Opus, 1_000.0, 2.0)) {
        let now = begin + Duration::from_millis(20 * n);
        let Packet {
            payload_type,
            sequence,
            timestamp,
            ssrc,
            payload,
            ..
        } = packet;
        let rtp = IncomingRtp {
            payload_type,
            marker: false,
            sequence,
            timestamp,
            ssrc,
            payload: &payload,
        };
        receiver.receive(rtp, now);
        if n == 50 {
            receiver.restart_position();
            port.readers = vec![24_000];
        }
        receiver.tick(&mut port, now + Duration::from_millis(3));
    }
    let heard = &port.heard[&24_000];
    assert_eq!(heard.len(), 24_000);
    assert!((tone::strongest(&heard[2_400..], 24_000, 200, 3_500) - 1_000.0).abs() <= 5.0);
    assert!(level_of(&heard[2_400..]).abs() < 1.0);
}

#[test]
fn comfort_noise_events_and_unknown_types_are_not_played() {
    let mut all = tone(Codec::Pcmu, 1_000.0, 1.0);
    for packet in &mut all[20..30] {
        packet.payload_type = 13;
        packet.payload = vec![0x7f];
    }
    for packet in &mut all[30..35] {
        packet.payload_type = 101;
        packet.payload = vec![5, 0x0a, 3, 0xc0];
    }
    all[40].payload_type = 99;
    let (port, stats) = hear(&[8_000], all, 50);
    assert_eq!(
        (stats.packets_received, stats.packets_lost, stats.packets_discarded),
        (50, 0, 0)
    );
    let silent = port.heard[&8_000][24 * 160..33 * 160]
        .chunks(160)
        .filter(|frame| tone::rms(frame) < 4_000.0);
    assert!(silent.count() >= 5);
}

#[test]
fn packets_of_other_durations_are_played() {
    // 10, 30 and 60 ms of PCMU in a packet
    for samples in [80_usize, 240, 480] {
        let sound = Tone::new(440.0, 8_000.0).samples(8_000, 3.0);
        let all = sound.chunks_exact(samples).zip(0_u32..).map(|(frame, n)| Packet {
            arrives: u64::from(n) * samples as u64 / 8,
            payload_type: 0,
            sequence: n as u16,
            timestamp: n * samples as u32,
            ssrc: 1,
            payload: frame.iter().map(|sample| Law::Mu.encode(*sample)).collect(),
        });
        let (port, stats) = hear(&[8_000], all.collect(), 150);
        assert_eq!(
            (stats.packets_lost, stats.packets_discarded, stats.frames_concealed),
            (0, 0, 0),
            "{samples}"
        );
        let heard = tone::measure(&port.heard[&8_000][1_600..], 8_000, 440.0);
        assert!(
            (heard.amplitude - 8_000.0).abs() < 100.0 && heard.residue_db < -30.0,
            "{samples}: {heard:?}"
        );
    }
}

/// Duty 9: packets of other sources that have the right keys, one each, are neither heard nor do they end the source that
/// is; a source that goes on is a peer which began anew (RFC 3550 §8.2).
#[test]
fn duty_09_packets_of_other_sources_with_the_right_keys_are_not_heard() {
    let keys = KeyingMaterial::new(SrtpProfile::AeadAes128Gcm, (0..56).collect()).unwrap();
    let mut sender = Srtp::new(&keys, DtlsRole::Server).unwrap();
    let mut ours = Srtp::new(&keys, DtlsRole::Client).unwrap();
    let mut all = tone(Codec::Pcmu, 1_000.0, 2.0);
    let noise = tone(Codec::Pcmu, 400.0, 2.0);
    all.extend((0_u32..).zip(noise).map(|(n, mut packet)| {
        (packet.ssrc, packet.arrives) = (1_000 + n, packet.arrives + 3);
        packet
    }));
    all.sort_by_key(|packet| packet.arrives);
    for packet in &mut all {
        let header = RtpHeader {
            payload_type: packet.payload_type,
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            ssrc: packet.ssrc,
            length: 12,
            ..RtpHeader::default()
        };
        let protected = sender.protect_rtp(&header, &packet.payload).unwrap();
        let header = RtpHeader::parse(&protected).unwrap();
        let opened = ours.unprotect_rtp(&protected, &header).expect("its keys are right");
        packet.payload = header.payload(&opened).unwrap().to_vec();
    }
    let (port, stats) = hear(&[8_000], all, 100);
    let (alone, _) = hear(&[8_000], tone(Codec::Pcmu, 1_000.0, 2.0), 100);
    assert_eq!(port.heard[&8_000], alone.heard[&8_000]);
    assert_eq!((stats.packets_received, stats.packets_discarded), (200, 100));
}

#[test]
fn a_new_source_takes_over_with_its_second_packet() {
    let mut all = tone(Codec::Pcmu, 1_000.0, 1.0);
    let mut stray = all[10].clone();
    (stray.ssrc, stray.arrives) = (77, 205);
    let mut next = tone(Codec::Pcmu, 400.0, 1.0);
    for packet in &mut next {
        packet.arrives += 1_000;
        packet.ssrc = 2;
        packet.sequence = packet.sequence.wrapping_add(9_000);
    }
    all.push(stray);
    all.append(&mut next);
    let (port, stats) = hear(&[8_000], all, 100);
    let heard = &port.heard[&8_000];
    assert!((tone::strongest(&heard[4_000..8_000], 8_000, 200, 1_500) - 1_000.0).abs() <= 5.0);
    assert!((tone::strongest(&heard[12_000..], 8_000, 200, 1_500) - 400.0).abs() <= 5.0);
    // the stray packet and the new source's first
    assert_eq!((stats.packets_received, stats.packets_lost), (101, 0));
    assert!(stats.packets_discarded >= 2);
}

#[test]
fn the_delay_comes_back_after_a_spike() {
    let mut all = tone(Codec::Opus, 440.0, 20.0);
    // a third of a second comes at once
    for n in 200..217_u64 {
        all[n as usize].arrives = 217 * 20;
    }
    let (port, stats) = hear(&[16_000], all, 1_000);
    assert!(stats.jitter_buffer_delay <= 0.060, "{}", stats.jitter_buffer_delay);
    assert_eq!(stats.packets_lost, 0);
    let heard = &port.heard[&16_000];
    assert_eq!(heard.len(), 320_000);
    assert!(level_of(&heard[16_000 * 12..16_000 * 19]).abs() < 1.0);
}

#[test]
fn clocks_that_differ_do_not_build_up_delay() {
    // the far side's clock is 500 ppm fast: one frame too many in 40 s
    let mut all = tone(Codec::Pcmu, 440.0, 200.0);
    for packet in &mut all {
        packet.arrives -= packet.arrives / 2_000;
    }
    let (_, stats) = hear(&[], all, 9_990);
    assert!(stats.jitter_buffer_delay <= 0.080, "{}", stats.jitter_buffer_delay);
    assert!(stats.frames_concealed <= 10, "{}", stats.frames_concealed);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Any packets: each tick gives each reader its 20 ms, nothing panics, nothing grows.
    #[test]
    fn any_packets_keep_time(
        packets in proptest::collection::vec(
            (
                prop::sample::select(vec![111_u8, 0, 8, 13, 101, 50]),
                (any::<u16>(), any::<u32>(), 0..3_u32),
                proptest::collection::vec(any::<u8>(), 0..200),
                (0..60_u64, any::<bool>()),
            ),
            1..150,
        ),
    ) {
        let mut time = 0;
        let packets = packets.into_iter().zip(0_u32..).map(|((payload_type, (sequence, timestamp, ssrc), payload, (wait, is_wild)), n)| {
            time += wait;
            let (sequence, timestamp) = if is_wild { (sequence, timestamp) } else { (n as u16, n * 960) };
            Packet { arrives: time, payload_type, sequence, timestamp, ssrc, payload }
        });
        let packets: Vec<Packet> = packets.collect();
        let ticks = packets.last().map_or(0, |packet| packet.arrives / 20) + 5;
        let (port, stats) = hear(&[11_025, 16_000, 48_000], packets, ticks);
        for (rate, heard) in port.heard {
            prop_assert_eq!(heard.len() as u64, ticks * u64::from(rate) / 50);
        }
        prop_assert!(stats.frames_concealed <= stats.frames_played && stats.frames_played <= ticks);
        prop_assert!(stats.jitter.is_finite() && stats.level_in <= 0.0);
    }
}
