//! What must be known of DTLS records before dimpl sees them (RFC 6347 §4.1, RFC 9147 §4).

const CONTENT_ALERT: u8 = 21;
const CONTENT_HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;
const LEVEL_FATAL: u8 = 2;
/// Suites that an ECDSA certificate can serve: those of DTLS 1.3, then `ECDHE_ECDSA` with `AES-GCM` and `ChaCha20`.
const ECDSA_SUITES: [[u8; 2]; 6] = [
    [0x13, 1],
    [0x13, 2],
    [0x13, 3],
    [0xc0, 0x2b],
    [0xc0, 0x2c],
    [0xcc, 0xa9],
];

/// Records of one datagram that are looked at; a flight has fewer.
const MAX_RECORDS: usize = 64;

/// The records of a datagram one by one. dimpl drops a whole datagram for its first record, be it only the repeated
/// `ServerHello` in front of what was lost, and a handshake can hang on that for good.
pub(super) fn records(mut datagram: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let length = record_length(datagram).filter(|length| *length <= datagram.len())?;
        let (record, rest) = datagram.split_at_checked(length)?;
        datagram = rest;
        Some(record)
    })
    .take(MAX_RECORDS)
}

/// Header and body of the record that begins here.
fn record_length(datagram: &[u8]) -> Option<usize> {
    let first = *datagram.first()?;
    if first & 0xe0 != 0x20 {
        let length = datagram.get(11..13)?.first_chunk()?;
        return Some(13 + usize::from(u16::from_be_bytes(*length)));
    }
    // the unified header of DTLS 1.3, which has no connection id here; without a length it is the datagram's last
    let sequence = if first & 0x08 == 0 { 1 } else { 2 };
    if first & 0x04 == 0 {
        return Some(datagram.len());
    }
    let length = datagram.get(1 + sequence..3 + sequence)?.first_chunk()?;
    Some(3 + sequence + usize::from(u16::from_be_bytes(*length)))
}

/// Whether this is a whole `ServerHello` or `HelloVerifyRequest` in the clear. Only such a one tells a client
/// the version; dimpl takes anything else at that point for a fatal error, a reordered flight for example.
pub(super) fn opens_server_flight(record: &[u8]) -> bool {
    let Some(body) = plain_record(record, CONTENT_HANDSHAKE) else {
        return false;
    };
    let [kind, l0, l1, l2, _, _, o0, o1, o2, f0, f1, f2, ..] = body else {
        return false;
    };
    let is_whole = [l0, l1, l2] == [f0, f1, f2] && [*o0, *o1, *o2] == [0; 3];
    is_whole && matches!(*kind, SERVER_HELLO | HELLO_VERIFY_REQUEST)
}

/// Whether this is a `ClientHello` whose suites all want an RSA certificate (or are older still). dimpl
/// drops such a one without a word.
pub(super) fn wants_other_certificates(record: &[u8]) -> bool {
    cipher_suites(record).is_some_and(|suites| {
        !suites.is_empty()
            && !suites
                .chunks_exact(2)
                .any(|suite| ECDSA_SUITES.iter().any(|known| known == suite))
    })
}

/// The suites of a `ClientHello`, if they are all in its first fragment (RFC 6347 §4.2.1).
fn cipher_suites(record: &[u8]) -> Option<&[u8]> {
    let body = plain_record(record, CONTENT_HANDSHAKE)?;
    let [CLIENT_HELLO, _, _, _, _, _, 0, 0, 0, _, _, _, hello @ ..] = body else {
        return None;
    };
    // version and random, then session id and cookie
    let rest = skip_vector(skip_vector(hello.get(34..)?)?)?;
    let (length, rest) = rest.split_first_chunk::<2>()?;
    rest.get(..usize::from(u16::from_be_bytes(*length)))
}

fn skip_vector(bytes: &[u8]) -> Option<&[u8]> {
    let (length, rest) = bytes.split_first()?;
    rest.get(usize::from(*length)..)
}

/// A handshake message in the clear, or a fragment of one; where a record has several, the first.
#[derive(Debug)]
pub(super) struct Handshake<'a> {
    pub(super) kind: u8,
    /// Of the whole message.
    pub(super) length: usize,
    pub(super) number: u16,
    pub(super) offset: usize,
    pub(super) fragment: &'a [u8],
    /// The fragment should be longer than its record is.
    pub(super) is_cut: bool,
}

/// The handshake message of a record (RFC 6347 §4.2.2); `None` for other records and encrypted ones. A record too short
/// for the header has a cut one.
pub(super) fn plain_handshake(record: &[u8]) -> Option<Handshake<'_>> {
    let body = plain_record(record, CONTENT_HANDSHAKE)?;
    let [kind, l0, l1, l2, n0, n1, o0, o1, o2, f0, f1, f2, rest @ ..] = body else {
        return Some(Handshake {
            kind: 0,
            length: 0,
            number: 0,
            offset: 0,
            fragment: &[],
            is_cut: true,
        });
    };
    let number = |high: &u8, middle: &u8, low: &u8| u32::from_be_bytes([0, *high, *middle, *low]) as usize;
    let wanted = number(f0, f1, f2);
    Some(Handshake {
        kind: *kind,
        length: number(l0, l1, l2),
        number: u16::from_be_bytes([*n0, *n1]),
        offset: number(o0, o1, o2),
        fragment: rest.get(..wanted).unwrap_or(rest),
        is_cut: wanted > rest.len(),
    })
}

/// Whether this is an alert in the clear.
pub(super) fn is_plain_alert(record: &[u8]) -> bool {
    plain_record(record, CONTENT_ALERT).is_some()
}

/// Description of a fatal alert in the clear.
pub(super) fn fatal_alert(record: &[u8]) -> Option<u8> {
    match plain_record(record, CONTENT_ALERT)? {
        [LEVEL_FATAL, description] => Some(*description),
        _ => None,
    }
}

/// Its body if it has this type and epoch 0.
fn plain_record(record: &[u8], content: u8) -> Option<&[u8]> {
    let [kind, _, _, 0, 0, _, _, _, _, _, _, high, low, rest @ ..] = record else {
        return None;
    };
    (*kind == content)
        .then(|| rest.get(..usize::from(u16::from_be_bytes([*high, *low]))))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(content: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let mut datagram = vec![
            content,
            0xfe,
            0xfd,
            0,
            epoch,
            0,
            0,
            0,
            0,
            0,
            0,
            0,
            u8::try_from(body.len()).unwrap(),
        ];
        datagram.extend_from_slice(body);
        datagram
    }

    fn handshake(kind: u8, length: u8, offset: u8, fragment: u8) -> Vec<u8> {
        let mut body = vec![kind, 0, 0, length, 0, 0, 0, 0, offset, 0, 0, fragment];
        body.extend_from_slice(&vec![0; usize::from(fragment)]);
        body
    }

    #[test]
    fn knows_the_start_of_a_server_flight() {
        assert!(opens_server_flight(&made(22, 0, &handshake(2, 40, 0, 40))));
        assert!(opens_server_flight(&made(22, 0, &handshake(3, 20, 0, 20))));
        assert!(
            !opens_server_flight(&made(22, 0, &handshake(11, 40, 0, 40))),
            "Certificate"
        );
        assert!(
            !opens_server_flight(&made(22, 1, &handshake(2, 40, 0, 40))),
            "encrypted"
        );
        assert!(
            !opens_server_flight(&made(22, 0, &handshake(2, 40, 0, 20))),
            "a fragment"
        );
        assert!(!opens_server_flight(&made(22, 0, &[2, 0])));
        assert!(!opens_server_flight(&[]));
    }

    #[test]
    fn knows_a_fatal_alert() {
        assert_eq!(fatal_alert(&made(21, 0, &[2, 40])), Some(40));
        assert_eq!(fatal_alert(&made(21, 0, &[1, 0])), None);
        assert_eq!(fatal_alert(&made(21, 1, &[2, 40])), None);
        let mut cut = made(21, 0, &[2, 40]);
        cut.pop();
        assert_eq!(fatal_alert(&cut), None);
    }

    #[test]
    fn splits_datagrams_into_records() {
        let alert = made(21, 0, &[2, 40]);
        let hello = made(22, 0, &handshake(2, 40, 0, 40));
        let with_length = [0x2e, 9, 9, 0, 3, 1, 2, 3];
        let short_sequence = [0x26, 9, 0, 2, 1, 2];
        let without_length = [0x2a, 9, 9, 1, 2, 3, 4, 5];
        let all: [&[u8]; 5] = [&alert, &hello, &with_length, &short_sequence, &without_length];
        assert_eq!(records(&all.concat()).collect::<Vec<_>>(), all);
        assert_eq!(
            records(&[&alert[..], &hello[..20]].concat()).collect::<Vec<_>>(),
            [&alert[..]],
            "a cut one"
        );
        assert_eq!(records(&with_length[..4]).count() + records(&[]).count(), 0);
        assert_eq!(records(&vec![0; 13 * 1_000]).count(), MAX_RECORDS);
    }
}
