//! A call's sockets, ticks and rings, over real loopback UDP.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests")]
mod support;

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::process::Command;
use std::sync::Arc;

use c2c_engine::audio_ring::{PcmFrame, ReaderRing, Sides, WRITER_FRAMES};
use c2c_engine::client::ClientEvent;
use c2c_engine::driver::Driver;
use c2c_proto::io::CallId;
use support::{Order, Owner, Report, any_trust};

const CALL: CallId = CallId(7);
const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);

fn bind(owner: &mut Owner, call: CallId) -> SocketAddr {
    owner.order(Order::Bind(call, vec![LOOPBACK]));
    owner.wait(|report| match report {
        Report::Bound(_, sockets) => Some(sockets[0]),
        _ => None,
    })
}

/// A client with a call whose datagrams come back to it.
fn talking_to_itself(driver: &Driver<support::Echo>) -> Owner {
    let mut owner = Owner::new(driver, any_trust());
    let socket = bind(&mut owner, CALL);
    owner.order(Order::Aim(CALL, socket));
    owner
}

/// Waits for the ring to be announced until it has frames.
fn frames(owner: &mut Owner, ring: &Arc<ReaderRing>, count: usize) -> Vec<PcmFrame> {
    let mut frames = Vec::new();
    while frames.len() < count {
        if matches!(owner.next(), ClientEvent::RingReady(ready) if ready == ring.ring()) {
            frames.extend(std::iter::from_fn(|| ring.take()));
        }
    }
    frames
}

#[test]
fn datagrams_come_and_go() {
    let driver = Driver::start().unwrap();
    let mut owner = Owner::new(&driver, any_trust());
    let local = bind(&mut owner, CALL);
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    for length in [0, 1, 1_200, 9_000] {
        peer.send_to(&vec![7; length], local).unwrap();
        assert_eq!(owner.report(), Report::Datagram(vec![7; length]));
    }
    owner.order(Order::Aim(CALL, peer.local_addr().unwrap()));
    owner.order(Order::Tick(CALL));
    let mut buffer = [0; 2_000];
    let (length, from) = peer.recv_from(&mut buffer).unwrap();
    assert_eq!((length, from), (320, local));
}

#[test]
fn what_is_written_is_read_in_order_and_without_a_gap() {
    let driver = Driver::start().unwrap();
    let mut owner = talking_to_itself(&driver);
    let reader = owner.client.open_reader(CALL, 16_000, Sides::Far).unwrap();
    let writer = owner.client.open_writer(CALL, 16_000).unwrap();
    let samples: Vec<i16> = (1..=16_000).collect();
    let mut written = writer.write(&samples);
    assert_eq!(written, WRITER_FRAMES * 320);
    owner.order(Order::Tick(CALL));
    let mut heard: Vec<i16> = Vec::new();
    while heard.len() < samples.len() {
        let ClientEvent::RingReady(ring) = owner.next() else {
            continue;
        };
        if ring == writer.ring() {
            written += writer.write(&samples[written..]);
            if written == samples.len() {
                writer.close();
            }
        } else {
            let frames = std::iter::from_fn(|| reader.take());
            // silence before, after, and where this test was late
            heard.extend(
                frames
                    .flat_map(|frame| frame.samples.into_vec())
                    .filter(|sample| *sample != 0),
            );
        }
    }
    assert_eq!(heard, samples);
}

#[test]
fn positions_count_samples() {
    let driver = Driver::start().unwrap();
    let mut owner = talking_to_itself(&driver);
    let reader = owner.client.open_reader(CALL, 8_000, Sides::Far).unwrap();
    owner.order(Order::Tick(CALL));
    let heard = frames(&mut owner, &reader, 5);
    for (number, frame) in heard.iter().take(5).enumerate() {
        assert_eq!((frame.position, frame.samples.len()), (number as u64 * 160, 160));
    }
    assert_eq!(reader.dropped(), 0);
}

#[test]
fn each_reader_has_its_own_copy() {
    let driver = Driver::start().unwrap();
    let mut owner = talking_to_itself(&driver);
    let readers = [
        owner.client.open_reader(CALL, 8_000, Sides::Far).unwrap(),
        owner.client.open_reader(CALL, 8_000, Sides::Far).unwrap(),
    ];
    owner.order(Order::Tick(CALL));
    let first = frames(&mut owner, &readers[0], 3);
    assert!(first.len() >= 3);
    assert_eq!(readers[1].take().unwrap().position, first[0].position);
}

#[test]
fn rings_end_with_the_call() {
    let driver = Driver::start().unwrap();
    let mut owner = talking_to_itself(&driver);
    let reader = owner.client.open_reader(CALL, 8_000, Sides::Far).unwrap();
    let writer = owner.client.open_writer(CALL, 8_000).unwrap();
    owner.order(Order::Tick(CALL));
    owner.order(Order::Release(CALL));
    while !(reader.ended() && writer.ended()) {
        owner.next();
    }
    assert_eq!(writer.write(&[0; 10]), 0);
}

#[test]
fn rings_of_no_call_end_at_once() {
    let driver = Driver::start().unwrap();
    let mut owner = Owner::new(&driver, any_trust());
    let reader = owner.client.open_reader(CALL, 8_000, Sides::Far).unwrap();
    assert!(matches!(owner.next(), ClientEvent::RingReady(ring) if ring == reader.ring()));
    assert!(reader.ended());
}

#[test]
fn a_second_writer_is_refused_until_the_first_is_closed() {
    let driver = Driver::start().unwrap();
    let owner = talking_to_itself(&driver);
    let first = owner.client.open_writer(CALL, 8_000).unwrap();
    owner.client.open_writer(CALL, 8_000).unwrap_err();
    first.close();
    owner.client.open_writer(CALL, 48_000).unwrap();
}

#[test]
fn an_unusual_rate_is_refused() {
    let driver = Driver::start().unwrap();
    let owner = talking_to_itself(&driver);
    let error = owner.client.open_reader(CALL, 11_025, Sides::Far).unwrap_err();
    assert!(error.to_string().contains("48000"), "{error}");
}

#[test]
fn numbers_are_published_while_a_call_ticks() {
    let driver = Driver::start().unwrap();
    let mut owner = talking_to_itself(&driver);
    owner.order(Order::Tick(CALL));
    let mut ticks = 0;
    while ticks < 20 {
        owner.next();
        ticks = owner.client.stats(CALL).unwrap().map_or(0, |stats| stats.packets_sent);
    }
    owner.order(Order::Release(CALL));
    owner.order(Order::Flood(1));
    owner.wait(|report| (*report == Report::Number(0)).then_some(()));
    assert_eq!(owner.client.stats(CALL).unwrap(), None);
}

#[test]
fn ticks_stop_when_asked() {
    let driver = Driver::start().unwrap();
    let mut owner = talking_to_itself(&driver);
    owner.order(Order::Tick(CALL));
    owner.wait(|report| matches!(report, Report::Datagram(_)).then_some(()));
    owner.order(Order::Untick(CALL));
    owner.order(Order::Flood(1));
    owner.wait(|report| (*report == Report::Number(0)).then_some(()));
    let ticks = driver.stats().lateness.count();
    owner.order(Order::Wake(std::time::Duration::from_millis(100)));
    owner.wait(|report| (*report == Report::Woken).then_some(()));
    assert_eq!(driver.stats().lateness.count(), ticks);
}

/// Runs the test below in a process that may open few files.
#[test]
fn out_of_descriptors_other_calls_go_on() {
    let this = std::env::current_exe().unwrap();
    let under_limit = "ulimit -n 48 && exec \"$0\" --ignored --exact --test-threads 1 under_a_low_limit";
    let run = Command::new("sh")
        .arg("-c")
        .arg(under_limit)
        .arg(this)
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&run.stdout);
    assert!(run.status.success() && text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "run by the test above, with a low limit of open files"]
fn under_a_low_limit() {
    let driver = Driver::start().unwrap();
    let mut owner = Owner::new(&driver, any_trust());
    let first = bind(&mut owner, CALL);
    let cause = (100..200)
        .find_map(|number| {
            owner.order(Order::Bind(CallId(number), vec![LOOPBACK]));
            owner.wait(|report| match report {
                Report::Bound(..) => Some(None),
                Report::NotBound(_, cause) => Some(Some(cause.clone())),
                _ => None,
            })
        })
        .expect("the limit was never reached");
    assert!(cause.contains("ulimit -n") && cause.contains("48"), "{cause}");
    owner.order(Order::Release(CallId(100)));
    owner.order(Order::Flood(1));
    owner.wait(|report| (*report == Report::Number(0)).then_some(()));
    UdpSocket::bind("127.0.0.1:0")
        .unwrap()
        .send_to(b"hello", first)
        .unwrap();
    assert_eq!(owner.report(), Report::Datagram(b"hello".to_vec()));
}

#[test]
fn an_address_from_which_nothing_can_be_sent_is_told() {
    let driver = Driver::start().unwrap();
    let mut owner = Owner::new(&driver, any_trust());
    let local = bind(&mut owner, CALL);
    // documentation's network: from loopback no way leads there
    let away: SocketAddr = "192.0.2.1:9".parse().unwrap();
    owner.order(Order::Aim(CALL, away));
    owner.order(Order::Tick(CALL));
    let told = owner.wait(|report| match report {
        Report::Unsendable(from, to) => Some((*from, *to)),
        _ => None,
    });
    assert_eq!(told, (local, away));
    assert!(driver.stats().udp_errors > 0);
}

#[test]
fn a_call_gets_more_sockets_and_closes_the_first_ones() {
    let driver = Driver::start().unwrap();
    let mut owner = Owner::new(&driver, any_trust());
    let first = bind(&mut owner, CALL);
    let second = bind(&mut owner, CALL);
    let peer = UdpSocket::bind("127.0.0.1:0").unwrap();
    for socket in [first, second] {
        peer.send_to(&[9; 4], socket).unwrap();
        assert_eq!(owner.report(), Report::Datagram(vec![9; 4]));
    }
    owner.order(Order::CloseUdp(CALL, vec![first]));
    peer.send_to(&[7; 5], second).unwrap();
    assert_eq!(owner.report(), Report::Datagram(vec![7; 5]), "the second one goes on");
    // orders are taken in their order, so it is closed when the next one is done: its port can be had again
    bind(&mut owner, CALL);
    assert!(UdpSocket::bind(first).is_ok());
}
