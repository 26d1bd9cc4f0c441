use std::time::Duration;

use crate::support::{CALL, Rig};
use c2c_proto::io::Event;

#[test]
fn the_invite_is_that_of_the_trace() {
    let (_, invite) = Rig::inviting();
    assert_eq!(invite.start, "INVITE sip:app-1@realm.example SIP/2.0");
    let names = [
        "Via",
        "Max-Forwards",
        "To",
        "From",
        "Call-ID",
        "CSeq",
        "X-Source",
        "Contact",
        "Content-Type",
        "Session-Expires",
        "Allow",
        "Supported",
        "User-Agent",
        "Content-Length",
    ];
    assert_eq!(invite.names(), names);
    assert_eq!(invite.header("To"), "<sip:app-1@realm.example>");
    assert!(invite.header("From").starts_with("<sip:caller@realm.example>;tag="));
    assert_eq!(invite.header("Content-Type"), "application/sdp");
    assert_eq!(invite.header("Session-Expires"), "90");
    assert_eq!(invite.header("Supported"), "timer,ice,outbound");
    assert!(invite.header("Contact").ends_with(".invalid;transport=ws;ob>"));
    assert!(invite.body.starts_with("v=0\r\n"));
}

#[test]
fn ringing_is_told_each_time_and_the_answer_before_the_ack() {
    let (mut rig, invite) = Rig::inviting();
    rig.say(&invite.reply(100, "Trying"));
    rig.say(&invite.reply(180, "Ringing"));
    assert_eq!(
        rig.events(),
        Vec::<String>::new(),
        "100 and tagless responses are not told"
    );
    rig.say(&invite.answer(180, "Ringing", "callee"));
    rig.say(&invite.answer(183, "Session Progress", "callee"));
    assert_eq!(rig.events(), ["Ringing", "Ringing"]);
    rig.trail.clear();
    rig.answer(&invite, "callee");
    let told: Vec<_> = rig.trail.iter().filter(|step| *step != "Transmit").collect();
    assert_eq!(told, ["TrackAdded", "Answered", "Send"]);
}

#[test]
fn requests_follow_the_dialog() {
    let (mut rig, invite) = Rig::inviting();
    let sdp = rig.far_answer(&invite.body, &[c2c_proto::media::codec::Codec::Opus]);
    rig.say(&invite.answer(200, "OK", "callee").sdp(&sdp));
    let ack = rig.hear("ACK");
    assert_eq!(ack.start, "ACK sip:app@gateway.example;alias=127.0.0.1~53222~6 SIP/2.0");
    let routes: Vec<_> = ack.headers.iter().filter(|(name, _)| name == "Route").collect();
    assert_eq!(routes.len(), 2);
    assert_eq!(routes[0].1, "<sip:one.example;transport=ws;lr=on>");
    assert_eq!(
        ack.names()[..8],
        ["Route", "Route", "Via", "Max-Forwards", "To", "From", "Call-ID", "CSeq"]
    );
    assert_eq!(ack.names()[8..], ["Allow", "Supported", "User-Agent", "Content-Length"]);
    assert_eq!(ack.header("Supported"), "outbound");
    rig.end_call();
    let bye = rig.hear("BYE");
    assert_eq!(bye.second(), ack.second());
    assert_eq!(bye.cseq(), invite.cseq() + 1);
    assert_eq!(bye.header("Reason"), "SIP ;cause=480; text=\"Ended by user\"");
    assert_eq!(
        bye.names()[7..],
        ["CSeq", "Reason", "Allow", "Supported", "User-Agent", "Content-Length"]
    );
}

#[test]
fn sound_flows_both_ways_and_the_numbers_are_filled() {
    let (mut rig, invite) = Rig::inviting();
    rig.advance(Duration::from_millis(100));
    rig.say(&invite.answer(180, "Ringing", "callee"));
    rig.advance(Duration::from_millis(100));
    rig.answer(&invite, "callee");
    rig.sound.tone = Some(440.0);
    rig.far.as_mut().unwrap().sound.tone = Some(1000.0);
    rig.advance(Duration::from_secs(3));
    assert!(rig.far.as_ref().unwrap().is_connected());
    let (near, far) = (&rig.sound, &rig.far.as_ref().unwrap().sound);
    assert!(
        near.loudness(24_000) > 3_000.0,
        "we hear the far end: {}",
        near.loudness(24_000)
    );
    assert!(
        far.loudness(24_000) > 3_000.0,
        "the far end hears us: {}",
        far.loudness(24_000)
    );
    let stats = rig.agent.stats(CALL, rig.now).unwrap();
    let setup = stats.setup;
    assert_eq!(setup.invite_sent, Some(Duration::ZERO));
    assert_eq!(setup.ringing, Some(Duration::from_millis(100)));
    assert_eq!(setup.answered, Some(Duration::from_millis(200)));
    assert!(setup.ice_connected > setup.answered && setup.dtls_connected >= setup.ice_connected);
    assert!(setup.first_packet_out.is_some() && setup.first_packet_in.is_some());
    assert_eq!(stats.codec, "opus");
    assert!(stats.packets_sent > 100 && stats.packets_received > 100);
}

#[test]
fn the_end_gives_everything_back() {
    let (mut rig, _) = Rig::in_call();
    assert_eq!(rig.ticking.len(), 1);
    rig.trail.clear();
    rig.end_call();
    let steps: Vec<_> = rig.trail.iter().filter(|step| *step != "Transmit").cloned().collect();
    assert_eq!(steps, ["Send", "StopTicking", "Release", "Ended local Terminated"]);
    let goodbye = rig
        .trail
        .iter()
        .rposition(|step| step == "Transmit")
        .expect("RTCP BYE or close_notify");
    assert!(goodbye < rig.trail.iter().position(|step| step == "Release").unwrap());
    let Some(Event::Ended(state, end, numbers)) = rig.unseen.last() else {
        panic!()
    };
    assert!(state.answered.is_some() && end.stage.is_none() && end.hint.is_empty());
    assert!(numbers.packets_sent > 0);
    assert!(rig.agent.stats(CALL, rig.now).is_none());
    let bye = rig.hear("BYE");
    rig.say(&bye.reply(200, "OK"));
    rig.run_out();
}

#[test]
fn a_repeated_2xx_is_acknowledged_again() {
    let (mut rig, invite) = Rig::inviting();
    let sdp = rig.far_answer(&invite.body, &[c2c_proto::media::codec::Codec::Opus]);
    let ok = invite.answer(200, "OK", "callee").sdp(&sdp);
    rig.say(&ok);
    let first = rig.hear("ACK");
    rig.say(&ok);
    assert_eq!(rig.hear("ACK").branch(), first.branch());
    assert_eq!(rig.events(), ["TrackAdded", "Answered"]);
}

#[test]
fn a_second_call_is_a_call_of_its_own() {
    let (mut rig, _) = Rig::in_call();
    let other = c2c_proto::io::CallId(2);
    let invite = rig.invite(other);
    rig.say(&invite.answer(486, "Busy Here", "x"));
    rig.hear("ACK");
    assert_eq!(rig.events(), ["Failed remote Busy 486"]);
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn without_a_connection_a_call_fails_at_once() {
    let mut rig = Rig::new();
    rig.command(c2c_proto::io::Command::StartCall {
        call: CALL,
        target: "app-1".into(),
        headers: vec![],
    });
    assert_eq!(rig.events(), ["CallCreated", "Failed system Connection Error"]);
}

#[test]
fn headers_that_are_none_are_refused() {
    for (name, value) in [("X-A", "1\r\nX-B: 2"), ("X A", "1"), ("", "1")] {
        let mut rig = Rig::connected();
        rig.command(c2c_proto::io::Command::StartCall {
            call: CALL,
            target: "app-1".into(),
            headers: vec![(name.into(), value.into())],
        });
        rig.hear_nothing();
        let events = rig.events();
        assert!(events[1].starts_with("Failed local Internal Error"), "{events:?}");
    }
}
