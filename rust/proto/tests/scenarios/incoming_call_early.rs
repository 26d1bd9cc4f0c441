//! What a caller may send while its call rings here.
use std::time::Duration;

use super::incoming_call::{INCOMING, end_of, reachable, request, ringing};
use c2c_proto::io::Command;

#[test]
fn bye_ends_it() {
    let (mut rig, ringing) = ringing();
    rig.say(&request(&ringing, "BYE", 2));
    assert_eq!(rig.hear_status(), 200);
    end_of(&mut rig, "487", "Failed remote Canceled");
}

#[test]
fn what_needs_an_answered_call_is_refused_and_it_rings_on() {
    let (mut rig, ringing) = ringing();
    for (cseq, method) in [(2, "INFO"), (3, "UPDATE"), (4, "REFER")] {
        rig.say(&request(&ringing, method, cseq));
        assert_eq!(rig.hear_status(), 403, "{method}");
    }
    rig.say(&request(&ringing, "OPTIONS", 5));
    assert_eq!(rig.hear_status(), 200);
    assert_eq!(rig.events(), Vec::<String>::new());
    rig.command(Command::Answer { call: INCOMING });
    assert_eq!(rig.hear_status(), 200);
}

/// RFC 3261 §14.2, RFC 3311 §5.2: the offer before has no answer.
#[test]
fn another_offer_is_to_come_later() {
    for (method, body) in [("UPDATE", "v=0\r\n"), ("INVITE", "v=0\r\n"), ("INVITE", "")] {
        let (mut rig, ringing) = ringing();
        let offer = request(&ringing, method, 2);
        let offer = if body.is_empty() { offer } else { offer.sdp(body) };
        rig.say(&offer);
        let refusal = rig.hear("SIP/2.0");
        assert_eq!(refusal.second(), "500", "{method}");
        assert!(refusal.header("Retry-After").parse::<u32>().unwrap() <= 10);
        assert_eq!(rig.events(), Vec::<String>::new());
        rig.command(Command::Answer { call: INCOMING });
        assert_eq!(rig.hear_status(), 200);
    }
}

#[test]
fn a_caller_that_waits_less_than_a_minute_says_so() {
    let (mut rig, invite) = reachable();
    rig.say(&invite.header("Expires", "20"));
    assert_eq!(rig.hear_status(), 180);
    rig.events();
    rig.advance(Duration::from_millis(19_999));
    rig.hear_nothing();
    rig.advance(Duration::from_millis(1));
    end_of(&mut rig, "487", "Failed system Expires");
}

#[test]
fn one_that_waits_longer_waits_a_minute() {
    for expires in ["180", "4294967296", "soon"] {
        let (mut rig, invite) = reachable();
        rig.say(&invite.header("Expires", expires));
        assert_eq!(rig.hear_status(), 180);
        rig.events();
        rig.advance(Duration::from_secs(60));
        end_of(&mut rig, "408", "Failed local No Answer");
    }
}
