use super::*;

fn keys(profile: SrtpProfile) -> KeyingMaterial {
    let length = 2 * (profile.key_length() + profile.salt_length());
    KeyingMaterial::new(profile, (0..length).map(|at| at as u8).collect()).unwrap()
}

/// A client and a server with the same keys.
fn pair(profile: SrtpProfile) -> (Srtp, Srtp) {
    let keys = keys(profile);
    (
        Srtp::new(&keys, DtlsRole::Client).unwrap(),
        Srtp::new(&keys, DtlsRole::Server).unwrap(),
    )
}

fn header(sequence: u16) -> RtpHeader {
    RtpHeader {
        payload_type: 111,
        sequence,
        timestamp: u32::from(sequence) * 960,
        ssrc: 0x1234_5678,
        length: FIXED_HEADER,
        ..RtpHeader::default()
    }
}

fn unprotect(srtp: &mut Srtp, packet: &[u8]) -> Result<Vec<u8>, Rejected> {
    let header = RtpHeader::parse(packet).ok_or(Rejected)?;
    let opened = srtp.unprotect_rtp(packet, &header)?;
    Ok(header.payload(&opened).unwrap().to_vec())
}

fn report(ssrc: u32) -> Vec<u8> {
    [&[0x80, 201, 0, 1][..], &ssrc.to_be_bytes()].concat()
}

#[test]
fn both_directions_with_each_profile() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = pair(profile);
        for sequence in 0..50 {
            let payload = vec![sequence as u8; 80];
            let up = client.protect_rtp(&header(sequence), &payload).unwrap();
            assert!(
                !up.windows(8).any(|window| window == &payload[..8]),
                "{profile:?} does not encrypt"
            );
            assert_eq!(unprotect(&mut server, &up).as_deref(), Ok(&payload[..]));
            let down = server.protect_rtp(&header(sequence), &payload).unwrap();
            assert_ne!(up, down, "each direction has its own key");
            assert_eq!(unprotect(&mut client, &down).as_deref(), Ok(&payload[..]));
            assert_eq!(unprotect(&mut server, &down), Err(Rejected), "reflected to its sender");
        }
        let packet = client.protect_rtcp(&report(1)).unwrap();
        assert_eq!(&server.unprotect_rtcp(&packet).unwrap()[..], report(1));
    }
}

/// What libsrtp's test driver expects of these master keys and salts; it has none for AES-256-GCM.
#[test]
fn known_answers_of_another_implementation() {
    let counting = |from: u8, count: u8| (from..from + count).collect::<Vec<u8>>();
    let cases = [
        (
            SrtpProfile::Aes128CmHmacSha1_80,
            unhex("e1f97a0d3e018be0d64fa32c06de4139"),
            unhex("0ec675ad498afeebb6960b3aabe6"),
            "4e55dc4ce79978d88ca4d215949d2402b78d6acc99ea179b8dbb",
        ),
        (
            SrtpProfile::AeadAes128Gcm,
            counting(0, 16),
            counting(0xa0, 12),
            "c5002ede04cfdd2eb91159e0880aa06ed2976826f796b201df3131a127e8a392",
        ),
    ];
    for (profile, key, salt, expected) in cases {
        let bytes = [&key[..], &key[..], &salt[..], &salt[..]].concat();
        let mut srtp = Srtp::new(&KeyingMaterial::new(profile, bytes).unwrap(), DtlsRole::Client).unwrap();
        let header = RtpHeader {
            payload_type: 15,
            sequence: 0x1234,
            timestamp: 0xdeca_fbad,
            ssrc: 0xcafe_babe,
            ..header(0)
        };
        let packet = srtp.protect_rtp(&header, &[0xab; 16]).unwrap();
        assert_eq!(packet[12..], unhex(expected), "{profile:?}");
    }
}

fn unhex(text: &str) -> Vec<u8> {
    text.as_bytes()
        .chunks(2)
        .map(|pair| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap())
        .collect()
}

#[test]
fn profiles_do_not_understand_each_other() {
    for sender in SrtpProfile::ALL {
        for receiver in SrtpProfile::ALL {
            let packet = pair(sender).0.protect_rtp(&header(1), &[1; 40]).unwrap();
            let opened = unprotect(&mut pair(receiver).1, &packet);
            assert_eq!(opened.is_ok(), sender == receiver, "{sender:?} {receiver:?}");
        }
    }
}

#[test]
fn the_rollover_counter_goes_on_at_65535() {
    for profile in SrtpProfile::ALL {
        for first in [65_500_u16, 65_535, 0, 32_767, 32_768] {
            let (mut client, mut server) = pair(profile);
            for step in 0..200_u16 {
                let packet = client.protect_rtp(&header(first.wrapping_add(step)), &[5; 20]).unwrap();
                assert_eq!(
                    unprotect(&mut server, &packet),
                    Ok(vec![5; 20]),
                    "{profile:?} from {first}, step {step}"
                );
            }
        }
    }
}

#[test]
fn the_rollover_counter_survives_loss_and_reordering_around_65535() {
    let (mut client, mut server) = pair(SrtpProfile::AeadAes128Gcm);
    let packets: Vec<Vec<u8>> = (0..200_u16)
        .map(|step| {
            client
                .protect_rtp(&header(65_436_u16.wrapping_add(step)), &[5; 20])
                .unwrap()
        })
        .collect();
    for (index, block) in packets.chunks(10).enumerate() {
        let kept = block.iter().rev().skip(index % 3);
        for packet in kept {
            assert!(unprotect(&mut server, packet).is_ok(), "block {index}");
        }
    }
}

#[test]
fn a_window_of_128_rejects_replays_and_what_is_older() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = pair(profile);
        let packets: Vec<Vec<u8>> = (0..400)
            .map(|sequence| client.protect_rtp(&header(sequence), &[1; 30]).unwrap())
            .collect();
        let is_held_back = |number: usize| number == 200 || number == 350;
        for (number, packet) in packets.iter().enumerate().filter(|(number, _)| !is_held_back(*number)) {
            assert!(unprotect(&mut server, packet).is_ok(), "{number}");
        }
        assert!(
            unprotect(&mut server, &packets[350]).is_ok(),
            "late by 49: inside of the window"
        );
        assert_eq!(
            unprotect(&mut server, &packets[200]),
            Err(Rejected),
            "late by 199: outside"
        );
        for (number, packet) in packets.iter().enumerate() {
            assert_eq!(unprotect(&mut server, packet), Err(Rejected), "replayed {number}");
        }
    }
}

#[test]
fn rtcp_replays_are_rejected() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = pair(profile);
        let packets: Vec<Vec<u8>> = (0..300).map(|_| client.protect_rtcp(&report(9)).unwrap()).collect();
        for packet in packets.iter().skip(1) {
            assert!(server.unprotect_rtcp(packet).is_ok());
        }
        for packet in &packets {
            assert_eq!(
                server.unprotect_rtcp(packet),
                Err(Rejected),
                "replayed, or older than the window"
            );
        }
    }
}

#[test]
fn every_bit_of_a_packet_is_authenticated() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = pair(profile);
        let rtp = client.protect_rtp(&header(7), &[3; 20]).unwrap();
        let control = client.protect_rtcp(&report(9)).unwrap();
        for bit in 0..rtp.len() * 8 {
            let mut turned = rtp.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                unprotect(&mut server, &turned),
                Err(Rejected),
                "{profile:?} RTP bit {bit}"
            );
        }
        for bit in 0..control.len() * 8 {
            let mut turned = control.clone();
            turned[bit / 8] ^= 1 << (bit % 8);
            assert_eq!(
                server.unprotect_rtcp(&turned),
                Err(Rejected),
                "{profile:?} RTCP bit {bit}"
            );
        }
        for length in 0..rtp.len() {
            assert_eq!(unprotect(&mut server, &rtp[..length]), Err(Rejected));
        }
        for length in 0..control.len() {
            assert_eq!(server.unprotect_rtcp(&control[..length]), Err(Rejected));
        }
        assert!(unprotect(&mut server, &rtp).is_ok() && server.unprotect_rtcp(&control).is_ok());
    }
}

/// rtc-srtp 0.21.1 hands SRTCP with its E flag off through unauthenticated; we must not.
#[test]
fn rtcp_that_claims_to_be_in_the_clear_is_rejected() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = pair(profile);
        assert!(server.unprotect_rtcp(&client.protect_rtcp(&report(9)).unwrap()).is_ok());
        let tag = profile.protection().rtcp_auth_tag_len();
        for trailer in [vec![0; SRTCP_INDEX + tag], [&[0, 0, 0, 99][..], &vec![7; tag]].concat()] {
            for body in [report(9), [report(9), vec![0; 16]].concat()] {
                let forged = [body, trailer.clone()].concat();
                assert_eq!(server.unprotect_rtcp(&forged), Err(Rejected), "{profile:?}");
            }
        }
    }
}

#[test]
fn a_forged_first_packet_cannot_shut_out_the_source() {
    for profile in SrtpProfile::ALL {
        let (mut client, mut server) = pair(profile);
        let real = client.protect_rtp(&header(100), &[1; 30]).unwrap();
        for sequence in [101_u16, 1_000, 30_000, 99, 65_535] {
            let mut forged = real.clone();
            forged[2..4].copy_from_slice(&sequence.to_be_bytes());
            assert_eq!(unprotect(&mut server, &forged), Err(Rejected));
        }
        assert!(unprotect(&mut server, &real).is_ok(), "{profile:?}");
    }
}

#[test]
fn forged_sources_leave_nothing_behind_and_real_ones_are_bounded() {
    let (mut client, mut server) = pair(SrtpProfile::Aes128CmHmacSha1_80);
    let real = client.protect_rtp(&header(1), &[1; 30]).unwrap();
    assert!(unprotect(&mut server, &real).is_ok());
    for ssrc in 0..1_000_u32 {
        let mut forged = real.clone();
        forged[8..12].copy_from_slice(&ssrc.to_be_bytes());
        assert_eq!(unprotect(&mut server, &forged), Err(Rejected));
    }
    assert_eq!(server.inbound.sources.len(), 1);
    for ssrc in 0..100 {
        let other = RtpHeader { ssrc, ..header(1) };
        let packet = client.protect_rtp(&other, &[1; 30]).unwrap();
        assert!(unprotect(&mut server, &packet).is_ok());
        let known = client.protect_rtp(&header(2 + ssrc as u16), &[1; 30]).unwrap();
        assert!(unprotect(&mut server, &known).is_ok(), "the one in use keeps its place");
    }
    assert_eq!(server.inbound.sources.len(), MAX_SOURCES);
    assert_eq!(unprotect(&mut server, &real), Err(Rejected), "and its replay window");
}

#[test]
fn a_header_with_csrcs_and_any_extension_is_opened() {
    for profile in SrtpProfile::ALL {
        // one-byte with padding and the reserved id 15, two-byte, and one of nobody's grammar
        let extensions: [&[u8]; 4] = [
            &[0xbe, 0xde, 0, 2, 0x10, 1, 0, 0, 0, 0xf0, 9, 9],
            &[0x10, 0, 0, 1, 1, 0, 0, 0],
            &[0xab, 0xcd, 0, 0],
            &[0xbe, 0xde, 0, 1, 0x1f, 1, 1, 1],
        ];
        for extension in extensions {
            let (_, mut server) = pair(profile);
            let mut packet = vec![0x92, 111, 0, 1, 0, 0, 0, 0, 0, 0, 0, 9];
            packet.extend_from_slice(&[1, 1, 1, 1, 2, 2, 2, 2]);
            packet.extend_from_slice(extension);
            packet.extend_from_slice(&[0x55; 30]);
            let parsed = RtpHeader::parse(&packet).unwrap();
            let keys = keys(profile);
            let (key, salt) = keys.of(DtlsRole::Client);
            let mut other = new_context(profile, key, salt).unwrap();
            let protected = other.encrypt_rtp_with_header(&packet, &crate_header(&parsed)).unwrap();
            assert_eq!(
                protected[..parsed.length],
                packet[..parsed.length],
                "the header stays readable"
            );
            assert_eq!(
                unprotect(&mut server, &protected),
                Ok(vec![0x55; 30]),
                "{profile:?} {extension:x?}"
            );
        }
    }
}

#[test]
fn keys_are_in_no_debug_output_and_of_the_right_length() {
    let keys = keys(SrtpProfile::AeadAes128Gcm);
    assert_eq!(format!("{keys:?}"), "KeyingMaterial(AeadAes128Gcm, ***)");
    for profile in SrtpProfile::ALL {
        assert!(KeyingMaterial::new(profile, vec![0; 55]).is_none());
    }
}
