//! Randomness that spreads timers (RTCP intervals, consent checks) and protects nothing.
use crate::io::RandomSource;

/// `SplitMix64` (Steele, Lea, Flood 2014), seeded from the injected source. Never for secrets.
#[derive(Clone, Debug)]
pub struct TimingRandom(u64);

impl TimingRandom {
    /// Draws the seed.
    pub fn new(random: &mut dyn RandomSource) -> Self {
        let mut seed = [0; 8];
        random.fill(&mut seed);
        Self(u64::from_le_bytes(seed))
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }
}

impl RandomSource for TimingRandom {
    fn fill(&mut self, bytes: &mut [u8]) {
        for chunk in bytes.chunks_mut(8) {
            let word = self.next().to_le_bytes();
            chunk.iter_mut().zip(word).for_each(|(byte, drawn)| *byte = drawn);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Zero;

    impl RandomSource for Zero {
        fn fill(&mut self, bytes: &mut [u8]) {
            bytes.fill(0);
        }
    }

    #[test]
    fn gives_the_published_sequence_of_seed_0() {
        let mut random = TimingRandom::new(&mut Zero);
        let first: Vec<u64> = (0..3).map(|_| random.next()).collect();
        assert_eq!(
            first,
            [0xe220_a839_7b1d_cdaf, 0x6e78_9e6a_a1b9_65f4, 0x06c4_5d18_8009_454f]
        );
        let mut bytes = [0; 11];
        random.fill(&mut bytes);
        assert_ne!(bytes, [0; 11]);
        assert!((0..1000).all(|_| random.below(7) < 7));
    }
}
