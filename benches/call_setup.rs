//! Setting a call up: what it costs the user agent, and how long media takes from the answer on.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs)]
#[path = "../rust/proto/tests/support/mod.rs"]
mod support;

use std::time::Duration;

use c2c_proto::io::{Command, Event, Output, TransportInput};
use c2c_proto::user_agent::UserAgent;
use criterion::{BatchSize, Criterion, criterion_group, criterion_main};
use support::{CALL, Rig};

/// The outputs until the user agent rests.
fn drain(agent: &mut UserAgent) -> Vec<Output<Event>> {
    std::iter::from_fn(|| agent.poll_output()).collect()
}

/// `start_call` to the INVITE on its way, with its offer; sockets are bound at once.
fn start_call_to_invite(criterion: &mut Criterion) {
    let start = |mut rig: Rig| {
        rig.command(Command::StartCall {
            call: CALL,
            target: "app-1".into(),
            headers: vec![("X-Source".into(), "webrtc".into())],
        });
        assert_eq!(rig.inbox.len(), 1);
        rig
    };
    criterion.bench_function("call_setup/start_call to INVITE", |bencher| {
        bencher.iter_batched(Rig::connected, start, BatchSize::PerIteration);
    });
}

/// A 200 with SDP to the ACK on its way: ICE and DTLS are started in between.
fn ok_to_ack(criterion: &mut Criterion) {
    let prepare = || {
        let (mut rig, invite) = Rig::inviting();
        let sdp = rig.far_answer(&invite.body, &support::rig::ALL_CODECS);
        (invite.answer(200, "OK", "callee").sdp(&sdp).bytes(), rig)
    };
    let answer = |(ok, mut rig): (Vec<u8>, Rig)| {
        rig.agent.handle_transport(TransportInput::Message(&ok), rig.now);
        let outputs = drain(&mut rig.agent);
        assert!(outputs.iter().any(|output| matches!(output, Output::Send(_))));
        rig
    };
    criterion.bench_function("call_setup/200 OK to ACK", |bencher| {
        bencher.iter_batched(prepare, answer, BatchSize::PerIteration);
    });
}

/// CPU time of both ends from the 200 to sound flowing.
fn ok_to_media(criterion: &mut Criterion) {
    let connect = |(mut rig, invite): (Rig, support::Heard)| {
        rig.answer(&invite, "callee");
        rig.advance(Duration::from_millis(100));
        assert!(rig.far.as_ref().unwrap().is_connected());
        rig
    };
    criterion.bench_function("call_setup/200 OK to media, both ends", |bencher| {
        bencher.iter_batched(Rig::inviting, connect, BatchSize::PerIteration);
    });
}

/// Virtual time from the 200 to the first packets: only round trips and timers, no computing.
fn round_trips(_: &mut Criterion) {
    for one_way in [0, 5, 10, 25, 50, 100] {
        let (mut rig, invite) = Rig::inviting();
        rig.network.delay = Duration::from_millis(one_way);
        rig.answer(&invite, "callee");
        rig.advance(Duration::from_secs(5));
        let setup = rig.agent.stats(CALL, rig.now).unwrap().setup;
        let answered = setup.answered.unwrap();
        let since =
            |stage: Option<Duration>| stage.expect("media connected").saturating_sub(answered).as_secs_f64() * 1e3;
        println!(
            "call_setup/virtual time from 200 OK, media round trip {:>3} ms: ICE {:>5.1}, DTLS {:>5.1}, first RTP out {:>5.1}, in {:>5.1} ms",
            2 * one_way,
            since(setup.ice_connected),
            since(setup.dtls_connected),
            since(setup.first_packet_out),
            since(setup.first_packet_in),
        );
    }
}

criterion_group!(benches, start_call_to_invite, ok_to_ack, ok_to_media, round_trips);
criterion_main!(benches);
