use crate::support::{CALL, Rig};
use c2c_proto::io::{CallPolicy, Command, SipSettings};

fn send(rig: &mut Rig, request: u64, body: &str) {
    rig.command(Command::SendInfo {
        call: CALL,
        request,
        content_type: "application/json".into(),
        body: body.as_bytes().to_vec(),
    });
}

#[test]
fn ours_is_that_of_the_trace() {
    let (mut rig, _) = Rig::in_call();
    send(&mut rig, 1, "{\"text\":\"hello\",\"data\":{}}");
    assert_eq!(rig.events(), ["InfoSent"]);
    let info = rig.hear("INFO");
    assert_eq!(info.body, "{\"text\":\"hello\",\"data\":{}}");
    let names = [
        "CSeq",
        "Content-Type",
        "Allow",
        "Supported",
        "User-Agent",
        "Content-Length",
    ];
    assert_eq!(info.names()[7..], names);
    assert_eq!(info.header("Content-Type"), "application/json");
    assert_eq!(info.header("Supported"), "outbound");
    rig.say(&info.reply(200, "OK"));
    assert_eq!(rig.events(), Vec::<String>::new());
}

#[test]
fn theirs_is_answered_and_told() {
    let (mut rig, mut dialog) = Rig::in_call();
    rig.say(
        &dialog
            .request("INFO")
            .body("application/json; charset=utf-8", "{\"a\":1}"),
    );
    assert_eq!(rig.hear_status(), 200);
    rig.say(&dialog.request("INFO").body("text/plain", "plain words"));
    assert_eq!(rig.hear_status(), 200);
    assert_eq!(
        rig.events(),
        [
            "InfoReceived application/json {\"a\":1}",
            "InfoReceived text/plain plain words"
        ]
    );
}

#[test]
fn without_a_type_it_is_refused_and_tones_are_no_info() {
    let (mut rig, mut dialog) = Rig::in_call();
    rig.say(&dialog.request("INFO"));
    let refusal = rig.hear("SIP/2.0");
    assert_eq!(refusal.second(), "415");
    assert!(refusal.header("Accept").contains("application/json"));
    rig.say(
        &dialog
            .request("INFO")
            .body("application/dtmf-relay", "Signal=1\r\nDuration=100"),
    );
    assert_eq!(rig.hear_status(), 200);
    assert_eq!(rig.events(), ["DtmfReceived"]);
}

#[test]
fn refusals_are_told_and_the_call_goes_on() {
    let (mut rig, _) = Rig::in_call();
    let table = [
        (481, "InfoFailed Dialog Error 481"),
        (408, "InfoFailed Dialog Error 408"),
        (415, "InfoFailed SIP Failure Code 415"),
        (503, "InfoFailed SIP Failure Code 503"),
    ];
    for (number, (status, event)) in table.iter().enumerate() {
        send(&mut rig, number as u64, "{}");
        let info = rig.hear("INFO");
        rig.say(&info.reply(*status, "No"));
        assert_eq!(rig.events(), ["InfoSent", event]);
    }
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn silence_is_told_after_32_s_and_the_call_goes_on() {
    let (mut rig, _) = Rig::in_call();
    send(&mut rig, 5, "{}");
    rig.hear("INFO");
    rig.advance(std::time::Duration::from_secs(33));
    assert_eq!(rig.events(), ["InfoSent", "InfoFailed Request Timeout -"]);
    assert!(rig.agent.stats(CALL, rig.now).is_some());
}

#[test]
fn what_cannot_be_sent_is_told() {
    let (mut rig, invite) = Rig::inviting();
    send(&mut rig, 1, "{}");
    assert_eq!(rig.events(), ["InfoFailed the call is not answered -"]);
    rig.answer(&invite, "callee");
    rig.events();
    send(&mut rig, 2, &"x".repeat(61 * 1024));
    rig.command(Command::SendInfo {
        call: CALL,
        request: 3,
        content_type: "text/plain\r\nX-Evil: 1".into(),
        body: vec![],
    });
    let events = rig.events();
    assert!(events.iter().all(|event| event.starts_with("InfoFailed")), "{events:?}");
    assert_eq!(events.len(), 2);
    rig.hear_nothing();
}

#[test]
fn unanswered_ones_are_limited() {
    let (mut rig, _) = Rig::in_call();
    for number in 0..60 {
        send(&mut rig, number, "{}");
    }
    let events = rig.events();
    let sent = events.iter().filter(|event| *event == "InfoSent").count();
    assert_eq!((sent, events.len()), (48, 60));
    rig.inbox.clear();
    rig.end_call();
    rig.hear("BYE");
    assert_eq!(rig.events(), ["Ended local Terminated"], "there is always room for BYE");
}

#[test]
fn calls_end_however_much_is_unanswered() {
    let mut rig = Rig::connected();
    let calls: Vec<_> = (1..=4).map(c2c_proto::io::CallId).collect();
    for call in &calls {
        let invite = rig.invite(*call);
        rig.answer(&invite, "callee");
        rig.events();
    }
    for call in &calls {
        for request in 0..50 {
            rig.command(Command::SendInfo {
                call: *call,
                request,
                content_type: "text/plain".into(),
                body: vec![],
            });
        }
        rig.events();
        rig.inbox.clear();
    }
    for call in &calls {
        rig.command(Command::EndCall {
            call: *call,
            reason: None,
        });
        rig.hear("BYE");
    }
}

/// In a call with this policy.
fn in_call_with(policy: CallPolicy) -> Rig {
    let mut rig = Rig::new();
    let settings = SipSettings {
        register: false,
        policy,
        ..Rig::settings()
    };
    rig.command(Command::Connect(Box::new(settings)));
    rig.open();
    let events = rig.events();
    assert_eq!(events, ["Connecting", "Connected"]);
    let invite = rig.invite(CALL);
    rig.answer(&invite, "callee");
    rig.advance(std::time::Duration::from_secs(2));
    rig.events();
    rig.is_deaf = true;
    rig
}

#[test]
fn a_far_side_that_lost_the_call_may_end_it() {
    for status in [408, 481] {
        for by_tone in [false, true] {
            let mut rig = in_call_with(CallPolicy {
                end_on_info_rejected: true,
                ..CallPolicy::default()
            });
            if by_tone {
                rig.command(Command::SendDtmf {
                    call: CALL,
                    request: 1,
                    dtmf: c2c_proto::dtmf::DtmfRequest {
                        tones: "1".into(),
                        transport: c2c_proto::dtmf::DtmfTransport::Info,
                        duration: None,
                        inter_tone_gap: None,
                    },
                });
            } else {
                send(&mut rig, 1, "{}");
            }
            let info = rig.hear("INFO");
            rig.events();
            rig.say(&info.reply(status, "No"));
            assert_eq!(
                rig.hear("BYE").header("Reason"),
                "SIP ;cause=500; text=\"Dialog Error\""
            );
            assert_eq!(rig.events(), ["Ended local Dialog Error"], "{status} {by_tone}");
        }
    }
}

#[test]
fn other_refusals_end_nothing() {
    let mut rig = in_call_with(CallPolicy {
        end_on_info_rejected: true,
        end_on_info_timeout: true,
        ..CallPolicy::default()
    });
    send(&mut rig, 1, "{}");
    let info = rig.hear("INFO");
    rig.say(&info.reply(415, "No"));
    assert_eq!(rig.events(), ["InfoSent", "InfoFailed SIP Failure Code 415"]);
}

#[test]
fn a_far_side_that_never_answers_info_may_end_the_call() {
    let mut rig = in_call_with(CallPolicy {
        end_on_info_timeout: true,
        ..CallPolicy::default()
    });
    send(&mut rig, 1, "{}");
    rig.hear("INFO");
    rig.advance(std::time::Duration::from_secs(31));
    assert_eq!(rig.events(), ["InfoSent"]);
    rig.advance(std::time::Duration::from_secs(2));
    assert_eq!(
        rig.hear("BYE").header("Reason"),
        "SIP ;cause=408; text=\"Request Timeout\""
    );
    assert_eq!(rig.events(), ["Ended local Request Timeout"]);
}
