use std::time::{Duration, Instant};

use super::timers::TRANSACTION_TIMEOUT;
use super::*;
use crate::sip::{Message, Method, Reason, Request, Response};

/// The clock of all tests below; only differences to it count.
#[allow(clippy::disallowed_methods)]
fn start() -> Instant {
    Instant::now()
}

fn trace(text: &str) -> String {
    text.split_once('\n').unwrap().1.replace('\n', "\r\n")
}

fn request(text: &str) -> Request {
    match Message::parse(trace(text).as_bytes()) {
        Ok(Message::Request(request)) => request,
        other => panic!("{other:?}"),
    }
}

fn response(text: &str) -> Response {
    match Message::parse(trace(text).as_bytes()) {
        Ok(Message::Response(response)) => response,
        other => panic!("{other:?}"),
    }
}

fn invite() -> Request {
    request(include_str!("../../../tests/data/traces/08-invite-auth.txt"))
}

fn answer(request: &Request, status: u16) -> Response {
    Response::new(request, status, "x", Some("t"))
}

const LATE: Duration = Duration::from_secs(3600);

mod invite_client {
    use super::*;

    fn transaction(now: Instant) -> InviteClientTransaction {
        InviteClientTransaction::new(invite(), now)
    }

    #[test]
    fn a_refusal_is_acknowledged_once_and_ends_it() {
        let now = start();
        let mut transaction = transaction(now);
        let busy = answer(&invite(), 486);
        let InviteResponse::Rejected(ack) = transaction.handle_response(&busy, now) else {
            panic!("refused")
        };
        assert_eq!((&ack.method, ack.headers.get("CSeq")), (&Method::Ack, Some("4271 ACK")));
        assert_eq!(
            (ack.headers.get("To"), ack.headers.get("Authorization")),
            (busy.headers.get("To"), None)
        );
        assert!(transaction.is_terminated() && transaction.poll_timeout().is_none());
        assert_eq!(transaction.handle_response(&busy, now), InviteResponse::Absorbed);
    }

    /// Traces 05 to 07: JsSIP's own ACK of the 401, byte for byte.
    #[test]
    fn the_ack_is_that_of_the_trace() {
        let invite = request(include_str!("../../../tests/data/traces/05-invite-offer.txt"));
        let unauthorized = response(include_str!("../../../tests/data/traces/06-invite-401.txt"));
        assert_eq!(
            TransactionKey::of_response(&unauthorized),
            Some(TransactionKey::of_sent(&invite))
        );
        let mut transaction = InviteClientTransaction::new(invite, start());
        let InviteResponse::Rejected(ack) = transaction.handle_response(&unauthorized, start()) else {
            panic!("refused")
        };
        let expected = trace(include_str!("../../../tests/data/traces/07-ack-of-401.txt"));
        assert_eq!(
            String::from_utf8(ack.to_bytes()).unwrap().trim_end(),
            expected.trim_end()
        );
    }

    #[test]
    fn silence_times_out_but_ringing_does_not() {
        let now = start();
        let mut silent = transaction(now);
        assert_eq!(silent.poll_timeout(), Some(now + TRANSACTION_TIMEOUT));
        assert_eq!(
            silent.handle_timeout(now + Duration::from_millis(31_999)),
            Expiry::Pending
        );
        assert_eq!(silent.handle_timeout(now + TRANSACTION_TIMEOUT), Expiry::TimedOut);
        assert!(silent.is_terminated());
        let mut ringing = transaction(now);
        assert_eq!(
            ringing.handle_response(&answer(&invite(), 180), now),
            InviteResponse::Provisional
        );
        assert_eq!(
            (ringing.poll_timeout(), ringing.handle_timeout(now + LATE)),
            (None, Expiry::Pending)
        );
    }

    /// RFC 6026 §7.2.
    #[test]
    fn further_2xx_reach_the_user_until_timer_m() {
        let now = start();
        let mut transaction = transaction(now);
        for status in [200, 200, 202] {
            assert_eq!(
                transaction.handle_response(&answer(&invite(), status), now),
                InviteResponse::Success
            );
        }
        assert_eq!(
            transaction.handle_response(&answer(&invite(), 486), now),
            InviteResponse::Absorbed
        );
        assert_eq!(
            transaction.handle_response(&answer(&invite(), 180), now),
            InviteResponse::Absorbed
        );
        assert_eq!(transaction.cancel(None, now), None);
        assert_eq!(
            transaction.handle_timeout(now + TRANSACTION_TIMEOUT),
            Expiry::Terminated
        );
        assert_eq!(
            transaction.handle_response(&answer(&invite(), 200), now),
            InviteResponse::Absorbed
        );
    }

    /// RFC 3261 §9.1, with the form of trace 20 and the Reason that the SDK sends.
    #[test]
    fn a_cancel_waits_for_a_provisional_response() {
        let now = start();
        let mut transaction = transaction(now);
        assert_eq!(transaction.cancel(None, now), None);
        transaction.handle_response(&answer(&invite(), 100), now);
        let reason = Reason {
            protocol: "SIP",
            cause: Some(480),
            text: Some("Ended by user".into()),
        };
        let cancel = transaction.cancel(Some(&reason), now).unwrap();
        let names: Vec<&str> = cancel.headers.iter().map(|(name, _)| name.as_str()).collect();
        assert_eq!(
            names,
            [
                "Via",
                "Max-Forwards",
                "To",
                "From",
                "Call-ID",
                "CSeq",
                "Reason",
                "Allow",
                "Supported",
                "User-Agent"
            ]
        );
        assert_eq!(
            (cancel.uri.as_str(), cancel.headers.get("CSeq")),
            ("sip:callee-1@realm-rig.example", Some("4271 CANCEL"))
        );
        assert_eq!(cancel.headers.get("Via"), invite().headers.get("Via"));
        assert_eq!(
            TransactionKey::cancelled_by(&cancel),
            TransactionKey::of_received(&invite())
        );
        assert_eq!(transaction.handle_timeout(now + TRANSACTION_TIMEOUT), Expiry::TimedOut);
    }

    #[test]
    fn the_answer_to_a_cancel_ends_it() {
        let now = start();
        let mut transaction = transaction(now);
        transaction.handle_response(&answer(&invite(), 180), now);
        let first = transaction.cancel(None, now);
        assert_eq!(transaction.cancel(None, now + Duration::from_secs(5)), first);
        assert_eq!(transaction.poll_timeout(), Some(now + TRANSACTION_TIMEOUT));
        assert!(matches!(
            transaction.handle_response(&answer(&invite(), 487), now),
            InviteResponse::Rejected(_)
        ));
        assert!(transaction.is_terminated());
    }

    #[test]
    fn a_broken_transport_ends_it() {
        let mut transaction = transaction(start());
        transaction.handle_transport_error();
        assert!(transaction.is_terminated() && transaction.poll_timeout().is_none());
    }
}

mod client {
    use super::*;

    fn info() -> Request {
        request(include_str!("../../../tests/data/traces/12-info-json.txt"))
    }

    #[test]
    fn the_final_response_ends_it() {
        let now = start();
        let mut transaction = ClientTransaction::new(now);
        assert_eq!(
            transaction.handle_response(&answer(&info(), 100)),
            ResponseClass::Provisional
        );
        assert_eq!(transaction.poll_timeout(), Some(now + TRANSACTION_TIMEOUT));
        assert_eq!(transaction.handle_response(&answer(&info(), 200)), ResponseClass::Final);
        assert!(transaction.is_terminated() && transaction.poll_timeout().is_none());
        assert_eq!(
            transaction.handle_response(&answer(&info(), 200)),
            ResponseClass::Absorbed
        );
    }

    #[test]
    fn silence_times_out_even_after_a_provisional_response() {
        let now = start();
        let mut transaction = ClientTransaction::new(now);
        transaction.handle_response(&answer(&info(), 100));
        assert_eq!(
            transaction.handle_timeout(now + Duration::from_secs(31)),
            Expiry::Pending
        );
        assert_eq!(transaction.handle_timeout(now + TRANSACTION_TIMEOUT), Expiry::TimedOut);
        assert_eq!(transaction.handle_timeout(now + LATE), Expiry::Pending);
        let mut broken = ClientTransaction::new(now);
        broken.handle_transport_error();
        assert!(broken.is_terminated());
    }
}

mod invite_server {
    use super::*;

    fn ack() -> Request {
        let mut ack = invite();
        ack.method = Method::Ack;
        ack
    }

    #[test]
    fn the_last_provisional_response_is_sent_again() {
        let mut transaction = InviteServerTransaction::new(invite());
        assert_eq!(transaction.handle_request(&invite()), Retransmission::Absorbed);
        transaction.respond(&answer(&invite(), 100), start()).unwrap();
        let ringing = transaction.respond(&answer(&invite(), 180), start()).unwrap();
        assert_eq!(transaction.handle_request(&invite()), Retransmission::Send(ringing));
        assert!(transaction.is_proceeding() && transaction.poll_timeout().is_none());
        assert_eq!(transaction.handle_request(&ack()), Retransmission::Absorbed);
    }

    #[test]
    fn a_refusal_waits_for_its_ack() {
        let now = start();
        let mut transaction = InviteServerTransaction::new(invite());
        let busy = transaction.respond(&answer(&invite(), 486), now).unwrap();
        assert_eq!(transaction.respond(&answer(&invite(), 200), now), None);
        assert_eq!(transaction.handle_request(&invite()), Retransmission::Send(busy));
        assert_eq!(transaction.handle_request(&ack()), Retransmission::Acknowledged);
        assert!(transaction.is_terminated());
        assert_eq!(transaction.handle_request(&ack()), Retransmission::Absorbed);
    }

    #[test]
    fn a_refusal_without_ack_times_out() {
        let now = start();
        let mut transaction = InviteServerTransaction::new(invite());
        transaction.respond(&answer(&invite(), 486), now).unwrap();
        assert_eq!(
            transaction.handle_timeout(now + Duration::from_secs(31)),
            Expiry::Pending
        );
        assert_eq!(transaction.handle_timeout(now + TRANSACTION_TIMEOUT), Expiry::TimedOut);
        assert!(transaction.is_terminated());
    }

    /// RFC 6026 §7.1.
    #[test]
    fn an_accepted_one_absorbs_the_invite_and_lets_2xx_and_ack_pass() {
        let now = start();
        let mut transaction = InviteServerTransaction::new(invite());
        let ok = transaction.respond(&answer(&invite(), 200), now);
        assert_eq!(transaction.handle_request(&invite()), Retransmission::Absorbed);
        assert_eq!(transaction.respond(&answer(&invite(), 200), now), ok);
        assert_eq!(transaction.respond(&answer(&invite(), 486), now), None);
        assert_eq!(transaction.handle_request(&ack()), Retransmission::AckForUser);
        assert_eq!(
            transaction.handle_timeout(now + TRANSACTION_TIMEOUT),
            Expiry::Terminated
        );
        assert!(transaction.is_terminated());
    }

    #[test]
    fn a_broken_transport_ends_it() {
        let mut transaction = InviteServerTransaction::new(invite());
        transaction.handle_transport_error();
        assert!(transaction.is_terminated());
        assert_eq!(transaction.respond(&answer(&invite(), 200), start()), None);
    }
}
