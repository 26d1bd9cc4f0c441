use std::time::Duration;

use super::*;
use crate::media::codec::Decoder;
use crate::media::test_port::TestPort;
use crate::media::tone::{self, Tone};
use crate::test_clock::start;

const SSRC: u32 = 0x1234_5678;

/// A packet as it left.
#[derive(Clone, PartialEq, Debug)]
struct Left {
    payload_type: u8,
    marker: bool,
    sequence: u16,
    timestamp: u32,
    payload: Vec<u8>,
}

fn sender(codec: Codec) -> AudioSender {
    AudioSender::new(codec, codec.default_payload_type(), SSRC, 65_530, u32::MAX - 1_000).unwrap()
}

fn tick(sender: &mut AudioSender, port: &mut TestPort) -> Left {
    let rtp = sender.tick(port, start()).unwrap();
    assert_eq!(rtp.ssrc, SSRC);
    Left {
        payload_type: rtp.payload_type,
        marker: rtp.marker,
        sequence: rtp.sequence,
        timestamp: rtp.timestamp,
        payload: rtp.payload.to_vec(),
    }
}

fn run(sender: &mut AudioSender, port: &mut TestPort, ticks: usize) -> Vec<Left> {
    (0..ticks).map(|_| tick(sender, port)).collect()
}

fn decode(codec: Codec, rate: u32, packets: &[Left]) -> Vec<i16> {
    let mut decoder = Decoder::new(codec, rate).unwrap();
    let mut pcm = Vec::new();
    for packet in packets {
        decoder.decode(&packet.payload, &mut pcm).unwrap();
    }
    pcm
}

fn clip(rate: u32, samples: Vec<i16>) -> Arc<Clip> {
    Arc::new(Clip::new(rate, samples).unwrap())
}

/// 16-bit values that µ-law and A-law tell apart.
fn ramp(count: usize) -> Vec<i16> {
    (0..count).map(|n| (n * 37 % 30_000) as i16 - 15_000).collect()
}

fn companded(codec: Codec, samples: &[i16]) -> Vec<i16> {
    let mut encoder = Encoder::new(codec, 8_000, OpusSettings::default()).unwrap();
    let mut decoder = Decoder::new(codec, 8_000).unwrap();
    let (mut packet, mut pcm) = (Vec::new(), Vec::new());
    for frame in samples.chunks_exact(160) {
        encoder.encode(frame, &mut packet).unwrap();
        decoder.decode(&packet, &mut pcm).unwrap();
    }
    pcm
}

#[test]
fn silence_goes_out_when_nothing_is_played() {
    for codec in Codec::ALL {
        let mut sender = sender(codec);
        let packets = run(&mut sender, &mut TestPort::default(), 20);
        for (n, packet) in (0_u32..).zip(&packets) {
            assert_eq!(packet.sequence, 65_530_u16.wrapping_add(n as u16));
            assert_eq!(
                packet.timestamp,
                (u32::MAX - 1_000).wrapping_add(n * codec.frame_ticks())
            );
            assert_eq!(
                (packet.payload_type, packet.marker),
                (codec.default_payload_type(), n == 0)
            );
        }
        let heard = decode(codec, 8_000, &packets);
        assert!(tone::rms(&heard) < 10.0, "{codec:?}: {}", tone::rms(&heard));
        let mut stats = CallStats::default();
        sender.fill_stats(&mut stats);
        assert_eq!(
            (stats.packets_sent, stats.frames_late, stats.codec.as_str()),
            (20, 0, codec.name())
        );
        assert_eq!(
            stats.bytes_sent,
            packets.iter().map(|packet| packet.payload.len() as u64).sum::<u64>()
        );
        assert!((stats.level_out - level::SILENCE).abs() < 1e-9);
    }
}

#[test]
fn a_clip_is_played_to_the_sample_and_then_ends() {
    for codec in [Codec::Pcmu, Codec::Pcma] {
        let mut sender = sender(codec);
        let samples = ramp(160 * 5 + 40);
        assert!(sender.play(7, clip(8_000, samples.clone())));
        let mut port = TestPort::default();
        let mut packets = run(&mut sender, &mut port, 5);
        assert_eq!(sender.poll_play_ended(), None);
        packets.extend(run(&mut sender, &mut port, 1));
        assert_eq!(
            (sender.poll_play_ended(), sender.poll_play_ended()),
            (Some((7, true)), None)
        );
        packets.extend(run(&mut sender, &mut port, 2));
        let mut expected = samples;
        expected.resize(160 * 8, 0);
        assert_eq!(decode(codec, 8_000, &packets), companded(codec, &expected));
    }
}

#[test]
fn a_clip_of_any_rate_keeps_its_tone_through_any_codec() {
    for codec in Codec::ALL {
        for rate in [8_000, 11_025, 16_000, 22_050, 32_000, 44_100, 48_000, 96_000] {
            let mut sender = sender(codec);
            assert!(sender.play(1, clip(rate, Tone::new(1_000.0, 8_000.0).samples(rate, 1.0))));
            let heard = decode(codec, 8_000, &run(&mut sender, &mut TestPort::default(), 60));
            let steady = &heard[2_000..7_000];
            let frequency = tone::strongest(steady, 8_000, 200, 3_500);
            let level = 20.0 * (tone::rms(steady) / (8_000.0 / 2.0_f64.sqrt())).log10();
            assert!(
                (frequency - 1_000.0).abs() <= 5.0 && level.abs() < 1.0,
                "{codec:?} {rate}: {frequency} Hz, {level} dB"
            );
            assert_eq!(sender.poll_play_ended(), Some((1, true)));
        }
    }
}

#[test]
fn a_resampled_clip_ends_when_its_last_sample_is_out() {
    let mut sender = sender(Codec::Pcmu);
    let mut samples = vec![0; 48_000];
    samples[47_900..].fill(20_000);
    assert!(sender.play(1, clip(48_000, samples)));
    let packets = run(&mut sender, &mut TestPort::default(), 51);
    assert_eq!(sender.poll_play_ended(), Some((1, true)));
    let heard = decode(Codec::Pcmu, 8_000, &packets);
    let late: i64 = heard[7_960..].iter().map(|sample| i64::from(*sample)).sum();
    assert!(late > 20_000 * 14, "{late}");
}

#[test]
fn mute_keeps_time() {
    let mut sender = sender(Codec::Pcmu);
    let samples = ramp(160 * 9);
    assert!(sender.play(1, clip(8_000, samples.clone())));
    let mut port = TestPort::default();
    let mut packets = run(&mut sender, &mut port, 3);
    sender.set_muted(true);
    packets.extend(run(&mut sender, &mut port, 3));
    sender.set_muted(false);
    packets.extend(run(&mut sender, &mut port, 3));
    assert_eq!(sender.poll_play_ended(), Some((1, true)));
    let mut expected = samples;
    expected[160 * 3..160 * 6].fill(0);
    assert_eq!(decode(Codec::Pcmu, 8_000, &packets), companded(Codec::Pcmu, &expected));
    assert!(
        packets
            .iter()
            .map(|packet| packet.sequence.wrapping_sub(65_530))
            .eq(0..9)
    );
}

#[test]
fn one_clip_at_a_time_and_it_can_be_stopped() {
    let mut sender = sender(Codec::Pcmu);
    let mut port = TestPort::default();
    assert!(sender.play(1, clip(8_000, ramp(1_600))));
    assert!(!sender.play(2, clip(8_000, ramp(160))));
    run(&mut sender, &mut port, 2);
    sender.stop_playing(2);
    assert_eq!(sender.poll_play_ended(), None);
    sender.stop_playing(1);
    assert_eq!(
        (sender.poll_play_ended(), sender.poll_play_ended()),
        (Some((1, false)), None)
    );
    let after = decode(Codec::Pcmu, 8_000, &run(&mut sender, &mut port, 1));
    assert_eq!(after, [0; 160]);
    assert!(sender.play(3, clip(8_000, Vec::new())));
    run(&mut sender, &mut port, 1);
    assert_eq!(sender.poll_play_ended(), Some((3, true)));
}

#[test]
fn unasked_ends_are_bounded() {
    let mut sender = sender(Codec::Pcmu);
    let started = (0..100).filter(|play| {
        let is_started = sender.play(*play, clip(8_000, ramp(160)));
        sender.stop_playing(*play);
        is_started
    });
    assert_eq!(started.count(), 16);
}

#[test]
fn a_writer_is_heard_and_late_frames_are_counted_after_its_first() {
    let mut sender = sender(Codec::Pcmu);
    let samples = ramp(160 * 4);
    let mut port = TestPort {
        writer: Some(8_000),
        ..TestPort::default()
    };
    let mut packets = run(&mut sender, &mut port, 3);
    port.written = TestPort::with_writer(8_000, &samples).written;
    packets.extend(run(&mut sender, &mut port, 6));
    port.writer = None;
    packets.extend(run(&mut sender, &mut port, 2));
    let mut expected = vec![0; 480];
    expected.extend(samples);
    expected.resize(160 * 11, 0);
    assert_eq!(decode(Codec::Pcmu, 8_000, &packets), companded(Codec::Pcmu, &expected));
    let mut stats = CallStats::default();
    sender.fill_stats(&mut stats);
    assert_eq!(stats.frames_late, 2);
}

#[test]
fn a_writer_at_any_usual_rate_keeps_its_tone() {
    for rate in [8_000, 12_000, 16_000, 24_000, 32_000, 44_100, 48_000] {
        let mut sender = sender(Codec::Opus);
        let mut port = TestPort::with_writer(rate, &Tone::new(1_000.0, 8_000.0).samples(rate, 1.0));
        let heard = decode(Codec::Opus, 48_000, &run(&mut sender, &mut port, 50));
        let steady = &heard[12_000..];
        let frequency = tone::strongest(steady, 48_000, 200, 3_500);
        let level = 20.0 * (tone::rms(steady) / (8_000.0 / 2.0_f64.sqrt())).log10();
        assert!(
            (frequency - 1_000.0).abs() <= 5.0 && level.abs() < 1.0,
            "{rate}: {frequency} Hz, {level} dB"
        );
    }
}

#[test]
fn the_codec_changes_in_mid_call() {
    let mut sender = sender(Codec::Opus);
    assert!(sender.play(1, clip(16_000, Tone::new(1_000.0, 8_000.0).samples(16_000, 2.0))));
    let mut port = TestPort::default();
    let opus = run(&mut sender, &mut port, 50);
    sender.set_codec(Codec::Pcma, 8).unwrap();
    let alaw = run(&mut sender, &mut port, 50);
    let all: Vec<&Left> = opus.iter().chain(&alaw).collect();
    for pair in all.windows(2) {
        assert_eq!(pair[1].sequence, pair[0].sequence.wrapping_add(1));
        let step = if pair[0].payload_type == 111 { 960 } else { 160 };
        assert_eq!(pair[1].timestamp, pair[0].timestamp.wrapping_add(step));
    }
    let steady = decode(Codec::Pcma, 8_000, &alaw);
    let heard = tone::measure(&steady[800..], 8_000, 1_000.0);
    assert!((heard.amplitude - 8_000.0).abs() < 160.0, "{heard:?}");
}

#[test]
fn sender_report_numbers_follow_the_clock() {
    let begin = start();
    let mut sender = sender(Codec::Opus);
    assert_eq!(sender.report(begin), None);
    let sent = sender.tick(&mut TestPort::default(), begin).unwrap().timestamp;
    let octets = sender
        .tick(&mut TestPort::default(), begin + Duration::from_millis(20))
        .unwrap()
        .payload
        .len();
    let report = sender.report(begin + Duration::from_millis(50)).unwrap();
    assert_eq!(report.rtp_timestamp, sent.wrapping_add(48 * 50));
    assert_eq!((report.ssrc, report.packets), (SSRC, 2));
    assert!(report.octets as usize >= octets);
}

#[test]
fn what_is_sent_is_handed_on_at_the_rates_wanted_silence_too() {
    let mut sender = sender(Codec::Opus);
    let samples = ramp(3 * 320);
    let mut port = TestPort::with_writer(16_000, &samples);
    port.sent = [(8_000, Vec::new()), (16_000, Vec::new())].into();
    run(&mut sender, &mut port, 3);
    assert_eq!(port.sent[&16_000], samples);
    assert_eq!(port.sent[&8_000].len(), 3 * 160);
    port.writer = None;
    sender.set_muted(true);
    run(&mut sender, &mut port, 2);
    assert_eq!(port.sent[&16_000].len(), 5 * 320);
    assert!(port.sent[&16_000][3 * 320..].iter().all(|sample| *sample == 0));
}
