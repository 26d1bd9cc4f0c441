//! Which handshake messages in the clear dimpl gets to see. One that is out of place can hang its handshake for good, and
//! whoever knows the peer's address can send one from it (CVE-2023-49786).
use super::DtlsRole;
use super::record::plain_handshake;

const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
/// What a client says in the clear: `ClientHello`, `Certificate`, `CertificateVerify`, `ClientKeyExchange`.
const OF_CLIENT: [u8; 4] = [CLIENT_HELLO, 11, 15, 16];
/// What a server says: `HelloRequest`, `ServerHello`, `HelloVerifyRequest`, `NewSessionTicket`, `Certificate`,
/// `ServerKeyExchange`, `CertificateRequest`, `ServerHelloDone`, `CertificateStatus`.
const OF_SERVER: [u8; 9] = [0, 2, 3, 4, 11, 12, 13, 14, 22];
/// Longest message and highest number in the clear; a chain of certificates is the longest there is.
const MAX_MESSAGE: usize = 64 * 1024;
const MAX_NUMBER: u16 = 16;
/// A second hello has this number, behind the server's `HelloVerifyRequest` or `HelloRetryRequest`.
const LAST_HELLO: u16 = 1;

/// What to do with a record.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Verdict {
    Feed,
    Drop,
    /// The hello of somebody else than the one whose hello began here.
    OtherHello,
}

/// Knows the client by the random of its hello, which stays the same in all of them (RFC 6347 §4.2.1, RFC 8446 §4.1.2).
#[derive(Debug, Default)]
pub(super) struct HelloGate {
    random: Option<[u8; 32]>,
}

impl HelloGate {
    /// Looks at a record that came to us as this role.
    pub(super) fn judge(&mut self, record: &[u8], role: DtlsRole) -> Verdict {
        let Some(message) = plain_handshake(record) else {
            return Verdict::Feed;
        };
        let end = message.offset.saturating_add(message.fragment.len());
        if message.is_cut || end > message.length || message.length > MAX_MESSAGE || message.number > MAX_NUMBER {
            return Verdict::Drop;
        }
        let expected: &[u8] = if role == DtlsRole::Client {
            &OF_SERVER
        } else {
            &OF_CLIENT
        };
        if !expected.contains(&message.kind) {
            return Verdict::Drop;
        }
        match message.kind {
            CLIENT_HELLO => self.judge_hello(&message),
            SERVER_HELLO if message.offset == 0 && !extensions_fit(message.fragment) => Verdict::Drop,
            _ => Verdict::Feed,
        }
    }

    /// The first fragment has the random; it follows the version.
    fn judge_hello(&mut self, hello: &super::record::Handshake<'_>) -> Verdict {
        if hello.number > LAST_HELLO {
            return Verdict::Drop;
        }
        if hello.offset > 0 {
            return Verdict::Feed;
        }
        let [0xfe, _, rest @ ..] = hello.fragment else {
            return Verdict::Drop;
        };
        let Some(random) = rest.first_chunk::<32>() else {
            return Verdict::Drop;
        };
        match self.random.replace(*random) {
            Some(known) if known != *random => {
                self.random = Some(known);
                Verdict::OtherHello
            }
            _ => Verdict::Feed,
        }
    }
}

/// Whether each extension of a `ServerHello` ends within their list, as far as the list is all there. Where dimpl 0.9 looks
/// for the version it trusts their lengths, and panics (found by the fuzzer).
fn extensions_fit(hello: &[u8]) -> bool {
    // version, random; session id with its length; suite and compression method
    let behind_random = hello.get(34..).and_then(<[u8]>::split_first);
    let behind_suite = behind_random.and_then(|(session, rest)| rest.get(usize::from(*session) + 3..));
    let Some((length, rest)) = behind_suite.and_then(<[u8]>::split_first_chunk::<2>) else {
        return true;
    };
    let Some(mut list) = rest.get(..usize::from(u16::from_be_bytes(*length))) else {
        return true;
    };
    while let [_, _, l0, l1, rest @ ..] = list {
        let Some(next) = rest.get(usize::from(u16::from_be_bytes([*l0, *l1]))..) else {
            return false;
        };
        list = next;
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A record with a fragment of a message.
    fn record(kind: u8, length: u8, number: u8, offset: u8, fragment: &[u8]) -> Vec<u8> {
        let size = u8::try_from(fragment.len()).unwrap();
        let head = [22, 0xfe, 0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 12 + size];
        let message = [kind, 0, 0, length, 0, number, 0, 0, offset, 0, 0, size];
        [&head[..], &message, fragment].concat()
    }

    fn hello(random: u8, number: u8) -> Vec<u8> {
        record(
            CLIENT_HELLO,
            34,
            number,
            0,
            &[&[0xfe, 0xfd][..], &[random; 32]].concat(),
        )
    }

    #[test]
    fn one_client_is_known_by_its_random() {
        let mut gate = HelloGate::default();
        let mut judge = |record: &[u8]| gate.judge(record, DtlsRole::Server);
        assert_eq!(judge(&hello(1, 0)), Verdict::Feed);
        assert_eq!(judge(&hello(2, 0)), Verdict::OtherHello);
        assert_eq!(judge(&hello(1, 1)), Verdict::Feed, "its second one");
        assert_eq!(judge(&hello(1, 2)), Verdict::Drop);
        assert_eq!(
            judge(&record(CLIENT_HELLO, 40, 0, 34, &[0; 6])),
            Verdict::Feed,
            "the rest of one"
        );
    }

    #[test]
    fn a_server_hello_whose_extension_ends_beyond_it_is_dropped() {
        let judge = |extensions: &[u8]| {
            let body = [&[0xfe, 0xfd][..], &[1; 32], &[0, 0xc0, 0x2b, 0], extensions].concat();
            let length = u8::try_from(body.len()).unwrap();
            HelloGate::default().judge(&record(SERVER_HELLO, length, 0, 0, &body), DtlsRole::Client)
        };
        assert_eq!(judge(&[]), Verdict::Feed, "none at all");
        assert_eq!(judge(&[0, 6, 0, 0x2b, 0, 2, 0xfe, 0xfc]), Verdict::Feed);
        assert_eq!(
            judge(&[0, 6, 0, 0x2b, 0, 2]),
            Verdict::Feed,
            "goes on in another fragment"
        );
        assert_eq!(judge(&[0, 4, 0, 0x2b, 0, 2]), Verdict::Drop, "nothing of it there");
        assert_eq!(judge(&[0, 5, 0, 0x2b, 0, 2, 0xfe]), Verdict::Drop, "half of it");
        assert_eq!(
            judge(&[0, 8, 0, 0x17, 0, 0, 0, 0x2b, 0, 7]),
            Verdict::Drop,
            "behind another"
        );
    }

    #[test]
    fn what_is_out_of_place_is_dropped() {
        let judge = |record: &[u8], role| HelloGate::default().judge(record, role);
        assert_eq!(
            judge(&hello(1, 0), DtlsRole::Client),
            Verdict::Drop,
            "a client never gets one"
        );
        assert_eq!(judge(&record(2, 4, 0, 0, &[0; 4]), DtlsRole::Client), Verdict::Feed);
        assert_eq!(judge(&record(2, 4, 0, 0, &[0; 4]), DtlsRole::Server), Verdict::Drop);
        assert_eq!(judge(&record(16, 4, 5, 0, &[0; 4]), DtlsRole::Server), Verdict::Feed);
        assert_eq!(
            judge(&record(16, 4, 17, 0, &[0; 4]), DtlsRole::Server),
            Verdict::Drop,
            "its number"
        );
        assert_eq!(
            judge(&record(16, 4, 5, 2, &[0; 4]), DtlsRole::Server),
            Verdict::Drop,
            "beyond its end"
        );
        let mut cut = record(16, 4, 5, 0, &[0; 4]);
        cut[24] = 9;
        assert_eq!(
            judge(&cut, DtlsRole::Server),
            Verdict::Drop,
            "a fragment longer than its record"
        );
        assert_eq!(
            judge(&[22], DtlsRole::Server),
            Verdict::Feed,
            "no record is for others to judge"
        );
    }
}
