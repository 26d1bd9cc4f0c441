use std::collections::BTreeSet;

use proptest::prelude::*;

use super::*;
use crate::test_clock::start;

const FRAME: u32 = 960;
const FRAME_MS: u64 = 20;

/// A packet on its way: its number, and when it arrives.
#[derive(Clone, Copy, Debug)]
struct Sent {
    number: u32,
    arrives: u64,
}

/// What came out in one tick.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Out {
    Sound { number: u32, skip: u32 },
    Lost { ticks: u32, has_fec: bool },
    Late,
    Pause(u32),
    Nothing,
}

/// Packet `number` leaves at `number * 20` ms with a timestamp that wraps early on.
fn insert(buffer: &mut JitterBuffer, number: u32, now: Instant) {
    let arrival = Arrival {
        sequence: 65_500_u16.wrapping_add(number as u16),
        timestamp: (u32::MAX - 20 * FRAME).wrapping_add(number * FRAME),
        sound: Some((Codec::Opus, FRAME)),
        payload: &number.to_be_bytes(),
    };
    buffer.insert(arrival, now);
}

fn pop(buffer: &mut JitterBuffer, now: Instant) -> Out {
    match buffer.pop(now) {
        Next::Sound {
            payload, skip, ticks, ..
        } => {
            assert_eq!(ticks, FRAME);
            Out::Sound {
                number: u32::from_be_bytes(payload.try_into().unwrap()),
                skip,
            }
        }
        Next::Lost { ticks, following } => Out::Lost {
            ticks,
            has_fec: following.is_some(),
        },
        Next::Late => Out::Late,
        Next::Pause { ticks } => Out::Pause(ticks),
        Next::Nothing => Out::Nothing,
    }
}

/// Runs packets through the buffer, popping each 20 ms, 7 ms after the packets' beat.
fn run(packets: &[Sent], seconds: u64) -> (Vec<Out>, JitterBuffer, Instant) {
    let begin = start();
    let mut buffer = JitterBuffer::new(48_000);
    let mut waiting = packets.to_vec();
    waiting.sort_by_key(|sent| sent.arrives);
    let mut waiting = waiting.into_iter().peekable();
    let mut out = Vec::new();
    for tick in 0..seconds * 50 {
        let time = tick * FRAME_MS + 7;
        while let Some(sent) = waiting.next_if(|sent| sent.arrives <= time) {
            insert(&mut buffer, sent.number, begin + Duration::from_millis(sent.arrives));
        }
        out.push(pop(&mut buffer, begin + Duration::from_millis(time)));
    }
    (out, buffer, begin + Duration::from_millis(seconds * 1_000))
}

fn steady(count: u32) -> Vec<Sent> {
    delayed(count, |_| 0)
}

fn delayed(count: u32, delay: impl Fn(u32) -> u64) -> Vec<Sent> {
    (0..count)
        .map(|number| Sent {
            number,
            arrives: u64::from(number) * FRAME_MS + delay(number),
        })
        .collect()
}

fn numbers(out: &[Out]) -> Vec<u32> {
    let number = |out: &Out| {
        if let Out::Sound { number, .. } = out {
            Some(*number)
        } else {
            None
        }
    };
    out.iter().filter_map(number).collect()
}

fn count(out: &[Out], wanted: impl Fn(&Out) -> bool) -> usize {
    out.iter().filter(|out| wanted(out)).count()
}

#[test]
fn a_steady_stream_is_played_in_order_after_60_ms() {
    let (out, buffer, _) = run(&steady(200), 4);
    assert_eq!(
        &out[..4],
        [
            Out::Pause(FRAME),
            Out::Pause(FRAME),
            Out::Pause(FRAME),
            Out::Sound { number: 0, skip: 0 }
        ]
    );
    assert_eq!(numbers(&out), (0..197).collect::<Vec<_>>());
    assert_eq!(buffer.discarded(), 0);
}

#[test]
fn reordering_loses_nothing() {
    // each fourth packet comes after its two successors
    let (out, buffer, _) = run(&delayed(300, |n| if n % 4 == 1 { 45 } else { 0 }), 6);
    assert_eq!(numbers(&out), (0..297).collect::<Vec<_>>());
    assert_eq!(count(&out, |out| matches!(out, Out::Lost { .. } | Out::Late)), 0);
    assert_eq!(buffer.discarded(), 0);
}

#[test]
fn duplicates_are_dropped() {
    let twice: Vec<Sent> = steady(100)
        .into_iter()
        .flat_map(|sent| {
            [
                sent,
                Sent {
                    arrives: sent.arrives + 25,
                    ..sent
                },
            ]
        })
        .collect();
    let (out, buffer, _) = run(&twice, 2);
    assert_eq!(numbers(&out), (0..97).collect::<Vec<_>>());
    assert_eq!(buffer.discarded(), 99);
}

#[test]
fn a_lost_packet_is_told_with_the_next_ones_fec() {
    let some: Vec<Sent> = steady(100)
        .into_iter()
        .filter(|sent| ![30, 50, 51].contains(&sent.number))
        .collect();
    let (out, _, _) = run(&some, 2);
    let lost = |has_fec| Out::Lost { ticks: FRAME, has_fec };
    assert_eq!(out[33], lost(true));
    assert_eq!(out[53..55], [lost(false), lost(true)]);
    assert_eq!(out[55], Out::Sound { number: 52, skip: 0 });
    assert_eq!(numbers(&out).len(), 94);
}

#[test]
fn a_pause_without_lost_packets_is_no_loss() {
    // DTX: 400 ms pass between packets 49 and 50, sequence numbers go on
    let begin = start();
    let mut buffer = JitterBuffer::new(48_000);
    let mut out = Vec::new();
    for tick in 0..150_u32 {
        let number = match tick {
            0..50 => Some(tick),
            70.. => Some(tick - 20),
            _ => None,
        };
        let now = begin + Duration::from_millis(u64::from(tick) * FRAME_MS);
        if let Some(number) = number {
            let arrival = Arrival {
                sequence: number as u16,
                timestamp: tick * FRAME,
                sound: Some((Codec::Opus, FRAME)),
                payload: &number.to_be_bytes(),
            };
            buffer.insert(arrival, now);
        }
        out.push(pop(&mut buffer, now + Duration::from_millis(7)));
    }
    assert_eq!(count(&out, |out| matches!(out, Out::Lost { .. })), 0);
    let played = numbers(&out);
    assert_eq!(played, (0..played.len() as u32).collect::<Vec<_>>());
    assert!(played.len() >= 126, "{}", played.len());
    assert!(buffer.delay(begin + Duration::from_secs(3)) <= Duration::from_millis(100));
}

#[test]
fn packets_without_sound_are_no_loss() {
    let begin = start();
    let mut buffer = JitterBuffer::new(48_000);
    let mut out = Vec::new();
    for number in 0..60_u16 {
        let now = begin + Duration::from_millis(u64::from(number) * FRAME_MS);
        // a telephone-event keeps the timestamp of its start (RFC 4733 §2.3)
        let is_event = (20..25).contains(&number);
        let arrival = Arrival {
            sequence: number,
            timestamp: u32::from(if is_event { 20 } else { number }) * FRAME,
            sound: (!is_event).then_some((Codec::Opus, FRAME)),
            payload: &u32::from(number).to_be_bytes(),
        };
        buffer.insert(arrival, now);
        out.push(pop(&mut buffer, now + Duration::from_millis(7)));
    }
    assert_eq!(count(&out, |out| matches!(out, Out::Lost { .. })), 0);
    assert_eq!(
        out[3..]
            .iter()
            .filter(|out| matches!(out, Out::Pause(_) | Out::Late))
            .count(),
        5
    );
    assert_eq!(numbers(&out), (0..20).chain(25..57).collect::<Vec<_>>());
}

#[test]
fn the_delay_goes_down_to_its_least_on_a_good_network() {
    let (out, buffer, end) = run(&steady(1_500), 30);
    assert_eq!(buffer.target(), Duration::from_millis(20));
    // the buffer offers to play faster; nobody took the offer
    assert!(
        buffer.excess(end) >= Duration::from_millis(20),
        "{:?}",
        buffer.excess(end)
    );
    assert_eq!(count(&out, |out| matches!(out, Out::Lost { .. } | Out::Late)), 0);
}

#[test]
fn the_delay_grows_with_the_networks_jitter() {
    let (out, buffer, _) = run(&delayed(1_000, |n| u64::from(n * 7_919 % 100)), 20);
    assert!(
        (Duration::from_millis(80)..=Duration::from_millis(120)).contains(&buffer.target()),
        "{:?}",
        buffer.target()
    );
    let late = count(&out[200..], |out| matches!(out, Out::Lost { .. } | Out::Late));
    assert!(late <= 8, "{late} of 800 frames late after it has adapted");
}

#[test]
fn a_spike_loses_nothing_and_passes() {
    // thirteen packets wait for up to 250 ms and come at once
    let (out, buffer, _) = run(
        &delayed(1_500, |n| {
            if (100..113).contains(&n) {
                250 - u64::from(n - 100) * 20
            } else {
                0
            }
        }),
        30,
    );
    let played = numbers(&out);
    assert_eq!(played, (0..played.len() as u32).collect::<Vec<_>>());
    assert_eq!(buffer.target(), Duration::from_millis(20));
}

#[test]
fn after_a_stall_the_oldest_goes_and_memory_is_bounded() {
    let (out, buffer, _) = run(
        &delayed(300, |n| {
            if (100..190).contains(&n) {
                u64::from(190 - n) * 20
            } else {
                0
            }
        }),
        6,
    );
    assert!(buffer.delay(start() + Duration::from_secs(6)) <= MAX_DELAY + Duration::from_millis(20));
    let played = numbers(&out);
    assert!(played.is_sorted());
    assert!(played.contains(&280) && played.contains(&189) && !played.contains(&110));
}

#[test]
fn a_new_start_of_the_source_is_followed() {
    for (sequence, timestamp) in [(40_000_u16, 0x8000_0000_u32), (100, 0x8000_0000), (101, 48_000 * 60)] {
        let begin = start();
        let mut buffer = JitterBuffer::new(48_000);
        let mut out = Vec::new();
        for number in 0..150_u32 {
            let now = begin + Duration::from_millis(u64::from(number) * FRAME_MS);
            let (first_sequence, first_timestamp) = if number < 100 {
                (0, 0)
            } else {
                (sequence.wrapping_sub(100), timestamp)
            };
            let arrival = Arrival {
                sequence: first_sequence.wrapping_add(number as u16),
                timestamp: first_timestamp.wrapping_add(number * FRAME),
                sound: Some((Codec::Opus, FRAME)),
                payload: &number.to_be_bytes(),
            };
            buffer.insert(arrival, now);
            out.push(pop(&mut buffer, now + Duration::from_millis(7)));
        }
        let played = numbers(&out);
        assert_eq!(played.last(), Some(&146), "{sequence} {timestamp}");
        assert!(played.len() >= 140);
        assert_eq!(count(&out, |out| matches!(out, Out::Lost { .. })), 0);
    }
}

#[test]
fn nothing_comes_out_of_an_empty_buffer() {
    let mut buffer = JitterBuffer::new(8_000);
    assert_eq!(buffer.pop(start()), Next::Nothing);
    assert!(buffer.is_empty());
    assert_eq!(
        (buffer.delay(start()), buffer.excess(start()), buffer.target()),
        (Duration::ZERO, Duration::ZERO, Duration::ZERO)
    );
}

proptest! {
    /// Whatever is lost, doubled or delayed by up to 60 ms: what comes out is in order, without gaps in time.
    #[test]
    fn time_passes_evenly(
        fates in proptest::collection::vec((0..60_u64, 0..10_u8), 50..300),
    ) {
        let mut packets = Vec::new();
        for (number, (delay, fate)) in fates.iter().enumerate() {
            let sent = Sent { number: number as u32, arrives: number as u64 * FRAME_MS + delay };
            match fate {
                0 if number > 0 => {}
                1 => packets.extend([sent, Sent { arrives: sent.arrives + 30, ..sent }]),
                _ => packets.push(sent),
            }
        }
        let (out, buffer, _) = run(&packets, fates.len() as u64 / 50);
        // from the first packet on, each piece begins where the one before ended, or whole frames of a long loss later
        let (mut due, mut last) = (None, 0);
        for piece in &out {
            match *piece {
                Out::Sound { number, skip } => {
                    let begins = number * FRAME + skip;
                    let jump = begins - due.unwrap_or(begins);
                    prop_assert!(jump == 0 || (jump.is_multiple_of(FRAME) && number - last > 3), "{last} {number} {jump}");
                    (due, last) = (Some((number + 1) * FRAME), number);
                }
                Out::Lost { ticks, .. } => due = due.map(|due| due + ticks),
                Out::Pause(_) => prop_assert_eq!(due, None),
                Out::Late | Out::Nothing => {}
            }
        }
        let sent: BTreeSet<u32> = packets.iter().map(|sent| sent.number).collect();
        prop_assert!(numbers(&out).iter().all(|number| sent.contains(number)));
        prop_assert!(buffer.len() <= 21);
    }

    /// Any packets at all: bounded memory, no panic, one piece per call.
    #[test]
    fn any_packets_are_bounded(
        packets in proptest::collection::vec(
            (any::<u16>(), any::<u32>(), proptest::option::of(1..5_760_u32), 0..40_u64, any::<bool>()), 1..600,
        ),
        is_near in any::<bool>(),
    ) {
        let mut now = start();
        let mut buffer = JitterBuffer::new(48_000);
        for (sequence, timestamp, ticks, wait, pops) in packets {
            now += Duration::from_millis(wait);
            let (sequence, timestamp) = if is_near { (sequence % 200, timestamp % 96_000) } else { (sequence, timestamp) };
            let sound = ticks.map(|ticks| (Codec::Opus, ticks));
            buffer.insert(Arrival { sequence, timestamp, sound, payload: &[1, 2, 3] }, now);
            prop_assert!(buffer.len() <= MAX_PACKETS && buffer.spare.len() <= MAX_SPARE);
            prop_assert_eq!(buffer.held_ticks, buffer.queue.iter().map(Held::ticks).sum::<i64>());
            prop_assert!(buffer.held_ticks <= 19_200);
            prop_assert!(buffer.queue.iter().is_sorted_by_key(|held| held.sequence));
            if pops {
                match buffer.pop(now) {
                    Next::Sound { ticks, skip, .. } => prop_assert!(skip < ticks),
                    Next::Lost { ticks, .. } | Next::Pause { ticks } => prop_assert!((1..=5_760).contains(&ticks)),
                    Next::Late | Next::Nothing => {}
                }
            }
        }
    }
}
