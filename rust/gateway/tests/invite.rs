//! INVITE and what follows it, by hand: repeated answers, re-INVITE, late CANCEL, order of requests.
#![allow(clippy::unwrap_used, reason = "a test's support")]

mod support;

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use c2c_gateway::io::GatewayEvent;
use c2c_gateway::settings::GatewaySettings;
use c2c_proto::io::ClockOrigin;
use c2c_proto::media::dtls::DtlsCertificate;
use c2c_proto::media::session::{MediaConfig, MediaSession};
use c2c_proto::sip::{HeaderName, Request, Response};
use support::{Connection, Seeded, address};

/// A client's call, hand-written: its offer and the dialog's tags.
struct Caller {
    connection: Connection,
    offer: String,
    to: String,
}

impl Caller {
    /// Sends an INVITE with a proper offer; 100 and 180 have come.
    fn invite() -> (Self, Response) {
        let mut connection = Connection::open(GatewaySettings::default());
        let offer = offer(&connection);
        let mut invite = connection.make("INVITE", "sip:app-1@realm.example", CONTACT);
        invite.body = offer.clone().into_bytes();
        connection.send(&invite.to_bytes());
        assert_eq!([connection.response().status, connection.response().status], [100, 180]);
        let answered = connection.response();
        let to = answered.headers.get(HeaderName::To).unwrap().to_owned();
        (Self { connection, offer, to }, answered)
    }

    /// A request in the dialog, with the next CSeq.
    fn request(&mut self, method: &str, headers: &str) -> Request {
        let mut request = self.connection.make(method, "sip:gateway@127.0.0.1:8443", headers);
        request.headers.set(HeaderName::To, &self.to);
        request.headers.set(HeaderName::CallId, "INVITE");
        request
    }

    fn send(&mut self, request: &Request) -> Vec<u16> {
        self.connection.send(&request.to_bytes());
        self.connection.statuses()
    }

    fn acknowledge(&mut self, answered: &Response) {
        let mut ack = self.request("ACK", "");
        let number = answered.headers.cseq().unwrap().number;
        ack.headers.set(HeaderName::CSeq, format_args!("{number} ACK"));
        self.connection.send(&ack.to_bytes());
    }

    /// How calls ended.
    fn ends(&self) -> Vec<String> {
        let how = |event: &GatewayEvent| match event {
            GatewayEvent::CallEnded(_, end) => Some(end.how.clone()),
            _ => None,
        };
        self.connection.events.iter().filter_map(how).collect()
    }
}

fn offer(connection: &Connection) -> String {
    let certificate = Arc::new(DtlsCertificate::generate().unwrap());
    let clock = ClockOrigin {
        instant: connection.now,
        wall: SystemTime::now(),
    };
    let config = MediaConfig::new(certificate, clock, connection.now);
    let mut media = MediaSession::new(config, &mut Seeded(3), connection.now).unwrap();
    media.set_sockets(&[address(41_000)], connection.now);
    media.create_offer(connection.now).unwrap()
}

const CONTACT: &str = "Contact: <sip:x@c.invalid;transport=ws>\r\nContent-Type: application/sdp\r\n";

#[test]
fn the_answer_is_repeated_until_it_is_acknowledged() {
    let (mut caller, answered) = Caller::invite();
    assert_eq!(answered.status, 200);
    assert!(
        String::from_utf8(answered.body.clone())
            .unwrap()
            .contains("a=setup:active")
    );
    caller.connection.advance(Duration::from_millis(1600));
    assert_eq!(caller.connection.statuses(), [200, 200]);
    caller.acknowledge(&answered);
    caller.connection.advance(Duration::from_secs(5));
    assert!(caller.connection.message().is_none());
    assert!(
        caller
            .connection
            .events
            .iter()
            .any(|event| matches!(event, GatewayEvent::CallAnswered(_)))
    );
}

#[test]
fn a_reinvite_that_changes_nothing_is_answered_and_a_second_one_must_wait() {
    let (mut caller, answered) = Caller::invite();
    caller.acknowledge(&answered);
    let mut again = caller.request("INVITE", CONTACT);
    again.body = caller.offer.clone().into_bytes();
    caller.connection.send(&again.to_bytes());
    let answered_again = caller.connection.response();
    assert_eq!((answered_again.status, &answered_again.body), (200, &answered.body));
    let mut early = caller.request("INVITE", CONTACT);
    early.body = caller.offer.clone().into_bytes();
    assert_eq!(caller.send(&early), [491]);
    caller.acknowledge(&answered_again);
    let mut hold = caller.request("INVITE", CONTACT);
    hold.body = b"v=0\r\n".to_vec();
    assert_eq!(caller.send(&hold), [488]);
    let bye = caller.request("BYE", "");
    assert_eq!(caller.send(&bye), [200]);
    assert_eq!(caller.ends(), ["BYE"]);
}

#[test]
fn a_cancel_after_the_answer_changes_nothing() {
    let (mut caller, answered) = Caller::invite();
    let mut cancel = caller.request("CANCEL", "");
    cancel
        .headers
        .set(HeaderName::Via, "SIP/2.0/WSS c.invalid;branch=z9hG4bKINVITE1");
    cancel.headers.set(HeaderName::To, "<sip:alice-1@realm.example>");
    assert_eq!(caller.send(&cancel), [200]);
    caller.acknowledge(&answered);
    assert!(caller.ends().is_empty());
}

#[test]
fn requests_in_the_dialog_are_answered_in_their_order() {
    let (mut caller, answered) = Caller::invite();
    caller.acknowledge(&answered);
    let old = caller.request("INFO", "Content-Type: text/plain\r\n");
    for (method, status) in [("OPTIONS", 200), ("UPDATE", 200), ("REFER", 405), ("DANCE", 501)] {
        let request = caller.request(method, "");
        assert_eq!(caller.send(&request), [status], "{method}");
    }
    assert_eq!(caller.send(&old), [500]);
    let bye = caller.request("BYE", "Reason: SIP ;cause=480; text=\"Ended by user\"\r\n");
    assert_eq!(caller.send(&bye), [200]);
    let late = caller.request("INFO", "");
    assert_eq!(caller.send(&late), [481]);
}

#[test]
fn update_renews_the_session_timer() {
    let (mut caller, answered) = Caller::invite();
    caller.acknowledge(&answered);
    let update = caller.request("UPDATE", "Session-Expires: 30;refresher=uac\r\nSupported: timer\r\n");
    caller.connection.send(&update.to_bytes());
    let response = caller.connection.response();
    assert_eq!(
        response.headers.session_expires().unwrap().unwrap().to_string(),
        "30;refresher=uac"
    );
    assert_eq!(response.headers.get(HeaderName::Require), Some("timer"));
    caller.connection.advance(Duration::from_secs(21));
    assert_eq!(caller.ends(), ["session expired"]);
}
