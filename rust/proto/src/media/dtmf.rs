//! Telephone-events in RTP (RFC 4733): tones that go out tick by tick, and tones that come in.
mod receiver;
mod sender;

pub use receiver::{EventReceiver, ReceivedTone};
pub use sender::{EventSender, OutgoingEvent};

/// The longest duration that one packet can tell, in ticks; longer tones go in segments (RFC 4733 §2.5.1.3).
const LONGEST_SEGMENT: u32 = 0xffff;
/// Set in the last packets of a tone.
const END: u8 = 0x80;
