//! The system's randomness, from the one crypto library.
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use c2c_proto::io::RandomSource;

const BUFFER: usize = 256;

/// Random bytes for agents, fetched in small batches.
pub struct SystemRandomSource {
    buffer: [u8; BUFFER],
    used: usize,
    source: SystemRandom,
}

impl Default for SystemRandomSource {
    fn default() -> Self {
        Self {
            buffer: [0; BUFFER],
            used: BUFFER,
            source: SystemRandom::new(),
        }
    }
}

impl std::fmt::Debug for SystemRandomSource {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("SystemRandomSource")
    }
}

impl RandomSource for SystemRandomSource {
    /// # Panics
    /// When the system has no randomness: nothing may be made up in its place, and the driver ends the agent.
    fn fill(&mut self, bytes: &mut [u8]) {
        for byte in bytes {
            if self.used == BUFFER {
                #[expect(clippy::expect_used, reason = "tags and keys from no randomness would be worse")]
                self.source
                    .fill(&mut self.buffer)
                    .expect("the system gives no random bytes");
                self.used = 0;
            }
            // each byte is given out once
            if let Some(random) = self.buffer.get_mut(self.used) {
                *byte = std::mem::take(random);
            }
            self.used += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_do_not_repeat_over_batches() {
        let mut source = SystemRandomSource::default();
        let mut tags: Vec<[u8; 16]> = (0..1_000)
            .map(|_| {
                let mut tag = [0; 16];
                source.fill(&mut tag);
                tag
            })
            .collect();
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), 1_000);
    }
}
