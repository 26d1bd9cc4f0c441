//! What must hold for any sound from outside: a file to be played, the payload of packets. Fuzz targets and the replay of
//! their corpora share these.
use std::time::{Duration, Instant};

use crate::dtmf;
use crate::io::{AudioPort, FRAME};
use crate::media::clip::Clip;
use crate::media::codec::Codec;
use crate::media::dtmf::EventReceiver;
use crate::media::receiver::{AudioReceiver, IncomingRtp};

/// Most packets of one run; more of the input is not looked at.
const MAX_PACKETS: usize = 200;
const LONGEST_CLIP: Duration = Duration::from_secs(601);

/// Reads a WAV file. True when it was refused, or the clip is one that can be played.
pub fn wav_survives(bytes: &[u8]) -> bool {
    Clip::from_wav(bytes).map_or(true, |clip| clip.rate() >= 8_000 && clip.duration() < LONGEST_CLIP)
}

/// Receives packets and plays what they give. Each packet is three bytes (codec and marker; how far its number and time
/// stamp jump; its length) and its payload. True when each reader got its 20 ms at each tick, and no packet more than a tone.
pub fn sound_survives(mut script: &[u8], mut now: Instant) -> bool {
    let mut receiver = AudioReceiver::new(&Codec::ALL.map(|codec| (codec.default_payload_type(), codec)));
    let mut listener = Listener::default();
    let (mut events, mut tones) = (EventReceiver::default(), 0);
    let (mut sequence, mut timestamp) = (0_u16, 0_u32);
    for ticks in 1..=MAX_PACKETS {
        let [kind, jump, length, rest @ ..] = script else { break };
        let (payload, rest) = rest.split_at(rest.len().min(usize::from(*length)));
        script = rest;
        sequence = sequence.wrapping_add(u16::from(*jump)).wrapping_sub(1);
        timestamp = timestamp.wrapping_add(u32::from(*jump) * 160);
        let rtp = IncomingRtp {
            payload_type: [111, 0, 8, 126].get(usize::from(kind % 4)).copied().unwrap_or(0),
            marker: kind & 4 != 0,
            sequence,
            timestamp,
            ssrc: u32::from(kind >> 6),
            payload,
        };
        receiver.receive(rtp, now);
        events.receive(rtp.ssrc, timestamp, 8_000, payload, now);
        let _ = dtmf::from_info(payload);
        now += FRAME;
        receiver.tick(&mut listener, now);
        events.handle_timeout(now);
        tones += std::iter::from_fn(|| events.poll()).count();
        if listener.frames != 2 * ticks || tones > ticks {
            return false;
        }
    }
    listener.is_whole
}

/// Two readers, at 48 and at 16 kHz.
struct Listener {
    frames: usize,
    is_whole: bool,
}

impl Default for Listener {
    fn default() -> Self {
        Self {
            frames: 0,
            is_whole: true,
        }
    }
}

impl AudioPort for Listener {
    fn outgoing_rate(&self) -> Option<u32> {
        None
    }

    fn pull(&mut self, _frame: &mut [i16]) -> bool {
        false
    }

    fn incoming_rates(&self) -> Vec<u32> {
        vec![48_000, 16_000]
    }

    fn push(&mut self, rate: u32, samples: &[i16], _position: u64) {
        self.frames += 1;
        self.is_whole &= samples.len() == rate as usize / 50;
    }
}
