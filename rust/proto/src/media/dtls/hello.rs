//! What must be known of a DTLS datagram before dimpl sees it (RFC 6347 §4.1, §4.2.2).

const CONTENT_ALERT: u8 = 21;
const CONTENT_HANDSHAKE: u8 = 22;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;
const LEVEL_FATAL: u8 = 2;

/// Whether a datagram begins with a whole `ServerHello` or `HelloVerifyRequest` in the clear. Only such a one tells a client
/// the version; dimpl takes anything else at that point for a fatal error, a reordered flight for example.
pub(in crate::media) fn opens_server_flight(datagram: &[u8]) -> bool {
    let Some(body) = plain_record(datagram, CONTENT_HANDSHAKE) else {
        return false;
    };
    let [kind, l0, l1, l2, _, _, o0, o1, o2, f0, f1, f2, ..] = body else {
        return false;
    };
    let is_whole = [l0, l1, l2] == [f0, f1, f2] && [*o0, *o1, *o2] == [0; 3];
    is_whole && matches!(*kind, SERVER_HELLO | HELLO_VERIFY_REQUEST)
}

/// Description of the fatal alert in the clear that a datagram begins with.
pub(in crate::media) fn fatal_alert(datagram: &[u8]) -> Option<u8> {
    match plain_record(datagram, CONTENT_ALERT)? {
        [LEVEL_FATAL, description] => Some(*description),
        _ => None,
    }
}

/// Body of the first record if it has this type and epoch 0.
fn plain_record(datagram: &[u8], content: u8) -> Option<&[u8]> {
    let [kind, _, _, 0, 0, _, _, _, _, _, _, high, low, rest @ ..] = datagram else {
        return None;
    };
    (*kind == content)
        .then(|| rest.get(..usize::from(u16::from_be_bytes([*high, *low]))))
        .flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(content: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
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
        assert!(opens_server_flight(&record(22, 0, &handshake(2, 40, 0, 40))));
        assert!(opens_server_flight(&record(22, 0, &handshake(3, 20, 0, 20))));
        assert!(
            !opens_server_flight(&record(22, 0, &handshake(11, 40, 0, 40))),
            "Certificate"
        );
        assert!(
            !opens_server_flight(&record(22, 1, &handshake(2, 40, 0, 40))),
            "encrypted"
        );
        assert!(
            !opens_server_flight(&record(22, 0, &handshake(2, 40, 0, 20))),
            "a fragment"
        );
        assert!(!opens_server_flight(&record(22, 0, &[2, 0])));
        assert!(!opens_server_flight(&[]));
    }

    #[test]
    fn knows_a_fatal_alert() {
        assert_eq!(fatal_alert(&record(21, 0, &[2, 40])), Some(40));
        assert_eq!(fatal_alert(&record(21, 0, &[1, 0])), None);
        assert_eq!(fatal_alert(&record(21, 1, &[2, 40])), None);
        let mut cut = record(21, 0, &[2, 40]);
        cut.pop();
        assert_eq!(fatal_alert(&cut), None);
    }
}
