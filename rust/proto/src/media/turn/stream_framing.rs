//! Messages out of a connection's bytes: STUN and `ChannelData` tell their own length (RFC 8656 §3.1, §12.5).
use std::fmt;

use super::channel::{HEADER_SIZE, is_ours, padded};
use crate::media::stun::message::HEADER_SIZE as STUN_HEADER_SIZE;

/// RFC 8489 §5.
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];

/// What came is neither STUN nor `ChannelData`; where the next message starts cannot be known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct OutOfStep;

/// The bytes of a message that has not come whole. Holds 64 kB and a message header at most, beside what was pushed last.
#[derive(Default)]
pub(super) struct StreamFraming {
    bytes: Vec<u8>,
    taken: usize,
}

/// What is in it came from or through the server, and may be anybody's.
impl fmt::Debug for StreamFraming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "StreamFraming({} bytes)", self.bytes.len())
    }
}

impl StreamFraming {
    /// Takes what was read; call [`Self::next_message`] until it gives nothing.
    pub(super) fn push(&mut self, bytes: &[u8]) {
        self.bytes.drain(..self.taken);
        self.taken = 0;
        self.bytes.extend_from_slice(bytes);
    }

    /// The next whole message; `ChannelData` with its padding.
    pub(super) fn next_message(&mut self) -> Result<Option<&[u8]>, OutOfStep> {
        let rest = self.bytes.get(self.taken..).unwrap_or_default();
        let Some(size) = message_size(rest)? else {
            return Ok(None);
        };
        let Some(message) = rest.get(..size) else {
            return Ok(None);
        };
        self.taken += size;
        Ok(Some(message))
    }
}

/// The size of the message that starts here, once its header is there.
fn message_size(bytes: &[u8]) -> Result<Option<usize>, OutOfStep> {
    let &[first, second, high, low, ref rest @ ..] = bytes else {
        return Ok(None);
    };
    let length = usize::from(u16::from_be_bytes([high, low]));
    match first {
        0..=3 if length.is_multiple_of(4) => match rest.get(..4) {
            Some(cookie) if cookie == MAGIC_COOKIE => Ok(Some(STUN_HEADER_SIZE + length)),
            Some(_) => Err(OutOfStep),
            None => Ok(None),
        },
        _ if is_ours(u16::from_be_bytes([first, second])) => Ok(Some(HEADER_SIZE + padded(length))),
        _ => Err(OutOfStep),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::media::stun::message::vectors;
    use crate::media::turn::channel::encode;

    fn messages(framing: &mut StreamFraming) -> Vec<Vec<u8>> {
        let mut found = Vec::new();
        while let Some(message) = framing.next_message().unwrap() {
            found.push(message.to_vec());
        }
        found
    }

    #[test]
    fn any_split_gives_the_same_messages() {
        let sent = [
            vectors::IPV4_RESPONSE.to_vec(),
            encode(0x4000, b"payload", true).unwrap(),
            encode(0x400f, b"", true).unwrap(),
            vectors::LONG_TERM_REQUEST.to_vec(),
            encode(0x4001, &[7; 1200], true).unwrap(),
        ];
        let bytes = sent.concat();
        for size in [1, 2, 3, 5, 19, 21, 64, 700, bytes.len()] {
            let mut framing = StreamFraming::default();
            let mut found = Vec::new();
            for chunk in bytes.chunks(size) {
                framing.push(chunk);
                found.extend(messages(&mut framing));
            }
            assert_eq!(found, sent, "chunks of {size}");
            assert!(framing.bytes.len() <= bytes.len());
        }
    }

    #[test]
    fn whatever_is_neither_is_out_of_step_at_once() {
        for bytes in [
            &b"HTTP/1.1 400 Bad Request"[..],
            &[0x14, 0x03, 0x03, 0x00, 0x01],
            &[0x40, 0x10, 0x00, 0x00],
            &[0x50, 0x00, 0x00, 0x00],
            &[0x00, 0x01, 0x00, 0x03, 0x21, 0x12, 0xa4, 0x42],
            &[0x00, 0x01, 0x00, 0x00, 0x21, 0x12, 0xa4, 0x43],
        ] {
            let mut framing = StreamFraming::default();
            framing.push(bytes);
            assert_eq!(framing.next_message(), Err(OutOfStep), "{bytes:?}");
        }
        let mut framing = StreamFraming::default();
        framing.push(&[0x00, 0x01, 0x00]);
        assert_eq!(framing.next_message(), Ok(None));
    }
}
