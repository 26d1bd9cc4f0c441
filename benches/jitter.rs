//! Cost of the jitter buffer per packet: in and out, on a steady, a reordering and a lossy network.
#![allow(clippy::expect_used, clippy::disallowed_methods, missing_docs)]
use std::hint::black_box;
use std::time::{Duration, Instant};

use c2c_proto::media::codec::Codec;
use c2c_proto::media::jitter::{Arrival, JitterBuffer};
use criterion::{Criterion, criterion_group, criterion_main};

const FRAME: Duration = Duration::from_millis(20);
const PAYLOAD: [u8; 80] = [0x55; 80];

/// What arrives in the place of a packet.
type Network = fn(u32) -> Option<u32>;

/// Puts packet `number` in.
fn insert(buffer: &mut JitterBuffer, number: u32, now: Instant) {
    let arrival = Arrival {
        sequence: number as u16,
        timestamp: number.wrapping_mul(960),
        sound: Some((Codec::Opus, 960)),
        payload: &PAYLOAD,
    };
    buffer.insert(arrival, now);
}

fn jitter(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("jitter buffer, a packet in and out");
    let networks: [(&str, Network); 3] = [
        ("steady", Some),
        ("a quarter reordered", |number| {
            Some(if number % 8 < 2 { number ^ 1 } else { number })
        }),
        ("a tenth lost", |number| (number % 10 != 3).then_some(number)),
    ];
    for (name, network) in networks {
        let mut buffer = JitterBuffer::new(48_000);
        let (mut now, mut number) = (Instant::now(), 0_u32);
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                now += FRAME;
                if let Some(arrived) = network(number) {
                    insert(&mut buffer, arrived, now);
                }
                number = number.wrapping_add(1);
                black_box(buffer.pop(now));
            });
        });
    }
    group.finish();
}

criterion_group!(benches, jitter);
criterion_main!(benches);
