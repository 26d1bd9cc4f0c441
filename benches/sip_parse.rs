//! Parsing of SIP: an INVITE of 850 bytes, alone and with its routing fields typed (`elem/s` is messages a second), and
//! messages, challenges and SDP of 16 and of 64 kB made to be slow. In the end the two sizes are compared within one run:
//! four times the bytes may take six times as long, or the bench fails.
use std::hint::black_box;
use std::time::{Duration, Instant};

use c2c_proto::media::description;
use c2c_proto::sip::Message;
use c2c_proto::sip::digest::Challenge;
use criterion::{Criterion, Throughput, criterion_group};

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

/// The limit of a message, and a quarter of it.
const SIZES: [usize; 2] = [16 * 1024, 64 * 1024];
/// How many times as long four times the bytes may take.
const MOST: f64 = 6.0;
/// Runs of each measurement, of which the shortest counts.
const RUNS: usize = 30;

/// Something to be read, and how much of it was understood.
type Case = (&'static str, Vec<u8>, fn(&[u8]) -> usize);

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

/// The INVITE with a field that makes it so long.
fn with_field(size: usize, begin: &str, unit: &str) -> Vec<u8> {
    let room = size - HEAD.len() - begin.len() - 4;
    format!("{HEAD}{begin}{}\r\n\r\n", unit.repeat(room / unit.len())).into_bytes()
}

/// The INVITE with a body that makes it so long.
fn with_body(size: usize) -> Vec<u8> {
    let body = size - HEAD.len() - "Content-Length: 00000\r\n\r\n".len();
    format!("{HEAD}Content-Length: {body}\r\n\r\n{}", "x".repeat(body)).into_bytes()
}

fn repeated(size: usize, begin: &str, unit: &str) -> Vec<u8> {
    format!("{begin}{}", unit.repeat((size - begin.len()) / unit.len())).into_bytes()
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

fn read_message(bytes: &[u8]) -> usize {
    let message = Message::parse(bytes);
    message.as_ref().map_or(0, |message| {
        let headers = message.headers();
        typed(message) + headers.record_routes().count() + headers.contacts().count()
    })
}

fn read_challenge(bytes: &[u8]) -> usize {
    let challenge = std::str::from_utf8(bytes).ok().and_then(Challenge::parse);
    challenge.map_or(0, |challenge| challenge.realm.len())
}

fn read_sdp(bytes: &[u8]) -> usize {
    description::read(bytes).map_or(0, |remote| remote.codecs.len())
}

const SDP: &str = "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n\
    a=ice-ufrag:far0\r\na=ice-pwd:password-of-the-far-side\r\na=setup:active\r\na=fingerprint:sha-256 \
    37:3F:2D:65:1E:57:40:20:AE:30:14:7F:77:66:99:73:E8:46:B3:EB:14:D6:11:91:66:28:B1:11:CE:43:51:B5\r\n";

fn cases(size: usize) -> Vec<Case> {
    let message = |name, begin, unit| -> Case { (name, with_field(size, begin, unit), read_message) };
    let sdp = |name, unit| -> Case { (name, repeated(size, SDP, unit), read_sdp) };
    vec![
        ("body", with_body(size), read_message),
        message("folds", "Subject: x", "\r\n "),
        message("many_vias", "Via: SIP/2.0/WSS a", ",SIP/2.0/WSS a"),
        message("parameters", "Record-Route: <sip:a>", ";a"),
        message("open_quote", "Record-Route: \"", "\\\"<,;"),
        message("brackets", "Record-Route: ", "<,"),
        message("empty_lines", "X: x", "\r\nX:"),
        message("contacts", "Contact: <sip:a>", ",<sip:a>;q=0"),
        message("contact_parameters", "Contact: <sip:a>", ";+sip.instance=\"<a>\""),
        (
            "digest_parameters",
            repeated(size, "Digest realm=\"r\"", ",a=b"),
            read_challenge,
        ),
        (
            "digest_escapes",
            repeated(size, "Digest realm=\"", "\\\""),
            read_challenge,
        ),
        sdp("sdp_attributes", "a=x\r\n"),
        sdp("sdp_candidates", "a=candidate:1 1 udp 1 192.0.2.1 9 typ host\r\n"),
        sdp("sdp_rtpmaps", "a=rtpmap:0 PCMU/8000\r\n"),
        sdp("sdp_sections", "m=video 0 UDP/TLS/RTP/SAVPF 96\r\n"),
    ]
}

fn worst(criterion: &mut Criterion) {
    for size in SIZES {
        let mut group = criterion.benchmark_group(format!("sip_{}_kB", size / 1024));
        for (name, bytes, read) in cases(size) {
            assert!(
                bytes.len() <= size && bytes.len() > size - 100,
                "{name}: {}",
                bytes.len()
            );
            group.throughput(Throughput::Bytes(bytes.len() as u64));
            group.bench_function(name, |bencher| bencher.iter(|| read(black_box(&bytes))));
        }
        group.finish();
    }
}

/// Compares the two sizes of each case.
fn linear() {
    let [small, large] = SIZES.map(cases);
    println!("case                  16 kB     64 kB   times as long");
    for ((name, few, read), (_, many, _)) in small.iter().zip(&large) {
        let (short, long) = (shortest(few, *read), shortest(many, *read));
        let times = long.as_secs_f64() / short.as_secs_f64();
        println!("{name:<18} {short:>8.1?} {long:>9.1?} {times:>15.1}");
        assert!(
            times <= MOST,
            "{name} takes {times:.1} times as long for four times the bytes"
        );
    }
}

#[allow(clippy::disallowed_methods, reason = "a bench looks at the clock")]
fn shortest(bytes: &[u8], read: fn(&[u8]) -> usize) -> Duration {
    let timed = |_| {
        let start = Instant::now();
        for _ in 0..10 {
            black_box(read(black_box(bytes)));
        }
        start.elapsed()
    };
    // what takes no time at all is not told apart
    (0..RUNS)
        .map(timed)
        .min()
        .unwrap_or_default()
        .max(Duration::from_micros(1))
}

criterion_group!(benches, usual, worst);

fn main() {
    benches();
    Criterion::default().configure_from_args().final_summary();
    // not where `cargo test` only looks whether it runs
    if std::env::args().any(|argument| argument == "--bench") {
        linear();
    }
}
