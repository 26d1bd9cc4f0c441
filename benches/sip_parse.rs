//! Parsing of SIP: an INVITE of 850 bytes, alone and with its routing fields typed, and messages of 64 kB made to be slow.
use std::hint::black_box;

use c2c_proto::sip::Message;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};

const HEAD: &str = "INVITE sip:app-5f0c9a52-0000-4000-8000-00000000c2c0@realm.example SIP/2.0\r\n\
    Via: SIP/2.0/WSS 9j1ten91igl9.invalid;branch=z9hG4bK7565812\r\n\
    Max-Forwards: 69\r\n\
    To: <sip:app-5f0c9a52-0000-4000-8000-00000000c2c0@realm.example>\r\n\
    From: <sip:user-1@realm.example>;tag=ihndthi5jj\r\n\
    Call-ID: 0gc1kh7v3croep29t4hk\r\n\
    CSeq: 9937 INVITE\r\n\
    X-Source: webrtc\r\n\
    Contact: <sip:user-1@realm.example;gr=urn:uuid:f9d81e99-b307-4a1d-b6b2-3c2b8a9b9bb8>\r\n\
    Content-Type: application/sdp\r\n\
    Session-Expires: 90\r\n\
    Allow: INVITE,ACK,CANCEL,BYE,UPDATE,OPTIONS,INFO\r\n\
    Supported: timer,ice,replaces,outbound\r\n\
    User-Agent: c2c/0.1.0\r\n";

const LIMIT: usize = 64 * 1024;

/// The INVITE with a body that makes it 850 bytes long.
fn invite() -> Vec<u8> {
    let length = 850 - HEAD.len() - "Content-Length: 000\r\n\r\n".len();
    let mut text = format!("{HEAD}Content-Length: {length}\r\n\r\nv=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\n");
    while text.len() < 850 {
        text.push_str(&"a=candidate:1 1 udp 2122260223 192.0.2.1 52549 typ host\r\n"[..(850 - text.len()).min(57)]);
    }
    assert_eq!(text.len(), 850);
    text.into_bytes()
}

/// The INVITE with a field that is as long as the limit allows.
fn with_field(begin: &str, unit: &str) -> Vec<u8> {
    let room = LIMIT - HEAD.len() - begin.len() - 4;
    format!("{HEAD}{begin}{}\r\n\r\n", unit.repeat(room / unit.len())).into_bytes()
}

/// Via, From, To, CSeq, Contact and Call-ID as whoever routes a message reads them.
fn typed(message: &Message) -> usize {
    let headers = message.headers();
    let via = headers.via().ok().and_then(|via| via.branch()).map_or(0, str::len);
    let from = headers.from().ok().and_then(|from| from.tag()).map_or(0, str::len);
    let to = headers.to().map_or(0, |to| to.uri().host().len());
    let contact = headers
        .contact()
        .ok()
        .flatten()
        .map_or(0, |contact| contact.uri().host().len());
    let number = headers.cseq().map_or(0, |cseq| cseq.number as usize);
    via + from + to + contact + number + headers.call_id().map_or(0, str::len)
}

fn usual(criterion: &mut Criterion) {
    let bytes = invite();
    let mut group = criterion.benchmark_group("sip_invite_850_bytes");
    group.throughput(Throughput::Elements(1));
    group.bench_function("parse", |bencher| {
        bencher.iter(|| Message::parse(black_box(&bytes)).is_ok());
    });
    group.bench_function("parse_typed", |bencher| {
        bencher.iter(|| Message::parse(black_box(&bytes)).as_ref().map_or(0, typed));
    });
    let message = Message::parse(&bytes);
    group.bench_function("print", |bencher| {
        bencher.iter(|| black_box(&message).as_ref().map(Message::to_bytes));
    });
    group.finish();
}

fn worst(criterion: &mut Criterion) {
    let body = LIMIT - HEAD.len() - "Content-Length: 00000\r\n\r\n".len();
    let cases = [
        (
            "body",
            format!("{HEAD}Content-Length: {body}\r\n\r\n{}", "x".repeat(body)).into_bytes(),
        ),
        ("folds", with_field("Subject: x", "\r\n ")),
        ("many_vias", with_field("Via: SIP/2.0/WSS a", ",SIP/2.0/WSS a")),
        ("parameters", with_field("Record-Route: <sip:a>", ";a")),
        ("open_quote", with_field("Record-Route: \"", "\\\"<,;")),
        ("brackets", with_field("Record-Route: ", "<,")),
        ("empty_lines", with_field("X: x", "\r\nX:")),
    ];
    let mut group = criterion.benchmark_group("sip_64_kB");
    for (name, bytes) in cases {
        assert!(
            bytes.len() <= LIMIT && bytes.len() > LIMIT - 100,
            "{name}: {}",
            bytes.len()
        );
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |bencher| {
            bencher.iter(|| {
                let message = Message::parse(black_box(&bytes));
                message
                    .as_ref()
                    .map_or(0, |message| typed(message) + message.headers().record_routes().count())
            });
        });
    }
    group.finish();
}

criterion_group!(benches, usual, worst);
criterion_main!(benches);
