//! What one RTP packet costs on its way out (header, protection) and in (header, authentication, decryption).
#![allow(clippy::expect_used, missing_docs)]
use std::hint::black_box;

use c2c_proto::media::dtls::{DtlsRole, KeyingMaterial};
use c2c_proto::media::rtp::RtpHeader;
use c2c_proto::media::srtp::{Srtp, SrtpProfile};
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};

/// 20 ms of Opus at 32 kb/s.
const PAYLOAD: [u8; 80] = [0x5a; 80];

fn context(profile: SrtpProfile, role: DtlsRole) -> Srtp {
    let length = 2 * (profile.key_length() + profile.salt_length());
    let keys = KeyingMaterial::new(profile, (0..length).map(|byte| byte as u8).collect());
    Srtp::new(&keys.expect("keys of the right length"), role).expect("a context")
}

fn header(sequence: u16) -> RtpHeader {
    RtpHeader {
        marker: false,
        payload_type: 111,
        sequence,
        timestamp: u32::from(sequence) * 960,
        ssrc: 0x0102_0304,
        length: 12,
        has_padding: false,
    }
}

fn rtp_path(criterion: &mut Criterion) {
    for profile in SrtpProfile::ALL {
        let mut group = criterion.benchmark_group(profile.name());
        let mut sender = context(profile, DtlsRole::Client);
        let mut sequence = 0_u16;
        group.bench_function("out", |bencher| {
            bencher.iter(|| {
                sequence = sequence.wrapping_add(1);
                sender
                    .protect_rtp(black_box(&header(sequence)), &PAYLOAD)
                    .expect("protected")
            });
        });
        // both ends begin with the same rollover counter
        let mut sender = context(profile, DtlsRole::Client);
        let mut receiver = context(profile, DtlsRole::Server);
        let mut next_packet = || {
            sequence = sequence.wrapping_add(1);
            sender.protect_rtp(&header(sequence), &PAYLOAD).expect("protected")
        };
        group.bench_function("in", |bencher| {
            bencher.iter_batched(
                &mut next_packet,
                |packet| {
                    let header = RtpHeader::parse(black_box(&packet)).expect("a header");
                    receiver.unprotect_rtp(&packet, &header).expect("authentic")
                },
                BatchSize::SmallInput,
            );
        });
        group.finish();
    }
}

criterion_group!(benches, rtp_path);
criterion_main!(benches);
