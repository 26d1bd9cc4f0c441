use super::message::{sign, vectors};
use super::*;
use crate::media::turn::scripted_server::ScriptedServer;
use crate::media::unpredictable_random::UnpredictableRandom;
use crate::test_clock::start;

fn local() -> SocketAddr {
    "10.0.0.1:5000".parse().unwrap()
}

fn asked(now: Instant) -> (BindingClient, StunMessage, Vec<u8>) {
    let server = "192.0.2.1:3478".parse().unwrap();
    let (client, bytes) = BindingClient::new(local(), server, &mut UnpredictableRandom::fixed(), now);
    (client, StunMessage::parse(&bytes).unwrap(), bytes)
}

#[test]
fn learns_the_mapped_address_and_keeps_the_mapping_alive() {
    let now = start();
    let (mut client, _, bytes) = asked(now);
    let mut server = ScriptedServer::new();
    server.nat = Some("203.0.113.9:7000".parse().unwrap());
    let answer = StunMessage::parse(&server.handle(local(), &bytes, now).unwrap()).unwrap();
    assert_eq!(client.handle_message(&answer, now), Some(Ok(server.nat.unwrap())));
    assert_eq!(
        client.handle_message(&answer, now),
        None,
        "the same again is nothing new"
    );
    let random = &mut UnpredictableRandom::fixed();
    for reminder in 1..4 {
        let due = client.poll_timeout().unwrap();
        assert_eq!(due, now + KEEP_ALIVE * reminder);
        let bytes = client.handle_timeout(random, due).unwrap().unwrap();
        assert!(StunMessage::parse(&bytes).unwrap().is_indication());
    }
}

#[test]
fn a_lost_request_goes_out_again_until_it_is_given_up() {
    let now = start();
    let (mut client, _, bytes) = asked(now);
    let mut sent = 1;
    let error = loop {
        let due = client.poll_timeout().unwrap();
        match client.handle_timeout(&mut UnpredictableRandom::fixed(), due) {
            Ok(again) => assert_eq!(again.as_deref(), Some(&bytes[..])),
            Err(error) => break error,
        }
        sent += 1;
    };
    assert_eq!((sent, error), (7, ServerError::NoAnswer));
    assert!(!client.is_asking() && client.poll_timeout().is_none());
}

#[test]
fn errors_and_empty_answers_end_it() {
    let now = start();
    let (mut client, _, bytes) = asked(now);
    let mut server = ScriptedServer::new();
    server.refuse(METHOD_BINDING, 420);
    let answer = StunMessage::parse(&server.handle(local(), &bytes, now).unwrap()).unwrap();
    let result = client.handle_message(&answer, now).unwrap();
    assert!(matches!(result, Err(ServerError::Refused { code: 420, .. })));

    let (mut client, _, bytes) = asked(now);
    server.nat = Some("[2001:db8::1]:9".parse().unwrap());
    let answer = StunMessage::parse(&server.handle(local(), &bytes, now).unwrap()).unwrap();
    assert!(matches!(
        client.handle_message(&answer, now),
        Some(Err(ServerError::Malformed(_)))
    ));
}

#[test]
fn what_answers_something_else_is_left_to_others() {
    let now = start();
    let (mut client, request_sent, _) = asked(now);
    let mut other = request(METHOD_BINDING, request_sent.transaction());
    assert!(sign(&mut other, b"key"));
    for bytes in [
        finish(other),
        finish(indication(METHOD_BINDING, request_sent.transaction())),
        vectors::IPV4_RESPONSE.to_vec(),
    ] {
        assert_eq!(client.handle_message(&StunMessage::parse(&bytes).unwrap(), now), None);
    }
    assert!(client.is_asking());
}
