//! Cost of 20 ms: encoding, decoding, concealing, resampling; and of a whole tick of a sender and a receiver.
#![allow(clippy::expect_used, clippy::disallowed_methods, missing_docs)]
use std::hint::black_box;
use std::time::{Duration, Instant};

use c2c_proto::io::AudioPort;
use c2c_proto::media::clip::Clip;
use c2c_proto::media::codec::{Codec, Decoder, Encoder, OpusSettings};
use c2c_proto::media::receiver::{AudioReceiver, IncomingRtp};
use c2c_proto::media::resample::Resampler;
use c2c_proto::media::sender::AudioSender;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

const SPEECH: &[u8] = include_bytes!("../python/c2c/gateway/speech/hello.wav");

/// The demo's speech at `rate`, in frames of 20 ms.
fn speech(rate: u32) -> Vec<Vec<i16>> {
    let clip = Clip::from_wav(SPEECH).expect("the demo's clip");
    let frames = clip.samples().chunks_exact(320);
    if rate == clip.rate() {
        return frames.map(<[i16]>::to_vec).collect();
    }
    let mut resampler = Resampler::new(clip.rate(), rate).expect("a usual rate");
    let converted = frames.map(|frame| {
        let mut output = vec![0; rate as usize / 50];
        resampler.process(frame, &mut output);
        output
    });
    converted.collect()
}

fn packets(codec: Codec, rate: u32) -> Vec<Vec<u8>> {
    let mut encoder = Encoder::new(codec, rate, OpusSettings::default()).expect("a native rate");
    let packets = speech(rate).into_iter().map(|frame| {
        let mut packet = Vec::new();
        encoder.encode(&frame, &mut packet).expect("20 ms");
        packet
    });
    packets.collect()
}

fn encode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("encode 20 ms");
    let opus = [
        (8_000, 5),
        (16_000, 5),
        (48_000, 5),
        (16_000, 0),
        (48_000, 0),
        (48_000, 10),
    ];
    let opus = opus.map(|(rate, complexity)| (Codec::Opus, rate, complexity));
    for (codec, rate, complexity) in opus
        .into_iter()
        .chain([(Codec::Pcmu, 8_000, 5), (Codec::Pcma, 8_000, 5)])
    {
        let frames = speech(rate);
        let settings = OpusSettings {
            complexity,
            ..OpusSettings::default()
        };
        let mut encoder = Encoder::new(codec, rate, settings).expect("a native rate");
        let (mut packet, mut n) = (Vec::new(), 0);
        group.bench_function(
            format!("{} {rate} Hz complexity {complexity}", codec.name()),
            |bencher| {
                bencher.iter(|| {
                    n = (n + 1) % frames.len();
                    encoder.encode(&frames[n], &mut packet).expect("20 ms");
                    black_box(&packet);
                });
            },
        );
    }
    let mut encoder = Encoder::new(Codec::Opus, 16_000, OpusSettings::default()).expect("a native rate");
    let mut packet = Vec::new();
    group.bench_function("opus 16000 Hz silence", |bencher| {
        bencher.iter(|| encoder.encode(black_box(&[0; 320]), &mut packet));
    });
    group.finish();
}

fn decode(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("decode 20 ms");
    for (codec, rate) in [
        (Codec::Opus, 8_000),
        (Codec::Opus, 16_000),
        (Codec::Opus, 48_000),
        (Codec::Pcmu, 8_000),
    ] {
        let packets = packets(codec, codec.native_rate(48_000));
        let mut decoder = Decoder::new(codec, rate).expect("a native rate");
        let (mut pcm, mut n) = (Vec::new(), 0);
        group.bench_function(format!("{} {rate} Hz", codec.name()), |bencher| {
            bencher.iter(|| {
                n = (n + 1) % packets.len();
                pcm.clear();
                decoder.decode(&packets[n], &mut pcm).expect("our own packet");
                black_box(&pcm);
            });
        });
    }
    let mut decoder = Decoder::new(Codec::Opus, 48_000).expect("a native rate");
    let mut pcm = Vec::new();
    group.bench_function("opus 48000 Hz concealed", |bencher| {
        bencher.iter(|| {
            pcm.clear();
            black_box(decoder.conceal(960, &mut pcm))
        });
    });
    group.finish();
}

fn resample(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("resample 20 ms");
    for (from, to) in [
        (48_000, 8_000),
        (8_000, 48_000),
        (16_000, 8_000),
        (44_100, 48_000),
        (22_050, 16_000),
    ] {
        let mut resampler = Resampler::new(from, to).expect("usual rates");
        let (input, mut output) = (vec![1_000; from as usize / 50], vec![0; to as usize / 50]);
        group.bench_function(format!("{from} to {to} Hz"), |bencher| {
            bencher.iter(|| {
                resampler.process(black_box(&input), &mut output);
                black_box(&output);
            });
        });
    }
    group.bench_function("set-up 44100 to 48000 Hz", |bencher| {
        bencher.iter_batched(
            || (),
            |()| black_box(Resampler::new(44_100, 48_000).is_ok()),
            BatchSize::SmallInput,
        );
    });
    group.finish();
}

/// A writer that always has the next frame of speech, and readers that drop what they get.
struct Port {
    frames: Vec<Vec<i16>>,
    next: usize,
    rate: u32,
}

impl AudioPort for Port {
    fn outgoing_rate(&self) -> Option<u32> {
        Some(self.rate)
    }

    fn pull(&mut self, frame: &mut [i16]) -> bool {
        self.next = (self.next + 1) % self.frames.len();
        frame.copy_from_slice(&self.frames[self.next]);
        true
    }

    fn incoming_rates(&self) -> Vec<u32> {
        vec![self.rate]
    }

    fn push(&mut self, _rate: u32, samples: &[i16], _position: u64) {
        black_box(samples);
    }
}

fn tick(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("call, 20 ms both ways");
    for (codec, rate) in [
        (Codec::Opus, 16_000),
        (Codec::Opus, 48_000),
        (Codec::Pcmu, 8_000),
        (Codec::Pcmu, 48_000),
    ] {
        let mut port = Port {
            frames: speech(rate),
            next: 0,
            rate,
        };
        let payload_type = codec.default_payload_type();
        let mut sender = AudioSender::new(codec, payload_type, 1, 0, 0).expect("a codec");
        let mut receiver = AudioReceiver::new(&[(payload_type, codec)]);
        let mut now = Instant::now();
        group.bench_function(format!("{} {rate} Hz", codec.name()), |bencher| {
            bencher.iter(|| {
                now += Duration::from_millis(20);
                let rtp = sender.tick(&mut port, now).expect("a packet");
                let incoming = IncomingRtp {
                    payload_type: rtp.payload_type,
                    marker: rtp.marker,
                    sequence: rtp.sequence,
                    timestamp: rtp.timestamp,
                    ssrc: rtp.ssrc,
                    payload: rtp.payload,
                };
                receiver.receive(incoming, now);
                receiver.tick(&mut port, now);
            });
        });
    }
    group.finish();
}

criterion_group!(benches, encode, decode, resample, tick);
criterion_main!(benches);
