//! Channels: four bytes in front of each datagram instead of a Send indication's 36 (RFC 8656 §12).
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Channels of one allocation; a call uses one, two while its pair changes.
const MAX_CHANNELS: u16 = 16;
/// First number of the range (RFC 8656 §12).
const FIRST_NUMBER: u16 = 0x4000;
/// First bytes that `ChannelData` can have.
pub(super) const FIRST_BYTES: std::ops::RangeInclusive<u8> = 0x40..=0x4f;
/// A binding lives 600 s; the last minute of it is for binding again.
const REFRESH_AFTER: Duration = Duration::from_secs(540);
/// Number and length.
pub(super) const HEADER_SIZE: usize = 4;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum State {
    Requested,
    Bound(Instant),
    Renewing,
    Refused,
}

#[derive(Debug)]
struct Channel {
    peer: SocketAddr,
    state: State,
}

/// The channels of one allocation; a channel's place in the list makes its number.
#[derive(Default, Debug)]
pub(super) struct Channels(Vec<Channel>);

impl Channels {
    /// Notes a new peer; `true` when the server is to be asked. When the table is full, or the server has refused,
    /// Send indications go on.
    pub(super) fn request(&mut self, peer: SocketAddr) -> bool {
        if self.position(peer).is_some() || self.0.len() >= usize::from(MAX_CHANNELS) {
            return false;
        }
        let state = State::Requested;
        self.0.push(Channel { peer, state });
        true
    }

    /// The number that a peer has, bound or asked for.
    pub(super) fn number(&self, peer: SocketAddr) -> Option<u16> {
        let position = u16::try_from(self.position(peer)?).ok()?;
        Some(FIRST_NUMBER + position)
    }

    /// The number to send to a peer with.
    pub(super) fn bound(&self, peer: SocketAddr) -> Option<u16> {
        let is_bound = |channel: &Channel| matches!(channel.state, State::Bound(_) | State::Renewing);
        let channel = self.0.iter().find(|channel| channel.peer == peer)?;
        is_bound(channel).then(|| self.number(peer)).flatten()
    }

    /// Whose data comes with a number. Data may overtake the answer that binds it, and still come when renewing failed.
    pub(super) fn peer(&self, number: u16) -> Option<SocketAddr> {
        let position = usize::from(number.checked_sub(FIRST_NUMBER)?);
        self.0.get(position).map(|channel| channel.peer)
    }

    pub(super) fn bind(&mut self, peer: SocketAddr, now: Instant) {
        self.set(peer, State::Bound(now + REFRESH_AFTER));
    }

    pub(super) fn refuse(&mut self, peer: SocketAddr) {
        self.set(peer, State::Refused);
    }

    /// One peer whose binding is due; it counts as asked for.
    pub(super) fn next_due(&mut self, now: Instant) -> Option<SocketAddr> {
        let is_due = |channel: &&mut Channel| matches!(channel.state, State::Bound(due) if now >= due);
        let channel = self.0.iter_mut().find(is_due)?;
        channel.state = State::Renewing;
        Some(channel.peer)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        let due = self.0.iter().filter_map(|channel| match channel.state {
            State::Bound(due) => Some(due),
            _ => None,
        });
        due.min()
    }

    fn position(&self, peer: SocketAddr) -> Option<usize> {
        self.0.iter().position(|channel| channel.peer == peer)
    }

    fn set(&mut self, peer: SocketAddr, state: State) {
        if let Some(channel) = self.0.iter_mut().find(|channel| channel.peer == peer) {
            channel.state = state;
        }
    }
}

/// Whether `ChannelData` can have this number: one that we have bound or asked for.
pub(super) fn is_ours(number: u16) -> bool {
    (FIRST_NUMBER..FIRST_NUMBER + MAX_CHANNELS).contains(&number)
}

/// Puts number and length in front; on a connection the message is padded to four bytes (RFC 8656 §12.5).
pub(super) fn encode(number: u16, payload: &[u8], is_stream: bool) -> Option<Vec<u8>> {
    let length = u16::try_from(payload.len()).ok()?;
    let size = HEADER_SIZE
        + if is_stream {
            padded(payload.len())
        } else {
            payload.len()
        };
    let mut bytes = Vec::with_capacity(size);
    bytes.extend_from_slice(&number.to_be_bytes());
    bytes.extend_from_slice(&length.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes.resize(size, 0);
    Some(bytes)
}

/// Number and payload. Servers may pad datagrams too.
pub(super) fn decode(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (header, rest) = bytes.split_at_checked(HEADER_SIZE)?;
    let &[high, low, size_high, size_low] = header else {
        return None;
    };
    let payload = rest.get(..usize::from(u16::from_be_bytes([size_high, size_low])))?;
    Some((u16::from_be_bytes([high, low]), payload))
}

/// The next multiple of four.
pub(super) fn padded(size: usize) -> usize {
    size.next_multiple_of(4)
}
