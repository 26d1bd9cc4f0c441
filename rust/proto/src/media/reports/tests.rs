use std::time::SystemTime;

use proptest::prelude::*;

use super::*;
use crate::media::codec::Codec;
use crate::media::receiver::IncomingRtp;
use crate::media::test_port::TestPort;
use crate::test_clock::start;

/// Counts up, so that `below` goes through its range.
struct Counting(u64);

impl RandomSource for Counting {
    fn fill(&mut self, bytes: &mut [u8]) {
        self.0 = self.0.wrapping_add(0x1_2345_6789);
        for (byte, part) in bytes.iter_mut().zip(self.0.to_le_bytes().into_iter().cycle()) {
            *byte = part;
        }
    }
}

/// One end of a call: what it sends, what it hears, its reports.
struct End {
    sender: AudioSender,
    receiver: AudioReceiver,
    reports: Reports,
    random: Counting,
}

/// Ends whose wall clocks differ by `ahead`.
fn end(ssrc: u32, begin: Instant, ahead: Duration) -> End {
    let clock = ClockOrigin {
        instant: begin,
        wall: SystemTime::UNIX_EPOCH + Duration::from_secs(1_700_000_000) + ahead,
    };
    let mut random = Counting(u64::from(ssrc));
    End {
        sender: AudioSender::new(Codec::Pcmu, 0, ssrc, 65_000, 0xffff_ff00).unwrap(),
        receiver: AudioReceiver::new(&[(0, Codec::Pcmu)]),
        reports: Reports::new(ssrc, "cname".into(), clock, &mut random, begin),
        random,
    }
}

impl End {
    fn send_to(&mut self, other: &mut End, now: Instant, is_lost: bool) {
        let rtp = self.sender.tick(&mut TestPort::default(), now).unwrap();
        let incoming = IncomingRtp {
            payload_type: rtp.payload_type,
            marker: rtp.marker,
            sequence: rtp.sequence,
            timestamp: rtp.timestamp,
            ssrc: rtp.ssrc,
            payload: rtp.payload,
        };
        if !is_lost {
            other.receiver.receive(incoming, now);
        }
    }

    fn report(&mut self, now: Instant) -> Option<Vec<u8>> {
        self.reports
            .handle_timeout(&self.sender, &mut self.receiver, &mut self.random, now)
    }
}

fn parse(bytes: &[u8]) -> Vec<Box<dyn Packet>> {
    rtc_rtcp::packet::unmarshal(&mut &bytes[..]).unwrap()
}

#[test]
fn reports_come_at_random_intervals_around_five_seconds() {
    let begin = start();
    let mut a = end(1, begin, Duration::ZERO);
    let mut times = vec![begin];
    for _ in 0..1_000 {
        let due = a.reports.poll_timeout();
        assert_eq!(a.report(due.checked_sub(Duration::from_millis(1)).unwrap()), None);
        assert!(a.report(due).is_some());
        times.push(due);
    }
    let waits: Vec<f64> = times.windows(2).map(|pair| (pair[1] - pair[0]).as_secs_f64()).collect();
    // RFC 3550 §6.3.1: half the interval at first; 0.5 to 1.5 times, divided by e - 3/2
    assert!((1.02..=3.08).contains(&waits[0]));
    assert!(waits[1..].iter().all(|wait| (2.05..=6.16).contains(wait)));
    let mean = waits[1..].iter().sum::<f64>() / 999.0;
    assert!((mean - 4.10).abs() < 0.2, "{mean}");
    assert!(waits.iter().any(|wait| *wait < 2.6) && waits.iter().any(|wait| *wait > 5.6));
}

#[test]
fn the_first_report_without_a_packet_is_a_receiver_report() {
    let mut a = end(1, start(), Duration::ZERO);
    let due = a.reports.poll_timeout();
    let packets = parse(&a.report(due).unwrap());
    let report = packets[0].as_any().downcast_ref::<ReceiverReport>().unwrap();
    assert_eq!((report.ssrc, report.reports.len()), (1, 0));
    let description = packets[1].as_any().downcast_ref::<SourceDescription>().unwrap();
    assert_eq!(description.chunks[0].source, 1);
    assert_eq!(description.chunks[0].items[0].text, "cname");
}

#[test]
fn a_sender_report_ties_both_clocks_and_tells_what_was_heard() {
    let begin = start();
    let (mut a, mut b) = (end(1, begin, Duration::ZERO), end(2, begin, Duration::ZERO));
    for n in 0..100_u32 {
        let now = begin + Duration::from_millis(20) * n;
        a.send_to(&mut b, now, false);
        b.send_to(&mut a, now, n % 4 == 1);
    }
    let due = a.reports.poll_timeout().max(begin + Duration::from_millis(2_500));
    let packets = parse(&a.report(due).unwrap());
    let report = packets[0].as_any().downcast_ref::<SenderReport>().unwrap();
    assert_eq!((report.ssrc, report.packet_count, report.octet_count), (1, 100, 16_000));
    let since = (due - begin).as_secs_f64();
    let ntp = report.ntp_time as f64 / 2.0_f64.powi(32) - (1_700_000_000 + NTP_TO_UNIX) as f64;
    assert!((ntp - since).abs() < 1e-5, "{ntp} {since}");
    let rtp = f64::from(report.rtp_time.wrapping_sub(0xffff_ff00)) / 8_000.0;
    assert!((rtp - since).abs() < 0.001, "{rtp} {since}");
    let block = &report.reports[0];
    assert_eq!((block.ssrc, block.total_lost, block.fraction_lost), (2, 25, 64));
    assert_eq!((block.last_sender_report, block.delay), (0, 0));
    assert_eq!(block.last_sequence_number, 65_000 + 99);
}

#[test]
fn round_trip_and_remote_loss_are_read_from_the_far_sides_blocks() {
    let begin = start();
    // the far side's wall clock being a day ahead must not matter
    let (mut a, mut b) = (
        end(1, begin, Duration::ZERO),
        end(2, begin, Duration::from_secs(86_400)),
    );
    for n in 0..40_u32 {
        let now = begin + Duration::from_millis(20) * n;
        a.send_to(&mut b, now, n % 10 == 3);
        b.send_to(&mut a, now, false);
    }
    let one_way = Duration::from_millis(60);
    let first = a.reports.poll_timeout();
    let from_a = a.report(first).unwrap();
    assert_eq!(b.reports.handle_rtcp(&from_a, first + one_way), Ok(RtcpNews::Numbers));
    let second = b.reports.poll_timeout().max(first + one_way);
    let from_b = b.report(second).unwrap();
    assert_eq!(a.reports.handle_rtcp(&from_b, second + one_way), Ok(RtcpNews::Numbers));
    let round_trip = a.reports.round_trip().unwrap();
    assert!((round_trip - 0.120).abs() < 0.000_1, "{round_trip}");
    assert!((a.reports.remote_loss().unwrap() - 0.1).abs() < 0.01);
    assert_eq!((b.reports.round_trip(), b.reports.remote_loss()), (None, Some(0.0)));
}

#[test]
fn goodbye_is_told() {
    let begin = start();
    let (mut a, mut b) = (end(1, begin, Duration::ZERO), end(2, begin, Duration::ZERO));
    a.send_to(&mut b, begin, false);
    let bytes = a.reports.goodbye(&a.sender, &mut a.receiver, begin);
    assert_eq!(parse(&bytes).len(), 3);
    assert_eq!(b.reports.handle_rtcp(&bytes, begin), Ok(RtcpNews::Goodbye));
}

#[test]
fn more_duplicates_than_losses_are_a_negative_loss() {
    let begin = start();
    let (mut a, mut b) = (end(1, begin, Duration::ZERO), end(2, begin, Duration::ZERO));
    a.send_to(&mut b, begin, false);
    let rtp = IncomingRtp {
        payload_type: 0,
        marker: false,
        sequence: 65_000,
        timestamp: 0,
        ssrc: 1,
        payload: &[0xff; 160],
    };
    b.receiver.receive(rtp, begin);
    let due = b.reports.poll_timeout();
    let packets = parse(&b.report(due).unwrap());
    let report = packets[0].as_any().downcast_ref::<ReceiverReport>().unwrap();
    assert_eq!(
        (report.reports[0].total_lost, report.reports[0].fraction_lost),
        (0xff_ffff, 0)
    );
}

proptest! {
    #[test]
    fn any_bytes_are_rtcp_or_malformed(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
        let begin = start();
        let mut a = end(1, begin, Duration::ZERO);
        let _ = a.reports.handle_rtcp(&bytes, begin);
    }

    #[test]
    fn a_mutated_report_is_rtcp_or_malformed(
        changes in proptest::collection::vec((0..100_usize, any::<u8>()), 1..5),
        length in 0..120_usize,
    ) {
        let begin = start();
        let (mut a, mut b) = (end(1, begin, Duration::ZERO), end(2, begin, Duration::ZERO));
        a.send_to(&mut b, begin, false);
        b.send_to(&mut a, begin, false);
        let mut bytes = a.reports.goodbye(&a.sender, &mut a.receiver, begin);
        for (at, value) in changes {
            if let Some(byte) = bytes.get_mut(at) {
                *byte = value;
            }
        }
        bytes.truncate(length);
        let _ = b.reports.handle_rtcp(&bytes, begin);
        prop_assert!(b.reports.round_trip().is_none_or(|seconds| (0.0..40_000.0).contains(&seconds)));
    }
}
