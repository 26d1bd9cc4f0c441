use std::fs;
use std::path::Path;

use super::*;
use crate::io::Secret;
use crate::media::candidate::CandidateKind;
use crate::media::error::MediaError;
use crate::media::fingerprint::HashFunction;
use crate::media::ice::IceCredentials;
use crate::media::survival::sdp_survives;

/// The SDP of a traced message.
fn traced(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/data/traces")
        .join(name);
    let text = fs::read_to_string(path).unwrap();
    text[text.find("\nv=0").unwrap() + 1..].trim_end().replace('\n', "\r\n")
}

fn plain() -> String {
    format!(
        "v=0\r\no=- 1 1 IN IP4 192.0.2.1\r\ns=-\r\nt=0 0\r\nm=audio 4000 UDP/TLS/RTP/SAVPF 111 0\r\n\
         c=IN IP4 192.0.2.1\r\na=ice-ufrag:abcd\r\na=ice-pwd:0123456789012345678901\r\na=fingerprint:sha-256 {}\r\n\
         a=setup:actpass\r\na=mid:0\r\na=rtcp-mux\r\na=rtpmap:111 opus/48000/2\r\n\
         a=candidate:1 1 udp 1 192.0.2.1 4000 typ host\r\n",
        ["AB"; 32].join(":")
    )
}

fn refusal(sdp: &str) -> String {
    match read(sdp.as_bytes()) {
        Err(MediaError::BadDescription(text)) => text,
        other => panic!("{other:?}"),
    }
}

#[test]
fn reads_a_browsers_offer_and_answer() {
    let offer = read(traced("05-invite-offer.txt").as_bytes()).unwrap();
    assert_eq!(offer.codecs, [(111, Codec::Opus), (0, Codec::Pcmu), (8, Codec::Pcma)]);
    assert_eq!(offer.transport.credentials.ufrag, "DyGG");
    assert_eq!(offer.transport.candidates.len(), 2, "the TCP ones are left out");
    assert_eq!(
        (offer.setup, offer.direction),
        (Some(Setup::Actpass), Direction::SendRecv)
    );
    assert_eq!((offer.mid.as_deref(), offer.is_bundled), (Some("0"), true));
    let event = |codec| offer.telephone_event_for(codec).unwrap();
    assert_eq!(
        (event(Codec::Opus).payload_type, event(Codec::Pcma).payload_type),
        (110, 126)
    );
    let answer = read(traced("10-invite-200-answer.txt").as_bytes()).unwrap();
    assert_eq!(answer.setup, Some(Setup::Active));
}

#[test]
fn reads_what_gateways_write() {
    let rtpengine = read(traced("31-gateway-200-answer-rtpengine.txt").as_bytes()).unwrap();
    assert_eq!(rtpengine.codecs, [(111, Codec::Opus)]);
    assert_eq!(rtpengine.telephone_events.len(), 1);
    assert_eq!((rtpengine.is_bundled, rtpengine.transport.candidates.len()), (false, 1));
    let held = read(traced("34-gateway-reinvite-hold-in.txt").as_bytes()).unwrap();
    assert_eq!(
        (held.direction, held.codecs),
        (Direction::SendOnly, vec![(0, Codec::Pcmu)])
    );
    let baresip = read(traced("41-baresip-200-answer.txt").as_bytes()).unwrap();
    assert_eq!(
        baresip.transport.credentials.ufrag, "WkCzeIS",
        "ICE, fingerprint and setup at session level"
    );
    assert_eq!(baresip.setup, Some(Setup::Active));
    assert_eq!(baresip.transport.fingerprints.len(), 1, "SHA-256 in capitals");
    assert_eq!(baresip.codecs[0], (111, Codec::Opus), "whatever it says of stereo");
    assert_eq!(baresip.mid, None);
}

#[test]
fn the_order_of_lines_is_no_matter() {
    let (first, held) = (traced("05-invite-offer.txt"), traced("15-reinvite-hold.txt"));
    let (first, held) = (read(first.as_bytes()).unwrap(), read(held.as_bytes()).unwrap());
    assert!(held.is_same_transport(&first));
    assert_eq!(
        (held.codecs, held.telephone_events),
        (first.codecs, first.telephone_events)
    );
    assert_eq!((held.direction, held.mid), (Direction::SendOnly, first.mid));
    let (session, media) = plain()
        .split_once("m=audio")
        .map(|(session, media)| (session.to_owned(), media.to_owned()))
        .unwrap();
    let mut lines: Vec<&str> = media.split_terminator("\r\n").collect();
    lines[1..].reverse();
    let reversed = format!("{session}m=audio{}\r\n", lines.join("\r\n"));
    assert_eq!(
        read(reversed.as_bytes()).unwrap().codecs,
        read(plain().as_bytes()).unwrap().codecs
    );
}

#[test]
fn line_ends_odd_lines_and_odd_characters_are_no_matter() {
    let odd = plain()
        .replace(
            "t=0 0\r\n",
            "t=0 0\r\nc=IN IP4 192.0.2.9\r\nx=what\r\n\r\nb=AS:64kb\r\n",
        )
        .replace("o=- 1 1", "o=- 99999999999999999999999 1");
    let expected = read(plain().as_bytes()).unwrap().codecs;
    assert_eq!(read(odd.as_bytes()).unwrap().codecs, expected);
    assert_eq!(read(odd.replace("\r\n", "\n").as_bytes()).unwrap().codecs, expected);
    let latin1 = [&b"v=0\r\ns=Gespr\xe4ch\r\n"[..], &plain().as_bytes()[5..]].concat();
    assert_eq!(read(&latin1).unwrap().codecs, expected);
}

#[test]
fn attributes_of_the_session_serve_unless_the_line_has_its_own() {
    let mut sdp = plain();
    for name in ["ice-ufrag:abcd", "ice-pwd:0123456789012345678901", "setup:actpass"] {
        sdp = sdp.replace(&format!("a={name}\r\n"), "");
    }
    let session = "t=0 0\r\na=setup:passive\r\na=ice-ufrag:sess\r\na=ice-pwd:sessionsessionsession00\r\na=inactive\r\n";
    let read_back = read(sdp.replace("t=0 0\r\n", session).as_bytes()).unwrap();
    assert_eq!(
        (read_back.setup, read_back.direction),
        (Some(Setup::Passive), Direction::Inactive)
    );
    assert_eq!(read_back.transport.credentials.ufrag, "sess");
    let own = read(plain().replace("t=0 0\r\n", session).as_bytes()).unwrap();
    assert_eq!(
        (own.setup, own.transport.credentials.ufrag.as_str()),
        (Some(Setup::Actpass), "abcd")
    );
}

#[test]
fn payload_types_may_be_static_dynamic_or_somebody_elses() {
    let sdp = plain()
        .replace("SAVPF 111 0", "SAVPF 9 96 8 0 13 300 x")
        .replace("rtpmap:111 opus", "rtpmap:96 OPUS");
    let remote = read(sdp.as_bytes()).unwrap();
    assert_eq!(remote.codecs, [(96, Codec::Opus), (8, Codec::Pcma), (0, Codec::Pcmu)]);
    assert_eq!(
        remote.common(&[Codec::Pcmu, Codec::Opus]),
        [(96, Codec::Opus), (0, Codec::Pcmu)],
        "in its own order"
    );
    assert_eq!(remote.setup, Some(Setup::Actpass));
    assert_eq!(
        read(plain().replace("a=setup:actpass\r\n", "").as_bytes())
            .unwrap()
            .setup,
        None
    );
    let remapped = plain().replace("a=rtpmap:111", "a=rtpmap:0 G729/8000\r\na=rtpmap:111");
    assert_eq!(
        read(remapped.as_bytes()).unwrap().codecs,
        [(111, Codec::Opus)],
        "a mapping beats the static type"
    );
}

#[test]
fn what_cannot_be_used_is_told() {
    let without = |line: &str| {
        let sdp = plain();
        let kept: Vec<&str> = sdp
            .split_terminator("\r\n")
            .filter(|kept| !kept.starts_with(line))
            .collect();
        refusal(&(kept.join("\r\n") + "\r\n"))
    };
    assert!(without("a=ice-ufrag").contains("ICE"));
    assert!(without("a=ice-pwd").contains("ICE"));
    assert!(without("a=fingerprint").contains("fingerprint"));
    assert!(without("a=rtcp-mux").contains("rtcp-mux"));
    assert!(without("m=audio").contains("no audio line"));
    assert!(refusal("").contains("v=0"));
    assert!(refusal(&plain().replace("audio 4000", "audio 0")).contains("port 0"));
    assert!(refusal(&plain().replace("UDP/TLS/RTP/SAVPF", "RTP/AVP")).contains("DTLS-SRTP"));
    assert!(refusal(&plain().replace("setup:actpass", "setup:holdconn")).contains("holdconn"));
    let sha1 = ["AB"; 20].join(":");
    let weak = plain().replace(&format!("sha-256 {}", ["AB"; 32].join(":")), &format!("sha-1 {sha1}"));
    assert!(refusal(&weak).contains("sha-256"));
}

#[test]
fn the_best_hash_function_counts_and_every_certificate_of_it() {
    let sha256 = format!("a=fingerprint:sha-256 {}\r\n", ["AB"; 32].join(":"));
    let others = format!(
        "a=fingerprint:sha-512 {}\r\na=fingerprint:sha-1 {}\r\n",
        ["CD"; 64].join(":"),
        ["CD"; 20].join(":")
    );
    let hashes = |sdp: String| {
        let remote = read(sdp.as_bytes()).unwrap();
        remote
            .transport
            .fingerprints
            .iter()
            .map(|fingerprint| fingerprint.hash)
            .collect::<Vec<_>>()
    };
    assert_eq!(
        hashes(plain().replace(&sha256, &format!("{others}{sha256}"))),
        [HashFunction::Sha256]
    );
    assert_eq!(hashes(plain().replace(&sha256, &others)), [HashFunction::Sha512]);
    let second = sha256.replace("AB", "EF");
    assert_eq!(
        hashes(plain().replace(&sha256, &format!("{sha256}{second}"))),
        [HashFunction::Sha256; 2]
    );
}

#[test]
fn limits_hold() {
    assert!(refusal(&(plain() + &"a=x\r\n".repeat(MAX_LINES))).contains("512 lines"));
    assert!(refusal(&(plain() + &"x".repeat(MAX_BYTES))).contains("65536 bytes"));
    let many: Vec<String> = (1..=200)
        .map(|port| format!("a=candidate:1 1 udp 1 192.0.2.1 {port} typ host\r\n"))
        .collect();
    assert_eq!(
        read((plain() + &many.concat()).as_bytes())
            .unwrap()
            .transport
            .candidates
            .len(),
        MAX_CANDIDATES
    );
    let long = plain().replace("ufrag:abcd", &format!("ufrag:{}", "a".repeat(300)));
    assert!(refusal(&long).contains("ICE"));
}

#[test]
fn candidates_that_nobody_can_use_are_left_out() {
    let listed = "a=candidate:1 1 udp 1 192.0.2.1 4000 typ host\r\n";
    let useless = "a=candidate:1 1 tcp 1 192.0.2.1 9 typ host tcptype active\r\n\
                   a=candidate:1 1 udp 1 0a1b2c3d.local 4000 typ host\r\na=candidate:nonsense\r\n";
    let remote = read(plain().replace(listed, useless).as_bytes()).unwrap();
    assert_eq!(remote.transport.candidates, []);
    let remote = read(plain().replace(listed, "").as_bytes()).unwrap();
    assert_eq!(
        remote.transport.candidates.len(),
        1,
        "none listed: the default one of m= and c="
    );
    assert_eq!(remote.transport.candidates[0].kind, CandidateKind::Host);
    let discard = plain().replace(listed, "").replace("audio 4000", "audio 9");
    assert_eq!(
        read(discard.as_bytes()).unwrap().transport.candidates,
        [],
        "the discard port is none"
    );
    assert!(
        read(plain().replace("t=0 0\r\n", "t=0 0\r\na=ice-lite\r\n").as_bytes())
            .unwrap()
            .transport
            .is_lite
    );
}

fn own(remote: &RemoteDescription) -> LocalDescription {
    LocalDescription {
        session_id: 42,
        version: 2,
        credentials: IceCredentials {
            ufrag: "ours".into(),
            password: Secret("our-password-of-24-chars".into()),
        },
        candidates: vec![Candidate::host("192.0.2.7:4000".parse().unwrap(), 0)],
        fingerprint: ["AB"; 32].join(":"),
        setup: Setup::Active,
        mid: remote.mid.clone(),
        is_bundled: remote.is_bundled,
        direction: remote.direction.reversed(),
        codecs: remote.common(&Codec::ALL),
        reduces_rtcp: remote.reduces_rtcp,
        telephone_events: remote.telephone_events.clone(),
        ssrc: 7,
        cname: "name".into(),
        msid: ("stream".into(), "track".into()),
        before: remote.before.clone(),
        after: remote.after.clone(),
    }
}

#[test]
fn other_lines_are_refused_in_their_places() {
    let video = "m=video 5000 UDP/TLS/RTP/SAVPF 96 97\r\na=mid:v\r\na=rtpmap:96 VP8/90000\r\n";
    let data = "m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\na=mid:d\r\n";
    let audio_at = plain().find("m=audio").unwrap();
    let mut offer = plain();
    offer.insert_str(audio_at, video);
    let remote = read((offer + data + "m=image 0 udptl t38\r\n").as_bytes()).unwrap();
    let answer = own(&remote).to_sdp();
    let lines: Vec<&str> = answer
        .split_terminator("\r\n")
        .filter(|line| line.starts_with("m="))
        .collect();
    let expected = [
        "m=video 0 UDP/TLS/RTP/SAVPF 96 97",
        "m=audio 4000 UDP/TLS/RTP/SAVPF 111 0",
        "m=application 0 UDP/DTLS/SCTP webrtc-datachannel",
        "m=image 0 udptl t38",
    ];
    assert_eq!(lines, expected);
    assert!(answer.contains("a=mid:v\r\na=inactive\r\n") && answer.contains("a=mid:d\r\n"));
}

#[test]
fn our_own_text_is_that_of_the_traces() {
    let offer = read(traced("05-invite-offer.txt").as_bytes()).unwrap();
    let text = LocalDescription {
        setup: Setup::Actpass,
        ..own(&offer)
    }
    .to_sdp();
    let fingerprint = ["AB"; 32].join(":");
    let expected = [
        "v=0",
        "o=- 42 2 IN IP4 127.0.0.1",
        "s=-",
        "t=0 0",
        "a=group:BUNDLE 0",
        "a=msid-semantic: WMS stream",
        "m=audio 4000 UDP/TLS/RTP/SAVPF 111 0 8 110 126",
        "c=IN IP4 192.0.2.7",
        "a=rtcp:9 IN IP4 0.0.0.0",
        "a=candidate:1 1 udp 2130706431 192.0.2.7 4000 typ host",
        "a=end-of-candidates",
        "a=ice-ufrag:ours",
        "a=ice-pwd:our-password-of-24-chars",
        &format!("a=fingerprint:sha-256 {fingerprint}"),
        "a=setup:actpass",
        "a=mid:0",
        "a=sendrecv",
        "a=msid:stream track",
        "a=rtcp-mux",
        "a=rtcp-rsize",
        "a=rtpmap:111 opus/48000/2",
        "a=fmtp:111 minptime=10;useinbandfec=1",
        "a=rtpmap:0 PCMU/8000",
        "a=rtpmap:8 PCMA/8000",
        "a=rtpmap:110 telephone-event/48000",
        "a=rtpmap:126 telephone-event/8000",
        "a=ssrc:7 cname:name",
        "a=ssrc:7 msid:stream track",
    ];
    assert_eq!(text.split_terminator("\r\n").collect::<Vec<_>>(), expected);
    assert!(
        !format!("{:?}", own(&offer)).contains("our-password"),
        "no secret in Debug"
    );
}

#[test]
fn nothing_foreign_breaks_out_of_its_line() {
    let sdp = plain()
        .replace("a=mid:0", "a=mid:0\ra=evil")
        .replace("t=0 0\r\n", "t=0 0\r\na=group:BUNDLE 0\ra=evil\r\n");
    let remote = read(sdp.as_bytes()).unwrap();
    assert!(!own(&remote).to_sdp().contains("evil"));
}

#[test]
fn mutated_descriptions_never_panic_and_their_answers_read_back() {
    let names = [
        "05-invite-offer.txt",
        "31-gateway-200-answer-rtpengine.txt",
        "41-baresip-200-answer.txt",
    ];
    let samples: Vec<Vec<u8>> = names.map(|name| traced(name).into_bytes()).into();
    let mut state = 0x5eed_u64;
    let mut next = || {
        state = state
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (state >> 33) as usize
    };
    for round in 0..20_000 {
        let mut bytes = samples[round % 3].clone();
        for _ in 0..=next() % 6 {
            let at = next() % bytes.len();
            match next() % 5 {
                0 => bytes[at] = next() as u8,
                1 => drop(bytes.remove(at)),
                2 => bytes.insert(at, b"\r\n=: /-019"[next() % 10]),
                3 => bytes[at] ^= 1 << (next() % 8),
                _ => {
                    let end = (at + next() % 80).min(bytes.len());
                    let piece = bytes[at..end].to_vec();
                    bytes.splice(at..at, piece);
                }
            }
        }
        assert!(sdp_survives(&bytes), "{}", String::from_utf8_lossy(&bytes));
    }
}
